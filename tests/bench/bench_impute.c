/* Rows imputed over HTTP against bare ONNX Runtime on the same iterations.
 *
 * A table of 30 columns, half of its cells missing, a model of 128-128 units and a code of 10,
 * trained by the server on it; half of the cells of a row are holes, 64 rows a request, 500
 * codes a row, and some more of rows whose codes are worth few. How many the server decoded is
 * counted, and bare does as much: the runtime encodes 64 rows and decodes so many codes of
 * each, in runs as large as the server's first, on all CPUs, and does nothing with them. The
 * two take turns; what counts is the median. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sync.h"
#include "tests/bench/bench.h"
#include "tests/bench/ort_raw.h"

#include "base/banned.h"

enum {
    COLUMNS = 30,
    FACTORS = 5,
    CODE = 10,
    BATCH = 64,
    RUN_CODES = 2000, /* of one run of the decoder: 4 rows */
    REQUESTS = 16,
    ROUNDS_MAX = 9,
    THREADS_MAX = 64
};

struct bench {
    struct server server;
    struct wire wire;
    struct load_requests requests;
    struct ort_raw *encoder, *decoder;
    double raw[ROUNDS_MAX], rates[ROUNDS_MAX], seconds;
    double raw_us[ROUNDS_MAX], server_us[ROUNDS_MAX]; /* of CPU, a row */
    size_t rounds, n_rows, codes; /* codes: of one row, decoded by the server */
};

/* ---- the table ---- */

static void draw_row(struct lat_rng *rng, double row[COLUMNS])
{
    double factors[FACTORS];
    for (size_t f = 0; f < FACTORS; f++)
        factors[f] = lat_rng_normal(rng);
    for (size_t c = 0; c < COLUMNS; c++)
        row[c] = factors[c % FACTORS] * (double)(1 + c / FACTORS) + 0.3 * lat_rng_normal(rng);
}

static void write_table(const struct bench *b, const char *path)
{
    struct lat_rng rng;
    double row[COLUMNS];
    FILE *file = fopen(path, "w");
    if (!file)
        bench_die("no file '%s'", path);
    lat_rng_seed(&rng, 3);
    for (size_t c = 0; c < COLUMNS; c++)
        fprintf(file, "%sc%zu", c ? "," : "", c);
    for (size_t i = 0; i < b->n_rows; i++) {
        draw_row(&rng, row);
        for (size_t c = 0; c < COLUMNS; c++)
            if (lat_rng_below(&rng, 2))
                fprintf(file, "%s", c ? "," : "\n");
            else
                fprintf(file, "%s%.4f", c ? "," : "\n", row[c]);
    }
    fprintf(file, "\n");
    fclose(file);
}

static void train(struct bench *b)
{
    static const char body[] =
        "{\"type\":\"train\",\"spec\":{\"name\":\"table\",\"data\":{\"path\":\"table.csv\"},"
        "\"network\":{\"encoder\":{\"hidden\":[128,128]}},"
        "\"code\":{\"dimension\":10,\"type\":\"gaussian\",\"samples\":2},"
        "\"likelihood\":{\"type\":\"student_t\",\"spread\":\"learned\"},"
        "\"optimizer\":{\"epochs\":3,\"batch\":64}}}";
    bench_train(&b->wire, body);
}

/* Rows and codes that went through the engine so far. */
static double engine_items(struct bench *b)
{
    static const char name[] = "latentd_infer_batch_items_sum{model=\"table@1\"} ";
    bench_ask(&b->wire, "GET", "/metrics", NULL, NULL, 0, 200);
    const char *line = strstr(b->wire.body, name);
    if (!line)
        bench_die("no metric %s", name);
    return strtod(line + sizeof(name) - 1, NULL);
}

static void make_requests(struct bench *b)
{
    const double before = engine_items(b);
    struct lat_rng rng;
    double row[COLUMNS];
    lat_rng_seed(&rng, 4);
    for (size_t r = 0; r < REQUESTS; r++) {
        struct lat_buf body = {0};
        lat_buf_text(&body, "{\"rows\":[");
        for (size_t i = 0; i < BATCH; i++) {
            draw_row(&rng, row);
            lat_buf_text(&body, i ? ",{" : "{");
            for (size_t c = 0; c < COLUMNS; c++) {
                lat_buf_printf(&body, "%s\"c%zu\":", c ? "," : "", c);
                if (lat_rng_below(&rng, 2))
                    lat_buf_text(&body, "null");
                else
                    lat_buf_printf(&body, "%.4f", row[c]);
            }
            lat_buf_char(&body, '}');
        }
        lat_buf_text(&body, "]}");
        bench_ask(&b->wire, "POST", "/v1/models/table/impute", "application/json", body.data,
                  body.len, 200);
        load_add(&b->requests, "POST", "/v1/models/table/impute", "application/json", body.data,
                 body.len);
        lat_buf_release(&body);
    }
    const double rows = REQUESTS * BATCH;
    b->codes = (size_t)((engine_items(b) - before - rows) / rows + 0.5);
}

/* ---- bare ---- */

