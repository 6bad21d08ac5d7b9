#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "model/preprocess.h"
#include "tests/support/support.h"

static struct lat_input_spec spec_of(enum lat_layout layout)
{
    return (struct lat_input_spec){.kind = LAT_INPUT_IMAGE,
                                   .width = 2,
                                   .height = 2,
                                   .channels = 3,
                                   .layout = layout,
                                   .mean = {0.5F, 0.25F, 0.0F},
                                   .std = {0.5F, 2.0F, 1.0F},
                                   .dimension = 12};
}

static uint8_t pixels[12] = {0, 51, 102, 255, 204, 153, 10, 20, 30, 40, 50, 60};

Test(preprocess, rows_lie_in_the_layout_of_the_network)
{
    const struct lat_image image = {2, 2, 3, pixels};
    for (int layout = LAT_LAYOUT_NCHW; layout <= LAT_LAYOUT_FLAT; layout++) {
        const struct lat_input_spec spec = spec_of((enum lat_layout)layout);
        float row[12];
        cr_assert_eq(lat_preprocess_image(&spec, &image, row, NULL), LAT_OK);
        for (size_t i = 0; i < 4; i++)
            for (size_t c = 0; c < 3; c++) {
                const size_t at = layout == LAT_LAYOUT_NHWC ? i * 3 + c : c * 4 + i;
                const float pixel = (float)pixels[i * 3 + c] / 255.0F;
                cr_expect_float_eq(row[at], (pixel - spec.mean[c]) / spec.std[c], 1e-6);
                cr_expect_eq(lat_preprocess_channel(&spec, at), c);
            }
    }
}

Test(preprocess, pixels_survive_the_round_trip)
{
    const struct lat_image image = {2, 2, 3, pixels};
    for (int layout = LAT_LAYOUT_NCHW; layout <= LAT_LAYOUT_FLAT; layout++) {
        const struct lat_input_spec spec = spec_of((enum lat_layout)layout);
        float row[12];
        uint8_t back[12];
        cr_assert_eq(lat_preprocess_image(&spec, &image, row, NULL), LAT_OK);
        lat_preprocess_to_pixels(&spec, row, back);
        cr_expect(memcmp(back, pixels, sizeof(back)) == 0);
    }
}

Test(preprocess, values_outside_are_cut_and_nan_is_black)
{
    const struct lat_input_spec spec = {
        .kind = LAT_INPUT_IMAGE, .width = 5, .height = 1, .channels = 1, .std = {1.0F}};
    const float row[5] = {-3.0F, 0.5F, 7.0F, NAN, INFINITY};
    const uint8_t want[5] = {0, 128, 255, 0, 255};
    uint8_t out[5];
    lat_preprocess_to_pixels(&spec, row, out);
    cr_assert(memcmp(out, want, sizeof(out)) == 0);
}

struct preprocess_case {
    struct lat_input_spec spec;
    struct lat_image image;
};

static enum lat_status preprocess_once(void *context, struct lat_error *err)
{
    struct preprocess_case *it = context;
    float row[12];
    return lat_preprocess_image(&it->spec, &it->image, row, err);
}

Test(preprocess, every_allocation_may_fail)
{
    struct preprocess_case it = {spec_of(LAT_LAYOUT_NHWC), {4, 1, 3, pixels}};
    TEST_TORTURE(preprocess_once, &it);
}
