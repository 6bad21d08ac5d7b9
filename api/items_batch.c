/* PUT …/items. With wait=false the body is copied into a job, which reads and stores it again
 * in a call of its own that no client waits for. */
#include "api/items_batch.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/item_report.h"
#include "api/jobs.h"
#include "api/problem.h"
#include "base/mem.h"
#include "service/jobs.h"

#include "base/banned.h"

/* ---- reading ---- */

static enum lat_status alloc_items(struct lat_call *call, size_t n, struct lat_items *items,
                                   struct lat_error *err)
{
    const enum lat_status status = lat_check_batch(call, n, err);
    if (status != LAT_OK)
        return status;
    items->n = n;
    items->items = lat_arena_alloc(&call->arena, n, sizeof(*items->items));
    items->results = lat_arena_alloc(&call->arena, n, sizeof(*items->results));
    return items->items && items->results ? LAT_OK : lat_fail_memory(err);
}

/* Keeps the failure of item `i`. */
static enum lat_status refuse(struct lat_call *call, struct lat_items *items, size_t i,
                              const struct lat_error *failure, struct lat_error *err)
{
    struct lat_error *copy = lat_arena_alloc_raw(&call->arena, 1, sizeof(*copy));
    if (!copy)
        return lat_fail_memory(err);
    *copy = *failure;
    items->items[i].refused = copy;
    return LAT_OK;
}

static enum lat_status read_one(struct lat_call *call, const struct lat_list *list, size_t i,
                                struct lat_items *items, struct lat_error *err)
{
    struct lat_error failure = LAT_ERROR_INIT;
    struct lat_object object;
    lat_json_begin(list->json, &failure);
    lat_list_object(list, i, &object);
    lat_object_item(&object, LAT_READ_ID, &items->items[i]);
    items->results[i].id = items->items[i].id;
    if (failure.status == LAT_OK)
        return LAT_OK;
    if (failure.status != LAT_BAD_SYNTAX && failure.status != LAT_NO_MEMORY)
        return refuse(call, items, i, &failure, err);
    *err = failure;
    return err->status;
}

static enum lat_status read_json(struct lat_call *call, const struct lat_items_body *body,
                                 struct lat_items *items, struct lat_error *err)
{
    struct lat_object root;
    struct lat_list list;
    enum lat_status status = lat_json_parse(&items->json, &call->arena, body->bytes, body->len,
                                            (size_t)call->app->config.max_depth, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&items->json, &root);
    lat_object_encoding(&root);
    if (!lat_object_list(&root, "items", &list))
        lat_object_missing(&root, "items");
    lat_object_end(&root);
    status = lat_json_status(&items->json);
    if (status == LAT_OK)
        status = alloc_items(call, list.n, items, err);
    items->pointers = true;
    for (size_t i = 0; status == LAT_OK && i < list.n; i++)
        status = read_one(call, &list, i, items, err);
    lat_json_begin(&items->json, NULL);
    return status;
}

/* Metadata of a multipart batch: one object, id -> metadata. */
struct metadata {
    struct lat_json *json;
    struct lat_object root;
    size_t used;
};

static enum lat_status read_metadata(struct lat_call *call, const struct lat_part *part,
                                     struct metadata *metadata, struct lat_error *err)
{
    enum lat_status status =
        lat_json_parse_whole(metadata->json, &call->arena, part->bytes, part->len,
                             (size_t)call->app->config.max_depth, err);
    if (status == LAT_OK) {
        lat_json_root(metadata->json, &metadata->root);
        status = lat_json_status(metadata->json);
    }
    lat_error_prefix(err, "part 'metadata'");
    return status;
}

