/* Patches cut out of pictures: what a network that runs on pictures of any size learns from.
 * Private to the folder. */
#ifndef LAT_MODEL_TRAIN_DATASET_PATCHES_H
#define LAT_MODEL_TRAIN_DATASET_PATCHES_H

#include "base/rng.h"
#include "model/image.h"
#include "model/train/dataset/formats.h"
#include "model/train/dataset/store.h"

/* Adds options->patches rows of `input`'s size to `store`, cut at places drawn from `rng`, half
 * of them mirrored; the picture is made smaller first, so that its shorter side is one of
 * options->shorter, in turn. LAT_INVALID for a picture smaller than a patch. */
enum lat_status lat_patches_add(const struct lat_image *image,
                                const struct lat_data_options *options,
                                const struct lat_input_spec *input, struct lat_rng *rng,
                                struct lat_row_store *store,
                                struct lat_error *err) LAT_MUST_USE;

#endif
