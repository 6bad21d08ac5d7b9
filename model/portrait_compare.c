/* Two-sample tests of each feature.
 *
 * Numbers: Kolmogorov and Smirnov's, the p-value by the series with Stephens's correction
 * (Press et al., Numerical Recipes, 14.3). Words: chi-squared of two counts, words that are
 * rare in both together in one cell, the p-value by Wilson and Hilferty's normal approximation
 * of a chi-squared variable's cube root. A share of missing ones that changed counts too: of
 * both p-values twice the smaller. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/portrait.h"

#include "base/banned.h"

enum { TENTHS = 10 };

static const double RARE = 5; /* expected, below which chi-squared is no longer that */

static int ascending(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

/* ---- p-values ---- */

static double kolmogorov(double distance, double n)
{
    const double root = sqrt(n), at = (root + 0.12 + 0.11 / root) * distance;
    double sum = 0;
    if (at < 0.3)
        return 1;
    for (int j = 1; j <= 50; j++)
        sum += (j % 2 ? 1 : -1) * exp(-2 * j * j * at * at);
    return fmin(fmax(2 * sum, 0), 1);
}

static double chi_squared(double x, double freedom)
{
    if (!(freedom > 0))
        return 1;
    const double spread = 2 / (9 * freedom);
    const double z = (cbrt(x / freedom) - (1 - spread)) / sqrt(spread);
    return 0.5 * erfc(z / sqrt(2));
}

/* That two shares are the same. */
static double same_share(double a, double n_a, double b, double n_b)
{
    const double both = (a + b) / (n_a + n_b);
    const double deviation = sqrt(both * (1 - both) * (1 / n_a + 1 / n_b));
    if (!(deviation > 0))
        return 1;
    return erfc(fabs(a / n_a - b / n_b) / deviation / sqrt(2));
}

/* One cell's part of the population stability index; an empty one counts as half an item. */
static double psi_of(double a, double n_a, double b, double n_b)
{
    const double p = fmax(a, 0.5) / n_a, q = fmax(b, 0.5) / n_b;
    return (q - p) * log(q / p);
}

/* ---- numbers ---- */

/* Share of the reference at or below `value` (or below it), between quantiles interpolated. */
static double share_below(const struct lat_sketch *sketch, double value, bool or_equal)
{
    size_t low = 0, high = sketch->n_values;
    while (low < high) { /* how many quantiles are below */
        const size_t middle = low + (high - low) / 2;
        const double quantile = (double)sketch->values[middle];
        if (quantile < value || (or_equal && quantile == value))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    if (low == sketch->n_values)
        return 1;
    const double before = (double)sketch->values[low - 1], next = (double)sketch->values[low];
    const double part = next > before ? (value - before) / (next - before) : 0;
    return ((double)(low - 1) + fmin(fmax(part, 0), 1)) / (double)(sketch->n_values - 1);
}

static double largest_difference(const struct lat_sketch *sketch, const float *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && values[end] == values[i])
            end++;
        const double value = (double)values[i];
        const double below = fabs(share_below(sketch, value, false) - (double)i / (double)n);
        const double within = fabs(share_below(sketch, value, true) - (double)end / (double)n);
        largest = fmax(largest, fmax(below, within));
        i = end;
    }
    return largest;
}

static double numbers_psi(const struct lat_sketch *sketch, const float *values, size_t n)
{
    double psi = 0, before = 0, window_before = 0;
    size_t at = 0;
    for (int tenth = 1; tenth <= TENTHS; tenth++) {
        const size_t k = (sketch->n_values - 1) * (size_t)tenth / TENTHS;
        const double edge = (double)sketch->values[k];
        while (at < n && (tenth == TENTHS || (double)values[at] <= edge))
            at++;
        const double share = tenth == TENTHS ? 1 : share_below(sketch, edge, true);
        if (share > before) /* equal edges: one cell for all of them */
            psi += psi_of((share - before) * (double)sketch->n, (double)sketch->n,
                          (double)at - window_before, (double)n);
        else
            continue;
        before = share;
        window_before = (double)at;
    }
    return psi;
}

static void compare_numbers(const struct lat_sketch *sketch, float *values, size_t n,
                            struct lat_drift *out)
{
    qsort(values, n, sizeof(*values), ascending);
    out->statistic = largest_difference(sketch, values, n);
    out->p_value = kolmogorov(out->statistic,
                              (double)sketch->n * (double)n / ((double)sketch->n + (double)n));
    out->psi = numbers_psi(sketch, values, n);
    out->reference = (double)sketch->values[sketch->n_values / 2];
    out->window = (double)values[n / 2];
}

