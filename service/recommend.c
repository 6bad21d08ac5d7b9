/* Which source answers a user, and the simplest of them. */
#include "service/recommend.h"

#include <string.h>

#include "base/mem.h"
#include "service/app.h"
#include "service/embed.h"
#include "service/recommend_out.h"

#include "base/banned.h"

const char *const lat_source_names[3] = {"model", "similar", "popular"};

/* ---- the stored history ---- */

/* Of an item that comes in several rows (of different types) the newest counts. */
static enum lat_status sort_out(struct lat_call *call, const struct lat_history_page *page,
                                struct lat_past *out_past, struct lat_error *err)
{
    struct lat_arena *arena = &call->arena;
    struct lat_text_set items = {0};
    struct lat_event *events = lat_arena_alloc_raw(arena, page->n + 1, sizeof(*events));
    const char **seen = lat_arena_alloc_raw(arena, page->n + 1, sizeof(*seen));
    const char **disliked = lat_arena_alloc_raw(arena, page->n + 1, sizeof(*disliked));
    struct lat_past past = {.events = events, .seen = seen, .disliked = disliked};
    bool ok = events && seen && disliked;
    for (size_t i = 0; i < page->n && ok; i++) {
        const struct lat_history_row *row = &page->rows[i];
        size_t first;
        ok = lat_text_set_add(&items, row->item, i, &first);
        if (!ok || first != i)
            continue;
        seen[past.n_seen++] = row->item;
        if (row->weight < 0)
            disliked[past.n_disliked++] = row->item;
        else if (row->weight > 0)
            events[past.n_events++] = (struct lat_event){
                .item = row->item, .len = strlen(row->item), .weight = (double)row->weight};
    }
    lat_text_set_release(&items);
    if (!ok)
        return lat_fail_memory(err);
    *out_past = past;
    return LAT_OK;
}

enum {
    BRIEF_ROWS = 1000,   /* of a history read on a network thread */
    BRIEF_WORK = 2000000 /* multiplications there: some hundred microseconds */
};

/* On a network thread: what takes longer is run again on a worker. */
static enum lat_status leave_to_worker(struct lat_call *call, struct lat_error *err)
{
    call->defer = true;
    return lat_fail(err, LAT_BUSY, NULL, "this takes a worker");
}

/* A user nobody has heard of has an empty one. */
static enum lat_status read_past(struct lat_call *call, const char *collection,
                                 const char *user, struct lat_history_page *page,
                                 struct lat_past *out_past, struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    const uint64_t start = lat_clock_ns();
    const enum lat_status status =
        lat_call_must_be_brief(call)
            ? lat_store_history_at_once(call->app->store, collection, user, BRIEF_ROWS, page,
                                        &why)
            : lat_store_history(call->app->store, collection, user, NULL, 0, page, &why);
    call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    if (status == LAT_NOT_FOUND && strcmp(why.code, "unknown_user") == 0)
        return LAT_OK;
    if (status == LAT_BUSY && lat_call_must_be_brief(call))
        return leave_to_worker(call, err);
    if (status != LAT_OK) {
        lat_fail(err, status, why.code, "%s", why.message);
        return status;
    }
    return sort_out(call, page, out_past, err);
}

/* ---- sources ---- */

/* Whether a source that failed like this only has nothing to say here. */
static bool has_nothing(enum lat_status status)
{
    return status == LAT_INVALID || status == LAT_CAPABILITY || status == LAT_NOT_FOUND ||
           status == LAT_UNAVAILABLE;
}

static enum lat_status from_model(struct lat_call *call, const struct lat_collection_info *info,
                                  const struct lat_past *past,
                                  const struct lat_recommend_wants *wants,
                                  struct lat_recommendation *out, struct lat_error *err)
{
    struct lat_model *model = NULL;
    if (!info->recommender[0] || !past->n_events)
        return lat_fail(err, LAT_INVALID, "empty_history", "there is nothing to go by");
    enum lat_status status = lat_embed_acquire(call, info->recommender, &model, err);
    if (status == LAT_OK) {
        const bool brief =
            !lat_call_must_be_brief(call) ||
            lat_model_recommend_work(model, past->n_events, wants->n_because) <= BRIEF_WORK;
        status = brief ? lat_recommend_by_model(call, model, info, past, wants, out, err)
                       : leave_to_worker(call, err);
        lat_model_release(model);
    }
    if (status != LAT_OK)
        call->model[0] = '\0';
    return status;
}

