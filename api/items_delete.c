/* POST …/items/delete: by ids, answered as a batch, or by filter, answered with a number. */
#include <stdio.h>

#include "api/batch.h"
#include "api/filter_json.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "base/text_set.h"

#include "base/banned.h"

struct deletion {
    const char *name;
    struct lat_list ids;
    bool by_ids, dry_run, atomic;
    const struct lat_filter *filter;
};

static enum lat_status read_body(struct lat_call *call, struct lat_json *json,
                                 struct deletion *deletion, struct lat_error *err)
{
    struct lat_object root;
    enum lat_status status = lat_call_json(call, json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(json, &root);
    deletion->by_ids = lat_object_list(&root, "ids", &deletion->ids);
    const bool by_filter = lat_object_has(&root, "filter");
    deletion->filter = lat_object_filter(&root, "filter");
    lat_object_flag(&root, "dry_run", &deletion->dry_run);
    lat_object_end(&root);
    if (deletion->by_ids == by_filter)
        lat_object_fail(&root, NULL, LAT_INVALID, by_filter ? "two_kinds" : "missing_field",
                        "one of 'ids' and 'filter' says what to delete");
    status = lat_json_status(json);
    return status == LAT_OK ? lat_check_batch(call, deletion->ids.n, err) : status;
}

static enum lat_status delete_by_filter(struct lat_call *call, const struct deletion *deletion,
                                        struct lat_error *err)
{
    static const struct lat_filter everything = {.op = LAT_FILTER_AND};
    uint64_t n = 0;
    const enum lat_status status = lat_store_delete_where(
        call->app->store, deletion->name, deletion->filter ? deletion->filter : &everything,
        deletion->dry_run, &n, err);
    if (status != LAT_OK)
        return status;
    struct lat_buf *out = &call->response.body;
    lat_buf_char(out, '{');
    lat_write_count(out, "deleted", n);
    lat_write_flag(out, "dry_run", deletion->dry_run);
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

/* Records what is wrong with an id, in the arena. */
static enum lat_status refuse(struct lat_call *call, size_t i, const struct lat_error *failure,
                              struct lat_batch_result *result, struct lat_error *err)
{
    struct lat_error *copy = lat_arena_alloc_raw(&call->arena, 1, sizeof(*copy));
    if (!copy)
        return lat_fail_memory(err);
    *copy = *failure;
    copy->pointer[0] = '\0';
    lat_error_at(copy, "/ids/%zu", i);
    result->error = copy;
    result->http = lat_problem_status(copy);
    return LAT_OK;
}

/* Good by itself, and the first of its kind; `place` is its place in the list. */
static enum lat_status check_id(struct lat_text_set *seen, const char *id, size_t len,
                                size_t place, struct lat_error *failure)
{
    size_t first;
    if (!id)
        return failure->status;
    enum lat_status status = lat_check_id(id, len, failure);
    if (status == LAT_OK && !lat_text_set_add(seen, id, place, &first))
        status = lat_fail_memory(failure);
    else if (status == LAT_OK && first != place)
        status = lat_fail(failure, LAT_INVALID, "duplicate_id",
                          "id '%.64s' is id %zu of this batch already", id, first);
    return status;
}

/* A list of ids on its way through the store. */
struct listed {
    struct lat_batch_result *results; /* [ids] */
    struct lat_write *writes;         /* [n]: the good ones */
    struct lat_write_result *stored;  /* [n] */
    size_t *map;                      /* [n]: their places in the list */
    size_t n;
};

/* The ids into writes; bad ones and repeated ones get their result at once. */
static enum lat_status read_ids(struct lat_call *call, const struct lat_list *ids,
                                struct listed *listed, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    struct lat_text_set seen = {0};
    for (size_t i = 0; status == LAT_OK && i < ids->n; i++) {
        struct lat_error failure = LAT_ERROR_INIT;
        size_t len = 0;
        lat_json_begin(ids->json, &failure);
        const char *id = lat_list_text(ids, i, &len);
        listed->results[i].id = id;
        if (check_id(&seen, id, len, i, &failure) == LAT_OK) {
            listed->results[i].http = 200;
            listed->map[listed->n] = i;
            listed->writes[listed->n++] =
                (struct lat_write){.kind = LAT_WRITE_DELETE, .id = id, .hidden = -1};
        } else {
            status = failure.status == LAT_NO_MEMORY
                         ? lat_fail_memory(err)
                         : refuse(call, i, &failure, &listed->results[i], err);
        }
    }
    lat_json_begin(ids->json, NULL);
    lat_text_set_release(&seen);
    return status;
}

/* What deleting each would do, without doing it. */
static void look(struct lat_call *call, const char *name, struct listed *listed)
{
    for (size_t i = 0; i < listed->n; i++) {
        struct lat_item item = {0};
        listed->stored[i].status =
            lat_store_get(call->app->store, name, listed->writes[i].id, 0, &item, NULL);
        if (listed->stored[i].status == LAT_OK)
            lat_item_release(&item);
    }
}

static enum lat_status answer(struct lat_call *call, const struct deletion *deletion,
                              const struct listed *listed, struct lat_error *err)
{
    size_t deleted = 0;
    for (size_t i = 0; i < listed->n; i++) {
        const enum lat_status stored = listed->stored[i].status;
        const char *id = listed->writes[i].id;
        const size_t place = listed->map[i];
        struct lat_error failure = LAT_ERROR_INIT;
        if (stored == LAT_OK) {
            deleted++;
            continue;
        }
        if (stored == LAT_NOT_FOUND)
            lat_fail(&failure, LAT_NOT_FOUND, "item_not_found",
                     "collection '%s' has no item '%.100s'", deletion->name, id);
        else
            lat_fail(&failure, stored, NULL, "item '%.100s' was not deleted", id);
        const enum lat_status status =
            refuse(call, place, &failure, &listed->results[place], err);
        if (status != LAT_OK)
            return status;
    }
    char members[64];
    snprintf(members, sizeof(members), "\"deleted\":%zu,\"dry_run\":%s", deleted,
             deletion->dry_run ? "true" : "false");
    return lat_reply_batch(call, listed->results, deletion->ids.n, members, err);
}

/* Nothing was deleted: because of an id that was refused as it was read, or of the first that
 * the store refused. */
static enum lat_status answer_atomic(struct lat_call *call, const struct deletion *deletion,
                                     const struct listed *listed, bool stored,
                                     struct lat_error *err)
{
    const struct lat_error why = *err;
    struct lat_batch_result *results = listed->results;
    size_t bad = deletion->ids.n;
    for (size_t i = 0; i < deletion->ids.n && bad == deletion->ids.n; i++)
        if (results[i].error)
            bad = i;
    for (size_t i = 0; stored && i < listed->n && bad == deletion->ids.n; i++)
        if (listed->stored[i].status != LAT_OK)
            bad = listed->map[i];
    if (bad == deletion->ids.n)
        return why.status;
    lat_error_clear(err);
    enum lat_status status = LAT_OK;
    if (!results[bad].error)
        status = refuse(call, bad, &why, &results[bad], err);
    return status == LAT_OK ? lat_reply_atomic(call, results, deletion->ids.n, bad, err)
                            : status;
}

static enum lat_status delete_by_ids(struct lat_call *call, const struct deletion *deletion,
                                     struct lat_error *err)
{
    const size_t n = deletion->ids.n;
    struct listed listed = {
        .results = lat_arena_alloc(&call->arena, n, sizeof(*listed.results)),
        .writes = lat_arena_alloc(&call->arena, n, sizeof(*listed.writes)),
        .stored = lat_arena_alloc(&call->arena, n, sizeof(*listed.stored)),
        .map = lat_arena_alloc(&call->arena, n, sizeof(*listed.map)),
    };
    if (!listed.results || !listed.writes || !listed.stored || !listed.map)
        return lat_fail_memory(err);
    enum lat_status status = read_ids(call, &deletion->ids, &listed, err);
    if (status == LAT_OK && deletion->atomic && listed.n < n)
        return answer_atomic(call, deletion, &listed, false, err);
    if (status == LAT_OK && deletion->dry_run)
        look(call, deletion->name, &listed);
    else if (status == LAT_OK && listed.n)
        status = lat_store_write(call->app->store, deletion->name, listed.writes, listed.n,
                                 deletion->atomic, listed.stored, err);
    if (status == LAT_OK)
        return answer(call, deletion, &listed, err);
    return deletion->atomic ? answer_atomic(call, deletion, &listed, true, err) : status;
}

enum lat_status lat_api_items_delete(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    struct deletion deletion = {0};
    lat_options_begin(&options, call, err);
    lat_option_flag(&options, "atomic", &deletion.atomic);
    enum lat_status status = lat_options_end_collection(&options, &deletion.name, &spec);
    if (status == LAT_OK)
        status = read_body(call, &json, &deletion, err);
    if (status == LAT_OK)
        status = deletion.by_ids ? delete_by_ids(call, &deletion, err)
                                 : delete_by_filter(call, &deletion, err);
    lat_json_release(&json);
    return status;
}
