/* From a folder to a model that works.
 *
 * Order: manifest, encoder, decoder, shapes, a trial run of two rows. Two, because a graph may
 * claim an open batch and still have a 1 baked into a reshape. Nothing is shared before all of
 * it has succeeded, and a failure frees everything.
 *
 * The last release gives the memory back to the system (malloc_trim): a session's weights and
 * plans are many allocations of all sizes, and glibc would keep the holes. */
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "model/autoencoder.h"
#include "model/impute_calibration.h"
#include "model/compressor.h"
#include "model/model_internal.h"
#include "model/package_internal.h"
#include "model/portrait.h"
#include "model/recommender_internal.h"

#include "base/banned.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value + UINT64_C(0x9e3779b97f4a7c15) + (hash << 6) + (hash >> 2);
    return hash;
}

uint64_t lat_package_stamp(const char *folder, const struct lat_manifest *manifest)
{
    const char *names[] = {"model.json",     manifest->encoder,  manifest->decoder,
                           manifest->prior,  manifest->analysis, manifest->synthesis,
                           LAT_PORTRAIT_FILE};
    uint64_t hash = 0;
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++) {
        char path[LAT_PATH_MAX + 256];
        struct stat info;
        const int len = snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        if (names[i][0] == '\0' || len < 0 || (size_t)len >= sizeof(path) ||
            stat(path, &info) != 0)
            continue;
        hash = mix(hash, (uint64_t)info.st_ino);
        hash = mix(hash, (uint64_t)info.st_size);
        hash = mix(hash, (uint64_t)info.st_mtim.tv_sec);
        hash = mix(hash, (uint64_t)info.st_mtim.tv_nsec);
    }
    return hash;
}

/* The folder's name and version; the manifest may repeat them, not contradict them. */
static enum lat_status settle_identity(const char *name, uint32_t version,
                                       struct lat_manifest *manifest, struct lat_error *err)
{
    if (manifest->name[0] != '\0' && strcmp(manifest->name, name) != 0) {
        lat_fail(err, LAT_INVALID, "wrong_folder",
                 "model.json: /name: '%s' in the folder of '%s'", manifest->name, name);
        lat_error_at(err, "/name");
        lat_error_expected(err, name, manifest->name);
        return LAT_INVALID;
    }
    if (manifest->version != 0 && manifest->version != version) {
        char wants[24], says[24];
        snprintf(wants, sizeof(wants), "%" PRIu32, version);
        snprintf(says, sizeof(says), "%" PRIu32, manifest->version);
        lat_fail(err, LAT_INVALID, "wrong_folder",
                 "model.json: /version: %s in the folder of version %s", says, wants);
        lat_error_at(err, "/version");
        lat_error_expected(err, wants, says);
        return LAT_INVALID;
    }
    snprintf(manifest->name, sizeof(manifest->name), "%s", name);
    manifest->version = version;
    return LAT_OK;
}

enum lat_status lat_model_read_manifest(const char *folder, const char *name, uint32_t version,
                                        struct lat_manifest *out_manifest,
                                        struct lat_buf *out_json, struct lat_error *err)
{
    struct lat_manifest manifest;
    enum lat_status status = lat_manifest_read(folder, &manifest, out_json, err);
    if (status == LAT_OK)
        status = settle_identity(name, version, &manifest, err);
    if (status == LAT_OK)
        *out_manifest = manifest;
    return status;
}

static enum lat_status open_graph(const struct lat_model_source *source, const char *file,
                                  struct lat_session **out_session,
                                  struct lat_graph_face *out_face, struct lat_error *err)
{
    char path[LAT_PATH_MAX + 256];
    const int len = snprintf(path, sizeof(path), "%s/%s", source->folder, file);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    const struct lat_session_options options = {.threads = source->threads, .optimize = true};
    const enum lat_status status =
        lat_session_open(source->engine, path, &options, out_session, err);
    if (status != LAT_OK) {
        lat_error_prefix(err, "%s", file);
        return status;
    }
    out_face->file = file;
    out_face->inputs = lat_session_inputs(*out_session, &out_face->n_inputs);
    out_face->outputs = lat_session_outputs(*out_session, &out_face->n_outputs);
    return LAT_OK;
}

static enum lat_status open_graphs(const struct lat_model_source *source,
                                   struct lat_model *model, struct lat_error *err)
{
    struct lat_manifest *manifest = &model->manifest;
    struct lat_graph_face face;
    enum lat_status status = open_graph(source, manifest->encoder, &model->encoder, &face, err);
    if (status == LAT_OK)
        status = lat_signature_encoder(&face, manifest, &model->signature, err);
    if (status != LAT_OK || manifest->decoder[0] == '\0')
        return status;
    status = open_graph(source, manifest->decoder, &model->decoder, &face, err);
    if (status == LAT_OK)
        status = lat_signature_decoder(&face, manifest, &model->signature, err);
    return status;
}

/* An encoder may have a log-variance that model.json does not mention: then there is a prior
 * all the same, unless the manifest lists its capabilities itself. */
