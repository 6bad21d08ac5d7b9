/* Distances between codes, which every search stands on.
 *
 * Two notions. A *score* is what searching compares: smaller is nearer, cheap to compute (no
 * root). A *distance* is what a person sees (store.h), computed with double sums from the same
 * rows.
 *
 *     metric   rows in memory   score            distance
 *     l2       as they came     |a - b|^2        sqrt(score)
 *     cosine   unit length      |a - b|^2        score / 2, which is 1 - cos(a, b)
 *     ip       as they came     -<a, b>          score
 *
 * Cosine over unit rows as half a squared difference keeps the digits that 1 - <a, b> loses
 * when the angle is small, and is exactly 0 for a row and itself. No state; any thread. */
#ifndef LAT_INDEX_DISTANCE_H
#define LAT_INDEX_DISTANCE_H

#include "index/store.h"

/* The largest absolute value a code may hold: squares of differences of 65536 such numbers
 * still add up inside a float. */
#define LAT_CODE_ABS_MAX 1e15F

#ifdef __cplusplus
extern "C" {
#endif

/* a, b: [d]. The score of the table above, by base/vector.h. */
float lat_score(enum lat_distance metric, const float *a, const float *b, size_t d);

/* The plain loops with double sums: the reference the kernels are tested against, and the
 * distances that leave the store. */
double lat_l2sq_plain(const float *a, const float *b, size_t d);
double lat_dot_plain(const float *a, const float *b, size_t d);
float lat_distance_between(enum lat_distance metric, const float *a, const float *b, size_t d);

/* out[d] = in / |in|; false when |in| is 0 (then out is untouched). in may be out. */
bool lat_unit_length(const float *in, float *out, size_t d);

#ifdef __cplusplus
}
#endif

/* LAT_INVALID for NaN, infinity, a value over LAT_CODE_ABS_MAX, and, under cosine, a code of
 * length zero, which has no direction. Words name the element. */
enum lat_status lat_code_check(enum lat_distance metric, const float *code, size_t d,
                               struct lat_error *err) LAT_MUST_USE;

#endif
