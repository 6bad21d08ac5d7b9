/* The store by itself, without HTTP: what a search costs over bare FAISS, how fast rows go in,
 * how long searches wait meanwhile, memory and opening of a million codes.
 *
 * BENCH_PART=search|ingest|million runs one of the three. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/urgency.h"
#include "index/store.h"
#include "tests/bench/bench.h"
#include "tests/bench/codes.h"
#include "tests/bench/faiss_raw.h"

#include "base/banned.h"

enum { K = 10, M = 32, EF_CONSTRUCTION = 80, BATCH = 500, QUERIES = 1000 };

static struct lat_store *store;

static void must(enum lat_status status, const struct lat_error *err)
{
    if (status != LAT_OK)
        bench_die("%s", err->message);
}

static void open_store(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("store")};
    must(lat_store_open(&options, &store, &err), &err);
    must(lat_store_load(store, NULL, &err), &err);
}

static void create(const char *name, uint32_t d)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_collection_spec spec = {.dimension = d, .index.type = LAT_INDEX_HNSW};
    bool created;
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    must(lat_store_create(store, &spec, &created, &err), &err);
}

/* Rows [from, to) as items named by their number. */
static void put(const char *name, const float *rows, size_t d, size_t from, size_t to)
{
    static _Thread_local char ids[BATCH][24];
    static _Thread_local struct lat_write writes[BATCH];
    static _Thread_local struct lat_write_result results[BATCH];
    while (from < to) {
        struct lat_error err = LAT_ERROR_INIT;
        size_t n = 0;
        for (; n < BATCH && from < to; n++, from++) {
            snprintf(ids[n], sizeof(ids[n]), "%09zu", from);
            writes[n] = (struct lat_write){.id = ids[n],
                                           .code = rows + from * d,
                                           .metadata = "{\"label\":\"x\"}",
                                           .error = NAN,
                                           .hidden = -1};
        }
        must(lat_store_write(store, name, writes, n, true, results, &err), &err);
    }
}

static void settle(const char *name, size_t n)
{
    const struct timespec pause = {.tv_nsec = 20 * (long)LAT_NS_PER_MS};
    struct lat_collection_info info;
    do {
        nanosleep(&pause, NULL);
        must(lat_store_describe(store, name, &info, NULL), NULL);
    } while (info.waiting || strcmp(info.index_state, "ready") != 0);
    if (info.items != n)
        bench_die("%zu items, not %zu", (size_t)info.items, n);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Microseconds a query, one after the other, into times [n] if it is given; recall against
 * exact. */
static double search_all(const char *name, const float *queries, size_t n, size_t d,
                         uint32_t ef, double *times, double *out_recall)
{
    size_t found = 0;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        struct lat_query query = {
            .code = queries + i * d, .k = K, .max_distance = INFINITY, .ef = ef};
        struct lat_search_result got, exact = {0};
        const uint64_t start = lat_clock_ns();
        must(lat_store_search(store, name, &query, &got, NULL), NULL);
        const double us = (double)(lat_clock_ns() - start) / 1e3;
        total += us;
        if (times)
            times[i] = us;
        if (out_recall && i < 200) {
            query.exact = true;
            must(lat_store_search(store, name, &query, &exact, NULL), NULL);
            for (size_t a = 0; a < exact.n; a++)
                for (size_t b = 0; b < got.n; b++)
                    found += strcmp(exact.hits[a].id, got.hits[b].id) == 0;
            lat_search_result_release(&exact);
        }
        lat_search_result_release(&got);
    }
    if (out_recall)
        *out_recall = (double)found / (double)(K * (n < 200 ? n : 200));
    return total / (double)n;
}

static double raw_recall(struct faiss_raw *raw, const char *name, const float *queries,
                         size_t d, int ef)
{
    int64_t rows[K];
    float distances[K];
    size_t found = 0;
    for (size_t i = 0; i < 200; i++) {
        struct lat_search_result exact;
        const struct lat_query query = {
            .code = queries + i * d, .k = K, .max_distance = INFINITY, .exact = true};
        must(lat_store_search(store, name, &query, &exact, NULL), NULL);
        faiss_raw_search(raw, queries + i * d, 1, K, ef, 1, rows, distances);
        for (size_t a = 0; a < exact.n; a++)
            for (size_t b = 0; b < K; b++)
                found += atoll(exact.hits[a].id) == rows[b];
        lat_search_result_release(&exact);
    }
    return (double)found / (200.0 * K);
}

