/* What a model takes: the key `input` of a manifest, whose own keys depend on its kind. Lists
 * of columns and items are read by model/package_schema.c. */
#include "model/package_fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum { SIDE_MAX = 65535 };

enum {
    FOR_IMAGE = 1 << LAT_INPUT_IMAGE,
    FOR_VECTOR = 1 << LAT_INPUT_VECTOR,
    FOR_SEQUENCE = 1 << LAT_INPUT_SEQUENCE,
    FOR_TABLE = 1 << LAT_INPUT_TABLE,
    FOR_INTERACTIONS = 1 << LAT_INPUT_INTERACTIONS
};

static enum lat_status read_layout(const json_t *value, struct lat_manifest *manifest,
                                   struct lat_error *err)
{
    int index;
    const enum lat_status status = lat_manifest_read_word(
        value, lat_layout_names, LAT_ARRAY_LEN(lat_layout_names), &index, err);
    if (status == LAT_OK) {
        manifest->input.layout = (enum lat_layout)index;
        manifest->input.layout_known = true;
    }
    return status;
}

/* One number for all channels, or one for each; how many there are binds the channels. */
static enum lat_status read_channel_values(const json_t *value, bool positive, float *out,
                                           struct lat_manifest *manifest, struct lat_error *err)
{
    const char *expected = positive ? "a positive number, or one for each channel (1 or 3)"
                                    : "a number, or one for each channel (1 or 3)";
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (n != 1 && n != 3)
        return lat_manifest_refuse(value, expected, err);
    for (size_t c = 0; c < LAT_MAX_CHANNELS; c++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, c % n) : value;
        const float number = (float)json_number_value(item);
        if (!json_is_number(item) || !isfinite(number) || (positive && !(number > 0.0F)))
            return lat_manifest_refuse(item, expected, err);
        out[c] = number;
    }
    uint32_t *channels = &manifest->input.channels;
    if (n == 3 && *channels != 0 && *channels != 3)
        return lat_fail(err, LAT_INVALID, NULL, "3 values for an input of %u channels",
                        *channels);
    if (n == 3)
        *channels = 3;
    return LAT_OK;
}

/* How many features a list or key says there are; all must agree. */
static enum lat_status settle_features(size_t n, struct lat_manifest *manifest,
                                       struct lat_error *err)
{
    uint32_t *features = &manifest->input.features;
    if (*features != 0 && *features != n)
        return lat_fail(err, LAT_INVALID, NULL, "%zu features, but another key says %u", n,
                        *features);
    *features = (uint32_t)n;
    return LAT_OK;
}

/* One number for each feature of a sequence. */
static enum lat_status read_feature_values(const json_t *value, bool positive, float *out,
                                           struct lat_manifest *manifest, struct lat_error *err)
{
    const size_t n = json_array_size(value);
    if (n == 0 || n > LAT_MAX_FEATURES)
        return lat_manifest_refuse(value, "a list of a number for each feature (1 to 128)",
                                   err);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        const float number = (float)json_number_value(item);
        if (!json_is_number(item) || !isfinite(number) || (positive && !(number > 0.0F))) {
            lat_manifest_refuse(item, positive ? "a positive number" : "a number", err);
            lat_error_at(err, "/%zu", i);
            return LAT_INVALID;
        }
        out[i] = number;
    }
    return settle_features(n, manifest, err);
}

static enum lat_status read_feature_names(const json_t *value, struct lat_manifest *manifest,
                                          struct lat_error *err)
{
    const size_t n = json_array_size(value);
    if (n == 0 || n > LAT_MAX_FEATURES)
        return lat_manifest_refuse(value, "a list of a text for each feature (1 to 128)", err);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        const char *text = json_string_value(item);
        if (!text || strlen(text) >= LAT_FEATURE_NAME_MAX) {
            lat_manifest_refuse(item, "a text of at most 47 bytes", err);
            lat_error_at(err, "/%zu", i);
            return LAT_INVALID;
        }
        snprintf(manifest->input.feature_names[i], LAT_FEATURE_NAME_MAX, "%s", text);
    }
    return settle_features(n, manifest, err);
}

static enum lat_status read_features(const json_t *value, struct lat_manifest *manifest,
                                     struct lat_error *err)
{
    const json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > LAT_MAX_FEATURES)
        return lat_manifest_refuse(value, "a whole number from 1 to 128", err);
    return settle_features((size_t)n, manifest, err);
}

static enum lat_status read_mean(const json_t *value, struct lat_manifest *manifest,
                                 struct lat_error *err)
{
    if (manifest->input.kind == LAT_INPUT_SEQUENCE)
        return read_feature_values(value, false, manifest->input.feature_mean, manifest, err);
    return read_channel_values(value, false, manifest->input.mean, manifest, err);
}

