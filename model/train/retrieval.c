/* Exact search by blocks of queries: inner products with all codes in one matrix product, then
 * the nearest 1000 of each query by quickselect, then a sort of those. */
#include "model/train/retrieval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/linear.h"

#include "base/banned.h"

enum { DEPTH = 1000, SHALLOW = 10, BLOCK = 64 };

struct hit {
    float distance;
    uint32_t item;
};

static int by_distance(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->distance < y->distance || x->distance > y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void swap(struct hit *a, struct hit *b)
{
    const struct hit kept = *a;
    *a = *b;
    *b = kept;
}

/* Brings the `k` least of hits[0..n) to the front, in no order (Hoare's selection, median of
 * three as pivot). */
static void select_least(struct hit *hits, size_t n, size_t k)
{
    size_t low = 0, high = n;
    while (high - low > 1 && low < k && k < high) {
        struct hit *middle = &hits[low + (high - low) / 2], *last = &hits[high - 1];
        if (by_distance(middle, &hits[low]) < 0)
            swap(middle, &hits[low]);
        if (by_distance(last, middle) < 0)
            swap(last, middle);
        if (by_distance(middle, &hits[low]) < 0)
            swap(middle, &hits[low]);
        const struct hit pivot = *middle;
        size_t left = low, right = high - 1;
        while (left <= right) {
            while (by_distance(&hits[left], &pivot) < 0)
                left++;
            while (by_distance(&hits[right], &pivot) > 0)
                right--;
            if (left > right)
                break;
            swap(&hits[left++], &hits[right]);
            if (right == 0)
                break;
            right--;
        }
        if (k <= right)
            high = right + 1;
        else if (k >= left)
            low = left;
        else
            return;
    }
}

/* Adds one query's measures to `sums`. */
static void judge(struct hit *hits, size_t n, const uint32_t *labels, uint32_t wanted,
                  struct lat_retrieval *sums)
{
    const size_t depth = n < DEPTH ? n : DEPTH, shallow = n < SHALLOW ? n : SHALLOW;
    select_least(hits, n, depth);
    qsort(hits, depth, sizeof(*hits), by_distance);
    size_t relevant = 0;
    double precisions = 0;
    for (size_t i = 0; i < depth; i++) {
        if (labels[hits[i].item] == wanted) {
            relevant++;
            precisions += (double)relevant / (double)(i + 1);
        }
        if (i + 1 == shallow)
            sums->precision_at_10 += (double)relevant / (double)shallow;
    }
    if (relevant)
        sums->map_at_1000 += precisions / (double)relevant;
}

/* Squared lengths; for the cosine the codes are brought to length 1 first. */
static void prepare(float *codes, size_t n, size_t dimension, enum lat_code_metric metric,
                    float *out_squares)
{
    for (size_t i = 0; i < n; i++) {
        float *code = codes + i * dimension;
        double square = 0;
        for (size_t j = 0; j < dimension; j++)
            square += (double)code[j] * (double)code[j];
        if (metric == LAT_CODE_COSINE && square > 0) {
            const double root = sqrt(square);
            for (size_t j = 0; j < dimension; j++)
                code[j] = (float)((double)code[j] / root);
        }
        out_squares[i] = metric == LAT_CODE_L2 ? (float)square : 0;
    }
}

/* A copy of the set's codes, prepared. */
static enum lat_status copy_codes(const struct lat_labelled *set, size_t dimension,
                                  enum lat_code_metric metric, float **out_codes,
                                  float **out_squares, struct lat_error *err)
{
    size_t total;
    if (!lat_mul_size(set->n, dimension, &total))
        return lat_fail_memory(err);
    float *codes = lat_alloc_raw(total, sizeof(float));
    float *squares = lat_alloc_raw(set->n, sizeof(float));
    if (!codes || !squares) {
        lat_free(codes);
        lat_free(squares);
        return lat_fail_memory(err);
    }
    memcpy(codes, set->codes, total * sizeof(float));
    prepare(codes, set->n, dimension, metric, squares);
    *out_codes = codes;
    *out_squares = squares;
    return LAT_OK;
}

enum lat_status lat_retrieval_measure(const struct lat_labelled *database,
                                      const struct lat_labelled *queries, size_t dimension,
                                      enum lat_code_metric metric,
                                      struct lat_retrieval *out_retrieval,
                                      struct lat_error *err)
{
    const struct lat_labelled *asked = queries ? queries : database;
    const size_t n = database->n;
    if (n < (queries ? 1 : 2) || asked->n == 0)
        return lat_fail(err, LAT_INVALID, NULL, "a search needs at least %s",
                        queries ? "one query and one item" : "2 items");
    float *codes = NULL, *squares = NULL, *own = NULL, *own_squares = NULL;
    float *products = lat_alloc_raw(BLOCK * n, sizeof(float));
    struct hit *hits = lat_alloc_raw(n, sizeof(*hits));
    struct lat_retrieval sums = {0};
    enum lat_status status = products && hits ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = copy_codes(database, dimension, metric, &codes, &squares, err);
    if (status == LAT_OK && queries)
        status = copy_codes(queries, dimension, metric, &own, &own_squares, err);
    for (size_t at = 0; status == LAT_OK && at < asked->n; at += BLOCK) {
        const size_t m = asked->n - at < BLOCK ? asked->n - at : BLOCK;
        lat_linear_multiply((own ? own : codes) + at * dimension, codes, true, m, n, dimension,
                            products);
        for (size_t q = 0; q < m; q++) {
            size_t others = 0;
            for (size_t i = 0; i < n; i++)
                if (queries || i != at + q)
                    hits[others++] =
                        (struct hit){squares[i] - 2 * products[q * n + i], (uint32_t)i};
            judge(hits, others, database->labels, asked->labels[at + q], &sums);
        }
    }
    if (status == LAT_OK) {
        out_retrieval->map_at_1000 = sums.map_at_1000 / (double)asked->n;
        out_retrieval->precision_at_10 = sums.precision_at_10 / (double)asked->n;
    }
    lat_free(own);
    lat_free(own_squares);
    lat_free(codes);
    lat_free(squares);
    lat_free(products);
    lat_free(hits);
    return status;
}
