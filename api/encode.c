/* encode, decode, reconstruct, denoise: inputs to codes and back, one run of the model a
 * request. Denoising is reconstructing by a model that was trained to undo a corruption.
 *
 * A body is JSON, one picture as it is, files in multipart, or raw float32 rows. The reply is
 * JSON unless it is one array (or one picture) and the client asks for just that. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/input.h"
#include "api/outputs.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

/* What one of these requests is made of. */
struct verb {
    struct lat_model *model;
    struct lat_json json;
    struct lat_inputs inputs;
    bool takes_variance; /* encode alone */
    bool with_variance;
    bool base64; /* of the reply */
};

static enum lat_status read_json(struct lat_call *call, struct verb *verb,
                                 struct lat_error *err)
{
    struct lat_object root;
    const enum lat_status status = lat_call_json(call, &verb->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&verb->json, &root);
    lat_object_encoding(&root);
    if (verb->takes_variance)
        lat_object_flag(&root, "with_variance", &verb->with_variance);
    return lat_inputs_object(call, &root, &verb->inputs, err);
}

static enum lat_status read_inputs(struct lat_call *call, struct verb *verb,
                                   struct lat_error *err)
{
    return lat_call_body_kind(call) == LAT_BODY_JSON
               ? read_json(call, verb, err)
               : lat_inputs_body(call, verb->model, &verb->inputs, err);
}

/* Options, model, inputs, in the order in which a client wants to hear of their faults. */
static enum lat_status begin(struct lat_call *call, unsigned capability, struct verb *verb,
                             struct lat_error *err)
{
    struct lat_options options;
    lat_options_begin(&options, call, err);
    verb->base64 = lat_option_base64(&options);
    if (verb->takes_variance)
        lat_option_flag(&options, "with_variance", &verb->with_variance);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], &verb->model, err);
    if (status == LAT_OK)
        status = lat_model_require(verb->model, capability, err);
    return status;
}

static void finish(struct verb *verb)
{
    lat_json_release(&verb->json);
    if (verb->model)
        lat_model_release(verb->model);
}

static enum lat_status embed(struct lat_call *call, struct verb *verb, unsigned wants,
                             struct lat_embedding *embedding, struct lat_error *err)
{
    size_t bad = SIZE_MAX;
    const enum lat_status status = lat_embed_all(call, verb->model, verb->inputs.items,
                                                 verb->inputs.n, wants, embedding, &bad, err);
    return status == LAT_OK ? LAT_OK : lat_inputs_blame(call, &verb->inputs, bad, err);
}

