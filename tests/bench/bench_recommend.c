/* Recommendations over HTTP against what the machine could do in process.
 *
 * 6,000 users, 3,628 items, some 600,000 interactions of people with a few interests each; EASE
 * trained on them by the server. Over HTTP: stored users, k = 20, 16 keep-alive connections,
 * with reasons and without. In process, on all CPUs: the history out of a store of the same
 * rows, the model's scores, the exact best 20 that are not in the history; where reasons are
 * asked for, by how much each item of the history raised each of the 20. The ways take turns;
 * what counts is the median.
 *
 * And how many interactions a second are stored, as lines over one connection, durable when it
 * answers. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sync.h"
#include "index/interactions.h"
#include "model/autoencoder.h"
#include "model/recommender.h"
#include "tests/bench/bench.h"
#include "tests/bench/people.h"

#include "base/banned.h"

enum { WORD = 64, ITEMS = PEOPLE_ITEMS, K = 20, ROUNDS_MAX = 9, THREADS_MAX = 64 };

enum way { PLAIN, REASONS, WAYS };
static const char *const names[WAYS] = {"because_0", "because_3"};

struct bench {
    struct server server;
    struct wire wire;
    size_t n_users, n_events, rounds;
    struct lat_buf lines;
    struct load_requests requests[WAYS];
    double rates[WAYS][ROUNDS_MAX], cpu_us[WAYS][ROUNDS_MAX]; /* of the server, a request */
    double raw[WAYS][ROUNDS_MAX], ingested;
    struct lat_store *store;
    struct lat_engine *engine;
    struct lat_registry *registry;
    struct lat_model *model;
    double seconds;
};

/* ---- people ---- */

static void make_people(struct bench *b, struct lat_interaction **out_rows, char **out_words)
{
    struct lat_rng rng;
    const size_t most = b->n_users * PEOPLE_MOST;
    struct lat_interaction *rows = lat_alloc(most, sizeof(*rows));
    char *words = lat_alloc(most, WORD);
    if (!rows || !words)
        abort();
    lat_rng_seed(&rng, 7);
    for (size_t u = 0; u < b->n_users; u++) {
        size_t items[PEOPLE_MOST];
        const size_t n = people_next(&rng, items);
        for (size_t i = 0; i < n; i++) {
            char *word = words + (size_t)WORD * b->n_events;
            snprintf(word, WORD / 2, "u%zu", u);
            snprintf(word + WORD / 2, WORD / 2, "i%zu", items[i]);
            rows[b->n_events++] = (struct lat_interaction){
                .user = word, .item = word + WORD / 2, .type = "", .weight = 1, .at_ms = 1000};
            lat_buf_printf(&b->lines, "{\"user\":\"%s\",\"item\":\"%s\",\"at\":1}\n", word,
                           word + WORD / 2);
        }
    }
    *out_rows = rows;
    *out_words = words;
}

/* ---- the server ---- */

static void fill_server(struct bench *b)
{
    bench_collection(&b->wire, "people", "{}");
    const uint64_t from = lat_clock_ns();
    bench_ask(&b->wire, "POST", "/v1/collections/people/interactions", "application/x-ndjson",
              b->lines.data, b->lines.len, 200);
    b->ingested = (double)b->n_events / ((double)(lat_clock_ns() - from) / 1e9);
    static const char spec[] =
        "{\"type\":\"train\",\"spec\":{\"name\":\"people\",\"method\":\"ease\",\"data\":{"
        "\"collection\":\"people\",\"format\":\"interactions\",\"validation\":0}}}";
    bench_train(&b->wire, spec);
    static const char model[] = "{\"model\":\"people\"}";
    bench_ask(&b->wire, "PUT", "/v1/collections/people/recommender", "application/json", model,
              sizeof(model) - 1, 200);
    for (size_t u = 0; u < b->n_users; u++) {
        char path[160];
        snprintf(path, sizeof(path),
                 "/v1/collections/people/users/u%zu/recommendations?k=20&because=0", u);
        load_add(&b->requests[PLAIN], "GET", path, NULL, NULL, 0);
        snprintf(path, sizeof(path), "/v1/collections/people/users/u%zu/recommendations?k=20",
                 u);
        load_add(&b->requests[REASONS], "GET", path, NULL, NULL, 0);
    }
}

/* ---- in process ---- */

static void fill_process(struct bench *b, const struct lat_interaction *rows,
                         const char *models)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("raw"), .readers = 8};
    const struct lat_collection_spec spec = {.name = "people"};
    const struct lat_registry_options where = {.folder = models, .threads = 1};
    bool created;
    bench_must(lat_store_open(&options, &b->store, &err), &err);
    bench_must(lat_store_load(b->store, NULL, &err), &err);
    bench_must(lat_store_create(b->store, &spec, &created, &err), &err);
    bench_must(lat_store_interact(b->store, "people", rows, b->n_events, &err), &err);
    bench_must(lat_engine_new(&b->engine, &err), &err);
    bench_must(lat_registry_open(b->engine, &where, &b->registry, &err), &err);
    lat_registry_load_all(b->registry);
    bench_must(lat_registry_acquire(b->registry, "people", &b->model, &err), &err);
}

/* The exact best K of what is not in the history, by insertion. */
static void choose(const float *scores, const bool *seen, size_t n, uint32_t *out)
{
    size_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (seen[i] || (k == K && !(scores[i] > scores[out[K - 1]])))
            continue;
        size_t at = k < K ? k++ : K - 1;
        for (; at && scores[i] > scores[out[at - 1]]; at--)
            out[at] = out[at - 1];
        out[at] = i;
    }
}

