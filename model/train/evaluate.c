/* Data in, numbers out. What the package says of its training is read from the record in its
 * manifest: PCA is fitted on the data named there, splits follow its seed and share. */
#include "model/train/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train/codes_file.h"
#include "model/train/dataset/formats.h"
#include "model/train/importance.h"
#include "model/train/measure.h"
#include "model/train/noise.h"
#include "model/train/pca.h"

#include "base/banned.h"

const char *const lat_eval_split_names[3] = {"all", "train", "validation"};

/* What the record of a package says. */
struct origin {
    bool known;
    struct lat_data_spec data; /* owned */
    uint64_t seed;
    char crc[16]; /* of the data, in hexadecimal; "" if not said */
};

/* Items of a dataset that are looked at. */
struct part {
    struct lat_dataset dataset;
    uint32_t *indices;     /* owned */
    const uint32_t *items; /* into indices */
    size_t n;
};

static void part_release(struct part *part)
{
    lat_dataset_close(&part->dataset);
    lat_free(part->indices);
    *part = (struct part){0};
}

/* ---- the record ---- */

static void read_record(struct lat_fields *root, struct origin *origin)
{
    struct lat_fields training, spec, data, facts;
    if (!lat_fields_object(root, "training", &training) ||
        !lat_fields_object(&training, "spec", &spec) ||
        !lat_fields_object(&spec, "data", &data))
        return;
    struct lat_buf text = {0};
    origin->seed = 1;
    origin->data.validation = 0.1;
    lat_fields_u64(&spec, "seed", &origin->seed);
    lat_data_spec_read(&data, &origin->data);
    lat_fields_write(&spec, "data", &text);
    origin->data.options_json = lat_buf_take(&text, NULL);
    if (lat_fields_object(&training, "data", &facts)) {
        lat_fields_text(&facts, "path", origin->data.path, sizeof(origin->data.path));
        lat_fields_text(&facts, "crc32c", origin->crc, sizeof(origin->crc));
    }
    origin->known = true;
}

/* A record that cannot be read is none: it is for people, and may be written by hand. */
static enum lat_status find_origin(const struct lat_buf *manifest, struct origin *out_origin,
                                   struct lat_error *err)
{
    struct lat_document *document = NULL;
    struct origin origin = {0};
    enum lat_status status = lat_document_parse(manifest->data, manifest->len, &document, err);
    if (status != LAT_OK)
        return status;
    struct lat_fields root;
    lat_fields_root(document, &root, NULL);
    read_record(&root, &origin);
    if (lat_document_status(document) != LAT_OK) {
        lat_data_spec_release(&origin.data);
        origin = (struct origin){0};
    }
    lat_document_free(document);
    *out_origin = origin;
    return LAT_OK;
}

/* ---- data ---- */

/* Pictures come in the size the model takes, and binarised as those it was trained on, unless
 * the data object says otherwise. */
static enum lat_status open_data(const struct lat_data_spec *given,
                                 const struct lat_input_spec *input,
                                 const struct origin *origin, struct lat_dataset *out_dataset,
                                 struct lat_error *err)
{
    struct lat_data_spec data = *given;
    if (data.binarise == LAT_BINARISE_UNSAID)
        data.binarise = origin->data.binarise;
    if (input->kind == LAT_INPUT_IMAGE && strcmp(data.format, "images") == 0) {
        if (!data.size[0]) {
            data.size[0] = input->height;
            data.size[1] = input->width;
        }
        if (!data.channels)
            data.channels = input->channels;
    }
    return lat_dataset_open_as(&data, input, out_dataset, err);
}

