/* From bytes back. Whatever the bytes say has been held against the model and the limits before
 * anything of their size is allocated. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/code_numbers.h"
#include "model/code_planes.h"
#include "model/compress.h"
#include "model/compressor.h"

#include "base/banned.h"

enum { PIXELS_MAX = 50 * 1000 * 1000 }; /* where nobody says */

static enum lat_status wrong_model(const struct lat_model *model, const char *why,
                                   const char *expected, const char *got, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "wrong_model", "model '%s' did not make this code: %s",
             model->reference, why);
    lat_error_expected(err, expected, got);
    return LAT_INVALID;
}

static enum lat_status check_model(const struct lat_model *model,
                                   const struct lat_code_stream *stream, struct lat_error *err)
{
    const struct lat_compressor *compressor = model->compressor;
    char expected[32], got[32];
    if (strcmp(stream->reference, model->reference) != 0)
        return wrong_model(model, "it names another", model->reference, stream->reference, err);
    if (stream->digest != compressor->digest) {
        snprintf(expected, sizeof(expected), "0x%08" PRIx32, compressor->digest);
        snprintf(got, sizeof(got), "0x%08" PRIx32, stream->digest);
        return wrong_model(model, "one of the same name did, with other weights", expected, got,
                           err);
    }
    const enum lat_code_stream_kind kind = compressor->transform.analysis ? LAT_STREAM_PICTURE
                                           : compressor->prior.n          ? LAT_STREAM_NUMBERS
                                                                          : LAT_STREAM_PLAIN;
    if (stream->kind != kind ||
        (kind != LAT_STREAM_PICTURE && stream->n != model->manifest.code_dimension))
        return lat_fail(err, LAT_INVALID, "bad_compressed",
                        "these bytes are no sound code: not of the kind model '%s' makes",
                        model->reference);
    return LAT_OK;
}

enum lat_status lat_decompress_begin(const struct lat_model *model, const void *bytes,
                                     size_t len, const struct lat_image_limits *limits,
                                     struct lat_code_stream *out_stream, struct lat_error *err)
{
    struct lat_code_stream stream;
    enum lat_status status = lat_code_stream_read(bytes, len, &stream, err);
    if (status == LAT_OK)
        status = check_model(model, &stream, err);
    if (status != LAT_OK)
        return status;
    const uint64_t most = limits && limits->max_pixels ? limits->max_pixels : PIXELS_MAX;
    if ((uint64_t)stream.width * stream.height > most) {
        char expected[32], got[48];
        snprintf(expected, sizeof(expected), "%" PRIu64, most);
        snprintf(got, sizeof(got), "%" PRIu32 " x %" PRIu32, stream.width, stream.height);
        lat_fail(err, LAT_TOO_LARGE, "image_too_large",
                 "the picture has %s pixels, more than %s", got, expected);
        lat_error_expected(err, expected, got);
        return LAT_TOO_LARGE;
    }
    *out_stream = stream;
    return LAT_OK;
}

static void restore(const struct lat_prior *prior, uint32_t step, const int32_t *q, size_t n,
                    size_t width, float *out_code)
{
    for (size_t c = 0; c < n; c++) {
        const struct lat_prior_channel *channel =
            &prior->channels[c < prior->n ? c : prior->n - 1];
        const float grid = channel->unit * (float)step / LAT_PRIOR_ONE;
        for (size_t i = c * width; i < (c + 1) * width; i++)
            out_code[i] = channel->center + (float)q[i] * grid;
    }
}

enum lat_status lat_decompress_code(const struct lat_model *model,
                                    const struct lat_code_stream *stream, float *out_code,
                                    struct lat_error *err)
{
    const size_t n = model->manifest.code_dimension;
    struct lat_prior plain = {0};
    int32_t *q = lat_alloc_raw(n, sizeof(*q));
    enum lat_status status = q ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && stream->kind == LAT_STREAM_PLAIN)
        status = lat_prior_plain(stream->unit, &plain, err);
    if (status == LAT_OK) {
        const struct lat_prior *prior = plain.n ? &plain : &model->compressor->prior;
        lat_numbers_read(prior, stream->step, stream->payload, stream->len, n, q);
        restore(prior, stream->step, q, n, 1, out_code);
    }
    lat_prior_release(&plain);
    lat_free(q);
    return status;
}

enum lat_status lat_decompress_picture(const struct lat_model *model,
                                       const struct lat_code_stream *stream,
                                       uint64_t deadline_ns, struct lat_image *out_image,
                                       struct lat_error *err)
{
    const struct lat_transform *transform = &model->compressor->transform;
    const struct lat_prior *prior = &model->compressor->prior;
    const uint32_t channels = model->manifest.input.channels;
    const size_t rows = lat_transform_places(transform, stream->height);
    const size_t columns = lat_transform_places(transform, stream->width);
    const size_t n = transform->maps * rows * columns;
    int32_t *q = lat_alloc_raw(n, sizeof(*q));
    float *code = lat_alloc_raw(n, sizeof(*code));
    uint8_t *pixels = lat_alloc_raw((size_t)stream->width * stream->height, channels);
    enum lat_status status = q && code && pixels ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_planes_read(prior, stream->step, stream->payload, stream->len, rows,
                                 columns, q, err);
    if (status == LAT_OK) {
        restore(prior, stream->step, q, transform->maps, rows * columns, code);
        status = lat_transform_synthesise(transform, code, stream->width, stream->height,
                                          deadline_ns, pixels, err);
    }
    lat_free(q);
    lat_free(code);
    if (status == LAT_OK)
        *out_image = (struct lat_image){stream->width, stream->height, channels, pixels};
    else
        lat_free(pixels);
    return status;
}
