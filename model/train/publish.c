/* Order of things: export, open, measure, write the manifest, rename. Whatever fails before the
 * rename removes the temporary folder, so a models folder never holds half a package. The
 * temporary name begins with a dot and is no number: a registry passes it over. */
#include "model/train/publish.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/calibration.h"
#include "model/model_internal.h"
#include "model/portrait.h"
#include "model/train/ease.h"
#include "model/train/impute_fit.h"
#include "model/train/measure.h"
#include "model/train/prior.h"

#include "base/banned.h"

enum { CALIBRATION_MAX = 10000, VERSION_TRIES = 100, PUBLISH_PATH_MAX = LAT_PATH_MAX + 320 };

/* Served and stepped losses differ by rounding alone; more is a broken export. */
static const double LOSS_TOLERANCE = 0.01;

/* ---- folders ---- */

/* Removes the files of a folder and the folder; a package has no subfolders. */
static void remove_folder(const char *folder)
{
    char path[PUBLISH_PATH_MAX];
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        const int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (len > 0 && (size_t)len < sizeof(path) && entry->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

/* What a process that was killed left behind. Publishing takes minutes at most, so a younger
 * folder may be another's at work. */
static void sweep(const char *parent)
{
    enum { LEFT_BEHIND_S = 6 * 3600 };
    char path[PUBLISH_PATH_MAX];
    struct stat st;
    DIR *dir = opendir(parent);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        const int len = snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
        if (strncmp(entry->d_name, ".new-", 5) == 0 && len > 0 && (size_t)len < sizeof(path) &&
            stat(path, &st) == 0 && time(NULL) - st.st_mtime > LEFT_BEHIND_S)
            remove_folder(path);
    }
    if (dir)
        closedir(dir);
}

size_t lat_package_bytes(const char *folder)
{
    char path[PUBLISH_PATH_MAX];
    size_t total = 0;
    struct stat st;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        const int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (len > 0 && (size_t)len < sizeof(path) && stat(path, &st) == 0 &&
            S_ISREG(st.st_mode))
            total += (size_t)st.st_size;
    }
    if (dir)
        closedir(dir);
    return total;
}

/* One more than the largest version there. */
static uint32_t next_version(const char *folder)
{
    uint64_t largest = 0, number;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL)
        if (lat_parse_u64(entry->d_name, UINT32_MAX - 1, &number) && number > largest)
            largest = number;
    if (dir)
        closedir(dir);
    return (uint32_t)largest + 1;
}

/* ---- the package ---- */

static void describe(const struct lat_publication *publication, uint32_t version,
                     struct lat_manifest *out_manifest)
{
    const struct lat_spec *spec = publication->spec;
    struct lat_manifest *manifest = out_manifest;
    lat_manifest_init(manifest);
    snprintf(manifest->name, sizeof(manifest->name), "%s", spec->name);
    manifest->version = version;
    manifest->input = publication->dataset->input;
    manifest->input.layout =
        publication->step ? lat_step_layout(publication->step) : LAT_LAYOUT_FLAT;
    manifest->input.layout_known = true;
    manifest->code_dimension = spec->code.dimension;
    manifest->metric = LAT_CODE_L2;
    snprintf(manifest->encoder, sizeof(manifest->encoder), "encoder.onnx");
    snprintf(manifest->decoder, sizeof(manifest->decoder), "decoder.onnx");
    snprintf(manifest->input_tensor, sizeof(manifest->input_tensor), "input");
    snprintf(manifest->code_tensor, sizeof(manifest->code_tensor), "code");
    if (spec->code.type == LAT_CODE_GAUSSIAN)
        snprintf(manifest->log_variance_tensor, sizeof(manifest->log_variance_tensor),
                 "log_variance");
    snprintf(manifest->decoder_input_tensor, sizeof(manifest->decoder_input_tensor), "code");
    snprintf(manifest->output_tensor, sizeof(manifest->output_tensor), "output");
    if (spec->learned_spread)
        snprintf(manifest->spread_tensor, sizeof(manifest->spread_tensor), "spread");
    manifest->likelihood = spec->likelihood;
    manifest->denoising = spec->corruption[0] != '\0';
    manifest->capabilities = lat_manifest_derive(manifest);
}

