/* One iteration: for every row the mean and covariance of its factors given what is observed of
 * it, then for every element the regression on them of the rows that have it. The mean of an
 * element is the last of its coefficients: factors go about with a 1 behind them.
 *
 * What a regression needs of the rows is summed over all of them, and over those that miss an
 * element apart, which are the fewer; one is taken from the other. So it is with the precision
 * of a row's factors.
 *
 * The noise of an element that few others explain away would go to 0 and stay there (a Heywood
 * case): it leans on one row more that is as far off as the element varies. The factors are
 * known but for a rotation; the one taken makes their precision diagonal (Lawley & Maxwell
 * 1962, the canonical form). */
#include "model/train/factors.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/train/linear.h"

#include "base/banned.h"

enum { ITERATIONS_MAX = 200, SUMS_MAX = 1 << 24 };

static const uint64_t FACTOR_STREAM = UINT64_C(0x666163746F72);
static const double FIRST_LOADING = 0.3, SETTLED = 1e-3, NOISE_LEAST = 1e-6, JITTER = 1e-6;

/* Symmetric matrices are packed: see linear.h. */
struct fit {
    const atomic_bool *abandon;
    size_t n, d, k, t;                /* t = k + 1: factors and the 1 behind them */
    size_t packed_k, packed_t;        /* numbers of packed matrices of k, t rows */
    float *rows;                      /* [n][d] */
    double *loadings, *mean, *noise;  /* [d][k], [d], [d] */
    double *variances;                /* [d], of what is observed of each element */
    double *precision, *covariance;   /* [packed_k] of whole rows; of the row in hand */
    double *factors;                  /* [t] of the row in hand: expectation, 1 */
    double *products;                 /* [packed_t]: expectation of the products */
    double *all, *without;            /* [packed_t], [d][packed_t]: sums of them */
    double *targets, *squares;        /* [d][t], [d] */
    double *system, *solution, *line; /* [packed_t], [t], [t]: scratch */
    double *square;                   /* [k][k], [k], [k][k]: scratch of eigenvectors */
    size_t *counts;                   /* [d]: rows that have the element */
};

/* ---- expectation ---- */

/* inout [packed_k] += sign * w wᵀ / noise of one element. */
static void add_loading(const struct fit *fit, size_t c, double sign, double *inout)
{
    const double *w = fit->loadings + c * fit->k;
    for (size_t i = 0; i < fit->k; i++) {
        const double scaled = sign * w[i] / fit->noise[c];
        for (size_t j = i; j < fit->k; j++)
            *inout++ += scaled * w[j];
    }
}

static void whole_precision(const struct fit *fit, double *out)
{
    for (size_t i = 0, at = 0; i < fit->k; i++)
        for (size_t j = i; j < fit->k; j++)
            out[at++] = i == j;
    for (size_t c = 0; c < fit->d; c++)
        add_loading(fit, c, 1, out);
}

/* Covariance and expectation of a row's factors. */
static enum lat_status expect(struct fit *fit, const float *row, struct lat_error *err)
{
    const size_t k = fit->k;
    double *pull = fit->solution;
    memcpy(fit->covariance, fit->precision, fit->packed_k * sizeof(double));
    memset(pull, 0, k * sizeof(double));
    for (size_t c = 0; c < fit->d; c++) {
        if (isnan(row[c])) {
            add_loading(fit, c, -1, fit->covariance);
            continue;
        }
        const double off = ((double)row[c] - fit->mean[c]) / fit->noise[c];
        for (size_t i = 0; i < k; i++)
            pull[i] += fit->loadings[c * k + i] * off;
    }
    const enum lat_status status = lat_linear_invert_packed(fit->covariance, k, fit->line, err);
    if (status != LAT_OK)
        return status;
    lat_linear_multiply_packed(fit->covariance, pull, k, fit->factors);
    fit->factors[k] = 1;
    return LAT_OK;
}

static void add_to(double *inout, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        inout[i] += from[i];
}

