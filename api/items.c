/* One item: GET, PATCH, DELETE, its input and reconstruction; and the list. PUT is in
 * item_put.c. */

#include "api/batch.h"
#include "api/etag.h"
#include "api/filter_json.h"
#include "api/handlers.h"
#include "api/item_write.h"
#include "api/outputs.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/mem.h"
#include "service/compress.h"
#include "service/embed.h"
#include "service/kept.h"

#include "base/banned.h"

static enum lat_status get(struct lat_call *call, const char *name, const char *id,
                           unsigned parts, struct lat_item *out_item, struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    const enum lat_status status =
        lat_store_get(call->app->store, name, id, parts, out_item, err);
    call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    return status;
}

/* ---- GET ---- */

static enum lat_status reply_item(struct lat_call *call, const struct lat_item *item,
                                  size_t dimension, unsigned parts, bool base64,
                                  struct lat_error *err)
{
    lat_respond_etag(call, item->version);
    if (lat_call_has_version(call, item->version)) {
        call->response.status = 304;
        return LAT_OK;
    }
    if (parts == LAT_ITEM_CODE && item->code &&
        lat_call_accepts(call, "application/octet-stream"))
        return lat_reply_vector(call, item->code, dimension, err);
    lat_write_item(&call->response.body, item, dimension, parts, base64);
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_item(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_item item = {0};
    unsigned parts = LAT_ITEM_METADATA;
    const char *name, *id;
    lat_options_begin(&options, call, err);
    const bool base64 = lat_option_base64(&options);
    lat_option_include(&options, &parts);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status == LAT_OK)
        status = get(call, name, id, parts, &item, err);
    if (status == LAT_OK) {
        status = reply_item(call, &item, spec.dimension, parts, base64, err);
        lat_item_release(&item);
    }
    return status;
}

/* As it was sent; what is kept compressed decoded, and said to be so, unless the client wants
 * the very bytes. */
static enum lat_status reply_input(struct lat_call *call,
                                   const struct lat_collection_spec *spec,
                                   const struct lat_item *item, bool as_code,
                                   struct lat_error *err)
{
    if (lat_kept_is_compressed(item)) {
        lat_call_respond_header(call, "X-Input-Kept", "compressed");
        if (!as_code) {
            call->response.content_type = "image/png";
            const enum lat_status status =
                lat_kept_restore(call, spec, item, &call->response.body, err);
            return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
        }
    }
    const char *type = lat_arena_strdup(
        &call->arena, item->input_type[0] ? item->input_type : "application/octet-stream");
    return type ? lat_reply_bytes(call, type, item->input, item->input_len, err)
                : lat_fail_memory(err);
}

enum lat_status lat_api_item_input(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_item item = {0};
    const char *name, *id;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status == LAT_OK)
        status = get(call, name, id, LAT_ITEM_INPUT, &item, err);
    if (status != LAT_OK)
        return status;
    const bool compressed = lat_kept_is_compressed(&item);
    const bool as_code = compressed && lat_call_accepts(call, LAT_CODE_STREAM_TYPE);
    if (as_code)
        lat_respond_etag_code(call, item.version);
    else
        lat_respond_etag(call, item.version);
    if (compressed)
        lat_call_respond_header(call, "Vary", "Accept");
    /* The bytes are a client's: nobody may take them for a page. */
    lat_call_respond_header(call, "X-Content-Type-Options", "nosniff");
    if (!item.input) {
        status = lat_fail(err, LAT_NOT_FOUND, "input_not_kept",
                          "collection '%s': the input of item '%.100s' was not kept", name, id);
    } else if (as_code ? lat_call_has_code(call, item.version)
                       : lat_call_has_version(call, item.version)) {
        call->response.status = 304;
    } else {
        status = reply_input(call, &spec, &item, as_code, err);
    }
    lat_item_release(&item);
    return status;
}

/* A picture is a picture unless the client asks for JSON. */
static enum lat_status reply_decoded(struct lat_call *call, const struct lat_model *model,
                                     const float *row, bool base64, struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    struct lat_buf *out = &call->response.body;
    if (input->kind == LAT_INPUT_IMAGE && !lat_call_accepts(call, "application/json")) {
        call->response.content_type = "image/png";
        const enum lat_status status = lat_model_row_to_png(model, row, out, err);
        return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
    }
    if (lat_output_is_array(model) && lat_call_accepts(call, "application/octet-stream"))
        return lat_reply_output_vector(call, model, row, err);
    lat_buf_text(out, "{\"output\":");
    const enum lat_status status = lat_write_output(out, model, row, base64, err);
    lat_buf_char(out, '}');
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

static enum lat_status reconstruct(struct lat_call *call,
                                   const struct lat_collection_spec *spec,
                                   const struct lat_item *item, bool base64,
                                   struct lat_error *err)
{
    struct lat_model *model = NULL;
    float *row = NULL;
    if (!spec->model[0])
        return lat_fail(err, LAT_CAPABILITY, NULL,
                        "collection '%s' has codes without a model: nothing can decode them",
                        spec->name);
    enum lat_status status = lat_embed_acquire(call, spec->model, &model, err);
    if (status != LAT_OK)
        return status;
    status = lat_model_require(model, LAT_CAN_DECODE, err);
    if (status == LAT_OK && !item->code)
        status = lat_fail(err, LAT_CORRUPT, NULL, "item '%.100s' has no code", item->id);
    if (status == LAT_OK)
        status = lat_embed_decode(call, model, item->code, 1, &row, err);
    if (status == LAT_OK)
        status = reply_decoded(call, model, row, base64, err);
    lat_model_release(model);
    return status;
}

enum lat_status lat_api_item_reconstruction(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_item item = {0};
    const char *name, *id;
    lat_options_begin(&options, call, err);
    const bool base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status == LAT_OK)
        status = get(call, name, id, LAT_ITEM_CODE, &item, err);
    if (status != LAT_OK)
        return status;
    lat_respond_etag(call, item.version);
    status = reconstruct(call, &spec, &item, base64, err);
    lat_item_release(&item);
    return status;
}

