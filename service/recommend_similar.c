/* A list by codes: the mean of those of the history's newest liked items is searched for.
 *
 * With weights w_e and codes c_e (of unit length for cosine) the query is S / W, where
 * S = sum w_e c_e and W = sum w_e; without event e it would be (S - w_e c_e) / (W - w_e), and
 * by how much the similarity falls then is what e contributed. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "index/distance.h"
#include "service/app.h"
#include "service/recommend_out.h"

#include "base/banned.h"

struct liking {
    struct lat_call *call;
    const struct lat_collection_info *info;
    const struct lat_recommend_wants *wants;
    struct lat_event *events; /* [n]: those with a code */
    float *codes;             /* [n][d] */
    float *weights;           /* [n] */
    float *sum, *query;       /* [d] */
    double total;
    size_t n, d;
};

float lat_similarity_of(enum lat_distance metric, float distance)
{
    if (metric == LAT_DISTANCE_COSINE)
        return 1 - distance;
    return metric == LAT_DISTANCE_IP ? -distance : 1 / (1 + distance);
}

float lat_distance_of(enum lat_distance metric, float similarity)
{
    if (metric == LAT_DISTANCE_COSINE)
        return 1 - similarity;
    return metric == LAT_DISTANCE_IP ? -similarity : 1 / similarity - 1;
}

/* The code of a stored item, into the next row; an item that is not stored has none. */
static enum lat_status take_code(struct liking *l, const struct lat_event *event,
                                 struct lat_error *err)
{
    struct lat_item item = {0};
    struct lat_error why = LAT_ERROR_INIT;
    const enum lat_status status = lat_store_get(l->call->app->store, l->info->spec.name,
                                                 event->item, LAT_ITEM_CODE, &item, &why);
    if (status == LAT_NOT_FOUND)
        return LAT_OK;
    if (status != LAT_OK)
        return lat_fail(err, status, why.code, "%s", why.message);
    float *row = l->codes + l->n * l->d;
    bool usable = item.code != NULL;
    if (usable && l->info->spec.metric == LAT_DISTANCE_COSINE)
        usable = lat_unit_length(item.code, row, l->d);
    else if (usable)
        memcpy(row, item.code, l->d * sizeof(*row));
    lat_item_release(&item);
    if (!usable)
        return LAT_OK;
    l->weights[l->n] = isnan(event->weight) ? 1 : (float)event->weight;
    l->events[l->n++] = *event;
    return LAT_OK;
}

static enum lat_status gather(struct liking *l, const struct lat_past *past,
                              struct lat_error *err)
{
    struct lat_arena *arena = &l->call->arena;
    const size_t most =
        past->n_events < LAT_SIMILAR_EVENTS ? past->n_events : LAT_SIMILAR_EVENTS;
    l->d = l->info->spec.dimension;
    if (!l->d || !most)
        return lat_fail(err, LAT_INVALID, "no_codes", "the history has no codes");
    l->events = lat_arena_alloc_raw(arena, most, sizeof(*l->events));
    l->weights = lat_arena_alloc_raw(arena, most, sizeof(*l->weights));
    l->codes = lat_arena_alloc_raw(arena, most * l->d, sizeof(*l->codes));
    l->sum = lat_arena_alloc(arena, l->d, sizeof(*l->sum));
    l->query = lat_arena_alloc(arena, l->d, sizeof(*l->query));
    if (!l->events || !l->weights || !l->codes || !l->sum || !l->query)
        return lat_fail_memory(err);
    const uint64_t start = lat_clock_ns();
    enum lat_status status = LAT_OK;
    for (size_t e = 0; e < most && status == LAT_OK; e++)
        status = take_code(l, &past->events[e], err);
    l->call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    if (status == LAT_OK && !l->n)
        status = lat_fail(err, LAT_INVALID, "no_codes", "no item of the history has a code");
    return status;
}

static void add_up(struct liking *l)
{
    for (size_t e = 0; e < l->n; e++) {
        l->total += (double)l->weights[e];
        for (size_t i = 0; i < l->d; i++)
            l->sum[i] += l->weights[e] * l->codes[e * l->d + i];
    }
    for (size_t i = 0; i < l->d; i++)
        l->query[i] = (float)((double)l->sum[i] / l->total);
}

static enum lat_status search(struct liking *l, const struct lat_left_out *left_out,
                              struct lat_search_result *out_result, struct lat_error *err)
{
    const struct lat_query query = {.code = l->query,
                                    .k = l->wants->k + l->wants->n_served + 1,
                                    .filter = l->wants->filter,
                                    .max_distance = INFINITY,
                                    .exclude_ids = left_out->ids,
                                    .n_exclude = left_out->n,
                                    .parts = l->wants->n_because ? LAT_ITEM_CODE : 0};
    const enum lat_status status =
        lat_store_search(l->call->app->store, l->info->spec.name, &query, out_result, err);
    if (status == LAT_OK) {
        l->call->timing_ns[LAT_TIMING_INDEX] += out_result->index_ns;
        l->call->timing_ns[LAT_TIMING_DB] += out_result->db_ns;
    }
    return status;
}