/* The row into the sums of the regressions. */
static void add_row(struct fit *fit, const float *row)
{
    const size_t t = fit->t;
    const double *covariance = fit->covariance;
    for (size_t i = 0, at = 0; i < t; i++)
        for (size_t j = i; j < t; j++, at++)
            fit->products[at] =
                fit->factors[i] * fit->factors[j] + (j < fit->k ? *covariance++ : 0);
    add_to(fit->all, fit->products, fit->packed_t);
    for (size_t c = 0; c < fit->d; c++) {
        if (isnan(row[c])) {
            add_to(fit->without + c * fit->packed_t, fit->products, fit->packed_t);
            continue;
        }
        for (size_t i = 0; i < t; i++)
            fit->targets[c * t + i] += fit->factors[i] * (double)row[c];
    }
}

static enum lat_status look_at_rows(struct fit *fit, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    whole_precision(fit, fit->precision);
    memset(fit->all, 0, fit->packed_t * sizeof(double));
    memset(fit->without, 0, fit->d * fit->packed_t * sizeof(double));
    memset(fit->targets, 0, fit->d * fit->t * sizeof(double));
    for (size_t i = 0; status == LAT_OK && i < fit->n; i++) {
        const float *row = fit->rows + i * fit->d;
        status = expect(fit, row, err);
        if (status == LAT_OK)
            add_row(fit, row);
    }
    return status;
}

/* ---- maximisation ---- */

/* One element on the factors of the rows that have it; how much its noise has changed. */
static enum lat_status regress(struct fit *fit, size_t c, double *inout_most,
                               struct lat_error *err)
{
    const size_t k = fit->k, t = fit->t;
    const double *targets = fit->targets + c * t, before = fit->noise[c];
    double explained = 0;
    for (size_t i = 0; i < fit->packed_t; i++)
        fit->system[i] = fit->all[i] - fit->without[c * fit->packed_t + i];
    for (size_t i = 0, at = 0; i < t; at += t - i, i++)
        fit->system[at] += JITTER; /* the diagonal */
    const enum lat_status status = lat_linear_invert_packed(fit->system, t, fit->line, err);
    if (status != LAT_OK)
        return status;
    lat_linear_multiply_packed(fit->system, targets, t, fit->solution);
    for (size_t i = 0; i < t; i++)
        explained += fit->solution[i] * targets[i];
    memcpy(fit->loadings + c * k, fit->solution, k * sizeof(double));
    fit->mean[c] = fit->solution[k];
    const double left = fmax(fit->squares[c] - explained, 0) + fit->variances[c];
    fit->noise[c] = fmax(left / ((double)fit->counts[c] + 1), NOISE_LEAST);
    *inout_most = fmax(*inout_most, fabs(log(fit->noise[c] / before)));
    return LAT_OK;
}

/* That factors have unit variance is what holds the iterations up: loadings too small make
 * expectations too large, and the other way round. So their second moments are let free, and
 * the loadings take on what comes of them (parameter expansion: Liu, Rubin & Wu 1998, section
 * 4.2). */
static enum lat_status expand(struct fit *fit, struct lat_error *err)
{
    const size_t d = fit->d, k = fit->k;
    double *moments = fit->square, *values = fit->square + k * k, *vectors = values + k;
    double *row = fit->solution;
    for (size_t i = 0, at = 0; i < k; i++, at++) /* the last of each line is the mean's */
        for (size_t j = i; j < k; j++, at++)
            moments[i * k + j] = fit->all[at] / (double)fit->n;
    const enum lat_status status = lat_linear_eigen(moments, k, k, values, vectors, err);
    if (status != LAT_OK)
        return status;
    for (size_t c = 0; c < d; c++) {
        memcpy(row, fit->loadings + c * k, k * sizeof(double));
        for (size_t j = 0; j < k; j++) {
            double sum = 0;
            for (size_t i = 0; i < k; i++)
                sum += row[i] * vectors[j * k + i];
            fit->loadings[c * k + j] = sum * sqrt(fmax(values[j], 0));
        }
    }
    return LAT_OK;
}