/* ---- words ---- */

static void compare_words(const struct lat_sketch *sketch, const float *values, size_t n,
                          float *counts, struct lat_drift *out)
{
    const double n_a = (double)sketch->n, n_b = (double)n, all = n_a + n_b;
    double rare_a = 0, rare_b = 0;
    size_t cells = 0, most = 0;
    for (size_t w = 0; w < sketch->n_words; w++)
        counts[w] = 0;
    for (size_t i = 0; i < n; i++)
        if (values[i] >= 0 && values[i] < (float)sketch->n_words)
            counts[(size_t)values[i]]++;
    for (size_t w = 0; w <= sketch->n_words; w++) { /* the last cell: rare ones together */
        const bool last = w == sketch->n_words;
        const double a = last ? rare_a : (double)sketch->values[w];
        const double b = last ? rare_b : (double)counts[w];
        const double both = a + b, expected_a = both * n_a / all, expected_b = both * n_b / all;
        if (!last && fmin(expected_a, expected_b) < RARE) {
            rare_a += a;
            rare_b += b;
            continue;
        }
        if (!last && sketch->values[w] > sketch->values[most])
            most = w;
        if (!(both > 0))
            continue;
        out->statistic += (a - expected_a) * (a - expected_a) / expected_a +
                          (b - expected_b) * (b - expected_b) / expected_b;
        out->psi += psi_of(a, n_a, b, n_b);
        cells++;
    }
    out->p_value = chi_squared(out->statistic, (double)cells - 1);
    out->reference = (double)sketch->values[most] / n_a;
    out->window = (double)counts[most] / n_b;
}

/* ---- all ---- */

static int by_p_value(const void *left, const void *right)
{
    const struct lat_drift *a = left, *b = right;
    if (a->p_value != b->p_value)
        return a->p_value < b->p_value ? -1 : 1;
    if (a->psi != b->psi)
        return a->psi > b->psi ? -1 : 1;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

static void adjust(struct lat_drift *drifts, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fmin((double)(n - i) * drifts[i].p_value, 1));
        drifts[i].adjusted = largest;
    }
}

static void compare_one(const struct lat_portrait *portrait, const struct lat_sketch *sketch,
                        float *values, size_t n_there, size_t n, float *counts,
                        struct lat_drift *out)
{
    const double missing = (double)(portrait->n - sketch->n), gone = (double)(n - n_there);
    out->p_value = 1;
    out->reference = out->window = (double)NAN;
    out->missing_reference = portrait->n ? missing / (double)portrait->n : 0;
    out->missing_window = gone / (double)n;
    if (sketch->n && n_there && sketch->n_words)
        compare_words(sketch, values, n_there, counts, out);
    else if (sketch->n > 1 && n_there && sketch->n_values > 1)
        compare_numbers(sketch, values, n_there, out);
    if (missing + gone > 0 && portrait->n)
        out->p_value = fmin(1, 2 * fmin(out->p_value, same_share(missing, (double)portrait->n,
                                                                 gone, (double)n)));
}

enum lat_status lat_portrait_compare(const struct lat_portrait *portrait, const float *values,
                                     size_t n, struct lat_drift *out, struct lat_error *err)
{
    const size_t features = portrait->n_features;
    size_t words = 1;
    for (size_t f = 0; f < features; f++)
        words = portrait->features[f].n_words > words ? portrait->features[f].n_words : words;
    float *column = lat_alloc_raw(n ? n : 1, sizeof(*column));
    float *counts = lat_alloc_raw(words, sizeof(*counts));
    enum lat_status status = column && counts ? LAT_OK : lat_fail_memory(err);
    for (size_t f = 0; status == LAT_OK && n && f < features; f++) {
        size_t there = 0;
        for (size_t i = 0; i < n; i++)
            if (isfinite(values[i * features + f]))
                column[there++] = values[i * features + f];
        out[f] = (struct lat_drift){.feature = f};
        compare_one(portrait, &portrait->features[f], column, there, n, counts, &out[f]);
    }
    if (status == LAT_OK && n) {
        qsort(out, features, sizeof(*out), by_p_value);
        adjust(out, features);
    }
    lat_free(counts);
    lat_free(column);
    return status;
}
