/* Two cursors in the sequence of the collection's changes. What was there when this was made,
 * (older, base], is looked at bit by bit; what came after, (base, fresh], at once, by whoever
 * recommends next, so that an item can be recommended the moment it is stored.
 *
 * An item the model knows that is stored *after* others were placed may be nearer to them than
 * what they found. When such items came, all is looked at once more from the start.
 *
 * Locks: `catching` makes catching up one thread's at a time, and is held while the store is
 * asked; `lock` guards the items, for a moment. */
#include "service/cold.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/text_set.h"
#include "index/changes.h"

#include "base/banned.h"

enum {
    CHANGES_AT_ONCE = 512,
    CHANGES_BRIEF = 40 * CHANGES_AT_ONCE, /* looked at in one go when somebody waits */
    LOOK_FIRST = 64,  /* neighbours asked for, in the hope that some are known */
    LOOK_AGAIN = 1024 /* when too few are */
};

struct lat_cold {
    atomic_uint refs;
    struct lat_model *model; /* one reference */
    char collection[LAT_COLLECTION_NAME_MAX];
    int64_t created_ms;
    enum lat_distance metric;
    atomic_uint_fast64_t current; /* nothing up to here is left to be looked at */

    struct lat_mutex catching; /* guards what follows, up to the next lock */
    uint64_t older, base, fresh;
    bool in_background;  /* somebody has taken it upon him to do the older ones */
    uint64_t *stored;    /* bitmap [n_items]: known items seen among the changes */
    uint64_t known_came; /* the latest version of a known item seen for the first time */
    uint64_t pass_began; /* the sequence when the older ones were begun */
    bool full;

    struct lat_rwlock lock;
    struct lat_arena ids;
    struct lat_text_set numbers; /* of the ids in `items` */
    struct lat_cold_item *items;
    size_t n, capacity;
};

enum lat_status lat_cold_new(struct lat_model *model, const struct lat_collection_info *info,
                             struct lat_cold **out_cold, struct lat_error *err)
{
    struct lat_cold *cold = lat_alloc(1, sizeof(*cold));
    uint64_t *stored = lat_alloc(lat_model_n_items(model) / 64 + 1, sizeof(*stored));
    if (!cold || !stored) {
        lat_free(cold);
        lat_free(stored);
        return lat_fail_memory(err);
    }
    atomic_init(&cold->refs, 1);
    atomic_init(&cold->current, 0);
    cold->model = lat_model_reuse(model);
    memcpy(cold->collection, info->spec.name, sizeof(cold->collection));
    cold->created_ms = info->created_ms;
    cold->metric = info->spec.metric;
    cold->base = cold->fresh = cold->pass_began = info->sequence;
    cold->stored = stored;
    lat_mutex_init(&cold->catching, LAT_RANK_MODEL, "cold items, catching up");
    lat_rwlock_init(&cold->lock, LAT_RANK_LEAF, "cold items");
    *out_cold = cold;
    return LAT_OK;
}

struct lat_cold *lat_cold_ref(struct lat_cold *cold)
{
    atomic_fetch_add(&cold->refs, 1);
    return cold;
}

void lat_cold_unref(struct lat_cold *cold)
{
    if (!cold || atomic_fetch_sub(&cold->refs, 1) != 1)
        return;
    lat_model_release(cold->model);
    lat_mutex_release(&cold->catching);
    lat_rwlock_release(&cold->lock);
    lat_text_set_release(&cold->numbers);
    lat_arena_release(&cold->ids);
    lat_free(cold->items);
    lat_free(cold->stored);
    lat_free(cold);
}

const struct lat_model *lat_cold_model(const struct lat_cold *cold)
{
    return cold->model;
}

bool lat_cold_is_of(const struct lat_cold *cold, const struct lat_model *model,
                    const struct lat_collection_info *info)
{
    return cold->model == model && cold->created_ms == info->created_ms &&
           strcmp(cold->collection, info->spec.name) == 0;
}

/* ---- placing ---- */

/* The first LAT_COLD_NEIGHBOURS of the hits that the model knows. */
static void take_known(const struct lat_cold *cold, const struct lat_search_result *result,
                       struct lat_cold_item *item)
{
    item->n_near = 0;
    for (size_t i = 0; i < result->n && item->n_near < LAT_COLD_NEIGHBOURS; i++) {
        const struct lat_hit *hit = &result->hits[i];
        const uint32_t j = item->n_near;
        if (!lat_model_item_index(cold->model, hit->id, strlen(hit->id), &item->near[j]))
            continue;
        item->weights[j] = hit->distance;
        item->n_near++;
    }
}

/* Distances to weights. The nearest has at least a millionth of the farthest's distance, so
 * that nothing is divided by zero. */
