/* The manifest's own keys but for the input's (model/package_input.c), each a row of a table
 * (model/package_fields.h). What can be read from the ONNX files is left open here and filled
 * by model/signature.c. No state, no locks. */
#include "model/package_fields.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>

#include "base/mem.h"

#include "base/banned.h"

static const struct lat_manifest_field code_fields[] = {
    {"dimension", LAT_FIELD_COUNT, LAT_FIELD_AT(code_dimension), .max = 1 << 20},
    {"metric", LAT_FIELD_WORD, LAT_FIELD_AT(metric), LAT_FIELD_WORDS(lat_code_metric_names)},
};

static enum lat_status read_code(const json_t *value, struct lat_manifest *manifest,
                                 struct lat_error *err)
{
    return lat_manifest_read_object(value, code_fields, LAT_ARRAY_LEN(code_fields), 0, manifest,
                                    err);
}

static const struct lat_manifest_field tensor_fields[] = {
    {"input", LAT_FIELD_TEXT, LAT_FIELD_AT(input_tensor)},
    {"code", LAT_FIELD_TEXT, LAT_FIELD_AT(code_tensor)},
    {"mean", LAT_FIELD_TEXT,
     LAT_FIELD_AT(code_tensor)}, /* what a variational model calls its code */
    {"log_variance", LAT_FIELD_TEXT, LAT_FIELD_AT(log_variance_tensor)},
    {"decoder_input", LAT_FIELD_TEXT, LAT_FIELD_AT(decoder_input_tensor)},
    {"output", LAT_FIELD_TEXT, LAT_FIELD_AT(output_tensor)},
    {"spread", LAT_FIELD_TEXT, LAT_FIELD_AT(spread_tensor)},
};

static enum lat_status read_tensors(const json_t *value, struct lat_manifest *manifest,
                                    struct lat_error *err)
{
    if (json_object_get(value, "code") && json_object_get(value, "mean"))
        return lat_fail(err, LAT_INVALID, NULL,
                        "'code' and 'mean' name the same tensor: say one");
    return lat_manifest_read_object(value, tensor_fields, LAT_ARRAY_LEN(tensor_fields), 0,
                                    manifest, err);
}

enum { STRIDE_MAX = 256, REACH_MAX = 4096 };

static const struct lat_manifest_field compression_fields[] = {
    {"prior", LAT_FIELD_FILE, LAT_FIELD_AT(prior)},
    {"analysis", LAT_FIELD_FILE, LAT_FIELD_AT(analysis)},
    {"synthesis", LAT_FIELD_FILE, LAT_FIELD_AT(synthesis)},
    {"stride", LAT_FIELD_COUNT, LAT_FIELD_AT(code_stride), .max = STRIDE_MAX},
    {"analysis_reach", LAT_FIELD_COUNT, LAT_FIELD_AT(analysis_reach), .max = REACH_MAX},
    {"synthesis_reach", LAT_FIELD_COUNT, LAT_FIELD_AT(synthesis_reach), .max = REACH_MAX},
};

static enum lat_status read_compression(const json_t *value, struct lat_manifest *manifest,
                                        struct lat_error *err)
{
    const enum lat_status status = lat_manifest_read_object(
        value, compression_fields, LAT_ARRAY_LEN(compression_fields), 0, manifest, err);
    if (status != LAT_OK)
        return status;
    const bool whole = manifest->analysis[0] && manifest->synthesis[0] &&
                       manifest->code_stride && manifest->analysis_reach &&
                       manifest->synthesis_reach;
    const bool none = !manifest->analysis[0] && !manifest->synthesis[0];
    if (!manifest->prior[0] || !(whole || none))
        return lat_fail(err, LAT_INVALID, "missing_key",
                        "a compression has a 'prior', and with a transform all of 'analysis', "
                        "'synthesis', 'stride', 'analysis_reach' and 'synthesis_reach'");
    return LAT_OK;
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
        const enum lat_status status = lat_manifest_read_word(
            item, lat_capability_names, LAT_ARRAY_LEN(lat_capability_names), &bit, err);
        if (status != LAT_OK) {
            lat_error_at(err, "/%zu", i);
            return status;
        }
        manifest->capabilities |= 1U << bit;
    }
    return LAT_OK;
}

