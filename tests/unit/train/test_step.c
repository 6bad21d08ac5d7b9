/* The training step against a reference in double precision (step_reference.c), and what a
 * checkpoint, an export and a corruption promise. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/train/step.h"
#include "step_reference.h"

static struct lat_engine *engine(void)
{
    static struct lat_engine *one;
    struct lat_error err = LAT_ERROR_INIT;
    if (one == NULL) {
        cr_assert_eq(lat_engine_new(&one, &err), LAT_OK, "%s", err.message);
    }
    return one;
}

/* 12 -> 7 -> 5 -> code 3 -> 5 -> 7 -> 12, batch 6. */
static struct lat_spec dense_spec(void)
{
    struct lat_spec spec = {.seed = 3, .likelihood = LAT_LIKELIHOOD_BERNOULLI};
    spec.encoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_SIGMOID, .n_hidden = 2, .hidden = {7, 5}};
    spec.decoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_SIGMOID, .n_hidden = 2, .hidden = {5, 7}};
    spec.code.dimension = 3;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = 6};
    return spec;
}

static struct lat_input_spec vector_input(size_t n)
{
    return (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = n};
}

/* 2 channels of 7 x 6, two strided layers (odd sizes on the way), a dense layer, code 3. */
static struct lat_spec conv_spec(void)
{
    struct lat_spec spec = {.seed = 5, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = (struct lat_network_spec){.type = LAT_NETWORK_CONVOLUTIONAL,
                                             .activation = LAT_ELU,
                                             .n_hidden = 1,
                                             .hidden = {8},
                                             .n_channels = 2,
                                             .channels = {3, 4},
                                             .strides = {2, 2},
                                             .kernel = 3};
    spec.decoder = spec.encoder;
    spec.decoder.channels[0] = 4;
    spec.decoder.channels[1] = 3;
    spec.code.dimension = 3;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = 5};
    return spec;
}

static struct lat_input_spec image_input(void)
{
    return (struct lat_input_spec){
        .kind = LAT_INPUT_IMAGE, .channels = 2, .height = 7, .width = 6, .dimension = 84};
}

static struct reference_layer dense_layer(size_t in, size_t out, enum reference_activation act)
{
    return (struct reference_layer){
        .kind = REFERENCE_DENSE, .activation = act, .in = in, .out = out};
}

static struct reference_layer conv_layer(enum reference_kind kind, size_t in, size_t out,
                                         enum reference_activation act)
{
    return (struct reference_layer){
        .kind = kind, .activation = act, .in = in, .out = out, .k = 3, .stride = 2};
}

static struct reference dense_reference(void)
{
    struct reference r = {.batch = 6, .n_layers = 6, .bernoulli = 1};
    r.layers[0] = dense_layer(12, 7, REFERENCE_SIGMOID);
    r.layers[1] = dense_layer(7, 5, REFERENCE_SIGMOID);
    r.layers[2] = dense_layer(5, 3, REFERENCE_LINEAR);
    r.layers[3] = dense_layer(3, 5, REFERENCE_SIGMOID);
    r.layers[4] = dense_layer(5, 7, REFERENCE_SIGMOID);
    r.layers[5] = dense_layer(7, 12, REFERENCE_LINEAR);
    reference_init(&r);
    return r;
}

static void set_sizes(struct reference_layer *l, size_t in_h, size_t in_w, size_t out_h,
                      size_t out_w)
{
    l->in_h = in_h;
    l->in_w = in_w;
    l->out_h = out_h;
    l->out_w = out_w;
}

static struct reference conv_reference(void)
{
    struct reference r = {.batch = 5, .n_layers = 8};
    r.layers[0] = conv_layer(REFERENCE_CONV, 2, 3, REFERENCE_ELU);
    r.layers[1] = conv_layer(REFERENCE_CONV, 3, 4, REFERENCE_ELU);
    r.layers[2] = dense_layer(4 * 2 * 2, 8, REFERENCE_ELU);
    r.layers[3] = dense_layer(8, 3, REFERENCE_LINEAR);
    r.layers[4] = dense_layer(3, 8, REFERENCE_ELU);
    r.layers[5] = dense_layer(8, 4 * 2 * 2, REFERENCE_ELU);
    r.layers[6] = conv_layer(REFERENCE_CONV_TRANSPOSE, 4, 3, REFERENCE_ELU);
    r.layers[7] = conv_layer(REFERENCE_CONV_TRANSPOSE, 3, 2, REFERENCE_LINEAR);
    set_sizes(&r.layers[0], 7, 6, 4, 3);
    set_sizes(&r.layers[1], 4, 3, 2, 2);
    set_sizes(&r.layers[6], 2, 2, 4, 3);
    set_sizes(&r.layers[7], 4, 3, 7, 6);
    reference_init(&r);
    return r;
}

