/* Errors as evenly spaced quantiles: 1001 numbers stand for any number of items.
 *
 * Quantile k of m is the sorted error at position k * (n - 1) / (m - 1), interpolated; sets
 * smaller than m are kept whole. The p-value's +1 above and below is Davison & Hinkley (1997),
 * section 4.2: never 0, and valid at any n. */
#include "model/calibration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static int ascending(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

enum lat_status lat_calibration_fit(float *errors, size_t n, const char *id,
                                    struct lat_calibration *out, struct lat_error *err)
{
    if (n == 0)
        return lat_fail(err, LAT_INVALID, NULL, "a calibration needs at least one item");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(errors[i]) || errors[i] < 0.0F)
            return lat_fail(err, LAT_INVALID, NULL,
                            "the error of item %zu is not a finite number", i);
    qsort(errors, n, sizeof(*errors), ascending);
    const size_t most = LAT_ARRAY_LEN(out->quantiles);
    const size_t m = n < 2 ? 2 : n < most ? n : most;
    *out = (struct lat_calibration){.present = true, .n = n, .n_quantiles = m};
    snprintf(out->id, sizeof(out->id), "%s", id);
    for (size_t k = 0; k < m; k++) {
        const double at = (double)k * (double)(n - 1) / (double)(m - 1);
        const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : n - 1;
        const double share = at - (double)low;
        out->quantiles[k] =
            (float)((1.0 - share) * (double)errors[low] + share * (double)errors[high]);
    }
    return LAT_OK;
}

/* The last quantile below `error`; the caller knows there is one and that it is not the last.
 */
static size_t last_below(const struct lat_calibration *calibration, float error)
{
    size_t low = 0, high = calibration->n_quantiles - 1;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (calibration->quantiles[middle] < error)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double lat_calibration_p_value(const struct lat_calibration *calibration, float error)
{
    if (!calibration->present || calibration->n_quantiles < 2)
        return NAN;
    const double n = (double)calibration->n;
    const size_t last = calibration->n_quantiles - 1;
    const float *q = calibration->quantiles;
    if (error <= q[0])
        return 1.0;
    if (!(error <= q[last]))
        return 1.0 / (1.0 + n);
    const size_t k = last_below(calibration, error);
    const double width = (double)q[k + 1] - (double)q[k];
    const double share = width > 0.0 ? ((double)error - (double)q[k]) / width : 0.0;
    const double below = ((double)k + share) / (double)last;
    return (1.0 + n * (1.0 - below)) / (1.0 + n);
}
