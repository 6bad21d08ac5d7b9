/* The package as a folder: the names a manifest may use, what follows from what it says, the
 * files it names, and writing one. Reading the text itself is model/package_json.c.
 *
 * A manifest is written by hand, one line a key, so that a person can read and change it;
 * numbers are the shortest decimals that read back as the same float. */
#include "model/package_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/impute_calibration.h"

#include "base/banned.h"

enum { MANIFEST_MAX = 16 << 20 };

const char *const lat_capability_names[9] = {"encode",    "decode",   "reconstruct",
                                             "denoise",   "score",    "impute",
                                             "recommend", "generate", "compress"};
const char *const lat_input_kind_names[5] = {"image", "vector", "table", "interactions",
                                             "sequence"};
const char *const lat_likelihood_names[6] = {"gaussian",    "bernoulli", "student_t",
                                             "multinomial", "mixed",     "codean"};
const char *const lat_layout_names[3] = {"nchw", "nhwc", "flat"};
const char *const lat_score_kind_names[2] = {"error", "elbo"};
const char *const lat_code_metric_names[3] = {"l2", "cosine", "ip"};

void lat_manifest_init(struct lat_manifest *manifest)
{
    *manifest = (struct lat_manifest){.encoder = "encoder.onnx"};
    for (size_t c = 0; c < LAT_MAX_CHANNELS; c++)
        manifest->input.std[c] = 1.0F;
    for (size_t f = 0; f < LAT_MAX_FEATURES; f++)
        manifest->input.feature_std[f] = 1.0F;
}

size_t lat_input_elements(const struct lat_input_spec *input)
{
    if (input->kind == LAT_INPUT_IMAGE)
        return (size_t)input->width * input->height * input->channels;
    if (input->kind == LAT_INPUT_SEQUENCE)
        return (size_t)input->length * input->features;
    return input->dimension;
}

bool lat_input_has_gaps(const struct lat_input_spec *input)
{
    return input->kind == LAT_INPUT_TABLE ||
           (input->kind == LAT_INPUT_INTERACTIONS && input->ratings);
}

/* A code with a variance was held to a prior while it was trained, so there is something to
 * draw codes from; the cells of a row that are missing are decoded from those that are there.
 */
unsigned lat_manifest_derive(const struct lat_manifest *manifest)
{
    unsigned can = LAT_CAN_ENCODE;
    if (manifest->decoder[0] == '\0')
        return can;
    can |= LAT_CAN_DECODE | LAT_CAN_RECONSTRUCT | LAT_CAN_COMPRESS;
    if (manifest->denoising)
        can |= LAT_CAN_DENOISE;
    if (manifest->log_variance_tensor[0] != '\0')
        can |= LAT_CAN_GENERATE;
    if (manifest->calibration.present)
        can |= LAT_CAN_SCORE;
    if (manifest->input.kind == LAT_INPUT_TABLE)
        can |= LAT_CAN_IMPUTE;
    if (manifest->input.kind == LAT_INPUT_INTERACTIONS)
        can |= LAT_CAN_RECOMMEND;
    return can;
}

/* A list of capabilities may leave some out, but not claim what the package cannot do. */
static enum lat_status settle_capabilities(struct lat_manifest *manifest, unsigned asked,
                                           struct lat_error *err)
{
    const unsigned can = lat_manifest_derive(manifest);
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_capability_names); i++)
        if (asked & ~can & (1U << i)) {
            lat_fail(err, LAT_INVALID, NULL, "'%s' needs what the package does not have",
                     lat_capability_names[i]);
            lat_error_at(err, "/capabilities");
            return LAT_INVALID;
        }
    manifest->capabilities = asked ? asked | LAT_CAN_ENCODE : can;
    return LAT_OK;
}

