/* Search over HTTP against what the machine could do: 1/(1/empty-route rate + 1/FAISS rate).
 *
 * 100,000 codes of 128 floats (codes.h), HNSW, k = 10, 16 keep-alive connections. The empty
 * route (GET /livez) is measured with the same load generator; bare FAISS has the same rows in
 * a graph with the same parameters, all CPUs, and the smallest breadth that gives it a
 * recall@10 of 0.95. Server and FAISS take turns in rounds, so that a slow moment of the
 * machine meets both; what counts is the median. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/floats.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "tests/bench/bench.h"
#include "tests/bench/codes.h"
#include "tests/bench/faiss_raw.h"

#include "base/banned.h"

enum { D = 128, K = 10, M = 32, EF_CONSTRUCTION = 80, EF_MAX = 256, ROUNDS_MAX = 16 };

#define RECALL_FLOOR 0.95

enum way { EMPTY, JSON, BASE64, FLOATS, BY_ID, DEFAULT_EF, WAYS };
static const char *const names[WAYS] = {"empty_route", "json",  "base64",
                                        "raw_floats",  "by_id", "default_ef"};
static const double limits[WAYS] = {0, 0.6, 0.6, 0.8, 0.6, 0}; /* 0: no bound */

struct bench {
    struct server server;
    struct wire wire;
    float *rows, *queries;
    size_t n, n_queries, rounds;
    struct load_requests requests[WAYS];
    struct load_result results[WAYS][ROUNDS_MAX];
    double cpu_us[WAYS][ROUNDS_MAX]; /* of the server, a request */
    struct faiss_raw *raw;
    int raw_ef, ef;
    double raw_recall, recall, default_recall;
    double raw_rates[ROUNDS_MAX], raw_cpu_us[ROUNDS_MAX];
};

static void prepare_requests(struct bench *b)
{
    const char *path = "/v1/collections/bench/search", *floats = "application/octet-stream";
    struct lat_buf body = {0};
    char with_ef[96];
    snprintf(with_ef, sizeof(with_ef), "%s?k=10&ef=%d", path, b->ef);
    load_add(&b->requests[EMPTY], "GET", "/livez", NULL, NULL, 0);
    for (size_t i = 0; i < b->n_queries; i++) {
        const float *query = b->queries + i * D;
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"code\":");
        lat_buf_json_floats(&body, query, D);
        lat_buf_printf(&body, ",\"k\":10,\"ef\":%d}", b->ef);
        load_add(&b->requests[JSON], "POST", path, "application/json", body.data, body.len);
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"code\":\"");
        lat_base64_encode(&body, query, D * sizeof(float));
        lat_buf_printf(&body, "\",\"encoding\":\"base64\",\"k\":10,\"ef\":%d}", b->ef);
        load_add(&b->requests[BASE64], "POST", path, "application/json", body.data, body.len);
        load_add(&b->requests[FLOATS], "POST", with_ef, floats, query, D * sizeof(float));
        load_add(&b->requests[DEFAULT_EF], "POST", "/v1/collections/bench/search?k=10", floats,
                 query, D * sizeof(float));
        lat_buf_clear(&body);
        lat_buf_printf(&body, "{\"id\":\"%09zu\",\"k\":10,\"ef\":%d}",
                       i * (b->n / b->n_queries), b->ef);
        load_add(&b->requests[BY_ID], "POST", path, "application/json", body.data, body.len);
    }
    lat_buf_release(&body);
}

/* ---- recall ---- */

/* The ids of a reply as row numbers, -1 where there is none. */
static void search_rows(struct bench *b, const char *query, size_t i, int64_t *out_rows)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/collections/bench/search?%s", query);
    bench_ask(&b->wire, "POST", path, "application/octet-stream", b->queries + i * D,
              D * sizeof(float), 200);
    json_t *reply = json_loadb(b->wire.body, b->wire.body_len, 0, NULL);
    const json_t *results = json_object_get(reply, "results");
    for (size_t k = 0; k < K; k++) {
        const char *id = json_string_value(json_object_get(json_array_get(results, k), "id"));
        out_rows[k] = id ? strtol(id, NULL, 10) : -1;
    }
    json_decref(reply);
}

