/* Principal components: the best linear autoencoder, the yardstick of every other one, and a
 * method of its own. */
#ifndef LAT_MODEL_TRAIN_PCA_H
#define LAT_MODEL_TRAIN_PCA_H

#include <stdatomic.h>

#include "model/train/dataset/dataset.h"
#include "model/train/measure.h"

struct lat_pca {
    size_t elements, width;
    float *mean;       /* [elements] */
    float *components; /* [width][elements], orthonormal, largest variance first */
    double *variances; /* [width] */
};

/* Fits to the rows `indices[0..n)`, in double precision. `width` is cut to what the rows can
 * give: min(elements, n). Neither more than 8192 elements nor more than 8192 rows at the same
 * time: LAT_TOO_LARGE. LAT_CANCELLED soon after `abandon` (may be NULL) has come true, but for
 * the time that the eigenvectors take. */
enum lat_status lat_pca_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                            size_t n, size_t width, const atomic_bool *abandon,
                            struct lat_pca *out_pca, struct lat_error *err) LAT_MUST_USE;
void lat_pca_release(struct lat_pca *pca);

/* Squared error of reconstruction, summed over an item's elements and averaged over the rows;
 * the missing cells of tables are left out. With noise (else NULL) what is projected has it,
 * and is compared with the clean rows. */
enum lat_status lat_pca_error(const struct lat_pca *pca, const struct lat_dataset *dataset,
                              const uint32_t *indices, size_t n,
                              const struct lat_measure_noise *noise, double *out_squared_error,
                              struct lat_error *err) LAT_MUST_USE;

#endif