enum lat_status lat_manifest_parse(const char *json, size_t len,
                                   struct lat_manifest *out_manifest, struct lat_error *err)
{
    struct lat_manifest manifest;
    enum lat_status status = lat_manifest_parse_text(json, len, &manifest, err);
    if (status == LAT_OK)
        status = settle_capabilities(&manifest, manifest.capabilities, err);
    if (status == LAT_OK)
        *out_manifest = manifest;
    return status;
}

/* The file is there, and below the folder once all links are followed. */
static enum lat_status check_file(const char *folder, const char *name, const char *key,
                                  struct lat_error *err)
{
    char path[PATH_MAX], root[PATH_MAX], real[PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    enum lat_status status = LAT_OK;
    if (len < 0 || (size_t)len >= sizeof(path) || !realpath(folder, root) ||
        !realpath(path, real))
        status = lat_fail(err, LAT_INVALID, "missing_file",
                          "model.json: /%s: no file '%s' in %s", key, name, folder);
    else if (strncmp(real, root, strlen(root)) != 0 || real[strlen(root)] != '/')
        status = lat_fail(err, LAT_INVALID, "file_outside",
                          "model.json: /%s: '%s' leads out of the package", key, name);
    if (status != LAT_OK)
        lat_error_at(err, "/%s", key);
    return status;
}

static enum lat_status find_files(const char *folder, struct lat_manifest *manifest,
                                  struct lat_error *err)
{
    const char *usual = "decoder.onnx";
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, usual);
    if (manifest->decoder[0] == '\0' && len > 0 && (size_t)len < sizeof(path) &&
        lat_file_exists(path))
        snprintf(manifest->decoder, sizeof(manifest->decoder), "%s", usual);
    enum lat_status status = check_file(folder, manifest->encoder, "encoder", err);
    if (status == LAT_OK && manifest->decoder[0] != '\0')
        status = check_file(folder, manifest->decoder, "decoder", err);
    for (size_t i = 0; status == LAT_OK && i < manifest->n_files; i++) {
        char key[32];
        snprintf(key, sizeof(key), "files/%zu", i);
        status = check_file(folder, manifest->files[i], key, err);
    }
    const struct {
        const char *name, *key;
    } others[] = {{manifest->prior, "compression/prior"},
                  {manifest->analysis, "compression/analysis"},
                  {manifest->synthesis, "compression/synthesis"}};
    for (size_t i = 0; status == LAT_OK && i < LAT_ARRAY_LEN(others); i++)
        if (others[i].name[0] != '\0')
            status = check_file(folder, others[i].name, others[i].key, err);
    return status;
}

enum lat_status lat_manifest_read(const char *folder, struct lat_manifest *out_manifest,
                                  struct lat_buf *out_json, struct lat_error *err)
{
    struct lat_manifest manifest;
    struct lat_buf text = {0};
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/model.json", folder);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    enum lat_status status = lat_file_read(path, MANIFEST_MAX, &text, err);
    if (status == LAT_NOT_FOUND && err && err->status == LAT_NOT_FOUND)
        err->code = "model_not_found"; /* a folder without it is no package */
    if (status == LAT_OK)
        status = lat_manifest_parse_text(text.data ? text.data : "", text.len, &manifest, err);
    if (status == LAT_OK)
        status = find_files(folder, &manifest, err);
    if (status == LAT_OK)
        status = settle_capabilities(&manifest, manifest.capabilities, err);
    if (status == LAT_OK && out_json) {
        lat_buf_append(out_json, text.data, text.len);
        status = lat_buf_check(out_json, err);
    }
    if (status == LAT_OK)
        *out_manifest = manifest;
    lat_buf_release(&text);
    return status;
}

static void write_key(struct lat_buf *out, const char *key)
{
    lat_buf_printf(out, "%s\n  \"%s\": ", out->len > 1 ? "," : "", key);
}

static void write_text(struct lat_buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    write_key(out, key);
    lat_buf_json_string(out, text, strlen(text));
}

