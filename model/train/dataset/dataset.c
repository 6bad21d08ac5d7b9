/* Opening through the table of formats, reading rows, splitting. The values' range and checksum
 * are taken once, after the format has filled the rows. */
#include "model/train/dataset/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/table.h"
#include "model/train/dataset/arrays.h"
#include "model/train/dataset/store.h"

#include "base/banned.h"

/* Not the stream that shuffles, nor the one that splits. */
static const uint64_t BINARISE_STREAM = UINT64_C(0x62696E6172790000);

/* ---- opening ---- */

void lat_dataset_skip(struct lat_dataset *dataset, const char *fmt, ...)
{
    const uint64_t place = dataset->n_met;
    lat_buf_append(&dataset->gaps, &place, sizeof(place));
    if (dataset->n_skipped++ > 0)
        return;
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(dataset->first_skipped, sizeof(dataset->first_skipped), fmt, arguments);
    va_end(arguments);
}

size_t lat_dataset_place(const struct lat_dataset *dataset, size_t item)
{
    size_t low = 0, high = dataset->gaps.len / sizeof(uint64_t);
    while (low < high) { /* how many gaps lie before it */
        const size_t middle = low + (high - low) / 2;
        uint64_t gap;
        memcpy(&gap, dataset->gaps.data + middle * sizeof(gap), sizeof(gap));
        if (gap - middle <= item)
            low = middle + 1;
        else
            high = middle;
    }
    return item + low;
}

static void survey_rows(struct lat_dataset *dataset, const float *rows, size_t n)
{
    dataset->crc = lat_crc32c(dataset->crc, rows, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        dataset->lowest = fminf(dataset->lowest, rows[i]);
        dataset->highest = fmaxf(dataset->highest, rows[i]);
    }
}

/* Rows of a source, a few at a time. */
static enum lat_status survey_source(struct lat_dataset *dataset, struct lat_error *err)
{
    float *row = lat_alloc_raw(dataset->elements, sizeof(*row));
    enum lat_status status = row ? LAT_OK : lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < dataset->n; i++) {
        const uint32_t item = (uint32_t)i;
        status = lat_dataset_read(dataset, &item, 1, row, err);
        if (status == LAT_OK)
            survey_rows(dataset, row, dataset->elements);
    }
    lat_free(row);
    return status;
}

/* Range and checksum. Standardised data have a range without bounds: new rows may lie anywhere.
 */
static enum lat_status survey(struct lat_dataset *dataset, struct lat_error *err)
{
    const size_t total = dataset->n * dataset->elements;
    enum lat_status status = LAT_OK;
    if (dataset->surveyed)
        return LAT_OK;
    dataset->lowest = INFINITY;
    dataset->highest = -INFINITY;
    if (dataset->source)
        status = survey_source(dataset, err);
    else if (dataset->floats)
        survey_rows(dataset, dataset->floats, total);
    else
        dataset->crc = lat_crc32c(0, dataset->bytes, total);
    if (dataset->input.kind == LAT_INPUT_IMAGE) {
        dataset->lowest = 0;
        dataset->highest = 1;
    } else if (dataset->shift || dataset->table) {
        dataset->lowest = -INFINITY;
        dataset->highest = INFINITY;
    }
    return status;
}

/* The options of a data object once more, this time kept in `arena`. */
static enum lat_status read_options(const struct lat_data_format *format,
                                    const struct lat_data_spec *data, struct lat_arena *arena,
                                    struct lat_data_options *out_options, struct lat_error *err)
{
    if (!data->options_json || !format->options)
        return LAT_OK;
    struct lat_document *document = NULL;
    enum lat_status status =
        lat_document_parse(data->options_json, strlen(data->options_json), &document, err);
    if (status == LAT_OK) {
        struct lat_fields fields;
        lat_fields_root(document, &fields, err);
        format->options(&fields, arena, out_options);
        status = lat_document_status(document);
    }
    lat_document_free(document);
    return status;
}

static enum lat_status binarise(struct lat_dataset *dataset, enum lat_binarise how,
                                struct lat_error *err)
{
    dataset->binarise = how;
    if (how <= LAT_BINARISE_NONE)
        return LAT_OK;
    if (dataset->shift || dataset->input.table)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/binarise: expected pictures or vectors, not a table");
    if (dataset->lowest < 0 || dataset->highest > 1)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/binarise: expected values in [0,1], not %g to %g",
                        (double)dataset->lowest, (double)dataset->highest);
    return LAT_OK;
}