/* The scores of the calibration set, by the package as it lies in `folder`; *out_imputation
 * those of cells of it that are hidden, NULL where nothing is imputed. Its codes become the
 * prior that compression starts from. */
static enum lat_status measure(const struct lat_publication *publication, const char *folder,
                               struct lat_manifest *manifest, struct lat_measure *out_measure,
                               size_t *out_n, struct lat_impute_calibration **out_imputation,
                               struct lat_error *err)
{
    const struct lat_model_source source = {.engine = publication->engine,
                                            .folder = folder,
                                            .name = manifest->name,
                                            .version = manifest->version,
                                            .threads = publication->threads};
    const struct lat_measure_options options = {.decode = true,
                                                .keep_scores = true,
                                                .keep_features = true,
                                                .shift = publication->dataset->shift,
                                                .scale = publication->dataset->scale};
    const bool held_out = publication->n_validation > 0;
    const uint32_t *indices = publication->indices + (held_out ? publication->n_train : 0);
    const size_t n = held_out ? publication->n_validation : publication->n_train;
    struct lat_model_loaded loaded = {0};
    *out_n = n < CALIBRATION_MAX ? n : CALIBRATION_MAX;
    enum lat_status status = lat_model_open(&source, &loaded, err);
    if (status == LAT_OK)
        status = lat_measure_model(loaded.model, publication->dataset, indices, *out_n,
                                   &options, out_measure, err);
    if (status == LAT_OK)
        status = lat_impute_fit(loaded.model, publication->dataset, indices, *out_n,
                                publication->spec->seed, out_imputation, err);
    if (status == LAT_OK)
        status = lat_prior_publish(publication->spec, loaded.model, publication->dataset,
                                   indices, *out_n, folder, manifest, err);
    if (loaded.model)
        lat_model_release(loaded.model);
    lat_buf_release(&loaded.json);
    return status;
}

/* expected_loss is of the whole part held out; with a calibration set cut short it is not
 * compared. */
static enum lat_status compare(const struct lat_publication *publication,
                               const struct lat_measure *measured, size_t n,
                               struct lat_error *err)
{
    const double expected = publication->expected_loss, got = measured->negative_log_likelihood;
    if (!isfinite(expected) || n != publication->n_validation)
        return LAT_OK;
    if (fabs(expected - got) <= LOSS_TOLERANCE * (1 + fabs(expected)))
        return LAT_OK;
    return lat_fail(err, LAT_INTERNAL, "bad_export",
                    "the exported model has a loss of %g where the training had %g", got,
                    expected);
}

/* What the calibration set looks like, for `drift` to hold others against. */
static enum lat_status write_portrait(const struct lat_publication *publication,
                                      const char *folder, const struct lat_measure *measured,
                                      size_t n, struct lat_error *err)
{
    const struct lat_input_spec *input = &publication->dataset->input;
    struct lat_portrait *portrait = NULL;
    enum lat_status status = lat_portrait_make(input, measured->features, n, &portrait, err);
    if (status == LAT_OK)
        status = lat_portrait_write(folder, input, portrait, err);
    lat_portrait_free(portrait);
    return status;
}

