/* The index over a model's items: 2,000 of them around 20 centres, against all of their scores.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "service/retrieval.h"
#include "taste_fixture.h"
#include "tests/support/support.h"

enum { N = 2000, D = 8, CENTRES = 20, K = 50, WORDS = (N + 63) / 64 };

static struct taste_fixture taste;
static struct lat_retrieval *retrieval;
static float scores[N], query[D + 1];
static uint64_t passed[WORDS];
static const atomic_bool never = false;

static void enter(void)
{
    static float vectors[N * D], biases[N], centres[CENTRES * D];
    struct lat_rng rng;
    struct lat_error err = LAT_ERROR_INIT;
    test_folder_enter();
    lat_rng_seed(&rng, 5);
    for (size_t i = 0; i < CENTRES * D; i++)
        centres[i] = (float)lat_rng_normal(&rng);
    for (size_t i = 0; i < N * D; i++)
        vectors[i] = centres[i / D % CENTRES * D + i % D] + (float)lat_rng_normal(&rng) / 3;
    for (size_t i = 0; i < N; i++)
        biases[i] = (float)lat_rng_normal(&rng) / 2;
    taste_fixture_start(&taste, vectors, biases, N, D);
    cr_assert_eq(lat_retrieval_build(taste.model, &never, &retrieval, &err), LAT_OK, "%s",
                 err.message);
}

static void leave(void)
{
    lat_retrieval_free(retrieval);
    taste_fixture_stop(&taste);
    test_folder_leave();
}

TestSuite(retrieval, .init = enter, .fini = leave);

/* Somebody with the items `first`, `first` + step, …: scores, query, everything passes. */
static void ask(size_t first, size_t step, size_t n)
{
    struct lat_event events[20];
    char names[20][16];
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "i%zu", (first + i * step) % N);
        events[i] =
            (struct lat_event){.item = names[i], .len = strlen(names[i]), .weight = NAN};
    }
    cr_assert_eq(lat_model_recommend(taste.model, events, n, scores, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_model_query_vector(taste.model, events, n, query, &err), LAT_OK, "%s",
                 err.message);
    memset(passed, 0xFF, sizeof(passed));
}

static bool passes(size_t item)
{
    return passed[item / 64] >> (item % 64) & 1;
}

static int descending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The share of the best k among what passes that was found; what was found passes, best first.
 */
static double recall(size_t k)
{
    struct lat_ranked found[N];
    float best[N];
    size_t n_found, n = 0, hits = 0;
    for (size_t i = 0; i < N; i++)
        if (passes(i))
            best[n++] = scores[i];
    qsort(best, n, sizeof(*best), descending);
    k = k < n ? k : n;
    cr_assert_eq(lat_retrieval_search(retrieval, query, passed, k, found, &n_found, NULL),
                 LAT_OK);
    cr_assert_leq(n_found, k);
    for (size_t i = 0; i < n_found; i++) {
        cr_assert(passes(found[i].item));
        cr_assert_float_eq(found[i].score, scores[found[i].item], 1e-4);
        cr_assert(!i || found[i - 1].score >= found[i].score);
        hits += found[i].score >= best[k - 1] - 1e-5F;
    }
    return (double)hits / (double)k;
}

Test(retrieval, the_best_are_those_of_all_scores)
{
    double sum = 0;
    for (size_t i = 0; i < 40; i++) {
        ask(i * 37, i % 2 ? CENTRES : 7, 1 + i % 20); /* of one taste, or of any */
        sum += recall(K);
    }
    cr_assert_geq(sum / 40, 0.98);
}

Test(retrieval, seen_items_leave_their_places_to_others)
{
    struct lat_ranked found[K];
    size_t n;
    ask(3, CENTRES, 10);
    for (int round = 0; round < 5; round++) {
        cr_assert_eq(lat_retrieval_search(retrieval, query, passed, K, found, &n, NULL),
                     LAT_OK);
        cr_assert_eq(n, K, "always as many as were asked for");
        for (size_t i = 0; i < n; i++)
            passed[found[i].item / 64] &= ~(UINT64_C(1) << (found[i].item % 64));
        cr_assert_geq(recall(K), 0.96);
    }
}

Test(retrieval, the_few_that_pass_are_found)
{
    ask(11, CENTRES, 5);
    memset(passed, 0, sizeof(passed));
    struct lat_ranked found[1];
    size_t n = 9;
    cr_assert_eq(lat_retrieval_search(retrieval, query, passed, 1, found, &n, NULL), LAT_OK);
    cr_assert_eq(n, 0, "nothing passes");
    for (size_t i = 0; i < N; i += 83)
        passed[i / 64] |= UINT64_C(1) << (i % 64);
    cr_assert_eq(recall(N), 1);
    cr_assert_eq(recall(3), 1);
}

Test(retrieval, made_up_queries_are_those_of_histories)
{
    enum { QUERIES = 200 };
    static float first[QUERIES * (D + 1)], again[QUERIES * (D + 1)];
    cr_assert_eq(lat_retrieval_make_up(taste.model, 9, QUERIES, first, NULL), LAT_OK);
    cr_assert_eq(lat_retrieval_make_up(taste.model, 9, QUERIES, again, NULL), LAT_OK);
    cr_assert(memcmp(first, again, sizeof(first)) == 0);
    for (size_t q = 0; q < QUERIES; q++)
        cr_assert_eq(first[q * (D + 1) + D], 1);
    cr_assert_eq(lat_retrieval_make_up(taste.model, 10, QUERIES, again, NULL), LAT_OK);
    cr_assert(memcmp(first, again, sizeof(first)) != 0);
}

Test(retrieval, a_stopped_build_lets_go_of_the_model)
{
    const atomic_bool now = true;
    struct lat_retrieval *none = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_retrieval_build(taste.model, &now, &none, &err), LAT_CANCELLED);
    cr_assert_null(none);
    cr_assert_not_null(strstr(err.message, "items of 'taste@1'"), "%s", err.message);
}