static enum lat_status reply_codes(struct lat_call *call, const struct verb *verb,
                                   const struct lat_embedding *embedding, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const size_t width = lat_model_manifest(verb->model)->code_dimension;
    if (!verb->with_variance && lat_call_accepts(call, "application/octet-stream"))
        return lat_reply_floats(call, embedding->codes, embedding->n, width, err);
    lat_buf_text(out, "{\"codes\":");
    lat_write_vectors(out, embedding->codes, embedding->n, width, verb->base64);
    if (verb->with_variance) {
        lat_write_key(out, "variances");
        lat_write_vectors(out, embedding->variances, embedding->n, width, verb->base64);
    }
    lat_write_text(out, "model", lat_model_reference(verb->model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_encode(struct lat_call *call, struct lat_error *err)
{
    struct verb verb = {.takes_variance = true};
    struct lat_embedding embedding;
    enum lat_status status = begin(call, LAT_CAN_ENCODE, &verb, err);
    if (status == LAT_OK)
        status = read_inputs(call, &verb, err);
    if (status == LAT_OK)
        status =
            embed(call, &verb, LAT_EMBED_CODES | (verb.with_variance ? LAT_EMBED_VARIANCES : 0),
                  &embedding, err);
    if (status == LAT_OK)
        status = reply_codes(call, &verb, &embedding, err);
    finish(&verb);
    return status;
}

/* There and back. */
static enum lat_status round_trip(struct lat_call *call, unsigned capability,
                                  struct lat_error *err)
{
    struct verb verb = {0};
    struct lat_embedding embedding;
    enum lat_status status = begin(call, capability, &verb, err);
    if (status == LAT_OK)
        status = read_inputs(call, &verb, err);
    if (status == LAT_OK)
        status = embed(call, &verb, LAT_EMBED_CODES | LAT_EMBED_DECODED | LAT_EMBED_ERRORS,
                       &embedding, err);
    if (status == LAT_OK)
        status = lat_reply_outputs(call, verb.model, embedding.decoded, embedding.errors,
                                   embedding.n, verb.base64, err);
    finish(&verb);
    return status;
}

enum lat_status lat_api_reconstruct(struct lat_call *call, struct lat_error *err)
{
    return round_trip(call, LAT_CAN_RECONSTRUCT, err);
}

enum lat_status lat_api_denoise(struct lat_call *call, struct lat_error *err)
{
    return round_trip(call, LAT_CAN_DENOISE | LAT_CAN_RECONSTRUCT, err);
}

/* One code of a JSON body, checked against the model. */
static enum lat_status take_code(const struct lat_list *list, size_t i, const struct verb *verb,
                                 float *out, struct lat_error *err)
{
    const size_t width = lat_model_manifest(verb->model)->code_dimension;
    struct lat_floats code;
    if (!lat_list_floats(list, i, &code))
        return lat_json_status(list->json);
    if (code.n != width) {
        char expected[24], got[24];
        snprintf(expected, sizeof(expected), "%zu", width);
        snprintf(got, sizeof(got), "%zu", code.n);
        lat_list_fail(list, i, LAT_INVALID, "wrong_dimension",
                      "model '%s': code %zu: expected %zu dimensions, not %zu",
                      lat_model_reference(verb->model), i, width, code.n);
        lat_error_expected(err, expected, got);
        return LAT_INVALID;
    }
    memcpy(out, code.values, width * sizeof(*out));
    return LAT_OK;
}

static enum lat_status read_codes_json(struct lat_call *call, struct verb *verb,
                                       const float **out_codes, size_t *out_n,
                                       struct lat_error *err)
{
    struct lat_object root;
    struct lat_list list;
    enum lat_status status = lat_call_json(call, &verb->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&verb->json, &root);
    lat_object_encoding(&root);
    if (!lat_object_list(&root, "codes", &list))
        lat_object_missing(&root, "codes");
    lat_object_end(&root);
    status = lat_json_status(&verb->json);
    if (status == LAT_OK)
        status = lat_check_batch(call, list.n, err);
    if (status == LAT_TOO_LARGE)
        lat_error_at(err, "/codes");
    if (status != LAT_OK)
        return status;
    const size_t width = lat_model_manifest(verb->model)->code_dimension;
    size_t total;
    float *codes = NULL;
    if (lat_mul_size(list.n, width, &total))
        codes = lat_arena_alloc_raw(&call->arena, total, sizeof(*codes));
    if (!codes)
        return lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < list.n; i++)
        status = take_code(&list, i, verb, codes + i * width, err);
    *out_codes = codes;
    *out_n = list.n;
    return status;
}

static enum lat_status read_codes(struct lat_call *call, struct verb *verb,
                                  const float **out_codes, size_t *out_n, struct lat_error *err)
{
    const enum lat_body_kind kind = lat_call_body_kind(call);
    if (kind == LAT_BODY_JSON)
        return read_codes_json(call, verb, out_codes, out_n, err);
    if (kind != LAT_BODY_FLOATS)
        return lat_call_refuse_body(call, "JSON or raw float32", err);
    struct lat_floats floats;
    size_t rows;
    enum lat_status status =
        lat_body_floats(call, lat_model_manifest(verb->model)->code_dimension,
                        lat_model_reference(verb->model), &floats, &rows, err);
    if (status == LAT_OK)
        status = lat_check_batch(call, rows, err);
    if (status == LAT_OK) {
        *out_codes = floats.values;
        *out_n = rows ? rows : 1;
    }
    return status;
}

enum lat_status lat_api_decode(struct lat_call *call, struct lat_error *err)
{
    struct verb verb = {0};
    const float *codes = NULL;
    float *rows = NULL;
    size_t n = 0;
    enum lat_status status = begin(call, LAT_CAN_DECODE, &verb, err);
    if (status == LAT_OK)
        status = read_codes(call, &verb, &codes, &n, err);
    if (status == LAT_OK)
        status = lat_embed_decode(call, verb.model, codes, n, &rows, err);
    if (status == LAT_OK)
        status = lat_reply_outputs(call, verb.model, rows, NULL, n, verb.base64, err);
    finish(&verb);
    return status;
}
