/* An index is measured on queries, and a model that has just been loaded has seen none. So
 * histories are made up: of items that the model itself finds alike, and of any. The latter are
 * rare customers, and the harder ones: what they get is scattered. */
#include "service/retrieval.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/vector.h"
#include "model/autoencoder.h"

#include "base/banned.h"

enum {
    QUERIES = 2048,      /* at least; */
    QUERIES_AN_AXIS = 4, /* and so many a coordinate */
    HISTORY = 100,       /* items, at most */
    TASTES = 3,          /* at most, of those that have some */
    LOOKED_AT = 32       /* items, of which the one likest to the taste is taken */
};

struct lat_retrieval {
    struct lat_model *model; /* one reference */
    struct lat_item_index *index;
};

void lat_retrieval_free(struct lat_retrieval *retrieval)
{
    if (!retrieval)
        return;
    lat_item_index_free(retrieval->index);
    lat_model_release(retrieval->model);
    lat_free(retrieval);
}

/* ---- made-up histories ---- */

/* An item like `taste`: the last coordinate is the bias, which says nothing of it. */
static size_t find_like(const float *vectors, size_t n, size_t d, size_t taste,
                        struct lat_rng *rng)
{
    size_t best = taste;
    float most = -INFINITY;
    for (int i = 0; i < LOOKED_AT; i++) {
        const size_t item = lat_rng_below(rng, n);
        const float likeness = lat_vector_dot(vectors + item * d, vectors + taste * d, d - 1);
        if (likeness > most) {
            best = item;
            most = likeness;
        }
    }
    return best;
}

enum lat_status lat_retrieval_make_up(struct lat_model *model, uint64_t seed, size_t n,
                                      float *out_queries, struct lat_error *err)
{
    const float *vectors;
    struct lat_rng rng;
    struct lat_event events[HISTORY];
    size_t d, tastes[HISTORY];
    const size_t n_items = lat_model_n_items(model);
    enum lat_status status = lat_model_item_vectors(model, &vectors, &d, err);
    lat_rng_seed(&rng, seed);
    for (size_t q = 0; q < n && status == LAT_OK; q++) {
        const size_t n_events = 1 + lat_rng_below(&rng, HISTORY);
        const size_t n_tastes = q % 2 ? 1 + lat_rng_below(&rng, TASTES) : n_events;
        for (size_t i = 0; i < n_tastes; i++)
            tastes[i] = lat_rng_below(&rng, n_items);
        for (size_t i = 0; i < n_events; i++) {
            const size_t taste = tastes[i % n_tastes];
            const size_t item =
                i < n_tastes ? taste : find_like(vectors, n_items, d, taste, &rng);
            const char *name = lat_model_item_name(model, (uint32_t)item);
            events[i] = (struct lat_event){.item = name, .len = strlen(name), .weight = NAN};
        }
        status = lat_model_query_vector(model, events, n_events, out_queries + q * d, err);
    }
    return status;
}

/* ---- the index ---- */

static void say(const struct lat_retrieval *retrieval)
{
    const struct lat_item_effort effort = lat_item_index_effort(retrieval->index);
    lat_log(LAT_LOG_INFO, "items indexed",
            "\"model\":\"%s\",\"items\":%zu,\"lists\":%u,\"scored\":%u,\"recall\":%.3f",
            lat_model_reference(retrieval->model), lat_model_n_items(retrieval->model),
            effort.lists, effort.items, effort.recall);
}

static enum lat_status build(struct lat_retrieval *retrieval, const atomic_bool *stop,
                             struct lat_error *err)
{
    struct lat_item_source source = {.n = lat_model_n_items(retrieval->model)};
    enum lat_status status =
        lat_model_item_vectors(retrieval->model, &source.rows, &source.d, err);
    if (status != LAT_OK)
        return status;
    source.n_queries =
        QUERIES > QUERIES_AN_AXIS * source.d ? QUERIES : QUERIES_AN_AXIS * source.d;
    float *queries = lat_alloc_raw(source.n_queries * source.d, sizeof(*queries));
    if (!queries)
        return lat_fail_memory(err);
    status = lat_retrieval_make_up(retrieval->model, 1, source.n_queries, queries, err);
    source.queries = queries;
    if (status == LAT_OK)
        status = lat_item_index_build(&source, stop, &retrieval->index, err);
    lat_free(queries);
    return status;
}

enum lat_status lat_retrieval_build(struct lat_model *model, const atomic_bool *stop,
                                    struct lat_retrieval **out_retrieval, struct lat_error *err)
{
    struct lat_retrieval *retrieval = lat_alloc(1, sizeof(*retrieval));
    if (!retrieval)
        return lat_fail_memory(err);
    retrieval->model = lat_model_reuse(model);
    const enum lat_status status = build(retrieval, stop, err);
    lat_error_prefix(err, "items of '%s'", lat_model_reference(model));
    if (status == LAT_OK) {
        say(retrieval);
        *out_retrieval = retrieval;
    } else {
        lat_retrieval_free(retrieval);
    }
    return status;
}

enum lat_status lat_retrieval_search(const struct lat_retrieval *retrieval, const float *query,
                                     const uint64_t *passed, size_t k,
                                     struct lat_ranked *out_items, size_t *out_n,
                                     struct lat_error *err)
{
    const struct lat_item_query wanted = {.vector = query, .passed = passed, .k = k};
    return lat_item_index_search(retrieval->index, &wanted, out_items, out_n, err);
}