static struct lat_step *new_step(const struct lat_spec *spec,
                                 const struct lat_input_spec *input)
{
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_new(engine(), spec, input, 2, &step, &err), LAT_OK, "%s",
                 err.message);
    return step;
}

static void fill_input(struct lat_step *step, size_t n, uint64_t seed)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        lat_step_input(step)[i] = (float)lat_rng_uniform(&rng);
    }
}

/* Biases away from zero, so that their share is tested; the reference gets the same numbers. */
static void share_parameters(struct lat_step *step, struct reference *r)
{
    size_t n_parameters = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n_parameters);
    struct lat_rng rng;
    lat_rng_seed(&rng, 11);
    cr_assert_eq(n_parameters, 2 * r->n_layers);
    for (size_t i = 0; i < n_parameters; i++) {
        size_t n = 0;
        double *to = reference_parameter(r, i, &n);
        float *values = calloc(n, sizeof(float));
        cr_assert_eq(infos[i].n, n, "%s", infos[i].name);
        lat_step_get_parameter(step, i, values);
        for (size_t k = 0; k < n; k++) {
            if (i % 2 == 1) {
                values[k] = (float)(0.2 * lat_rng_normal(&rng));
            }
            to[k] = (double)values[k];
        }
        lat_step_set_parameter(step, i, values);
        free(values);
    }
}

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
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = dense_reference();
    share_parameters(step, &r);
    fill_input(step, 6 * 12, 1);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, convolutional_gradients_agree_with_a_double_precision_reference)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = conv_reference();
    share_parameters(step, &r);
    fill_input(step, 5 * 84, 2);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

/* Sizes at which sums get long enough to lose digits. */
Test(step, gradients_stay_exact_at_real_sizes_dense)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(784);
    spec.encoder.n_hidden = 1;
    spec.encoder.hidden[0] = 200;
    spec.decoder.n_hidden = 1;
    spec.decoder.hidden[0] = 200;
    spec.optimizer.batch = 128;
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = {.batch = 128, .n_layers = 4, .bernoulli = 1};
    r.layers[0] = dense_layer(784, 200, REFERENCE_SIGMOID);
    r.layers[1] = dense_layer(200, 3, REFERENCE_LINEAR);
    r.layers[2] = dense_layer(3, 200, REFERENCE_SIGMOID);
    r.layers[3] = dense_layer(200, 784, REFERENCE_LINEAR);
    reference_init(&r);
    share_parameters(step, &r);
    fill_input(step, (size_t)128 * 784, 1);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, gradients_stay_exact_at_real_sizes_convolutional)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = {
        .kind = LAT_INPUT_IMAGE, .channels = 1, .height = 28, .width = 28, .dimension = 784};
    spec.encoder.n_hidden = 0;
    spec.decoder.n_hidden = 0;
    spec.optimizer.batch = 64;
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = {.batch = 64, .n_layers = 6};
    r.layers[0] = conv_layer(REFERENCE_CONV, 1, 3, REFERENCE_ELU);
    r.layers[1] = conv_layer(REFERENCE_CONV, 3, 4, REFERENCE_ELU);
    r.layers[2] = dense_layer(4 * 7 * 7, 3, REFERENCE_LINEAR);
    r.layers[3] = dense_layer(3, 4 * 7 * 7, REFERENCE_ELU);
    r.layers[4] = conv_layer(REFERENCE_CONV_TRANSPOSE, 4, 3, REFERENCE_ELU);
    r.layers[5] = conv_layer(REFERENCE_CONV_TRANSPOSE, 3, 1, REFERENCE_LINEAR);
    set_sizes(&r.layers[0], 28, 28, 14, 14);
    set_sizes(&r.layers[1], 14, 14, 7, 7);
    set_sizes(&r.layers[4], 7, 7, 14, 14);
    set_sizes(&r.layers[5], 14, 14, 28, 28);
    reference_init(&r);
    share_parameters(step, &r);
    fill_input(step, (size_t)64 * 784, 2);
    compare_gradients(step, &r);
    reference_release(&r);
    lat_step_free(step);
}

