/* The best hundred of a million items, by the index over a model's items against looking at all
 * of them.
 *
 * The item vectors are those of a Mult-DAE's decoder (200 numbers and the bias), trained here
 * on 6,000 people with a few interests each, and grown from 3,628 items to a million: each new
 * item is one of the old ones and half the difference of two others, so that items differ from
 * each other in the directions, and about as much, as the trained ones do. BENCH_MODEL names a
 * folder of packages with a model "recommender" to be taken instead.
 *
 * The index is built with queries of histories that the product makes up; it is judged by those
 * of people: each is asked of both ways in turn, on one CPU. A full scan is that of the product
 * for smaller catalogues: a vectorised inner product a row, a heap for the best. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/autoencoder.h"
#include "service/retrieval.h"
#include "tests/bench/bench.h"
#include "tests/bench/people.h"

#include "base/banned.h"

enum { ITEMS = PEOPLE_ITEMS, K = 100, MADE_UP = 2048 };

struct bench {
    struct server server;
    struct wire wire;
    size_t n_people, n, n_asked, d;
    struct lat_engine *engine;
    struct lat_registry *registry;
    struct lat_model *model;
    float *rows; /* [n][d] */
    float *made_up;
    float *asked; /* [n_asked][d] */
    struct lat_item_index *index;
    double build_s;
};

/* Trains on people over HTTP; the packages are in the server's folder. */
static void train(struct bench *b)
{
    struct lat_rng rng;
    struct lat_buf lines = {0};
    size_t items[PEOPLE_MOST];
    lat_rng_seed(&rng, 7);
    for (size_t u = 0; u < b->n_people; u++)
        for (size_t n = people_next(&rng, items); n--;)
            lat_buf_printf(&lines, "{\"user\":\"u%zu\",\"item\":\"i%zu\",\"at\":1}\n", u,
                           items[n]);
    bench_collection(&b->wire, "people", "{}");
    bench_ask(&b->wire, "POST", "/v1/collections/people/interactions", "application/x-ndjson",
              lines.data, lines.len, 200);
    lat_buf_release(&lines);
    static const char spec[] =
        "{\"type\":\"train\",\"spec\":{\"name\":\"recommender\",\"data\":{\"collection\":"
        "\"people\",\"format\":\"interactions\",\"validation\":0},\"network\":{\"encoder\":{"
        "\"type\":\"dense\",\"hidden\":[]},\"decoder\":\"mirror\"},\"code\":{\"dimension\":200,"
        "\"activation\":\"tanh\"},\"likelihood\":\"multinomial\",\"corruption\":{\"type\":"
        "\"masking\",\"level\":0.5},\"optimizer\":{\"batch\":128,\"epochs\":6}}}";
    bench_train(&b->wire, spec);
}

static void load(struct bench *b, const char *models)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_registry_options where = {.folder = models, .threads = 1};
    bench_must(lat_engine_new(&b->engine, &err), &err);
    bench_must(lat_registry_open(b->engine, &where, &b->registry, &err), &err);
    lat_registry_load_all(b->registry);
    bench_must(lat_registry_acquire(b->registry, "recommender", &b->model, &err), &err);
}

/* ---- a million items ---- */

static void grow(struct bench *b)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    const float *old;
    bench_must(lat_model_item_vectors(b->model, &old, &b->d, &err), &err);
    const size_t n_old = lat_model_n_items(b->model), d = b->d;
    b->rows = lat_alloc_aligned(b->n * d, sizeof(float));
    if (!b->rows)
        abort();
    lat_rng_seed(&rng, 11);
    for (size_t i = 0; i < b->n; i++) {
        const float *like = old + lat_rng_below(&rng, n_old) * d;
        const float *more = old + lat_rng_below(&rng, n_old) * d;
        const float *less = old + lat_rng_below(&rng, n_old) * d;
        for (size_t j = 0; j < d; j++)
            b->rows[i * d + j] = like[j] + 0.5F * (more[j] - less[j]);
    }
}

