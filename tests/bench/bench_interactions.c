/* Interactions in the store by itself, without HTTP: how fast they go in, durably, in the order
 * of users and in the order of time; what reading a history, the popular items, and opening
 * cost. 6,040 users and 3,706 items of unequal popularity, as in MovieLens 1M. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "index/interactions.h"
#include "tests/bench/bench.h"

#include "base/banned.h"

enum { USERS = 6040, ITEMS = 3706, NAME = 32, READS = 2000 };

#define BEGIN_MS INT64_C(1700000000000)

static struct lat_store *store;
static char (*user_names)[NAME], (*item_names)[NAME];

static void must(enum lat_status status, const struct lat_error *err)
{
    if (status != LAT_OK)
        bench_die("%s", err->message);
}

static double seconds_since(uint64_t begin)
{
    return (double)(lat_clock_ns() - begin) / 1e9;
}

static void open_store(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("store")};
    must(lat_store_open(&options, &store, &err), &err);
    must(lat_store_load(store, NULL, &err), &err);
}

static void create(const char *name)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_collection_spec spec = {0};
    bool created;
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    must(lat_store_create(store, &spec, &created, &err), &err);
}

static char (*make_names(const char *prefix, size_t n))[NAME]
{
    char(*names)[NAME] = lat_alloc(n, NAME);
    if (!names)
        bench_die("out of memory");
    for (size_t i = 0; i < n; i++)
        snprintf(names[i], NAME, "%s%zu", prefix, i);
    return names;
}

static int by_user(const void *a, const void *b)
{
    const struct lat_interaction *x = a, *y = b;
    const int order = strcmp(x->user, y->user);
    return order ? order : (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* In the order of time; both users and items are drawn by the square of a uniform number. */
static struct lat_interaction *draw(size_t n)
{
    struct lat_rng rng;
    struct lat_interaction *all = lat_alloc_raw(n, sizeof(*all));
    if (!all)
        bench_die("out of memory");
    lat_rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++) {
        const double u = lat_rng_uniform(&rng), v = lat_rng_uniform(&rng);
        all[i] = (struct lat_interaction){.user = user_names[(size_t)(u * u * USERS)],
                                          .item = item_names[(size_t)(v * v * ITEMS)],
                                          .type = "",
                                          .weight = (float)(1 + lat_rng_below(&rng, 5)),
                                          .at_ms = BEGIN_MS + (int64_t)i * 1000};
    }
    return all;
}

static double write_all(const char *collection, const struct lat_interaction *all, size_t n,
                        size_t batch)
{
    struct lat_error err = LAT_ERROR_INIT;
    create(collection);
    const uint64_t begin = lat_clock_ns();
    for (size_t i = 0; i < n; i += batch)
        must(
            lat_store_interact(store, collection, all + i, n - i < batch ? n - i : batch, &err),
            &err);
    const double rate = (double)n / seconds_since(begin);
    bench_say("%s, %zu a call: %.0f interactions/s", collection, batch, rate);
    return rate;
}

static void measure_writing(json_t *results, struct lat_interaction *all, size_t n)
{
    json_t *rates = json_object();
    bench_set(rates, "by_time_4096", write_all("time-4096", all, n, 4096));
    bench_set(rates, "by_time_16384", write_all("time-16384", all, n, 16384));
    bench_set(rates, "by_time_65536", write_all("time-65536", all, n, 65536));
    bench_set(rates, "again_65536", write_all("time-65536", all, n, 65536));
    qsort(all, n, sizeof(*all), by_user);
    const double by_users = write_all("users", all, n, 16384);
    bench_set(rates, "by_user_4096", write_all("users-4096", all, n, 4096));
    json_t *row = bench_row(by_users / 100000, 1, false);
    bench_set(row, "interactions_per_second", by_users);
    json_object_set_new(results, "interactions_written", row);
    json_object_set_new(results, "interactions_per_second", rates);
}

static double history_us(struct lat_rng *rng, size_t *out_rows)
{
    struct lat_error err = LAT_ERROR_INIT;
    size_t rows = 0;
    const uint64_t begin = lat_clock_ns();
    for (size_t i = 0; i < READS; i++) {
        struct lat_history_page page;
        must(lat_store_history(store, "users", user_names[lat_rng_below(rng, USERS)], NULL, 0,
                               &page, &err),
             &err);
        rows += page.n;
        lat_history_page_release(&page);
    }
    *out_rows = rows / READS;
    return seconds_since(begin) * 1e6 / READS;
}

static double popular_us(int64_t since_ms, size_t n)
{
    struct lat_error err = LAT_ERROR_INIT;
    const uint64_t begin = lat_clock_ns();
    for (size_t i = 0; i < n; i++) {
        struct lat_popular_list list;
        const struct lat_popular_query query = {.since_ms = since_ms, .k = 20};
        must(lat_store_popular(store, "users", &query, &list, &err), &err);
        lat_popular_list_release(&list);
    }
    return seconds_since(begin) * 1e6 / (double)n;
}

static bool count(void *context, const struct lat_interaction *one)
{
    *(size_t *)context += one->item != NULL;
    return true;
}

static void measure_reading(json_t *results, size_t n)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    size_t rows = 0, all = 0;
    json_t *object = json_object();
    lat_rng_seed(&rng, 2);
    bench_set(object, "history_us", history_us(&rng, &rows));
    bench_set(object, "history_rows", (double)rows);
    bench_set(object, "popular_us", popular_us(0, READS));
    bench_set(object, "popular_last_percent_us",
              popular_us(BEGIN_MS + (int64_t)(n - n / 100) * 1000, 5));
    bench_set(object, "popular_last_half_us",
              popular_us(BEGIN_MS + (int64_t)(n / 2) * 1000, 5));
    uint64_t begin = lat_clock_ns();
    must(lat_store_interactions_each(store, "users", count, &all, &err), &err);
    bench_set(object, "each_ns", seconds_since(begin) * 1e9 / (double)all);
    lat_store_close(store);
    begin = lat_clock_ns();
    open_store();
    bench_set(object, "open_seconds", seconds_since(begin));
    json_object_set_new(results, "interactions_read", object);
}

int main(void)
{
    const size_t n = bench_size(1000000, 20000);
    json_t *results = json_object();
    test_folder_enter();
    user_names = make_names("u", USERS);
    item_names = make_names("i", ITEMS);
    struct lat_interaction *all = draw(n);
    open_store();
    measure_writing(results, all, n);
    measure_reading(results, n);
    lat_store_close(store);
    test_folder_leave();
    lat_free(all);
    lat_free(user_names);
    lat_free(item_names);
    bench_print(results);
    return 0;
}