static enum lat_status read_part(struct lat_call *call, const struct lat_part *part, size_t i,
                                 enum lat_item_bytes kind, struct metadata *metadata,
                                 struct lat_items *items, struct lat_error *err)
{
    struct lat_error failure = LAT_ERROR_INIT;
    struct lat_ingest_item *item = &items->items[i];
    *item = (struct lat_ingest_item){.hidden = -1};
    if (!strcmp(part->name, "code"))
        kind = LAT_BYTES_CODE;
    if (lat_check_id(part->filename, strlen(part->filename), &failure) == LAT_OK) {
        item->id = items->results[i].id = part->filename;
        if (lat_item_from_bytes(&call->arena, kind, part->bytes, part->len, item, &failure) ==
                LAT_OK &&
            metadata->json->root) {
            lat_json_begin(metadata->json, &failure);
            item->metadata = lat_object_json(&metadata->root, item->id);
            metadata->used += item->metadata != NULL;
        }
    }
    if (failure.status == LAT_OK)
        return LAT_OK;
    return refuse(call, items, i, &failure, err);
}

static enum lat_status read_parts(struct lat_call *call, const char *collection,
                                  const struct lat_multipart *parts, struct lat_items *items,
                                  struct lat_error *err)
{
    struct metadata metadata = {.json = &items->json};
    enum lat_item_bytes kind;
    enum lat_status status = lat_collection_bytes(call, collection, &kind, err);
    size_t n = 0, i = 0;
    for (size_t p = 0; status == LAT_OK && p < parts->n; p++) {
        const struct lat_part *part = &parts->parts[p];
        if (!strcmp(part->name, "metadata")) {
            if (metadata.json->root)
                return lat_fail(err, LAT_INVALID, "bad_multipart", "two parts 'metadata'");
            status = read_metadata(call, part, &metadata, err);
        } else if (part->filename) {
            n++;
        } else {
            return lat_fail(err, LAT_INVALID, "unknown_field",
                            "part '%.60s' is neither a file nor 'metadata'", part->name);
        }
    }
    if (status == LAT_OK)
        status = alloc_items(call, n, items, err);
    for (size_t p = 0; status == LAT_OK && p < parts->n; p++)
        if (strcmp(parts->parts[p].name, "metadata") != 0)
            status = read_part(call, &parts->parts[p], i++, kind, &metadata, items, err);
    if (status == LAT_OK && metadata.used < lat_object_size(&metadata.root))
        return lat_fail(err, LAT_INVALID, "unknown_id",
                        "part 'metadata' has %zu ids that are no file of this request",
                        lat_object_size(&metadata.root) - metadata.used);
    return status;
}

enum lat_status lat_items_read(struct lat_call *call, const char *collection,
                               const struct lat_items_body *body, struct lat_items *out_items,
                               struct lat_error *err)
{
    enum { SPARE_PARTS = 2 };
    const uint64_t start = lat_clock_ns();
    enum lat_status status;
    if (body->kind == LAT_BODY_MULTIPART) {
        struct lat_multipart parts;
        status =
            lat_multipart_parse(&call->arena, body->content_type, body->bytes, body->len,
                                (size_t)call->app->config.max_batch + SPARE_PARTS, &parts, err);
        if (status == LAT_OK)
            status = read_parts(call, collection, &parts, out_items, err);
    } else {
        status = read_json(call, body, out_items, err);
    }
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - start;
    return status;
}

/* ---- storing ---- */

/* Says which item of the batch failed, in words and in its pointer. */
static void locate(struct lat_error *err, const char *pointer, size_t i)
{
    lat_input_not_raw(err);
    if (!pointer)
        return;
    lat_error_prefix(err, "item %zu", i);
    if (pointer[0] && strncmp(err->pointer, pointer, strlen(pointer)) != 0)
        lat_error_at(err, "%s%zu", pointer, i);
}

