/* GCC's vector types: eight lanes, four sums so that additions do not wait for each other. */
#include "base/vector.h"

#include "base/clones.h"

#include "base/banned.h"

enum { LANES = 8, STEP = 4 * LANES };

/* Rows lie at any float's address: loads must not assume more. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* What a comparison of lanes gives: all bits of a lane, or none. */
typedef int whether __attribute__((vector_size(LANES * sizeof(int))));

#define LOAD(p) (*(const lanes *)(p))
#define FOLD(s)                                                                                \
    (((s)[0] + (s)[4]) + ((s)[1] + (s)[5]) + (((s)[2] + (s)[6]) + ((s)[3] + (s)[7])))

LAT_CLONES float lat_vector_dot(const float *a, const float *b, size_t n)
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        s0 += LOAD(a + i) * LOAD(b + i);
        s1 += LOAD(a + i + LANES) * LOAD(b + i + LANES);
        s2 += LOAD(a + i + 2 * LANES) * LOAD(b + i + 2 * LANES);
        s3 += LOAD(a + i + 3 * LANES) * LOAD(b + i + 3 * LANES);
    }
    for (; i + LANES <= n; i += LANES)
        s0 += LOAD(a + i) * LOAD(b + i);
    const lanes s = (s0 + s1) + (s2 + s3);
    float sum = FOLD(s);
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

LAT_CLONES float lat_vector_l2sq(const float *a, const float *b, size_t n)
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        const lanes d0 = LOAD(a + i) - LOAD(b + i);
        const lanes d1 = LOAD(a + i + LANES) - LOAD(b + i + LANES);
        const lanes d2 = LOAD(a + i + 2 * LANES) - LOAD(b + i + 2 * LANES);
        const lanes d3 = LOAD(a + i + 3 * LANES) - LOAD(b + i + 3 * LANES);
        s0 += d0 * d0;
        s1 += d1 * d1;
        s2 += d2 * d2;
        s3 += d3 * d3;
    }
    for (; i + LANES <= n; i += LANES) {
        const lanes d0 = LOAD(a + i) - LOAD(b + i);
        s0 += d0 * d0;
    }
    const lanes s = (s0 + s1) + (s2 + s3);
    float sum = FOLD(s);
    for (; i < n; i++) {
        const float difference = a[i] - b[i];
        sum += difference * difference;
    }
    return sum;
}

LAT_CLONES void lat_vector_add(float *inout, const float *a, float factor, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        *(lanes *)(inout + i) += LOAD(a + i) * factor;
    for (; i < n; i++)
        inout[i] += a[i] * factor;
}

LAT_CLONES bool lat_vector_reaches(const float *a, float bound, size_t n)
{
    whether any = {0};
    size_t i = 0;
    int found = 0;
    for (; i + LANES <= n; i += LANES)
        any |= LOAD(a + i) >= (lanes){0} + bound;
    for (; i < n; i++)
        found |= a[i] >= bound;
    for (size_t lane = 0; lane < LANES; lane++)
        found |= any[lane];
    return found != 0;
}
