/* Scores by the kernels of base/vector.h; distances, which people see, by plain loops with
 * double sums. */
#include "index/distance.h"

#include <math.h>

#include "base/vector.h"

#include "base/banned.h"

float lat_score(enum lat_distance metric, const float *a, const float *b, size_t d)
{
    return metric == LAT_DISTANCE_IP ? -lat_vector_dot(a, b, d) : lat_vector_l2sq(a, b, d);
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
