#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/image.h"
#include "tests/support/support.h"

/* The definition, written without cleverness: the integral of the picture, constant within each
 * pixel, over the area a target pixel covers. */
static double area_mean(const struct lat_image *image, double x0, double x1, double y0,
                        double y1, uint32_t c)
{
    double sum = 0.0;
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            const double w = fmin(x1, x + 1.0) - fmax(x0, x),
                         h = fmin(y1, y + 1.0) - fmax(y0, y);
            if (w > 0 && h > 0)
                sum +=
                    w * h * image->pixels[((size_t)y * image->width + x) * image->channels + c];
        }
    return sum / ((x1 - x0) * (y1 - y0)) / 255.0;
}

static struct lat_image random_picture(uint32_t width, uint32_t height, uint32_t channels,
                                       struct lat_rng *rng)
{
    struct lat_image image = {width, height, channels,
                              lat_alloc((size_t)width * height, channels)};
    for (size_t i = 0; i < (size_t)width * height * channels; i++)
        image.pixels[i] = (uint8_t)lat_rng_below(rng, 256);
    return image;
}

Test(resize, shrinking_gives_the_mean_of_the_area)
{
    static const uint32_t cases[][4] = {{28, 28, 28, 28}, {56, 56, 28, 28}, {64, 64, 28, 28},
                                        {29, 31, 28, 30}, {100, 7, 3, 7},   {5, 97, 5, 13},
                                        {33, 17, 1, 1},   {3, 3, 2, 2}};
    struct lat_rng rng;
    lat_rng_seed(&rng, 7);
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++)
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
            const uint32_t width = cases[i][2], height = cases[i][3];
            struct lat_image image = random_picture(cases[i][0], cases[i][1], channels, &rng);
            float *out = lat_alloc((size_t)width * height * channels, sizeof(*out));
            cr_assert_eq(lat_image_to_planes(&image, width, height, channels, out, NULL),
                         LAT_OK);
            const double sx = (double)cases[i][0] / width, sy = (double)cases[i][1] / height;
            double worst = 0.0;
            for (uint32_t c = 0; c < channels; c++)
                for (uint32_t y = 0; y < height; y++)
                    for (uint32_t x = 0; x < width; x++) {
                        const double want =
                            area_mean(&image, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy, c);
                        const double got = out[((size_t)c * height + y) * width + x];
                        worst = fmax(worst, fabs(want - got));
                    }
            cr_expect_lt(worst, 1e-6, "case %zu: off by %g", i, worst);
            lat_free(out);
            lat_image_release(&image);
        }
}

Test(resize, a_large_white_picture_stays_white)
{
    struct lat_image image = {3001, 2003, 3, lat_alloc((size_t)3001 * 2003, 3)};
    for (size_t i = 0; i < (size_t)3001 * 2003 * 3; i++)
        image.pixels[i] = 255;
    float out[3 * 10];
    cr_assert_eq(lat_image_to_planes(&image, 5, 2, 3, out, NULL), LAT_OK);
    for (int i = 0; i < 30; i++)
        cr_expect_float_eq(out[i], 1.0, 1e-6);
    lat_image_release(&image);
}

Test(resize, enlarging_is_bilinear_between_pixel_centres)
{
    uint8_t pixels[4] = {0, 100, 200, 60};
    const struct lat_image image = {2, 2, 1, pixels};
    float out[16];
    cr_assert_eq(lat_image_to_planes(&image, 4, 4, 1, out, NULL), LAT_OK);
    /* Centres of the target lie at -0.25, 0.25, 0.75, 1.25 of the source; the ends are held. */
    static const double at[4] = {0.0, 0.25, 0.75, 1.0};
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++) {
            const double top = 0 + at[x] * 100, bottom = 200 + at[x] * (60 - 200);
            cr_expect_float_eq(out[4 * y + x], (top + at[y] * (bottom - top)) / 255.0, 1e-6);
        }
}

Test(resize, the_same_size_is_copied_exactly)
{
    uint8_t pixels[256];
    float out[256];
    for (int i = 0; i < 256; i++)
        pixels[i] = (uint8_t)i;
    const struct lat_image image = {16, 16, 1, pixels};
    cr_assert_eq(lat_image_to_planes(&image, 16, 16, 1, out, NULL), LAT_OK);
    for (int i = 0; i < 256; i++)
        cr_assert_eq(out[i], (float)i / 255.0F);
}

Test(resize, channels_convert_by_luma_and_by_copy)
{
    uint8_t rgb[3] = {200, 100, 50}, gray[2] = {40, 80};
    float out[6];
    const struct lat_image color = {1, 1, 3, rgb}, plain = {2, 1, 1, gray};
    const float luma = (0.299F * 200 + 0.587F * 100 + 0.114F * 50) / 255.0F;
    cr_assert_eq(lat_image_to_planes(&color, 1, 1, 1, out, NULL), LAT_OK);
    cr_expect_float_eq(out[0], luma, 1e-6);
    cr_assert_eq(lat_image_to_planes(&color, 3, 2, 1, out, NULL), LAT_OK);
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq(out[i], luma, 1e-6);
    cr_assert_eq(lat_image_to_planes(&plain, 1, 1, 3, out, NULL), LAT_OK);
    for (int c = 0; c < 3; c++)
        cr_expect_float_eq(out[c], 60.0 / 255.0, 1e-6);
    cr_assert_eq(lat_image_to_planes(&plain, 2, 1, 3, out, NULL), LAT_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(out[i], (float)gray[i % 2] / 255.0F);
}

Test(resize, impossible_targets_are_refused)
{
    uint8_t pixel[3] = {0};
    float out[4];
    const struct lat_image image = {1, 1, 3, pixel};
    cr_assert_eq(lat_image_to_planes(&image, 0, 1, 1, out, NULL), LAT_INVALID);
    cr_assert_eq(lat_image_to_planes(&image, 1, 1, 2, out, NULL), LAT_INVALID);
}

static enum lat_status resize_once(void *context, struct lat_error *err)
{
    float out[3 * 4];
    return lat_image_to_planes(context, 2, 2, 3, out, err);
}

Test(resize, every_allocation_may_fail)
{
    uint8_t pixels[27] = {0};
    struct lat_image image = {3, 3, 3, pixels};
    TEST_TORTURE(resize_once, &image);
}
