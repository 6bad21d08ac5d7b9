/* A list by a model, in steps:
 *
 *   score all items (or query the index) -> the best that may be shown, more and more of them
 *   until there are enough -> the best of the items the model does not know, by their
 *   neighbours' scores -> the two merged -> reasons
 *
 * Whether an item may be shown (hidden, filter) is asked of the store for candidates only, in
 * the order of their scores: that gives the same list as asking for all of them first. A filter
 * that few candidates pass is turned round: the items that pass are listed, and scored.
 *
 * An item of the history counts, for its unknown neighbours, as much as the best item that is
 * not in it: what somebody chose is worth at least what the model would have him choose, and
 * EASE for one says little about the items it was given. With ratings it counts its rating. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/autoencoder.h"
#include "service/app.h"
#include "service/cold.h"
#include "service/recommend_scores.h"
#include "service/recommenders.h"

#include "base/banned.h"

enum {
    SPARE = 16,            /* candidates beyond those needed, for some are hidden */
    GROWTH = 8,            /* … and so many times more in the next round */
    CANDIDATES_MAX = 4096, /* with a filter; beyond that what passes is listed */
    LIST_AT_ONCE = 1000,
    UNKNOWN = -1
};

/* A member of the list to be. */
struct choice {
    const char *id;
    float score;
    int64_t item; /* of the vocabulary, or UNKNOWN: */
    const struct lat_cold_item *cold;
};

struct ranking {
    struct lat_call *call;
    const struct lat_collection_info *info; /* NULL: no collection */
    const struct lat_past *past;
    const struct lat_recommend_wants *wants;
    struct lat_left_out left_out;
    struct lat_scores scores;
    struct lat_cold *cold;  /* a reference, or NULL */
    float *neighbours;      /* [n_items]: scores as unknown items see them; NULL: as they are */
    float best;             /* score of an item that is not in the history */
    struct choice *choices; /* [needed] from the vocabulary, then [needed] others */
    size_t n, needed;
};

/* ---- items of the vocabulary ---- */

static enum lat_status ask_visible(struct ranking *r, const char *const *ids, size_t n,
                                   const struct lat_filter *filter, bool *out_visible,
                                   struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    const enum lat_status status = lat_store_visible(r->call->app->store, r->info->spec.name,
                                                     filter, ids, n, out_visible, err);
    r->call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    return status;
}

static enum lat_status keep_visible(struct ranking *r, const struct lat_ranked *ranked,
                                    size_t n, struct lat_error *err)
{
    const char **ids = lat_arena_alloc_raw(&r->call->arena, n + 1, sizeof(*ids));
    bool *visible = lat_arena_alloc_raw(&r->call->arena, n + 1, sizeof(*visible));
    if (!ids || !visible)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        ids[i] = lat_model_item_name(r->scores.model, ranked[i].item);
        visible[i] = true;
    }
    enum lat_status status = LAT_OK;
    if (r->info && (r->wants->filter || r->info->hidden))
        status = ask_visible(r, ids, n, r->wants->filter, visible, err);
    r->n = 0;
    for (size_t i = 0; i < n && r->n < r->needed && status == LAT_OK; i++)
        if (visible[i] && !lat_left_out_was_served(&r->left_out, ids[i]))
            r->choices[r->n++] = (struct choice){ids[i], ranked[i].score, ranked[i].item, NULL};
    return status;
}

static void offer_page(struct ranking *r, const struct lat_item_list *list,
                       struct lat_best *best)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct lat_item *item = &list->items[i];
        uint32_t known;
        if (!item->hidden &&
            lat_model_item_index(r->scores.model, item->id, strlen(item->id), &known) &&
            r->scores.passed[known / 64] >> (known % 64) & 1 &&
            !lat_left_out_was_served(&r->left_out, item->id))
            lat_best_offer(best, known);
    }
}

/* All that pass the filter, scored. */
static enum lat_status list_passing(struct ranking *r, struct lat_error *err)
{
    struct lat_best best = {.scores = &r->scores, .m = r->needed};
    best.heap = lat_arena_alloc_raw(&r->call->arena, r->needed, sizeof(*best.heap));
    if (!best.heap)
        return lat_fail_memory(err);
    char *cursor = NULL;
    bool more = true;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && more) {
        struct lat_item_list list = {0};
        status = lat_store_list(r->call->app->store, r->info->spec.name, r->wants->filter,
                                cursor, LIST_AT_ONCE, 0, &list, err);
        lat_free(cursor);
        cursor = NULL;
        if (status != LAT_OK)
            break;
        offer_page(r, &list, &best);
        cursor = list.next_cursor;
        list.next_cursor = NULL;
        more = cursor != NULL;
        lat_item_list_release(&list);
    }
    lat_free(cursor);
    lat_best_sort(&best);
    r->n = best.n;
    for (size_t i = 0; i < best.n; i++)
        r->choices[i] = (struct choice){lat_model_item_name(r->scores.model, best.heap[i].item),
                                        best.heap[i].score, best.heap[i].item, NULL};
    return status;
}

