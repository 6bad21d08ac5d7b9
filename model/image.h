/* Pictures: bytes to pixels and back. PNG, JPEG, WebP, GIF (first frame).
 *
 * Limits are checked against the header before any pixel is decoded. Palette, 16-bit, gray +
 * alpha, CMYK and YCCK all become 8-bit gray or RGB; alpha is laid over white; EXIF orientation
 * applied. */
#ifndef LAT_MODEL_IMAGE_H
#define LAT_MODEL_IMAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct lat_image_limits {
    uint64_t max_pixels; /* width * height; 0 = 50 megapixels */
};

enum lat_image_format {
    LAT_IMAGE_UNKNOWN,
    LAT_IMAGE_PNG,
    LAT_IMAGE_JPEG,
    LAT_IMAGE_WEBP,
    LAT_IMAGE_GIF
};

struct lat_image {
    uint32_t width, height, channels; /* channels 1 (gray) or 3 (RGB) */
    uint8_t *pixels;                  /* owned: height rows of width * channels bytes */
};

/* By the first bytes alone. */
enum lat_image_format lat_image_sniff(const void *bytes, size_t len);
const char *
lat_image_mime(enum lat_image_format format); /* "image/png"; octet-stream if unknown */

/* LAT_UNSUPPORTED_TYPE (unknown kind), LAT_TOO_LARGE image_too_large (with both numbers),
 * LAT_INVALID bad_image (truncated, lying, broken; the decoder's words). */
enum lat_status lat_image_decode(const void *bytes, size_t len,
                                 const struct lat_image_limits *limits,
                                 struct lat_image *out_image,
                                 struct lat_error *err) LAT_MUST_USE;
void lat_image_release(struct lat_image *image);

/* Area-averaged resize (each target pixel the mean of the source area it covers; bilinear when
 * enlarging) with gray<->RGB conversion (ITU-R BT.601 luma), into planes of floats in [0,1]:
 * out[channels][height][width]. */
enum lat_status lat_image_to_planes(const struct lat_image *image, uint32_t width,
                                    uint32_t height, uint32_t channels, float *out,
                                    struct lat_error *err) LAT_MUST_USE;

/* pixels[height][width][channels] of 8 bits as PNG, appended to `out`. channels 1 or 3. */
enum lat_status lat_image_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                     uint32_t channels, struct lat_buf *out,
                                     struct lat_error *err) LAT_MUST_USE;

/* The same in a twentieth of the time and up to twice the bytes: the pixels are stored, not
 * compressed. For pictures that are written in bulk to be decoded once. */
enum lat_status lat_image_store_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                    uint32_t channels, struct lat_buf *out,
                                    struct lat_error *err) LAT_MUST_USE;

#endif
