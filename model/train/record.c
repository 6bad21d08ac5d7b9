/* What is said of a training: the record in its package, the result for whoever asked for it,
 * and what can be read back from the record when nobody remembers the end of a training but its
 * package. */
#include "model/train/publish.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "model/train/fields.h"

#include "base/banned.h"

static void write_text(struct lat_buf *out, const char *text)
{
    lat_buf_json_string(out, text, strlen(text));
}

static void write_curve(const struct lat_publication *publication, uint32_t n,
                        struct lat_buf *out)
{
    lat_buf_text(out, ",\"curve\":[");
    for (uint32_t i = 0; publication->curve && i < n; i++) {
        const struct lat_curve_point *point = &publication->curve[i];
        lat_buf_printf(out, "%s{\"epoch\":%u,\"loss\":%.7g", i ? "," : "", i + 1, point->loss);
        if (isfinite(point->validation))
            lat_buf_printf(out, ",\"validation\":%.7g", point->validation);
        lat_buf_printf(out, ",\"rate\":%.4g,\"seconds\":%.2f}", point->rate, point->seconds);
    }
    lat_buf_char(out, ']');
}

static void write_data(const struct lat_publication *publication, struct lat_buf *out)
{
    const struct lat_dataset *dataset = publication->dataset;
    lat_buf_text(out, ",\"data\":{\"format\":");
    write_text(out, publication->spec->data.format);
    lat_buf_text(out, ",\"path\":");
    write_text(out, publication->spec->data.path);
    lat_buf_printf(out,
                   ",\"items\":%zu,\"train\":%zu,\"validation\":%zu,\"skipped\":%zu,"
                   "\"elements\":%zu,\"crc32c\":\"%08x\"}",
                   dataset->n, publication->n_train, publication->n_validation,
                   dataset->n_skipped, dataset->elements, dataset->crc);
}

static void write_metrics(const struct lat_publication *publication,
                          const struct lat_train_result *result, struct lat_buf *out)
{
    lat_buf_printf(out, ",\"metrics\":{\"of\":\"%s\",\"squared_error\":",
                   publication->n_validation ? "validation" : "train");
    lat_buf_json_double(out, result->squared_error);
    lat_buf_text(out, ",\"loss\":");
    lat_buf_json_double(out, result->loss);
    lat_buf_text(out, ",\"validation_loss\":");
    lat_buf_json_double(out, result->validation);
    lat_buf_char(out, '}');
}

void lat_record_write(const struct lat_publication *publication,
                      const struct lat_train_result *result, struct lat_buf *out)
{
    char now[32];
    lat_clock_format(lat_clock_wall_ms(), now, sizeof(now));
    lat_buf_text(out, "{\"spec\":");
    lat_buf_text(out, publication->spec->json);
    if (publication->job) {
        lat_buf_text(out, ",\"job\":");
        write_text(out, publication->job);
    }
    write_data(publication, out);
    lat_buf_printf(out, ",\"seed\":%llu", (unsigned long long)publication->spec->seed);
    lat_buf_printf(out, ",\"epochs\":%u,\"best_epoch\":%u,\"ended\":\"%s\"", result->epochs,
                   result->best_epoch, lat_train_end_names[result->end]);
    write_metrics(publication, result, out);
    write_curve(publication, result->epochs, out);
    lat_buf_printf(out, ",\"finished\":\"%s\",\"seconds\":%.1f,\"threads\":%d", now,
                   result->seconds, publication->threads);
    lat_buf_text(out, ",\"versions\":{\"latentd\":\"" LAT_VERSION "\",\"onnxruntime\":");
    write_text(out, lat_engine_version());
    lat_buf_text(out, "}}");
}

void lat_train_result_members(const struct lat_train_result *result, struct lat_buf *out)
{
    lat_buf_text(out, "\"model\":");
    write_text(out, result->reference);
    lat_buf_printf(out, ",\"ended\":\"%s\",\"epochs\":%u,\"best_epoch\":%u",
                   lat_train_end_names[result->end], result->epochs, result->best_epoch);
    lat_buf_text(out, ",\"loss\":");
    lat_buf_json_double(out, result->loss);
    lat_buf_text(out, ",\"validation_loss\":");
    lat_buf_json_double(out, result->validation);
    lat_buf_text(out, ",\"squared_error\":");
    lat_buf_json_double(out, result->squared_error);
    lat_buf_printf(out,
                   ",\"items\":{\"train\":%zu,\"validation\":%zu,\"skipped\":%zu},"
                   "\"seconds\":%.1f,\"bytes\":%zu",
                   result->n_train, result->n_validation, result->n_skipped, result->seconds,
                   result->package_bytes);
}