static enum lat_status read_std(const json_t *value, struct lat_manifest *manifest,
                                struct lat_error *err)
{
    if (manifest->input.kind == LAT_INPUT_SEQUENCE)
        return read_feature_values(value, true, manifest->input.feature_std, manifest, err);
    return read_channel_values(value, true, manifest->input.std, manifest, err);
}

static enum lat_status read_channels(const json_t *value, struct lat_manifest *manifest,
                                     struct lat_error *err)
{
    const json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || (n != 1 && n != 3))
        return lat_manifest_refuse(value, "1 (gray) or 3 (RGB)", err);
    if (manifest->input.channels != 0 && manifest->input.channels != (uint32_t)n)
        return lat_fail(err, LAT_INVALID, NULL, "%d channels, but %u values of mean or std",
                        (int)n, manifest->input.channels);
    manifest->input.channels = (uint32_t)n;
    return LAT_OK;
}

static const struct lat_manifest_field input_fields[] = {
    {"kind", LAT_FIELD_WORD, LAT_FIELD_AT(input.kind), LAT_FIELD_WORDS(lat_input_kind_names)},
    {"width", LAT_FIELD_COUNT, LAT_FIELD_AT(input.width), .max = SIDE_MAX, .kinds = FOR_IMAGE},
    {"height", LAT_FIELD_COUNT, LAT_FIELD_AT(input.height), .max = SIDE_MAX,
     .kinds = FOR_IMAGE},
    {"channels", LAT_FIELD_OWN, .kinds = FOR_IMAGE, .read = read_channels},
    {"layout", LAT_FIELD_OWN, .kinds = FOR_IMAGE, .read = read_layout},
    {"mean", LAT_FIELD_OWN, .kinds = FOR_IMAGE | FOR_SEQUENCE, .read = read_mean},
    {"std", LAT_FIELD_OWN, .kinds = FOR_IMAGE | FOR_SEQUENCE, .read = read_std},
    {"dimension", LAT_FIELD_COUNT, LAT_FIELD_AT(input.dimension), .max = 1 << 24,
     .kinds = FOR_VECTOR},
    {"length", LAT_FIELD_COUNT, LAT_FIELD_AT(input.length), .max = SIDE_MAX,
     .kinds = FOR_SEQUENCE},
    {"features", LAT_FIELD_OWN, .kinds = FOR_SEQUENCE, .read = read_features},
    {"names", LAT_FIELD_OWN, .kinds = FOR_SEQUENCE, .read = read_feature_names},
    {"columns", LAT_FIELD_OWN, .kinds = FOR_TABLE, .read = lat_schema_read_columns},
    {"items", LAT_FIELD_OWN, .kinds = FOR_INTERACTIONS, .read = lat_schema_read_items},
    {"binary", LAT_FIELD_BOOL, LAT_FIELD_AT(input.binary), .kinds = FOR_INTERACTIONS},
    {"ratings", LAT_FIELD_BOOL, LAT_FIELD_AT(input.ratings), .kinds = FOR_INTERACTIONS},
    {"min_weight", LAT_FIELD_OWN, .kinds = FOR_INTERACTIONS,
     .read = lat_schema_read_min_weight},
};
_Static_assert(LAT_ARRAY_LEN(input_fields) <= LAT_MANIFEST_FIELDS_MAX,
               "refusals list every row");

enum lat_status lat_manifest_read_input(const json_t *value, struct lat_manifest *manifest,
                                        struct lat_error *err)
{
    if (!json_is_object(value))
        return lat_manifest_refuse(value, "an object", err);
    const json_t *kind = json_object_get(value, "kind");
    int index;
    enum lat_status status;
    if (!kind || json_is_null(kind))
        status = lat_fail(err, LAT_INVALID, "missing_key",
                          "missing: 'image', 'vector', 'table', 'interactions' or 'sequence'");
    else
        status = lat_manifest_read_word(kind, lat_input_kind_names,
                                        LAT_ARRAY_LEN(lat_input_kind_names), &index, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/kind");
        return status;
    }
    manifest->input.kind = (enum lat_input_kind)index; /* rows of other keys look at it */
    const char *list = index == LAT_INPUT_TABLE          ? "columns"
                       : index == LAT_INPUT_INTERACTIONS ? "items"
                                                         : NULL;
    if (list && !json_is_array(json_object_get(value, list))) {
        lat_fail(err, LAT_INVALID, "missing_key", "missing: what an input of kind '%s' has",
                 lat_input_kind_names[index]);
        lat_error_at(err, "/%s", list);
        return LAT_INVALID;
    }
    return lat_manifest_read_object(value, input_fields, LAT_ARRAY_LEN(input_fields),
                                    1U << index, manifest, err);
}