static enum lat_status choose(struct part *part, const struct origin *origin,
                              enum lat_eval_split split, struct lat_error *err)
{
    const bool all = split == LAT_SPLIT_ALL;
    char crc[16];
    size_t held_out = 0;
    snprintf(crc, sizeof(crc), "%08x", part->dataset.crc);
    if (!all && !origin->known)
        return lat_fail(err, LAT_INVALID, "no_record",
                        "the package has no training record: there is no split to follow");
    if (!all && strcmp(crc, origin->crc) != 0)
        return lat_fail(err, LAT_CONFLICT, "other_data",
                        "the split is that of the training data (checksum %s), these data are "
                        "others (%s)",
                        origin->crc, crc);
    const enum lat_status status =
        lat_dataset_hold_out(&part->dataset, all ? 0 : origin->data.validation, origin->seed,
                             &part->indices, &held_out, err);
    if (status != LAT_OK)
        return status;
    const size_t n_train = part->dataset.n - held_out;
    part->items = part->indices + (split == LAT_SPLIT_VALIDATION ? n_train : 0);
    part->n = split == LAT_SPLIT_VALIDATION ? held_out : n_train;
    if (part->n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "nothing was held out");
    return LAT_OK;
}

static enum lat_status open_part(const char *given, enum lat_eval_split split,
                                 const struct lat_input_spec *input,
                                 const struct origin *origin, struct part *out_part,
                                 struct lat_error *err)
{
    struct lat_data_spec data = {0};
    enum lat_status status = lat_data_spec_parse(given, &data, err);
    if (status == LAT_OK)
        status = open_data(&data, input, origin, &out_part->dataset, err);
    if (status == LAT_OK)
        status = choose(out_part, origin, split, err);
    lat_data_spec_release(&data);
    return status;
}

/* Leaves `n` items, evenly spread. */
static void thin(struct part *part, size_t n)
{
    const size_t start = (size_t)(part->items - part->indices);
    if (n >= part->n)
        return;
    for (size_t i = 0; i < n; i++)
        part->indices[start + i] = part->indices[start + i * part->n / n];
    part->n = n;
}

/* ---- the measures ---- */

static enum lat_status measure_pca(const struct lat_eval_options *options,
                                   const struct lat_manifest *manifest,
                                   const struct origin *origin, const struct part *part,
                                   const struct lat_measure_noise *noise,
                                   struct lat_evaluation *evaluation, struct lat_error *err)
{
    struct lat_data_spec given = {0};
    struct part training = {0};
    struct lat_pca pca = {0};
    if (!options->train_data && !origin->known)
        return lat_fail(err, LAT_INVALID, "no_record",
                        "the package has no training record: name the data for PCA by "
                        "--train-data");
    enum lat_status status = LAT_OK;
    if (options->train_data)
        status = lat_data_spec_parse(options->train_data, &given, err);
    if (status == LAT_OK)
        status = open_data(options->train_data ? &given : &origin->data, &manifest->input,
                           origin, &training.dataset, err);
    if (status != LAT_OK && !options->train_data)
        lat_error_prefix(err, "PCA is fitted on the data that the package's record names; "
                              "--train-data says where they are");
    if (status == LAT_OK)
        status = choose(&training, origin,
                        options->split == LAT_SPLIT_ALL ? LAT_SPLIT_ALL : LAT_SPLIT_TRAIN, err);
    if (status == LAT_OK && training.dataset.elements != part->dataset.elements)
        status = lat_fail(err, LAT_INVALID, "wrong_dimension",
                          "items of %zu elements, those to measure have %zu",
                          training.dataset.elements, part->dataset.elements);
    if (status == LAT_OK)
        status = lat_pca_fit(&training.dataset, training.items, training.n,
                             options->pca_width ? options->pca_width : manifest->code_dimension,
                             NULL, &pca, err);
    if (status == LAT_OK)
        status = lat_pca_error(&pca, &part->dataset, part->items, part->n, noise,
                               &evaluation->pca_squared_error, err);
    evaluation->has_pca = status == LAT_OK;
    evaluation->pca_width = pca.width;
    lat_pca_release(&pca);
    part_release(&training);
    lat_data_spec_release(&given);
    if (status != LAT_OK)
        lat_error_prefix(err, "PCA's training data");
    return status;
}

