/* Arithmetic of codes. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "model/latent.h"

enum { D = 4 };

Test(latent, draws_are_those_of_the_seed_and_the_first_stay_when_more_are_asked_for)
{
    float few[3 * D], many[100 * D], other[3 * D];
    lat_latent_draw(7, 1, 3, D, few);
    lat_latent_draw(7, 1, 100, D, many);
    lat_latent_draw(8, 1, 3, D, other);
    cr_assert_eq(memcmp(few, many, sizeof(few)), 0);
    cr_assert_neq(memcmp(few, other, sizeof(few)), 0);
}

Test(latent, the_temperature_is_the_deviation_and_0_the_mean)
{
    enum { N = 5000 };
    static float codes[N * D];
    double sum = 0, squares = 0;
    lat_latent_draw(3, 2, N, D, codes);
    for (size_t i = 0; i < N * D; i++) {
        sum += (double)codes[i];
        squares += (double)codes[i] * (double)codes[i];
    }
    cr_assert_float_eq(sum / (N * D), 0, 0.05);
    cr_assert_float_eq(sqrt(squares / (N * D)), 2, 0.05);
    lat_latent_draw(3, 0, 2, D, codes);
    for (size_t k = 0; k < 2 * D; k++)
        cr_assert(codes[k] == 0 && !signbit(codes[k]), "not even a zero below zero");
}

Test(latent, a_straight_walk_has_even_steps_and_exact_ends)
{
    const float from[D] = {0.1F, -1, 2, 0}, to[D] = {1.1F, 1, 2, -8};
    float walk[5 * D];
    lat_latent_walk(from, to, D, 5, LAT_PATH_LINEAR, walk);
    cr_assert_eq(memcmp(walk, from, sizeof(from)), 0);
    cr_assert_eq(memcmp(walk + 4 * D, to, sizeof(to)), 0);
    cr_assert_float_eq(walk[D + 3], -2, 1e-6);
    cr_assert_float_eq(walk[2 * D], 0.6, 1e-6);
}

Test(latent, a_spherical_walk_keeps_the_length_of_codes_of_one_length)
{
    const float from[D] = {3, 0, 0, 0}, to[D] = {0, 0, 0, 3};
    float walk[7 * D];
    lat_latent_walk(from, to, D, 7, LAT_PATH_SPHERICAL, walk);
    for (size_t i = 0; i < 7; i++)
        cr_assert_float_eq(hypot(walk[i * D], walk[i * D + 3]), 3, 1e-5);
    cr_assert_float_eq(walk[2 * D + 3], 3 * sin(acos(-1) / 6), 1e-5, "a third of 90 degrees");
    cr_assert_eq(memcmp(walk + 6 * D, to, sizeof(to)), 0);
}

Test(latent, where_there_is_no_arc_the_spherical_walk_is_straight)
{
    const float zero[D] = {0}, one[D] = {1, 2, 3, 4}, opposite[D] = {-1, -2, -3, -4};
    const float *const pairs[][2] = {{zero, one}, {one, opposite}, {one, one}};
    for (size_t p = 0; p < 3; p++) {
        float arc[4 * D], line[4 * D];
        lat_latent_walk(pairs[p][0], pairs[p][1], D, 4, LAT_PATH_SPHERICAL, arc);
        lat_latent_walk(pairs[p][0], pairs[p][1], D, 4, LAT_PATH_LINEAR, line);
        cr_assert_eq(memcmp(arc, line, sizeof(arc)), 0);
    }
}

Test(latent, a_move_is_scale_times_the_difference_of_the_means)
{
    const float to[D] = {1, 1, 1, 1}, add[2 * D] = {2, 0, 0, 4, 4, 0, 0, 4},
                subtract[D] = {1, 0, 2, 0};
    float moved[D];
    lat_latent_move(to, &(struct lat_direction){add, subtract, 2, 1, 0.5}, D, moved);
    const float expected[D] = {2, 1, 0, 3};
    for (size_t k = 0; k < D; k++)
        cr_assert_float_eq(moved[k], expected[k], 1e-6);
    lat_latent_move(to, &(struct lat_direction){add, NULL, 2, 0, 0}, D, moved);
    cr_assert_eq(memcmp(moved, to, sizeof(to)), 0);
    lat_latent_move(to, &(struct lat_direction){NULL, subtract, 0, 1, 1}, D, moved);
    cr_assert_eq(moved[2], -1);
}
