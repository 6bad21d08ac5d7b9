/* A dataset put together item by item, for items that are in no file of ours.
 *
 *     lat_collected_begin(&collected, &input, &data, err);
 *     lat_collected_picture(&collected, "a", bytes, len, err);  ...
 *     lat_collected_end(&collected, &dataset, err);
 *     lat_collected_release(&collected);
 *
 * Rows beyond data->memory_mib stay in a file, as with any other format. An item that cannot be
 * used is counted with the dataset's others (n_skipped) and is no failure. One thread at a
 * time. */
#ifndef LAT_MODEL_TRAIN_DATASET_COLLECTED_H
#define LAT_MODEL_TRAIN_DATASET_COLLECTED_H

#include "model/train/dataset/dataset.h"
#include "model/train/dataset/store.h"

/* Zero-initialise. */
struct lat_collected {
    struct lat_dataset dataset; /* without its rows */
    struct lat_row_store store;
    const struct lat_data_spec *data; /* borrowed */
    bool begun;
    float *planes;  /* [elements], of the picture at hand */
    uint8_t *bytes; /* the same as it is stored */
};

/* `input`: pictures of width, height and channels, or vectors of dimension; what else stands in
 * it is not looked at. */
enum lat_status lat_collected_begin(struct lat_collected *collected,
                                    const struct lat_input_spec *input,
                                    const struct lat_data_spec *data,
                                    struct lat_error *err) LAT_MUST_USE;
/* The bytes of a picture's file; `name` is what it is called when it cannot be used. */
enum lat_status lat_collected_picture(struct lat_collected *collected, const char *name,
                                      const void *bytes, size_t len,
                                      struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_collected_vector(struct lat_collected *collected, const char *name,
                                     const float *values, size_t n,
                                     struct lat_error *err) LAT_MUST_USE;
/* An item of a kind that does not belong here. */
void lat_collected_skip(struct lat_collected *collected, const char *name, const char *why);
/* Hands the dataset over. LAT_INVALID when no item could be used. */
enum lat_status lat_collected_end(struct lat_collected *collected,
                                  struct lat_dataset *out_dataset,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_collected_release(struct lat_collected *collected);

#endif
