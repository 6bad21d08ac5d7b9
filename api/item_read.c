/* An item comes in many wrappings and leaves here as one struct lat_ingest_item. */
#include "api/item_read.h"

#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

static void read_id(struct lat_object *object, struct lat_ingest_item *item)
{
    size_t len = 0;
    const char *id = lat_object_text(object, "id", &len);
    struct lat_error failure = LAT_ERROR_INIT;
    if (!id)
        lat_object_missing(object, "id");
    else if (lat_check_id(id, len, &failure) != LAT_OK)
        lat_object_fail(object, "id", LAT_INVALID, failure.code, "%s", failure.message);
    else
        item->id = id;
}

static void read_input(struct lat_object *object, struct lat_ingest_item *item)
{
    struct lat_object child;
    if (!lat_object_child(object, "input", &child))
        return;
    struct lat_input *input = lat_arena_alloc(object->json->arena, 1, sizeof(*input));
    if (!input) {
        lat_object_fail(object, NULL, LAT_NO_MEMORY, NULL, "out of memory");
        return;
    }
    lat_object_input(&child, input);
    item->input = input;
}

/* With a code beside it the input is not encoded, only kept. */
static void keep_input(struct lat_ingest_item *item)
{
    const struct lat_input *input = item->input;
    item->input = NULL;
    if (input->kind == LAT_INPUT_IMAGE) {
        item->original = input->bytes;
        item->original_len = input->len;
        item->original_type = lat_image_mime(lat_image_sniff(input->bytes, input->len));
    } else if (lat_input_is_json(input)) {
        item->original = input->bytes;
        item->original_len = input->len;
        item->original_type = "application/json";
    } else {
        item->original = input->values;
        item->original_len = input->n_values * sizeof(*input->values);
        item->original_type = "application/octet-stream";
    }
}

void lat_object_item(struct lat_object *object, unsigned flags,
                     struct lat_ingest_item *out_item)
{
    struct lat_ingest_item item = {.hidden = -1};
    struct lat_floats code;
    bool hidden = false;
    if (flags & LAT_READ_ID)
        read_id(object, &item);
    read_input(object, &item);
    if (lat_object_floats(object, "code", &code)) {
        item.code = code.values;
        item.n_code = code.n;
    }
    item.metadata = lat_object_json(object, "metadata");
    if (lat_object_has(object, "hidden")) {
        lat_object_flag(object, "hidden", &hidden);
        item.hidden = hidden;
    }
    if (item.input && item.code) {
        if (flags & LAT_READ_BOTH)
            keep_input(&item);
        else
            lat_object_fail(object, "code", LAT_INVALID, "two_kinds",
                            "an item has an input or a code, not both");
    }
    lat_object_end(object);
    *out_item = item;
}

enum lat_status lat_collection_bytes(struct lat_call *call, const char *collection,
                                     enum lat_item_bytes *out_kind, struct lat_error *err)
{
    struct lat_collection_spec spec;
    struct lat_model *model = NULL;
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status != LAT_OK)
        return status;
    if (!spec.model[0]) {
        *out_kind = LAT_BYTES_CODE;
        return LAT_OK;
    }
    status = lat_embed_acquire(call, spec.model, &model, err);
    if (status != LAT_OK)
        return status;
    const enum lat_input_kind takes = lat_model_manifest(model)->input.kind;
    *out_kind = takes == LAT_INPUT_IMAGE      ? LAT_BYTES_IMAGE
                : takes == LAT_INPUT_SEQUENCE ? LAT_BYTES_SEQUENCE
                                              : LAT_BYTES_VECTOR;
    lat_model_release(model);
    return LAT_OK;
}

enum lat_status lat_item_from_bytes(struct lat_arena *arena, enum lat_item_bytes kind,
                                    const void *bytes, size_t len,
                                    struct lat_ingest_item *out_item, struct lat_error *err)
{
    struct lat_floats floats = {0};
    if (kind != LAT_BYTES_IMAGE) {
        const enum lat_status status = lat_floats_from_bytes(arena, bytes, len, &floats, err);
        if (status != LAT_OK)
            return status;
    }
    if (kind == LAT_BYTES_CODE) {
        out_item->code = floats.values;
        out_item->n_code = floats.n;
        return LAT_OK;
    }
    struct lat_input *input = lat_arena_alloc(arena, 1, sizeof(*input));
    if (!input)
        return lat_fail_memory(err);
    *input = kind == LAT_BYTES_IMAGE      ? lat_input_image(bytes, len)
             : kind == LAT_BYTES_SEQUENCE ? lat_input_sequence(floats)
                                          : lat_input_vector(floats);
    out_item->input = input;
    return LAT_OK;
}

enum lat_status lat_metadata_text(struct lat_call *call, const char *text, size_t len,
                                  const char **out_metadata, struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root;
    struct lat_buf compact = {0};
    enum lat_status status = lat_json_parse_whole(&json, &call->arena, text, len,
                                                  (size_t)call->app->config.max_depth, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        status = lat_json_status(&json);
    }
    if (status == LAT_OK) {
        lat_json_write(&compact, json.root);
        status = lat_buf_check(&compact, err);
    }
    if (status == LAT_OK) {
        *out_metadata = lat_arena_strndup(&call->arena, compact.data, compact.len);
        if (!*out_metadata)
            status = lat_fail_memory(err);
    }
    lat_error_prefix(err, "metadata");
    lat_buf_release(&compact);
    lat_json_release(&json);
    return status;
}