static enum lat_status choose_known(struct ranking *r, struct lat_error *err)
{
    size_t m = r->needed + r->wants->n_served + SPARE, n = 0;
    enum lat_status status = LAT_OK;
    r->best = -INFINITY;
    for (;; m *= GROWTH) {
        m = m < r->scores.n_items ? m : r->scores.n_items;
        struct lat_ranked *ranked = lat_arena_alloc_raw(&r->call->arena, m, sizeof(*ranked));
        if (!ranked)
            return lat_fail_memory(err);
        status = lat_scores_best(&r->scores, m, ranked, &n, err);
        if (status == LAT_OK)
            status = keep_visible(r, ranked, n, err);
        if (status != LAT_OK)
            return status;
        if (n)
            r->best = ranked[0].score;
        if (r->n == r->needed || n < m || m == r->scores.n_items)
            return LAT_OK;
        if (r->info && r->wants->filter && m >= CANDIDATES_MAX)
            return list_passing(r, err);
    }
}

/* ---- items beyond it ---- */

static float score_of_neighbour(const void *context, uint32_t item)
{
    const struct ranking *r = context;
    return r->neighbours ? r->neighbours[item] : lat_scores_of(&r->scores, item);
}

static bool is_left_out(const void *context, const char *id)
{
    const struct ranking *r = context;
    return lat_left_out_has(&r->left_out, id);
}

/* What items of the history count for their neighbours. */
static enum lat_status lift_history(struct ranking *r, struct lat_error *err)
{
    const size_t n_items = r->scores.n_items;
    const bool ratings = lat_model_is_explicit(r->scores.model);
    if (!r->scores.all)
        return LAT_OK;
    r->neighbours = lat_arena_alloc_raw(&r->call->arena, n_items, sizeof(*r->neighbours));
    if (!r->neighbours)
        return lat_fail_memory(err);
    memcpy(r->neighbours, r->scores.all, n_items * sizeof(*r->neighbours));
    for (size_t e = 0; e < r->past->n_events; e++) {
        const struct lat_event *event = &r->past->events[e];
        uint32_t item;
        if (!lat_model_item_index(r->scores.model, event->item, event->len, &item))
            continue;
        if (ratings && isfinite(event->weight))
            r->neighbours[item] = (float)event->weight;
        else if (!ratings)
            r->neighbours[item] = fmaxf(r->neighbours[item], r->best);
    }
    return LAT_OK;
}

/* Stored, not hidden, and passing. */
static enum lat_status keep_stored(struct ranking *r, struct lat_cold_item *items, size_t *n,
                                   struct lat_error *err)
{
    static const struct lat_filter everything = {.op = LAT_FILTER_AND};
    const char **ids = lat_arena_alloc_raw(&r->call->arena, *n + 1, sizeof(*ids));
    bool *visible = lat_arena_alloc(&r->call->arena, *n + 1, sizeof(*visible));
    if (!ids || !visible)
        return lat_fail_memory(err);
    for (size_t i = 0; i < *n; i++)
        ids[i] = items[i].id;
    const enum lat_status status = ask_visible(
        r, ids, *n, r->wants->filter ? r->wants->filter : &everything, visible, err);
    size_t kept = 0;
    for (size_t i = 0; i < *n && status == LAT_OK; i++)
        if (visible[i])
            items[kept++] = items[i];
    *n = kept;
    return status;
}

