/* How far a fresh model's imputations lie off, on cells that are there and hidden from it. */
#ifndef LAT_MODEL_TRAIN_IMPUTE_FIT_H
#define LAT_MODEL_TRAIN_IMPUTE_FIT_H

#include "model/impute.h"
#include "model/train/dataset/dataset.h"

/* Hides cells of the items `indices[0..n)` (at most some thousands of cells, drawn by `seed`)
 * so that rows have as many holes as those of the data have, of complete data from one to half
 * of the columns, and fits every method the model has. *out_calibration is new
 * (lat_impute_calibration_free); NULL for a model that does not impute. */
enum lat_status lat_impute_fit(struct lat_model *model, const struct lat_dataset *dataset,
                               const uint32_t *indices, size_t n, uint64_t seed,
                               struct lat_impute_calibration **out_calibration,
                               struct lat_error *err) LAT_MUST_USE;

#endif
