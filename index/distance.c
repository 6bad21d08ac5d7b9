/* Hot loops in GCC's vector types: eight lanes, four sums so that additions do not wait for
 * each other. The loader picks the AVX2 clone where the machine has it; otherwise the compiler
 * splits the lanes. Sanitized builds have no clones: the loader runs the choice before their
 * run-time is up. */
#include "index/distance.h"

#include <math.h>

#include "base/banned.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__)
#define CLONES
#elif defined(__clang__)
#define CLONES
#else
#define CLONES __attribute__((target_clones("avx2", "default")))
#endif

enum { LANES = 8, STEP = 4 * LANES };

/* Rows lie at any float's address: loads must not assume more. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#define LOAD(p) (*(const lanes *)(p))
#define FOLD(s)                                                                                \
    (((s)[0] + (s)[4]) + ((s)[1] + (s)[5]) + (((s)[2] + (s)[6]) + ((s)[3] + (s)[7])))

CLONES float lat_l2sq(const float *a, const float *b, size_t d)
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + STEP <= d; i += STEP) {
        const lanes d0 = LOAD(a + i) - LOAD(b + i);
        const lanes d1 = LOAD(a + i + LANES) - LOAD(b + i + LANES);
        const lanes d2 = LOAD(a + i + 2 * LANES) - LOAD(b + i + 2 * LANES);
        const lanes d3 = LOAD(a + i + 3 * LANES) - LOAD(b + i + 3 * LANES);
        s0 += d0 * d0;
        s1 += d1 * d1;
        s2 += d2 * d2;
        s3 += d3 * d3;
    }
    for (; i + LANES <= d; i += LANES) {
        const lanes d0 = LOAD(a + i) - LOAD(b + i);
        s0 += d0 * d0;
    }
    const lanes s = (s0 + s1) + (s2 + s3);
    float sum = FOLD(s);
    for (; i < d; i++) {
        const float difference = a[i] - b[i];
        sum += difference * difference;
    }
    return sum;
}

CLONES float lat_dot(const float *a, const float *b, size_t d)
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + STEP <= d; i += STEP) {
        s0 += LOAD(a + i) * LOAD(b + i);
        s1 += LOAD(a + i + LANES) * LOAD(b + i + LANES);
        s2 += LOAD(a + i + 2 * LANES) * LOAD(b + i + 2 * LANES);
        s3 += LOAD(a + i + 3 * LANES) * LOAD(b + i + 3 * LANES);
    }
    for (; i + LANES <= d; i += LANES)
        s0 += LOAD(a + i) * LOAD(b + i);
    const lanes s = (s0 + s1) + (s2 + s3);
    float sum = FOLD(s);
    for (; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

float lat_score(enum lat_distance metric, const float *a, const float *b, size_t d)
{
    return metric == LAT_DISTANCE_IP ? -lat_dot(a, b, d) : lat_l2sq(a, b, d);
}

double lat_l2sq_plain(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        const double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    return sum;
}

double lat_dot_plain(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

float lat_distance_between(enum lat_distance metric, const float *a, const float *b, size_t d)
{
    switch (metric) {
    case LAT_DISTANCE_IP:
        return (float)-lat_dot_plain(a, b, d);
    case LAT_DISTANCE_COSINE:
        return (float)(lat_l2sq_plain(a, b, d) / 2);
    case LAT_DISTANCE_L2:
        break;
    }
    return (float)sqrt(lat_l2sq_plain(a, b, d));
}

bool lat_unit_length(const float *in, float *out, size_t d)
{
    const double length = sqrt(lat_dot_plain(in, in, d));
    if (!(length > 0))
        return false;
    for (size_t i = 0; i < d; i++)
        out[i] = (float)((double)in[i] / length);
    return true;
}

enum lat_status lat_code_check(enum lat_distance metric, const float *code, size_t d,
                               struct lat_error *err)
{
    bool zero = true;
    for (size_t i = 0; i < d; i++) {
        if (!(fabsf(code[i]) <= LAT_CODE_ABS_MAX))
            return lat_fail(
                err, LAT_INVALID, "bad_code",
                "element %zu of the code is %g: finite numbers up to 1e15 are taken", i,
                (double)code[i]);
        zero = zero && code[i] == 0;
    }
    if (zero && metric == LAT_DISTANCE_COSINE)
        return lat_fail(err, LAT_INVALID, "zero_code",
                        "a code of zeros has no direction: cosine distance is not defined");
    return LAT_OK;
}
