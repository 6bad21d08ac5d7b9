/* Opening through the table of formats, reading rows, splitting. The values' range and checksum
 * are taken once, after the format has filled the rows. */
#include "model/train/dataset/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train/dataset/arrays.h"

#include "base/banned.h"

/* Not the stream that shuffles, nor the one that splits. */
static const uint64_t BINARISE_STREAM = UINT64_C(0x62696E6172790000);

/* ---- opening ---- */

enum lat_status lat_dataset_reserve(struct lat_dataset *dataset, bool bytes,
                                    struct lat_error *err)
{
    size_t total;
    if (dataset->n == 0 || dataset->elements == 0)
        return lat_fail(err, LAT_INVALID, "empty", "there are no items in it");
    if (dataset->n > UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 items");
    if (!lat_mul_size(dataset->n, dataset->elements, &total))
        return lat_fail_memory(err);
    if (bytes)
        dataset->bytes = lat_alloc_raw(total, 1);
    else
        dataset->floats = lat_alloc_raw(total, sizeof(float));
    return dataset->bytes || dataset->floats ? LAT_OK : lat_fail_memory(err);
}

void lat_dataset_skip(struct lat_dataset *dataset, const char *fmt, ...)
{
    if (dataset->n_skipped++ > 0)
        return;
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(dataset->first_skipped, sizeof(dataset->first_skipped), fmt, arguments);
    va_end(arguments);
}

/* Range and checksum. Standardised data have a range without bounds: new rows may lie anywhere.
 */
static void survey(struct lat_dataset *dataset)
{
    const size_t total = dataset->n * dataset->elements;
    if (dataset->bytes) {
        dataset->crc = lat_crc32c(0, dataset->bytes, total);
        dataset->lowest = 0;
        dataset->highest = 1;
        return;
    }
    dataset->crc = lat_crc32c(0, dataset->floats, total * sizeof(float));
    dataset->lowest = dataset->shift ? -INFINITY : dataset->floats[0];
    dataset->highest = dataset->shift ? INFINITY : dataset->floats[0];
    for (size_t i = 0; !dataset->shift && i < total; i++) {
        dataset->lowest = fminf(dataset->lowest, dataset->floats[i]);
        dataset->highest = fmaxf(dataset->highest, dataset->floats[i]);
    }
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
    if (dataset->shift)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/binarise: expected pictures or vectors, not a table");
    if (dataset->lowest < 0 || dataset->highest > 1)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/binarise: expected values in [0,1], not %g to %g",
                        (double)dataset->lowest, (double)dataset->highest);
    return LAT_OK;
}

enum lat_status lat_dataset_open(const struct lat_data_spec *data,
                                 struct lat_dataset *out_dataset, struct lat_error *err)
{
    const struct lat_data_format *format = lat_data_format_find(data->format);
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
    if (status == LAT_OK)
        status = format->open(data->path, &options, &dataset, err);
    lat_arena_release(&arena);
    if (status == LAT_OK) {
        survey(&dataset);
        status = binarise(&dataset, data->binarise, err);
    }
    if (status != LAT_OK) {
        lat_dataset_close(&dataset);
        lat_error_prefix(err, "data '%s'", data->path);
        return status;
    }
    *out_dataset = dataset;
    return LAT_OK;
}

void lat_dataset_close(struct lat_dataset *dataset)
{
    lat_free(dataset->bytes);
    lat_free(dataset->floats);
    lat_free(dataset->shift);
    lat_free(dataset->scale);
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

/* The items as they are stored. */
static void read_values(const struct lat_dataset *dataset, const uint32_t *indices, size_t n,
                        float *out)
{
    const size_t width = dataset->elements;
    for (size_t i = 0; i < n; i++, out += width) {
        const size_t start = (size_t)indices[i] * width;
        if (dataset->floats) {
            read_floats(dataset, dataset->floats + start, out);
            continue;
        }
        const uint8_t *bytes = dataset->bytes + start;
        for (size_t j = 0; j < width; j++)
            out[j] = (float)bytes[j] / 255.0F;
    }
}

/* Ones with the probabilities that are there (Salakhutdinov & Murray 2008, section 5). */
static void draw(struct lat_rng *rng, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = lat_rng_uniform(rng) < (double)values[i] ? 1 : 0;
}

void lat_dataset_read(const struct lat_dataset *dataset, const uint32_t *indices, size_t n,
                      float *out)
{
    read_values(dataset, indices, n, out);
    if (dataset->binarise <= LAT_BINARISE_NONE)
        return;
    for (size_t i = 0; i < n; i++, out += dataset->elements) {
        struct lat_rng rng;
        lat_rng_seed(&rng, indices[i] ^ BINARISE_STREAM);
        draw(&rng, out, dataset->elements);
    }
}

void lat_dataset_read_anew(const struct lat_dataset *dataset, const uint32_t *indices, size_t n,
                           struct lat_rng *rng, float *out)
{
    if (dataset->binarise != LAT_BINARISE_STOCHASTIC) {
        lat_dataset_read(dataset, indices, n, out);
        return;
    }
    read_values(dataset, indices, n, out);
    draw(rng, out, n * dataset->elements);
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

enum lat_status lat_dataset_split(size_t n_items, double share, uint64_t seed,
                                  uint32_t **out_indices, size_t *out_n_validation,
                                  struct lat_error *err)
{
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
    if (held) {
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
