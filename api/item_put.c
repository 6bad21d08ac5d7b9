/* PUT …/items/{id}: JSON, one picture, raw float32, or multipart with the parts `file` (or
 * `code`) and `metadata`. With report=true the reply also says what the new item is like: its
 * reconstruction error, the nearest item, and which item it duplicates. */
#include <string.h>

#include "api/etag.h"
#include "api/handlers.h"
#include "api/item_read.h"
#include "api/item_report.h"
#include "api/items_batch.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

struct put {
    const char *name, *id;
    struct lat_collection_spec spec;
    struct lat_ingest_item item;
    struct lat_json json;
    bool raw; /* the body is one picture as it is */
    bool report;
};

static enum lat_status read_json(struct lat_call *call, struct put *put, struct lat_error *err)
{
    struct lat_object root;
    const enum lat_status status = lat_call_json(call, &put->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&put->json, &root);
    lat_object_encoding(&root);
    size_t len;
    const char *id = lat_object_text(&root, "id", &len);
    if (id && strcmp(id, put->id) != 0)
        lat_object_fail(&root, "id", LAT_INVALID, "invalid",
                        "the path names another item than the body");
    lat_object_item(&root, 0, &put->item);
    return lat_json_status(&put->json);
}

/* Metadata of a body that is a picture or a code comes in the query string. */
static enum lat_status read_bytes(struct lat_call *call, enum lat_body_kind body,
                                  struct put *put, struct lat_error *err)
{
    enum lat_item_bytes kind;
    enum lat_status status = lat_collection_bytes(call, put->name, &kind, err);
    if (status != LAT_OK)
        return status;
    put->raw = body == LAT_BODY_IMAGE;
    if (put->raw && kind == LAT_BYTES_CODE)
        return lat_fail(err, LAT_INVALID, "no_model",
                        "collection '%s' has no model to encode pictures with", put->name);
    if (put->raw)
        kind = LAT_BYTES_IMAGE;
    else if (kind == LAT_BYTES_IMAGE)
        kind = LAT_BYTES_CODE;
    return lat_item_from_bytes(&call->arena, kind, call->body, call->body_len, &put->item, err);
}

static enum lat_status read_parts(struct lat_call *call, struct put *put, struct lat_error *err)
{
    struct lat_multipart parts;
    enum lat_item_bytes kind = LAT_BYTES_CODE;
    size_t n_subjects = 0;
    enum lat_status status = lat_call_multipart(call, &parts, err);
    if (status == LAT_OK)
        status = lat_collection_bytes(call, put->name, &kind, err);
    for (size_t i = 0; status == LAT_OK && i < parts.n; i++) {
        const struct lat_part *part = &parts.parts[i];
        if (!strcmp(part->name, "metadata")) {
            status = lat_metadata_text(call, part->bytes, part->len, &put->item.metadata, err);
        } else if (!strcmp(part->name, "file") || !strcmp(part->name, "code")) {
            n_subjects++;
            status =
                lat_item_from_bytes(&call->arena, part->name[0] == 'c' ? LAT_BYTES_CODE : kind,
                                    part->bytes, part->len, &put->item, err);
        } else {
            status = lat_fail(err, LAT_INVALID, "unknown_field",
                              "unknown part '%.60s'; the parts are file, code, metadata",
                              part->name);
        }
    }
    if (status == LAT_OK && n_subjects > 1)
        status = lat_fail(err, LAT_INVALID, "two_kinds", "one part 'file' or 'code', not %zu",
                          n_subjects);
    return status;
}

static enum lat_status read_body(struct lat_call *call, struct put *put, struct lat_error *err)
{
    const enum lat_body_kind kind = lat_call_body_kind(call);
    switch (kind) {
    case LAT_BODY_JSON:
        return read_json(call, put, err);
    case LAT_BODY_IMAGE:
    case LAT_BODY_FLOATS:
        return read_bytes(call, kind, put, err);
    case LAT_BODY_MULTIPART:
        return read_parts(call, put, err);
    case LAT_BODY_LINES:
    case LAT_BODY_OTHER:
        break;
    }
    return lat_call_refuse_body(call, "JSON, a picture, multipart or raw float32", err);
}

/* Options and body. */
static enum lat_status read_all(struct lat_call *call, struct put *put, struct lat_error *err)
{
    struct lat_options options;
    bool hidden = false;
    put->item.hidden = -1;
    lat_options_begin(&options, call, err);
    lat_option_flag(&options, "report", &put->report);
    const char *metadata = lat_option_text(&options, "metadata");
    if (lat_option_text(&options, "hidden")) {
        lat_option_flag(&options, "hidden", &hidden);
        put->item.hidden = hidden;
    }
    enum lat_status status = lat_options_end_item(&options, &put->name, &put->id, &put->spec);
    const int asked = put->item.hidden;
    if (status == LAT_OK)
        status = read_body(call, put, err);
    if (asked >= 0)
        put->item.hidden = asked;
    if (status == LAT_OK && metadata)
        status = lat_metadata_text(call, metadata, strlen(metadata), &put->item.metadata, err);
    put->item.id = put->id;
    put->item.score = put->report;
    return status;
}

static enum lat_status read_conditions(struct lat_call *call, struct put *put,
                                       struct lat_error *err)
{
    struct lat_item item = {0};
    uint64_t current = 0;
    if (lat_call_names_versions(call) &&
        lat_store_get(call->app->store, put->name, put->id, 0, &item, NULL) == LAT_OK) {
        current = item.version;
        lat_item_release(&item);
    }
    put->item.if_none_match = lat_call_if_none_match(call, current);
    return lat_call_if_match(call, current, &put->item.if_match, err);
}

/* ---- answer ---- */

static enum lat_status reply(struct lat_call *call, const struct put *put,
                             const struct lat_ingest_result *stored, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    enum lat_status status = LAT_OK;
    lat_respond_etag(call, stored->version);
    if (stored->created)
        lat_call_respond_header(call, "Location", "%s", call->path);
    lat_buf_char(out, '{');
    lat_write_text(out, "id", put->id);
    lat_write_count(out, "version", stored->version);
    if (put->report)
        status = lat_write_report(call, out, &put->spec, put->id, stored, err);
    lat_buf_char(out, '}');
    return status == LAT_OK ? lat_reply_json(call, stored->created ? 201 : 200, err) : status;
}

/* The failure of the one item, as the failure of the call. */
static enum lat_status fail_item(const struct put *put, const struct lat_error *failure,
                                 struct lat_error *err)
{
    *err = *failure;
    if (!put->raw)
        lat_input_not_raw(err);
    if (!put->json.root)
        err->pointer[0] = '\0';
    return err->status;
}

enum lat_status lat_api_item_put(struct lat_call *call, struct lat_error *err)
{
    struct put put = {0};
    struct lat_ingest_result stored = {0};
    enum lat_status status = read_all(call, &put, err);
    if (status == LAT_OK)
        status = read_conditions(call, &put, err);
    if (status == LAT_OK)
        status = lat_collection_ingest(call, put.name, &put.item, 1, false, &stored, NULL, err);
    if (status == LAT_OK)
        status =
            stored.error ? fail_item(&put, stored.error, err) : reply(call, &put, &stored, err);
    lat_json_release(&put.json);
    return status;
}
