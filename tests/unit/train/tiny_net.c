#include "tiny_net.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "step_fixture.h"

struct lat_spec tiny_spec(size_t code, enum lat_activation activation)
{
    struct lat_spec spec = {.seed = 4, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = (struct lat_network_spec){.type = LAT_NETWORK_DENSE,
                                             .activation = LAT_TANH,
                                             .n_hidden = 1,
                                             .hidden = {TINY_HIDDEN}};
    spec.decoder = spec.encoder;
    spec.code.dimension = code;
    spec.code.activation = activation;
    spec.code.samples = 1;
    spec.optimizer =
        (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_SGD, .batch = TINY_BATCH};
    return spec;
}

struct lat_input_spec tiny_input(void)
{
    return (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = TINY_IN};
}

struct lat_step *tiny_step_on(const struct lat_spec *spec, enum lat_input_kind kind)
{
    struct lat_input_spec input = tiny_input();
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    float values[TINY_HIDDEN * TINY_CODE_MAX];
    size_t n = 0;
    input.kind = kind;
    cr_assert_eq(lat_step_new(step_engine(), spec, &input, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    lat_rng_seed(&rng, 9);
    for (size_t i = 1; i < n; i += 2) {
        for (size_t k = 0; k < infos[i].n; k++)
            values[k] = (float)(0.3 * lat_rng_normal(&rng));
        lat_step_set_parameter(step, i, values);
    }
    return step;
}

struct lat_step *tiny_step(const struct lat_spec *spec)
{
    return tiny_step_on(spec, LAT_INPUT_VECTOR);
}

void tiny_fill(struct lat_step *step, uint64_t seed)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < TINY_BATCH * TINY_IN; i++)
        lat_step_input(step)[i] = (float)lat_rng_uniform(&rng);
}

double *tiny_parameter(struct tiny_net *net, size_t i)
{
    return i % 2 == 0 ? net->w[i / 2] : net->b[i / 2];
}

void tiny_read(const struct lat_step *step, const struct lat_spec *spec,
               struct tiny_net *out_net)
{
    float values[TINY_HIDDEN * TINY_CODE_MAX];
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    memset(out_net, 0, sizeof(*out_net));
    out_net->code = spec->code.dimension;
    out_net->activation = spec->code.activation;
    out_net->keep = spec->penalties.k_sparse;
    cr_assert_eq(n, 8);
    cr_assert_str_eq(infos[2].name, "code.weight");
    for (size_t i = 0; i < n; i++) {
        lat_step_get_parameter(step, i, values);
        for (size_t k = 0; k < infos[i].n; k++)
            tiny_parameter(out_net, i)[k] = (double)values[k];
    }
}

static void layer(const struct tiny_net *net, size_t which, const double *x, size_t n_in,
                  double *out, size_t n_out)
{
    for (size_t j = 0; j < n_out; j++) {
        out[j] = net->b[which][j];
        for (size_t i = 0; i < n_in; i++)
            out[j] += x[i] * net->w[which][i * n_out + j];
    }
}

static double activate(enum lat_activation activation, double x)
{
    if (activation == LAT_SIGMOID)
        return 1 / (1 + exp(-x));
    return activation == LAT_TANH ? tanh(x) : x;
}

void tiny_encode(const struct tiny_net *net, const double *x, double *out_code)
{
    double hidden[TINY_HIDDEN], raw[TINY_CODE_MAX];
    layer(net, 0, x, TINY_IN, hidden, TINY_HIDDEN);
    for (size_t i = 0; i < TINY_HIDDEN; i++)
        hidden[i] = tanh(hidden[i]);
    layer(net, 1, hidden, TINY_HIDDEN, raw, net->code);
    for (size_t j = 0; j < net->code; j++) {
        size_t larger = 0;
        for (size_t i = 0; i < net->code; i++)
            larger += raw[i] > raw[j];
        out_code[j] = net->keep && larger >= net->keep ? 0 : activate(net->activation, raw[j]);
    }
}

void tiny_decode(const struct tiny_net *net, const double *code, double *out_x)
{
    double hidden[TINY_HIDDEN];
    layer(net, 2, code, net->code, hidden, TINY_HIDDEN);
    for (size_t i = 0; i < TINY_HIDDEN; i++)
        hidden[i] = tanh(hidden[i]);
    layer(net, 3, hidden, TINY_HIDDEN, out_x, TINY_IN);
}

double tiny_loss(struct lat_step *step)
{
    struct lat_error err = LAT_ERROR_INIT;
    double loss = 0;
    cr_assert_eq(lat_step_run(step, 0, &loss, &err), LAT_OK, "%s", err.message);
    return loss;
}
