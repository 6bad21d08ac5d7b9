/* What moving pictures by chance promises. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/train/parts.h"

enum { WIDTH = 12, HEIGHT = 8, CHANNELS = 2, ITEM = WIDTH * HEIGHT * CHANNELS, ITEMS = 200 };

static float clean[ITEMS * ITEM], moved[ITEMS * ITEM];

static const struct lat_input_spec pictures = {
    .kind = LAT_INPUT_IMAGE, .width = WIDTH, .height = HEIGHT, .channels = CHANNELS};

static void move(double level, uint64_t seed)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    const struct lat_noise noise = {&rng, level, &pictures};
    lat_corruption_find("affine")->apply(&noise, clean, moved, ITEMS * ITEM);
}

/* A ramp along x in the first channel, along y in the second. */
static void fill_ramps(void)
{
    for (size_t i = 0; i < ITEMS * ITEM; i++) {
        const size_t pixel = i % (WIDTH * HEIGHT), channel = i / (WIDTH * HEIGHT) % CHANNELS;
        clean[i] = (float)(channel ? pixel / WIDTH : pixel % WIDTH);
    }
}

Test(train_warp, the_level_zero_moves_nothing)
{
    fill_ramps();
    move(0, 1);
    for (size_t i = 0; i < ITEMS * ITEM; i++)
        cr_assert_float_eq(moved[i], clean[i], 1e-5);
}

/* On ramps the result at the centre is where it was read: its mean is the centre and its
 * deviation that of the shift, level * side / 4. */
Test(train_warp, the_shift_has_the_deviation_the_level_says)
{
    const double level = 0.2;
    const size_t centre = (HEIGHT / 2) * WIDTH + WIDTH / 2;
    fill_ramps();
    move(level, 5);
    for (size_t channel = 0; channel < CHANNELS; channel++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < ITEMS; i++) {
            const double x = (double)moved[i * ITEM + channel * WIDTH * HEIGHT + centre] -
                             (double)clean[i * ITEM + channel * WIDTH * HEIGHT + centre];
            sum += x;
            squares += x * x;
        }
        const double expected = level * (channel ? HEIGHT : WIDTH) / 4;
        const double deviation = sqrt(squares / ITEMS);
        cr_assert_lt(fabs(sum / ITEMS), 4 * expected / sqrt(ITEMS));
        cr_assert(deviation > 0.75 * expected && deviation < 1.35 * expected,
                  "channel %zu: %g for %g", channel, deviation, expected);
    }
}

/* An affine map of a ramp is a ramp: equal steps wherever the border is not touched. */
Test(train_warp, lines_stay_lines_and_channels_move_together)
{
    size_t n_inside = 0;
    fill_ramps();
    move(0.1, 9);
    for (size_t i = 0; i < ITEMS; i++) {
        const float *x = moved + i * ITEM, *y = x + WIDTH * HEIGHT;
        const size_t row = HEIGHT / 2;
        for (size_t c = 4; c < 8; c++) {
            const size_t at = row * WIDTH + c;
            const bool inside = x[at - 1] > 0 && x[at + 1] < WIDTH - 1 && y[at - 1] > 0 &&
                                y[at + 1] > 0 && y[at - 1] < HEIGHT - 1 &&
                                y[at + 1] < HEIGHT - 1;
            if (!inside)
                continue;
            n_inside++;
            cr_assert_float_eq(x[at + 1] - x[at], x[at] - x[at - 1], 1e-4);
            cr_assert_float_eq(y[at + 1] - y[at], y[at] - y[at - 1], 1e-4);
        }
    }
    cr_assert_gt(n_inside, 2 * ITEMS, "%zu", n_inside);
}

Test(train_warp, values_stay_between_the_least_and_the_greatest_however_far_it_goes)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 2);
    for (size_t i = 0; i < ITEMS * ITEM; i++)
        clean[i] = (float)lat_rng_uniform(&rng);
    move(1, 3);
    for (size_t i = 0; i < ITEMS * ITEM; i++)
        cr_assert(moved[i] >= 0 && moved[i] <= 1, "%g", (double)moved[i]);
}

Test(train_warp, each_picture_moves_its_own_way_and_a_seed_repeats)
{
    static float first[ITEMS * ITEM];
    fill_ramps();
    move(0.1, 4);
    memcpy(first, moved, sizeof(first));
    cr_assert_arr_neq(first, first + ITEM, ITEM * sizeof(float));
    move(0.1, 4);
    cr_assert_arr_eq(first, moved, sizeof(first));
}
