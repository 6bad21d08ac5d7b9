/* The index over item vectors against a scan: 6,000 items of 40 numbers around 60 centres,
 * the last coordinate a bias, and queries near the items. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/vector.h"
#include "service/clusters.h"
#include "service/item_index.h"
#include "tests/support/support.h"

enum { N = 6000, D = 40, CENTRES = 60, QUERIES = 300, ASKED = 30, K = 100 };

static float rows[N * D], queries[(QUERIES + ASKED) * D];
static const atomic_bool never = false;

static void near_centre(const float *centre, double spread, struct lat_rng *rng, float *out)
{
    for (size_t j = 0; j < D; j++)
        out[j] = centre[j] + (float)(spread * lat_rng_normal(rng) / (1 + (double)j / 4));
}

static void make(void)
{
    static float centres[CENTRES * D];
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (size_t i = 0; i < CENTRES * D; i++)
        centres[i] = (float)(lat_rng_normal(&rng) / (1 + (double)(i % D) / 8));
    for (size_t i = 0; i < N; i++) {
        near_centre(centres + lat_rng_below(&rng, CENTRES) * D, 0.5, &rng, rows + i * D);
        rows[i * D + D - 1] = (float)lat_rng_normal(&rng);
    }
    for (size_t q = 0; q < QUERIES + ASKED; q++) {
        near_centre(centres + lat_rng_below(&rng, CENTRES) * D, 0.5, &rng, queries + q * D);
        queries[q * D + D - 1] = 1;
    }
}

static struct lat_item_index *build(size_t n)
{
    struct lat_item_index *index = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_item_source source = {
        .rows = rows, .n = n, .d = D, .queries = queries, .n_queries = QUERIES};
    make();
    cr_assert_eq(lat_item_index_build(&source, &never, &index, &err), LAT_OK, "%s",
                 err.message);
    return index;
}

static size_t search(const struct lat_item_index *index, const struct lat_item_query *query,
                     struct lat_ranked *out)
{
    size_t n;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_item_index_search(index, query, out, &n, &err), LAT_OK, "%s", err.message);
    return n;
}

static size_t scan(size_t n_rows, const struct lat_item_query *query, struct lat_ranked *out)
{
    size_t n;
    cr_assert_eq(lat_item_scan(rows, n_rows, D, query, out, &n, NULL), LAT_OK);
    return n;
}

static struct lat_item_query asked(size_t q, const uint64_t *passed, size_t k)
{
    return (struct lat_item_query){queries + (QUERIES + q) * D, passed, k};
}

/* The share of the true best k among those that pass. */
static double recall(const struct lat_item_index *index, const uint64_t *passed, size_t k)
{
    static struct lat_ranked best[N], found[N];
    size_t hits = 0, all = 0;
    for (size_t q = 0; q < ASKED; q++) {
        const struct lat_item_query query = asked(q, passed, k);
        const size_t n = scan(N, &query, best), m = search(index, &query, found);
        for (size_t i = 0; i < m; i++) {
            cr_assert(!passed || (passed[found[i].item / 64] >> (found[i].item % 64) & 1));
            hits += found[i].score >= best[n - 1].score;
        }
        all += n;
    }
    return (double)hits / (double)all;
}

Test(item_index, finds_what_a_scan_finds)
{
    static struct lat_ranked found[K];
    struct lat_item_index *index = build(N);
    const double promised = lat_item_index_effort(index).recall;
    cr_assert_geq(promised, 0.98);
    cr_assert_geq(recall(index, NULL, K), 0.98);
    cr_assert_geq(recall(index, NULL, 10), 0.98);
    cr_assert_geq(recall(index, NULL, 1000), 0.98);
    cr_assert_geq(recall(index, NULL, 3000), 0.98);
    const struct lat_item_query query = asked(0, NULL, K);
    cr_assert_eq(search(index, &query, found), K);
    for (size_t i = 0; i < K; i++) {
        const float score = lat_vector_dot(rows + found[i].item * D, query.vector, D);
        cr_assert_eq(found[i].score, score, "scores are exact");
        cr_assert(!i || found[i - 1].score >= score);
    }
    lat_item_index_free(index);
}

Test(item_index, what_is_left_out_makes_room_for_others)
{
    static struct lat_ranked first[K], then[K], wanted[K];
    static uint64_t passed[(N + 63) / 64];
    struct lat_item_index *index = build(N);
    memset(passed, 0xFF, sizeof(passed));
    struct lat_item_query query = asked(1, passed, K);
    cr_assert_eq(search(index, &query, first), K);
    for (size_t i = 0; i < K; i++)
        passed[first[i].item / 64] &= ~(UINT64_C(1) << (first[i].item % 64));
    cr_assert_eq(search(index, &query, then), K);
    scan(N, &query, wanted);
    cr_assert(then[0].score <= first[K - 1].score);
    cr_assert_eq(then[0].item, wanted[0].item);
    cr_assert_geq(recall(index, passed, K), 0.98);
    lat_item_index_free(index);
}

