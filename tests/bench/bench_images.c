/* Pictures of 28 x 28 through the shipped encoder: search, import, single PUTs, and searches
 * while an import runs.
 *
 * Limits, measured in the same run on all CPUs, a thread each with one-threaded runs inside:
 * decode + bare ONNX Runtime + bare FAISS, a picture at a time, for searches; decode (out of
 * the same files) + bare ONNX Runtime in batches of 64, for imports. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "model/image.h"
#include "model/package.h"
#include "model/preprocess.h"
#include "tests/bench/bench.h"
#include "tests/bench/faiss_raw.h"
#include "tests/bench/ort_raw.h"
#include "tests/bench/pictures.h"

#include "base/banned.h"

enum { K = 10, M = 32, EF_CONSTRUCTION = 80, EF = 16, IMPORT_BATCH = 64, ROUNDS_MAX = 8 };
enum { THREADS_MAX = 64, PUT_CONNECTIONS = 64 };

#define MODEL "fashion"

struct bench {
    struct server server;
    struct wire wire;
    struct pictures pictures;
    size_t n; /* pictures a half: the first fills, the second comes while searches run */
    struct lat_manifest manifest;
    struct ort_raw *ort;
    struct faiss_raw *faiss;
    char folders[2][512];
};

/* ---- limits ---- */

struct worker {
    const struct bench *bench;
    pthread_t thread;
    size_t index, n_workers;
    size_t batch;
    bool search;        /* go on to FAISS */
    const char *folder; /* read the files from here; NULL: they are in memory */
    double seconds;     /* round and round; 0: each picture once */
    float *codes;       /* [n][d] to be kept, or NULL */
    size_t done;
};

static void decode(const struct bench *b, const void *bytes, size_t len, float *out_row)
{
    struct lat_image image = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_image_limits limits = {0};
    if (lat_image_decode(bytes, len, &limits, &image, &err) != LAT_OK ||
        lat_preprocess_image(&b->manifest.input, &image, out_row, &err) != LAT_OK)
        bench_die("%s", err.message);
    lat_image_release(&image);
}

static void decode_file(const struct bench *b, const char *folder, size_t i, float *out_row)
{
    struct lat_buf bytes = {0};
    struct lat_error err = LAT_ERROR_INIT;
    char path[640];
    snprintf(path, sizeof(path), "%s/%06zu.png", folder, i);
    if (lat_file_read(path, 1 << 20, &bytes, &err) != LAT_OK)
        bench_die("%s", err.message);
    decode(b, bytes.data, bytes.len, out_row);
    lat_buf_release(&bytes);
}

static void *work(void *argument)
{
    struct worker *w = argument;
    const struct bench *b = w->bench;
    const size_t elements = lat_input_elements(&b->manifest.input),
                 d = b->manifest.code_dimension;
    float *rows = lat_alloc(w->batch * elements, sizeof(float));
    float *codes = lat_alloc(w->batch * d, sizeof(float));
    int64_t found[K];
    float distances[K];
    if (!rows || !codes)
        abort();
    const uint64_t from = lat_clock_ns();
    for (size_t at = w->index * w->batch;; at += w->n_workers * w->batch) {
        if (w->seconds > 0 && (double)(lat_clock_ns() - from) / 1e9 >= w->seconds)
            break;
        if (w->seconds <= 0 && at >= b->n)
            break;
        const size_t start = at % b->n;
        const size_t n = b->n - start < w->batch ? b->n - start : w->batch;
        for (size_t i = 0; i < n; i++) {
            const struct lat_buf *file = &b->pictures.files[start + i];
            if (w->folder)
                decode_file(b, w->folder, start + i, rows + i * elements);
            else
                decode(b, file->data, file->len, rows + i * elements);
        }
        ort_raw_run(b->ort, b->manifest.code_tensor, rows, n, codes, d);
        for (size_t i = 0; w->search && i < n; i++)
            faiss_raw_search(b->faiss, codes + i * d, 1, K, EF, 1, found, distances);
        if (w->codes)
            memcpy(w->codes + start * d, codes, n * d * sizeof(float));
        w->done += n;
    }
    lat_free(rows);
    lat_free(codes);
    return NULL;
}

/* Pictures a second over all CPUs. */
static double rate(const struct bench *b, struct worker how)
{
    struct worker workers[THREADS_MAX];
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = lat_cpu_count() < THREADS_MAX ? lat_cpu_count() : THREADS_MAX;
    size_t done = 0;
    const uint64_t from = lat_clock_ns();
    for (size_t i = 0; i < n; i++) {
        workers[i] = how;
        workers[i].bench = b;
        workers[i].index = i;
        workers[i].n_workers = n;
        if (lat_thread_start(&workers[i].thread, "limit", work, &workers[i], &err) != LAT_OK)
            bench_die("%s", err.message);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
    }
    return (double)done / ((double)(lat_clock_ns() - from) / 1e9);
}

/* ---- the model ---- */

