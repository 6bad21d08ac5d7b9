/* compress, decompress: one input to bytes of `application/vnd.latentd.code` and back. What it
 * cost and lost is in the headers, so that the body is the code and nothing else. */
#include "model/compress.h"

#include <math.h>
#include <string.h>

#include "api/handlers.h"
#include "api/input.h"
#include "api/outputs.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/compress.h"

#include "base/banned.h"

enum { BITS_MOST = 16 };
enum { BITS, STEP, BITS_PER_PIXEL, PSNR, GOALS };

static const char *const goal_names[GOALS] = {"bits", "step", "bits_per_pixel", "psnr"};
static const double STEP_LEAST = 1.0 / 65536, STEP_MOST = 64, RATE_MOST = 1e6, PSNR_MOST = 200;

/* What is asked for, and which of it a JSON body says: only that has a pointer. */
struct asked {
    struct lat_compress_goal goal;
    bool in_body[GOALS];
};

static bool is_asked(const struct lat_compress_goal *goal, int i)
{
    const double said[GOALS] = {goal->bits, goal->step, goal->bits_per_pixel, goal->psnr};
    return said[i] > 0;
}

/* Rates and qualities above 0; 0 means nothing was asked for. */
static void read_options(struct lat_options *options, struct lat_compress_goal *goal)
{
    uint64_t bits = 0;
    lat_option_count(options, "bits", &bits, 1, BITS_MOST);
    lat_option_number(options, "step", &goal->step, STEP_LEAST, STEP_MOST);
    lat_option_number(options, "bits_per_pixel", &goal->bits_per_pixel, 1e-9, RATE_MOST);
    lat_option_number(options, "psnr", &goal->psnr, 1e-9, PSNR_MOST);
    goal->bits = (uint32_t)bits;
}

static void read_fields(struct lat_object *root, struct asked *asked)
{
    struct lat_compress_goal *goal = &asked->goal;
    uint64_t bits = goal->bits;
    for (int i = 0; i < GOALS; i++)
        asked->in_body[i] = lat_object_has(root, goal_names[i]);
    lat_object_count(root, "bits", &bits, 1, BITS_MOST);
    lat_object_number(root, "step", &goal->step, STEP_LEAST, STEP_MOST);
    lat_object_number(root, "bits_per_pixel", &goal->bits_per_pixel, 1e-9, RATE_MOST);
    lat_object_number(root, "psnr", &goal->psnr, 1e-9, PSNR_MOST);
    goal->bits = (uint32_t)bits;
}

static enum lat_status read_json(struct lat_call *call, struct lat_json *json,
                                 struct asked *asked, struct lat_input *out_input,
                                 struct lat_error *err)
{
    struct lat_object root, input;
    enum lat_status status = lat_call_json(call, json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(json, &root);
    lat_object_encoding(&root);
    read_fields(&root, asked);
    if (lat_object_child(&root, "input", &input))
        lat_object_input(&input, out_input);
    else
        lat_object_missing(&root, "input");
    lat_object_end(&root);
    return lat_json_status(json);
}

static enum lat_status read_file(struct lat_call *call, struct lat_input *out_input,
                                 struct lat_error *err)
{
    struct lat_multipart parts;
    const enum lat_status status = lat_call_multipart(call, &parts, err);
    if (status != LAT_OK)
        return status;
    if (parts.n != 1)
        return lat_fail(err, LAT_INVALID, parts.n ? "unknown_field" : "missing_field",
                        "one picture is compressed at a time: a part 'file', not %zu parts",
                        parts.n);
    if (!parts.parts->filename && strcmp(parts.parts->name, "file") != 0)
        return lat_fail(err, LAT_INVALID, "unknown_field",
                        "unknown part '%.60s'; a picture is a part 'file'", parts.parts->name);
    *out_input = lat_input_image(parts.parts->bytes, parts.parts->len);
    return LAT_OK;
}

/* Raw float32: a vector, or the steps of a sequence. */
static enum lat_status read_floats(struct lat_call *call, const struct lat_model *model,
                                   struct lat_input *out_input, struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    struct lat_floats floats;
    size_t rows = 0;
    if (input->kind != LAT_INPUT_VECTOR && input->kind != LAT_INPUT_SEQUENCE)
        return lat_call_refuse_body(call, "JSON, a picture or multipart", err);
    const enum lat_status status = lat_body_inputs(call, model, &floats, &rows, err);
    if (status == LAT_OK)
        *out_input = input->kind == LAT_INPUT_VECTOR ? lat_input_vector(floats)
                                                     : lat_input_sequence(floats);
    return status;
}

static enum lat_status read_input(struct lat_call *call, const struct lat_model *model,
                                  struct lat_json *json, struct asked *asked,
                                  struct lat_input *out_input, struct lat_error *err)
{
    switch (lat_call_body_kind(call)) {
    case LAT_BODY_JSON:
        return read_json(call, json, asked, out_input, err);
    case LAT_BODY_IMAGE:
        *out_input = lat_input_image(call->body, call->body_len);
        return LAT_OK;
    case LAT_BODY_MULTIPART:
        return read_file(call, out_input, err);
    case LAT_BODY_FLOATS:
        return read_floats(call, model, out_input, err);
    case LAT_BODY_LINES:
    case LAT_BODY_OTHER:
        break;
    }
    return lat_call_refuse_body(call, "JSON, a picture, multipart or raw float32", err);
}

static void tell_facts(struct lat_call *call, const struct lat_compress_facts *facts)
{
    lat_call_respond_header(call, "X-Bits-Per-Pixel", "%.6g", facts->bits_per_pixel);
    lat_call_respond_header(call, "X-Error", "%.6g", facts->error);
    if (!isnan(facts->psnr))
        lat_call_respond_header(call, "X-PSNR", isinf(facts->psnr) ? "inf" : "%.4f",
                                facts->psnr);
}

static enum lat_status begin(struct lat_call *call, struct lat_options *options,
                             struct lat_model **out_model, struct lat_error *err)
{
    enum lat_status status = lat_options_end(options);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], out_model, err);
    if (status == LAT_OK)
        status = lat_model_require(*out_model, LAT_CAN_COMPRESS, err);
    return status;
}

