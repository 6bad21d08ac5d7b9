/* Codes of the examples, candidates by searches, scores, the best or the most various of them.
 */
#include "service/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text_set.h"
#include "index/distance.h"
#include "service/app.h"
#include "service/diversity.h"
#include "service/examples_codes.h"
#include "service/recommend.h"

#include "base/banned.h"

enum { SMALL = 5000 /* items: all of them are candidates */ };

const char *const lat_strategy_names[3] = {"mean", "best_score", "weighted"};

struct scored {
    struct lat_hit hit;
    float score;
};

struct running {
    struct lat_call *call;
    const struct lat_collection_info *info;
    const struct lat_examples_request *request;
    struct lat_example_codes positive, negative;
    const char **left_out; /* ids excluded, and the examples' own */
    size_t n_left_out;
    struct scored *scored;
    size_t n;
};

void lat_examples_release(struct lat_examples_answer *answer)
{
    for (size_t i = 0; i < answer->n_results; i++)
        lat_search_result_release(&answer->results[i]);
    answer->n_results = 0;
}

/* ---- queries ---- */

static void add_mean(const struct lat_example_codes *side, double factor, size_t d, float *out)
{
    for (size_t i = 0; i < side->n; i++)
        for (size_t j = 0; j < d; j++)
            out[j] += (float)(factor * (double)side->codes[i][j] / (double)side->n);
}

static float *mean_query(const struct running *r)
{
    const size_t d = r->info->spec.dimension;
    float *query = lat_arena_alloc(&r->call->arena, d, sizeof(*query));
    if (!query)
        return NULL;
    add_mean(&r->positive, r->negative.n ? 2 : 1, d, query);
    add_mean(&r->negative, -1, d, query);
    return query;
}

static enum lat_status search(const struct running *r, const float *code, size_t k,
                              struct lat_examples_answer *answer, struct lat_error *err)
{
    struct lat_search_result *result = &answer->results[answer->n_results];
    const struct lat_query query = {.code = code,
                                    .k = k,
                                    .filter = r->request->filter,
                                    .max_distance = INFINITY,
                                    .exclude_ids = r->left_out,
                                    .n_exclude = r->n_left_out,
                                    .parts = r->request->parts | LAT_ITEM_CODE};
    const enum lat_status status =
        lat_store_search(r->call->app->store, r->info->spec.name, &query, result, err);
    if (status != LAT_OK)
        return status;
    answer->n_results++;
    r->call->timing_ns[LAT_TIMING_INDEX] += result->index_ns;
    r->call->timing_ns[LAT_TIMING_DB] += result->db_ns;
    return LAT_OK;
}

/* ---- scores ---- */

static float similarity(const struct running *r, const float *a, const float *b)
{
    const struct lat_collection_spec *spec = &r->info->spec;
    return lat_similarity_of(spec->metric,
                             lat_distance_between(spec->metric, a, b, spec->dimension));
}

static float best_of(const struct running *r, const struct lat_example_codes *side,
                     const float *code)
{
    float best = -INFINITY;
    for (size_t i = 0; i < side->n; i++)
        best = fmaxf(best, similarity(r, side->codes[i], code));
    return best;
}

static double weighted_of(const struct running *r, const struct lat_example_codes *side,
                          const float *code)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < side->n; i++) {
        sum += side->weights[i] * (double)similarity(r, side->codes[i], code);
        total += side->weights[i];
    }
    return total > 0 ? sum / total : 0;
}

static float score_of(const struct running *r, const struct lat_hit *hit, const float *unit)
{
    if (r->request->strategy == LAT_STRATEGY_MEAN)
        return lat_similarity_of(r->info->spec.metric, hit->distance);
    if (r->request->strategy == LAT_STRATEGY_WEIGHTED)
        return (float)(weighted_of(r, &r->positive, unit) - weighted_of(r, &r->negative, unit));
    const float liked = best_of(r, &r->positive, unit), other = best_of(r, &r->negative, unit);
    return liked > other ? liked : -(other * other);
}

/* Every hit of every search once, with its score. */
static enum lat_status score_all(struct running *r, const struct lat_examples_answer *answer,
                                 struct lat_error *err)
{
    const size_t d = r->info->spec.dimension;
    struct lat_text_set seen = {0};
    size_t total = 1;
    for (size_t i = 0; i < answer->n_results; i++)
        total += answer->results[i].n;
    r->scored = lat_arena_alloc_raw(&r->call->arena, total, sizeof(*r->scored));
    float *unit = lat_arena_alloc_raw(&r->call->arena, d, sizeof(*unit));
    bool ok = r->scored && unit;
    for (size_t i = 0; i < answer->n_results && ok; i++)
        for (size_t j = 0; j < answer->results[i].n && ok; j++) {
            const struct lat_hit *hit = &answer->results[i].hits[j];
            size_t first;
            ok = lat_text_set_add(&seen, hit->id, r->n, &first);
            if (!ok || first != r->n)
                continue;
            if (r->info->spec.metric != LAT_DISTANCE_COSINE ||
                !lat_unit_length(hit->code, unit, d))
                memcpy(unit, hit->code, d * sizeof(*unit));
            r->scored[r->n++] = (struct scored){*hit, score_of(r, hit, unit)};
        }
    lat_text_set_release(&seen);
    return ok ? LAT_OK : lat_fail_memory(err);
}

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->hit.id, y->hit.id);
}

