/* Factor analysis: the linear autoencoder for tables with holes, and the yardstick of
 * imputation as principal components are that of reconstruction. A row is
 *
 *     x = mean + loadingsᵀ z + noise,   z ~ N(0, I),   noise_c ~ N(0, variance_c)
 *
 * with a variance of its own for every element. Fitted by expectation maximisation (Rubin &
 * Thayer 1982) on what is observed of each row, the rest being integrated out (Ghahramani &
 * Jordan 1994, section 3), so that nothing has to be filled in. */
#ifndef LAT_MODEL_TRAIN_FACTORS_H
#define LAT_MODEL_TRAIN_FACTORS_H

#include <stdatomic.h>

#include "model/train/dataset/dataset.h"

enum { LAT_FACTORS_ROWS_MAX = 50000 };

struct lat_factors {
    size_t elements, width;
    float *mean;     /* [elements] */
    float *loadings; /* [width][elements], those that tell most about a row first */
    float *scores;   /* [width][elements]: E[z | x] = scores (x - mean), of a whole row */
    float *noise;    /* [elements]: variances */
};

/* Fits to the rows `indices[0..n)`, NaN where an element is missing; of more than
 * LAT_FACTORS_ROWS_MAX to so many, evenly spread. LAT_INVALID out_of_range for more factors
 * than elements; LAT_TOO_LARGE where elements * width² / 2 is beyond 2^24; LAT_CANCELLED soon
 * after `abandon` (may be NULL) has come true. The same seed gives the same factors. */
enum lat_status lat_factors_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                                size_t n, size_t width, uint64_t seed,
                                const atomic_bool *abandon, struct lat_factors *out_factors,
                                struct lat_error *err) LAT_MUST_USE;
void lat_factors_release(struct lat_factors *factors);

#endif
