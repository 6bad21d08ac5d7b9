/* The manifest, read by rows: every key is one row of a table with its type, its bounds and
 * where it goes, so that what is unknown, misspelt, of the wrong type or out of range is
 * refused in one place, with the JSON pointer, what was expected and what came.
 *
 * What can be read from the ONNX files is left open here and filled by model/signature.c. Lists
 * of columns and items are read by model/package_schema.c. No state, no locks. */
#include "model/package_internal.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { SIDE_MAX = 65535, FIELDS_MAX = 16, QUANTILES_MAX = 1001, KEY_SHOWN = 48 };

enum field_type {
    FIELD_TEXT,
    FIELD_NAME,
    FIELD_FILE,
    FIELD_COUNT,
    FIELD_BOOL,
    FIELD_WORD,
    FIELD_OWN
};

enum {
    FOR_IMAGE = 1 << LAT_INPUT_IMAGE,
    FOR_VECTOR = 1 << LAT_INPUT_VECTOR,
    FOR_SEQUENCE = 1 << LAT_INPUT_SEQUENCE,
    FOR_TABLE = 1 << LAT_INPUT_TABLE,
    FOR_INTERACTIONS = 1 << LAT_INPUT_INTERACTIONS
};

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;      /* into struct lat_manifest; COUNT of 4 or 8 bytes */
    uint64_t max;             /* COUNT: 1 … max */
    const char *const *words; /* WORD: an enum's values in order */
    size_t n_words;
    unsigned kinds; /* input keys: the kinds they belong to; 0 = all */
    enum lat_status (*read)(const json_t *value, struct lat_manifest *manifest,
                            struct lat_error *err); /* OWN */
};

#define AT(member)                                                                             \
    .offset = offsetof(struct lat_manifest, member),                                           \
    .size = sizeof(((struct lat_manifest *)0)->member)
#define WORDS(array) .words = (array), .n_words = LAT_ARRAY_LEN(array)

/* What came, for a message: the value itself when it is short, else what it is. */
static void describe(const json_t *value, char *out, size_t size)
{
    static const char *const types[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a long text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    const bool nested = json_is_object(value) || json_is_array(value);
    const size_t len =
        nested ? 0 : json_dumpb(value, out, size - 1, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (len == 0 || len >= size)
        snprintf(out, size, "%s", types[json_typeof(value)]);
    else
        out[len] = '\0';
}

enum lat_status lat_manifest_refuse(const struct json_t *value, const char *expected,
                                    struct lat_error *err)
{
    char got[64];
    describe(value, got, sizeof(got));
    lat_fail(err, LAT_INVALID, NULL, "expected %s, not %s", expected, got);
    lat_error_expected(err, expected, got);
    return LAT_INVALID;
}

/* A path that stays below the package's folder, by its letters alone. */
static bool file_name_valid(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && !memcmp(part, "..", 2)))
            return false;
    }
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '\\')
            return false;
    return true;
}

static enum lat_status read_text(const json_t *value, const struct field *field, char *out,
                                 struct lat_error *err)
{
    const char *text = json_string_value(value);
    char expected[96];
    if (field->type == FIELD_NAME && (!text || !lat_name_valid(text)))
        return lat_manifest_refuse(value, "a name of a-z, 0-9, dot, underscore and dash", err);
    if (field->type == FIELD_FILE && (!text || !file_name_valid(text)))
        return lat_manifest_refuse(value, "the name of a file inside the package", err);
    snprintf(expected, sizeof(expected), "a text of 1 to %zu bytes", field->size - 1);
    if (!text || text[0] == '\0' || strlen(text) >= field->size)
        return lat_manifest_refuse(value, expected, err);
    snprintf(out, field->size, "%s", text);
    return LAT_OK;
}

static enum lat_status read_count(const json_t *value, const struct field *field, void *out,
                                  struct lat_error *err)
{
    char expected[96];
    snprintf(expected, sizeof(expected), "a whole number from 1 to %llu",
             (unsigned long long)field->max);
    const json_int_t count = json_integer_value(value);
    if (!json_is_integer(value) || count < 1 || (uint64_t)count > field->max)
        return lat_manifest_refuse(value, expected, err);
    const uint32_t narrow = (uint32_t)count;
    const size_t wide = (size_t)count;
    if (field->size == sizeof(narrow))
        memcpy(out, &narrow, sizeof(narrow));
    else
        memcpy(out, &wide, sizeof(wide));
    return LAT_OK;
}