/* ---- reading ---- */

enum { MANIFEST_MAX = 64 << 20, JOB_MAX = 64 };

static void read_real(struct lat_fields *fields, const char *key, double *inout_value)
{
    lat_fields_real(fields, key, inout_value, -DBL_MAX, DBL_MAX);
}

static size_t read_size(struct lat_fields *fields, const char *key)
{
    uint64_t value = 0;
    lat_fields_u64(fields, key, &value);
    return (size_t)value;
}

static void read_result(struct lat_fields *training, struct lat_train_result *result)
{
    struct lat_fields part;
    struct lat_choice ends[LAT_ARRAY_LEN(lat_train_end_names)];
    int end = LAT_TRAIN_EPOCHS;
    for (size_t i = 0; i < LAT_ARRAY_LEN(ends); i++)
        ends[i] = (struct lat_choice){lat_train_end_names[i], (int)i, true};
    *result = (struct lat_train_result){.loss = NAN, .validation = NAN, .squared_error = NAN};
    lat_fields_choice(training, "ended", ends, LAT_ARRAY_LEN(ends), &end);
    result->end = (enum lat_train_end)end;
    result->epochs = (uint32_t)read_size(training, "epochs");
    result->best_epoch = (uint32_t)read_size(training, "best_epoch");
    read_real(training, "seconds", &result->seconds);
    if (lat_fields_object(training, "data", &part)) {
        result->n_train = read_size(&part, "train");
        result->n_validation = read_size(&part, "validation");
        result->n_skipped = read_size(&part, "skipped");
    }
    if (lat_fields_object(training, "metrics", &part)) {
        read_real(&part, "squared_error", &result->squared_error);
        read_real(&part, "loss", &result->loss);
        read_real(&part, "validation_loss", &result->validation);
    }
}

/* Whether the package is that job's. What cannot be read was not written by us. */
static enum lat_status read_package(const char *folder, const char *job, bool *out_found,
                                    struct lat_train_result *result, struct lat_error *err)
{
    char path[LAT_PATH_MAX + 64], named[JOB_MAX] = "";
    struct lat_document *document = NULL;
    struct lat_fields root, training;
    struct lat_buf text = {0};
    snprintf(path, sizeof(path), "%s/model.json", folder);
    enum lat_status status = lat_file_read(path, MANIFEST_MAX, &text, NULL);
    if (status == LAT_OK)
        status = lat_document_parse(text.data, text.len, &document, NULL);
    if (status == LAT_OK) {
        struct lat_error why = LAT_ERROR_INIT;
        lat_fields_root(document, &root, &why);
        if (lat_fields_object(&root, "training", &training) &&
            lat_fields_is_text(&training, "job"))
            lat_fields_text(&training, "job", named, sizeof(named));
        *out_found = strcmp(named, job) == 0;
        if (*out_found)
            read_result(&training, result);
        status = lat_document_status(document);
    }
    lat_document_free(document);
    lat_buf_release(&text);
    return status == LAT_NO_MEMORY ? lat_fail_memory(err) : LAT_OK;
}

enum lat_status lat_record_find(const char *models, const char *name, const char *job,
                                bool *out_found, struct lat_train_result *out_result,
                                struct lat_error *err)
{
    char parent[LAT_PATH_MAX], folder[LAT_PATH_MAX + 16] = "";
    struct lat_train_result *result = lat_alloc(1, sizeof(*result));
    enum lat_status status = result ? LAT_OK : lat_fail_memory(err);
    bool found = false;
    uint64_t version = 0;
    snprintf(parent, sizeof(parent), "%s/%s", models, name);
    DIR *dir = opendir(parent);
    const struct dirent *entry;
    while (status == LAT_OK && !found && dir && (entry = readdir(dir)) != NULL) {
        if (!lat_parse_u64(entry->d_name, UINT32_MAX, &version))
            continue;
        snprintf(folder, sizeof(folder), "%s/%llu", parent, (unsigned long long)version);
        status = read_package(folder, job, &found, result, err);
    }
    if (dir)
        closedir(dir);
    if (status == LAT_OK && found) {
        snprintf(result->reference, sizeof(result->reference), "%s@%llu", name,
                 (unsigned long long)version);
        snprintf(result->folder, sizeof(result->folder), "%s", folder);
        result->package_bytes = lat_package_bytes(folder);
        *out_result = *result;
    }
    if (status == LAT_OK)
        *out_found = found;
    lat_free(result);
    return status;
}
