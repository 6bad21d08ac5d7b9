/* The same wants are read from a query string and from a body; each has the same defaults and
 * limits here, so that the two ways of asking cannot drift apart. */
#include "api/recommend_io.h"

#include <string.h>

#include "api/filter_json.h"
#include "api/reply.h"

#include "base/banned.h"

enum { K_DEFAULT = 10 };

void lat_options_wants(struct lat_options *options, struct lat_recommend_wants *out_wants,
                       const char **out_filter)
{
    struct lat_recommend_wants wants = {.exclude_seen = true};
    uint64_t k = K_DEFAULT;
    lat_option_count(options, "k", &k, 1, (uint64_t)options->call->app->config.max_k);
    lat_option_ids(options, "exclude", LAT_EXCLUDED_MAX, &wants.exclude_ids, &wants.n_exclude);
    *out_filter = lat_option_text(options, "filter");
    wants.k = (size_t)k;
    *out_wants = wants;
}

void lat_options_wants_more(struct lat_options *options,
                            struct lat_recommend_wants *inout_wants)
{
    uint64_t because = LAT_BECAUSE_DEFAULT;
    lat_option_count(options, "because", &because, 0, LAT_BECAUSE_MAX);
    lat_option_flag(options, "exclude_seen", &inout_wants->exclude_seen);
    inout_wants->n_because = (size_t)because;
}

enum lat_status lat_wants_filter(struct lat_call *call, const char *text,
                                 struct lat_json *out_json,
                                 struct lat_recommend_wants *inout_wants, struct lat_error *err)
{
    if (!text || !*text)
        return LAT_OK;
    return lat_filter_parse(&call->arena, text, (size_t)call->app->config.max_depth, out_json,
                            &inout_wants->filter, err);
}

void lat_object_wants(struct lat_call *call, struct lat_object *object,
                      struct lat_recommend_wants *out_wants)
{
    struct lat_recommend_wants wants = {.exclude_seen = true};
    uint64_t k = K_DEFAULT;
    lat_object_count(object, "k", &k, 1, (uint64_t)call->app->config.max_k);
    lat_object_ids(object, "exclude_ids", LAT_EXCLUDED_MAX, &wants.exclude_ids,
                   &wants.n_exclude);
    wants.filter = lat_object_filter(object, "filter");
    wants.k = (size_t)k;
    *out_wants = wants;
}

void lat_object_wants_more(struct lat_object *object, struct lat_recommend_wants *inout_wants)
{
    uint64_t because = LAT_BECAUSE_DEFAULT;
    lat_object_count(object, "because", &because, 0, LAT_BECAUSE_MAX);
    lat_object_flag(object, "exclude_seen", &inout_wants->exclude_seen);
    inout_wants->n_because = (size_t)because;
}

static void write_reasons(struct lat_buf *out, const struct lat_recommended *item)
{
    lat_buf_text(out, ",\"because\":[");
    for (size_t i = 0; i < item->n_because; i++) {
        lat_buf_text(out, i ? ",{\"id\":" : "{\"id\":");
        lat_buf_json_string(out, item->because[i].id, strlen(item->because[i].id));
        lat_buf_text(out, ",\"contribution\":");
        lat_buf_json_float(out, item->because[i].contribution);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
}

void lat_write_recommended(struct lat_buf *out, const struct lat_recommendation *list,
                           const struct lat_recommend_wants *wants)
{
    lat_write_key(out, "results");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        const struct lat_recommended *item = &list->items[i];
        lat_buf_text(out, i ? ",{\"id\":" : "{\"id\":");
        lat_buf_json_string(out, item->id, strlen(item->id));
        lat_buf_text(out, ",\"score\":");
        lat_buf_json_float(out, item->score);
        if (wants->n_because)
            write_reasons(out, item);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
}