static enum lat_status read_files(const json_t *value, struct lat_manifest *manifest,
                                  struct lat_error *err)
{
    const size_t n = json_array_size(value);
    if (!json_is_array(value) || n > LAT_FILES_MAX)
        return lat_manifest_refuse(value, "a list of at most 8 file names", err);
    for (size_t i = 0; i < n; i++) {
        const enum lat_status status = lat_manifest_read_file_name(
            json_array_get(value, i), manifest->files[i], LAT_FILE_NAME_MAX, err);
        if (status != LAT_OK) {
            lat_error_at(err, "/%zu", i);
            return status;
        }
    }
    manifest->n_files = n;
    return LAT_OK;
}

static enum lat_status read_quantiles(const json_t *value, struct lat_manifest *manifest,
                                      struct lat_error *err)
{
    struct lat_calibration *calibration = &manifest->calibration;
    const size_t n = json_array_size(value);
    if (n < 2 || n > LAT_QUANTILES_MAX)
        return lat_manifest_refuse(value, "a list of 2 to 4097 numbers", err);
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

static const struct lat_manifest_field calibration_fields[] = {
    {"id", LAT_FIELD_TEXT, LAT_FIELD_AT(calibration.id)},
    {"score", LAT_FIELD_WORD, LAT_FIELD_AT(calibration.kind),
     LAT_FIELD_WORDS(lat_score_kind_names)},
    {"n", LAT_FIELD_COUNT, LAT_FIELD_AT(calibration.n), .max = INT_MAX},
    {"quantiles", LAT_FIELD_OWN, .read = read_quantiles},
};

static enum lat_status read_calibration(const json_t *value, struct lat_manifest *manifest,
                                        struct lat_error *err)
{
    const enum lat_status status = lat_manifest_read_object(
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

/* Looked into once the columns are there (model/package_schema.c). */
static enum lat_status read_imputation(const json_t *value, struct lat_manifest *manifest,
                                       struct lat_error *err)
{
    (void)manifest;
    return json_is_object(value) ? LAT_OK : lat_manifest_refuse(value, "an object", err);
}

/* The training record is for people: kept in the text, not looked into. */
static enum lat_status read_training(const json_t *value, struct lat_manifest *manifest,
                                     struct lat_error *err)
{
    (void)manifest;
    return json_is_object(value) ? LAT_OK : lat_manifest_refuse(value, "an object", err);
}

static const struct lat_manifest_field manifest_fields[] = {
    {"name", LAT_FIELD_NAME, LAT_FIELD_AT(name)},
    {"version", LAT_FIELD_COUNT, LAT_FIELD_AT(version), .max = UINT32_MAX},
    {"input", LAT_FIELD_OWN, .read = lat_manifest_read_input},
    {"code", LAT_FIELD_OWN, .read = read_code},
    {"encoder", LAT_FIELD_FILE, LAT_FIELD_AT(encoder)},
    {"decoder", LAT_FIELD_FILE, LAT_FIELD_AT(decoder)},
    {"files", LAT_FIELD_OWN, .read = read_files},
    {"tensors", LAT_FIELD_OWN, .read = read_tensors},
    {"compression", LAT_FIELD_OWN, .read = read_compression},
    {"likelihood", LAT_FIELD_WORD, LAT_FIELD_AT(likelihood),
     LAT_FIELD_WORDS(lat_likelihood_names)},
    {"output_is_logit", LAT_FIELD_BOOL, LAT_FIELD_AT(output_is_logit)},
    {"denoising", LAT_FIELD_BOOL, LAT_FIELD_AT(denoising)},
    {"capabilities", LAT_FIELD_OWN, .read = read_capabilities},
    {"calibration", LAT_FIELD_OWN, .read = read_calibration},
    {"imputation", LAT_FIELD_OWN, .read = read_imputation},
    {"training", LAT_FIELD_OWN, .read = read_training},
};
_Static_assert(LAT_ARRAY_LEN(manifest_fields) <= LAT_MANIFEST_FIELDS_MAX,
               "unknown_key lists every row");

static enum lat_status read_root(const json_t *root, struct lat_manifest *manifest,
                                 struct lat_error *err)
{
    const enum lat_status status = lat_manifest_read_object(
        root, manifest_fields, LAT_ARRAY_LEN(manifest_fields), 0, manifest, err);
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