static float similarity(const struct liking *l, const float *query, const float *code)
{
    const enum lat_distance metric = l->info->spec.metric;
    const float dot = lat_vector_dot(query, code, l->d);
    if (metric == LAT_DISTANCE_IP)
        return dot;
    if (metric == LAT_DISTANCE_L2)
        return lat_similarity_of(metric, sqrtf(lat_vector_l2sq(query, code, l->d)));
    const float lengths =
        sqrtf(lat_vector_dot(query, query, l->d) * lat_vector_dot(code, code, l->d));
    return lengths > 0 ? dot / lengths : 0;
}

static enum lat_status reason(struct liking *l, const struct lat_search_result *result,
                              const size_t *places, struct lat_recommended *items, size_t n,
                              struct lat_error *err)
{
    n = n < LAT_BECAUSE_RESULTS ? n : LAT_BECAUSE_RESULTS;
    float *without = lat_arena_alloc_raw(&l->call->arena, l->d, sizeof(*without));
    float *drops = lat_arena_alloc_raw(&l->call->arena, n * l->n + 1, sizeof(*drops));
    if (!without || !drops)
        return lat_fail_memory(err);
    for (size_t e = 0; e < l->n; e++) {
        const double rest = l->total - (double)l->weights[e];
        for (size_t i = 0; i < l->d; i++)
            without[i] = (float)(((double)l->sum[i] -
                                  (double)l->weights[e] * (double)l->codes[e * l->d + i]) /
                                 (rest > 0 ? rest : 1));
        for (size_t t = 0; t < n; t++) {
            const float *code = result->hits[places[t]].code;
            drops[t * l->n + e] =
                items[t].score - (l->n > 1 ? similarity(l, without, code) : 0);
        }
    }
    enum lat_status status = LAT_OK;
    for (size_t t = 0; t < n && status == LAT_OK; t++)
        status = lat_reasons_choose(l->call, l->events, drops + t * l->n, l->n,
                                    l->wants->n_because, &items[t], err);
    return status;
}

static enum lat_status finish(struct liking *l, const struct lat_left_out *left_out,
                              const struct lat_search_result *result,
                              struct lat_recommendation *out, struct lat_error *err)
{
    struct lat_arena *arena = &l->call->arena;
    struct lat_recommended *items = lat_arena_alloc(arena, result->n + 1, sizeof(*items));
    size_t *places = lat_arena_alloc_raw(arena, result->n + 1, sizeof(*places));
    if (!items || !places)
        return lat_fail_memory(err);
    size_t n = 0;
    bool more = false;
    for (size_t i = 0; i < result->n && !more; i++) {
        const struct lat_hit *hit = &result->hits[i];
        if (lat_left_out_has(left_out, hit->id))
            continue;
        more = n == l->wants->k;
        if (more)
            break;
        const char *id = lat_arena_strdup(arena, hit->id);
        if (!id)
            return lat_fail_memory(err);
        places[n] = i;
        items[n++] = (struct lat_recommended){
            .id = id, .score = lat_similarity_of(l->info->spec.metric, hit->distance)};
    }
    *out = (struct lat_recommendation){
        .items = items, .n = n, .more = more, .source = LAT_SOURCE_SIMILAR};
    return l->wants->n_because && n ? reason(l, result, places, items, n, err) : LAT_OK;
}

enum lat_status lat_recommend_by_similarity(struct lat_call *call,
                                            const struct lat_collection_info *info,
                                            const struct lat_past *past,
                                            const struct lat_recommend_wants *wants,
                                            struct lat_recommendation *out,
                                            struct lat_error *err)
{
    struct liking l = {.call = call, .info = info, .wants = wants};
    struct lat_left_out left_out = {0};
    struct lat_search_result result = {0};
    enum lat_status status = gather(&l, past, err);
    if (status == LAT_OK)
        status = lat_left_out_fill(call, past, wants, &left_out, err);
    if (status == LAT_OK)
        status = lat_left_out_index(&left_out, err);
    if (status == LAT_OK) {
        add_up(&l);
        status = search(&l, &left_out, &result, err);
    }
    if (status == LAT_OK)
        status = finish(&l, &left_out, &result, out, err);
    lat_search_result_release(&result);
    lat_left_out_release(&left_out);
    return status;
}