static double overlap(const int64_t *exact, const int64_t *found, size_t n)
{
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < K; a++)
            for (size_t c = 0; c < K; c++)
                hits += exact[i * K + a] == found[i * K + c];
    return (double)hits / (double)(n * K);
}

/* Over HTTP, the index against exact=true; then bare FAISS against the same. */
static void measure_recall(struct bench *b)
{
    const size_t n = b->n_queries < 500 ? b->n_queries : 500;
    int64_t *exact = lat_alloc(n * K, sizeof(*exact)),
            *found = lat_alloc(n * K, sizeof(*found));
    float *distances = lat_alloc(n * K, sizeof(*distances));
    char query[64];
    if (!exact || !found || !distances)
        abort();
    for (size_t i = 0; i < n; i++) {
        search_rows(b, "k=10&exact=true", i, exact + i * K);
        search_rows(b, "k=10", i, found + i * K);
    }
    b->default_recall = overlap(exact, found, n);
    for (b->ef = K; b->ef < EF_MAX; b->ef++) {
        snprintf(query, sizeof(query), "k=10&ef=%d", b->ef);
        for (size_t i = 0; i < n; i++)
            search_rows(b, query, i, found + i * K);
        if ((b->recall = overlap(exact, found, n)) >= RECALL_FLOOR)
            break;
    }
    for (b->raw_ef = K; b->raw_ef < EF_MAX; b->raw_ef++) {
        faiss_raw_search(b->raw, b->queries, n, K, b->raw_ef, 1, found, distances);
        if ((b->raw_recall = overlap(exact, found, n)) >= RECALL_FLOOR)
            break;
    }
    lat_free(exact);
    lat_free(found);
    lat_free(distances);
}

/* ---- rates ---- */

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double raw_rate(struct bench *b, double seconds, double *out_cpu_us)
{
    int64_t *rows = lat_alloc(b->n_queries * K, sizeof(*rows));
    float *distances = lat_alloc(b->n_queries * K, sizeof(*distances));
    if (!rows || !distances)
        abort();
    const uint64_t from = lat_clock_ns();
    const double cpu = cpu_seconds();
    size_t n = 0;
    double passed;
    do {
        faiss_raw_search(b->raw, b->queries, b->n_queries, K, b->raw_ef, (int)lat_cpu_count(),
                         rows, distances);
        n += b->n_queries;
        passed = (double)(lat_clock_ns() - from) / 1e9;
    } while (passed < seconds);
    lat_free(rows);
    lat_free(distances);
    *out_cpu_us = (cpu_seconds() - cpu) / (double)n * 1e6;
    return (double)n / passed;
}

static void measure_rates(struct bench *b)
{
    const double seconds = bench_seconds(2, 0.2);
    const struct load_options options = {
        .port = b->server.port, .seconds = seconds, .warmup = seconds / 10};
    for (size_t round = 0; round < b->rounds; round++) {
        b->raw_rates[round] = raw_rate(b, seconds, &b->raw_cpu_us[round]);
        for (size_t way = 0; way < WAYS; way++) {
            struct load_result *result = &b->results[way][round];
            const double cpu = server_cpu(&b->server);
            load_run(&b->requests[way], &options, result);
            b->cpu_us[way][round] =
                (server_cpu(&b->server) - cpu) / (result->rate * 1.1 * seconds) * 1e6;
            if (result->failed || result->broken)
                bench_die("%s: %llu replies failed (first %d), %llu broken", names[way],
                          (unsigned long long)result->failed, result->first_status,
                          (unsigned long long)result->broken);
        }
        bench_say(
            "round %zu: FAISS %.0f, empty %.0f, json %.0f, base64 %.0f, raw %.0f, id %.0f",
            round + 1, b->raw_rates[round], b->results[EMPTY][round].rate,
            b->results[JSON][round].rate, b->results[BASE64][round].rate,
            b->results[FLOATS][round].rate, b->results[BY_ID][round].rate);
    }
}

