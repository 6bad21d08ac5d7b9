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

/* The ids into writes; bad ones and repeated ones get their result at once. */
static enum lat_status read_ids(struct lat_call *call, const struct lat_list *ids,
                                struct lat_write *writes, struct lat_batch_result *results,
                                size_t *map, size_t *out_n, struct lat_error *err)
{
    size_t n = 0;
    enum lat_status status = LAT_OK;
    struct lat_text_set seen = {0};
    for (size_t i = 0; status == LAT_OK && i < ids->n; i++) {
        struct lat_error failure = LAT_ERROR_INIT;
        size_t len = 0;
        lat_json_begin(ids->json, &failure);
        const char *id = lat_list_text(ids, i, &len);
        results[i].id = id;
        if (check_id(&seen, id, len, i, &failure) == LAT_OK) {
            results[i].http = 200;
            writes[n] = (struct lat_write){.kind = LAT_WRITE_DELETE, .id = id, .hidden = -1};
            map[n++] = i;
        } else {
            status = failure.status == LAT_NO_MEMORY
                         ? lat_fail_memory(err)
                         : refuse(call, i, &failure, &results[i], err);
        }
    }
    lat_json_begin(ids->json, NULL);
    lat_text_set_release(&seen);
    *out_n = n;
    return status;
}

/* What deleting each would do, without doing it. */
static void look(struct lat_call *call, const char *name, const struct lat_write *writes,
                 size_t n, struct lat_write_result *out_results)
{
    for (size_t i = 0; i < n; i++) {
        struct lat_item item = {0};
        out_results[i].status =
            lat_store_get(call->app->store, name, writes[i].id, 0, &item, NULL);
        if (out_results[i].status == LAT_OK)
            lat_item_release(&item);
    }
}

static enum lat_status answer(struct lat_call *call, const struct deletion *deletion,
                              const struct lat_write *writes,
                              const struct lat_write_result *stored, const size_t *map,
                              size_t n, struct lat_batch_result *results, struct lat_error *err)
{
    size_t deleted = 0;
    for (size_t i = 0; i < n; i++) {
        if (stored[i].status == LAT_OK) {
            deleted++;
            continue;
        }
        struct lat_error failure = LAT_ERROR_INIT;
        if (stored[i].status == LAT_NOT_FOUND)
            lat_fail(&failure, LAT_NOT_FOUND, "item_not_found",
                     "collection '%s' has no item '%.100s'", deletion->name, writes[i].id);
        else
            lat_fail(&failure, stored[i].status, NULL, "item '%.100s' was not deleted",
                     writes[i].id);
        const enum lat_status status = refuse(call, map[i], &failure, &results[map[i]], err);
        if (status != LAT_OK)
            return status;
    }
    char members[64];
    snprintf(members, sizeof(members), "\"deleted\":%zu,\"dry_run\":%s", deleted,
             deletion->dry_run ? "true" : "false");
    return lat_reply_batch(call, results, deletion->ids.n, members, err);
}

/* Nothing was deleted: because of an id that was refused as it was read, or of the first that
 * the store refused. */
static enum lat_status answer_atomic(struct lat_call *call, const struct deletion *deletion,
                                     const struct lat_write_result *stored, const size_t *map,
                                     size_t n, struct lat_batch_result *results,
                                     struct lat_error *err)
{
    const struct lat_error why = *err;
    size_t bad = deletion->ids.n;
    for (size_t i = 0; i < deletion->ids.n && bad == deletion->ids.n; i++)
        if (results[i].error)
            bad = i;
    for (size_t i = 0; i < n && bad == deletion->ids.n; i++)
        if (stored[i].status != LAT_OK)
            bad = map[i];
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
    struct lat_write *writes = lat_arena_alloc(&call->arena, n, sizeof(*writes));
    struct lat_write_result *stored = lat_arena_alloc(&call->arena, n, sizeof(*stored));
    struct lat_batch_result *results = lat_arena_alloc(&call->arena, n, sizeof(*results));
    size_t *map = lat_arena_alloc(&call->arena, n, sizeof(*map));
    size_t n_writes = 0;
    if (!writes || !stored || !results || !map)
        return lat_fail_memory(err);
    enum lat_status status =
        read_ids(call, &deletion->ids, writes, results, map, &n_writes, err);
    if (status == LAT_OK && deletion->atomic && n_writes < n)
        return answer_atomic(call, deletion, stored, map, 0, results, err);
    if (status == LAT_OK && deletion->dry_run)
        look(call, deletion->name, writes, n_writes, stored);
    else if (status == LAT_OK && n_writes)
        status = lat_store_write(call->app->store, deletion->name, writes, n_writes,
                                 deletion->atomic, stored, err);
    if (status == LAT_OK)
        return answer(call, deletion, writes, stored, map, n_writes, results, err);
    return deletion->atomic ? answer_atomic(call, deletion, stored, map, n_writes, results, err)
                            : status;
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
