/* What a package compresses with: the prior of its codes, and of a transform what it sees. */
#ifndef LAT_MODEL_TRAIN_PRIOR_H
#define LAT_MODEL_TRAIN_PRIOR_H

#include "model/autoencoder.h"
#include "model/train/dataset/dataset.h"
#include "model/train/spec.h"

/* Encodes the items `indices[0..n)`, or as many of them as are enough, counts their codes and
 * writes FOLDER/code.prior; fills the manifest's compression. Codes too wide to be counted
 * number by number are left without a prior. */
enum lat_status lat_prior_publish(const struct lat_spec *spec, struct lat_model *model,
                                  const struct lat_dataset *dataset, const uint32_t *indices,
                                  size_t n, const char *folder,
                                  struct lat_manifest *inout_manifest,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
