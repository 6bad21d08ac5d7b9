/* Aliases of collections. */

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/aliases.h"

#include "base/banned.h"

static void write_alias(struct lat_buf *out, const struct lat_alias *alias)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "name", alias->name);
    lat_write_text(out, "collection", alias->collection);
    lat_write_time(out, "created", alias->created_ms);
    lat_write_time(out, "updated", alias->updated_ms);
    lat_buf_char(out, '}');
}

static enum lat_status reply_alias(struct lat_call *call, const struct lat_alias *alias,
                                   int http, struct lat_error *err)
{
    write_alias(&call->response.body, alias);
    return lat_reply_json(call, http, err);
}

/* The alias out of the path, checked as a collection's name is. */
static enum lat_status read_name(struct lat_call *call, const char **out_name,
                                 struct lat_error *err)
{
    const enum lat_status status = lat_options_none(call, err);
    return status == LAT_OK ? lat_call_new_collection(call, out_name, err) : status;
}

enum lat_status lat_api_alias_put(struct lat_call *call, struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root;
    struct lat_alias alias;
    const char *name;
    char collection[LAT_COLLECTION_NAME_MAX] = "";
    bool created = false;
    enum lat_status status = read_name(call, &name, err);
    if (status == LAT_OK)
        status = lat_call_json(call, &json, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        if (!lat_object_copy(&root, "collection", collection, sizeof(collection)))
            lat_object_fail(&root, "collection", LAT_INVALID, "missing_field",
                            "'collection' is missing");
        lat_object_end(&root);
        if (!lat_name_valid(collection))
            lat_object_fail(&root, "collection", LAT_INVALID, "invalid_name",
                            "this is no name: [a-z0-9][a-z0-9._-]{0,62}");
        status = lat_json_status(&json);
    }
    lat_json_release(&json);
    if (status == LAT_OK)
        status = lat_store_alias_set(call->app->store, name, collection, &alias, &created, err);
    if (status == LAT_NOT_FOUND)
        lat_error_at(err, "/collection");
    if (status != LAT_OK)
        return status;
    if (created)
        lat_call_respond_header(call, "Location", "/v1/aliases/%s", name);
    return reply_alias(call, &alias, created ? 201 : 200, err);
}

enum lat_status lat_api_alias(struct lat_call *call, struct lat_error *err)
{
    struct lat_alias alias;
    const char *name;
    enum lat_status status = read_name(call, &name, err);
    if (status == LAT_OK)
        status = lat_store_alias_get(call->app->store, name, &alias, err);
    return status == LAT_OK ? reply_alias(call, &alias, 200, err) : status;
}

enum lat_status lat_api_alias_delete(struct lat_call *call, struct lat_error *err)
{
    const char *name;
    enum lat_status status = read_name(call, &name, err);
    if (status == LAT_OK)
        status = lat_store_alias_drop(call->app->store, name, err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}

/* The cursor is the last name shown. */
enum lat_status lat_api_aliases(struct lat_call *call, struct lat_error *err)
{
    struct lat_alias *aliases = NULL;
    uint64_t limit;
    const char *cursor;
    size_t n = 0;
    enum lat_status status = lat_call_name_page(call, &limit, &cursor, err);
    if (status == LAT_OK)
        status =
            lat_store_aliases(call->app->store, cursor, (size_t)limit + 1, &aliases, &n, err);
    if (status != LAT_OK)
        return status;
    struct lat_buf *out = &call->response.body;
    const size_t shown = n > limit ? (size_t)limit : n;
    lat_buf_text(out, "{\"aliases\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_alias(out, &aliases[i]);
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, n > shown ? aliases[shown - 1].name : NULL);
    lat_buf_char(out, '}');
    lat_free(aliases);
    return lat_reply_json(call, 200, err);
}