static void make_queries(struct bench *b)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    b->made_up = lat_alloc(MADE_UP * b->d, sizeof(float));
    b->asked = lat_alloc(b->n_asked * b->d, sizeof(float));
    if (!b->made_up || !b->asked)
        abort();
    bench_must(lat_retrieval_make_up(b->model, 1, MADE_UP, b->made_up, &err), &err);
    lat_rng_seed(&rng, 12); /* other people than were trained on */
    for (size_t q = 0; q < b->n_asked; q++) {
        struct lat_event events[200];
        size_t items[PEOPLE_MOST];
        const size_t n = people_next(&rng, items);
        for (size_t i = 0; i < n; i++) {
            const char *name = lat_model_item_name(
                b->model, (uint32_t)(items[i] % lat_model_n_items(b->model)));
            events[i] = (struct lat_event){.item = name, .len = strlen(name), .weight = 1};
        }
        bench_must(lat_model_query_vector(b->model, events, n, b->asked + q * b->d, &err),
                   &err);
    }
}

static void build(struct bench *b)
{
    struct lat_error err = LAT_ERROR_INIT;
    const atomic_bool stop = false;
    const struct lat_item_source source = {
        .rows = b->rows, .n = b->n, .d = b->d, .queries = b->made_up, .n_queries = MADE_UP};
    const uint64_t from = lat_clock_ns();
    bench_must(lat_item_index_build(&source, &stop, &b->index, &err), &err);
    b->build_s = (double)(lat_clock_ns() - from) / 1e9;
    const struct lat_item_effort effort = lat_item_index_effort(b->index);
    bench_say("%zu items of %zu in %.0f s: %u lists, %u scored, recall %.4f", b->n, b->d,
              b->build_s, effort.lists, effort.items, effort.recall);
}

/* ---- both ways ---- */

static void measure(struct bench *b, json_t *results)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_ranked best[K], found[K];
    size_t n_best, n_found, hits = 0;
    double *slow = lat_alloc(b->n_asked, sizeof(*slow)), *fast = lat_alloc(b->n_asked, 8);
    if (!slow || !fast)
        abort();
    for (size_t q = 0; q < b->n_asked; q++) {
        const struct lat_item_query query = {.vector = b->asked + q * b->d, .k = K};
        const uint64_t start = lat_clock_ns();
        bench_must(lat_item_scan(b->rows, b->n, b->d, &query, best, &n_best, &err), &err);
        const uint64_t middle = lat_clock_ns();
        bench_must(lat_item_index_search(b->index, &query, found, &n_found, &err), &err);
        slow[q] = (double)(middle - start) / 1e6;
        fast[q] = (double)(lat_clock_ns() - middle) / 1e6;
        for (size_t i = 0; i < n_found; i++)
            hits += found[i].score >= best[n_best - 1].score;
    }
    const double scan_ms = bench_median(slow, b->n_asked), ms = bench_median(fast, b->n_asked);
    json_t *speed = bench_row(scan_ms / ms, 20, false);
    bench_set(speed, "scan_ms", scan_ms);
    bench_set(speed, "index_ms", ms);
    json_object_set_new(results, "speedup", speed);
    json_object_set_new(results, "recall_at_100",
                        bench_row((double)hits / (double)(b->n_asked * K), 0.98, false));
    bench_say("scan %.1f ms, index %.2f ms", scan_ms, ms);
    lat_free(slow);
    lat_free(fast);
}

int main(void)
{
    static struct bench b;
    char models[1024];
    const char *given = getenv("BENCH_MODEL");
    json_t *results = json_object();
    b.n_people = bench_size(6000, 300);
    b.n = bench_size(1000000, 20000);
    b.n_asked = bench_size(200, 20);
    bench_begin(&b.server, NULL, NULL);
    b.wire = (struct wire){.fd = -1, .port = b.server.port};
    if (!given)
        train(&b);
    snprintf(models, sizeof(models), "%s", given ? given : test_path("models"));
    load(&b, models);
    grow(&b);
    make_queries(&b);
    build(&b);
    json_object_set_new(results, "items", json_integer((json_int_t)b.n));
    json_object_set_new(results, "dimension", json_integer((json_int_t)b.d));
    bench_set(results, "build_s", b.build_s);
    measure(&b, results);
    bench_print(results);
    lat_item_index_free(b.index);
    lat_free(b.rows);
    lat_free(b.made_up);
    lat_free(b.asked);
    lat_model_release(b.model);
    lat_registry_close(b.registry);
    lat_engine_free(b.engine);
    wire_release(&b.wire);
    bench_end(&b.server);
    return 0;
}
