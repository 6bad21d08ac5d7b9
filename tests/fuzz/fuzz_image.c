/* Any bytes as a picture: decoded under a small cap, resized both ways, written as PNG and read
 * back. What decodes must have the pixels it claims, and survive its own PNG bit for bit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_round_trip(const struct lat_image *image)
{
    struct lat_buf png = {0};
    struct lat_image back;
    require(lat_image_encode_png(image->pixels, image->width, image->height, image->channels,
                                 &png, NULL) == LAT_OK);
    require(lat_image_decode(png.data, png.len, NULL, &back, NULL) == LAT_OK);
    require(back.width == image->width && back.height == image->height);
    require(back.channels == image->channels);
    require(memcmp(back.pixels, image->pixels,
                   (size_t)back.width * back.height * back.channels) == 0);
    lat_image_release(&back);
    lat_buf_release(&png);
}

static void check_resize(const struct lat_image *image, uint32_t width, uint32_t height,
                         uint32_t channels)
{
    float out[3 * 9 * 5];
    require(lat_image_to_planes(image, width, height, channels, out, NULL) == LAT_OK);
    for (size_t i = 0; i < (size_t)width * height * channels; i++)
        require(out[i] >= 0.0F && out[i] <= 1.00001F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct lat_image_limits limits = {.max_pixels = 1 << 16};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_image image;
    const enum lat_status status = lat_image_decode(data, len, &limits, &image, &err);
    if (status != LAT_OK) {
        require(err.status == status && err.message[0] != '\0');
        require(status == LAT_INVALID || status == LAT_TOO_LARGE || status == LAT_NO_MEMORY ||
                status == LAT_UNSUPPORTED_TYPE);
        return 0;
    }
    require((uint64_t)image.width * image.height <= limits.max_pixels);
    require(image.channels == 1 || image.channels == 3);
    check_resize(&image, 9, 5, 3);
    check_resize(&image, 1, 1, 1);
    check_round_trip(&image);
    lat_image_release(&image);
    return 0;
}