static void weigh(const struct lat_cold *cold, struct lat_cold_item *item)
{
    double sum = 0, weights[LAT_COLD_NEIGHBOURS];
    const uint32_t n = item->n_near;
    const double least = n ? fmax((double)item->weights[n - 1], 1e-12) * 1e-6 : 0;
    for (uint32_t j = 0; j < n; j++) {
        const double distance = fmax((double)item->weights[j], least);
        if (cold->metric == LAT_DISTANCE_IP)
            weights[j] = 1.0 / (j + 1);
        else if (cold->metric == LAT_DISTANCE_COSINE)
            weights[j] = 1 / distance;
        else
            weights[j] = 1 / (distance * distance);
        sum += weights[j];
    }
    for (uint32_t j = 0; j < n; j++)
        item->weights[j] = (float)(weights[j] / sum);
}

/* Fills in an item's neighbours; LAT_NOT_FOUND when it has gone. */
static enum lat_status place(const struct lat_cold *cold, struct lat_store *store,
                             const char *id, struct lat_cold_item *item, struct lat_error *err)
{
    static const size_t breadths[] = {LOOK_FIRST, LOOK_AGAIN};
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < LAT_ARRAY_LEN(breadths); i++) {
        struct lat_search_result result = {0};
        const struct lat_query query = {
            .id = id, .k = breadths[i], .max_distance = INFINITY, .exclude_self = true};
        status = lat_store_search(store, cold->collection, &query, &result, err);
        if (status != LAT_OK)
            return status;
        const bool all = result.n < breadths[i];
        take_known(cold, &result, item);
        lat_search_result_release(&result);
        if (all || item->n_near == LAT_COLD_NEIGHBOURS)
            break;
    }
    weigh(cold, item);
    return LAT_OK;
}

static enum lat_status make_room(struct lat_cold *cold, struct lat_error *err)
{
    if (cold->n < cold->capacity)
        return LAT_OK;
    const size_t capacity = cold->capacity ? 2 * cold->capacity : 256;
    struct lat_cold_item *grown = lat_realloc(cold->items, capacity, sizeof(*grown));
    if (!grown)
        return lat_fail_memory(err);
    cold->items = grown;
    cold->capacity = capacity;
    return LAT_OK;
}

/* Under the lock. */
static enum lat_status enter(struct lat_cold *cold, const char *id,
                             const struct lat_cold_item *placed, struct lat_error *err)
{
    size_t number = cold->n;
    if (!lat_text_set_has(&cold->numbers, id)) {
        enum lat_status status = make_room(cold, err);
        if (status != LAT_OK)
            return status;
        id = lat_arena_strdup(&cold->ids, id);
        if (!id)
            return lat_fail_memory(err);
    }
    if (!lat_text_set_add(&cold->numbers, id, cold->n, &number))
        return lat_fail_memory(err);
    if (number == cold->n) {
        cold->items[cold->n++] = *placed;
        cold->items[number].id = id;
    } else {
        const char *own = cold->items[number].id;
        cold->items[number] = *placed;
        cold->items[number].id = own;
    }
    return LAT_OK;
}

/* One changed item; *out_placed when that took a search. */
static enum lat_status take_in(struct lat_cold *cold, struct lat_store *store,
                               const struct lat_change *change, bool *out_placed,
                               struct lat_error *err)
{
    uint32_t known;
    struct lat_cold_item item = {0};
    struct lat_error why = LAT_ERROR_INIT;
    *out_placed = false;
    if (lat_model_item_index(cold->model, change->id, strlen(change->id), &known)) {
        const uint64_t bit = UINT64_C(1) << (known % 64);
        if (!(cold->stored[known / 64] & bit) && change->version > cold->known_came)
            cold->known_came = change->version;
        cold->stored[known / 64] |= bit;
        return LAT_OK;
    }
    if (cold->n >= LAT_COLD_MAX) {
        if (!cold->full)
            lat_log(LAT_LOG_WARNING, "too many items the model does not know",
                    "\"collection\":\"%s\",\"kept\":%d", cold->collection, LAT_COLD_MAX);
        cold->full = true;
        return LAT_OK;
    }
    *out_placed = true;
    enum lat_status status = place(cold, store, change->id, &item, &why);
    if (status == LAT_NOT_FOUND)
        return LAT_OK;
    if (status != LAT_OK)
        return lat_fail(err, status, why.code, "%s", why.message);
    lat_rwlock_write(&cold->lock);
    status = enter(cold, change->id, &item, err);
    lat_rwlock_unlock(&cold->lock);
    return status;
}