static double middle(const struct bench *b, size_t way, size_t offset)
{
    double values[ROUNDS_MAX];
    for (size_t i = 0; i < b->rounds; i++)
        memcpy(&values[i], (const char *)&b->results[way][i] + offset, sizeof(double));
    return bench_median(values, b->rounds);
}

static void report(struct bench *b)
{
    json_t *results = json_object();
    const double raw = bench_median(b->raw_rates, b->rounds);
    const double empty = middle(b, EMPTY, offsetof(struct load_result, rate));
    const double limit = 1 / (1 / empty + 1 / raw);
    json_object_set_new(results, "codes", json_integer((json_int_t)b->n));
    json_object_set_new(results, "dimension", json_integer(D));
    bench_set(results, "empty_route_per_s", empty);
    bench_set(results, "faiss_per_s", raw);
    bench_set(results, "limit_per_s", limit);
    json_object_set_new(results, "faiss_ef", json_integer(b->raw_ef));
    bench_set(results, "faiss_recall", b->raw_recall);
    bench_set(results, "faiss_cpu_us", bench_median(b->raw_cpu_us, b->rounds));
    bench_set(results, "empty_route_cpu_us", bench_median(b->cpu_us[EMPTY], b->rounds));
    json_object_set_new(results, "ef", json_integer(b->ef));
    bench_set(results, "default_ef_recall", b->default_recall);
    json_object_set_new(results, "recall", bench_row(b->recall, RECALL_FLOOR, false));
    for (size_t way = JSON; way < WAYS; way++) {
        const double rate = middle(b, way, offsetof(struct load_result, rate));
        json_t *row = bench_row(rate / limit, limits[way], false);
        if (limits[way] == 0)
            json_object_del(row, "limit");
        bench_set(row, "per_s", rate);
        bench_set(row, "server_cpu_us", bench_median(b->cpu_us[way], b->rounds));
        bench_set(row, "p50_us", middle(b, way, offsetof(struct load_result, p50_us)));
        bench_set(row, "p99_us", middle(b, way, offsetof(struct load_result, p99_us)));
        json_object_set_new(results, names[way], row);
    }
    bench_print(results);
}

int main(void)
{
    static struct bench b;
    b.n = bench_size(100000, 5000);
    b.n_queries = bench_size(2000, 200);
    b.rounds = bench_size(5, 1);
    b.rows = codes_make(b.n, D, 0);
    b.queries = codes_make(b.n_queries, D, 1);
    bench_begin(&b.server, NULL, NULL);
    b.wire = (struct wire){.fd = -1, .port = b.server.port};
    bench_collection(&b.wire, "bench",
                     "{\"dimension\":128,\"metric\":\"l2\",\"index\":{\"type\":\"hnsw\","
                     "\"m\":32,\"ef_construction\":80}}");
    const uint64_t from = lat_clock_ns();
    bench_put_codes(&b.wire, "bench", b.rows, b.n, D, 0);
    const uint64_t stored = lat_clock_ns();
    bench_settle(&b.server, &b.wire, "bench");
    bench_say("%zu codes stored in %.1f s, linked %.1f s later", b.n,
              (double)(stored - from) / 1e9, (double)(lat_clock_ns() - stored) / 1e9);
    b.raw = faiss_raw_new(b.rows, b.n, D, M, EF_CONSTRUCTION, (int)lat_cpu_count());
    measure_recall(&b);
    bench_say("recall@10 over HTTP %.4f at ef %d, %.4f by default; FAISS %.4f at ef %d",
              b.recall, b.ef, b.default_recall, b.raw_recall, b.raw_ef);
    prepare_requests(&b);
    measure_rates(&b);
    report(&b);
    wire_release(&b.wire);
    bench_end(&b.server);
    for (size_t way = 0; way < WAYS; way++)
        load_release(&b.requests[way]);
    faiss_raw_free(b.raw);
    lat_free(b.rows);
    lat_free(b.queries);
    return 0;
}
