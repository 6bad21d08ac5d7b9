/* Scores as evenly spaced quantiles: 4097 numbers stand for any number of items.
 *
 * Quantile k of m is the sorted score at position k (n - 1) / (m - 1), interpolated; sets
 * smaller than m are kept whole, and then everything below is a count. */
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

/* Where quantile `k` lies among the sorted scores. */
static double position(const struct lat_calibration *calibration, size_t k)
{
    return (double)k * (double)(calibration->n - 1) / (double)(calibration->n_quantiles - 1);
}

enum lat_status lat_calibration_fit(float *scores, size_t n, enum lat_score_kind kind,
                                    const char *id, struct lat_calibration *out,
                                    struct lat_error *err)
{
    if (n == 0)
        return lat_fail(err, LAT_INVALID, NULL, "a calibration needs at least one item");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]) || scores[i] < 0.0F)
            return lat_fail(err, LAT_INVALID, NULL,
                            "the score of item %zu is not a finite number from 0", i);
    qsort(scores, n, sizeof(*scores), ascending);
    const size_t m = n < 2 ? 2 : n < LAT_QUANTILES_MAX ? n : LAT_QUANTILES_MAX;
    *out = (struct lat_calibration){.present = true, .kind = kind, .n = n, .n_quantiles = m};
    snprintf(out->id, sizeof(out->id), "%s", id);
    for (size_t k = 0; k < m; k++) {
        const double at = position(out, k);
        const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : n - 1;
        const double share = at - (double)low;
        out->quantiles[k] =
            (float)((1.0 - share) * (double)scores[low] + share * (double)scores[high]);
    }
    return LAT_OK;
}

/* The last quantile below `score`; the caller knows there is one and that it is not the last.
 */
static size_t last_below(const struct lat_calibration *calibration, float score)
{
    size_t low = 0, high = calibration->n_quantiles - 1;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (calibration->quantiles[middle] < score)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Between two quantiles at positions a < b of the sorted scores, a + 1 … b items are smaller.
 */
double lat_calibration_below(const struct lat_calibration *calibration, float score)
{
    if (!calibration->present || calibration->n_quantiles < 2)
        return (double)NAN;
    const size_t last = calibration->n_quantiles - 1;
    const float *q = calibration->quantiles;
    if (score <= q[0])
        return 0;
    if (!(score <= q[last]))
        return (double)calibration->n;
    const size_t k = last_below(calibration, score);
    const double from = position(calibration, k) + 1, to = position(calibration, k + 1);
    if (!(to > from))
        return to;
    const double width = (double)q[k + 1] - (double)q[k];
    return from + (to - from) * ((double)score - (double)q[k]) / width;
}

double lat_calibration_p_value(const struct lat_calibration *calibration, float score)
{
    const double n = (double)calibration->n, below = lat_calibration_below(calibration, score);
    return (1 + n - below) / (1 + n);
}

float lat_calibration_threshold(const struct lat_calibration *calibration, double rate,
                                double *out_rate)
{
    if (out_rate)
        *out_rate = rate;
    if (!calibration->present || calibration->n_quantiles < 2)
        return NAN;
    const double n = (double)calibration->n;
    /* a p-value is at most `rate` where this many are smaller; 1e-9: 0.9 * 10 is to be 9 */
    const double wanted = ceil((1 - rate) * (1 + n) - 1e-9);
    if (wanted > n) {
        if (out_rate)
            *out_rate = 1 / (1 + n);
        return calibration->quantiles[calibration->n_quantiles - 1];
    }
    const double at = wanted < 1 ? 0 : wanted - 1;
    const size_t last = calibration->n_quantiles - 1;
    const double k = n > 1 ? at * (double)last / (n - 1) : 0;
    const size_t low = k < (double)last ? (size_t)k : last, high = low < last ? low + 1 : last;
    const double share = k - (double)low;
    return (float)((1 - share) * (double)calibration->quantiles[low] +
                   share * (double)calibration->quantiles[high]);
}
