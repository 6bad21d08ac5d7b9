/* A scan keeps the best in a heap whose worst is on top: most items are dismissed by one
 * comparison, 64 at a time. Ids are only compared where scores are equal. */
#include "service/recommend_scores.h"

#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "model/autoencoder.h"
#include "service/app.h"
#include "service/recommenders.h"

#include "base/banned.h"

float lat_scores_of(const struct lat_scores *scores, uint32_t item)
{
    return scores->all
               ? scores->all[item]
               : lat_vector_dot(scores->query, scores->vectors + item * scores->d, scores->d);
}

/* ---- the best ---- */

static bool is_better(const struct lat_model *model, const struct lat_ranked *a,
                      const struct lat_ranked *b)
{
    if (a->score < b->score || a->score > b->score)
        return a->score > b->score;
    return strcmp(lat_model_item_name(model, a->item), lat_model_item_name(model, b->item)) < 0;
}

static void sift_up(struct lat_best *best, struct lat_ranked item)
{
    size_t at = best->n++;
    for (; at; at = (at - 1) / 2) {
        if (!is_better(best->scores->model, &best->heap[(at - 1) / 2], &item))
            break;
        best->heap[at] = best->heap[(at - 1) / 2];
    }
    best->heap[at] = item;
}

static void sift_down(struct lat_best *best, size_t n, struct lat_ranked item)
{
    const struct lat_model *model = best->scores->model;
    size_t at = 0;
    while (2 * at + 1 < n) {
        size_t child = 2 * at + 1;
        if (child + 1 < n && is_better(model, &best->heap[child], &best->heap[child + 1]))
            child++;
        if (!is_better(model, &item, &best->heap[child]))
            break;
        best->heap[at] = best->heap[child];
        at = child;
    }
    best->heap[at] = item;
}

static void offer(struct lat_best *best, struct lat_ranked item)
{
    if (best->n < best->m)
        sift_up(best, item);
    else if (best->m && is_better(best->scores->model, &item, &best->heap[0]))
        sift_down(best, best->n, item);
}

void lat_best_offer(struct lat_best *best, uint32_t item)
{
    offer(best, (struct lat_ranked){item, lat_scores_of(best->scores, item)});
}

void lat_best_sort(struct lat_best *best)
{
    for (size_t n = best->n; n > 1; n--) {
        const struct lat_ranked last = best->heap[n - 1];
        best->heap[n - 1] = best->heap[0];
        sift_down(best, n - 1, last);
    }
}

static void scan(const struct lat_scores *scores, struct lat_best *best)
{
    for (size_t word = 0; word * 64 < scores->n_items; word++) {
        const size_t left = scores->n_items - word * 64;
        if (scores->all && best->n == best->m &&
            !lat_vector_reaches(scores->all + word * 64, best->heap[0].score,
                                left < 64 ? left : 64))
            continue;
        for (uint64_t bits = scores->passed[word]; bits; bits &= bits - 1) {
            const uint32_t item = (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
            const float score = scores->all ? scores->all[item] : lat_scores_of(scores, item);
            if (best->n < best->m || score >= best->heap[0].score)
                offer(best, (struct lat_ranked){item, score});
        }
    }
}

enum lat_status lat_scores_best(const struct lat_scores *scores, size_t m,
                                struct lat_ranked *out, size_t *out_n, struct lat_error *err)
{
    struct lat_best best = {.scores = scores, .heap = out, .m = m};
    if (scores->retrieval && m < scores->n_items / 8) {
        const enum lat_status status = lat_retrieval_search(scores->retrieval, scores->query,
                                                            scores->passed, m, out, out_n, err);
        if (status != LAT_OK || *out_n == m)
            return status;
    }
    if (m)
        scan(scores, &best);
    lat_best_sort(&best);
    *out_n = best.n;
    return LAT_OK;
}

/* ---- scoring ---- */

static enum lat_status by_index(struct lat_call *call, const struct lat_event *events, size_t n,
                                struct lat_scores *scores, struct lat_error *err)
{
    enum lat_status status =
        lat_model_item_vectors(scores->model, &scores->vectors, &scores->d, err);
    if (status != LAT_OK)
        return status;
    scores->query = lat_arena_alloc_raw(&call->arena, scores->d, sizeof(*scores->query));
    return scores->query ? lat_model_query_vector(scores->model, events, n, scores->query, err)
                         : lat_fail_memory(err);
}

static enum lat_status all(struct lat_call *call, const struct lat_event *events, size_t n,
                           struct lat_scores *scores, struct lat_error *err)
{
    scores->all = lat_arena_alloc_raw(&call->arena, scores->n_items, sizeof(*scores->all));
    return scores->all ? lat_model_recommend(scores->model, events, n, scores->all, err)
                       : lat_fail_memory(err);
}

static enum lat_status fill_passed(struct lat_call *call, const struct lat_left_out *left_out,
                                   struct lat_scores *scores, struct lat_error *err)
{
    const size_t n_words = (scores->n_items + 63) / 64;
    scores->passed = lat_arena_alloc_raw(&call->arena, n_words, sizeof(*scores->passed));
    if (!scores->passed)
        return lat_fail_memory(err);
    memset(scores->passed, 0xFF, n_words * sizeof(*scores->passed));
    if (scores->n_items % 64)
        scores->passed[n_words - 1] = (UINT64_C(1) << (scores->n_items % 64)) - 1;
    for (size_t i = 0; i < left_out->n; i++) {
        uint32_t item;
        if (lat_model_item_index(scores->model, left_out->ids[i], strlen(left_out->ids[i]),
                                 &item))
            scores->passed[item / 64] &= ~(UINT64_C(1) << (item % 64));
    }
    return LAT_OK;
}

enum lat_status lat_scores_make(struct lat_call *call, struct lat_model *model,
                                const struct lat_event *events, size_t n,
                                const struct lat_left_out *left_out, struct lat_scores *out,
                                struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    out->model = model;
    out->recommenders = call->app->recommenders;
    enum lat_status status = lat_model_require(model, LAT_CAN_RECOMMEND, err);
    if (status != LAT_OK)
        return status;
    out->n_items = lat_model_n_items(model);
    out->retrieval = lat_recommenders_retrieval(out->recommenders, model);
    status = fill_passed(call, left_out, out, err);
    if (status == LAT_OK)
        status = out->retrieval ? by_index(call, events, n, out, err)
                                : all(call, events, n, out, err);
    call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - start;
    return status;
}

void lat_scores_release(struct lat_scores *scores)
{
    if (scores->recommenders)
        lat_recommenders_give_back(scores->recommenders, scores->retrieval);
    scores->retrieval = NULL;
}
