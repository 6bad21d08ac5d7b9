/* Networks over sequences: cells against plain loops in double precision, every gradient
 * against finite differences, and the exported graphs at another batch. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "step_fixture.h"

enum { BATCH = 3, LENGTH = 5, FEATURES = 2, ELEMENTS = LENGTH * FEATURES, MAX_WEIGHTS = 4096 };

static const struct lat_input_spec sequences = {
    .kind = LAT_INPUT_SEQUENCE, .length = LENGTH, .features = FEATURES, .dimension = ELEMENTS};

static struct lat_network_spec recurrent(enum lat_cell cell, uint32_t first, uint32_t second)
{
    return (struct lat_network_spec){.type = LAT_NETWORK_RECURRENT,
                                     .cell = cell,
                                     .n_hidden = second > 0 ? 2 : 1,
                                     .hidden = {first, second}};
}

static struct lat_network_spec dense(uint32_t width)
{
    return (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_TANH, .n_hidden = 1, .hidden = {width}};
}

static struct lat_network_spec convolutional(uint32_t first, uint32_t second)
{
    return (struct lat_network_spec){.type = LAT_NETWORK_CONVOLUTIONAL,
                                     .activation = LAT_TANH,
                                     .n_channels = 2,
                                     .channels = {first, second},
                                     .strides = {2, 2},
                                     .kernel = 3,
                                     .residual = true};
}

static struct lat_spec pair(struct lat_network_spec encoder, struct lat_network_spec decoder)
{
    struct lat_spec spec = {.seed = 3, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = encoder;
    spec.decoder = decoder;
    spec.code.dimension = 3;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = BATCH};
    return spec;
}

static struct lat_step *new_step(const struct lat_spec *spec)
{
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_new(step_engine(), spec, &sequences, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    struct lat_rng rng;
    lat_rng_seed(&rng, 7);
    for (size_t i = 0; i < BATCH * ELEMENTS; i++) {
        lat_step_input(step)[i] = (float)(2 * lat_rng_uniform(&rng) - 1);
    }
    return step;
}

static double loss_of(struct lat_step *step)
{
    struct lat_error err = LAT_ERROR_INIT;
    double sum = 0;
    cr_assert_eq(lat_step_evaluate(step, BATCH, &sum, &err), LAT_OK, "%s", err.message);
    return sum / BATCH;
}

/* Biases start at zero, where some derivatives vanish: every parameter is moved a little. */
static void stir(struct lat_step *step)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    float values[MAX_WEIGHTS];
    struct lat_rng rng;
    lat_rng_seed(&rng, 9);
    for (size_t i = 0; i < n; i++) {
        cr_assert_leq(infos[i].n, MAX_WEIGHTS);
        lat_step_get_parameter(step, i, values);
        for (size_t k = 0; k < infos[i].n; k++) {
            values[k] += (float)(0.4 * lat_rng_uniform(&rng) - 0.2);
        }
        lat_step_set_parameter(step, i, values);
    }
}

static double loss_moved(struct lat_step *step, size_t i, size_t k, float by)
{
    float values[MAX_WEIGHTS];
    lat_step_get_parameter(step, i, values);
    float kept = values[k];
    values[k] = kept + by;
    lat_step_set_parameter(step, i, values);
    double loss = loss_of(step);
    values[k] = kept;
    lat_step_set_parameter(step, i, values);
    return loss;
}

/* Five elements of every parameter, by differences of four points. */
static void check_gradients(struct lat_network_spec encoder, struct lat_network_spec decoder)
{
    const float h = 0.02F;
    struct lat_spec spec = pair(encoder, decoder);
    struct lat_step *step = new_step(&spec);
    struct lat_error err = LAT_ERROR_INIT;
    size_t n = 0;
    stir(step);
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; i++) {
        float gradient[MAX_WEIGHTS];
        cr_assert_eq(lat_step_gradient(step, i, gradient, &err), LAT_OK, "%s", err.message);
        for (size_t k = 0; k < infos[i].n; k += infos[i].n / 5 + 1) {
            double near = loss_moved(step, i, k, h) - loss_moved(step, i, k, -h);
            double far = loss_moved(step, i, k, 2 * h) - loss_moved(step, i, k, -2 * h);
            double expected = (8 * near - far) / (12 * (double)h);
            cr_expect_float_eq((double)gradient[k], expected, 2e-3 * (1 + fabs(expected)),
                               "%s[%zu]: %g, by differences %g", infos[i].name, k,
                               (double)gradient[k], expected);
        }
    }
    lat_step_free(step);
}

Test(train, the_gradients_of_an_lstm_agree_with_finite_differences)
{
    check_gradients(recurrent(LAT_CELL_LSTM, 4, 3), recurrent(LAT_CELL_LSTM, 3, 4));
}

Test(train, the_gradients_of_a_gru_agree_with_finite_differences)
{
    check_gradients(recurrent(LAT_CELL_GRU, 4, 3), recurrent(LAT_CELL_GRU, 3, 4));
}