static void compare_curves(struct lat_step *step, struct reference *r, size_t n_input)
{
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t t = 0; t < 20; t++) {
        double loss = 0;
        fill_input(step, n_input, 100 + t % 4);
        double expected = reference_backprop(r, lat_step_input(step));
        reference_adam(r, 0.01);
        cr_assert_eq(lat_step_run(step, 0.01, &loss, &err), LAT_OK, "%s", err.message);
        cr_assert_float_eq(loss, expected, 1e-5 * expected, "step %zu: %.9g, not %.9g", t, loss,
                           expected);
    }
}

Test(step, twenty_steps_of_adam_follow_the_reference_dense)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = dense_reference();
    share_parameters(step, &r);
    compare_curves(step, &r, 6 * 12);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, twenty_steps_of_adam_follow_the_reference_convolutional)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = conv_reference();
    share_parameters(step, &r);
    compare_curves(step, &r, 5 * 84);
    reference_release(&r);
    lat_step_free(step);
}

/* --- finite differences for what the reference does not have --------------------------------
 */

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
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    spec.encoder.residual = true;
    spec.encoder.activation = LAT_SILU;
    spec.encoder.kernel = 5;
    spec.decoder.residual = true;
    spec.decoder.activation = LAT_GELU;
    spec.decoder.strides[1] = 3;
    struct lat_step *step = new_step(&spec, &input);
    struct lat_error err = LAT_ERROR_INIT;
    fill_input(step, 5 * 84, 4);
    for (int t = 0; t < 3; t++) { /* away from blocks that start as zero */
        cr_assert_eq(lat_step_run(step, 0.02, NULL, &err), LAT_OK, "%s", err.message);
    }
    check_direction(step);
    lat_step_free(step);
}

Test(step, tied_weights_have_the_right_gradient)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    size_t n = 0;
    spec.encoder.tied = true;
    spec.encoder.activation = LAT_TANH;
    spec.decoder.activation = LAT_TANH;
    spec.optimizer.batch = 5;
    struct lat_step *step = new_step(&spec, &input);
    (void)lat_step_parameters(step, &n);
    cr_assert_eq(n, 9, "3 weights and 6 biases, not %zu", n);
    fill_input(step, 5 * 12, 4);
    check_direction(step);
    lat_step_free(step);
}

Test(step, a_convolutional_encoder_goes_with_a_dense_decoder)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    spec.decoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_TANH, .n_hidden = 1, .hidden = {9}};
    struct lat_step *step = new_step(&spec, &input);
    fill_input(step, 5 * 84, 4);
    check_direction(step);
    lat_step_free(step);
}

Test(step, l2_adds_the_weights_and_leaves_the_biases)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float plain[84], decayed[84], weight[84];
    struct lat_step *step = new_step(&spec, &input);
    fill_input(step, 72, 9);
    cr_assert_eq(lat_step_gradient(step, 0, plain, &err), LAT_OK);
    lat_step_get_parameter(step, 0, weight);
    lat_step_free(step);
    spec.penalties.l2 = 0.5;
    step = new_step(&spec, &input);
    fill_input(step, 72, 9);
    cr_assert_eq(lat_step_gradient(step, 0, decayed, &err), LAT_OK);
    for (size_t k = 0; k < 84; k++) {
        cr_assert_float_eq(decayed[k], plain[k] + 0.5F * weight[k], 1e-6);
    }
    lat_step_free(step);
}

