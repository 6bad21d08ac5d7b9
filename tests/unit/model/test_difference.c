/* Maps of the difference of two pictures. */
#include <criterion/criterion.h>
#include <math.h>

#include "model/difference.h"
#include "model/image.h"
#include "tests/support/support.h"

static struct lat_input_spec two_pixels(uint32_t channels, enum lat_layout layout)
{
    struct lat_input_spec input = {.kind = LAT_INPUT_IMAGE,
                                   .width = 2,
                                   .height = 1,
                                   .channels = channels,
                                   .layout = layout};
    for (size_t c = 0; c < LAT_MAX_CHANNELS; c++)
        input.std[c] = 1;
    return input;
}

Test(difference, a_pixel_is_the_mean_over_channels_in_every_layout)
{
    /* The first pixel differs by 0.3 in one of three channels, the second by 1 in all. */
    const float planar[2][6] = {{0.3F, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 1}},
                mixed[2][6] = {{0.3F, 0, 0, 0, 0, 0}, {0, 0, 0, 1, 1, 1}};
    for (int k = 0; k < 2; k++) {
        const struct lat_input_spec input =
            two_pixels(3, k ? LAT_LAYOUT_NHWC : LAT_LAYOUT_NCHW);
        const float *a = k ? mixed[0] : planar[0], *b = k ? mixed[1] : planar[1];
        struct lat_buf png = {0};
        struct lat_image image = {0};
        struct lat_difference difference;
        cr_assert_eq(lat_difference_png(&input, a, b, &png, &difference, NULL), LAT_OK);
        cr_assert_eq(lat_image_decode(png.data, png.len, NULL, &image, NULL), LAT_OK);
        cr_assert_eq(image.channels, 1);
        cr_assert_eq(image.pixels[0], 26);
        cr_assert_eq(image.pixels[1], 255);
        cr_assert_float_eq(difference.most, 1, 1e-6);
        cr_assert_float_eq(difference.mean, 0.55, 1e-6);
        lat_image_release(&image);
        lat_buf_release(&png);
    }
}

Test(difference, values_are_those_the_pictures_show)
{
    struct lat_input_spec input = two_pixels(1, LAT_LAYOUT_FLAT);
    const float a[2] = {-4, NAN}, b[2] = {9, 0};
    struct lat_buf png = {0};
    struct lat_difference difference;
    input.mean[0] = 0.5F;
    input.std[0] = 0.1F;
    cr_assert_eq(lat_difference_png(&input, a, b, &png, &difference, NULL), LAT_OK);
    cr_assert_float_eq(difference.most, 0.9, 1e-6, "0.5 - 0.4 against 1");
    lat_buf_release(&png);
}

static enum lat_status one_map(void *context, struct lat_error *err)
{
    const struct lat_input_spec input = two_pixels(1, LAT_LAYOUT_FLAT);
    const float a[2] = {0, 1}, b[2] = {1, 1};
    struct lat_buf png = {0};
    struct lat_difference difference;
    (void)context;
    const enum lat_status status = lat_difference_png(&input, a, b, &png, &difference, err);
    lat_buf_release(&png);
    return status;
}

Test(difference, every_allocation_may_fail)
{
    TEST_TORTURE(one_map, NULL);
}
