/* One page of items, and for pictures one GET each. Bodies that are no JSON have their options
 * in the query string, so all queries of a run share a path. */
#include "cli/bench_queries.h"

#include <string.h>

#include "api/json.h"
#include "base/mem.h"

#include "base/banned.h"

enum { DEPTH = 16 }; /* of a page of items without their metadata */

const char *const lat_bench_kind_names[3] = {"id", "code", "input"};

static enum lat_status ask(struct lat_client *client, const char *path, struct lat_buf *reply,
                           struct lat_error *err)
{
    long http = 0;
    char words[512];
    const enum lat_status status =
        lat_client_send(client, "GET", path, NULL, NULL, reply, &http, err);
    if (status != LAT_OK || http == 200)
        return status;
    lat_client_words(reply, http, words, sizeof(words));
    return lat_fail(err, LAT_INVALID, NULL, "%s", words);
}

/* The query of an id: everything is in the body. */
static enum lat_status write_id(const struct lat_bench_subject *subject, const char *id,
                                size_t len, struct lat_bench_query *query,
                                struct lat_error *err)
{
    query->type = "application/json";
    lat_buf_text(&query->body, "{\"id\":");
    lat_buf_json_string(&query->body, id, len);
    lat_buf_printf(&query->body, ",\"k\":%zu", subject->k);
    if (subject->filter[0])
        lat_buf_printf(&query->body, ",\"filter\":%s", subject->filter);
    lat_buf_char(&query->body, '}');
    return lat_buf_check(&query->body, err);
}

/* The picture of an item; nothing when it has no input, or one that is no picture. */
static enum lat_status fetch_input(struct lat_client *client,
                                   const struct lat_bench_subject *subject, const char *id,
                                   struct lat_bench_query *query, struct lat_error *err)
{
    struct lat_buf path = {0};
    long http = 0;
    lat_buf_printf(&path, "/v1/collections/%s/items/", subject->collection);
    lat_client_segment(&path, id);
    lat_buf_text(&path, "/input");
    enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status =
            lat_client_send(client, "GET", path.data, NULL, NULL, &query->body, &http, err);
    lat_buf_release(&path);
    if (http != 200)
        lat_buf_clear(&query->body);
    query->type = "image/png"; /* the server looks at the bytes */
    return status;
}

static enum lat_status make_query(struct lat_client *client,
                                  const struct lat_bench_subject *subject,
                                  struct lat_object *item, struct lat_bench_query *query,
                                  struct lat_error *err)
{
    size_t len = 0;
    struct lat_floats code;
    const char *id = lat_object_text(item, "id", &len);
    const char *type = lat_object_text(item, "input_type", &len);
    const bool picture = type && strncmp(type, "image/", 6) == 0;
    id = lat_object_text(item, "id", &len);
    if (!id)
        return LAT_OK;
    if (subject->kind == LAT_BENCH_ID)
        return write_id(subject, id, len, query, err);
    if (subject->kind == LAT_BENCH_INPUT)
        return picture ? fetch_input(client, subject, id, query, err) : LAT_OK;
    query->type = "application/octet-stream";
    if (lat_object_floats(item, "code", &code))
        lat_buf_append(&query->body, code.values, code.n * sizeof(*code.values));
    return lat_buf_check(&query->body, err);
}

static enum lat_status make_queries(struct lat_client *client,
                                    const struct lat_bench_subject *subject,
                                    const struct lat_list *items,
                                    struct lat_bench_queries *queries, struct lat_error *err)
{
    queries->list = lat_alloc(items->n ? items->n : 1, sizeof(*queries->list));
    if (!queries->list)
        return lat_fail_memory(err);
    for (size_t i = 0; i < items->n; i++) {
        struct lat_object item;
        struct lat_bench_query *query = &queries->list[queries->n];
        lat_list_object(items, i, &item);
        const enum lat_status status = make_query(client, subject, &item, query, err);
        if (status != LAT_OK) {
            lat_buf_release(&query->body);
            return status;
        }
        queries->n += query->body.len > 0;
    }
    if (!queries->n)
        return lat_fail(err, LAT_INVALID, NULL, "collection '%s' has no item to search by %s",
                        subject->collection,
                        subject->kind == LAT_BENCH_INPUT ? "its picture"
                                                         : lat_bench_kind_names[subject->kind]);
    return LAT_OK;
}

static enum lat_status write_path(const struct lat_bench_subject *subject, char **out_path,
                                  struct lat_error *err)
{
    struct lat_buf path = {0};
    lat_buf_printf(&path, "/v1/collections/%s/search", subject->collection);
    if (subject->kind != LAT_BENCH_ID)
        lat_buf_printf(&path, "?k=%zu", subject->k);
    if (subject->kind != LAT_BENCH_ID && subject->filter[0]) {
        lat_buf_text(&path, "&filter=");
        lat_client_segment(&path, subject->filter);
    }
    const enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        *out_path = lat_buf_take(&path, NULL);
    lat_buf_release(&path);
    return status;
}

enum lat_status lat_bench_queries_read(struct lat_client *client,
                                       const struct lat_bench_subject *subject,
                                       struct lat_bench_queries *out_queries,
                                       struct lat_error *err)
{
    struct lat_arena arena = {0};
    struct lat_buf path = {0}, reply = {0};
    struct lat_json json = {0};
    struct lat_object root;
    struct lat_list items;
    *out_queries = (struct lat_bench_queries){0};
    lat_buf_printf(&path, "/v1/collections/%s/items?limit=%zu&include=%s", subject->collection,
                   subject->n, subject->kind == LAT_BENCH_CODE ? "code" : "");
    enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status = write_path(subject, &out_queries->path, err);
    if (status == LAT_OK)
        status = ask(client, path.data, &reply, err);
    if (status == LAT_OK)
        status =
            lat_json_parse(&json, &arena, reply.data ? reply.data : "", reply.len, DEPTH, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        if (!lat_object_list(&root, "items", &items))
            lat_object_missing(&root, "items");
        status = lat_json_status(&json);
        if (status == LAT_OK)
            status = make_queries(client, subject, &items, out_queries, err);
    }
    lat_json_release(&json);
    lat_arena_release(&arena);
    lat_buf_release(&path);
    lat_buf_release(&reply);
    return status;
}

void lat_bench_queries_release(struct lat_bench_queries *queries)
{
    for (size_t i = 0; i < queries->n; i++)
        lat_buf_release(&queries->list[i].body);
    lat_free(queries->list);
    lat_free(queries->path);
    *queries = (struct lat_bench_queries){0};
}