static enum lat_status iterate(struct fit *fit, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    double change = INFINITY;
    for (int i = 0; status == LAT_OK && i < ITERATIONS_MAX && change > SETTLED; i++) {
        if (fit->abandon && atomic_load(fit->abandon))
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped before the factors were known");
        status = look_at_rows(fit, err);
        change = 0;
        for (size_t c = 0; status == LAT_OK && c < fit->d; c++)
            if (fit->counts[c])
                status = regress(fit, c, &change, err);
        if (status == LAT_OK)
            status = expand(fit, err);
    }
    return status;
}

/* ---- beginning and end ---- */

static enum lat_status allocate(struct fit *fit, struct lat_error *err)
{
    const size_t n = fit->n, d = fit->d, k = fit->k, t = fit->t;
    fit->rows = lat_alloc_raw(n * d, sizeof(float));
    fit->loadings = lat_alloc_raw(d * k, sizeof(double));
    fit->mean = lat_alloc(d, sizeof(double));
    fit->noise = lat_alloc(d, sizeof(double));
    fit->variances = lat_alloc(d, sizeof(double));
    fit->precision = lat_alloc_raw(fit->packed_k, sizeof(double));
    fit->covariance = lat_alloc_raw(fit->packed_k, sizeof(double));
    fit->factors = lat_alloc_raw(t, sizeof(double));
    fit->products = lat_alloc_raw(fit->packed_t, sizeof(double));
    fit->all = lat_alloc_raw(fit->packed_t, sizeof(double));
    fit->without = lat_alloc_raw(d * fit->packed_t, sizeof(double));
    fit->targets = lat_alloc_raw(d * t, sizeof(double));
    fit->squares = lat_alloc(d, sizeof(double));
    fit->system = lat_alloc_raw(fit->packed_t, sizeof(double));
    fit->solution = lat_alloc_raw(2 * t, sizeof(double));
    fit->square = lat_alloc_raw(k * (2 * k + 1), sizeof(double));
    fit->counts = lat_alloc(d, sizeof(*fit->counts));
    fit->line = fit->solution ? fit->solution + t : NULL;
    return fit->rows && fit->loadings && fit->mean && fit->noise && fit->variances &&
                   fit->precision && fit->covariance && fit->factors && fit->products &&
                   fit->all && fit->without && fit->targets && fit->squares && fit->system &&
                   fit->solution && fit->square && fit->counts
               ? LAT_OK
               : lat_fail_memory(err);
}

static void release(struct fit *fit)
{
    lat_free(fit->rows);
    lat_free(fit->loadings);
    lat_free(fit->mean);
    lat_free(fit->noise);
    lat_free(fit->variances);
    lat_free(fit->precision);
    lat_free(fit->covariance);
    lat_free(fit->factors);
    lat_free(fit->products);
    lat_free(fit->all);
    lat_free(fit->without);
    lat_free(fit->targets);
    lat_free(fit->squares);
    lat_free(fit->system);
    lat_free(fit->solution);
    lat_free(fit->square);
    lat_free(fit->counts);
}

static enum lat_status read_rows(struct fit *fit, const struct lat_dataset *dataset,
                                 const uint32_t *indices, size_t n, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < fit->n; i++)
        status =
            lat_dataset_read(dataset, &indices[i * n / fit->n], 1, fit->rows + i * fit->d, err);
    return status;
}

/* Means and variances of what is there, and loadings by chance. */
static void begin(struct fit *fit, uint64_t seed)
{
    struct lat_rng rng;
    for (size_t i = 0; i < fit->n * fit->d; i++) {
        const size_t c = i % fit->d;
        if (isnan(fit->rows[i]))
            continue;
        fit->counts[c]++;
        fit->mean[c] += (double)fit->rows[i];
        fit->squares[c] += (double)fit->rows[i] * (double)fit->rows[i];
    }
    lat_rng_seed(&rng, seed ^ FACTOR_STREAM);
    for (size_t c = 0; c < fit->d; c++) {
        const double count = fmax((double)fit->counts[c], 1);
        fit->mean[c] /= count;
        fit->variances[c] = fmax(fit->squares[c] / count - fit->mean[c] * fit->mean[c], 0);
        fit->noise[c] = fmax(fit->variances[c], NOISE_LEAST);
        for (size_t j = 0; j < fit->k; j++)
            fit->loadings[c * fit->k + j] =
                fit->counts[c] ? FIRST_LOADING * sqrt(fit->variances[c]) * lat_rng_normal(&rng)
                               : 0;
    }
}