Test(item_index, few_may_pass)
{
    static struct lat_ranked found[N];
    static uint64_t passed[(N + 63) / 64];
    struct lat_item_index *index = build(N);
    for (size_t every = 3; every <= 867; every *= 17) {
        memset(passed, 0, sizeof(passed));
        for (size_t i = 0; i < N; i += every)
            passed[i / 64] |= UINT64_C(1) << (i % 64);
        cr_assert_geq(recall(index, passed, K), 0.98, "one of %zu", every);
    }
    const struct lat_item_query query = asked(2, passed, K);
    cr_assert_eq(search(index, &query, found), 7, "no more than that pass");
    memset(passed, 0, sizeof(passed));
    cr_assert_eq(search(index, &query, found), 0);
    lat_item_index_free(index);
}

Test(item_index, a_handful_of_items_is_found_whole)
{
    static struct lat_ranked best[200], found[200];
    for (size_t n = 1; n <= 150; n = 2 * n + 1) {
        struct lat_item_index *index = build(n);
        const struct lat_item_query query = asked(3, NULL, 200);
        cr_assert_eq(scan(n, &query, best), n);
        cr_assert_eq(search(index, &query, found), n);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(found[i].item, best[i].item);
        lat_item_index_free(index);
    }
}

Test(item_index, equal_items_come_in_their_order)
{
    static struct lat_ranked found[10];
    struct lat_item_index *index = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    make();
    for (size_t i = 1; i < 3000; i++)
        memcpy(rows + i * D, rows, D * sizeof(float));
    const struct lat_item_source source = {
        .rows = rows, .n = 3000, .d = D, .queries = queries, .n_queries = QUERIES};
    cr_assert_eq(lat_item_index_build(&source, &never, &index, &err), LAT_OK, "%s",
                 err.message);
    const struct lat_item_query query = asked(0, NULL, 10);
    cr_assert_eq(search(index, &query, found), 10);
    for (size_t i = 1; i < 10; i++) {
        cr_assert_eq(found[i].score, found[0].score);
        cr_assert_lt(found[i - 1].item, found[i].item);
    }
    lat_item_index_free(index);
}

Test(item_index, one_coordinate_is_enough)
{
    static struct lat_ranked found[3];
    struct lat_item_index *index = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    make();
    const struct lat_item_source source = {
        .rows = rows, .n = 2000, .d = 1, .queries = queries, .n_queries = QUERIES};
    cr_assert_eq(lat_item_index_build(&source, &never, &index, &err), LAT_OK, "%s",
                 err.message);
    const float one = 1;
    const struct lat_item_query query = {.vector = &one, .k = 3};
    size_t best = 0;
    for (size_t i = 1; i < 2000; i++)
        best = rows[i] > rows[best] ? i : best;
    cr_assert_eq(search(index, &query, found), 3);
    cr_assert_eq(found[0].item, best);
    lat_item_index_free(index);
}

Test(item_index, a_build_can_be_stopped)
{
    struct lat_item_index *index = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    const atomic_bool now = true;
    const struct lat_item_source source = {
        .rows = rows, .n = N, .d = D, .queries = queries, .n_queries = QUERIES};
    make();
    cr_assert_eq(lat_item_index_build(&source, &now, &index, &err), LAT_CANCELLED);
    cr_assert_null(index);
}

Test(item_index, a_build_without_memory_fails_clean)
{
    struct lat_item_index *index = NULL;
    const struct lat_item_source source = {
        .rows = rows, .n = 300, .d = 4, .queries = queries, .n_queries = 100};
    make();
    for (long n = 1; n < 100000; n += 1 + n / 8) { /* searches are many, and alike */
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        const enum lat_status status = lat_item_index_build(&source, &never, &index, &err);
        const bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        if (!reached)
            break;
        cr_assert_eq(status, LAT_NO_MEMORY, "%ld: %s", n, err.message);
        cr_assert_null(index);
    }
    cr_assert_not_null(index);
    lat_item_index_free(index);
}

Test(item_index, clusters_are_found)
{
    struct lat_rng rng;
    float points[400], centres[4];
    uint32_t nearest[200];
    const struct lat_clusters clusters = {2, 2, centres};
    lat_rng_seed(&rng, 1);
    for (size_t i = 0; i < 400; i++)
        points[i] = (i / 2 % 2 ? 9.0F : -9.0F) + (float)lat_rng_normal(&rng);
    cr_assert_eq(lat_clusters_find(&clusters, points, 200, 8, &rng, &never, NULL), LAT_OK);
    cr_assert_float_eq(fabsf(centres[0]), 9, 0.5);
    cr_assert_float_eq(centres[0] + centres[2], 0, 0.5);
    cr_assert_eq(lat_clusters_assign(&clusters, points, 200, nearest, NULL), LAT_OK);
    for (size_t i = 2; i < 200; i++)
        cr_assert_eq(nearest[i], nearest[i - 2]);
    cr_assert_neq(nearest[0], nearest[1]);
}