/* A word of a list -> its place there, which is the enum's value. */
static enum lat_status read_word(const json_t *value, const char *const *words, size_t n_words,
                                 int *out_index, struct lat_error *err)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < n_words; i++)
        if (strcmp(text, words[i]) == 0) {
            *out_index = (int)i;
            return LAT_OK;
        }
    struct lat_buf list = {0};
    lat_buf_text(&list, "one of");
    for (size_t i = 0; i < n_words; i++)
        lat_buf_printf(&list, " %s", words[i]);
    const enum lat_status status = lat_buf_check(&list, err);
    if (status == LAT_OK)
        lat_manifest_refuse(value, list.data, err);
    lat_buf_release(&list);
    return status == LAT_OK ? LAT_INVALID : status;
}

static enum lat_status read_field(const json_t *value, const struct field *field,
                                  struct lat_manifest *manifest, struct lat_error *err)
{
    char *out = (char *)manifest + field->offset;
    int index;
    enum lat_status status;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_FILE:
        return read_text(value, field, out, err);
    case FIELD_COUNT:
        return read_count(value, field, out, err);
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return lat_manifest_refuse(value, "true or false", err);
        *(bool *)out = json_is_true(value);
        return LAT_OK;
    case FIELD_WORD:
        status = read_word(value, field->words, field->n_words, &index, err);
        if (status == LAT_OK)
            memcpy(out, &index, field->size);
        return status;
    case FIELD_OWN:
        break;
    }
    return field->read(value, manifest, err);
}

