/* Rows go through the batcher like any others. A picture of its own size is no row: it holds a
 * slot of the engine from its first tile to its last. */
#include "service/compress.h"

#include "base/clock.h"
#include "base/mem.h"
#include "service/app.h"

#include "base/banned.h"

static struct lat_image_limits limits_of(const struct lat_call *call)
{
    return (struct lat_image_limits){.max_pixels = (uint64_t)call->app->config.max_pixels};
}

static enum lat_status
compress_picture(struct lat_call *call, struct lat_model *model, const struct lat_input *input,
                 const struct lat_compress_goal *goal, struct lat_buf *out,
                 struct lat_compress_facts *out_facts, struct lat_error *err)
{
    const struct lat_image_limits limits = limits_of(call);
    struct lat_image image = {0};
    const uint64_t begin = lat_clock_ns();
    enum lat_status status = lat_image_decode(input->bytes, input->len, &limits, &image, err);
    call->timing_ns[LAT_TIMING_DECODE] += lat_clock_ns() - begin;
    if (status == LAT_OK)
        status = lat_batcher_hold(call->app->batcher, call, err);
    if (status != LAT_OK) {
        lat_image_release(&image);
        return status;
    }
    const uint64_t turn = lat_clock_ns();
    status = lat_compress_picture(model, &image, goal, out, out_facts, err);
    lat_batcher_let_go(call->app->batcher);
    call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - turn;
    lat_image_release(&image);
    return status;
}

struct run {
    struct lat_call *call;
    struct lat_model *model;
};

static enum lat_status decode(void *context, const float *code, float *out_row,
                              struct lat_error *err)
{
    struct run *run = context;
    return lat_batcher_decode(run->call->app->batcher, run->model, code, 1, out_row, run->call,
                              err);
}

enum lat_status lat_compress(struct lat_call *call, struct lat_model *model,
                             const struct lat_input *input,
                             const struct lat_compress_goal *goal, struct lat_buf *out,
                             struct lat_compress_facts *out_facts, struct lat_error *err)
{
    struct lat_embedding embedding;
    struct run run = {call, model};
    const struct lat_code_runner runner = {decode, &run};
    enum lat_status status = lat_model_require(model, LAT_CAN_COMPRESS, err);
    if (status == LAT_OK && input->kind == LAT_INPUT_IMAGE && lat_model_has_transform(model))
        return compress_picture(call, model, input, goal, out, out_facts, err);
    if (status == LAT_OK)
        status = lat_embed_all(call, model, input, 1, LAT_EMBED_CODES, &embedding, NULL, err);
    if (status == LAT_OK)
        status = lat_compress_row(model, embedding.rows, embedding.codes, goal, &runner, out,
                                  out_facts, err);
    return status;
}

static enum lat_status decompress_picture(struct lat_call *call, struct lat_model *model,
                                          const struct lat_code_stream *stream,
                                          struct lat_decompressed *out, struct lat_error *err)
{
    enum lat_status status = lat_batcher_hold(call->app->batcher, call, err);
    if (status != LAT_OK)
        return status;
    const uint64_t turn = lat_clock_ns();
    status = lat_decompress_picture(model, stream, call->deadline_ns, &out->image, err);
    lat_batcher_let_go(call->app->batcher);
    call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - turn;
    return status;
}

/* What bits are counted on: as in lat_compress_facts. */
static double pixels_of(const struct lat_input_spec *input,
                        const struct lat_code_stream *stream)
{
    if (stream->kind == LAT_STREAM_PICTURE)
        return (double)stream->width * stream->height;
    return input->kind == LAT_INPUT_IMAGE ? (double)input->width * input->height
                                          : (double)lat_input_elements(input);
}

enum lat_status lat_decompress(struct lat_call *call, struct lat_model *model,
                               const void *bytes, size_t len, struct lat_decompressed *out,
                               struct lat_error *err)
{
    const struct lat_image_limits limits = limits_of(call);
    const size_t n = lat_model_manifest(model)->code_dimension;
    struct lat_code_stream stream;
    struct lat_decompressed result = {0};
    enum lat_status status = lat_model_require(model, LAT_CAN_COMPRESS, err);
    if (status == LAT_OK)
        status = lat_decompress_begin(model, bytes, len, &limits, &stream, err);
    if (status == LAT_OK && stream.kind == LAT_STREAM_PICTURE) {
        status = decompress_picture(call, model, &stream, &result, err);
    } else if (status == LAT_OK) {
        float *code = lat_arena_alloc_raw(&call->arena, n, sizeof(*code));
        status = code ? lat_decompress_code(model, &stream, code, err) : lat_fail_memory(err);
        if (status == LAT_OK)
            status = lat_embed_decode(call, model, code, 1, &result.row, err);
    }
    if (status == LAT_OK) {
        result.bits_per_pixel =
            8 * (double)len / pixels_of(&lat_model_manifest(model)->input, &stream);
        *out = result;
    }
    return status;
}
