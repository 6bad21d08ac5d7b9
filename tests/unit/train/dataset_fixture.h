/* Files of data in the test's folder, opened and looked into. */
#ifndef LAT_TESTS_UNIT_TRAIN_DATASET_FIXTURE_H
#define LAT_TESTS_UNIT_TRAIN_DATASET_FIXTURE_H

#include "model/train/dataset/dataset.h"

/* Writes a file of the test's folder; its path, in storage of test_path. */
const char *put(const char *name, const void *bytes, size_t len);
const char *put_text(const char *name, const char *text);

/* A data object for a file of the folder with further members; until the next call. */
const char *object(const char *name, const char *members);

/* Opens a path, or a data object in JSON. */
enum lat_status open_as(const char *text, struct lat_dataset *out, struct lat_error *err);
/* Asserts that it opens. */
struct lat_dataset opened(const char *text);
/* Asserts that it does not. */
struct lat_error refused(const char *text);

/* One number of one item of at most 64. */
float value(const struct lat_dataset *dataset, uint32_t item, size_t element);

#endif