enum lat_status lat_ingest_answer(struct lat_call *call, const struct lat_ingest_result *stored,
                                  size_t n, const char *pointer,
                                  struct lat_batch_result *out_results, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!stored[i].error) {
            out_results[i].http = stored[i].created ? 201 : 200;
            continue;
        }
        struct lat_error *copy = lat_arena_alloc_raw(&call->arena, 1, sizeof(*copy));
        if (!copy)
            return lat_fail_memory(err);
        *copy = *stored[i].error;
        locate(copy, pointer, i);
        out_results[i].error = copy;
        out_results[i].http = lat_problem_status(copy);
    }
    return LAT_OK;
}

/* What each stored item is like, as members of its result. */
static enum lat_status report(struct lat_call *call, const char *collection,
                              const struct lat_ingest_result *stored, struct lat_items *items,
                              struct lat_error *err)
{
    struct lat_collection_spec spec;
    struct lat_buf text = {0};
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    for (size_t i = 0; status == LAT_OK && i < items->n; i++) {
        if (stored[i].error)
            continue;
        lat_buf_clear(&text);
        status = lat_write_report(call, &text, &spec, items->results[i].id, &stored[i], err);
        if (status == LAT_OK)
            status = lat_buf_check(&text, err);
        if (status == LAT_OK &&
            !(items->results[i].members = lat_arena_printf(&call->arena, ",%s", text.data)))
            status = lat_fail_memory(err);
    }
    lat_buf_release(&text);
    return status;
}

enum lat_status lat_items_store(struct lat_call *call, const char *collection,
                                struct lat_items *items, bool atomic, size_t *out_bad,
                                struct lat_error *err)
{
    struct lat_ingest_result *stored = lat_arena_alloc(&call->arena, items->n, sizeof(*stored));
    if (!stored)
        return lat_fail_memory(err);
    *out_bad = SIZE_MAX;
    for (size_t i = 0; i < items->n; i++)
        items->items[i].score = items->report;
    enum lat_status status = lat_collection_ingest(call, collection, items->items, items->n,
                                                   atomic, stored, out_bad, err);
    if (status == LAT_OK)
        status = lat_ingest_answer(call, stored, items->n, items->pointers ? "/items/" : "",
                                   items->results, err);
    if (status == LAT_OK && items->report)
        status = report(call, collection, stored, items, err);
    return status;
}

void lat_items_release(struct lat_items *items)
{
    lat_json_release(&items->json);
}

/* Nothing was stored: every item that was bad on its own, and the one that stopped the rest. */
static enum lat_status reply_atomic(struct lat_call *call, struct lat_items *items, size_t bad,
                                    struct lat_error *err)
{
    const struct lat_error why = *err;
    lat_error_clear(err);
    for (size_t i = 0; i < items->n; i++) {
        const struct lat_error *refused = i == bad ? &why : items->items[i].refused;
        if (!refused)
            continue;
        struct lat_error *copy = lat_arena_alloc_raw(&call->arena, 1, sizeof(*copy));
        if (!copy)
            return lat_fail_memory(err);
        *copy = *refused;
        locate(copy, items->pointers ? "/items/" : "", i);
        items->results[i].error = copy;
        items->results[i].http = lat_problem_status(copy);
    }
    return lat_reply_atomic(call, items->results, items->n, bad, err);
}

static enum lat_status store_and_reply(struct lat_call *call, const char *collection,
                                       struct lat_items *items, bool atomic,
                                       struct lat_error *err)
{
    size_t bad;
    const enum lat_status status = lat_items_store(call, collection, items, atomic, &bad, err);
    if (status == LAT_OK)
        return lat_reply_batch(call, items->results, items->n, NULL, err);
    return atomic && bad < items->n ? reply_atomic(call, items, bad, err) : status;
}

/* ---- wait=false ---- */

/* One block: this, the content type, the body. */
struct later {
    struct lat_app *app;
    char collection[LAT_COLLECTION_NAME_MAX];
    enum lat_body_kind kind;
    bool atomic;
    size_t type_len, len;
    char bytes[];
};