/* Rotated so that their precision, 1 + values, is diagonal: the scores are then the loadings
 * over noise and precision. */
static enum lat_status turn(const struct fit *fit, struct lat_factors *factors,
                            struct lat_error *err)
{
    const size_t d = fit->d, k = fit->k;
    double *matrix = fit->square, *values = fit->square + k * k, *vectors = values + k;
    const double *packed = fit->precision;
    whole_precision(fit, fit->precision);
    for (size_t i = 0; i < k; i++)
        for (size_t j = i; j < k; j++)
            matrix[i * k + j] = *packed++ - (i == j);
    const enum lat_status status = lat_linear_eigen(matrix, k, k, values, vectors, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < k; i++)
        for (size_t c = 0; c < d; c++) {
            double loading = 0;
            for (size_t j = 0; j < k; j++)
                loading += vectors[i * k + j] * fit->loadings[c * k + j];
            factors->loadings[i * d + c] = (float)loading;
            factors->scores[i * d + c] =
                (float)(loading / fit->noise[c] / (1 + fmax(values[i], 0)));
        }
    for (size_t c = 0; c < d; c++) {
        factors->mean[c] = (float)fit->mean[c];
        factors->noise[c] = (float)fit->noise[c];
    }
    return LAT_OK;
}

static enum lat_status check(const struct fit *fit, struct lat_error *err)
{
    size_t sums;
    if (fit->k > fit->d)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/code/dimension: rows of %zu elements have at most as many factors, "
                        "not %zu",
                        fit->d, fit->k);
    if (!lat_mul_size(fit->packed_t, fit->d, &sums) || sums > SUMS_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL,
                        "/code/dimension: %zu elements with %zu factors are more than the "
                        "method 'factors' is for",
                        fit->d, fit->k);
    return LAT_OK;
}

enum lat_status lat_factors_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                                size_t n, size_t width, uint64_t seed,
                                const atomic_bool *abandon, struct lat_factors *out_factors,
                                struct lat_error *err)
{
    struct fit fit = {.abandon = abandon,
                      .n = n < LAT_FACTORS_ROWS_MAX ? n : LAT_FACTORS_ROWS_MAX,
                      .d = dataset->elements,
                      .k = width,
                      .t = width + 1,
                      .packed_k = width * (width + 1) / 2,
                      .packed_t = (width + 1) * (width + 2) / 2};
    struct lat_factors factors = {.elements = fit.d, .width = fit.k};
    enum lat_status status = check(&fit, err);
    if (status != LAT_OK)
        return status;
    factors.mean = lat_alloc_raw(fit.d, sizeof(float));
    factors.noise = lat_alloc_raw(fit.d, sizeof(float));
    factors.loadings = lat_alloc_raw(fit.k * fit.d, sizeof(float));
    factors.scores = lat_alloc_raw(fit.k * fit.d, sizeof(float));
    if (!factors.mean || !factors.noise || !factors.loadings || !factors.scores)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = allocate(&fit, err);
    if (status == LAT_OK)
        status = read_rows(&fit, dataset, indices, n, err);
    if (status == LAT_OK) {
        begin(&fit, seed);
        status = iterate(&fit, err);
    }
    if (status == LAT_OK)
        status = turn(&fit, &factors, err);
    release(&fit);
    if (status == LAT_OK)
        *out_factors = factors;
    else
        lat_factors_release(&factors);
    return status;
}

void lat_factors_release(struct lat_factors *factors)
{
    lat_free(factors->mean);
    lat_free(factors->loadings);
    lat_free(factors->scores);
    lat_free(factors->noise);
    *factors = (struct lat_factors){0};
}