static void part_search(json_t *results)
{
    const size_t d = 128, n = bench_size(100000, 4000);
    float *rows = codes_make(n, d, 0), *queries = codes_make(QUERIES, d, 1);
    double recall;
    create("search", 128);
    bench_say("putting %zu codes of %zu floats", n, d);
    const uint64_t start = lat_clock_ns();
    put("search", rows, d, 0, n);
    bench_set(results, "ingest_per_s", (double)n / ((double)(lat_clock_ns() - start) / 1e9));
    settle("search", n);
    bench_set(results, "linked_per_s", (double)n / ((double)(lat_clock_ns() - start) / 1e9));
    search_all("search", queries, QUERIES, d, 0, NULL, &recall);
    const double us = search_all("search", queries, QUERIES, d, 0, NULL, NULL);
    bench_set(results, "search_us", us);
    bench_set(results, "search_recall", recall);
    bench_say("building bare FAISS");
    const uint64_t build = lat_clock_ns();
    struct faiss_raw *raw = faiss_raw_new(rows, n, d, M, EF_CONSTRUCTION, 1);
    bench_set(results, "faiss_linked_per_s",
              (double)n / ((double)(lat_clock_ns() - build) / 1e9));
    int ef = 8;
    double reached = 0;
    while (ef < 1024 && (reached = raw_recall(raw, "search", queries, d, ef)) < recall)
        ef += ef / 4;
    int64_t found[K];
    float distances[K];
    for (int round = 0; round < 2; round++) {
        const uint64_t begin = lat_clock_ns();
        for (size_t i = 0; i < QUERIES; i++)
            faiss_raw_search(raw, queries + i * d, 1, K, ef, 1, found, distances);
        if (round)
            bench_set(results, "faiss_us", (double)(lat_clock_ns() - begin) / 1e3 / QUERIES);
    }
    bench_set(results, "faiss_ef", ef);
    bench_set(results, "faiss_recall", reached);
    for (uint32_t fixed = 32; fixed <= 128; fixed *= 2) {
        char name[32];
        double at;
        search_all("search", queries, QUERIES, d, fixed, NULL, &at);
        snprintf(name, sizeof(name), "search_us_ef%u", fixed);
        bench_set(results, name, search_all("search", queries, QUERIES, d, fixed, NULL, NULL));
        snprintf(name, sizeof(name), "search_recall_ef%u", fixed);
        bench_set(results, name, at);
        const uint64_t begin = lat_clock_ns();
        for (size_t i = 0; i < QUERIES; i++)
            faiss_raw_search(raw, queries + i * d, 1, K, (int)fixed, 1, found, distances);
        snprintf(name, sizeof(name), "faiss_us_ef%u", fixed);
        bench_set(results, name, (double)(lat_clock_ns() - begin) / 1e3 / QUERIES);
        snprintf(name, sizeof(name), "faiss_recall_ef%u", fixed);
        bench_set(results, name, raw_recall(raw, "search", queries, d, (int)fixed));
    }
    faiss_raw_free(raw);
    lat_free(rows);
    lat_free(queries);
}

/* ---- ingest ---- */

struct ingest {
    const float *rows;
    size_t n;
    atomic_size_t next;
    atomic_bool done;
};

static void *put_singles(void *argument)
{
    struct ingest *ingest = argument;
    for (size_t i; (i = atomic_fetch_add(&ingest->next, 1)) < ingest->n;)
        put("ingest", ingest->rows, 128, i, i + 1);
    return NULL;
}

static void *put_batches(void *argument)
{
    struct ingest *ingest = argument;
    lat_urgency_set(LAT_BULK); /* as the service's workers are */
    for (size_t i; (i = atomic_fetch_add(&ingest->next, BATCH)) < ingest->n;)
        put("ingest", ingest->rows, 128, i, i + BATCH < ingest->n ? i + BATCH : ingest->n);
    atomic_store(&ingest->done, true);
    return NULL;
}