static enum lat_status write_package(const struct lat_publication *publication,
                                     const char *folder, struct lat_manifest *manifest,
                                     struct lat_train_result *result, struct lat_error *err)
{
    struct lat_measure measured = {0};
    struct lat_buf record = {0};
    struct lat_impute_calibration *imputation = NULL;
    size_t n = 0;
    enum lat_status status =
        publication->step
            ? lat_step_export(publication->step, folder, err)
            : lat_ease_export(publication->ease, publication->dataset->elements, folder, err);
    if (status == LAT_OK)
        status = lat_manifest_write(folder, manifest, NULL, err);
    if (status == LAT_OK)
        status = measure(publication, folder, manifest, &measured, &n, &imputation, err);
    manifest->imputation = imputation;
    if (status == LAT_OK)
        status = compare(publication, &measured, n, err);
    if (status == LAT_OK) {
        char id[40];
        snprintf(id, sizeof(id), "%s-%08x", publication->n_validation ? "validation" : "train",
                 lat_crc32c(0, measured.scores, n * sizeof(float)));
        result->squared_error = measured.squared_error_sum;
        status = lat_calibration_fit(measured.scores, n, measured.score_kind, id,
                                     &manifest->calibration, err);
    }
    if (status == LAT_OK) {
        manifest->capabilities = lat_manifest_derive(manifest);
        lat_record_write(publication, result, &record);
        status = lat_buf_check(&record, err);
    }
    if (status == LAT_OK)
        status = lat_manifest_write(folder, manifest, record.data, err);
    if (status == LAT_OK)
        status = write_portrait(publication, folder, &measured, n, err);
    if (status == LAT_OK)
        result->package_bytes = lat_package_bytes(folder);
    manifest->imputation = NULL;
    lat_impute_calibration_free(imputation);
    lat_buf_release(&record);
    lat_measure_release(&measured);
    return status;
}

/* Makes the package in `temporary` and renames it; when another training took the version
 * meanwhile, it is made again under the next. */
static enum lat_status publish(const struct lat_publication *publication, const char *parent,
                               const char *temporary, struct lat_train_result *result,
                               struct lat_error *err)
{
    struct lat_manifest *manifest = lat_alloc(1, sizeof(*manifest));
    if (!manifest)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    for (int i = 0; i < VERSION_TRIES; i++) {
        const uint32_t version = next_version(parent);
        describe(publication, version, manifest);
        status = write_package(publication, temporary, manifest, result, err);
        if (status != LAT_OK)
            break;
        snprintf(result->reference, sizeof(result->reference), "%s@%u", manifest->name,
                 version);
        snprintf(result->folder, sizeof(result->folder), "%s/%u", parent, version);
        if (!lat_file_exists(result->folder)) {
            status = lat_file_publish(temporary, result->folder, err);
            if (status == LAT_OK || !lat_file_exists(temporary) ||
                !lat_file_exists(result->folder))
                break;
            lat_error_clear(err); /* it was taken between the two lines */
        }
        status = LAT_CONFLICT;
    }
    if (status == LAT_CONFLICT)
        status =
            lat_fail(err, LAT_CONFLICT, NULL, "no version of '%s' stays free", manifest->name);
    lat_free(manifest);
    return status;
}

enum lat_status lat_publish(const struct lat_publication *publication,
                            struct lat_train_result *inout_result, struct lat_error *err)
{
    char parent[LAT_PATH_MAX], temporary[LAT_PATH_MAX];
    const int parent_len =
        snprintf(parent, sizeof(parent), "%s/%s", publication->models, publication->spec->name);
    const int len = snprintf(temporary, sizeof(temporary), "%s/.new-XXXXXX", parent);
    if (parent_len < 0 || len < 0 || (size_t)len >= sizeof(temporary) - 16)
        return lat_fail(err, LAT_INVALID, NULL, "the models folder's name is too long");
    enum lat_status status = lat_file_make_folder(parent, err);
    if (status != LAT_OK)
        return status;
    sweep(parent);
    if (!mkdtemp(temporary))
        return lat_fail_errno(err, errno, "creating a folder in '%s'", parent);
    if (chmod(temporary, 0755) != 0)
        status = lat_fail_errno(err, errno, "opening '%s' to others", temporary);
    if (status == LAT_OK)
        status = publish(publication, parent, temporary, inout_result, err);
    if (status != LAT_OK) {
        remove_folder(temporary);
        lat_error_prefix(err, "package of '%s'", publication->spec->name);
    }
    return status;
}