/* ---- the answer ---- */

/* The distance a hit would have by its score: what diversity weighs against. */
static float as_distance(const struct running *r, float score)
{
    return r->info->spec.metric == LAT_DISTANCE_L2
               ? 1 - score
               : lat_distance_of(r->info->spec.metric, score);
}

static enum lat_status answer_with(struct running *r, struct lat_examples_answer *answer,
                                   struct lat_error *err)
{
    const struct lat_examples_request *request = r->request;
    const bool various = request->diversity > 0;
    size_t n = various ? lat_diversity_candidates(request->k) : request->k;
    qsort(r->scored, r->n, sizeof(*r->scored), by_score);
    n = n < r->n ? n : r->n;
    answer->hits = lat_arena_alloc_raw(&r->call->arena, n + 1, sizeof(*answer->hits));
    answer->scores = lat_arena_alloc_raw(&r->call->arena, n + 1, sizeof(*answer->scores));
    if (!answer->hits || !answer->scores)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        answer->hits[i] = r->scored[i].hit;
        answer->hits[i].distance = as_distance(r, r->scored[i].score);
    }
    struct lat_search_result chosen = {.hits = answer->hits, .n = n};
    enum lat_status status = LAT_OK;
    if (various)
        status = lat_diversify(&chosen, &r->info->spec, request->diversity, request->k, err);
    if (status != LAT_OK)
        return status;
    answer->n = chosen.n;
    for (size_t i = 0, at = 0; i < answer->n; i++, at++) {
        while (strcmp(r->scored[at].hit.id, answer->hits[i].id) != 0)
            at++;
        answer->scores[i] = r->scored[at].score;
    }
    return LAT_OK;
}

static enum lat_status leave_out(struct running *r, struct lat_error *err)
{
    const struct lat_examples_request *request = r->request;
    const size_t most = request->n_exclude + request->n_positive + request->n_negative + 1;
    r->left_out = lat_arena_alloc_raw(&r->call->arena, most, sizeof(*r->left_out));
    if (!r->left_out)
        return lat_fail_memory(err);
    for (size_t i = 0; i < request->n_exclude; i++)
        r->left_out[r->n_left_out++] = request->exclude_ids[i];
    for (size_t i = 0; i < request->n_positive; i++)
        if (request->positive[i].id)
            r->left_out[r->n_left_out++] = request->positive[i].id;
    for (size_t i = 0; i < request->n_negative; i++)
        if (request->negative[i].id)
            r->left_out[r->n_left_out++] = request->negative[i].id;
    return LAT_OK;
}

static enum lat_status find_candidates(struct running *r, struct lat_examples_answer *answer,
                                       struct lat_error *err)
{
    const bool mean = r->request->strategy == LAT_STRATEGY_MEAN;
    const bool small = r->info->items <= SMALL && !mean;
    size_t k = lat_diversity_candidates(r->request->k);
    if (mean && !(r->request->diversity > 0))
        k = r->request->k;
    if (small)
        k = r->info->items ? (size_t)r->info->items : 1;
    answer->results =
        lat_arena_alloc(&r->call->arena, r->positive.n + 1, sizeof(*answer->results));
    const float *query = mean_query(r);
    if (!answer->results || !query)
        return lat_fail_memory(err);
    /* The mean of opposites under cosine has no direction; others find the candidates then. */
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = search(r, query, k, answer, &why);
    if (status != LAT_OK && (mean || strcmp(why.code, "zero_code") != 0)) {
        lat_fail(err, status, why.code, "%s", why.message);
        return status;
    }
    status = LAT_OK;
    for (size_t i = 0;
         i < r->positive.n && !mean && !(small && answer->n_results) && status == LAT_OK; i++)
        status = search(r, r->positive.codes[i], k, answer, err);
    return status;
}

static enum lat_status by_codes(struct running *r, struct lat_examples_answer *answer,
                                struct lat_error *err)
{
    const struct lat_collection_spec *spec = &r->info->spec;
    enum lat_status status =
        lat_examples_codes(r->call, spec, r->request, false, &r->positive, answer, err);
    if (status == LAT_OK)
        status = lat_examples_codes(r->call, spec, r->request, true, &r->negative, answer, err);
    if (status != LAT_OK || !r->positive.n)
        return status;
    status = leave_out(r, err);
    if (status == LAT_OK)
        status = find_candidates(r, answer, err);
    if (status == LAT_OK)
        status = score_all(r, answer, err);
    return status == LAT_OK ? answer_with(r, answer, err) : status;
}

/* ---- a collection without codes ---- */