/* Moves a cursor on to `until` while *inout_left lasts. */
static enum lat_status advance(struct lat_cold *cold, struct lat_store *store, uint64_t *cursor,
                               uint64_t until, size_t *inout_left, size_t *inout_rows,
                               struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && *cursor < until && *inout_left && *inout_rows) {
        struct lat_changes changes;
        status =
            lat_store_changes(store, cold->collection, *cursor, CHANGES_AT_ONCE, &changes, err);
        if (status != LAT_OK)
            return status;
        size_t i = 0;
        for (; i < changes.n && changes.rows[i].version <= until && *inout_left; i++) {
            bool placed;
            status = take_in(cold, store, &changes.rows[i], &placed, err);
            if (status != LAT_OK)
                break;
            *inout_left -= placed;
            *cursor = changes.rows[i].version;
        }
        *inout_rows -= changes.n < *inout_rows ? changes.n : *inout_rows;
        const bool last =
            changes.n < CHANGES_AT_ONCE || (i < changes.n && changes.rows[i].version > until);
        if (status == LAT_OK && *inout_left && last)
            *cursor = until;
        lat_changes_release(&changes);
    }
    return status;
}

static enum lat_status catch_up(struct lat_cold *cold, struct lat_store *store,
                                uint64_t sequence, size_t most, bool background, bool *out_more,
                                struct lat_error *err)
{
    size_t left = most, rows = background ? SIZE_MAX : CHANGES_BRIEF;
    enum lat_status status = advance(cold, store, &cold->fresh, sequence, &left, &rows, err);
    if (status == LAT_OK && (background || !cold->in_background))
        status = advance(cold, store, &cold->older, cold->base, &left, &rows, err);
    const bool done = cold->older >= cold->base && cold->fresh >= sequence;
    if (status == LAT_OK && done && cold->known_came > cold->pass_began) {
        cold->older = 0;
        cold->base = cold->pass_began = cold->fresh;
    }
    *out_more = cold->older < cold->base || cold->fresh < sequence;
    if (background)
        cold->in_background = *out_more && status == LAT_OK;
    if (status == LAT_OK && !*out_more)
        atomic_store(&cold->current, sequence);
    return status;
}

enum lat_status lat_cold_catch_up(struct lat_cold *cold, struct lat_store *store,
                                  const struct lat_collection_info *info, size_t most,
                                  bool background, bool *out_more, struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    *out_more = false;
    if (atomic_load(&cold->current) >= info->sequence)
        return LAT_OK;
    lat_mutex_lock(&cold->catching);
    const enum lat_status status =
        catch_up(cold, store, info->sequence, most, background, out_more, &why);
    lat_mutex_unlock(&cold->catching);
    if (status == LAT_OK || status == LAT_UNAVAILABLE || status == LAT_NOT_FOUND)
        return LAT_OK;
    return lat_fail(err, status, why.code, "%s", why.message);
}

/* ---- scoring ---- */

/* Whether `a` comes before `b`. */
static bool is_better(const struct lat_cold_item *a, const struct lat_cold_item *b)
{
    if (a->score < b->score || a->score > b->score)
        return a->score > b->score;
    return strcmp(a->id, b->id) < 0;
}

static int by_score(const void *a, const void *b)
{
    return is_better(a, b) ? -1 : is_better(b, a);
}

/* A heap of the best so far, the worst of them on top. */
static void offer(struct lat_cold_item *heap, size_t *n, size_t m,
                  const struct lat_cold_item *item)
{
    size_t at;
    if (*n < m) {
        at = (*n)++;
        for (; at && is_better(&heap[(at - 1) / 2], item); at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = *item;
        return;
    }
    for (at = 0; 2 * at + 1 < m;) {
        size_t child = 2 * at + 1;
        if (child + 1 < m && is_better(&heap[child], &heap[child + 1]))
            child++;
        if (!is_better(item, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = *item;
}

size_t lat_cold_best(struct lat_cold *cold, const struct lat_cold_query *query, size_t m,
                     struct lat_cold_item *out_items)
{
    size_t n = 0;
    lat_rwlock_read(&cold->lock);
    for (size_t i = 0; i < cold->n && m; i++) {
        struct lat_cold_item item = cold->items[i];
        if (!item.n_near)
            continue;
        item.score = 0;
        for (uint32_t j = 0; j < item.n_near; j++)
            item.score += item.weights[j] * query->score(query->context, item.near[j]);
        if (n == m && !is_better(&item, &out_items[0]))
            continue;
        if (!query->excluded(query->context, item.id))
            offer(out_items, &n, m, &item);
    }
    lat_rwlock_unlock(&cold->lock);
    qsort(out_items, n, sizeof(*out_items), by_score);
    return n;
}