static void part_ingest(json_t *results)
{
    enum { WRITERS = 64, D = 128 };
    const size_t half = bench_size(30000, 2000), n = 2 * half, singles = bench_size(6400, 640);
    float *rows = codes_make(n + singles, D, 0), *queries = codes_make(QUERIES, D, 1);
    static double times[200000];
    create("ingest", D);
    put("ingest", rows, D, 0, half);
    settle("ingest", half);
    search_all("ingest", queries, QUERIES, D, 0, times, NULL);
    search_all("ingest", queries, QUERIES, D, 0, times, NULL);
    qsort(times, QUERIES, sizeof(*times), compare);
    const double idle = times[QUERIES * 99 / 100];
    struct ingest ingest = {.rows = rows, .n = n, .next = half};
    pthread_t thread;
    lat_urgency_set(LAT_PROMPT); /* as its network threads are */
    const uint64_t start = lat_clock_ns();
    pthread_create(&thread, NULL, put_batches, &ingest);
    size_t done = 0;
    while (!atomic_load(&ingest.done) && done + 100 < sizeof(times) / sizeof(*times)) {
        search_all("ingest", queries + done % (QUERIES - 100) * D, 100, D, 0, times + done,
                   NULL);
        done += 100;
    }
    pthread_join(thread, NULL);
    bench_set(results, "ingest_with_searches_per_s",
              (double)half / ((double)(lat_clock_ns() - start) / 1e9));
    qsort(times, done, sizeof(*times), compare);
    bench_set(results, "idle_p99_us", idle);
    bench_set(results, "busy_p50_us", times[done / 2]);
    bench_set(results, "busy_p99_us", times[done * 99 / 100]);
    bench_set(results, "busy_searches", (double)done);
    json_object_set_new(results, "p99_under_ingest",
                        bench_row(times[done * 99 / 100] / idle, 5, true));
    pthread_t writers[WRITERS];
    const double commits = lat_metric_value(LAT_METRIC_COMMITS, NULL);
    ingest = (struct ingest){.rows = rows, .n = n + singles, .next = n};
    const uint64_t begin = lat_clock_ns();
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, put_singles, &ingest);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    bench_set(results, "single_puts_per_s",
              (double)singles / ((double)(lat_clock_ns() - begin) / 1e9));
    bench_set(results, "puts_per_commit",
              (double)singles / (lat_metric_value(LAT_METRIC_COMMITS, NULL) - commits));
    lat_free(rows);
    lat_free(queries);
}

/* ---- a million ---- */

static double resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        bench_die("/proc/self/statm cannot be read");
    fclose(file);
    return (double)resident * 4096;
}

static void part_million(json_t *results)
{
    enum { D = 32, CHUNK = 50000 };
    const size_t n = bench_size(1000000, 20000);
    const double before = resident_bytes();
    const uint64_t start = lat_clock_ns();
    create("million", D);
    float *rows = NULL;
    for (size_t at = 0; at < n; at += CHUNK) {
        lat_free(rows);
        rows = codes_make(CHUNK, D, at);
        float *shifted = rows - at * D; /* rows are named by their number over all */
        put("million", shifted, D, at, at + CHUNK < n ? at + CHUNK : n);
        bench_say("%zu items", at + CHUNK);
    }
    lat_free(rows);
    settle("million", n);
    bench_set(results, "million_linked_s", (double)(lat_clock_ns() - start) / 1e9);
    const double needed = (double)n * 4 * (D + 2 * M + (double)M / (M - 1));
    const double filled = resident_bytes() - before;
    const uint64_t closing = lat_clock_ns();
    lat_store_close(store);
    bench_set(results, "million_close_s", (double)(lat_clock_ns() - closing) / 1e9);
    const uint64_t opening = lat_clock_ns();
    open_store();
    const double open_s = (double)(lat_clock_ns() - opening) / 1e9;
    bench_set(results, "million_rss_mb", filled / 1e6);
    bench_set(results, "million_rss_after_open_mb", resident_bytes() / 1e6);
    json_object_set_new(results, "million_memory", bench_row(filled / needed, 2, true));
    json_object_set_new(results, "million_open_s",
                        bench_row(open_s, 3.0 * (double)n / 1e6, true));
    float *queries = codes_make(QUERIES, D, 1);
    double recall;
    search_all("million", queries, QUERIES, D, 0, NULL, &recall);
    bench_set(results, "million_search_us",
              search_all("million", queries, QUERIES, D, 0, NULL, NULL));
    bench_set(results, "million_recall", recall);
    lat_free(queries);
}

int main(void)
{
    const char *part = getenv("BENCH_PART");
    json_t *results = json_object();
    test_folder_enter();
    open_store();
    if (!part || strcmp(part, "search") == 0)
        part_search(results);
    if (!part || strcmp(part, "ingest") == 0)
        part_ingest(results);
    if (!part || strcmp(part, "million") == 0)
        part_million(results);
    lat_store_close(store);
    test_folder_leave();
    bench_print(results);
    return 0;
}
