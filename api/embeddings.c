/* POST /v1/embeddings: the shape OpenAI's clients speak. An input is a data URI (or bare
 * base64) of a picture, a list of floats, or a list of either. */
#include "api/handlers.h"
#include "api/input.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

struct embeddings {
    struct lat_json json;
    char model[LAT_MODEL_REF_MAX];
    struct lat_input *inputs;
    size_t n;
    uint64_t dimensions; /* 0: not said */
    bool base64;
};

static enum lat_status one_image(struct lat_call *call, const char *text, size_t len,
                                 struct lat_input *out_input, struct lat_error *err)
{
    const uint8_t *bytes;
    const enum lat_status status =
        lat_data_uri_bytes(&call->arena, text, len, &bytes, &len, err);
    if (status == LAT_OK)
        *out_input = lat_input_image(bytes, len);
    return status;
}

static enum lat_status alloc_inputs(struct lat_call *call, size_t n, struct embeddings *out,
                                    struct lat_error *err)
{
    const enum lat_status status = lat_check_batch(call, n, err);
    if (status != LAT_OK)
        return status;
    out->n = n;
    out->inputs = lat_arena_alloc(&call->arena, n, sizeof(*out->inputs));
    return out->inputs ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status read_list(struct lat_call *call, const struct lat_list *list,
                                 struct embeddings *out, struct lat_error *err)
{
    enum lat_status status = alloc_inputs(call, list->n, out, err);
    if (status == LAT_TOO_LARGE)
        lat_error_at(err, "/input");
    for (size_t i = 0; status == LAT_OK && i < list->n; i++) {
        struct lat_floats floats;
        size_t len = 0;
        if (lat_list_is_text(list, i)) {
            const char *text = lat_list_text(list, i, &len);
            status = one_image(call, text, len, &out->inputs[i], err);
            lat_error_at(err, "/input/%zu", i);
        } else if (lat_list_floats(list, i, &floats)) {
            out->inputs[i] = lat_input_vector(floats);
        } else {
            status = lat_json_status(list->json);
        }
    }
    return status;
}

static enum lat_status read_input(struct lat_call *call, struct lat_object *root,
                                  struct embeddings *out, struct lat_error *err)
{
    struct lat_list list;
    struct lat_floats floats;
    size_t len;
    enum lat_status status = LAT_OK;
    if (lat_object_is_text(root, "input")) {
        const char *text = lat_object_text(root, "input", &len);
        status = alloc_inputs(call, 1, out, err);
        if (status == LAT_OK)
            status = one_image(call, text, len, &out->inputs[0], err);
        lat_error_at(err, "/input");
        return status;
    }
    if (!lat_object_list(root, "input", &list)) {
        lat_object_missing(root, "input");
        return lat_json_status(&out->json);
    }
    if (!list.n || !lat_list_is_number(&list, 0))
        return read_list(call, &list, out, err);
    if (!lat_object_floats(root, "input", &floats))
        return lat_json_status(&out->json);
    status = alloc_inputs(call, 1, out, err);
    if (status == LAT_OK)
        out->inputs[0] = lat_input_vector(floats);
    return status;
}

static enum lat_status read_body(struct lat_call *call, struct embeddings *out,
                                 struct lat_error *err)
{
    static const char *const formats[] = {"float", "base64"};
    struct lat_object root;
    int format = 0;
    enum lat_status status = lat_call_json(call, &out->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&out->json, &root);
    if (!lat_object_copy(&root, "model", out->model, sizeof(out->model)))
        lat_object_missing(&root, "model");
    lat_object_choice(&root, "encoding_format", formats, LAT_ARRAY_LEN(formats), &format);
    lat_object_count(&root, "dimensions", &out->dimensions, 1, UINT32_MAX);
    (void)lat_object_has(&root, "user"); /* clients send it; nothing here depends on it */
    (void)lat_object_has(&root, "input");
    lat_object_end(&root);
    out->base64 = format == 1;
    status = lat_json_status(&out->json);
    return status == LAT_OK ? read_input(call, &root, out, err) : status;
}

static enum lat_status reply(struct lat_call *call, const struct embeddings *in,
                             const struct lat_model *model,
                             const struct lat_embedding *embedding, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const size_t width = lat_model_manifest(model)->code_dimension;
    lat_buf_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < in->n; i++) {
        lat_buf_printf(
            out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        lat_write_vector(out, embedding->codes + i * width, width, in->base64);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    lat_write_text(out, "model", lat_model_reference(model));
    lat_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}", in->n,
                   in->n);
    return lat_reply_json(call, 200, err);
}

static enum lat_status embed(struct lat_call *call, struct embeddings *in,
                             struct lat_model *model, struct lat_error *err)
{
    struct lat_embedding embedding;
    size_t bad = 0;
    const size_t width = lat_model_manifest(model)->code_dimension;
    if (in->dimensions && in->dimensions != width) {
        lat_fail(err, LAT_INVALID, "wrong_dimension",
                 "model '%s' makes codes of %zu dimensions, not %llu",
                 lat_model_reference(model), width, (unsigned long long)in->dimensions);
        lat_error_at(err, "/dimensions");
        return LAT_INVALID;
    }
    const enum lat_status status =
        lat_embed_all(call, model, in->inputs, in->n, LAT_EMBED_CODES, &embedding, &bad, err);
    if (status == LAT_OK)
        return reply(call, in, model, &embedding, err);
    lat_input_not_raw(err);
    if (err->status == LAT_INVALID || err->status == LAT_TOO_LARGE) {
        lat_error_prefix(err, "input %zu", bad);
        lat_error_at(err, "/input/%zu", bad);
    }
    return err->status;
}

enum lat_status lat_api_embeddings(struct lat_call *call, struct lat_error *err)
{
    struct embeddings in = {0};
    struct lat_model *model = NULL;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = read_body(call, &in, err);
    if (status == LAT_OK) {
        status = lat_embed_acquire(call, in.model, &model, err);
        lat_error_at(err, "/model");
    }
    if (status == LAT_OK)
        status = embed(call, &in, model, err);
    if (model)
        lat_model_release(model);
    lat_json_release(&in.json);
    return status;
}
