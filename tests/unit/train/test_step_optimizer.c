/* What the optimisers do with gradients: against the reference and their formulas. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "step_fixture.h"

static void compare_curves(struct lat_step *step, struct reference *r, size_t n_input)
{
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t t = 0; t < 20; t++) {
        double loss = 0;
        step_fill_input(step, n_input, 100 + t % 4);
        double expected = reference_backprop(r, lat_step_input(step));
        reference_adam(r, 0.01);
        cr_assert_eq(lat_step_run(step, 0.01, &loss, &err), LAT_OK, "%s", err.message);
        cr_assert_float_eq(loss, expected, 1e-5 * expected, "step %zu: %.9g, not %.9g", t, loss,
                           expected);
    }
}

Test(step, twenty_steps_of_adam_follow_the_reference_dense)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = step_dense_reference();
    step_share_parameters(step, &r);
    compare_curves(step, &r, 6 * 12);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, twenty_steps_of_adam_follow_the_reference_convolutional)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = step_conv_reference();
    step_share_parameters(step, &r);
    compare_curves(step, &r, 5 * 84);
    reference_release(&r);
    lat_step_free(step);
}

/* ---- finite differences for what the reference does not have ---- */

/* Parameter 0 after two steps on the same batch, and the two gradients it took. */
static void two_steps(const struct lat_optimizer_spec *optimizer, float w[84], float g[2][84],
                      float before[84])
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    spec.optimizer = *optimizer;
    struct lat_step *step = step_new(&spec, &input);
    step_fill_input(step, 72, 9);
    lat_step_get_parameter(step, 0, before);
    for (int t = 0; t < 2; t++) {
        cr_assert_eq(lat_step_gradient(step, 0, g[t], &err), LAT_OK, "%s", err.message);
        cr_assert_eq(lat_step_run(step, 0.1, NULL, &err), LAT_OK, "%s", err.message);
    }
    lat_step_get_parameter(step, 0, w);
    lat_step_free(step);
}

Test(step, sgd_moves_as_its_formula_says)
{
    float w[84], g[2][84], before[84];
    struct lat_optimizer_spec sgd = {.type = LAT_OPTIMIZER_SGD, .batch = 6};
    two_steps(&sgd, w, g, before);
    for (size_t k = 0; k < 84; k++) {
        cr_assert_float_eq(w[k], before[k] - 0.1F * (g[0][k] + g[1][k]), 1e-6);
    }
    sgd.momentum = 0.9;
    two_steps(&sgd, w, g, before);
    for (size_t k = 0; k < 84; k++) {
        cr_assert_float_eq(w[k], before[k] - 0.1F * (1.9F * g[0][k] + g[1][k]), 1e-6);
    }
    sgd.nesterov = true;
    two_steps(&sgd, w, g, before);
    for (size_t k = 0; k < 84; k++) {
        float moved = 1.9F * g[0][k] + g[1][k] + 0.9F * (0.9F * g[0][k] + g[1][k]);
        cr_assert_float_eq(w[k], before[k] - 0.1F * moved, 1e-6);
    }
}

Test(step, clipping_holds_the_joint_norm)
{
    float w[84], g[2][84], before[84];
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    spec.optimizer.type = LAT_OPTIMIZER_SGD;
    spec.optimizer.clip = 0.25;
    struct lat_step *step = step_new(&spec, &input);
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    step_fill_input(step, 72, 9);
    double norm = 0;
    double moved = 0;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(lat_step_gradient(step, i, g[0], &err), LAT_OK);
        for (size_t k = 0; k < infos[i].n; k++) {
            norm += (double)g[0][k] * (double)g[0][k];
        }
    }
    cr_assert_gt(sqrt(norm), 0.25);
    float *all = calloc(n, sizeof(before));
    for (size_t i = 0; i < n; i++) {
        lat_step_get_parameter(step, i, all + i * 84);
    }
    cr_assert_eq(lat_step_run(step, 1, NULL, &err), LAT_OK, "%s", err.message);
    for (size_t i = 0; i < n; i++) {
        lat_step_get_parameter(step, i, w);
        for (size_t k = 0; k < infos[i].n; k++) {
            double d = (double)w[k] - (double)all[i * 84 + k];
            moved += d * d;
        }
    }
    cr_assert_float_eq(sqrt(moved), 0.25, 1e-5);
    free(all);
    lat_step_free(step);
}

/* --- promises of the interface
 * ---------------------------------------------------------------- */
