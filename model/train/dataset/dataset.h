/* A dataset in memory: n items of `elements` numbers, whatever file it came from.
 *
 * Pictures are kept as bytes (a pixel a byte, channel planes one after the other) and given out
 * as floats in [0,1]; everything else is kept as floats and given out as it is. Immutable once
 * open: any number of threads may read it. */
#ifndef LAT_MODEL_TRAIN_DATASET_DATASET_H
#define LAT_MODEL_TRAIN_DATASET_DATASET_H

#include "base/rng.h"
#include "model/train/spec.h"

struct lat_dataset {
    struct lat_input_spec input; /* what an item is; layout FLAT, mean 0, std 1 */
    size_t n;                    /* items */
    size_t elements;             /* numbers an item */
    uint8_t *bytes;              /* [n][elements], or NULL */
    float *floats;               /* [n][elements], or NULL */
    float *shift, *scale;        /* [elements], or NULL: a model of these data sees
                                  * (value - shift) / scale (standardised columns) */
    bool standardised;           /* lat_dataset_read applies them; false once opened */
    enum lat_binarise binarise;  /* items are given out as zeroes and ones drawn from them */
    float lowest, highest;       /* over all values, as given out */
    size_t n_skipped;            /* items of the file that could not be used */
    char first_skipped[256];     /* which was the first, and why; "" if none */
    uint32_t crc;                /* CRC-32C of all values */
};

/* Reads everything the data object names. Errors carry the file and, where there is one, the
 * row. */
enum lat_status lat_dataset_open(const struct lat_data_spec *data,
                                 struct lat_dataset *out_dataset,
                                 struct lat_error *err) LAT_MUST_USE;
void lat_dataset_close(struct lat_dataset *dataset);

/* Items `indices[0..n)` into `out` [n][elements]. Binarised ones are drawn from a stream that
 * the item's number alone decides: the same item is the same draw, whoever asks. */
void lat_dataset_read(const struct lat_dataset *dataset, const uint32_t *indices, size_t n,
                      float *out);

/* The same for a training step: what is LAT_BINARISE_STOCHASTIC is drawn from `rng`, the rest
 * does not touch it. */
void lat_dataset_read_anew(const struct lat_dataset *dataset, const uint32_t *indices, size_t n,
                           struct lat_rng *rng, float *out);

/* The held-out part: *out_indices (the caller's, lat_free) gets all n_items indices, the first
 * n_items - *out_n_validation of them for training, the rest for validation, each part
 * ascending. Both depend on (n_items, share, seed) alone. A share of 0 holds nothing out; any
 * other at least one item and not all. */
enum lat_status lat_dataset_split(size_t n_items, double share, uint64_t seed,
                                  uint32_t **out_indices, size_t *out_n_validation,
                                  struct lat_error *err) LAT_MUST_USE;

/* Labels for judging searches: a rank-1 IDX or NPY file of whole numbers, or text with one
 * label a line. Equal labels get equal numbers, in other files too. *out_labels is the caller's
 * (lat_free). */
enum lat_status lat_labels_read(const char *path, uint32_t **out_labels, size_t *out_n,
                                struct lat_error *err) LAT_MUST_USE;

#endif