static void settle_variance(struct lat_model *model)
{
    struct lat_manifest *manifest = &model->manifest;
    const char *found = model->signature.log_variance.name;
    if (found[0] == '\0' || manifest->log_variance_tensor[0] != '\0')
        return;
    const bool listed = manifest->capabilities != lat_manifest_derive(manifest);
    snprintf(manifest->log_variance_tensor, sizeof(manifest->log_variance_tensor), "%s", found);
    if (!listed)
        manifest->capabilities = lat_manifest_derive(manifest);
}

static enum lat_status check_finite(const char *file, const float *values, size_t n,
                                    struct lat_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return lat_fail(err, LAT_INVALID, "not_finite",
                            "%s makes values that are no numbers of an input of zeroes", file);
    return LAT_OK;
}

/* Two rows of zeroes there and, with a decoder, back. */
static enum lat_status try_out(struct lat_model *model, struct lat_error *err)
{
    enum { N = 2 };
    const struct lat_manifest *manifest = &model->manifest;
    const size_t elements = lat_input_elements(&manifest->input);
    const size_t dimension = manifest->code_dimension;
    const bool variances = model->signature.log_variance.name[0] != '\0';
    float *rows = lat_alloc(N * elements, sizeof(*rows));
    float *codes = lat_alloc(2 * N * dimension, sizeof(*codes));
    enum lat_status status = rows && codes ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_model_encode(model, rows, N, codes,
                                  variances ? codes + N * dimension : NULL, err);
    if (status == LAT_OK)
        status = check_finite(manifest->encoder, codes, 2 * N * dimension, err);
    if (status == LAT_OK && model->decoder) {
        status = lat_model_decode(model, codes, N, rows, err);
        if (status == LAT_OK)
            status = check_finite(manifest->decoder, rows, N * elements, err);
    }
    lat_free(codes);
    lat_free(rows);
    lat_error_prefix(err, "trial run");
    return status;
}

static void model_free(struct lat_model *model)
{
    if (!model)
        return;
    lat_compressor_close(model->compressor);
    lat_recommender_free(model->recommender);
    lat_session_close(model->decoder);
    lat_session_close(model->encoder);
    lat_impute_calibration_free(model->imputation);
    lat_portrait_free(model->portrait);
    lat_table_free(model->table);
    lat_words_release(&model->items);
    lat_free(model);
    malloc_trim(0);
}

struct lat_model *lat_model_reuse(struct lat_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void lat_model_release(struct lat_model *model)
{
    if (model && atomic_fetch_sub(&model->references, 1) == 1)
        model_free(model);
}

/* The columns or items of the input, kept with the model; its manifest borrows them. */
static enum lat_status keep_schema(struct lat_model *model, const struct lat_buf *json,
                                   struct lat_error *err)
{
    struct lat_input_spec *input = &model->manifest.input;
    if (input->kind != LAT_INPUT_TABLE && input->kind != LAT_INPUT_INTERACTIONS)
        return LAT_OK;
    const enum lat_status status =
        lat_manifest_schema(json->data, json->len, &model->table, &model->items, err);
    if (status == LAT_OK && model->table) {
        const enum lat_status read = lat_manifest_imputation(
            json->data, json->len, model->table, &model->imputation, err);
        if (read != LAT_OK)
            return read;
    }
    input->table = model->table;
    input->items = input->kind == LAT_INPUT_INTERACTIONS ? &model->items : NULL;
    return status;
}

/* The manifest without what it borrows from the model. */
static struct lat_manifest lone_manifest(const struct lat_model *model)
{
    struct lat_manifest manifest = model->manifest;
    manifest.input.table = NULL;
    manifest.input.items = NULL;
    return manifest;
}

enum lat_status lat_model_open(const struct lat_model_source *source,
                               struct lat_model_loaded *out, struct lat_error *err)
{
    struct lat_model *model = lat_alloc(1, sizeof(*model));
    if (!model)
        return lat_fail_memory(err);
    atomic_init(&model->references, 1);
    snprintf(model->reference, sizeof(model->reference), "%s@%" PRIu32, source->name,
             source->version);
    enum lat_status status = lat_model_read_manifest(
        source->folder, source->name, source->version, &model->manifest, &out->json, err);
    if (status != LAT_OK) {
        lat_buf_clear(&out->json);
        goto out;
    }
    out->manifest = model->manifest;
    model->stamp = lat_package_stamp(source->folder, &model->manifest);
    status = keep_schema(model, &out->json, err);
    if (status == LAT_OK)
        status =
            lat_portrait_read(source->folder, &model->manifest.input, &model->portrait, err);
    if (status == LAT_OK)
        status = open_graphs(source, model, err);
    if (status == LAT_OK) {
        settle_variance(model);
        status = try_out(model, err);
    }
    if (status == LAT_OK && (model->manifest.capabilities & LAT_CAN_RECOMMEND))
        status = lat_recommender_new(source, model, &model->recommender, err);
    if (status == LAT_OK && (model->manifest.capabilities & LAT_CAN_COMPRESS))
        status = lat_compressor_open(source, &model->manifest, &model->compressor, err);
    if (status != LAT_OK)
        goto out;
    out->manifest = lone_manifest(model);
    model->infer_seconds = lat_metric_series(LAT_METRIC_INFER_SECONDS, model->reference);
    model->infer_batch = lat_metric_series(LAT_METRIC_INFER_BATCH, model->reference);
    out->model = model;
    model = NULL;
out:
    model_free(model);
    return status;
}