static void write_sequence(struct lat_buf *out, const struct lat_input_spec *input)
{
    lat_buf_printf(out, ", \"length\": %u, \"features\": %u", input->length, input->features);
    if (input->feature_names[0][0] != '\0') {
        lat_buf_text(out, ", \"names\": [");
        for (size_t i = 0; i < input->features; i++) {
            const char *name = input->feature_names[i];
            lat_buf_text(out, i ? ", " : "");
            lat_buf_json_string(out, name, strlen(name));
        }
        lat_buf_char(out, ']');
    }
    lat_buf_text(out, ", \"mean\": ");
    lat_buf_json_floats(out, input->feature_mean, input->features);
    lat_buf_text(out, ", \"std\": ");
    lat_buf_json_floats(out, input->feature_std, input->features);
    lat_buf_char(out, '}');
}

static void write_items(struct lat_buf *out, const struct lat_input_spec *input)
{
    lat_buf_text(out, ", \"items\": [");
    for (size_t i = 0; i < input->items->n; i++) {
        lat_buf_text(out, i ? ", " : "");
        lat_buf_json_string(out, input->items->items[i], strlen(input->items->items[i]));
    }
    lat_buf_printf(out, "], \"binary\": %s", input->binary ? "true" : "false");
    if (input->ratings)
        lat_buf_text(out, ", \"ratings\": true");
    lat_buf_text(out, ", \"min_weight\": ");
    lat_buf_json_double(out, input->min_weight);
    lat_buf_char(out, '}');
}

static void write_input(struct lat_buf *out, const struct lat_input_spec *input)
{
    write_key(out, "input");
    lat_buf_printf(out, "{\"kind\": \"%s\"", lat_input_kind_names[input->kind]);
    if (input->kind == LAT_INPUT_TABLE && input->table) {
        lat_buf_text(out, ", \"columns\": ");
        lat_table_write_columns(input->table, out);
        lat_buf_char(out, '}');
        return;
    }
    if (input->kind == LAT_INPUT_INTERACTIONS && input->items) {
        write_items(out, input);
        return;
    }
    if (input->kind == LAT_INPUT_SEQUENCE) {
        write_sequence(out, input);
        return;
    }
    if (input->kind != LAT_INPUT_IMAGE) {
        lat_buf_printf(out, ", \"dimension\": %zu}", input->dimension);
        return;
    }
    lat_buf_printf(out, ", \"width\": %u, \"height\": %u, \"channels\": %u, \"layout\": \"%s\"",
                   input->width, input->height, input->channels,
                   lat_layout_names[input->layout]);
    lat_buf_text(out, ", \"mean\": ");
    lat_buf_json_floats(out, input->mean, input->channels);
    lat_buf_text(out, ", \"std\": ");
    lat_buf_json_floats(out, input->std, input->channels);
    lat_buf_char(out, '}');
}

static void write_tensors(struct lat_buf *out, const struct lat_manifest *manifest)
{
    const struct {
        const char *key, *name;
    } rows[] = {{"input", manifest->input_tensor},
                {"code", manifest->code_tensor},
                {"log_variance", manifest->log_variance_tensor},
                {"decoder_input", manifest->decoder_input_tensor},
                {"output", manifest->output_tensor},
                {"spread", manifest->spread_tensor}};
    bool first = true;
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        if (rows[i].name[0] == '\0')
            continue;
        if (first)
            write_key(out, "tensors");
        lat_buf_printf(out, "%s\"%s\": ", first ? "{" : ", ", rows[i].key);
        lat_buf_json_string(out, rows[i].name, strlen(rows[i].name));
        first = false;
    }
    if (!first)
        lat_buf_char(out, '}');
}

static void write_files(struct lat_buf *out, const struct lat_manifest *manifest)
{
    if (manifest->n_files == 0)
        return;
    write_key(out, "files");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < manifest->n_files; i++) {
        lat_buf_text(out, i ? ", " : "");
        lat_buf_json_string(out, manifest->files[i], strlen(manifest->files[i]));
    }
    lat_buf_char(out, ']');
}

