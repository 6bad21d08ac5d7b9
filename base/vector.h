/* Rows of floats: the loops that ranking and searching are made of. Any address, any length.
 * Sums run in eight lanes, so the last bits differ from the plain loop's; no state, any thread.
 */
#ifndef LAT_BASE_VECTOR_H
#define LAT_BASE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* The sum of a[i] b[i]. */
float lat_vector_dot(const float *a, const float *b, size_t n);

/* The sum of (a[i] - b[i])^2. */
float lat_vector_l2sq(const float *a, const float *b, size_t n);

/* inout[i] += factor a[i]. */
void lat_vector_add(float *inout, const float *a, float factor, size_t n);

/* Whether any a[i] >= bound; NaN is not. What is scanned for its best is mostly below. */
bool lat_vector_reaches(const float *a, float bound, size_t n);

#endif
