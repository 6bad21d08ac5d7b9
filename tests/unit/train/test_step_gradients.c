/* Gradients of the step: against the reference (step_reference.c), and along a direction
 * against differences of the loss. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "step_fixture.h"

static void compare_gradients(struct lat_step *step, struct reference *r)
{
    struct lat_error err = LAT_ERROR_INIT;
    size_t n_parameters = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n_parameters);
    (void)reference_backprop(r, lat_step_input(step));
    for (size_t i = 0; i < n_parameters; i++) {
        size_t n = 0;
        const double *expected = reference_gradient(r, i, &n);
        float *got = calloc(n, sizeof(float));
        double largest = 0;
        cr_assert_eq(lat_step_gradient(step, i, got, &err), LAT_OK, "%s", err.message);
        for (size_t k = 0; k < n; k++) {
            largest = fmax(largest, fabs(expected[k]));
        }
        for (size_t k = 0; k < n; k++) {
            cr_assert_float_eq(got[k], expected[k], 1e-5 * largest, "%s[%zu]: %.9g, not %.9g",
                               infos[i].name, k, (double)got[k], expected[k]);
        }
        free(got);
    }
}

Test(step, dense_gradients_agree_with_a_double_precision_reference)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = step_dense_reference();
    step_share_parameters(step, &r);
    step_fill_input(step, 6 * 12, 1);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, convolutional_gradients_agree_with_a_double_precision_reference)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = step_conv_reference();
    step_share_parameters(step, &r);
    step_fill_input(step, 5 * 84, 2);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

/* Sizes at which sums get long enough to lose digits. */
Test(step, gradients_stay_exact_at_real_sizes_dense)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(784);
    spec.encoder.n_hidden = 1;
    spec.encoder.hidden[0] = 200;
    spec.decoder.n_hidden = 1;
    spec.decoder.hidden[0] = 200;
    spec.optimizer.batch = 128;
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = {.batch = 128, .n_layers = 4, .bernoulli = 1};
    r.layers[0] = step_dense_layer(784, 200, REFERENCE_SIGMOID);
    r.layers[1] = step_dense_layer(200, 3, REFERENCE_LINEAR);
    r.layers[2] = step_dense_layer(3, 200, REFERENCE_SIGMOID);
    r.layers[3] = step_dense_layer(200, 784, REFERENCE_LINEAR);
    reference_init(&r);
    step_share_parameters(step, &r);
    step_fill_input(step, (size_t)128 * 784, 1);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, gradients_stay_exact_at_real_sizes_convolutional)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = {
        .kind = LAT_INPUT_IMAGE, .channels = 1, .height = 28, .width = 28, .dimension = 784};
    spec.encoder.n_hidden = 0;
    spec.decoder.n_hidden = 0;
    spec.optimizer.batch = 64;
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = {.batch = 64, .n_layers = 6};
    r.layers[0] = step_conv_layer(REFERENCE_CONV, 1, 3, REFERENCE_ELU);
    r.layers[1] = step_conv_layer(REFERENCE_CONV, 3, 4, REFERENCE_ELU);
    r.layers[2] = step_dense_layer(4 * 7 * 7, 3, REFERENCE_LINEAR);
    r.layers[3] = step_dense_layer(3, 4 * 7 * 7, REFERENCE_ELU);
    r.layers[4] = step_conv_layer(REFERENCE_CONV_TRANSPOSE, 4, 3, REFERENCE_ELU);
    r.layers[5] = step_conv_layer(REFERENCE_CONV_TRANSPOSE, 3, 1, REFERENCE_LINEAR);
    step_set_sizes(&r.layers[0], 28, 28, 14, 14);
    step_set_sizes(&r.layers[1], 14, 14, 7, 7);
    step_set_sizes(&r.layers[4], 7, 7, 14, 14);
    step_set_sizes(&r.layers[5], 14, 14, 28, 28);
    reference_init(&r);
    step_share_parameters(step, &r);
    step_fill_input(step, (size_t)64 * 784, 2);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

static double loss_at(struct lat_step *step)
{
    double sum = 0;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_evaluate(step, 5, &sum, &err), LAT_OK, "%s", err.message);
    return sum / 5;
}