/* Where in a JSON body a failure of its own values lies. */
static void point_at(const struct asked *asked, struct lat_error *err)
{
    const bool of_goal =
        strcmp(err->code, "out_of_reach") == 0 || strcmp(err->code, "wrong_option") == 0;
    if (!of_goal && (err->status == LAT_INVALID || err->status == LAT_TOO_LARGE))
        lat_error_at(err, "/input");
    for (int i = GOALS - 1; of_goal && i >= 0; i--)
        if (asked->in_body[i] && is_asked(&asked->goal, i)) {
            lat_error_at(err, "/%s", goal_names[i]);
            return;
        }
}

static enum lat_status run(struct lat_call *call, struct lat_model *model,
                           const struct lat_input *input, struct asked *asked,
                           struct lat_compress_facts *facts, struct lat_error *err)
{
    asked->goal.deadline_ns = call->deadline_ns;
    const enum lat_status status =
        lat_compress(call, model, input, &asked->goal, &call->response.body, facts, err);
    if (status == LAT_OK || lat_call_body_kind(call) == LAT_BODY_IMAGE)
        return status;
    lat_input_not_raw(err);
    if (lat_call_body_kind(call) == LAT_BODY_JSON)
        point_at(asked, err);
    return err->status;
}

enum lat_status lat_api_compress(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct asked asked = {0};
    struct lat_compress_facts facts = {0};
    struct lat_input input = {0};
    struct lat_json json = {0};
    struct lat_model *model = NULL;
    lat_options_begin(&options, call, err);
    read_options(&options, &asked.goal);
    enum lat_status status = begin(call, &options, &model, err);
    if (status == LAT_OK)
        status = read_input(call, model, &json, &asked, &input, err);
    if (status == LAT_OK)
        status = run(call, model, &input, &asked, &facts, err);
    if (status == LAT_OK) {
        tell_facts(call, &facts);
        call->response.content_type = LAT_CODE_STREAM_TYPE;
        call->response.status = 200;
    }
    lat_json_release(&json);
    if (model)
        lat_model_release(model);
    return status;
}

/* As `decode` replies: the picture where that is asked for, else JSON. */
static enum lat_status reply_picture(struct lat_call *call, const struct lat_model *model,
                                     const struct lat_image *image, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_buf png = {0};
    enum lat_status status = lat_image_encode_png(image->pixels, image->width, image->height,
                                                  image->channels, &png, err);
    if (status == LAT_OK && lat_call_accepts(call, "image/png")) {
        call->response.content_type = "image/png";
        lat_buf_append(out, png.data, png.len);
    } else if (status == LAT_OK) {
        lat_buf_text(out, "{\"outputs\":[{\"image\":\"");
        lat_base64_encode(out, png.data, png.len);
        lat_buf_text(out, "\"}]");
        lat_write_text(out, "model", lat_model_reference(model));
        lat_buf_char(out, '}');
    }
    lat_buf_release(&png);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

static bool is_code(const struct lat_call *call)
{
    const char *type = lat_call_header(call, "Content-Type");
    return !type || lat_call_body_is(call, LAT_CODE_STREAM_TYPE) ||
           lat_call_body_kind(call) == LAT_BODY_FLOATS; /* octet-stream */
}

enum lat_status lat_api_decompress(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_decompressed decoded = {0};
    struct lat_model *model = NULL;
    lat_options_begin(&options, call, err);
    const bool base64 = lat_option_base64(&options);
    enum lat_status status = begin(call, &options, &model, err);
    if (status == LAT_OK && !is_code(call))
        status = lat_call_refuse_body(call, LAT_CODE_STREAM_TYPE, err);
    if (status == LAT_OK)
        status = lat_decompress(call, model, call->body, call->body_len, &decoded, err);
    if (status == LAT_OK) {
        lat_call_respond_header(call, "X-Bits-Per-Pixel", "%.6g", decoded.bits_per_pixel);
        status = decoded.row ? lat_reply_outputs(call, model, decoded.row, NULL, 1, base64, err)
                             : reply_picture(call, model, &decoded.image, err);
    }
    lat_image_release(&decoded.image);
    if (model)
        lat_model_release(model);
    return status;
}