static enum lat_status unknown_key(const char *key, const struct field *fields, size_t n,
                                   struct lat_error *err)
{
    const char *names[FIELDS_MAX];
    if (strlen(key) > KEY_SHOWN)
        return lat_fail(err, LAT_INVALID, "unknown_key", "unknown key of %zu bytes",
                        strlen(key));
    for (size_t i = 0; i < n; i++)
        names[i] = fields[i].name;
    const char *nearest = lat_nearest(key, names, n);
    lat_fail(err, LAT_INVALID, "unknown_key", "unknown key '%s'%s%s%s", key,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    lat_error_expected(err, nearest, key);
    return LAT_INVALID;
}

static const struct field *find_field(const char *key, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    return NULL;
}

/* Every member of an object through its row. `kind` is the bit of the input's kind, 0 outside.
 */
static enum lat_status read_object(const json_t *object, const struct field *fields, size_t n,
                                   unsigned kind, struct lat_manifest *manifest,
                                   struct lat_error *err)
{
    if (!json_is_object(object))
        return lat_manifest_refuse(object, "an object", err);
    const char *key;
    json_t *value;
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
    json_object_foreach(members, key, value)
    {
        const struct field *field = find_field(key, fields, n);
        enum lat_status status = LAT_OK;
        if (!field)
            status = unknown_key(key, fields, n, err);
        else if (json_is_null(value))
            continue;
        else if (field->kinds && !(field->kinds & kind))
            status = lat_fail(err, LAT_INVALID, NULL, "an input of this kind has no '%s'", key);
        else
            status = read_field(value, field, manifest, err);
        if (status != LAT_OK) {
            if (strlen(key) <= KEY_SHOWN)
                lat_error_at(err, "/%s", key);
            return status;
        }
    }
    return LAT_OK;
}

static enum lat_status read_layout(const json_t *value, struct lat_manifest *manifest,
                                   struct lat_error *err)
{
    int index;
    const enum lat_status status =
        read_word(value, lat_layout_names, LAT_ARRAY_LEN(lat_layout_names), &index, err);
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

static const struct field input_fields[] = {
    {"kind", FIELD_WORD, AT(input.kind), WORDS(lat_input_kind_names)},
    {"width", FIELD_COUNT, AT(input.width), .max = SIDE_MAX, .kinds = FOR_IMAGE},
    {"height", FIELD_COUNT, AT(input.height), .max = SIDE_MAX, .kinds = FOR_IMAGE},
    {"channels", FIELD_OWN, .kinds = FOR_IMAGE, .read = read_channels},
    {"layout", FIELD_OWN, .kinds = FOR_IMAGE, .read = read_layout},
    {"mean", FIELD_OWN, .kinds = FOR_IMAGE | FOR_SEQUENCE, .read = read_mean},
    {"std", FIELD_OWN, .kinds = FOR_IMAGE | FOR_SEQUENCE, .read = read_std},
    {"dimension", FIELD_COUNT, AT(input.dimension), .max = 1 << 24, .kinds = FOR_VECTOR},
    {"length", FIELD_COUNT, AT(input.length), .max = SIDE_MAX, .kinds = FOR_SEQUENCE},
    {"features", FIELD_OWN, .kinds = FOR_SEQUENCE, .read = read_features},
    {"names", FIELD_OWN, .kinds = FOR_SEQUENCE, .read = read_feature_names},
    {"columns", FIELD_OWN, .kinds = FOR_TABLE, .read = lat_schema_read_columns},
    {"items", FIELD_OWN, .kinds = FOR_INTERACTIONS, .read = lat_schema_read_items},
    {"binary", FIELD_BOOL, AT(input.binary), .kinds = FOR_INTERACTIONS},
    {"ratings", FIELD_BOOL, AT(input.ratings), .kinds = FOR_INTERACTIONS},
    {"min_weight", FIELD_OWN, .kinds = FOR_INTERACTIONS, .read = lat_schema_read_min_weight},
};

static enum lat_status read_input(const json_t *value, struct lat_manifest *manifest,
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
        status = read_word(kind, lat_input_kind_names, LAT_ARRAY_LEN(lat_input_kind_names),
                           &index, err);
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
    return read_object(value, input_fields, LAT_ARRAY_LEN(input_fields), 1U << index, manifest,
                       err);
}

static const struct field code_fields[] = {
    {"dimension", FIELD_COUNT, AT(code_dimension), .max = 1 << 20},
    {"metric", FIELD_WORD, AT(metric), WORDS(lat_code_metric_names)},
};

static enum lat_status read_code(const json_t *value, struct lat_manifest *manifest,
                                 struct lat_error *err)
{
    return read_object(value, code_fields, LAT_ARRAY_LEN(code_fields), 0, manifest, err);
}

static const struct field tensor_fields[] = {
    {"input", FIELD_TEXT, AT(input_tensor)},
    {"code", FIELD_TEXT, AT(code_tensor)},
    {"mean", FIELD_TEXT, AT(code_tensor)}, /* what a variational model calls its code */
    {"log_variance", FIELD_TEXT, AT(log_variance_tensor)},
    {"decoder_input", FIELD_TEXT, AT(decoder_input_tensor)},
    {"output", FIELD_TEXT, AT(output_tensor)},
};

static enum lat_status read_tensors(const json_t *value, struct lat_manifest *manifest,
                                    struct lat_error *err)
{
    if (json_object_get(value, "code") && json_object_get(value, "mean"))
        return lat_fail(err, LAT_INVALID, NULL,
                        "'code' and 'mean' name the same tensor: say one");
    return read_object(value, tensor_fields, LAT_ARRAY_LEN(tensor_fields), 0, manifest, err);
}

static enum lat_status read_capabilities(const json_t *value, struct lat_manifest *manifest,
                                         struct lat_error *err)
{
    const json_t *item;
    size_t i;
    if (!json_is_array(value))
        return lat_manifest_refuse(value, "a list of capabilities", err);
    json_array_foreach(value, i, item)
    {
        int bit;
        const enum lat_status status = read_word(
            item, lat_capability_names, LAT_ARRAY_LEN(lat_capability_names), &bit, err);
        if (status != LAT_OK) {
            lat_error_at(err, "/%zu", i);
            return status;
        }
        manifest->capabilities |= 1U << bit;
    }
    return LAT_OK;
}

static enum lat_status read_quantiles(const json_t *value, struct lat_manifest *manifest,
                                      struct lat_error *err)
{
    struct lat_calibration *calibration = &manifest->calibration;
    const size_t n = json_array_size(value);
    if (n < 2 || n > QUANTILES_MAX)
        return lat_manifest_refuse(value, "a list of 2 to 1001 numbers", err);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        const float number = (float)json_number_value(item);
        const float least = i ? calibration->quantiles[i - 1] : 0.0F;
        if (json_is_number(item) && isfinite(number) && number >= least) {
            calibration->quantiles[i] = number;
            continue;
        }
        lat_manifest_refuse(item, "ascending numbers from 0", err);
        lat_error_at(err, "/%zu", i);
        return LAT_INVALID;
    }
    calibration->n_quantiles = n;
    return LAT_OK;
}

static const struct field calibration_fields[] = {
    {"id", FIELD_TEXT, AT(calibration.id)},
    {"n", FIELD_COUNT, AT(calibration.n), .max = INT_MAX},
    {"quantiles", FIELD_OWN, .read = read_quantiles},
};

static enum lat_status read_calibration(const json_t *value, struct lat_manifest *manifest,
                                        struct lat_error *err)
{
    const enum lat_status status = read_object(
        value, calibration_fields, LAT_ARRAY_LEN(calibration_fields), 0, manifest, err);
    if (status != LAT_OK)
        return status;
    struct lat_calibration *calibration = &manifest->calibration;
    if (calibration->id[0] == '\0' || calibration->n == 0 || calibration->n_quantiles == 0)
        return lat_fail(err, LAT_INVALID, "missing_key",
                        "a calibration has 'id', 'n' and 'quantiles'");
    calibration->present = true;
    return LAT_OK;
}

/* The training record is for people: kept in the text, not looked into. */
static enum lat_status read_training(const json_t *value, struct lat_manifest *manifest,
                                     struct lat_error *err)
{
    (void)manifest;
    return json_is_object(value) ? LAT_OK : lat_manifest_refuse(value, "an object", err);
}

static const struct field manifest_fields[] = {
    {"name", FIELD_NAME, AT(name)},
    {"version", FIELD_COUNT, AT(version), .max = UINT32_MAX},
    {"input", FIELD_OWN, .read = read_input},
    {"code", FIELD_OWN, .read = read_code},
    {"encoder", FIELD_FILE, AT(encoder)},
    {"decoder", FIELD_FILE, AT(decoder)},
    {"tensors", FIELD_OWN, .read = read_tensors},
    {"likelihood", FIELD_WORD, AT(likelihood), WORDS(lat_likelihood_names)},
    {"output_is_logit", FIELD_BOOL, AT(output_is_logit)},
    {"denoising", FIELD_BOOL, AT(denoising)},
    {"capabilities", FIELD_OWN, .read = read_capabilities},
    {"calibration", FIELD_OWN, .read = read_calibration},
    {"training", FIELD_OWN, .read = read_training},
};
_Static_assert(LAT_ARRAY_LEN(manifest_fields) <= FIELDS_MAX, "unknown_key lists every row");

static enum lat_status read_root(const json_t *root, struct lat_manifest *manifest,
                                 struct lat_error *err)
{
    const enum lat_status status =
        read_object(root, manifest_fields, LAT_ARRAY_LEN(manifest_fields), 0, manifest, err);
    if (status != LAT_OK)
        return status;
    if (json_is_object(json_object_get(root, "input")))
        return LAT_OK;
    lat_fail(err, LAT_INVALID, "missing_key", "missing: what the model takes");
    lat_error_at(err, "/input");
    return LAT_INVALID;
}

enum lat_status lat_manifest_parse_text(const char *json, size_t len,
                                        struct lat_manifest *manifest, struct lat_error *err)
{
    json_error_t problem;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &problem);
    /* Where jansson has no words, it had no memory for its parser. */
    if (!root &&
        (problem.text[0] == '\0' || json_error_code(&problem) == json_error_out_of_memory))
        return lat_fail_memory(err);
    if (!root)
        return lat_fail(err, LAT_BAD_SYNTAX, NULL, "model.json: line %d, column %d: %s",
                        problem.line, problem.column, problem.text);
    lat_manifest_init(manifest);
    const enum lat_status status = read_root(root, manifest, err);
    json_decref(root);
    if (status != LAT_OK && err)
        lat_error_prefix(err, "model.json%s%s", err->pointer[0] ? ": " : "", err->pointer);
    return status;
}
