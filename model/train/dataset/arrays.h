/* What the formats of numeric arrays offer one another and the table. Private to the folder. */
#ifndef LAT_MODEL_TRAIN_DATASET_ARRAYS_H
#define LAT_MODEL_TRAIN_DATASET_ARRAYS_H

#include "model/train/dataset/formats.h"

/* Whether what reads them takes rank 3 as steps of a sequence. */
static inline bool lat_takes_steps(const struct lat_data_options *options)
{
    return options->as && options->as->kind == LAT_INPUT_SEQUENCE;
}

/* The bytes of a whole file told apart by its head, and its array: borrowed from `bytes`. */
bool lat_idx_is(const void *bytes, size_t len);
enum lat_status lat_idx_parse(const void *bytes, size_t len, struct lat_raw_array *out_array,
                              struct lat_error *err) LAT_MUST_USE;
bool lat_npy_is(const void *bytes, size_t len);
enum lat_status lat_npy_parse(const void *bytes, size_t len, struct lat_raw_array *out_array,
                              struct lat_error *err) LAT_MUST_USE;

/* The rows of the table, in formats.c. */
bool lat_idx_matches(const char *path);
bool lat_npy_matches(const char *path);
bool lat_npz_matches(const char *path);
bool lat_csv_matches(const char *path);
bool lat_images_matches(const char *path);

void lat_npz_options(struct lat_fields *data, struct lat_arena *arena,
                     struct lat_data_options *out_options);
void lat_csv_options(struct lat_fields *data, struct lat_arena *arena,
                     struct lat_data_options *out_options);
void lat_images_options(struct lat_fields *data, struct lat_arena *arena,
                        struct lat_data_options *out_options);

enum lat_status lat_idx_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_npy_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_npz_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_csv_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err) LAT_MUST_USE;
void lat_interactions_options(struct lat_fields *data, struct lat_arena *arena,
                              struct lat_data_options *out_options);
/* The keys of all text tables: missing, separator, header. */
void lat_text_options(struct lat_fields *data, struct lat_arena *arena,
                      struct lat_data_options *out_options);
enum lat_status lat_interactions_open(const char *path, const struct lat_data_options *options,
                                      struct lat_dataset *dataset,
                                      struct lat_error *err) LAT_MUST_USE;
void lat_sequences_options(struct lat_fields *data, struct lat_arena *arena,
                           struct lat_data_options *out_options);
enum lat_status lat_sequences_open(const char *path, const struct lat_data_options *options,
                                   struct lat_dataset *dataset,
                                   struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_images_open(const char *path, const struct lat_data_options *options,
                                struct lat_dataset *dataset,
                                struct lat_error *err) LAT_MUST_USE;

#endif
