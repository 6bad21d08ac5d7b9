/* Recommending without a user: by a model from a history that is sent along, like one item,
 * what all like; and which model a collection's users are served by. */
#include <math.h>
#include <string.h>

#include "api/collection_read.h"
#include "api/handlers.h"
#include "api/input_row.h"
#include "api/item_write.h"
#include "api/recommend_io.h"
#include "api/reply.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/embed.h"

#include "base/banned.h"

/* ---- POST /v1/models/{m}/recommend ---- */

struct by_history {
    struct lat_model *model;
    struct lat_json json;
    struct lat_input input; /* the history */
    struct lat_recommend_wants wants;
    char collection[LAT_COLLECTION_NAME_MAX]; /* "" when not said */
    struct lat_collection_info *info;         /* NULL: of no collection */
    struct lat_past past;
};

static enum lat_status read_history(struct lat_call *call, struct by_history *by,
                                    struct lat_error *err)
{
    struct lat_object root;
    enum lat_status status = lat_call_json(call, &by->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&by->json, &root);
    if (!lat_object_has(&root, "history"))
        lat_object_missing(&root, "history");
    lat_object_history(&root, &by->input);
    lat_object_wants(call, &root, &by->wants);
    lat_object_wants_more(&root, &by->wants);
    lat_object_collection(call, &root, by->collection);
    lat_object_end(&root);
    return lat_json_status(&by->json);
}

/* Negative weights are dislikes. */
static enum lat_status sort_out(struct lat_call *call, struct by_history *by,
                                struct lat_error *err)
{
    const size_t n = by->input.n_events;
    struct lat_event *events = lat_arena_alloc_raw(&call->arena, n + 1, sizeof(*events));
    const char **seen = lat_arena_alloc_raw(&call->arena, n + 1, sizeof(*seen));
    const char **disliked = lat_arena_alloc_raw(&call->arena, n + 1, sizeof(*disliked));
    if (!events || !seen || !disliked)
        return lat_fail_memory(err);
    by->past = (struct lat_past){.events = events, .seen = seen, .disliked = disliked};
    for (size_t i = 0; i < n; i++) {
        const struct lat_event *event = &by->input.events[i];
        seen[by->past.n_seen++] = event->item;
        if (event->weight < 0)
            disliked[by->past.n_disliked++] = event->item;
        else
            events[by->past.n_events++] = *event;
    }
    return LAT_OK;
}

/* Whether a recommender ("m" or "m@v") is this model ("m@v"). */
static bool is_served_by(const char *recommender, const char *model)
{
    const size_t len = strlen(recommender);
    return len && strncmp(model, recommender, len) == 0 &&
           (model[len] == '\0' || model[len] == '@');
}

/* A filter needs metadata: those of the one collection that this model serves. */
static enum lat_status find_served(struct lat_call *call, struct by_history *by,
                                   struct lat_error *err)
{
    const char *model = lat_model_reference(by->model);
    char after[LAT_COLLECTION_NAME_MAX] = "";
    size_t n_found = 0, n = 0;
    enum lat_status status = LAT_OK;
    do {
        struct lat_collection_info *infos = NULL;
        status = lat_store_collections(call->app->store, after, 100, &infos, &n, err);
        for (size_t i = 0; status == LAT_OK && i < n; i++) {
            memcpy(after, infos[i].spec.name, sizeof(after));
            if (!is_served_by(infos[i].recommender, model))
                continue;
            memcpy(by->collection, infos[i].spec.name, sizeof(by->collection));
            n_found++;
        }
        lat_free(infos);
    } while (status == LAT_OK && n);
    if (status == LAT_OK && n_found != 1) {
        lat_fail(err, LAT_INVALID, "missing_field",
                 "a filter needs 'collection': model '%s' serves %zu collections", model,
                 n_found);
        lat_error_at(err, "/collection");
        status = LAT_INVALID;
    }
    return status;
}

