/* With at most MAX_SIDE elements the components are eigenvectors of the scatter matrix of the
 * columns. With more, but at most MAX_SIDE rows, they come from the rows' own matrix of inner
 * products, which has the same eigenvalues: if X Xᵀ u = v u then Xᵀ u / sqrt(v) is a component.
 */
#include "model/train/pca.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/linear.h"

#include "base/banned.h"

enum { MAX_SIDE = 8192, CHUNK = 256 };

/* What both ways of fitting work on. */
struct fit {
    const struct lat_dataset *dataset;
    const uint32_t *indices;
    size_t n;
    const atomic_bool *abandon;
    struct lat_pca *pca;
    double *values, *vectors; /* eigenvalues [width], eigenvectors [width][side] */
    double *gram;             /* [side][side] */
    double *chunk;
    float *rows;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum lat_status check(const struct fit *fit, struct lat_error *err)
{
    return fit->abandon && atomic_load(fit->abandon)
               ? lat_fail(err, LAT_CANCELLED, NULL, "stopped before the components were known")
               : LAT_OK;
}

/* Rows [at, at + n) of those to fit to. */
static enum lat_status read_rows(const struct fit *fit, size_t at, size_t n, float *out_rows,
                                 struct lat_error *err)
{
    const enum lat_status status = check(fit, err);
    return status == LAT_OK
               ? lat_dataset_read_filled(fit->dataset, fit->indices + at, n, out_rows, err)
               : status;
}

static enum lat_status fit_mean(struct fit *fit, struct lat_error *err)
{
    const size_t d = fit->pca->elements;
    double *sums = lat_alloc(d, sizeof(double));
    float *rows = lat_alloc_raw(CHUNK * d, sizeof(float));
    if (!sums || !rows) {
        lat_free(sums);
        lat_free(rows);
        return lat_fail_memory(err);
    }
    enum lat_status status = LAT_OK;
    for (size_t at = 0; status == LAT_OK && at < fit->n; at += CHUNK) {
        const size_t n = smaller(CHUNK, fit->n - at);
        status = read_rows(fit, at, n, rows, err);
        for (size_t i = 0; status == LAT_OK && i < n; i++)
            for (size_t j = 0; j < d; j++)
                sums[j] += (double)rows[i * d + j];
    }
    for (size_t j = 0; j < d; j++)
        fit->pca->mean[j] = (float)(sums[j] / (double)fit->n);
    lat_free(sums);
    lat_free(rows);
    return status;
}

static enum lat_status allocate(struct fit *fit, size_t side, size_t chunk_len, size_t n_rows,
                                struct lat_error *err)
{
    size_t gram_len, rows_len;
    if (!lat_mul_size(side, side, &gram_len) ||
        !lat_mul_size(n_rows, fit->pca->elements, &rows_len))
        return lat_fail_memory(err);
    fit->gram = lat_alloc(gram_len, sizeof(double));
    fit->chunk = lat_alloc_raw(chunk_len, sizeof(double));
    fit->rows = lat_alloc_raw(rows_len, sizeof(float));
    fit->values = lat_alloc(fit->pca->width, sizeof(double));
    fit->vectors = lat_alloc(fit->pca->width * side, sizeof(double));
    return fit->gram && fit->chunk && fit->rows && fit->values && fit->vectors
               ? LAT_OK
               : lat_fail_memory(err);
}

static enum lat_status fit_columns(struct fit *fit, struct lat_error *err)
{
    struct lat_pca *pca = fit->pca;
    const size_t d = pca->elements;
    enum lat_status status = allocate(fit, d, CHUNK * d, CHUNK, err);
    if (status != LAT_OK)
        return status;
    for (size_t at = 0; at < fit->n; at += CHUNK) {
        const size_t n = smaller(CHUNK, fit->n - at);
        status = read_rows(fit, at, n, fit->rows, err);
        if (status != LAT_OK)
            return status;
        for (size_t i = 0; i < n * d; i++)
            fit->chunk[i] = (double)fit->rows[i] - (double)pca->mean[i % d];
        lat_linear_add_gram(fit->chunk, n, d, fit->gram);
    }
    status = check(fit, err);
    if (status == LAT_OK)
        status = lat_linear_eigen(fit->gram, d, pca->width, fit->values, fit->vectors, err);
    for (size_t i = 0; status == LAT_OK && i < pca->width * d; i++)
        pca->components[i] = (float)fit->vectors[i];
    return status;
}

/* Component c is the sum over rows of vectors[c][row] * row, over the root of its eigenvalue.
 */
static void combine_rows(const struct fit *fit)
{
    struct lat_pca *pca = fit->pca;
    const size_t d = pca->elements;
    for (size_t c = 0; c < pca->width; c++) {
        const double root = sqrt(fmax(fit->values[c], 1e-300));
        for (size_t j = 0; j < d; j++)
            fit->chunk[j] = 0;
        for (size_t i = 0; i < fit->n; i++) {
            const double weight = fit->vectors[c * fit->n + i] / root;
            for (size_t j = 0; j < d; j++)
                fit->chunk[j] += weight * (double)fit->rows[i * d + j];
        }
        for (size_t j = 0; j < d; j++)
            pca->components[c * d + j] = (float)fit->chunk[j];
    }
}

static enum lat_status fit_rows(struct fit *fit, struct lat_error *err)
{
    struct lat_pca *pca = fit->pca;
    const size_t d = pca->elements, n = fit->n;
    const size_t chunk_len = CHUNK * n > d ? CHUNK * n : d;
    enum lat_status status = allocate(fit, n, chunk_len, n, err);
    if (status != LAT_OK)
        return status;
    status = read_rows(fit, 0, n, fit->rows, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < n * d; i++)
        fit->rows[i] -= pca->mean[i % d];
    for (size_t at = 0; status == LAT_OK && at < d; at += CHUNK) {
        const size_t width = smaller(CHUNK, d - at);
        for (size_t j = 0; j < width; j++)
            for (size_t i = 0; i < n; i++)
                fit->chunk[j * n + i] = (double)fit->rows[i * d + at + j];
        lat_linear_add_gram(fit->chunk, width, n, fit->gram);
        status = check(fit, err);
    }
    if (status == LAT_OK)
        status = lat_linear_eigen(fit->gram, n, pca->width, fit->values, fit->vectors, err);
    if (status == LAT_OK)
        combine_rows(fit);
    return status;
}

enum lat_status lat_pca_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                            size_t n, size_t width, const atomic_bool *abandon,
                            struct lat_pca *out_pca, struct lat_error *err)
{
    const size_t d = dataset->elements;
    struct lat_pca pca = {.elements = d, .width = smaller(width, smaller(d, n))};
    struct fit fit = {
        .dataset = dataset, .indices = indices, .n = n, .abandon = abandon, .pca = &pca};
    if (d > MAX_SIDE && n > MAX_SIDE)
        return lat_fail(err, LAT_TOO_LARGE, NULL,
                        "PCA of %zu items of %zu elements: one of them must be at most %d", n,
                        d, MAX_SIDE);
    pca.mean = lat_alloc(d, sizeof(float));
    pca.components = lat_alloc(pca.width * d, sizeof(float));
    pca.variances = lat_alloc(pca.width, sizeof(double));
    enum lat_status status =
        pca.mean && pca.components && pca.variances ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = fit_mean(&fit, err);
    if (status == LAT_OK)
        status = d <= n || d <= MAX_SIDE / 4 ? fit_columns(&fit, err) : fit_rows(&fit, err);
    for (size_t i = 0; status == LAT_OK && i < pca.width; i++)
        pca.variances[i] = fit.values[i] / (double)n;
    if (status == LAT_OK)
        *out_pca = pca;
    else
        lat_pca_release(&pca);
    lat_free(fit.gram);
    lat_free(fit.chunk);
    lat_free(fit.rows);
    lat_free(fit.values);
    lat_free(fit.vectors);
    return status;
}