Test(train, a_recurrent_encoder_goes_with_a_dense_decoder)
{
    check_gradients(recurrent(LAT_CELL_LSTM, 4, 0), dense(6));
}

Test(train, a_dense_encoder_goes_with_a_recurrent_decoder)
{
    check_gradients(dense(6), recurrent(LAT_CELL_GRU, 4, 0));
}

Test(train, a_convolution_along_the_steps_goes_with_a_recurrent_decoder)
{
    check_gradients(convolutional(4, 3), recurrent(LAT_CELL_LSTM, 4, 0));
}

Test(train, the_gradients_of_a_convolution_along_the_steps_agree_with_finite_differences)
{
    check_gradients(convolutional(4, 3), convolutional(3, 4));
}

/* ---- the cells in plain loops ---- */

enum { WIDTH = 4, CODE = 3 };

struct plain {
    struct lat_step *step;
};

static const float *values_of(const struct plain *plain, const char *name, float *out)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(plain->step, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(infos[i].name, name) == 0) {
            lat_step_get_parameter(plain->step, i, out);
            return out;
        }
    }
    cr_assert_fail("no parameter %s", name);
    return NULL;
}

static double squash(double x)
{
    return 1 / (1 + exp(-x));
}

/* a [rows] times column `column` of w [rows][columns]. */
static double product(const double *a, size_t rows, const float *w, size_t columns,
                      size_t column)
{
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
        sum += a[i] * (double)w[i * columns + column];
    }
    return sum;
}

static void step_lstm(const double *x, size_t in, const float *w, const float *u,
                      const float *b, double *h, double *c)
{
    double z[4 * WIDTH];
    for (size_t j = 0; j < 4 * WIDTH; j++) {
        double held = j / WIDTH == 1 ? 1 : 0;
        z[j] = product(x, in, w, 4 * WIDTH, j) + product(h, WIDTH, u, 4 * WIDTH, j) +
               (double)b[j] + held;
    }
    for (size_t j = 0; j < WIDTH; j++) {
        double open = squash(z[j]);
        double forget = squash(z[WIDTH + j]);
        c[j] = forget * c[j] + open * tanh(z[3 * WIDTH + j]);
        h[j] = squash(z[2 * WIDTH + j]) * tanh(c[j]);
    }
}

static void step_gru(const double *x, size_t in, const float *w, const float *u, const float *b,
                     const float *a, double *h)
{
    double next[WIDTH];
    for (size_t j = 0; j < WIDTH; j++) {
        double from[3];
        double own[3];
        for (size_t g = 0; g < 3; g++) {
            size_t column = g * WIDTH + j;
            from[g] = product(x, in, w, 3 * WIDTH, column) + (double)b[column];
            own[g] = product(h, WIDTH, u, 3 * WIDTH, column);
        }
        double reset = squash(from[0] + own[0]);
        double keep = squash(from[1] + own[1]);
        double n = tanh(from[2] + reset * (own[2] + (double)a[j]));
        next[j] = (1 - keep) * n + keep * h[j];
    }
    memcpy(h, next, sizeof(next));
}

static void step_plain(const struct plain *plain, const char *side, bool lstm, const double *x,
                       size_t in, double *h, double *c)
{
    static const char *const parts[] = {"weight", "recurrent", "bias", "candidate"};
    static float values[4][MAX_WEIGHTS];
    for (size_t i = 0; i < (lstm ? 3 : 4); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s.%s.0.%s", side, lstm ? "lstm" : "gru", parts[i]);
        values_of(plain, name, values[i]);
    }
    if (lstm) {
        step_lstm(x, in, values[0], values[1], values[2], h, c);
    } else {
        step_gru(x, in, values[0], values[1], values[2], values[3], h);
    }
}

/* Half the squared error of one item. */
static double plain_loss(const struct plain *plain, const float *item, bool lstm)
{
    double h[WIDTH] = {0}, c[WIDTH] = {0}, code[CODE], loss = 0;
    static float w[MAX_WEIGHTS], b[MAX_WEIGHTS];
    for (size_t t = 0; t < LENGTH; t++) {
        const double x[FEATURES] = {(double)item[t * FEATURES], (double)item[t * FEATURES + 1]};
        step_plain(plain, "encoder", lstm, x, FEATURES, h, c);
    }
    values_of(plain, "code.weight", w);
    values_of(plain, "code.bias", b);
    for (size_t j = 0; j < CODE; j++) {
        code[j] = product(h, WIDTH, w, CODE, j) + (double)b[j];
    }
    memset(h, 0, sizeof(h));
    memset(c, 0, sizeof(c));
    values_of(plain, "output.weight", w);
    values_of(plain, "output.bias", b);
    for (size_t t = LENGTH; t-- > 0;) {
        step_plain(plain, "decoder", lstm, code, CODE, h, c);
        for (size_t f = 0; f < FEATURES; f++) {
            double out = product(h, WIDTH, w, FEATURES, f) + (double)b[f];
            double d = out - (double)item[t * FEATURES + f];
            loss += 0.5 * d * d;
        }
    }
    return loss;
}