static enum lat_status choose_cold(struct ranking *r, struct lat_error *err)
{
    const struct lat_cold_query query = {score_of_neighbour, is_left_out, r};
    size_t m = r->needed + SPARE;
    for (;; m *= GROWTH) {
        m = m < LAT_COLD_MAX ? m : LAT_COLD_MAX;
        struct lat_cold_item *items = lat_arena_alloc_raw(&r->call->arena, m, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        const size_t found = lat_cold_best(r->cold, &query, m, items);
        size_t n = found;
        const enum lat_status status = keep_stored(r, items, &n, err);
        if (status != LAT_OK)
            return status;
        const bool enough = n >= r->needed || found < m || m == LAT_COLD_MAX;
        for (size_t i = 0; i < n && i < r->needed && enough; i++)
            r->choices[r->n++] =
                (struct choice){items[i].id, items[i].score, UNKNOWN, &items[i]};
        if (enough)
            return LAT_OK;
    }
}

/* ---- the list ---- */

static int by_score(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* The number of `item` among the targets, where it is put if it is not there. */
static size_t target_of(uint32_t *targets, size_t *n, uint32_t item)
{
    size_t i = 0;
    while (i < *n && targets[i] != item)
        i++;
    if (i == *n)
        targets[(*n)++] = item;
    return i;
}

/* A member's drops [n_events]: its own, or its neighbours' in their proportions. */
static void combine(const struct choice *choice, uint32_t *targets, size_t n_targets,
                    const float *drops, size_t n_events, float *out)
{
    size_t n = n_targets;
    if (choice->item != UNKNOWN) {
        const size_t t = target_of(targets, &n, (uint32_t)choice->item);
        memcpy(out, drops + t * n_events, n_events * sizeof(*out));
        return;
    }
    memset(out, 0, n_events * sizeof(*out));
    for (uint32_t j = 0; j < choice->cold->n_near; j++) {
        const size_t t = target_of(targets, &n, choice->cold->near[j]);
        for (size_t e = 0; e < n_events; e++)
            out[e] += choice->cold->weights[j] * drops[t * n_events + e];
    }
}

static enum lat_status reason(struct ranking *r, struct lat_recommended *items, size_t n,
                              struct lat_error *err)
{
    const struct lat_event *events = r->past->events;
    const size_t n_events =
        r->past->n_events < LAT_BECAUSE_EVENTS ? r->past->n_events : LAT_BECAUSE_EVENTS;
    struct lat_arena *arena = &r->call->arena;
    n = n < LAT_BECAUSE_RESULTS ? n : LAT_BECAUSE_RESULTS;
    if (!n || !n_events)
        return LAT_OK;
    uint32_t *targets = lat_arena_alloc_raw(arena, n * LAT_COLD_NEIGHBOURS, sizeof(*targets));
    size_t n_targets = 0;
    if (!targets)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const struct choice *choice = &r->choices[i];
        if (choice->item != UNKNOWN)
            (void)target_of(targets, &n_targets, (uint32_t)choice->item);
        for (uint32_t j = 0; choice->item == UNKNOWN && j < choice->cold->n_near; j++)
            (void)target_of(targets, &n_targets, choice->cold->near[j]);
    }
    float *drops = lat_arena_alloc_raw(arena, n_targets * n_events, sizeof(*drops));
    float *own = lat_arena_alloc_raw(arena, n_events, sizeof(*own));
    if (!drops || !own)
        return lat_fail_memory(err);
    struct lat_error why = LAT_ERROR_INIT;
    const uint64_t start = lat_clock_ns();
    enum lat_status status =
        lat_model_because(r->scores.model, events, n_events, targets, n_targets, drops, &why);
    r->call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - start;
    if (status == LAT_INVALID)
        return LAT_OK; /* the model knows older events alone */
    if (status != LAT_OK)
        return lat_fail(err, status, why.code, "%s", why.message);
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        combine(&r->choices[i], targets, n_targets, drops, n_events, own);
        status = lat_reasons_choose(r->call, events, own, n_events, r->wants->n_because,
                                    &items[i], err);
    }
    return status;
}

static enum lat_status finish(struct ranking *r, struct lat_recommendation *out,
                              struct lat_error *err)
{
    qsort(r->choices, r->n, sizeof(*r->choices), by_score);
    const size_t n = r->n < r->wants->k ? r->n : r->wants->k;
    struct lat_recommended *items = lat_arena_alloc(&r->call->arena, n + 1, sizeof(*items));
    if (!items)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        /* The list outlives the hold on the model, and on the unknown items. */
        const char *id = lat_arena_strdup(&r->call->arena, r->choices[i].id);
        if (!id)
            return lat_fail_memory(err);
        items[i] = (struct lat_recommended){.id = id, .score = r->choices[i].score};
    }
    const enum lat_status status = r->wants->n_because ? reason(r, items, n, err) : LAT_OK;
    if (status == LAT_OK)
        *out = (struct lat_recommendation){
            .items = items, .n = n, .more = r->n > n, .source = LAT_SOURCE_MODEL};
    return status;
}

enum lat_status lat_recommend_by_model(struct lat_call *call, struct lat_model *model,
                                       const struct lat_collection_info *info,
                                       const struct lat_past *past,
                                       const struct lat_recommend_wants *wants,
                                       struct lat_recommendation *out, struct lat_error *err)
{
    struct ranking r = {
        .call = call, .info = info, .past = past, .wants = wants, .needed = wants->k + 1};
    enum lat_status status = lat_left_out_fill(call, past, wants, &r.left_out, err);
    if (status == LAT_OK)
        status = lat_scores_make(call, model, past->events, past->n_events, &r.left_out,
                                 &r.scores, err);
    r.choices = lat_arena_alloc_raw(&call->arena, 2 * r.needed, sizeof(*r.choices));
    if (status == LAT_OK && !r.choices)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = choose_known(&r, err);
    if (status == LAT_OK && info)
        r.cold = lat_recommenders_cold(call->app->recommenders, model, info);
    if (status == LAT_OK && r.cold)
        status = lat_left_out_index(&r.left_out, err);
    if (status == LAT_OK && r.cold)
        status = lift_history(&r, err);
    if (status == LAT_OK && r.cold)
        status = choose_cold(&r, err);
    if (status == LAT_OK)
        status = finish(&r, out, err);
    lat_cold_unref(r.cold);
    lat_scores_release(&r.scores);
    lat_left_out_release(&r.left_out);
    return status;
}
