#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "model/portrait.h"

enum { FEATURES = 4, REFERENCE = 500, WINDOW = 200 };

static const struct lat_input_spec vectors = {.kind = LAT_INPUT_VECTOR, .dimension = FEATURES};

static void draw(struct lat_rng *rng, float *values, size_t n, int moved, float by)
{
    for (size_t i = 0; i < n * FEATURES; i++)
        values[i] = (float)lat_rng_normal(rng) + ((int)(i % FEATURES) == moved ? by : 0);
}

static struct lat_portrait *portrait_of(struct lat_rng *rng)
{
    static float values[REFERENCE * FEATURES];
    struct lat_portrait *portrait = NULL;
    draw(rng, values, REFERENCE, -1, 0);
    cr_assert_eq(lat_portrait_make(&vectors, values, REFERENCE, &portrait, NULL), LAT_OK);
    return portrait;
}

Test(portrait, what_is_of_the_same_distribution_has_not_moved)
{
    struct lat_rng rng;
    struct lat_drift drifts[FEATURES];
    float window[WINDOW * FEATURES];
    int alarms = 0, small = 0;
    lat_rng_seed(&rng, 1);
    for (int round = 0; round < 200; round++) {
        struct lat_portrait *portrait = portrait_of(&rng);
        draw(&rng, window, WINDOW, -1, 0);
        cr_assert_eq(lat_portrait_compare(portrait, window, WINDOW, drifts, NULL), LAT_OK);
        alarms += drifts[0].adjusted < 0.05;
        for (int f = 0; f < FEATURES; f++)
            small += drifts[f].p_value < 0.1;
        lat_portrait_free(portrait);
    }
    cr_expect_leq(alarms, 20, "%d of 200 at 0.05", alarms);
    cr_expect_leq(small, 110, "%d of 800 below 0.1", small);
    cr_expect_geq(small, 35, "%d of 800 below 0.1", small);
}

Test(portrait, the_feature_that_moved_comes_first)
{
    struct lat_rng rng;
    struct lat_drift drifts[FEATURES];
    float window[WINDOW * FEATURES];
    lat_rng_seed(&rng, 2);
    struct lat_portrait *portrait = portrait_of(&rng);
    draw(&rng, window, WINDOW, 2, 0.6F);
    cr_assert_eq(lat_portrait_compare(portrait, window, WINDOW, drifts, NULL), LAT_OK);
    cr_expect_eq(drifts[0].feature, 2u);
    cr_expect_lt(drifts[0].adjusted, 0.001);
    cr_expect_gt(drifts[1].adjusted, 0.05);
    cr_expect_gt(drifts[0].psi, 0.1);
    cr_expect_float_eq(drifts[0].window, 0.6, 0.3);
    lat_portrait_free(portrait);
}

Test(portrait, cells_that_are_missing_more_often_count)
{
    struct lat_rng rng;
    struct lat_drift drifts[FEATURES];
    float window[WINDOW * FEATURES];
    lat_rng_seed(&rng, 3);
    struct lat_portrait *portrait = portrait_of(&rng);
    draw(&rng, window, WINDOW, -1, 0);
    for (int i = 0; i < WINDOW; i += 4)
        window[i * FEATURES + 1] = NAN;
    cr_assert_eq(lat_portrait_compare(portrait, window, WINDOW, drifts, NULL), LAT_OK);
    cr_expect_eq(drifts[0].feature, 1u);
    cr_expect_lt(drifts[0].adjusted, 0.001);
    cr_expect_float_eq(drifts[0].missing_window, 0.25, 1e-9);
    lat_portrait_free(portrait);
}

Test(portrait, regions_of_a_picture_are_told_apart)
{
    const struct lat_input_spec picture = {.kind = LAT_INPUT_IMAGE,
                                           .width = 8,
                                           .height = 8,
                                           .channels = 1,
                                           .layout = LAT_LAYOUT_FLAT,
                                           .std = {1}};
    float row[64] = {0}, values[18];
    char name[64];
    cr_assert_eq(lat_portrait_features(&picture), 18u);
    row[0] = row[1] = row[8] = row[9] = 1; /* the region at the top left */
    row[63] = 1;
    lat_portrait_values(&picture, row, values);
    cr_expect_float_eq(values[0], 5.0 / 64, 1e-6);
    cr_expect_float_eq(values[2], 1, 1e-6);
    cr_expect_float_eq(values[3], 0, 1e-6);
    cr_expect_float_eq(values[17], 0.25, 1e-6);
    lat_portrait_name(&picture, 17, name, sizeof(name));
    cr_expect_str_eq(name, "brightness of region 3,3");
}

Test(portrait, what_was_written_is_read_again)
{
    struct lat_rng rng;
    struct lat_buf first = {0}, again = {0};
    struct lat_portrait *read = NULL;
    char folder[] = "/tmp/latentd-portrait-XXXXXX";
    lat_rng_seed(&rng, 4);
    struct lat_portrait *portrait = portrait_of(&rng);
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_portrait_write(folder, &vectors, portrait, NULL), LAT_OK);
    cr_assert_eq(lat_portrait_read(folder, &vectors, &read, NULL), LAT_OK);
    lat_portrait_print(&vectors, portrait, &first);
    lat_portrait_print(&vectors, read, &again);
    cr_expect_str_eq(first.data, again.data);
    const struct lat_input_spec other = {.kind = LAT_INPUT_VECTOR, .dimension = 3};
    struct lat_portrait *none = NULL;
    cr_expect_eq(lat_portrait_read(folder, &other, &none, NULL), LAT_INVALID);
    cr_expect_null(none);
    lat_buf_release(&first);
    lat_buf_release(&again);
    lat_portrait_free(read);
    lat_portrait_free(portrait);
}