static enum lat_status summarise_later(const struct lat_items *items, struct lat_error *err)
{
    size_t failed = 0, first = 0;
    for (size_t i = items->n; i-- > 0;)
        if (items->results[i].error) {
            failed++;
            first = i;
        }
    if (!failed)
        return LAT_OK;
    *err = *items->results[first].error;
    lat_error_prefix(err, "%zu of %zu items failed", failed, items->n);
    return err->status;
}

static enum lat_status store_later(struct lat_job *job, void *context, struct lat_error *err)
{
    const struct later *later = context;
    struct lat_call *call = lat_alloc(1, sizeof(*call));
    struct lat_items items = {0};
    size_t bad;
    if (!call)
        return lat_fail_memory(err);
    call->app = later->app;
    call->body = "";
    call->path = "";
    call->started_ns = lat_clock_ns();
    call->deadline_ns = UINT64_MAX;
    call->on_worker = true;
    const struct lat_items_body body = {.kind = later->kind,
                                        .content_type = later->bytes,
                                        .bytes = later->bytes + later->type_len + 1,
                                        .len = later->len};
    enum lat_status status = lat_items_read(call, later->collection, &body, &items, err);
    if (status == LAT_OK)
        status = lat_items_store(call, later->collection, &items, later->atomic, &bad, err);
    if (status == LAT_OK)
        status = summarise_later(&items, err);
    lat_items_release(&items);
    lat_arena_release(&call->arena);
    lat_free(call);
    if (status == LAT_OK)
        lat_job_progress(job, 1);
    return status;
}

static const struct lat_job_kind ingest = {
    .type = "ingest", .lane = LAT_LANE_ITEMS, .work = store_later};

static enum lat_status start_later(struct lat_call *call, const char *collection,
                                   const struct lat_items_body *body, bool atomic,
                                   struct lat_error *err)
{
    const char *type = body->content_type ? body->content_type : "";
    const size_t type_len = strlen(type);
    struct later *later = lat_alloc_raw(1, sizeof(*later) + type_len + 1 + body->len + 1);
    if (!later)
        return lat_fail_memory(err);
    *later = (struct later){.app = call->app,
                            .kind = body->kind,
                            .atomic = atomic,
                            .type_len = type_len,
                            .len = body->len};
    snprintf(later->collection, sizeof(later->collection), "%s", collection);
    memcpy(later->bytes, type, type_len + 1);
    memcpy(later->bytes + type_len + 1, body->bytes, body->len);
    later->bytes[type_len + 1 + body->len] = '\0';
    char id[LAT_JOB_ID_SIZE];
    const enum lat_status status =
        lat_jobs_start(call->app->jobs, &ingest, collection, NULL, later, id, err);
    return status == LAT_OK ? lat_reply_job(call, id, err) : status;
}

/* ---- the route ---- */

enum lat_status lat_api_items_put(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_items items = {0};
    struct lat_collection_spec spec;
    bool wait = true, atomic = false;
    const char *name;
    lat_options_begin(&options, call, err);
    lat_option_flag(&options, "wait", &wait);
    lat_option_flag(&options, "atomic", &atomic);
    lat_option_flag(&options, "report", &items.report);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK && items.report && !wait)
        status =
            lat_fail(err, LAT_INVALID, "two_kinds",
                     "'report' is about what was stored: it does not go with 'wait=false'");
    if (status != LAT_OK)
        return status;
    const struct lat_items_body body = {.kind = lat_call_body_kind(call),
                                        .content_type = lat_call_header(call, "Content-Type"),
                                        .bytes = call->body,
                                        .len = call->body_len};
    if (body.kind != LAT_BODY_JSON && body.kind != LAT_BODY_MULTIPART)
        return lat_call_refuse_body(call, "JSON or multipart/form-data", err);
    status = lat_items_read(call, name, &body, &items, err);
    if (status == LAT_OK)
        status = wait ? store_and_reply(call, name, &items, atomic, err)
                      : start_later(call, name, &body, atomic, err);
    lat_items_release(&items);
    return status;
}
