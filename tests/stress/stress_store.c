/* Many threads on one store, under ThreadSanitizer: writers that put, hide and delete items of
 * their own and look for them after each acknowledgement, searchers with and without filters, a
 * thread that rebuilds the index over and over, one that creates and drops collections.
 *
 * Whatever a thread was told must be true for it at once: what it wrote is found, what it
 * deleted is not. At the end the numbers agree, also after reopening. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rng.h"
#include "base/sync.h"
#include "index/store.h"
#include "tests/support/support.h"

#include "base/banned.h"

enum { D = 16, WRITERS = 4, SEARCHERS = 2, ROUNDS = 150, PER_ROUND = 8, KEPT = 3 };

static struct lat_store *store;
static atomic_bool over;
static atomic_uint faults;

static void wrong(const char *what, const char *id)
{
    fprintf(stderr, "stress_store: %s: %s\n", what, id);
    atomic_fetch_add(&faults, 1);
}

static void must(enum lat_status status, const struct lat_error *err, const char *what)
{
    if (status != LAT_OK)
        wrong(what, err->message);
}

static void code_of(uint64_t seed, float *out)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < D; i++)
        out[i] = (float)lat_rng_normal(&rng);
}

/* Whether the item is the first hit of its own code. */
static bool is_found(uint64_t seed, const char *id)
{
    float code[D];
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    code_of(seed, code);
    const struct lat_query query = {.code = code, .k = 3, .max_distance = INFINITY};
    if (lat_store_search(store, "c", &query, &result, &err) != LAT_OK) {
        wrong("search", err.message);
        return false;
    }
    const bool found = result.n && strcmp(result.hits[0].id, id) == 0;
    lat_search_result_release(&result);
    return found;
}

struct round {
    char ids[PER_ROUND][32];
    float codes[PER_ROUND][D];
    uint64_t seeds[PER_ROUND];
};

static void write_round(struct round *round, enum lat_write_kind kind, size_t from, int hidden)
{
    struct lat_write writes[PER_ROUND];
    struct lat_write_result results[PER_ROUND];
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t i = from; i < PER_ROUND; i++)
        writes[i] = (struct lat_write){
            .kind = kind,
            .id = round->ids[i],
            .code = round->codes[i],
            .metadata =
                kind == LAT_WRITE_PUT ? i % 2 ? "{\"odd\":true}" : "{\"odd\":false}" : NULL,
            .error = NAN,
            .hidden = hidden};
    must(lat_store_write(store, "c", writes + from, PER_ROUND - from, true, results, &err),
         &err, "write");
}

/* Puts eight items, replaces them, hides and shows one, deletes all but KEPT. */
static void *write_items(void *argument)
{
    const uint64_t self = (uint64_t)(uintptr_t)argument;
    static _Thread_local struct round round;
    for (uint64_t r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < PER_ROUND; i++) {
            round.seeds[i] = (self << 40) + r * 64 + i;
            snprintf(round.ids[i], sizeof(round.ids[i]), "w%u-%u-%u", (unsigned)self,
                     (unsigned)r, (unsigned)i);
            code_of(round.seeds[i], round.codes[i]);
        }
        write_round(&round, LAT_WRITE_PUT, 0, -1);
        for (size_t i = 0; i < PER_ROUND; i++)
            if (!is_found(round.seeds[i], round.ids[i]))
                wrong("acknowledged and not found", round.ids[i]);
        if (r % 3 == 0)
            write_round(&round, LAT_WRITE_PUT, 0, -1);
        write_round(&round, LAT_WRITE_PATCH, PER_ROUND - 1, 1);
        if (is_found(round.seeds[PER_ROUND - 1], round.ids[PER_ROUND - 1]))
            wrong("hidden and found", round.ids[PER_ROUND - 1]);
        write_round(&round, LAT_WRITE_DELETE, KEPT, -1);
        for (size_t i = 0; i < PER_ROUND; i++)
            if (is_found(round.seeds[i], round.ids[i]) != (i < KEPT))
                wrong(i < KEPT ? "lost" : "deleted and found", round.ids[i]);
    }
    return NULL;
}

