/* EASE: a linear autoencoder over histories without hidden units, in closed form (Steck 2019,
 * "Embarrassingly shallow autoencoders for sparse data", eq. 8). With G the Gram matrix of the
 * histories and P = (G + ridge I)⁻¹ the weights are B[i][j] = -P[i][j] / P[j][j] and 0 on the
 * diagonal: no item speaks for itself. The score of item j for a history x is the sum over its
 * items of x[i] B[i][j]. */
#ifndef LAT_MODEL_TRAIN_EASE_H
#define LAT_MODEL_TRAIN_EASE_H

#include <stdatomic.h>

#include "model/train/dataset/dataset.h"

/* The table is items x items, twice in double precision while it is inverted. */
enum { LAT_EASE_ITEMS_MAX = 20000 };

/* Weights [elements][elements] of the histories `indices[0..n)`; the caller's (lat_free).
 * `abandon` (may be NULL) ends it between the large steps with LAT_CANCELLED. LAT_TOO_LARGE
 * past LAT_EASE_ITEMS_MAX items; LAT_INVALID for data that are no histories. */
enum lat_status lat_ease_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                             size_t n, double ridge, const atomic_bool *abandon,
                             float **out_weights, struct lat_error *err) LAT_MUST_USE;

/* FOLDER/encoder.onnx, which gives a history as it is, and FOLDER/decoder.onnx, one product
 * with the weights; tensors named as by lat_step_export. */
enum lat_status lat_ease_export(const float *weights, size_t n_items, const char *folder,
                                struct lat_error *err) LAT_MUST_USE;

#endif
