/* What the picture decoders share: one row of functions a file format, and the few steps every
 * one of them needs. Internal to model/image*.c.
 *
 * Adding a format is one file with one `const struct lat_image_codec` and one line in image.c.
 */
#ifndef LAT_MODEL_IMAGE_CODECS_H
#define LAT_MODEL_IMAGE_CODECS_H

#include "model/image.h"

struct lat_image_codec {
    enum lat_image_format format;
    const char *name; /* for messages: "PNG" */
    const char *mime;

    /* Whether the first bytes are this format's. At most LAT_IMAGE_MAGIC bytes matter. */
    bool (*matches)(const uint8_t *bytes, size_t len);

    /* Fills *image, which comes empty; what it holds is released by the caller on failure, too.
     * Must call lat_image_allocate (and so check the size) before it decodes any pixel. */
    enum lat_status (*decode)(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                              struct lat_image *image, struct lat_error *err);
};

enum { LAT_IMAGE_MAGIC = 12 };

extern const struct lat_image_codec lat_image_codec_png;
extern const struct lat_image_codec lat_image_codec_jpeg;
extern const struct lat_image_codec lat_image_codec_webp;
extern const struct lat_image_codec lat_image_codec_gif;

/* LAT_INVALID bad_image for an empty side, LAT_TOO_LARGE image_too_large over `max_pixels`. */
enum lat_status lat_image_check_size(uint64_t width, uint64_t height, uint64_t max_pixels,
                                     struct lat_error *err) LAT_MUST_USE;

/* Checks the size, then makes room for the pixels, their bytes undefined. */
enum lat_status lat_image_allocate(struct lat_image *image, uint32_t width, uint32_t height,
                                   uint32_t channels, uint64_t max_pixels,
                                   struct lat_error *err) LAT_MUST_USE;

/* LAT_INVALID bad_image with `words`, the decoder's own. */
enum lat_status lat_image_bad(struct lat_error *err, const char *words);

/* Turns and mirrors the pixels so that they stand upright: `orientation` is EXIF's, 1 to 8; any
 * other number does nothing. */
enum lat_status lat_image_orient(struct lat_image *image, unsigned orientation,
                                 struct lat_error *err) LAT_MUST_USE;

/* The orientation tag in EXIF data that starts at its TIFF header ("II*" or "MM*"), 1 when
 * there is none or the data is broken: metadata never makes a picture unreadable. */
unsigned lat_exif_orientation(const uint8_t *tiff, size_t len);

/* One 8-bit sample with 8-bit alpha over a white page, rounded. */
static inline uint8_t lat_image_over_white(unsigned sample, unsigned alpha)
{
    return (uint8_t)((sample * alpha + 255U * (255U - alpha) + 127U) / 255U);
}

/* a * b / 255 rounded, for samples of 8 bits. */
static inline uint8_t lat_image_scale8(unsigned a, unsigned b)
{
    return (uint8_t)((a * b + 127U) / 255U);
}

#endif