static void write_compression(struct lat_buf *out, const struct lat_manifest *manifest)
{
    if (manifest->prior[0] == '\0')
        return;
    write_key(out, "compression");
    lat_buf_text(out, "{\"prior\": ");
    lat_buf_json_string(out, manifest->prior, strlen(manifest->prior));
    if (manifest->analysis[0] != '\0') {
        lat_buf_text(out, ", \"analysis\": ");
        lat_buf_json_string(out, manifest->analysis, strlen(manifest->analysis));
        lat_buf_text(out, ", \"synthesis\": ");
        lat_buf_json_string(out, manifest->synthesis, strlen(manifest->synthesis));
        lat_buf_printf(out, ", \"stride\": %u, \"analysis_reach\": %u, \"synthesis_reach\": %u",
                       manifest->code_stride, manifest->analysis_reach,
                       manifest->synthesis_reach);
    }
    lat_buf_char(out, '}');
}

static void write_capabilities(struct lat_buf *out, unsigned capabilities)
{
    bool first = true;
    write_key(out, "capabilities");
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_capability_names); i++)
        if (capabilities & (1U << i)) {
            lat_buf_printf(out, "%s\"%s\"", first ? "[" : ", ", lat_capability_names[i]);
            first = false;
        }
    lat_buf_text(out, first ? "[]" : "]");
}

static void write_calibration(struct lat_buf *out, const struct lat_calibration *calibration)
{
    if (!calibration->present)
        return;
    write_key(out, "calibration");
    lat_buf_text(out, "{\"id\": ");
    lat_buf_json_string(out, calibration->id, strlen(calibration->id));
    lat_buf_printf(out, ", \"score\": \"%s\", \"n\": %zu, \"quantiles\": ",
                   lat_score_kind_names[calibration->kind], calibration->n);
    lat_buf_json_floats(out, calibration->quantiles, calibration->n_quantiles);
    lat_buf_char(out, '}');
}

static void write_manifest(struct lat_buf *out, const struct lat_manifest *manifest,
                           const char *record_json)
{
    lat_buf_char(out, '{');
    write_text(out, "name", manifest->name);
    if (manifest->version) {
        write_key(out, "version");
        lat_buf_printf(out, "%u", manifest->version);
    }
    write_input(out, &manifest->input);
    write_key(out, "code");
    lat_buf_printf(out, "{\"dimension\": %zu, \"metric\": \"%s\"}", manifest->code_dimension,
                   lat_code_metric_names[manifest->metric]);
    write_text(out, "encoder", manifest->encoder);
    write_text(out, "decoder", manifest->decoder);
    write_files(out, manifest);
    write_tensors(out, manifest);
    write_compression(out, manifest);
    write_text(out, "likelihood", lat_likelihood_names[manifest->likelihood]);
    write_key(out, "output_is_logit");
    lat_buf_text(out, manifest->output_is_logit ? "true" : "false");
    write_key(out, "denoising");
    lat_buf_text(out, manifest->denoising ? "true" : "false");
    if (manifest->capabilities)
        write_capabilities(out, manifest->capabilities);
    write_calibration(out, &manifest->calibration);
    if (manifest->imputation) {
        write_key(out, "imputation");
        lat_impute_calibration_write(manifest->imputation, out);
    }
    if (record_json) {
        write_key(out, "training");
        lat_buf_text(out, record_json);
    }
    lat_buf_text(out, "\n}\n");
}

enum lat_status lat_manifest_write(const char *folder, const struct lat_manifest *manifest,
                                   const char *record_json, struct lat_error *err)
{
    struct lat_buf text = {0};
    struct lat_manifest check;
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/model.json", folder);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    write_manifest(&text, manifest, record_json);
    enum lat_status status = lat_buf_check(&text, err);
    if (status == LAT_OK) /* what could not be read again is not written */
        status = lat_manifest_parse(text.data, text.len, &check, err);
    if (status == LAT_OK)
        status = lat_file_write(path, text.data, text.len, err);
    lat_buf_release(&text);
    return status;
}
