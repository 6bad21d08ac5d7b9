/* Sheets of pictures. */
#include <criterion/criterion.h>

#include "model/image.h"
#include "model/sheet.h"
#include "tests/support/support.h"

/* Pictures of 2 x 1 pixels whose values are their numbers over 255. */
static struct lat_input_spec tiny(uint32_t channels, enum lat_layout layout)
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

Test(sheet, pictures_stand_in_lines_and_the_rest_is_black)
{
    const struct lat_input_spec input = tiny(1, LAT_LAYOUT_FLAT);
    const float rows[10] = {1 / 255.F, 2 / 255.F, 3 / 255.F, 4 / 255.F, 5 / 255.F,
                            6 / 255.F, 7 / 255.F, 8 / 255.F, 9 / 255.F, 10 / 255.F};
    struct lat_buf png = {0};
    struct lat_image image = {0};
    cr_assert_eq(lat_sheet_png(&input, rows, 5, 3, 1000, &png, NULL), LAT_OK);
    cr_assert_eq(lat_image_decode(png.data, png.len, NULL, &image, NULL), LAT_OK);
    cr_assert_eq(image.width, 6);
    cr_assert_eq(image.height, 2);
    const uint8_t expected[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0};
    for (size_t i = 0; i < 12; i++)
        cr_assert_eq(image.pixels[i], expected[i], "%zu", i);
    lat_image_release(&image);
    lat_buf_release(&png);
}

Test(sheet, colours_in_planes_become_pixels)
{
    const struct lat_input_spec input = tiny(3, LAT_LAYOUT_NCHW);
    const float rows[12] = {1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0};
    struct lat_buf png = {0};
    struct lat_image image = {0};
    cr_assert_eq(lat_sheet_png(&input, rows, 2, 1, 1000, &png, NULL), LAT_OK);
    cr_assert_eq(lat_image_decode(png.data, png.len, NULL, &image, NULL), LAT_OK);
    cr_assert_eq(image.channels, 3);
    const uint8_t expected[12] = {255, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0};
    for (size_t i = 0; i < 12; i++)
        cr_assert_eq(image.pixels[i], expected[i], "%zu", i);
    lat_image_release(&image);
    lat_buf_release(&png);
}

Test(sheet, one_over_the_limit_of_pixels_is_too_large)
{
    const struct lat_input_spec input = tiny(1, LAT_LAYOUT_FLAT);
    const float rows[10] = {0};
    struct lat_buf png = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_sheet_png(&input, rows, 5, 3, 11, &png, &err), LAT_TOO_LARGE);
    cr_assert_str_eq(err.expected, "11");
    cr_assert_str_eq(err.got, "6 x 2");
    cr_assert_eq(png.len, 0);
}

static enum lat_status one_sheet(void *context, struct lat_error *err)
{
    const struct lat_input_spec input = tiny(3, LAT_LAYOUT_NHWC);
    const float rows[12] = {0};
    struct lat_buf png = {0};
    (void)context;
    const enum lat_status status = lat_sheet_png(&input, rows, 2, 2, 100, &png, err);
    lat_buf_release(&png);
    return status;
}

Test(sheet, every_allocation_may_fail)
{
    TEST_TORTURE(one_sheet, NULL);
}