void lat_pca_release(struct lat_pca *pca)
{
    lat_free(pca->mean);
    lat_free(pca->components);
    lat_free(pca->variances);
    *pca = (struct lat_pca){0};
}

/* rows -> what their projection gives back, in the same place. codes: [n][width]. */
static void project(const struct lat_pca *pca, float *rows, size_t n, float *codes,
                    float *centred)
{
    const size_t d = pca->elements, k = pca->width;
    for (size_t i = 0; i < n * d; i++)
        centred[i] = rows[i] - pca->mean[i % d];
    lat_linear_multiply(centred, pca->components, true, n, k, d, codes);
    lat_linear_multiply(codes, pca->components, false, n, d, k, rows);
    for (size_t i = 0; i < n * d; i++)
        rows[i] += pca->mean[i % d];
}

enum lat_status lat_pca_error(const struct lat_pca *pca, const struct lat_dataset *dataset,
                              const uint32_t *indices, size_t n,
                              const struct lat_measure_noise *noise, double *out_squared_error,
                              struct lat_error *err)
{
    const size_t d = pca->elements;
    struct lat_rng rng;
    struct lat_noise how = {.rng = &rng, .input = &dataset->input};
    float *rows = lat_alloc_raw(CHUNK * d, sizeof(float));
    float *given = lat_alloc_raw(CHUNK * d, sizeof(float));
    float *centred = lat_alloc_raw(CHUNK * d, sizeof(float));
    float *codes = lat_alloc_raw(CHUNK * pca->width, sizeof(float));
    double sum = 0;
    enum lat_status status = rows && given && centred && codes ? LAT_OK : lat_fail_memory(err);
    if (noise) {
        lat_rng_seed(&rng, noise->seed);
        how.level = noise->level;
    }
    for (size_t at = 0; status == LAT_OK && at < n; at += CHUNK) {
        const size_t m = smaller(CHUNK, n - at);
        status = lat_dataset_read(dataset, indices + at, m, rows, err);
        if (status != LAT_OK)
            break;
        if (noise)
            noise->corruption->apply(&how, rows, given, m * d);
        else
            memcpy(given, rows, m * d * sizeof(float));
        lat_dataset_fill(dataset, given, m);
        project(pca, given, m, codes, centred);
        for (size_t i = 0; i < m * d; i++)
            sum += isnan(rows[i]) ? 0
                                  : ((double)rows[i] - (double)given[i]) *
                                        ((double)rows[i] - (double)given[i]);
    }
    if (status == LAT_OK)
        *out_squared_error = sum / (double)n;
    lat_free(rows);
    lat_free(given);
    lat_free(centred);
    lat_free(codes);
    return status;
}