/* The last layer in front of the code is linear, so d(l1)/d(bias) is l1 times the mean sign. */
Test(step, l1_counts_the_absolute_codes)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = NULL;
    const size_t bias = 5; /* code.bias */
    static const float far[3] = {50, -50, 50};
    float gradients[2][3];
    double losses[2];
    for (int i = 0; i < 2; i++) {
        spec.penalties.l1 = i == 0 ? 0 : 0.25;
        step = new_step(&spec, &input);
        size_t n = 0;
        cr_assert_str_eq(lat_step_parameters(step, &n)[bias].name, "code.bias");
        lat_step_set_parameter(step, bias, far);
        fill_input(step, 72, 9);
        cr_assert_eq(lat_step_gradient(step, bias, gradients[i], &err), LAT_OK);
        cr_assert_eq(lat_step_run(step, 0, &losses[i], &err), LAT_OK, "%s", err.message);
        lat_step_free(step);
    }
    for (size_t k = 0; k < 3; k++) {
        cr_assert_float_eq(gradients[1][k] - gradients[0][k], far[k] > 0 ? 0.25 : -0.25, 1e-5);
    }
    cr_assert_float_eq(losses[1] - losses[0], 0.25 * 150, 0.25 * 10);
}

/* --- optimisers -----------------------------------------------------------------------------
 */

/* Parameter 0 after two steps on the same batch, and the two gradients it took. */
static void two_steps(const struct lat_optimizer_spec *optimizer, float w[84], float g[2][84],
                      float before[84])
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    spec.optimizer = *optimizer;
    struct lat_step *step = new_step(&spec, &input);
    fill_input(step, 72, 9);
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
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    spec.optimizer.type = LAT_OPTIMIZER_SGD;
    spec.optimizer.clip = 0.25;
    struct lat_step *step = new_step(&spec, &input);
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    fill_input(step, 72, 9);
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

static void *state_of(struct lat_step *step)
{
    void *state = calloc(1, lat_step_state_len(step));
    lat_step_get_state(step, state);
    return state;
}

static void run_steps(struct lat_step *step, size_t from, size_t to, size_t n_input)
{
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t t = from; t < to; t++) {
        double loss = 0;
        fill_input(step, n_input, t);
        cr_assert_eq(lat_step_run(step, 0.01, t % 3 == 0 ? &loss : NULL, &err), LAT_OK, "%s",
                     err.message);
    }
}

Test(step, the_same_spec_and_seed_give_the_same_weights)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    void *states[2];
    size_t len = 0;
    snprintf(spec.corruption, sizeof(spec.corruption), "masking");
    spec.corruption_level = 0.3;
    for (int i = 0; i < 2; i++) {
        struct lat_step *step = new_step(&spec, &input);
        run_steps(step, 0, 7, 420);
        len = lat_step_state_len(step);
        states[i] = state_of(step);
        lat_step_free(step);
    }
    cr_assert_arr_eq(states[0], states[1], len);
    free(states[0]);
    free(states[1]);
}

Test(step, a_restored_state_goes_on_to_the_bit)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(spec.corruption, sizeof(spec.corruption), "gaussian");
    spec.corruption_level = 0.1;
    struct lat_step *whole = new_step(&spec, &input);
    run_steps(whole, 0, 4, 72);
    void *half = state_of(whole);
    run_steps(whole, 4, 9, 72);
    void *expected = state_of(whole);
    spec.seed++; /* whatever it started from */
    struct lat_step *resumed = new_step(&spec, &input);
    run_steps(resumed, 0, 1, 72);
    size_t len = lat_step_state_len(resumed);
    cr_assert_eq(lat_step_set_state(resumed, half, len, &err), LAT_OK, "%s", err.message);
    run_steps(resumed, 4, 9, 72);
    void *got = state_of(resumed);
    cr_assert_arr_eq(got, expected, len);
    cr_assert_eq(lat_step_set_state(resumed, half, len - 4, &err), LAT_CORRUPT);
    free(half);
    free(expected);
    free(got);
    lat_step_free(whole);
    lat_step_free(resumed);
}

Test(step, an_augmentation_moves_the_target_with_the_input)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    struct lat_error err = LAT_ERROR_INIT;
    float before[420];
    snprintf(spec.augmentation, sizeof(spec.augmentation), "affine");
    spec.augmentation_level = 0.2;
    struct lat_step *step = new_step(&spec, &input);
    fill_input(step, 420, 3);
    memcpy(before, lat_step_input(step), sizeof(before));
    cr_assert_eq(lat_step_run(step, 0.01, NULL, &err), LAT_OK, "%s", err.message);
    cr_assert_arr_neq(lat_step_input(step), before, sizeof(before));
    lat_step_free(step);
}