static bool all_are_ids(const struct lat_example *examples, size_t n)
{
    size_t i = 0;
    while (i < n && examples[i].id)
        i++;
    return i == n;
}

/* The examples as a history; those the model does not know are missing. */
static enum lat_status as_past(const struct running *r, const struct lat_model *model,
                               struct lat_examples_answer *answer, struct lat_past *out_past,
                               struct lat_error *err)
{
    const struct lat_examples_request *request = r->request;
    struct lat_arena *arena = &r->call->arena;
    struct lat_event *events = lat_arena_alloc(arena, request->n_positive + 1, sizeof(*events));
    const char **disliked = lat_arena_alloc(arena, request->n_negative + 1, sizeof(*disliked));
    if (!events || !disliked)
        return lat_fail_memory(err);
    *out_past = (struct lat_past){.events = events, .disliked = disliked};
    for (size_t i = 0; i < request->n_positive; i++) {
        const char *id = request->positive[i].id;
        uint32_t item;
        if (lat_model_item_index(model, id, strlen(id), &item)) {
            events[out_past->n_events++] = (struct lat_event){
                .item = id, .len = strlen(id), .weight = request->positive[i].weight};
        } else if (request->skip_missing) {
            answer->missing[answer->n_missing++] = id;
        } else {
            lat_fail(err, LAT_NOT_FOUND, "item_not_found", "the model does not know '%.100s'",
                     id);
            lat_error_at(err, "/positive/%zu", i);
            return LAT_NOT_FOUND;
        }
    }
    for (size_t i = 0; i < request->n_negative; i++)
        disliked[out_past->n_disliked++] = request->negative[i].id;
    return LAT_OK;
}

static enum lat_status rank_past(struct running *r, struct lat_model *model,
                                 const struct lat_past *past,
                                 struct lat_examples_answer *answer, struct lat_error *err)
{
    struct lat_recommendation made = {0};
    const struct lat_recommend_wants wants = {.k = r->request->k,
                                              .exclude_ids = r->left_out,
                                              .n_exclude = r->n_left_out,
                                              .filter = r->request->filter};
    enum lat_status status =
        lat_recommend_by_model(r->call, model, r->info, past, &wants, &made, err);
    if (status != LAT_OK)
        return status;
    answer->hits = lat_arena_alloc(&r->call->arena, made.n + 1, sizeof(*answer->hits));
    answer->scores = lat_arena_alloc(&r->call->arena, made.n + 1, sizeof(*answer->scores));
    if (!answer->hits || !answer->scores)
        return lat_fail_memory(err);
    for (size_t i = 0; i < made.n && status == LAT_OK; i++) {
        answer->hits[i].id = lat_arena_strdup(&r->call->arena, made.items[i].id);
        answer->scores[i] = made.items[i].score;
        status = answer->hits[i].id ? LAT_OK : lat_fail_memory(err);
    }
    answer->n = made.n;
    return status;
}

static enum lat_status by_recommender(struct running *r, struct lat_examples_answer *answer,
                                      struct lat_error *err)
{
    const struct lat_examples_request *request = r->request;
    struct lat_model *model = NULL;
    struct lat_past past;
    if (!r->info->recommender[0])
        return lat_fail(err, LAT_INVALID, "no_codes",
                        "collection '%s' has neither codes nor a recommender",
                        r->info->spec.name);
    if (!all_are_ids(request->positive, request->n_positive) ||
        !all_are_ids(request->negative, request->n_negative) || request->diversity > 0)
        return lat_fail(err, LAT_INVALID, "no_codes",
                        "collection '%s' has no codes: examples are ids, without diversity",
                        r->info->spec.name);
    enum lat_status status = lat_embed_acquire(r->call, r->info->recommender, &model, err);
    if (status != LAT_OK)
        return status;
    status = leave_out(r, err);
    if (status == LAT_OK)
        status = as_past(r, model, answer, &past, err);
    if (status == LAT_OK && past.n_events)
        status = rank_past(r, model, &past, answer, err);
    lat_model_release(model);
    return status;
}

enum lat_status lat_examples_run(struct lat_call *call, const char *collection,
                                 const struct lat_examples_request *request,
                                 struct lat_examples_answer *out_answer, struct lat_error *err)
{
    struct running r = {.call = call, .request = request};
    struct lat_examples_answer answer = {0};
    struct lat_collection_info *info = lat_arena_alloc(&call->arena, 1, sizeof(*info));
    answer.missing = lat_arena_alloc(
        &call->arena, request->n_positive + request->n_negative + 1, sizeof(*answer.missing));
    if (!info || !answer.missing)
        return lat_fail_memory(err);
    r.info = info;
    enum lat_status status = lat_store_describe(call->app->store, collection, info, err);
    if (status == LAT_OK)
        status = info->spec.dimension ? by_codes(&r, &answer, err)
                                      : by_recommender(&r, &answer, err);
    if (status == LAT_OK)
        *out_answer = answer;
    else
        lat_examples_release(&answer);
    return status;
}