struct worker {
    struct bench *b;
    pthread_t thread;
    uint64_t until_ns;
    size_t rows;
};

static void *work(void *argument)
{
    struct worker *w = argument;
    struct lat_rng rng;
    float *rows = lat_alloc(BATCH * COLUMNS, sizeof(float));
    float *means = lat_alloc(BATCH * CODE, sizeof(float));
    float *codes = lat_alloc(RUN_CODES * CODE, sizeof(float));
    float *decoded = lat_alloc(RUN_CODES * COLUMNS, sizeof(float));
    if (!rows || !means || !codes || !decoded)
        abort();
    lat_rng_seed(&rng, 5);
    lat_rng_normals(&rng, rows, BATCH * COLUMNS);
    lat_rng_normals(&rng, codes, RUN_CODES * CODE);
    while (lat_clock_ns() < w->until_ns) {
        ort_raw_run(w->b->encoder, "code", rows, BATCH, means, CODE);
        for (size_t left = BATCH * w->b->codes, n; left > 0; left -= n) {
            n = left < RUN_CODES ? left : RUN_CODES;
            ort_raw_run(w->b->decoder, "output", codes, n, decoded, COLUMNS);
        }
        w->rows += BATCH;
    }
    lat_free(rows);
    lat_free(means);
    lat_free(codes);
    lat_free(decoded);
    return NULL;
}

static double bare(struct bench *b)
{
    struct worker workers[THREADS_MAX] = {{0}};
    const size_t n = lat_cpu_count() < THREADS_MAX ? lat_cpu_count() : THREADS_MAX;
    const uint64_t start = lat_clock_ns();
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        workers[i] = (struct worker){.b = b, .until_ns = start + (uint64_t)(b->seconds * 1e9)};
        if (lat_thread_start(&workers[i].thread, "raw", work, &workers[i], &err) != LAT_OK)
            bench_die("%s", err.message);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        total += workers[i].rows;
    }
    return (double)total / ((double)(lat_clock_ns() - start) * 1e-9);
}

/* ---- rates ---- */

static double own_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(struct bench *b)
{
    const struct load_options options = {.port = b->server.port,
                                         .connections = 2 * lat_cpu_count(),
                                         .seconds = b->seconds,
                                         .warmup = b->seconds / 10};
    for (size_t round = 0; round < b->rounds; round++) {
        struct load_result result;
        const double own = own_cpu();
        b->raw[round] = bare(b);
        b->raw_us[round] = (own_cpu() - own) * 1e6 / (b->raw[round] * b->seconds);
        const double cpu = server_cpu(&b->server);
        load_run(&b->requests, &options, &result);
        b->server_us[round] =
            (server_cpu(&b->server) - cpu) * 1e6 / (result.rate * BATCH * 1.1 * b->seconds);
        if (result.failed || result.broken)
            bench_die("%llu replies failed (first %d)", (unsigned long long)result.failed,
                      result.first_status);
        b->rates[round] = result.rate * BATCH;
        bench_say("round %zu: bare %.0f rows/s, over HTTP %.0f", round + 1, b->raw[round],
                  b->rates[round]);
    }
}

int main(void)
{
    static struct bench b;
    char path[1024];
    const char *options[] = {"--data-root", path, NULL};
    b.n_rows = bench_size(2000, 200);
    b.rounds = bench_size(5, 1);
    b.seconds = bench_seconds(4, 2);
    snprintf(path, sizeof(path), "/tmp/latentd-bench-table.%ld", (long)getpid());
    if (mkdir(path, 0755) != 0)
        bench_die("no folder '%s'", path);
    char file[1100];
    snprintf(file, sizeof(file), "%s/table.csv", path);
    write_table(&b, file);
    bench_begin(&b.server, NULL, options);
    b.wire = (struct wire){.fd = -1, .port = b.server.port};
    train(&b);
    make_requests(&b);
    char graph[1100];
    snprintf(graph, sizeof(graph), "%s/table/1/encoder.onnx", test_path("models"));
    b.encoder = ort_raw_open(graph, 1);
    snprintf(graph, sizeof(graph), "%s/table/1/decoder.onnx", test_path("models"));
    b.decoder = ort_raw_open(graph, 1);
    measure(&b);
    json_t *results = json_object();
    const double raw = bench_median(b.raw, b.rounds);
    const double rate = bench_median(b.rates, b.rounds);
    json_t *row = bench_row(rate / raw, 0.6, false);
    bench_set(row, "rows_per_s", rate);
    bench_set(row, "codes_of_a_row", (double)b.codes);
    bench_set(row, "bare_rows_per_s", raw);
    bench_set(row, "server_cpu_us", bench_median(b.server_us, b.rounds));
    bench_set(row, "bare_cpu_us", bench_median(b.raw_us, b.rounds));
    json_object_set_new(results, "importance_500", row);
    bench_print(results);
    ort_raw_close(b.encoder);
    ort_raw_close(b.decoder);
    wire_release(&b.wire);
    bench_end(&b.server);
    load_release(&b.requests);
    unlink(file);
    rmdir(path);
    return 0;
}