static enum lat_status find_collection(struct lat_call *call, struct by_history *by,
                                       struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    if (!by->collection[0] && by->wants.filter)
        status = find_served(call, by, err);
    if (status != LAT_OK || !by->collection[0])
        return status;
    by->info = lat_arena_alloc(&call->arena, 1, sizeof(*by->info));
    if (!by->info)
        return lat_fail_memory(err);
    status = lat_store_describe(call->app->store, by->collection, by->info, err);
    lat_error_at(err, "/collection");
    return status;
}

enum lat_status lat_api_model_recommend(struct lat_call *call, struct lat_error *err)
{
    struct by_history by = {0};
    struct lat_recommendation list;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], &by.model, err);
    if (status == LAT_OK)
        status = lat_model_require(by.model, LAT_CAN_RECOMMEND, err);
    if (status == LAT_OK)
        status = read_history(call, &by, err);
    if (status == LAT_OK)
        status = find_collection(call, &by, err);
    if (status == LAT_OK)
        status = sort_out(call, &by, err);
    if (status == LAT_OK)
        status =
            lat_recommend_by_model(call, by.model, by.info, &by.past, &by.wants, &list, err);
    if (status == LAT_OK) {
        lat_buf_char(&call->response.body, '{');
        lat_write_recommended(&call->response.body, &list, &by.wants);
        lat_write_text(&call->response.body, "model", lat_model_reference(by.model));
        lat_buf_char(&call->response.body, '}');
        status = lat_reply_json(call, 200, err);
    }
    lat_json_release(&by.json);
    if (by.model)
        lat_model_release(by.model);
    return status;
}

/* ---- GET …/items/{id}/similar ---- */

static void write_distance(struct lat_buf *out, size_t i, const char *id, float distance)
{
    lat_buf_text(out, i ? ",{\"id\":" : "{\"id\":");
    lat_buf_json_string(out, id, strlen(id));
    lat_buf_text(out, ",\"distance\":");
    lat_buf_json_float(out, distance);
}

static enum lat_status similar_by_code(struct lat_call *call, const char *name, const char *id,
                                       const struct lat_recommend_wants *wants, unsigned parts,
                                       struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_search_result result = {0};
    const struct lat_query query = {.id = id,
                                    .k = wants->k,
                                    .filter = wants->filter,
                                    .max_distance = INFINITY,
                                    .exclude_self = true,
                                    .exclude_ids = wants->exclude_ids,
                                    .n_exclude = wants->n_exclude,
                                    .parts = parts};
    const enum lat_status status =
        lat_store_search(call->app->store, name, &query, &result, err);
    if (status != LAT_OK)
        return status;
    call->timing_ns[LAT_TIMING_INDEX] += result.index_ns;
    call->timing_ns[LAT_TIMING_DB] += result.db_ns;
    for (size_t i = 0; i < result.n; i++) {
        write_distance(out, i, result.hits[i].id, result.hits[i].distance);
        if (parts & LAT_ITEM_METADATA) {
            lat_write_key(out, "metadata");
            lat_buf_text(out, result.hits[i].metadata ? result.hits[i].metadata : "{}");
        }
        lat_buf_char(out, '}');
    }
    lat_search_result_release(&result);
    return LAT_OK;
}

/* Without codes: what the recommender would recommend to whom has this item alone, a distance
 * being the score with its sign turned. */
static enum lat_status similar_by_model(struct lat_call *call,
                                        const struct lat_collection_info *info, const char *id,
                                        const struct lat_recommend_wants *wants,
                                        struct lat_error *err)
{
    struct lat_model *model = NULL;
    struct lat_recommendation list = {0};
    const struct lat_event event = {.item = id, .len = strlen(id), .weight = (double)NAN};
    const struct lat_past past = {.events = &event, .n_events = 1, .seen = &id, .n_seen = 1};
    if (!info->recommender[0])
        return lat_fail(err, LAT_INVALID, "no_codes",
                        "collection '%s' has neither codes nor a recommender", info->spec.name);
    enum lat_status status = lat_embed_acquire(call, info->recommender, &model, err);
    if (status != LAT_OK)
        return status;
    uint32_t item;
    if (!lat_model_item_index(model, id, event.len, &item))
        status = lat_fail(err, LAT_NOT_FOUND, "item_not_found",
                          "the recommender does not know item '%.100s'", id);
    if (status == LAT_OK)
        status = lat_recommend_by_model(call, model, info, &past, wants, &list, err);
    for (size_t i = 0; i < list.n && status == LAT_OK; i++) {
        write_distance(&call->response.body, i, list.items[i].id, -list.items[i].score);
        lat_buf_char(&call->response.body, '}');
    }
    lat_model_release(model);
    return status;
}