static void *search_items(void *argument)
{
    static const char *const path[] = {"odd"};
    const struct lat_value yes = {.kind = LAT_VALUE_BOOL, .boolean = true};
    const struct lat_filter odd = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &yes, .n_values = 1};
    for (uint64_t i = 0; !atomic_load(&over); i++) {
        float code[D];
        struct lat_search_result result;
        struct lat_error err = LAT_ERROR_INIT;
        code_of(i * 2 + (uint64_t)(uintptr_t)argument, code);
        const struct lat_query query = {.code = code,
                                        .k = 10,
                                        .max_distance = INFINITY,
                                        .filter = i % 4 == 1 ? &odd : NULL,
                                        .exact = i % 8 == 2,
                                        .parts = i % 2 ? LAT_ITEM_METADATA : 0};
        must(lat_store_search(store, "c", &query, &result, &err), &err, "search");
        for (size_t h = 0; h < result.n; h++) {
            if (h && result.hits[h - 1].distance > result.hits[h].distance)
                wrong("not in order", result.hits[h].id);
            if (query.filter && !strstr(result.hits[h].metadata, "true"))
                wrong("does not pass", result.hits[h].id);
        }
        lat_search_result_release(&result);
        if (i % 16 == 0) {
            struct lat_item_list list;
            struct lat_collection_info info;
            must(lat_store_list(store, "c", NULL, NULL, 20, LAT_ITEM_CODE, &list, &err), &err,
                 "list");
            lat_item_list_release(&list);
            must(lat_store_describe(store, "c", &info, &err), &err, "describe");
        }
    }
    return NULL;
}

static void *rebuild(void *argument)
{
    (void)argument;
    for (unsigned i = 0; !atomic_load(&over); i++) {
        const struct lat_index_spec specs[] = {{.type = LAT_INDEX_HNSW, .m = 8},
                                               {.type = LAT_INDEX_FLAT}};
        struct lat_error err = LAT_ERROR_INIT;
        must(lat_store_reindex(store, "c", &specs[i % 2], NULL, NULL, &err), &err, "reindex");
    }
    return NULL;
}

static void create(const char *name)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_collection_spec spec = {
        .dimension = D, .metric = LAT_DISTANCE_L2, .index = {.type = LAT_INDEX_HNSW, .m = 8}};
    bool created;
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    must(lat_store_create(store, &spec, &created, &err), &err, "create");
}

static void *come_and_go(void *argument)
{
    (void)argument;
    while (!atomic_load(&over)) {
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_write_result result;
        const float code[D] = {1};
        const struct lat_write write = {.id = "x", .code = code, .error = NAN, .hidden = -1};
        create("temporary");
        must(lat_store_write(store, "temporary", &write, 1, true, &result, &err), &err,
             "write");
        must(lat_store_drop(store, "temporary", &err), &err, "drop");
    }
    return NULL;
}

static void open_store(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("data"), .readers = 2};
    if (lat_store_open(&options, &store, &err) != LAT_OK ||
        lat_store_load(store, NULL, &err) != LAT_OK) {
        fprintf(stderr, "stress_store: %s\n", err.message);
        exit(1);
    }
}

static void count(const char *when)
{
    uint64_t n = 0;
    struct lat_error err = LAT_ERROR_INIT;
    must(lat_store_count(store, "c", NULL, &n, &err), &err, "count");
    if (n != (uint64_t)WRITERS * ROUNDS * KEPT)
        wrong("the number of items is wrong", when);
}

static void report(void *context, const char *line)
{
    wrong(context, line);
}

int main(void)
{
    enum { OTHERS = SEARCHERS + 2 };
    pthread_t writers[WRITERS], others[OTHERS];
    uint64_t findings = 0;
    struct lat_error err = LAT_ERROR_INIT;
    lat_log_configure(LAT_LOG_ERROR, LAT_LOG_JSON);
    test_folder_enter();
    open_store();
    create("c");
    for (uintptr_t i = 0; i < OTHERS; i++)
        if (pthread_create(&others[i], NULL,
                           i < SEARCHERS    ? search_items
                           : i == SEARCHERS ? rebuild
                                            : come_and_go,
                           (void *)i) != 0)
            return 1;
    for (uintptr_t i = 0; i < WRITERS; i++)
        if (pthread_create(&writers[i], NULL, write_items, (void *)(i + 1)) != 0)
            return 1;
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&over, true);
    for (size_t i = 0; i < OTHERS; i++)
        pthread_join(others[i], NULL);
    count("before closing");
    lat_store_close(store);
    open_store();
    count("after reopening");
    lat_store_close(store);
    must(lat_store_check(test_path("data"), report, "check", &findings, &err), &err, "check");
    test_folder_leave();
    printf("stress_store: %u faults\n", atomic_load(&faults));
    return atomic_load(&faults) != 0;
}