enum lat_status lat_dataset_settle(struct lat_dataset *dataset,
                                   const struct lat_data_spec *data, struct lat_error *err)
{
    enum lat_status status = lat_buf_check(&dataset->gaps, err);
    if (status == LAT_OK)
        status = survey(dataset, err);
    return status == LAT_OK ? binarise(dataset, data->binarise, err) : status;
}

enum lat_status lat_dataset_open_as(const struct lat_data_spec *data,
                                    const struct lat_input_spec *as,
                                    struct lat_dataset *out_dataset, struct lat_error *err)
{
    const struct lat_data_format *format = lat_data_format_find(data->format);
    if (data->collection[0])
        return lat_fail(err, LAT_INVALID, "not_supported",
                        "the items of collection '%s' are trained on by the server that stores "
                        "them: POST /v1/jobs",
                        data->collection);
    if (as && as->kind == LAT_INPUT_SEQUENCE && strcmp(data->format, "csv") == 0)
        format = lat_data_format_find("sequences"); /* what a table is to such a model */
    if (!format || !format->open)
        return lat_fail(err, LAT_INVALID, "not_supported",
                        "data of the format '%s' cannot be read", data->format);
    struct lat_arena arena = {0};
    struct lat_data_options options = {0};
    struct lat_dataset dataset = {0};
    enum lat_status status = read_options(format, data, &arena, &options, err);
    if (data->size[0])
        memcpy(options.size, data->size, sizeof(options.size));
    if (data->channels)
        options.channels = data->channels;
    options.as = as;
    options.memory = (size_t)(data->memory_mib ? data->memory_mib : LAT_DATA_MEMORY_MIB) << 20;
    options.root = data->root[0] ? data->root : NULL;
    if (status == LAT_OK)
        status = format->open(data->path, &options, &dataset, err);
    lat_arena_release(&arena);
    if (status == LAT_OK)
        status = lat_dataset_settle(&dataset, data, err);
    if (status != LAT_OK) {
        lat_dataset_close(&dataset);
        lat_error_prefix(err, "data '%s'", data->path);
        return status;
    }
    *out_dataset = dataset;
    return LAT_OK;
}

enum lat_status lat_dataset_open(const struct lat_data_spec *data,
                                 struct lat_dataset *out_dataset, struct lat_error *err)
{
    return lat_dataset_open_as(data, NULL, out_dataset, err);
}

void lat_dataset_close(struct lat_dataset *dataset)
{
    if (dataset->source)
        dataset->source->close(dataset->state);
    lat_table_free(dataset->table);
    if (dataset->items)
        lat_words_release(dataset->items);
    lat_free(dataset->items);
    lat_free(dataset->bytes);
    lat_free(dataset->floats);
    lat_free(dataset->shift);
    lat_free(dataset->scale);
    lat_buf_release(&dataset->gaps);
    *dataset = (struct lat_dataset){0};
}

/* ---- reading ---- */

static void read_floats(const struct lat_dataset *dataset, const float *row, float *out)
{
    if (!dataset->standardised || !dataset->shift) {
        memcpy(out, row, dataset->elements * sizeof(float));
        return;
    }
    for (size_t j = 0; j < dataset->elements; j++)
        out[j] = (row[j] - dataset->shift[j]) / dataset->scale[j];
}

static enum lat_status read_item(const struct lat_dataset *dataset, uint32_t item, float *out,
                                 struct lat_error *err)
{
    const size_t width = dataset->elements, start = (size_t)item * width;
    if (dataset->source)
        return dataset->source->read(dataset, item, out, err);
    if (dataset->floats) {
        read_floats(dataset, dataset->floats + start, out);
        return LAT_OK;
    }
    const uint8_t *bytes = dataset->bytes + start;
    for (size_t j = 0; j < width; j++)
        out[j] = (float)bytes[j] / 255.0F;
    return LAT_OK;
}

/* The items as they are stored. */
static enum lat_status read_values(const struct lat_dataset *dataset, const uint32_t *indices,
                                   size_t n, float *out, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < n; i++, out += dataset->elements)
        status = read_item(dataset, indices[i], out, err);
    return status;
}

/* Ones with the probabilities that are there (Salakhutdinov & Murray 2008, section 5). */
static void draw(struct lat_rng *rng, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = lat_rng_uniform(rng) < (double)values[i] ? 1 : 0;
}

enum lat_status lat_dataset_read(const struct lat_dataset *dataset, const uint32_t *indices,
                                 size_t n, float *out, struct lat_error *err)
{
    const enum lat_status status = read_values(dataset, indices, n, out, err);
    if (dataset->binarise <= LAT_BINARISE_NONE)
        return status;
    for (size_t i = 0; status == LAT_OK && i < n; i++, out += dataset->elements) {
        struct lat_rng rng;
        lat_rng_seed(&rng, indices[i] ^ BINARISE_STREAM);
        draw(&rng, out, dataset->elements);
    }
    return status;
}