static void open_model(struct bench *b)
{
    struct lat_error err = LAT_ERROR_INIT;
    char folder[512], path[1024];
    json_t *reply = bench_get(&b->wire, "/v1/models/" MODEL);
    const long long version = json_integer_value(json_object_get(reply, "version"));
    json_decref(reply);
    snprintf(folder, sizeof(folder), "%s/models/%s/%lld", LAT_SOURCE_DIR, MODEL, version);
    if (lat_manifest_read(folder, &b->manifest, NULL, &err) != LAT_OK)
        bench_die("%s", err.message);
    snprintf(path, sizeof(path), "%s/%s", folder, b->manifest.encoder);
    b->ort = ort_raw_open(path, 1);
}

static void open_faiss(struct bench *b)
{
    const size_t d = b->manifest.code_dimension;
    float *codes = lat_alloc(b->n * d, sizeof(float));
    if (!codes)
        abort();
    (void)rate(b, (struct worker){.batch = IMPORT_BATCH, .codes = codes});
    b->faiss = faiss_raw_new(codes, b->n, d, M, EF_CONSTRUCTION, (int)lat_cpu_count());
    lat_free(codes);
}

/* ---- import ---- */

static pid_t import_begin(struct bench *b, const char *collection, const char *folder)
{
    const char *arguments[] = {"import", collection, folder, "--server", b->server.url, NULL};
    return server_spawn(arguments, test_path("import.log"));
}

static void import_end(pid_t pid)
{
    const int status = server_reap(pid);
    if (status == 0)
        return;
    struct lat_buf log = {0};
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_file_read(test_path("import.log"), 1 << 20, &log, &err) == LAT_OK)
        bench_say("%s", log.data);
    bench_die("import ends with status %d", status);
}

static double import_rate(struct bench *b, const char *collection, const char *folder)
{
    const uint64_t from = lat_clock_ns();
    import_end(import_begin(b, collection, folder));
    return (double)b->n / ((double)(lat_clock_ns() - from) / 1e9);
}

static json_t *measure_import(struct bench *b)
{
    const struct worker how = {.batch = IMPORT_BATCH, .folder = b->folders[0]};
    const double limit_before = rate(b, how);
    const double commits = server_metric(&b->server, "latentd_commits_total");
    const double imported = import_rate(b, "pictures", b->folders[0]);
    const double now = server_metric(&b->server, "latentd_commits_total");
    bench_settle(&b->server, &b->wire, "pictures");
    double limits[] = {limit_before, rate(b, how), rate(b, how)};
    const double limit = bench_median(limits, 3);
    json_t *row = bench_row(imported / limit, 0.5, false);
    bench_set(row, "per_s", imported);
    bench_set(row, "limit_per_s", limit);
    bench_set(row, "items_per_commit", (double)b->n / (now - commits));
    bench_say("import %.0f/s of %.0f/s", imported, limit);
    return row;
}

/* ---- search by picture ---- */

static void check_load(const char *what, const struct load_result *result)
{
    if (result->failed || result->broken || result->n == 0)
        bench_die("%s: %llu replies, %llu failed (first %d), %llu broken", what,
                  (unsigned long long)result->n, (unsigned long long)result->failed,
                  result->first_status, (unsigned long long)result->broken);
}

static json_t *measure_search(struct bench *b)
{
    struct load_requests requests = {0};
    struct load_result result;
    double rates[ROUNDS_MAX], limits[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX];
    const size_t rounds = bench_size(5, 1);
    const double seconds = bench_seconds(2, 0.2);
    for (size_t i = 0; i < b->n && i < 2000; i++)
        load_add(&requests, "POST", "/v1/collections/pictures/search?k=10&ef=16", "image/png",
                 b->pictures.files[i].data, b->pictures.files[i].len);
    for (size_t i = 0; i < rounds; i++) {
        const struct load_options options = {
            .port = b->server.port, .seconds = seconds, .warmup = seconds / 10};
        limits[i] = rate(b, (struct worker){.batch = 1, .search = true, .seconds = seconds});
        load_run(&requests, &options, &result);
        check_load("search by picture", &result);
        rates[i] = result.rate;
        p50[i] = result.p50_us;
        p99[i] = result.p99_us;
        bench_say("search by picture %.0f/s of %.0f/s", rates[i], limits[i]);
    }
    load_release(&requests);
    const double limit = bench_median(limits, rounds), found = bench_median(rates, rounds);
    json_t *row = bench_row(found / limit, 0.6, false);
    bench_set(row, "per_s", found);
    bench_set(row, "limit_per_s", limit);
    bench_set(row, "p50_us", bench_median(p50, rounds));
    bench_set(row, "p99_us", bench_median(p99, rounds));
    return row;
}

/* ---- searches while an import runs ---- */

struct waiter {
    pid_t pid;
    atomic_bool over;
};

static void *await(void *argument)
{
    struct waiter *waiter = argument;
    import_end(waiter->pid);
    atomic_store(&waiter->over, true);
    return NULL;
}