/* Along a random direction in the space of all parameters. */
static void check_direction(struct lat_step *step)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    size_t n_parameters = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n_parameters);
    double slope = 0;
    double sides[2];
    lat_rng_seed(&rng, 21);
    struct lat_rng again = rng;
    for (size_t i = 0; i < n_parameters; i++) {
        float *g = calloc(infos[i].n, sizeof(float));
        cr_assert_eq(lat_step_gradient(step, i, g, &err), LAT_OK, "%s", err.message);
        for (size_t k = 0; k < infos[i].n; k++) {
            slope += (double)g[k] * lat_rng_normal(&rng);
        }
        free(g);
    }
    const double h = 2e-3;
    for (int side = 0; side < 2; side++) {
        rng = again;
        for (size_t i = 0; i < n_parameters; i++) {
            float *w = calloc(infos[i].n, sizeof(float));
            lat_step_get_parameter(step, i, w);
            for (size_t k = 0; k < infos[i].n; k++) {
                w[k] += (float)((side == 0 ? -h : 2 * h) * lat_rng_normal(&rng));
            }
            lat_step_set_parameter(step, i, w);
            free(w);
        }
        sides[side] = loss_at(step);
    }
    cr_assert_float_eq(slope, (sides[1] - sides[0]) / (2 * h), 2e-3 * fabs(slope) + 1e-3,
                       "%g, finite differences say %g", slope, (sides[1] - sides[0]) / (2 * h));
}

Test(step, residual_blocks_and_an_own_decoder_have_the_right_gradient)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    spec.encoder.residual = true;
    spec.encoder.activation = LAT_SILU;
    spec.encoder.kernel = 5;
    spec.decoder.residual = true;
    spec.decoder.activation = LAT_GELU;
    spec.decoder.strides[1] = 3;
    struct lat_step *step = step_new(&spec, &input);
    struct lat_error err = LAT_ERROR_INIT;
    step_fill_input(step, 5 * 84, 4);
    for (int t = 0; t < 3; t++) { /* away from blocks that start as zero */
        cr_assert_eq(lat_step_run(step, 0.02, NULL, &err), LAT_OK, "%s", err.message);
    }
    check_direction(step);
    lat_step_free(step);
}

Test(step, tied_weights_have_the_right_gradient)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    size_t n = 0;
    spec.encoder.tied = true;
    spec.encoder.activation = LAT_TANH;
    spec.decoder.activation = LAT_TANH;
    spec.optimizer.batch = 5;
    struct lat_step *step = step_new(&spec, &input);
    (void)lat_step_parameters(step, &n);
    cr_assert_eq(n, 9, "3 weights and 6 biases, not %zu", n);
    step_fill_input(step, 5 * 12, 4);
    check_direction(step);
    lat_step_free(step);
}

Test(step, a_convolutional_encoder_goes_with_a_dense_decoder)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    spec.decoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_TANH, .n_hidden = 1, .hidden = {9}};
    struct lat_step *step = step_new(&spec, &input);
    step_fill_input(step, 5 * 84, 4);
    check_direction(step);
    lat_step_free(step);
}

Test(step, l2_adds_the_weights_and_leaves_the_biases)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float plain[84], decayed[84], weight[84];
    struct lat_step *step = step_new(&spec, &input);
    step_fill_input(step, 72, 9);
    cr_assert_eq(lat_step_gradient(step, 0, plain, &err), LAT_OK);
    lat_step_get_parameter(step, 0, weight);
    lat_step_free(step);
    spec.penalties.l2 = 0.5;
    step = step_new(&spec, &input);
    step_fill_input(step, 72, 9);
    cr_assert_eq(lat_step_gradient(step, 0, decayed, &err), LAT_OK);
    for (size_t k = 0; k < 84; k++) {
        cr_assert_float_eq(decayed[k], plain[k] + 0.5F * weight[k], 1e-6);
    }
    lat_step_free(step);
}

/* The last layer in front of the code is linear, so d(l1)/d(bias) is l1 times the mean sign. */
Test(step, l1_counts_the_absolute_codes)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = NULL;
    const size_t bias = 5; /* code.bias */
    static const float far[3] = {50, -50, 50};
    float gradients[2][3];
    double losses[2];
    for (int i = 0; i < 2; i++) {
        spec.penalties.l1 = i == 0 ? 0 : 0.25;
        step = step_new(&spec, &input);
        size_t n = 0;
        cr_assert_str_eq(lat_step_parameters(step, &n)[bias].name, "code.bias");
        lat_step_set_parameter(step, bias, far);
        step_fill_input(step, 72, 9);
        cr_assert_eq(lat_step_gradient(step, bias, gradients[i], &err), LAT_OK);
        cr_assert_eq(lat_step_run(step, 0, &losses[i], &err), LAT_OK, "%s", err.message);
        lat_step_free(step);
    }
    for (size_t k = 0; k < 3; k++) {
        cr_assert_float_eq(gradients[1][k] - gradients[0][k], far[k] > 0 ? 0.25 : -0.25, 1e-5);
    }
    cr_assert_float_eq(losses[1] - losses[0], 0.25 * 150, 0.25 * 10);
}

/* ---- optimisers ---- */