struct worker {
    struct bench *b;
    enum way way;
    pthread_t thread;
    size_t first, n;
    uint64_t until_ns;
};

static void *work(void *argument)
{
    struct worker *w = argument;
    struct bench *b = w->b;
    const size_t n_items = lat_model_n_items(b->model);
    float *scores = lat_alloc(n_items, sizeof(*scores));
    bool *seen = lat_alloc(n_items, sizeof(*seen));
    struct lat_event *events = lat_alloc(1000, sizeof(*events));
    uint32_t best[K];
    float *drops = lat_alloc(1000 * K, sizeof(*drops));
    if (!scores || !seen || !events || !drops)
        abort();
    for (size_t u = w->first; lat_clock_ns() < w->until_ns; u++, w->n++) {
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_history_page page;
        char user[32];
        snprintf(user, sizeof(user), "u%zu", u % b->n_users);
        bench_must(lat_store_history(b->store, "people", user, NULL, 0, &page, &err), &err);
        for (size_t i = 0; i < page.n; i++)
            events[i] = (struct lat_event){page.rows[i].item, strlen(page.rows[i].item), 1};
        bench_must(lat_model_recommend(b->model, events, page.n, scores, &err), &err);
        memset(seen, 0, n_items);
        for (size_t i = 0; i < page.n; i++) {
            uint32_t item;
            if (lat_model_item_index(b->model, events[i].item, events[i].len, &item))
                seen[item] = true;
        }
        choose(scores, seen, n_items, best);
        if (w->way == REASONS)
            bench_must(lat_model_because(b->model, events, page.n, best, K, drops, &err), &err);
        lat_history_page_release(&page);
    }
    lat_free(scores);
    lat_free(seen);
    lat_free(events);
    lat_free(drops);
    return NULL;
}

static double in_process(struct bench *b, enum way way)
{
    struct worker workers[THREADS_MAX] = {{0}};
    const size_t n = lat_cpu_count() < THREADS_MAX ? lat_cpu_count() : THREADS_MAX;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        workers[i] = (struct worker){.b = b,
                                     .way = way,
                                     .first = i * b->n_users / n,
                                     .until_ns = lat_clock_ns() + (uint64_t)(b->seconds * 1e9)};
        bench_must(lat_thread_start(&workers[i].thread, "raw", work, &workers[i], &err), &err);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        total += workers[i].n;
    }
    return (double)total / b->seconds;
}

/* ---- rates ---- */

static void measure(struct bench *b)
{
    const struct load_options options = {
        .port = b->server.port, .seconds = b->seconds, .warmup = b->seconds / 10};
    for (size_t round = 0; round < b->rounds; round++) {
        for (size_t way = 0; way < WAYS; way++) {
            struct load_result result;
            b->raw[way][round] = in_process(b, way);
            const double cpu = server_cpu(&b->server);
            load_run(&b->requests[way], &options, &result);
            if (result.failed || result.broken)
                bench_die("%s: %llu replies failed (first %d)", names[way],
                          (unsigned long long)result.failed, result.first_status);
            b->rates[way][round] = result.rate;
            b->cpu_us[way][round] =
                (server_cpu(&b->server) - cpu) / (result.rate * 1.1 * b->seconds) * 1e6;
        }
        bench_say("round %zu: in process %.0f/s, over HTTP %.0f; with reasons %.0f, %.0f",
                  round + 1, b->raw[PLAIN][round], b->rates[PLAIN][round],
                  b->raw[REASONS][round], b->rates[REASONS][round]);
    }
}

static void report(struct bench *b)
{
    json_t *results = json_object();
    json_object_set_new(results, "users", json_integer((json_int_t)b->n_users));
    json_object_set_new(results, "items", json_integer(ITEMS));
    json_object_set_new(results, "interactions", json_integer((json_int_t)b->n_events));
    json_t *ingest = bench_row(b->ingested / 100000, 1, false);
    bench_set(ingest, "per_s", b->ingested);
    json_object_set_new(results, "ingest", ingest);
    for (size_t way = 0; way < WAYS; way++) {
        const double raw = bench_median(b->raw[way], b->rounds);
        const double rate = bench_median(b->rates[way], b->rounds);
        json_t *row = bench_row(rate / raw, 0.6, false);
        bench_set(row, "per_s", rate);
        bench_set(row, "in_process_per_s", raw);
        bench_set(row, "server_cpu_us", bench_median(b->cpu_us[way], b->rounds));
        json_object_set_new(results, names[way], row);
    }
    bench_print(results);
}

int main(void)
{
    static struct bench b;
    static char models[1024];
    struct lat_interaction *rows;
    char *words;
    b.n_users = bench_size(6000, 300);
    b.rounds = bench_size(5, 1);
    b.seconds = bench_seconds(2, 0.2);
    make_people(&b, &rows, &words);
    bench_begin(&b.server, NULL, NULL);
    snprintf(models, sizeof(models), "%s", test_path("models"));
    b.wire = (struct wire){.fd = -1, .port = b.server.port};
    fill_server(&b);
    bench_say("%zu interactions stored, %.0f a second", b.n_events, b.ingested);
    fill_process(&b, rows, models);
    measure(&b);
    report(&b);
    lat_model_release(b.model);
    lat_registry_close(b.registry);
    lat_engine_free(b.engine);
    lat_store_close(b.store);
    wire_release(&b.wire);
    bench_end(&b.server);
    for (size_t way = 0; way < WAYS; way++)
        load_release(&b.requests[way]);
    lat_buf_release(&b.lines);
    lat_free(rows);
    lat_free(words);
    return 0;
}
