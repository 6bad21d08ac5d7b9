/* WebP through libwebp: lossy, lossless, alpha, and the first frame of an animation.
 *
 * libwebp decodes one bitstream; the container around it is walked here, chunk by chunk with
 * every length checked, for two things libwebp leaves to others: the orientation in an EXIF
 * chunk, and where an animation's first frame lies on its canvas. Source: RIFF container
 * specification of WebP (canvas, ANMF, EXIF).
 *
 * RGBA is decoded into the picture's own memory and packed to RGB in place: one allocation. */
#include <string.h>

#include <webp/decode.h>

#include "base/mem.h"
#include "model/image_codecs.h"

#include "base/banned.h"

enum { RIFF_HEADER = 12, CHUNK_HEADER = 8, FRAME_HEADER = 16 };

struct chunk {
    const uint8_t *data;
    size_t len;
};

static uint32_t read24(const uint8_t *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

static uint32_t read32(const uint8_t *b)
{
    return read24(b) | (uint32_t)b[3] << 24;
}

/* The first chunk of that name; data NULL when there is none before the end of what is there.
 */
static struct chunk find_chunk(const uint8_t *bytes, size_t len, const char *name)
{
    size_t at = RIFF_HEADER;
    while (at + CHUNK_HEADER <= len) {
        const size_t size = read32(bytes + at + 4);
        const size_t left = len - at - CHUNK_HEADER;
        if (size > left)
            break;
        if (memcmp(bytes + at, name, 4) == 0)
            return (struct chunk){bytes + at + CHUNK_HEADER, size};
        at += CHUNK_HEADER + size + (size & 1);
    }
    return (struct chunk){NULL, 0};
}

static enum lat_status webp_failed(VP8StatusCode code, struct lat_error *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: /* also what 1.5 says of damaged alpha */
        return lat_image_bad(err, "broken bitstream, or too little memory for it");
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return lat_image_bad(err, "the file ends too early");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return lat_image_bad(err, "it uses a feature no decoder knows");
    case VP8_STATUS_OK:
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_USER_ABORT:
    default:
        return lat_image_bad(err, "broken bitstream");
    }
}

/* Lays RGBA over white and packs it; `out` may be `rgba` itself (it is written behind the
 * read). */
static void flatten(const uint8_t *rgba, size_t n_pixels, uint8_t *out)
{
    for (size_t i = 0; i < n_pixels; i++, rgba += 4, out += 3) {
        const uint8_t alpha = rgba[3];
        for (int c = 0; c < 3; c++)
            out[c] = lat_image_over_white(rgba[c], alpha);
    }
}

/* One bitstream (with or without its container) into an empty image of its own size. */
static enum lat_status decode_stream(struct chunk stream, uint64_t max_pixels,
                                     struct lat_image *image, struct lat_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return lat_fail(err, LAT_INTERNAL, NULL, "libwebp is of another version");
    VP8StatusCode code = WebPGetFeatures(stream.data, stream.len, &config.input);
    if (code != VP8_STATUS_OK)
        return webp_failed(code, err);
    const uint32_t channels = config.input.has_alpha ? 4 : 3;
    const enum lat_status status =
        lat_image_allocate(image, (uint32_t)config.input.width, (uint32_t)config.input.height,
                           channels, max_pixels, err);
    if (status != LAT_OK)
        return status;
    const size_t n_pixels = (size_t)image->width * image->height;
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image->pixels;
    config.output.u.RGBA.stride = (int)(image->width * channels);
    config.output.u.RGBA.size = n_pixels * channels;
    code = WebPDecode(stream.data, stream.len, &config);
    WebPFreeDecBuffer(&config.output);
    if (code != VP8_STATUS_OK)
        return webp_failed(code, err);
    if (channels == 4)
        flatten(image->pixels, n_pixels, image->pixels);
    image->channels = 3;
    return LAT_OK;
}

/* Puts `frame` at (x, y) on a white canvas. */
static enum lat_status place_frame(const struct lat_image *frame, uint32_t x, uint32_t y,
                                   struct lat_image *canvas, struct lat_error *err)
{
    if (x > canvas->width || frame->width > canvas->width - x || y > canvas->height ||
        frame->height > canvas->height - y)
        return lat_image_bad(err, "its first frame lies outside its canvas");
    const size_t stride = (size_t)canvas->width * 3, frame_stride = (size_t)frame->width * 3;
    memset(canvas->pixels, 255, stride * canvas->height);
    for (uint32_t row = 0; row < frame->height; row++)
        memcpy(canvas->pixels + (y + row) * stride + (size_t)x * 3,
               frame->pixels + row * frame_stride, frame_stride);
    return LAT_OK;
}

static enum lat_status decode_animation(const uint8_t *bytes, size_t len,
                                        const WebPBitstreamFeatures *features,
                                        uint64_t max_pixels, struct lat_image *image,
                                        struct lat_error *err)
{
    struct lat_image frame = {0};
    enum lat_status status = lat_image_allocate(image, (uint32_t)features->width,
                                                (uint32_t)features->height, 3, max_pixels, err);
    if (status != LAT_OK)
        return status;
    const struct chunk anmf = find_chunk(bytes, len, "ANMF");
    if (!anmf.data || anmf.len < FRAME_HEADER)
        return lat_image_bad(err, "the file ends before its first frame");
    const struct chunk stream = {anmf.data + FRAME_HEADER, anmf.len - FRAME_HEADER};
    status = decode_stream(stream, max_pixels, &frame, err);
    if (status == LAT_OK)
        status =
            place_frame(&frame, 2 * read24(anmf.data), 2 * read24(anmf.data + 3), image, err);
    lat_image_release(&frame);
    return status;
}

static enum lat_status decode(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                              struct lat_image *image, struct lat_error *err)
{
    WebPBitstreamFeatures features;
    const VP8StatusCode code = WebPGetFeatures(bytes, len, &features);
    if (code != VP8_STATUS_OK)
        return webp_failed(code, err);
    enum lat_status status = lat_image_check_size((uint64_t)features.width,
                                                  (uint64_t)features.height, max_pixels, err);
    if (status != LAT_OK)
        return status;
    if ((uint64_t)read32(bytes + 4) + 8 > len)
        return lat_image_bad(err, "the file ends too early");
    if (features.has_animation)
        status = decode_animation(bytes, len, &features, max_pixels, image, err);
    else
        status = decode_stream((struct chunk){bytes, len}, max_pixels, image, err);
    const struct chunk exif = find_chunk(bytes, len, "EXIF");
    if (status == LAT_OK && exif.data)
        status = lat_image_orient(image, lat_exif_orientation(exif.data, exif.len), err);
    return status;
}

static bool matches(const uint8_t *bytes, size_t len)
{
    return len >= RIFF_HEADER && memcmp(bytes, "RIFF", 4) == 0 &&
           memcmp(bytes + 8, "WEBP", 4) == 0;
}

const struct lat_image_codec lat_image_codec_webp = {LAT_IMAGE_WEBP, "WebP", "image/webp",
                                                     matches, decode};
