/* Quantiles are kept at every hundredth and interpolated between; beyond the first and the last
 * hundredth the tails are those few cells', so an interval of more than 0.98 is as wide as the
 * widest error seen. */
#include "model/impute_calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

const char *const lat_impute_method_names[LAT_IMPUTE_METHODS] = {
    [LAT_IMPUTE_RECONSTRUCTION] = "reconstruction",
    [LAT_IMPUTE_IMPORTANCE] = "importance",
    [LAT_IMPUTE_NEIGHBOURS] = "neighbours",
};

enum {
    LEAST = 20,   /* cells: of fewer, a twentieth beyond either end of an interval is none */
    LEAN = 20,    /* cells of the whole table that a column's own are mixed with */
    OUTLIER = 10, /* a residual counts as no larger for the variance */
};

void lat_impute_calibration_free(struct lat_impute_calibration *calibration)
{
    for (size_t m = 0; calibration && m < LAT_IMPUTE_METHODS; m++)
        lat_free(calibration->methods[m].scales);
    lat_free(calibration);
}

static int ascending(const void *left, const void *right)
{
    const float a = ((const struct lat_impute_residual *)left)->r;
    const float b = ((const struct lat_impute_residual *)right)->r;
    return (a > b) - (a < b);
}

static double capped_square(float r, double unit)
{
    const double most = OUTLIER * unit;
    return fmin((double)r * (double)r, most * most);
}

/* Root of the mean square, outliers capped in units of the median. */
static double table_scale(const struct lat_impute_residual *sorted, size_t n)
{
    const double low = (double)sorted[n / 4].r, high = (double)sorted[n - 1 - n / 4].r;
    const double unit = fmax((high - low) / 1.349, 1e-6); /* 1.349: quartiles of a normal */
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += capped_square(sorted[i].r, unit);
    return fmax(sqrt(sum / (double)n), 1e-6);
}

enum lat_status lat_impute_calibrate(struct lat_impute_calibration *calibration,
                                     enum lat_impute_method method,
                                     struct lat_impute_residual *residuals, size_t n,
                                     struct lat_error *err)
{
    struct lat_impute_method_calibration *out = &calibration->methods[method];
    const size_t columns = calibration->n_columns;
    if (n < LEAST)
        return LAT_OK;
    float *scales = lat_alloc(columns, sizeof(*scales));
    double *sums = lat_alloc(2 * columns, sizeof(*sums));
    if (!scales || !sums) {
        lat_free(scales);
        lat_free(sums);
        return lat_fail_memory(err);
    }
    qsort(residuals, n, sizeof(*residuals), ascending);
    const double whole = table_scale(residuals, n);
    for (size_t i = 0; i < n; i++) {
        sums[residuals[i].column] += capped_square(residuals[i].r, whole);
        sums[columns + residuals[i].column] += 1;
    }
    for (size_t c = 0; c < columns; c++)
        scales[c] = (float)sqrt((sums[c] + LEAN * whole * whole) / (sums[columns + c] + LEAN));
    for (size_t i = 0; i < n; i++)
        residuals[i].r /= scales[residuals[i].column];
    qsort(residuals, n, sizeof(*residuals), ascending);
    for (size_t k = 0; k < LAT_IMPUTE_QUANTILES; k++) {
        const double at = (double)k * (double)(n - 1) / (LAT_IMPUTE_QUANTILES - 1);
        const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : n - 1;
        const float share = (float)(at - (double)low);
        const float between = (1 - share) * residuals[low].r + share * residuals[high].r;
        out->quantiles[k] =
            k && between < out->quantiles[k - 1] ? out->quantiles[k - 1] : between;
    }
    lat_free(sums);
    lat_free(out->scales);
    out->scales = scales;
    out->n = n;
    return LAT_OK;
}

static const struct lat_impute_method_calibration *
known(const struct lat_impute_calibration *calibration, enum lat_impute_method method)
{
    return calibration && calibration->methods[method].n ? &calibration->methods[method] : NULL;
}

float lat_impute_scale(const struct lat_impute_calibration *calibration,
                       enum lat_impute_method method, size_t column)
{
    const struct lat_impute_method_calibration *of = known(calibration, method);
    return of ? of->scales[column] : 1;
}

/* Inverse of the normal distribution, by Newton's method from Tukey's lambda; for p in (0,1).
 */
static double normal_quantile(double p)
{
    p = fmin(fmax(p, 1e-9), 1 - 1e-9);
    double x = (pow(p, 0.135) - pow(1 - p, 0.135)) / 0.1975;
    for (int i = 0; i < 4; i++) {
        const double below = 0.5 * erfc(-x / sqrt(2.0));
        x -= (below - p) / (exp(-0.5 * x * x) / sqrt(2 * acos(-1.0)));
    }
    return x;
}

float lat_impute_quantile(const struct lat_impute_calibration *calibration,
                          enum lat_impute_method method, double p)
{
    const struct lat_impute_method_calibration *of = known(calibration, method);
    if (!of)
        return (float)normal_quantile(p);
    const double at = fmin(fmax(p, 0), 1) * (LAT_IMPUTE_QUANTILES - 1);
    const size_t low = (size_t)at, high = low + 1 < LAT_IMPUTE_QUANTILES ? low + 1 : low;
    const float share = (float)(at - (double)low);
    return (1 - share) * of->quantiles[low] + share * of->quantiles[high];
}

void lat_impute_calibration_write(const struct lat_impute_calibration *calibration,
                                  struct lat_buf *out)
{
    bool first = true;
    lat_buf_char(out, '{');
    for (int m = 0; m < LAT_IMPUTE_METHODS; m++) {
        const struct lat_impute_method_calibration *of = &calibration->methods[m];
        if (!of->n)
            continue;
        lat_buf_printf(out, "%s\"%s\": {\"cells\": %zu, ", first ? "" : ",\n    ",
                       lat_impute_method_names[m], of->n);
        if (m == LAT_IMPUTE_RECONSTRUCTION && calibration->rounds)
            lat_buf_printf(out, "\"rounds\": %u, ", calibration->rounds);
        lat_buf_text(out, "\"scales\": ");
        lat_buf_json_floats(out, of->scales, calibration->n_columns);
        lat_buf_text(out, ", \"quantiles\": ");
        lat_buf_json_floats(out, of->quantiles, LAT_IMPUTE_QUANTILES);
        lat_buf_char(out, '}');
        first = false;
    }
    lat_buf_char(out, '}');
}