/* The labels of a part's items, in its order: the caller's (lat_free). */
static enum lat_status read_labels(const char *path, const struct part *part,
                                   uint32_t **out_labels, struct lat_error *err)
{
    uint32_t *labels = NULL;
    size_t n = 0;
    enum lat_status status = lat_labels_read(path, &labels, &n, err);
    if (status != LAT_OK)
        return status;
    uint32_t *chosen = lat_alloc_raw(part->n, sizeof(*chosen));
    if (!chosen)
        status = lat_fail_memory(err);
    else if (n != part->dataset.n)
        status = lat_fail(err, LAT_INVALID, "bad_labels", "labels '%s': %zu for %zu items",
                          path, n, part->dataset.n);
    for (size_t i = 0; status == LAT_OK && i < part->n; i++)
        chosen[i] = labels[part->items[i]];
    lat_free(labels);
    if (status == LAT_OK)
        *out_labels = chosen;
    else
        lat_free(chosen);
    return status;
}

/* What the queries are searched in, encoded. */
struct database {
    struct part part;
    struct lat_measure measured;
    uint32_t *labels; /* owned */
};

static void database_release(struct database *database)
{
    lat_measure_release(&database->measured);
    lat_free(database->labels);
    part_release(&database->part);
}

static enum lat_status open_database(struct lat_model *model,
                                     const struct lat_eval_options *options,
                                     const struct origin *origin, struct database *database,
                                     struct lat_error *err)
{
    const struct lat_measure_options how = {.keep_codes = true};
    const bool all = options->split == LAT_SPLIT_ALL;
    struct part *part = &database->part;
    enum lat_status status = open_part(options->database, all ? LAT_SPLIT_ALL : LAT_SPLIT_TRAIN,
                                       &lat_model_manifest(model)->input, origin, part, err);
    if (status == LAT_OK)
        status = read_labels(options->database_labels, part, &database->labels, err);
    if (status == LAT_OK)
        status = lat_measure_model(model, &part->dataset, part->items, part->n, &how,
                                   &database->measured, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "the database");
    return status;
}

static enum lat_status measure_retrieval(struct lat_model *model,
                                         const struct lat_eval_options *options,
                                         const struct origin *origin, const struct part *part,
                                         const float *codes, struct lat_evaluation *evaluation,
                                         struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    struct database database = {0};
    uint32_t *labels = NULL;
    enum lat_status status = read_labels(options->labels, part, &labels, err);
    if (status == LAT_OK && options->database)
        status = open_database(model, options, origin, &database, err);
    const size_t n_queries =
        options->n_queries && options->n_queries < part->n ? options->n_queries : part->n;
    const struct lat_labelled queries = {codes, labels, n_queries};
    const struct lat_labelled searched = {database.measured.codes, database.labels,
                                          database.part.n};
    if (status == LAT_OK)
        status = lat_retrieval_measure(
            options->database ? &searched : &queries, options->database ? &queries : NULL,
            manifest->code_dimension, manifest->metric, &evaluation->retrieval, err);
    evaluation->has_retrieval = status == LAT_OK;
    database_release(&database);
    lat_free(labels);
    return status;
}

static enum lat_status measure_importance(struct lat_model *model,
                                          const struct lat_eval_options *options,
                                          const struct part *part,
                                          struct lat_evaluation *evaluation,
                                          struct lat_error *err)
{
    const struct lat_importance_options how = {.samples = options->samples,
                                               .threads = options->threads,
                                               .progress = options->progress,
                                               .context = options->context};
    struct lat_importance importance;
    const enum lat_status status = lat_importance_measure(model, &part->dataset, part->items,
                                                          part->n, &how, &importance, err);
    if (status != LAT_OK)
        return status;
    evaluation->samples = options->samples;
    evaluation->negative_log_likelihood = importance.negative_log_likelihood;
    evaluation->elbo = importance.elbo;
    return LAT_OK;
}

/* A line an item: its place in the data, the means of its squared and absolute differences. */
static enum lat_status write_errors(const char *path, const struct part *part,
                                    const struct lat_measure *measured, struct lat_error *err)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "item,error,absolute\n");
    for (size_t i = 0; i < part->n; i++) {
        lat_buf_printf(&text, "%u,", (unsigned)part->items[i]);
        lat_buf_json_float(&text, measured->errors[i]);
        lat_buf_char(&text, ',');
        lat_buf_json_float(&text, measured->absolute_errors[i]);
        lat_buf_char(&text, '\n');
    }
    enum lat_status status = lat_buf_check(&text, err);
    if (status == LAT_OK)
        status = lat_file_write(path, text.data, text.len, err);
    lat_buf_release(&text);
    return status;
}

