/* A dataset's items as rows of a model, in the model's own layout. */
#ifndef LAT_MODEL_TRAIN_ROWS_H
#define LAT_MODEL_TRAIN_ROWS_H

#include "model/package.h"
#include "model/train/dataset/dataset.h"

struct lat_rows {
    const struct lat_manifest *manifest; /* borrowed */
    const struct lat_dataset *dataset;   /* borrowed */
    uint32_t *sources; /* [elements]: which element of an item each of a row is */
    float *items;      /* [batch][elements] */
    size_t batch;
};

/* Room for `batch` rows a read. LAT_INVALID when the data do not fit the model's input, naming
 * both. To be released in either case. */
enum lat_status lat_rows_init(struct lat_rows *rows, const struct lat_manifest *manifest,
                              const struct lat_dataset *dataset, size_t batch,
                              struct lat_error *err) LAT_MUST_USE;
void lat_rows_release(struct lat_rows *rows);

/* Items `indices[0..n)`, n at most `batch`, into out [n][elements], as the network sees them
 * (but for the missing cells of a table, which are NaN). */
enum lat_status lat_rows_read(struct lat_rows *rows, const uint32_t *indices, size_t n,
                              float *out, struct lat_error *err) LAT_MUST_USE;

/* The same of items at hand, such as rows->items with noise. */
void lat_rows_lay_out(const struct lat_rows *rows, const float *items, size_t n, float *out);

#endif