/* Searches by stored id, `connections` at once, idle for a while and then while the pictures
 * of `folder` come in. */
static json_t *measure_latency(struct bench *b, unsigned connections, const char *folder,
                               const char *collection)
{
    struct load_requests requests = {0};
    struct load_result idle, busy;
    struct waiter waiter = {0};
    struct lat_error err = LAT_ERROR_INIT;
    pthread_t thread;
    for (size_t i = 0; i < 2000 && i < b->n; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"id\":\"%06zu.png\",\"k\":10}", i);
        load_add(&requests, "POST", "/v1/collections/pictures/search", "application/json", body,
                 strlen(body));
    }
    struct load_options options = {.port = b->server.port,
                                   .connections = connections,
                                   .seconds = bench_seconds(5, 0.3),
                                   .warmup = 0.1};
    load_run(&requests, &options, &idle);
    check_load("idle searches", &idle);
    const uint64_t from = lat_clock_ns();
    waiter.pid = import_begin(b, collection, folder);
    if (lat_thread_start(&thread, "waiter", await, &waiter, &err) != LAT_OK)
        bench_die("%s", err.message);
    options.seconds = 0;
    options.stop = &waiter.over;
    load_run(&requests, &options, &busy);
    pthread_join(thread, NULL);
    const double imported = (double)b->n / ((double)(lat_clock_ns() - from) / 1e9);
    check_load("searches during the import", &busy);
    load_release(&requests);
    json_t *row = bench_row(busy.p99_us / idle.p99_us, 5, true);
    bench_set(row, "idle_p99_us", idle.p99_us);
    bench_set(row, "busy_p99_us", busy.p99_us);
    bench_set(row, "busy_p50_us", busy.p50_us);
    bench_set(row, "busy_max_us", busy.max_us);
    bench_set(row, "searches_per_s", busy.rate);
    bench_set(row, "import_per_s", imported);
    bench_say("%u connections: p99 %.0f us idle, %.0f us during an import of %.0f/s",
              connections, idle.p99_us, busy.p99_us, imported);
    return row;
}

/* ---- single PUTs ---- */

static json_t *measure_puts(struct bench *b)
{
    struct load_requests requests = {0};
    struct load_result result;
    const size_t n = bench_size(20000, 500);
    for (size_t i = 0; i < n; i++) {
        const struct lat_buf *file = &b->pictures.files[i % b->pictures.n];
        char path[128];
        snprintf(path, sizeof(path), "/v1/collections/singles/items/%zu.png", i);
        load_add(&requests, "PUT", path, "image/png", file->data, file->len);
    }
    const struct load_options options = {
        .port = b->server.port, .connections = PUT_CONNECTIONS, .limit = n};
    const double before = server_metric(&b->server, "latentd_commits_total");
    load_run(&requests, &options, &result);
    check_load("single PUTs", &result);
    const double commits = server_metric(&b->server, "latentd_commits_total") - before;
    load_release(&requests);
    json_t *row = bench_row((double)result.n / commits, 20, false);
    bench_set(row, "per_s", result.rate);
    bench_set(row, "p50_us", result.p50_us);
    bench_set(row, "p99_us", result.p99_us);
    bench_say("single PUTs %.0f/s, %.1f a commit", result.rate, (double)result.n / commits);
    return row;
}

int main(void)
{
    static struct bench b;
    json_t *results = json_object();
    b.n = bench_size(30000, 500);
    pictures_make(2 * b.n, &b.pictures);
    bench_begin(&b.server, LAT_SOURCE_DIR "/models", NULL);
    b.wire = (struct wire){.fd = -1, .port = b.server.port};
    for (size_t i = 0; i < 2; i++) {
        snprintf(b.folders[i], sizeof(b.folders[i]), "%s", test_path(i ? "second" : "first"));
        pictures_write(&b.pictures, i * b.n, (i + 1) * b.n, b.folders[i]);
    }
    open_model(&b);
    open_faiss(&b);
    bench_collection(&b.wire, "pictures", "{\"model\":\"" MODEL "\"}");
    bench_collection(&b.wire, "singles", "{\"model\":\"" MODEL "\"}");
    bench_collection(&b.wire, "others", "{\"model\":\"" MODEL "\"}");
    json_object_set_new(results, "pictures", json_string(b.pictures.source));
    json_object_set_new(results, "import", measure_import(&b));
    json_object_set_new(results, "search", measure_search(&b));
    json_object_set_new(results, "p99_during_import_16",
                        measure_latency(&b, 16, b.folders[1], "pictures"));
    bench_settle(&b.server, &b.wire, "pictures");
    json_object_set_new(results, "p99_during_import_1",
                        measure_latency(&b, 1, b.folders[1], "others"));
    json_object_set_new(results, "puts_per_commit", measure_puts(&b));
    bench_print(results);
    wire_release(&b.wire);
    bench_end(&b.server);
    pictures_release(&b.pictures);
    faiss_raw_free(b.faiss);
    ort_raw_close(b.ort);
    return 0;
}
