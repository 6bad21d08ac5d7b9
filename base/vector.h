/* Rows of floats: the loops that ranking is made of. Any address, any length. */
#ifndef LAT_BASE_VECTOR_H
#define LAT_BASE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* The sum of a[i] b[i]. */
float lat_vector_dot(const float *a, const float *b, size_t n);

/* inout[i] += factor a[i]. */
void lat_vector_add(float *inout, const float *a, float factor, size_t n);

/* Whether any a[i] >= bound; NaN is not. What is scanned for its best is mostly below. */
bool lat_vector_reaches(const float *a, float bound, size_t n);

#endif
