/* The nearest centre c of a row x is the one with the greatest x c - |c|^2 / 2: all of them for
 * some rows at a time are one product of matrices. */
#include "service/clusters.h"

#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "model/train/linear.h"

#include "base/banned.h"

enum { AT_ONCE = 256 /* rows */ };

static size_t best_of(const float *products, const float *halves, size_t k)
{
    size_t best = 0;
    for (size_t c = 1; c < k; c++)
        if (products[c] - halves[c] > products[best] - halves[best])
            best = c;
    return best;
}

enum lat_status lat_clusters_assign(const struct lat_clusters *clusters, const float *rows,
                                    size_t n, uint32_t *out_nearest, struct lat_error *err)
{
    const size_t d = clusters->d, k = clusters->k;
    float *products = lat_alloc_raw((AT_ONCE + 1) * k, sizeof(*products));
    if (!products)
        return lat_fail_memory(err);
    float *halves = products + AT_ONCE * k;
    for (size_t c = 0; c < k; c++)
        halves[c] = lat_vector_dot(clusters->centres + c * d, clusters->centres + c * d, d) / 2;
    for (size_t at = 0; at < n; at += AT_ONCE) {
        const size_t m = n - at < AT_ONCE ? n - at : AT_ONCE;
        lat_linear_multiply(rows + at * d, clusters->centres, true, m, k, d, products);
        for (size_t i = 0; i < m; i++)
            out_nearest[at + i] = (uint32_t)best_of(products + i * k, halves, k);
    }
    lat_free(products);
    return LAT_OK;
}

/* Centres become the means of their rows. */
static void move(const struct lat_clusters *clusters, const float *rows, size_t n,
                 const uint32_t *nearest, uint32_t *counts, struct lat_rng *rng)
{
    const size_t d = clusters->d;
    memset(clusters->centres, 0, clusters->k * d * sizeof(float));
    memset(counts, 0, clusters->k * sizeof(*counts));
    for (size_t i = 0; i < n; i++) {
        counts[nearest[i]]++;
        lat_vector_add(clusters->centres + nearest[i] * d, rows + i * d, 1, d);
    }
    for (size_t c = 0; c < clusters->k; c++) {
        float *centre = clusters->centres + c * d;
        if (!counts[c])
            memcpy(centre, rows + lat_rng_below(rng, n) * d, d * sizeof(float));
        for (size_t j = 0; counts[c] && j < d; j++)
            centre[j] /= (float)counts[c];
    }
}

enum lat_status lat_clusters_find(const struct lat_clusters *clusters, const float *rows,
                                  size_t n, unsigned rounds, struct lat_rng *rng,
                                  const atomic_bool *stop, struct lat_error *err)
{
    const size_t d = clusters->d;
    uint32_t *nearest = lat_alloc_raw(n, sizeof(*nearest));
    uint32_t *counts = lat_alloc_raw(clusters->k, sizeof(*counts));
    enum lat_status status = nearest && counts ? LAT_OK : lat_fail_memory(err);
    for (size_t c = 0; c < clusters->k && status == LAT_OK; c++) /* one out of each k-th part */
        memcpy(clusters->centres + c * d,
               rows + (c * n + lat_rng_below(rng, n)) / clusters->k * d, d * sizeof(float));
    for (unsigned round = 0; round < rounds && status == LAT_OK; round++) {
        status = lat_clusters_assign(clusters, rows, n, nearest, err);
        if (status == LAT_OK)
            move(clusters, rows, n, nearest, counts, rng);
        if (status == LAT_OK && atomic_load(stop))
            status = lat_fail(err, LAT_CANCELLED, NULL, "stopped in the midst of clusters");
    }
    lat_free(nearest);
    lat_free(counts);
    return status;
}
