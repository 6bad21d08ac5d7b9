/* A dataset: n items of `elements` numbers, whatever file it came from.
 *
 * Pictures are kept as bytes (a pixel a byte, channel planes one after the other) and given out
 * as floats in [0,1]; tables as cells, histories as lists of items; everything else as floats,
 * given out as it is. What is larger than data.memory is read from a file, item by item, in
 * whatever order it is asked for: the order of a training does not depend on where the data
 * are. Immutable once open: any number of threads may read it. */
#ifndef LAT_MODEL_TRAIN_DATASET_DATASET_H
#define LAT_MODEL_TRAIN_DATASET_DATASET_H

#include "base/buf.h"
#include "base/rng.h"
#include "model/train/spec.h"

struct lat_dataset;

/* Rows that are made when they are read. */
struct lat_row_source {
    enum lat_status (*read)(const struct lat_dataset *dataset, uint32_t item, float *out,
                            struct lat_error *err);
    void (*close)(void *state);
};

struct lat_dataset {
    struct lat_input_spec input;         /* what an item is; layout FLAT, mean 0, std 1 */
    size_t n;                            /* items */
    size_t elements;                     /* numbers an item */
    uint8_t *bytes;                      /* [n][elements], or NULL */
    float *floats;                       /* [n][elements], or NULL */
    const struct lat_row_source *source; /* where neither: what makes the rows, */
    void *state;                         /* and what it makes them from; owned */
    struct lat_table *table;             /* input.table and input.items; owned, or NULL */
    struct lat_words *items;
    float *shift, *scale;       /* [elements], or NULL: a model of these data sees
                                 * (value - shift) / scale (standardised columns) */
    bool standardised;          /* lat_dataset_read applies them; false once opened */
    enum lat_binarise binarise; /* items are given out as zeroes and ones drawn from them */
    float lowest, highest;      /* over all values, as given out */
    size_t n_skipped;           /* items of the file that could not be used */
    char first_skipped[256];    /* which was the first, and why; "" if none */
    size_t n_met;               /* items of the file met so far, while it is read */
    struct lat_buf gaps;        /* uint64_t, ascending: which of them could not be used */
    uint32_t crc;               /* CRC-32C of all values */
    bool ordered;               /* in time: the last items are held out, not any */
    bool surveyed;              /* lowest, highest and crc are there */
};

/* Opens what the data object names. Errors carry the file and, where there is one, the row. */
enum lat_status lat_dataset_open(const struct lat_data_spec *data,
                                 struct lat_dataset *out_dataset,
                                 struct lat_error *err) LAT_MUST_USE;
/* The same for a model that takes `as` (borrowed while the dataset is open): tables have its
 * columns, found by their names, and its means; histories its vocabulary; where it takes
 * vectors the numbers of a table are taken as they are. Pictures come in the data's own size.
 */
enum lat_status lat_dataset_open_as(const struct lat_data_spec *data,
                                    const struct lat_input_spec *as,
                                    struct lat_dataset *out_dataset,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_dataset_close(struct lat_dataset *dataset);

/* Items `indices[0..n)` into `out` [n][elements]; the elements of a table's missing cells are
 * NaN. Binarised ones are drawn from a stream that the item's number alone decides: the same
 * item is the same draw, whoever asks. Fails only where the rows come from a file. */
enum lat_status lat_dataset_read(const struct lat_dataset *dataset, const uint32_t *indices,
                                 size_t n, float *out, struct lat_error *err) LAT_MUST_USE;

/* The number an item has in its file, where items that cannot be used have theirs too. */
size_t lat_dataset_place(const struct lat_dataset *dataset, size_t item);

/* Missing cells of `n` rows become what a network gets for them. */
void lat_dataset_fill(const struct lat_dataset *dataset, float *rows, size_t n);
/* lat_dataset_read and lat_dataset_fill. */
enum lat_status lat_dataset_read_filled(const struct lat_dataset *dataset,
                                        const uint32_t *indices, size_t n, float *out,
                                        struct lat_error *err) LAT_MUST_USE;

/* The same for a training step: what is LAT_BINARISE_STOCHASTIC is drawn from `rng`, the rest
 * does not touch it. */
enum lat_status lat_dataset_read_anew(const struct lat_dataset *dataset,
                                      const uint32_t *indices, size_t n, struct lat_rng *rng,
                                      float *out, struct lat_error *err) LAT_MUST_USE;

/* The held-out part: *out_indices (the caller's, lat_free) gets all n indices of the dataset,
 * the first n - *out_n_validation of them for training, the rest for validation, each part
 * ascending. Both depend on (n, share, seed) alone; of a dataset in the order of time the last
 * items are the part held out. A share of 0 holds nothing out; any other at least one item and
 * not all. */
enum lat_status lat_dataset_hold_out(const struct lat_dataset *dataset, double share,
                                     uint64_t seed, uint32_t **out_indices,
                                     size_t *out_n_validation,
                                     struct lat_error *err) LAT_MUST_USE;

/* Labels for judging searches: a rank-1 IDX or NPY file of whole numbers, or text with one
 * label a line. Equal labels get equal numbers, in other files too. *out_labels is the caller's
 * (lat_free). */
enum lat_status lat_labels_read(const char *path, uint32_t **out_labels, size_t *out_n,
                                struct lat_error *err) LAT_MUST_USE;

#endif
