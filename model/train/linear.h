/* Linear algebra over BLAS and LAPACK; linear.c is the only file that knows them. Matrices are
 * row-major. Any number of threads may call. */
#ifndef LAT_MODEL_TRAIN_LINEAR_H
#define LAT_MODEL_TRAIN_LINEAR_H

#include "base/status.h"

/* out [m][n] = a [m][k] * b [k][n]; `transposed_b`: b is [n][k]. */
void lat_linear_multiply(const float *a, const float *b, bool transposed_b, size_t m, size_t n,
                         size_t k, float *out);

/* inout_gram [d][d] (upper triangle) += rowsᵀ rows, rows being [n][d]. */
void lat_linear_add_gram(const double *rows, size_t n, size_t d, double *inout_gram);

/* The inverse of a symmetric positive definite matrix in its place: both are the upper triangle
 * of [d][d], what lies below it is undefined. LAT_INVALID when it is not positive definite. */
enum lat_status lat_linear_invert(double *inout_matrix, size_t d,
                                  struct lat_error *err) LAT_MUST_USE;

/* The same of a small matrix, of some dozens of rows, in this thread: packed, the upper
 * triangle row by row without what lies below it, [d (d + 1) / 2]. scratch: [d]. */
enum lat_status lat_linear_invert_packed(double *inout_matrix, size_t d, double *scratch,
                                         struct lat_error *err) LAT_MUST_USE;

/* out [d] = a [d][d] * x [d], a symmetric and packed. */
void lat_linear_multiply_packed(const double *a, const double *x, size_t d, double *out);

/* The `k` largest eigenvalues of a symmetric matrix (upper triangle of [d][d], destroyed),
 * largest first, into out_values [k] and their unit vectors into out_vectors [k][d]. The sign
 * is such that the entry of largest magnitude is positive. */
enum lat_status lat_linear_eigen(double *inout_matrix, size_t d, size_t k, double *out_values,
                                 double *out_vectors, struct lat_error *err) LAT_MUST_USE;

#endif
