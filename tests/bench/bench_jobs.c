/* Searches while a training runs: the 99th percentile of the latency against the same searches
 * on an idle server, and how far the training gets meanwhile. The net is the
 * 784-1000-500-250-30 autoencoder, the data are drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/bench/bench.h"
#include "tests/bench/codes.h"

#include "base/banned.h"

enum { D = 32, PIXELS = 784, ROUNDS_MAX = 8 };

static const char job[] =
    "{\"type\":\"train\",\"spec\":{\"name\":\"deep\",\"data\":{\"path\":\"drawn.npy\"},"
    "\"network\":{\"encoder\":{\"hidden\":[1000,500,250],\"activation\":\"sigmoid\"}},"
    "\"code\":{\"dimension\":30},\"likelihood\":\"bernoulli\","
    "\"optimizer\":{\"epochs\":1000000}}}";

/* `n` rows of numbers in [0,1] as a NumPy file. */
static void write_data(const char *path, size_t n)
{
    char head[128];
    struct lat_rng rng;
    FILE *file = fopen(path, "w");
    float *row = lat_alloc(PIXELS, sizeof(*row));
    if (!file || !row)
        bench_die("'%s' cannot be written", path);
    memset(head, ' ', sizeof(head));
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int len =
        snprintf(head + 10, sizeof(head) - 10,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %d), }", n, PIXELS);
    head[10 + len] = ' ';
    head[127] = '\n';
    fwrite(head, 1, sizeof(head), file);
    lat_rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < PIXELS; j++)
            row[j] = (float)lat_rng_uniform(&rng);
        fwrite(row, sizeof(*row), PIXELS, file);
    }
    fclose(file);
    lat_free(row);
}

struct setting {
    struct server server;
    struct wire wire;
    struct load_requests requests;
};

static void fill(struct setting *s, size_t n)
{
    float *rows = codes_make(n, D, 0);
    bench_collection(&s->wire, "codes", "{\"dimension\":32,\"index\":{\"type\":\"hnsw\"}}");
    bench_put_codes(&s->wire, "codes", rows, n, D, 0);
    bench_settle(&s->server, &s->wire, "codes");
    for (size_t i = 0; i < 2000 && i < n; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"id\":\"%09zu\",\"k\":10}", i);
        load_add(&s->requests, "POST", "/v1/collections/codes/search", "application/json", body,
                 strlen(body));
    }
    lat_free(rows);
}

static double epochs_done(struct setting *s, const char *path)
{
    json_t *reply = bench_get(&s->wire, path);
    const double progress = json_number_value(json_object_get(reply, "progress"));
    const char *state = json_string_value(json_object_get(reply, "state"));
    if (!state || strcmp(state, "running") != 0)
        bench_die("the training is '%s'", state ? state : "?");
    json_decref(reply);
    return progress * 1000000;
}

/* Begins a training and waits until it takes steps; its path. */
static void begin(struct setting *s, char path[128])
{
    bench_ask(&s->wire, "POST", "/v1/jobs", "application/json", job, sizeof(job) - 1, 202);
    wire_header(&s->wire, "Location", path, 128);
    for (double progress = 0; !(progress > 0);) {
        json_t *reply = bench_get(&s->wire, path);
        progress = json_number_value(json_object_get(reply, "progress"));
        json_decref(reply);
    }
}

static void end(struct setting *s, const char *path)
{
    bench_ask(&s->wire, "DELETE", path, NULL, NULL, 0, 200);
    for (bool over = false; !over;) {
        json_t *reply = bench_get(&s->wire, path);
        over = !json_is_null(json_object_get(reply, "ended"));
        json_decref(reply);
    }
}

static void load(struct setting *s, unsigned connections, struct load_result *out)
{
    const struct load_options options = {.port = s->server.port,
                                         .connections = connections,
                                         .seconds = bench_seconds(5, 0.3),
                                         .warmup = 0.2};
    load_run(&s->requests, &options, out);
    if (out->failed || out->broken || !out->n)
        bench_die("%llu of %llu searches failed", (unsigned long long)out->failed,
                  (unsigned long long)out->n);
}

/* Idle and busy in turn, so that both see the same machine. */
static json_t *measure(struct setting *s, unsigned connections)
{
    double idle[ROUNDS_MAX], busy[ROUNDS_MAX], ratios[ROUNDS_MAX], epochs = 0, seconds = 0;
    const size_t rounds = bench_size(3, 1);
    char path[128];
    for (size_t i = 0; i < rounds; i++) {
        struct load_result result;
        load(s, connections, &result);
        idle[i] = result.p99_us;
        begin(s, path);
        const double before = epochs_done(s, path);
        load(s, connections, &result);
        epochs += epochs_done(s, path) - before;
        seconds += result.seconds;
        end(s, path);
        busy[i] = result.p99_us;
        ratios[i] = busy[i] / idle[i];
        bench_say("%u connections: p99 %.0f us idle, %.0f us while a training runs",
                  connections, idle[i], busy[i]);
    }
    json_t *row = bench_row(bench_median(ratios, rounds), 3, true);
    bench_set(row, "idle_p99_us", bench_median(idle, rounds));
    bench_set(row, "busy_p99_us", bench_median(busy, rounds));
    bench_set(row, "epochs_per_minute", epochs / seconds * 60);
    return row;
}

int main(void)
{
    static struct setting s;
    static char root[] = "/tmp/latentd-drawn-XXXXXX", data[64];
    json_t *results = json_object();
    if (!mkdtemp(root))
        bench_die("no folder for the data");
    snprintf(data, sizeof(data), "%s/drawn.npy", root);
    write_data(data, bench_size(20000, 500));
    const char *const options[] = {"--data-root", root, NULL};
    bench_begin(&s.server, NULL, options);
    s.wire = (struct wire){.fd = -1, .port = s.server.port};
    fill(&s, bench_size(100000, 2000));
    json_object_set_new(results, "p99_during_training_1", measure(&s, 1));
    json_object_set_new(results, "p99_during_training_16", measure(&s, 16));
    bench_print(results);
    load_release(&s.requests);
    wire_release(&s.wire);
    bench_end(&s.server);
    unlink(data);
    rmdir(root);
    return 0;
}
