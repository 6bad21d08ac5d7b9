/* Calibrating a model that is there on data it was not trained on. */
#ifndef LAT_MODEL_TRAIN_CALIBRATE_H
#define LAT_MODEL_TRAIN_CALIBRATE_H

#include "model/autoencoder.h"
#include "model/train/dataset/dataset.h"

/* Runs at most 10,000 items of the dataset, evenly spaced, through the model; their scores
 * become the calibration and what they look like the portrait of the package in `folder`, both
 * files replaced atomically. out_calibration says what was fitted; its id is
 * "calibrate-" and a checksum of the scores. What is loaded already stays as it is. */
enum lat_status lat_calibrate(struct lat_model *model, const struct lat_dataset *dataset,
                              const char *folder, struct lat_calibration *out_calibration,
                              struct lat_error *err) LAT_MUST_USE;

#endif
