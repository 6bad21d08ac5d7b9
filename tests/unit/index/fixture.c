#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "tests/support/support.h"

enum { BATCH = 500, CENTRES = 64 };

struct lat_store *fixture_open(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_store *store = NULL;
    const struct lat_store_options options = {.folder = test_path("data")};
    if (!getenv("LATENTD_TEST_LOG"))
        lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    cr_assert_eq(lat_store_open(&options, &store, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_load(store, NULL, &err), LAT_OK, "%s", err.message);
    return store;
}

struct lat_store *fixture_reopen(struct lat_store *store)
{
    lat_store_close(store);
    return fixture_open();
}

struct lat_collection_spec fixture_spec(const char *name, uint32_t d, enum lat_distance metric,
                                        enum lat_index_type type)
{
    struct lat_collection_spec spec = {
        .dimension = d, .metric = metric, .index = {.type = type}, .keep_inputs = true};
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    return spec;
}

void fixture_create(struct lat_store *store, const struct lat_collection_spec *spec)
{
    struct lat_error err = LAT_ERROR_INIT;
    bool created = false;
    cr_assert_eq(lat_store_create(store, spec, &created, &err), LAT_OK, "%s", err.message);
    cr_assert(created);
}

void fixture_noise(uint64_t i, uint32_t d, float *out)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, i * 2 + 1);
    for (uint32_t j = 0; j < d; j++)
        out[j] = (float)lat_rng_normal(&rng);
}

void fixture_code(uint64_t i, uint32_t d, float *out)
{
    struct lat_rng centre;
    fixture_noise(i, d, out);
    lat_rng_seed(&centre, 2 * ((i * 2654435761U) % CENTRES));
    for (uint32_t j = 0; j < d; j++)
        out[j] = 0.6F * out[j] + (float)lat_rng_normal(&centre);
}

void fixture_id(uint64_t i, char out[32])
{
    snprintf(out, 32, "item-%06llu", (unsigned long long)i);
}

void fixture_put(struct lat_store *store, const char *name, uint32_t d, uint64_t from,
                 uint64_t to)
{
    static struct lat_write writes[BATCH];
    static struct lat_write_result results[BATCH];
    static char ids[BATCH][32], metadata[BATCH][96];
    float *codes = malloc(BATCH * d * sizeof(float));
    struct lat_error err = LAT_ERROR_INIT;
    while (from < to) {
        size_t n = 0;
        for (; n < BATCH && from < to; n++, from++) {
            const unsigned long long i = from;
            fixture_id(from, ids[n]);
            snprintf(metadata[n], sizeof(metadata[n]),
                     "{\"n\":%llu,\"mod\":%llu,\"label\":\"%s\",\"tags\":[\"t%llu\",\"all\"]}",
                     i, i % 1000, i % 2 ? "odd" : "even", i % 3);
            fixture_code(from, d, codes + n * d);
            writes[n] = (struct lat_write){.kind = LAT_WRITE_PUT,
                                           .id = ids[n],
                                           .code = codes + n * d,
                                           .metadata = metadata[n],
                                           .error = NAN,
                                           .hidden = -1};
        }
        cr_assert_eq(lat_store_write(store, name, writes, n, false, results, &err), LAT_OK,
                     "%s", err.message);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(results[i].status, LAT_OK);
    }
    free(codes);
}

void fixture_put_one(struct lat_store *store, const char *name, const char *id,
                     const float *code)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_write_result result;
    const struct lat_write write = {
        .kind = LAT_WRITE_PUT, .id = id, .code = code, .error = NAN, .hidden = -1};
    cr_assert_eq(lat_store_write(store, name, &write, 1, true, &result, &err), LAT_OK, "%s",
                 err.message);
}

enum lat_status fixture_delete(struct lat_store *store, const char *name, const char *id)
{
    struct lat_write_result result;
    const struct lat_write write = {.kind = LAT_WRITE_DELETE, .id = id};
    return lat_store_write(store, name, &write, 1, true, &result, NULL);
}

/* Asks again and again: what goes on behind the store tells nobody when it is done. */
void fixture_settle(struct lat_store *store, const char *name)
{
    const struct timespec pause = {.tv_nsec = 2 * (long)LAT_NS_PER_MS};
    struct lat_collection_info info;
    for (;;) {
        cr_assert_eq(lat_store_describe(store, name, &info, NULL), LAT_OK);
        const bool many_dead = info.dead >= 1000 && info.dead >= (info.items + info.dead) / 4;
        if (!info.waiting && !many_dead && strcmp(info.index_state, "ready") == 0)
            return;
        nanosleep(&pause, NULL);
    }
}

struct lat_query fixture_query(const float *code, size_t k)
{
    return (struct lat_query){.code = code, .k = k, .max_distance = INFINITY};
}

bool fixture_finds(struct lat_store *store, const char *name, uint32_t d, uint64_t i,
                   unsigned parts)
{
    float *code = malloc(d * sizeof(float));
    char id[32];
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    fixture_code(i, d, code);
    fixture_id(i, id);
    struct lat_query query = fixture_query(code, 1);
    query.parts = parts;
    cr_assert_eq(lat_store_search(store, name, &query, &result, &err), LAT_OK, "%s",
                 err.message);
    const bool found = result.n == 1 && strcmp(result.hits[0].id, id) == 0;
    lat_search_result_release(&result);
    free(code);
    return found;
}

double fixture_recall(struct lat_store *store, const char *name, uint32_t d, size_t n_queries,
                      size_t k, const struct lat_filter *filter)
{
    float *code = malloc(d * sizeof(float));
    size_t found = 0, wanted = 0;
    for (size_t q = 0; q < n_queries; q++) {
        struct lat_search_result got, exact;
        struct lat_error err = LAT_ERROR_INIT;
        fixture_code(1000000 + q, d, code);
        struct lat_query query = fixture_query(code, k);
        query.filter = filter;
        cr_assert_eq(lat_store_search(store, name, &query, &got, &err), LAT_OK, "%s",
                     err.message);
        query.exact = true;
        cr_assert_eq(lat_store_search(store, name, &query, &exact, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(got.n, exact.n, "%zu hits, the exact search has %zu", got.n, exact.n);
        for (size_t i = 0; i < exact.n; i++)
            for (size_t j = 0; j < got.n; j++)
                if (strcmp(exact.hits[i].id, got.hits[j].id) == 0)
                    found++;
        wanted += exact.n;
        lat_search_result_release(&got);
        lat_search_result_release(&exact);
    }
    free(code);
    cr_assert_gt(wanted, 0, "nothing to find");
    return (double)found / (double)wanted;
}

struct lat_store *fixture_open_with(uint32_t d, enum lat_distance metric,
                                    enum lat_index_type type, uint64_t n)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec = fixture_spec("c", d, metric, type);
    fixture_create(store, &spec);
    fixture_put(store, "c", d, 0, n);
    return store;
}

struct lat_query fixture_query_by_id(const char *id, size_t k)
{
    return (struct lat_query){.id = id, .k = k, .max_distance = INFINITY};
}

struct lat_search_result fixture_search(struct lat_store *store, const struct lat_query *query)
{
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_search(store, "c", query, &result, &err), LAT_OK, "%s", err.message);
    return result;
}

struct lat_write_result fixture_write(struct lat_store *store, const struct lat_write *write)
{
    struct lat_write_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_write(store, "c", write, 1, false, &result, &err), LAT_OK, "%s",
                 err.message);
    return result;
}