enum lat_status lat_dataset_read_anew(const struct lat_dataset *dataset,
                                      const uint32_t *indices, size_t n, struct lat_rng *rng,
                                      float *out, struct lat_error *err)
{
    if (dataset->binarise != LAT_BINARISE_STOCHASTIC)
        return lat_dataset_read(dataset, indices, n, out, err);
    const enum lat_status status = read_values(dataset, indices, n, out, err);
    if (status == LAT_OK)
        draw(rng, out, n * dataset->elements);
    return status;
}

void lat_dataset_fill(const struct lat_dataset *dataset, float *rows, size_t n)
{
    for (size_t i = 0; dataset->input.table && i < n; i++)
        lat_table_fill(dataset->input.table, rows + i * dataset->elements);
    for (size_t i = 0; dataset->input.ratings && i < n * dataset->elements; i++)
        rows[i] = isnan(rows[i]) ? 0 : rows[i];
}

enum lat_status lat_dataset_read_filled(const struct lat_dataset *dataset,
                                        const uint32_t *indices, size_t n, float *out,
                                        struct lat_error *err)
{
    const enum lat_status status = lat_dataset_read(dataset, indices, n, out, err);
    if (status == LAT_OK)
        lat_dataset_fill(dataset, out, n);
    return status;
}

/* ---- rows of bytes or floats in a file ---- */

struct stored {
    struct lat_row_store store;
    bool bytes;
};

static enum lat_status read_stored(const struct lat_dataset *dataset, uint32_t item, float *out,
                                   struct lat_error *err)
{
    const struct stored *stored = dataset->state;
    if (!stored->bytes)
        return lat_row_store_read(&stored->store, item, out, err);
    /* The bytes go to the end of `out`, from where they grow into floats. */
    uint8_t *bytes = (uint8_t *)(out + dataset->elements) - dataset->elements;
    const enum lat_status status = lat_row_store_read(&stored->store, item, bytes, err);
    for (size_t j = 0; status == LAT_OK && j < dataset->elements; j++)
        out[j] = (float)bytes[j] / 255.0F;
    return status;
}

static void close_stored(void *state)
{
    struct stored *stored = state;
    lat_row_store_release(&stored->store);
    lat_free(stored);
}

enum lat_status lat_dataset_adopt(struct lat_dataset *dataset, struct lat_row_store *store,
                                  bool bytes, struct lat_error *err)
{
    static const struct lat_row_source source = {read_stored, close_stored};
    if (store->n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "no item can be used; %s",
                        dataset->n_skipped ? dataset->first_skipped : "there are none");
    dataset->n = store->n;
    if (!store->in_file && bytes)
        dataset->bytes = lat_row_store_take(store);
    else if (!store->in_file)
        dataset->floats = lat_row_store_take(store);
    if (!store->in_file)
        return LAT_OK;
    struct stored *stored = lat_alloc(1, sizeof(*stored));
    if (!stored)
        return lat_fail_memory(err);
    *stored = (struct stored){.store = *store, .bytes = bytes};
    *store = (struct lat_row_store){.fd = -1};
    dataset->source = &source;
    dataset->state = stored;
    return LAT_OK;
}

/* ---- splitting ---- */

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

enum lat_status lat_dataset_hold_out(const struct lat_dataset *dataset, double share,
                                     uint64_t seed, uint32_t **out_indices,
                                     size_t *out_n_validation, struct lat_error *err)
{
    const size_t n_items = dataset->n;
    uint32_t *indices = lat_alloc_raw(n_items, sizeof(*indices));
    if (!indices)
        return lat_fail_memory(err);
    size_t held = (size_t)llround(share * (double)n_items);
    if (share > 0 && held == 0)
        held = 1;
    if (held >= n_items)
        held = n_items - 1;
    for (size_t i = 0; i < n_items; i++)
        indices[i] = (uint32_t)i;
    if (held && !dataset->ordered) {
        struct lat_rng rng;
        lat_rng_seed(&rng,
                     seed ^ UINT64_C(0x73706C6974)); /* not the stream that shuffles batches */
        lat_rng_shuffle(&rng, indices, n_items);
        qsort(indices, n_items - held, sizeof(*indices), by_value);
        qsort(indices + n_items - held, held, sizeof(*indices), by_value);
    }
    *out_indices = indices;
    *out_n_validation = held;
    return LAT_OK;
}
