#include <criterion/criterion.h>
#include <string.h>

#include "model/image.h"

Test(store_png, a_stored_picture_decodes_to_the_same_pixels)
{
    uint8_t pixels[20 * 7 * 3];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * 37 + i / 11);
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        struct lat_buf png = {0};
        struct lat_image image = {0};
        struct lat_error err = LAT_ERROR_INIT;
        const struct lat_image_limits limits = {0};
        cr_assert_eq(lat_image_store_png(pixels, 20, 7, channels, &png, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(lat_image_decode(png.data, png.len, &limits, &image, &err), LAT_OK, "%s",
                     err.message);
        cr_assert(image.width == 20 && image.height == 7 && image.channels == channels);
        cr_assert_eq(memcmp(image.pixels, pixels, 20 * 7 * channels), 0);
        lat_image_release(&image);
        lat_buf_release(&png);
    }
}