/* ---- the list ---- */

static enum lat_status reply_list(struct lat_call *call, const struct lat_item_list *list,
                                  size_t dimension, unsigned parts, bool base64,
                                  struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_text(out, "{\"items\":[");
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            lat_buf_char(out, ',');
        lat_write_item(out, &list->items[i], dimension, parts, base64);
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, list->next_cursor);
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_items(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    const struct lat_filter *filter = NULL;
    struct lat_item_list list = {0};
    unsigned parts = LAT_ITEM_METADATA;
    uint64_t limit;
    const char *name, *cursor;
    lat_options_begin(&options, call, err);
    const bool base64 = lat_option_base64(&options);
    lat_option_include(&options, &parts);
    lat_options_page(&options, &limit, &cursor);
    const char *text = lat_option_text(&options, "filter");
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK && text && *text)
        status = lat_filter_parse(&call->arena, text, (size_t)call->app->config.max_depth,
                                  &json, &filter, err);
    if (status == LAT_OK) {
        const uint64_t start = lat_clock_ns();
        status = lat_store_list(call->app->store, name, filter, cursor, (size_t)limit, parts,
                                &list, err);
        call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    }
    lat_json_release(&json);
    if (status == LAT_OK) {
        status = reply_list(call, &list, spec.dimension, parts, base64, err);
        lat_item_list_release(&list);
    }
    return status;
}

/* ---- PATCH ---- */

struct patch {
    const char *metadata; /* NULL: unchanged */
    int hidden;           /* -1: unchanged */
};

static enum lat_status read_patch(struct lat_call *call, struct lat_json *json,
                                  struct patch *patch, struct lat_error *err)
{
    struct lat_object root;
    bool hidden = false;
    enum lat_status status = lat_call_json(call, json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(json, &root);
    patch->metadata = lat_object_json(&root, "metadata");
    patch->hidden = -1;
    if (lat_object_has(&root, "hidden")) {
        lat_object_flag(&root, "hidden", &hidden);
        patch->hidden = hidden;
    }
    lat_object_end(&root);
    return lat_json_status(json);
}

/* One attempt: what is stored, the patch laid over it, written if it is still what was read. */
static enum lat_status try_patch(struct lat_call *call, const char *name, const char *id,
                                 const struct patch *patch, struct lat_error *err)
{
    struct lat_item item = {0};
    struct lat_write write = {.kind = LAT_WRITE_PATCH, .id = id, .hidden = patch->hidden};
    struct lat_write_result result = {0};
    enum lat_status status = get(call, name, id, LAT_ITEM_METADATA, &item, err);
    if (status != LAT_OK)
        return status;
    uint64_t wanted;
    status = lat_call_if_match(call, item.version, &wanted, err);
    if (status == LAT_OK && wanted && wanted != UINT64_MAX && wanted != item.version)
        status = lat_fail(err, LAT_PRECONDITION, NULL, "item '%.100s' has version %llu", id,
                          (unsigned long long)item.version);
    if (status == LAT_OK && patch->metadata)
        status = lat_json_merge(&call->arena, item.metadata ? item.metadata : "{}",
                                patch->metadata, &write.metadata, err);
    write.if_match = item.version;
    lat_item_release(&item);
    if (status == LAT_OK)
        status = lat_store_write(call->app->store, name, &write, 1, true, &result, err);
    return status;
}

enum lat_status lat_api_item_patch(struct lat_call *call, struct lat_error *err)
{
    enum { ATTEMPTS = 20 }; /* other writers may come between reading and writing */
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    struct lat_item item = {0};
    struct patch patch;
    const char *name, *id;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status == LAT_OK)
        status = read_patch(call, &json, &patch, err);
    if (status == LAT_OK) {
        const bool again = !lat_call_header(call, "If-Match");
        status = try_patch(call, name, id, &patch, err);
        for (int i = 1; again && status == LAT_PRECONDITION && i < ATTEMPTS; i++) {
            lat_error_clear(err);
            status = try_patch(call, name, id, &patch, err);
        }
        err->pointer[0] = '\0'; /* the store's place in a batch of one */
    }
    lat_json_release(&json);
    if (status == LAT_OK)
        status = get(call, name, id, LAT_ITEM_METADATA, &item, err);
    if (status != LAT_OK)
        return status;
    lat_respond_etag(call, item.version);
    lat_write_item(&call->response.body, &item, spec.dimension, LAT_ITEM_METADATA, false);
    lat_item_release(&item);
    return lat_reply_json(call, 200, err);
}

/* ---- DELETE ---- */

enum lat_status lat_api_item_delete(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_item item = {0};
    struct lat_write_result result = {0};
    const char *name, *id;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_item(&options, &name, &id, &spec);
    if (status != LAT_OK)
        return status;
    uint64_t current = 0;
    if (lat_call_names_versions(call) && get(call, name, id, 0, &item, NULL) == LAT_OK) {
        current = item.version;
        lat_item_release(&item);
    }
    struct lat_write write = {.kind = LAT_WRITE_DELETE, .id = id, .hidden = -1};
    status = lat_call_if_match(call, current, &write.if_match, err);
    if (status == LAT_OK)
        status = lat_store_write(call->app->store, name, &write, 1, true, &result, err);
    if (status == LAT_OK)
        return lat_reply_nothing(call);
    err->pointer[0] = '\0';
    return status;
}