enum lat_status lat_api_item_similar(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    struct lat_recommend_wants wants;
    const char *name, *id, *filter;
    unsigned parts = 0;
    struct lat_collection_info *info = lat_arena_alloc(&call->arena, 1, sizeof(*info));
    if (!info)
        return lat_fail_memory(err);
    lat_options_begin(&options, call, err);
    lat_options_wants(&options, &wants, &filter);
    lat_option_include(&options, &parts);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status == LAT_OK)
        status = lat_wants_filter(call, filter, &json, &wants, err);
    if (status == LAT_OK)
        status = lat_store_describe(call->app->store, name, info, err);
    lat_buf_text(&call->response.body, "{\"results\":[");
    if (status == LAT_OK)
        status = spec.dimension
                     ? similar_by_code(call, name, id, &wants, parts & LAT_ITEM_METADATA, err)
                     : similar_by_model(call, info, id, &wants, err);
    lat_buf_text(&call->response.body, "]}");
    lat_json_release(&json);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

/* ---- GET …/popular ---- */

/* "7d", "36h", "90m", "30s", "2w", or seconds. */
static bool parse_window(const char *text, int64_t *out_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000},
                 {'m', 60 * 1000},
                 {'h', 3600 * 1000},
                 {'d', 24 * 3600 * 1000},
                 {'w', 7 * 24 * 3600 * 1000LL}};
    char digits[24];
    uint64_t count;
    const size_t len = strlen(text), n = strspn(text, "0123456789");
    int64_t unit = 1000;
    if (!n || n >= sizeof(digits) || len > n + 1)
        return false;
    if (len > n) {
        unit = 0;
        for (size_t i = 0; i < LAT_ARRAY_LEN(units); i++)
            if (units[i].unit == text[n])
                unit = units[i].ms;
    }
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (!unit || !lat_parse_u64(digits, UINT64_C(10000000000), &count) || !count)
        return false;
    *out_ms = (int64_t)count * unit;
    return true;
}

enum { WINDOW_STEPS = 256 /* a window begins earlier by less than so much of it */ };

enum lat_status lat_api_popular(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    struct lat_recommend_wants wants;
    struct lat_recommendation list;
    const char *name, *filter;
    int64_t window = 0;
    lat_options_begin(&options, call, err);
    lat_options_wants(&options, &wants, &filter);
    const char *text = lat_option_text(&options, "window");
    if (text && *text && !parse_window(text, &window))
        lat_fail(err, LAT_INVALID, "out_of_range",
                 "option 'window' must be like 30s, 90m, 36h, 7d or 2w, not '%.40s'", text);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK)
        status = lat_wants_filter(call, filter, &json, &wants, err);
    /* Rounded, so that what was counted can be used again. */
    const int64_t step = window / WINDOW_STEPS + 1;
    const int64_t since = window ? (lat_clock_wall_ms() - window) / step * step : 0;
    if (status == LAT_OK)
        status = lat_recommend_popular(call, name, since, NULL, &wants, &list, err);
    if (status == LAT_OK) {
        lat_buf_char(&call->response.body, '{');
        lat_write_recommended(&call->response.body, &list, &wants);
        lat_buf_char(&call->response.body, '}');
        status = lat_reply_json(call, 200, err);
    }
    lat_json_release(&json);
    return status;
}
