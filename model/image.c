/* One door for all formats: the first bytes choose the codec, the size in the header is checked
 * against the cap before any pixel is decoded, and a failure leaves nothing behind.
 *
 * Invariants:
 * 1. `codecs` is the only list of formats.
 * 2. An image handed out has width, height and channels of at least 1 and exactly
 *    width * height * channels bytes of pixels.
 * No locks, no state: every function may run in any thread. */
#include "model/image.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/image_codecs.h"

#include "base/banned.h"

/* Guards memory: three bytes a pixel, so 150 MB at worst. */
static const uint64_t default_max_pixels = UINT64_C(50000000);

static const struct lat_image_codec *const codecs[] = {
    &lat_image_codec_png,
    &lat_image_codec_jpeg,
    &lat_image_codec_webp,
    &lat_image_codec_gif,
};

static const struct lat_image_codec *codec_of(const void *bytes, size_t len)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(codecs); i++)
        if (codecs[i]->matches(bytes, len))
            return codecs[i];
    return NULL;
}

enum lat_image_format lat_image_sniff(const void *bytes, size_t len)
{
    const struct lat_image_codec *codec = codec_of(bytes, len);
    return codec ? codec->format : LAT_IMAGE_UNKNOWN;
}

const char *lat_image_mime(enum lat_image_format format)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(codecs); i++)
        if (codecs[i]->format == format)
            return codecs[i]->mime;
    return "application/octet-stream";
}

enum lat_status lat_image_bad(struct lat_error *err, const char *words)
{
    return lat_fail(err, LAT_INVALID, "bad_image", "%s", words);
}

enum lat_status lat_image_check_size(uint64_t width, uint64_t height, uint64_t max_pixels,
                                     struct lat_error *err)
{
    if (width == 0 || height == 0)
        return lat_image_bad(err, "the picture has no pixels");
    if (height <= max_pixels / width)
        return LAT_OK;
    lat_fail(err, LAT_TOO_LARGE, "image_too_large",
             "the picture has %llu x %llu pixels, the limit is %llu pixels",
             (unsigned long long)width, (unsigned long long)height,
             (unsigned long long)max_pixels);
    char limit[64], size[64];
    snprintf(limit, sizeof(limit), "at most %llu pixels", (unsigned long long)max_pixels);
    snprintf(size, sizeof(size), "%llu x %llu", (unsigned long long)width,
             (unsigned long long)height);
    lat_error_expected(err, limit, size);
    return LAT_TOO_LARGE;
}

enum lat_status lat_image_allocate(struct lat_image *image, uint32_t width, uint32_t height,
                                   uint32_t channels, uint64_t max_pixels,
                                   struct lat_error *err)
{
    const enum lat_status status = lat_image_check_size(width, height, max_pixels, err);
    if (status != LAT_OK)
        return status;
    size_t row_len;
    if (!lat_mul_size(width, channels, &row_len))
        return lat_fail_memory(err);
    image->pixels = lat_alloc_raw(height, row_len);
    if (!image->pixels)
        return lat_fail_memory(err);
    image->width = width;
    image->height = height;
    image->channels = channels;
    return LAT_OK;
}

enum lat_status lat_image_decode(const void *bytes, size_t len,
                                 const struct lat_image_limits *limits,
                                 struct lat_image *out_image, struct lat_error *err)
{
    const struct lat_image_codec *codec = codec_of(bytes, len);
    if (!codec)
        return lat_fail(err, LAT_UNSUPPORTED_TYPE, NULL,
                        "not a picture of a known kind: expected PNG, JPEG, WebP or GIF");
    const uint64_t max_pixels =
        limits && limits->max_pixels ? limits->max_pixels : default_max_pixels;
    struct lat_image image = {0};
    const enum lat_status status = codec->decode(bytes, len, max_pixels, &image, err);
    if (status != LAT_OK) {
        lat_image_release(&image);
        lat_error_prefix(err, "%s", codec->name);
        return status;
    }
    *out_image = image;
    return LAT_OK;
}

void lat_image_release(struct lat_image *image)
{
    lat_free(image->pixels);
    *image = (struct lat_image){0};
}

/* Where the upright picture's pixel (0, 0) lies in the stored one, and the steps, in pixels, to
 * its right and lower neighbours there. */
struct walk {
    ptrdiff_t origin, right, down;
};

/* EXIF 2.3, tag 0x0112: which side of the stored picture is the visual top and left. */
static struct walk walk_of(unsigned orientation, ptrdiff_t width, ptrdiff_t height)
{
    const ptrdiff_t last_x = width - 1, last_y = (height - 1) * width;
    switch (orientation) {
    case 2:
        return (struct walk){last_x, -1, width};
    case 3:
        return (struct walk){last_y + last_x, -1, -width};
    case 4:
        return (struct walk){last_y, 1, -width};
    case 5:
        return (struct walk){0, width, 1};
    case 6:
        return (struct walk){last_y, -width, 1};
    case 7:
        return (struct walk){last_y + last_x, -width, -1};
    case 8:
        return (struct walk){last_x, width, -1};
    default:
        return (struct walk){0, 1, width};
    }
}

enum lat_status lat_image_orient(struct lat_image *image, unsigned orientation,
                                 struct lat_error *err)
{
    if (orientation < 2 || orientation > 8)
        return LAT_OK;
    const bool turned = orientation >= 5;
    const uint32_t width = turned ? image->height : image->width;
    const uint32_t height = turned ? image->width : image->height;
    const size_t channels = image->channels;
    uint8_t *upright = lat_alloc_raw((size_t)width * height, channels);
    if (!upright)
        return lat_fail_memory(err);
    const struct walk walk =
        walk_of(orientation, (ptrdiff_t)image->width, (ptrdiff_t)image->height);
    uint8_t *to = upright;
    for (uint32_t y = 0; y < height; y++) {
        ptrdiff_t at = walk.origin + (ptrdiff_t)y * walk.down;
        for (uint32_t x = 0; x < width; x++, at += walk.right, to += channels)
            memcpy(to, image->pixels + (size_t)at * channels, channels);
    }
    lat_free(image->pixels);
    image->pixels = upright;
    image->width = width;
    image->height = height;
    return LAT_OK;
}