static enum lat_status measure(struct lat_model *model, const struct lat_eval_options *options,
                               const struct origin *origin, struct lat_evaluation *evaluation,
                               struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    struct lat_measure_noise noise = {.level = options->corruption_level,
                                      .seed = options->seed};
    const struct lat_measure_options how = {
        .decode = (manifest->capabilities & LAT_CAN_RECONSTRUCT) != 0,
        .keep_absolute = options->errors != NULL,
        .keep_codes = options->labels != NULL || options->codes != NULL,
        .noise = options->corruption ? &noise : NULL};
    struct part part = {0};
    struct lat_measure measured = {0};
    enum lat_status status = lat_noise_find(options, manifest, &noise, err);
    if (status == LAT_OK)
        status = open_part(options->data, options->split, &manifest->input, origin, &part, err);
    if (status == LAT_OK && options->n_items)
        thin(&part, options->n_items);
    if (status == LAT_OK)
        status =
            lat_measure_model(model, &part.dataset, part.items, part.n, &how, &measured, err);
    if (status == LAT_OK) {
        evaluation->n = part.n;
        evaluation->n_skipped = part.dataset.n_skipped;
        memcpy(evaluation->first_skipped, part.dataset.first_skipped,
               sizeof(evaluation->first_skipped));
        evaluation->decoded = how.decode;
        evaluation->binarised = part.dataset.binarise;
        evaluation->squared_error_sum = measured.squared_error_sum;
        evaluation->squared_error_mean = measured.squared_error_mean;
        evaluation->negative_log_likelihood =
            how.decode ? measured.negative_log_likelihood : (double)NAN;
        if (options->labels)
            status = measure_retrieval(model, options, origin, &part, measured.codes,
                                       evaluation, err);
    }
    if (status == LAT_OK && options->samples)
        status = measure_importance(model, options, &part, evaluation, err);
    if (status == LAT_OK && options->errors && !how.decode)
        status = lat_model_require(model, LAT_CAN_RECONSTRUCT, err);
    if (status == LAT_OK && options->errors)
        status = write_errors(options->errors, &part, &measured, err);
    if (status == LAT_OK && options->pca)
        status = measure_pca(options, manifest, origin, &part, how.noise, evaluation, err);
    if (status == LAT_OK && options->codes)
        status = lat_codes_write(options->codes, measured.codes, part.n,
                                 manifest->code_dimension, err);
    if (status == LAT_OK && options->corruption)
        lat_noise_tell(&measured, part.dataset.elements, evaluation);
    lat_measure_release(&measured);
    part_release(&part);
    return status;
}

enum lat_status lat_evaluate(struct lat_registry *registry,
                             const struct lat_eval_options *options,
                             struct lat_evaluation *out_evaluation, struct lat_error *err)
{
    struct lat_evaluation evaluation = {0};
    struct origin origin = {0};
    struct lat_buf manifest = {0};
    struct lat_model *model = NULL;
    struct lat_model_info *info = lat_alloc(1, sizeof(*info));
    enum lat_status status = info ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_registry_load(registry, options->model, err);
    if (status == LAT_OK)
        status = lat_registry_acquire(registry, options->model, &model, err);
    if (status == LAT_OK) {
        snprintf(evaluation.reference, sizeof(evaluation.reference), "%s",
                 lat_model_reference(model));
        status = lat_registry_describe(registry, evaluation.reference, info, &manifest, err);
    }
    if (status == LAT_OK)
        status = find_origin(&manifest, &origin, err);
    if (status == LAT_OK)
        status = measure(model, options, &origin, &evaluation, err);
    if (status == LAT_OK)
        *out_evaluation = evaluation;
    if (model)
        lat_model_release(model);
    lat_data_spec_release(&origin.data);
    lat_buf_release(&manifest);
    lat_free(info);
    return status;
}