Test(step, moving_pictures_wants_pictures)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = NULL;
    snprintf(spec.corruption, sizeof(spec.corruption), "affine");
    cr_assert_eq(lat_step_new(engine(), &spec, &input, 1, &step, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "/corruption/type") && strstr(err.message, "vector"), "%s",
              err.message);
}

Test(step, evaluation_counts_only_the_rows_asked_for_and_changes_nothing)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = new_step(&spec, &input);
    struct reference r = dense_reference();
    double all = 0, first = 0;
    fill_input(step, 72, 5);
    share_parameters(step, &r);
    void *before = state_of(step);
    cr_assert_eq(lat_step_evaluate(step, 6, &all, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_step_evaluate(step, 4, &first, &err), LAT_OK, "%s", err.message);
    cr_assert_float_eq(all, 6 * reference_backprop(&r, lat_step_input(step)), 1e-5 * all);
    for (size_t i = 48; i < 72; i++) {
        lat_step_input(step)[i] = 0.5F;
    }
    double again = 0;
    cr_assert_eq(lat_step_evaluate(step, 4, &again, &err), LAT_OK);
    cr_assert_float_eq(first, again, 1e-9);
    void *after = state_of(step);
    cr_assert_arr_eq(before, after, lat_step_state_len(step));
    cr_assert_eq(lat_step_evaluate(step, 7, &again, &err), LAT_INTERNAL);
    free(before);
    free(after);
    reference_release(&r);
    lat_step_free(step);
}

static struct lat_session *open_file(const char *folder, const char *name)
{
    char path[256];
    struct lat_session *session = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_session_options options = {.threads = 1, .optimize = true};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(lat_session_open(engine(), path, &options, &session, &err), LAT_OK, "%s",
                 err.message);
    unlink(path);
    return session;
}

/* Input through the exported pair; the squared error against what evaluation says. */
static double exported_loss(struct lat_step *step, const float *rows, int64_t n,
                            const struct lat_tensor *row, size_t elements)
{
    char folder[] = "/tmp/latentd-step-XXXXXX";
    struct lat_error err = LAT_ERROR_INIT;
    float code[64];
    float *out = calloc((size_t)n * elements, sizeof(float));
    double sum = 0;
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_step_export(step, folder, &err), LAT_OK, "%s", err.message);
    struct lat_session *encoder = open_file(folder, "encoder.onnx");
    struct lat_session *decoder = open_file(folder, "decoder.onnx");
    rmdir(folder);
    size_t n_infos = 0;
    cr_assert_eq(lat_session_inputs(encoder, &n_infos)[0].dims[0], -1, "the batch is open");
    struct lat_tensor in = *row;
    in.dims[0] = n;
    struct lat_tensor image = in;
    struct lat_tensor latent = {
        .name = "code", .dtype = LAT_FLOAT32, .rank = 2, .dims = {n, 3}, .data = code};
    in.data = calloc((size_t)n * elements, sizeof(float));
    memcpy(in.data, rows, (size_t)n * elements * sizeof(float));
    image.name = "output";
    image.data = out;
    cr_assert_eq(lat_session_run(encoder, &in, 1, &latent, 1, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_session_run(decoder, &latent, 1, &image, 1, &err), LAT_OK, "%s",
                 err.message);
    for (size_t i = 0; i < (size_t)n * elements; i++) {
        sum += ((double)out[i] - (double)rows[i]) * ((double)out[i] - (double)rows[i]) / 2;
    }
    lat_session_close(encoder);
    lat_session_close(decoder);
    free(in.data);
    free(out);
    return sum;
}

Test(step, an_exported_pair_reconstructs_any_batch_as_training_does)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = new_step(&spec, &input);
    struct lat_tensor row = {
        .name = "input", .dtype = LAT_FLOAT32, .rank = 4, .dims = {0, 2, 7, 6}};
    run_steps(step, 0, 5, 420);
    cr_assert_eq(lat_step_layout(step), LAT_LAYOUT_NCHW);
    for (int64_t n = 1; n <= 5; n += 2) {
        double expected = 0;
        cr_assert_eq(lat_step_evaluate(step, (size_t)n, &expected, &err), LAT_OK);
        double got = exported_loss(step, lat_step_input(step), n, &row, 84);
        cr_assert_float_eq(got, expected, 1e-5 * expected);
    }
    lat_step_free(step);
}