static void check_loss(enum lat_cell cell)
{
    struct lat_spec spec = pair(recurrent(cell, WIDTH, 0), recurrent(cell, WIDTH, 0));
    struct plain plain = {.step = new_step(&spec)};
    double expected = 0;
    stir(plain.step);
    for (size_t i = 0; i < BATCH; i++) {
        expected += plain_loss(&plain, lat_step_input(plain.step) + i * ELEMENTS,
                               cell == LAT_CELL_LSTM) /
                    BATCH;
    }
    cr_assert_float_eq(loss_of(plain.step), expected, 1e-5 * expected);
    lat_step_free(plain.step);
}

Test(train, an_lstm_is_what_its_formula_says)
{
    check_loss(LAT_CELL_LSTM);
}

Test(train, a_gru_is_what_its_formula_says)
{
    check_loss(LAT_CELL_GRU);
}

/* ---- export ---- */

static struct lat_session *open_side(const char *folder, const char *file)
{
    char path[128];
    struct lat_session *session = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_session_options options = {.threads = 1, .optimize = true};
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    cr_assert_eq(lat_session_open(step_engine(), path, &options, &session, &err), LAT_OK, "%s",
                 err.message);
    unlink(path);
    return session;
}

/* The squared error of `n` items through the files, halved as the loss is. */
static double exported_loss(const char *folder, float *rows, size_t n)
{
    float codes[8 * CODE], out[8 * ELEMENTS];
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_tensor input = {.name = "input",
                               .dtype = LAT_FLOAT32,
                               .rank = 3,
                               .dims = {(int64_t)n, LENGTH, FEATURES},
                               .data = rows};
    struct lat_tensor code = {.name = "code",
                              .dtype = LAT_FLOAT32,
                              .rank = 2,
                              .dims = {(int64_t)n, CODE},
                              .data = codes};
    struct lat_tensor output = input;
    output.name = "output";
    output.data = out;
    struct lat_session *encoder = open_side(folder, "encoder.onnx");
    struct lat_session *decoder = open_side(folder, "decoder.onnx");
    cr_assert_eq(lat_session_run(encoder, &input, 1, &code, 1, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_session_run(decoder, &code, 1, &output, 1, &err), LAT_OK, "%s",
                 err.message);
    lat_session_close(encoder);
    lat_session_close(decoder);
    double loss = 0;
    for (size_t i = 0; i < n * ELEMENTS; i++) {
        double d = (double)out[i] - (double)rows[i];
        loss += 0.5 * d * d;
    }
    return loss;
}

static void check_export(struct lat_network_spec encoder, struct lat_network_spec decoder)
{
    char folder[] = "/tmp/latentd-recurrent-XXXXXX";
    float rows[7 * ELEMENTS];
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_spec spec = pair(encoder, decoder);
    struct lat_step *step = new_step(&spec);
    stir(step);
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_step_export(step, folder, &err), LAT_OK, "%s", err.message);
    for (size_t i = 0; i < 7 * ELEMENTS; i++) { /* the batch, over and over */
        rows[i] = lat_step_input(step)[i % (BATCH * ELEMENTS)];
    }
    double expected = 2 * BATCH * loss_of(step);
    double sum = 0;
    cr_assert_eq(lat_step_evaluate(step, 1, &sum, &err), LAT_OK);
    double got = exported_loss(folder, rows, 7);
    cr_assert_float_eq(got, expected + sum, 1e-4 * expected);
    rmdir(folder);
    lat_step_free(step);
}

Test(train, exported_recurrent_networks_take_any_batch)
{
    check_export(recurrent(LAT_CELL_LSTM, 4, 3), recurrent(LAT_CELL_GRU, 3, 4));
}

Test(train, exported_convolutions_along_the_steps_take_any_batch)
{
    check_export(convolutional(4, 3), convolutional(3, 4));
}

Test(train, too_long_a_sequence_is_refused_with_the_limit)
{
    struct lat_spec spec = pair(recurrent(LAT_CELL_LSTM, 4, 0), dense(4));
    struct lat_input_spec input = sequences;
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    input.length = 1025;
    input.dimension = (size_t)1025 * FEATURES;
    cr_assert_eq(lat_step_new(step_engine(), &spec, &input, 1, &step, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "at most 1024 steps"), "%s", err.message);
}

Test(train, a_recurrent_step_survives_every_failing_allocation)
{
    struct lat_spec spec = pair(recurrent(LAT_CELL_LSTM, 4, 0), recurrent(LAT_CELL_GRU, 4, 0));
    step_survives_failing_allocations(&spec, &sequences);
}