enum lat_status lat_recommend_popular(struct lat_call *call, const char *collection,
                                      int64_t since_ms, const struct lat_past *past,
                                      const struct lat_recommend_wants *wants,
                                      struct lat_recommendation *out, struct lat_error *err)
{
    struct lat_left_out left_out = {0};
    struct lat_popular_list list = {0};
    enum lat_status status = lat_left_out_fill(call, past, wants, &left_out, err);
    const struct lat_popular_query query = {.since_ms = since_ms,
                                            .k = wants->k + wants->n_served + 1,
                                            .filter = wants->filter,
                                            .exclude_ids = left_out.ids,
                                            .n_exclude = left_out.n};
    const uint64_t start = lat_clock_ns();
    if (status == LAT_OK)
        status = lat_store_popular(call->app->store, collection, &query, &list, err);
    call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    struct lat_recommendation made = {.source = LAT_SOURCE_POPULAR};
    if (status == LAT_OK) {
        made.items = lat_arena_alloc(&call->arena, list.n + 1, sizeof(*made.items));
        status = made.items ? LAT_OK : lat_fail_memory(err);
    }
    for (size_t i = 0; i < list.n && status == LAT_OK && !made.more; i++) {
        if (lat_left_out_was_served(&left_out, list.rows[i].item))
            continue;
        made.more = made.n == wants->k;
        if (made.more)
            break;
        const char *id = lat_arena_strdup(&call->arena, list.rows[i].item);
        if (!id)
            status = lat_fail_memory(err);
        else
            made.items[made.n++] =
                (struct lat_recommended){.id = id, .score = (float)list.rows[i].score};
    }
    lat_popular_list_release(&list);
    lat_left_out_release(&left_out);
    if (status == LAT_OK)
        *out = made;
    return status;
}

static enum lat_status choose(struct lat_call *call, const struct lat_collection_info *info,
                              const struct lat_past *past,
                              const struct lat_recommend_wants *wants,
                              struct lat_recommendation *out, struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = from_model(call, info, past, wants, out, &why);
    if (has_nothing(status) && lat_call_must_be_brief(call)) {
        lat_error_clear(&why);
        status = leave_to_worker(call, &why);
    }
    if (has_nothing(status)) {
        lat_error_clear(&why);
        status = lat_recommend_by_similarity(call, info, past, wants, out, &why);
    }
    if (has_nothing(status)) {
        lat_error_clear(&why);
        status = lat_recommend_popular(call, info->spec.name, 0, past, wants, out, &why);
    }
    if (status != LAT_OK && err)
        *err = why;
    return status;
}

/* Whether nothing but the history has to be asked of the store: no metadata, no codes. */
static bool is_brief(const struct lat_collection_info *info,
                     const struct lat_recommend_wants *wants)
{
    return info->recommender[0] && !info->spec.dimension && !info->hidden && !wants->filter;
}

enum lat_status lat_recommend_for_user(struct lat_call *call, const char *collection,
                                       const char *user,
                                       const struct lat_recommend_wants *wants,
                                       struct lat_recommendation *out, struct lat_error *err)
{
    struct lat_history_page page = {0};
    struct lat_past past = {0};
    struct lat_collection_info *info = lat_arena_alloc(&call->arena, 1, sizeof(*info));
    if (!info)
        return lat_fail_memory(err);
    enum lat_status status = lat_store_describe(call->app->store, collection, info, err);
    if (status == LAT_OK && lat_call_must_be_brief(call) && !is_brief(info, wants))
        status = leave_to_worker(call, err);
    if (status == LAT_OK)
        status = read_past(call, collection, user, &page, &past, err);
    if (status == LAT_OK)
        status = choose(call, info, &past, wants, out, err);
    lat_history_page_release(&page);
    return status;
}