Test(step, an_exported_pair_does_and_undoes_the_scaling)
{
    struct lat_spec spec = dense_spec();
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float shift[12], scale[12], raw[72];
    spec.likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    struct lat_step *step = new_step(&spec, &input);
    struct lat_tensor row = {.name = "input", .dtype = LAT_FLOAT32, .rank = 2, .dims = {0, 12}};
    run_steps(step, 0, 5, 72);
    for (size_t i = 0; i < 12; i++) {
        shift[i] = (float)i - 4;
        scale[i] = 3;
    }
    for (size_t i = 0; i < 72; i++) {
        raw[i] = lat_step_input(step)[i] * scale[i % 12] + shift[i % 12];
    }
    cr_assert_eq(lat_step_set_scaling(step, shift, scale, &err), LAT_OK);
    double expected = 0;
    cr_assert_eq(lat_step_evaluate(step, 6, &expected, &err), LAT_OK);
    cr_assert_eq(lat_step_layout(step), LAT_LAYOUT_FLAT);
    double got = exported_loss(step, raw, 6, &row, 12);
    cr_assert_float_eq(got, 9 * expected, 1e-4 * 9 * expected);
    lat_step_free(step);
}

Test(step, every_corruption_leaves_the_target_clean)
{
    static const char *const names[] = {"gaussian", "masking", "salt_and_pepper"};
    struct lat_input_spec input = vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float before[72];
    for (size_t i = 0; i < 3; i++) {
        struct lat_spec spec = dense_spec();
        double clean = 0, noisy = 0;
        snprintf(spec.corruption, sizeof(spec.corruption), "%s", names[i]);
        spec.corruption_level = 0.5;
        struct lat_step *step = new_step(&spec, &input);
        fill_input(step, 72, 8);
        memcpy(before, lat_step_input(step), sizeof(before));
        cr_assert_eq(lat_step_evaluate(step, 6, &clean, &err), LAT_OK);
        cr_assert_eq(lat_step_run(step, 0.01, &noisy, &err), LAT_OK, "%s", err.message);
        cr_assert_arr_eq(before, lat_step_input(step), sizeof(before));
        cr_assert_neq(clean / 6, noisy, "%s changed nothing", names[i]);
        lat_step_free(step);
    }
}

Test(step, what_cannot_be_trained_is_refused_by_name)
{
    struct lat_input_spec input = vector_input(12);
    struct lat_step *step = NULL;
    struct lat_spec specs[5];
    static const char *const words[] = {"recurrent", "mixed", "kl_sparsity", "images", "rain"};
    for (size_t i = 0; i < 5; i++) {
        specs[i] = dense_spec();
    }
    specs[0].encoder.type = LAT_NETWORK_RECURRENT;
    specs[1].likelihood = LAT_LIKELIHOOD_MIXED;
    specs[2].penalties.kl_sparsity_weight = 1;
    specs[3] = conv_spec();
    snprintf(specs[4].corruption, sizeof(specs[4].corruption), "rain");
    for (size_t i = 0; i < 5; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_step_new(engine(), &specs[i], &input, 1, &step, &err), LAT_INVALID);
        cr_assert_not_null(strstr(err.message, words[i]), "%s", err.message);
    }
}

Test(step, every_failing_allocation_is_survived)
{
    struct lat_spec spec = conv_spec();
    struct lat_input_spec input = image_input();
    (void)engine();
    for (long n = 1; n < 10000; n += 1 + n / 16) {
        struct lat_step *step = NULL;
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        enum lat_status status = lat_step_new(engine(), &spec, &input, 1, &step, &err);
        bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        if (status == LAT_OK) {
            lat_step_free(step);
        } else {
            cr_assert_eq(status, LAT_NO_MEMORY, "allocation %ld: %s", n, err.message);
        }
        if (!reached) {
            return;
        }
    }
    cr_assert_fail("never got through");
}
