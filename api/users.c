/* Users: what they did, what is recommended to them, and their end.
 *
 * The pages of a recommendation share an id. Under it the service remembers what was served
 * (service/served.h), so that the next page, made from the history as it is then, repeats none
 * of it; a page may be asked for again. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/recommend_io.h"
#include "api/reply.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "service/recommenders.h"

#include "base/banned.h"

enum { SERVED_MAX = 10000 /* items of all pages of one recommendation */ };

/* The user out of the path, and the collection, which must be there. */
static enum lat_status end_options(struct lat_options *options, const char **out_name,
                                   const char **out_user)
{
    struct lat_collection_spec spec;
    struct lat_call *call = options->call;
    enum lat_status status = lat_options_end(options);
    if (status == LAT_OK)
        status = lat_call_collection(call, out_name, options->err);
    if (status == LAT_OK)
        status = lat_check_id(call->params[1], call->param_lens[1], options->err);
    *out_user = call->params[1];
    if (status == LAT_OK)
        status = lat_store_spec(call->app->store, *out_name, &spec, options->err);
    return status;
}

/* ---- history ---- */

static void write_history(struct lat_buf *out, const struct lat_history_page *page)
{
    lat_buf_text(out, "{\"interactions\":[");
    for (size_t i = 0; i < page->n; i++) {
        const struct lat_history_row *row = &page->rows[i];
        lat_buf_text(out, i ? ",{\"item\":" : "{\"item\":");
        lat_buf_json_string(out, row->item, strlen(row->item));
        lat_write_float(out, "weight", row->weight);
        lat_write_text(out, "type", row->type[0] ? row->type : NULL);
        char at[32];
        lat_clock_format(row->at_ms, at, sizeof(at));
        lat_write_text(out, "at", at);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, page->next_cursor);
    lat_buf_char(out, '}');
}

enum lat_status lat_api_user_history(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_history_page page = {0};
    const char *name, *user, *cursor;
    uint64_t limit;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, &limit, &cursor);
    enum lat_status status = end_options(&options, &name, &user);
    if (status == LAT_OK)
        status =
            lat_store_history(call->app->store, name, user, cursor, (size_t)limit, &page, err);
    if (status != LAT_OK)
        return status;
    write_history(&call->response.body, &page);
    lat_history_page_release(&page);
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_user_delete(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    const char *name, *user;
    lat_options_begin(&options, call, err);
    enum lat_status status = end_options(&options, &name, &user);
    if (status == LAT_OK)
        status = lat_store_user_delete(call->app->store, name, user, err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}

/* ---- recommendations ---- */

struct asked {
    const char *name, *user;
    struct lat_recommend_wants wants;
    const char *id; /* of the recommendation this is a page of; NULL: a new one */
    uint64_t after; /* items on the pages before */
    uint64_t whose;
    struct lat_served *served;
    char own_id[LAT_SERVED_ID_SIZE];
};

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* What the pages before had is left out. */
static enum lat_status recall(struct lat_call *call, struct asked *asked, struct lat_error *err)
{
    asked->served = lat_recommenders_served(call->app->recommenders);
    asked->whose = lat_served_whose(asked->served, asked->name, asked->user);
    if (!asked->id)
        return LAT_OK;
    const size_t after = (size_t)asked->after;
    uint64_t *items = lat_arena_alloc_raw(&call->arena, after + 1, sizeof(*items));
    if (!items)
        return lat_fail_memory(err);
    const enum lat_status status =
        lat_served_read(asked->served, asked->id, asked->whose, after, items, err);
    if (status != LAT_OK)
        return status;
    qsort(items, after, sizeof(*items), by_value);
    asked->wants.served = items;
    asked->wants.n_served = after;
    return LAT_OK;
}

static enum lat_status remember(struct lat_call *call, struct asked *asked,
                                const struct lat_recommendation *list, struct lat_error *err)
{
    uint64_t *items = lat_arena_alloc_raw(&call->arena, list->n + 1, sizeof(*items));
    if (!items)
        return lat_fail_memory(err);
    for (size_t i = 0; i < list->n; i++)
        items[i] = lat_served_hash(asked->served, list->items[i].id);
    if (asked->id) {
        lat_served_page(asked->served, asked->id, (size_t)asked->after, items, list->n);
        return LAT_OK;
    }
    const char *source = lat_source_names[list->source];
    lat_served_begin(asked->served, asked->whose, source, items, list->n, asked->own_id);
    asked->id = asked->own_id;
    lat_metric_add(LAT_METRIC_RECOMMENDATIONS, source, 1);
    return LAT_OK;
}

/* A query parameter as it came, but for those that name the page. */
static void repeat(void *context, const struct lat_parameter *parameter)
{
    struct lat_buf *out = context;
    if (!strcmp(parameter->name, "recommendation_id") || !strcmp(parameter->name, "after"))
        return;
    lat_buf_text(out, parameter->name);
    lat_buf_char(out, '=');
    lat_buf_text(out, parameter->raw);
    lat_buf_char(out, '&');
}

static enum lat_status write_next(struct lat_call *call, const struct asked *asked,
                                  const struct lat_recommendation *list, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_buf path = {0};
    const uint64_t served = asked->after + list->n;
    if (!list->more || served >= SERVED_MAX) {
        lat_write_text(out, "next", NULL);
        return LAT_OK;
    }
    lat_buf_text(&path, call->path);
    lat_buf_char(&path, '?');
    lat_call_each_query(call, repeat, &path);
    lat_buf_printf(&path, "recommendation_id=%s&after=%llu", asked->id,
                   (unsigned long long)served);
    const enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        lat_write_text(out, "next", path.data);
    lat_buf_release(&path);
    return status;
}

static enum lat_status reply(struct lat_call *call, const struct asked *asked,
                             const struct lat_recommendation *list, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_char(out, '{');
    lat_write_recommended(out, list, &asked->wants);
    lat_write_text(out, "source", lat_source_names[list->source]);
    lat_write_text(out, "recommendation_id", asked->id);
    const enum lat_status status = write_next(call, asked, list, err);
    lat_buf_char(out, '}');
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

enum lat_status lat_api_user_recommendations(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_json json = {0};
    struct asked asked = {0};
    struct lat_recommendation list;
    const char *filter;
    lat_options_begin(&options, call, err);
    lat_options_wants(&options, &asked.wants, &filter);
    lat_options_wants_more(&options, &asked.wants);
    asked.id = lat_option_text(&options, "recommendation_id");
    lat_option_count(&options, "after", &asked.after, 0, SERVED_MAX);
    if (err->status == LAT_OK && asked.after && !asked.id)
        lat_fail(err, LAT_INVALID, "missing_field",
                 "option 'after' goes with 'recommendation_id'");
    enum lat_status status = end_options(&options, &asked.name, &asked.user);
    if (status == LAT_OK)
        status = lat_wants_filter(call, filter, &json, &asked.wants, err);
    if (status == LAT_OK)
        status = recall(call, &asked, err);
    if (status == LAT_OK)
        status = lat_recommend_for_user(call, asked.name, asked.user, &asked.wants, &list, err);
    if (status == LAT_OK)
        status = remember(call, &asked, &list, err);
    if (status == LAT_OK)
        status = reply(call, &asked, &list, err);
    lat_json_release(&json);
    if (!call->defer)
        return status;
    lat_error_clear(err);
    return LAT_OK;
}
