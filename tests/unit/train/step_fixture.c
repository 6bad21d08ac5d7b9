#include "step_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

struct lat_engine *step_engine(void)
{
    static struct lat_engine *one;
    struct lat_error err = LAT_ERROR_INIT;
    if (one == NULL) {
        cr_assert_eq(lat_engine_new(&one, &err), LAT_OK, "%s", err.message);
    }
    return one;
}

/* 12 -> 7 -> 5 -> code 3 -> 5 -> 7 -> 12, batch 6. */
struct lat_spec step_dense_spec(void)
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

struct lat_input_spec step_vector_input(size_t n)
{
    return (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = n};
}

/* 2 channels of 7 x 6, two strided layers (odd sizes on the way), a dense layer, code 3. */
struct lat_spec step_conv_spec(void)
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

struct lat_input_spec step_image_input(void)
{
    return (struct lat_input_spec){
        .kind = LAT_INPUT_IMAGE, .channels = 2, .height = 7, .width = 6, .dimension = 84};
}

struct reference_layer step_dense_layer(size_t in, size_t out, enum reference_activation act)
{
    return (struct reference_layer){
        .kind = REFERENCE_DENSE, .activation = act, .in = in, .out = out};
}

struct reference_layer step_conv_layer(enum reference_kind kind, size_t in, size_t out,
                                       enum reference_activation act)
{
    return (struct reference_layer){
        .kind = kind, .activation = act, .in = in, .out = out, .k = 3, .stride = 2};
}

struct reference step_dense_reference(void)
{
    struct reference r = {.batch = 6, .n_layers = 6, .bernoulli = 1};
    r.layers[0] = step_dense_layer(12, 7, REFERENCE_SIGMOID);
    r.layers[1] = step_dense_layer(7, 5, REFERENCE_SIGMOID);
    r.layers[2] = step_dense_layer(5, 3, REFERENCE_LINEAR);
    r.layers[3] = step_dense_layer(3, 5, REFERENCE_SIGMOID);
    r.layers[4] = step_dense_layer(5, 7, REFERENCE_SIGMOID);
    r.layers[5] = step_dense_layer(7, 12, REFERENCE_LINEAR);
    reference_init(&r);
    return r;
}

void step_set_sizes(struct reference_layer *l, size_t in_h, size_t in_w, size_t out_h,
                    size_t out_w)
{
    l->in_h = in_h;
    l->in_w = in_w;
    l->out_h = out_h;
    l->out_w = out_w;
}

struct reference step_conv_reference(void)
{
    struct reference r = {.batch = 5, .n_layers = 8};
    r.layers[0] = step_conv_layer(REFERENCE_CONV, 2, 3, REFERENCE_ELU);
    r.layers[1] = step_conv_layer(REFERENCE_CONV, 3, 4, REFERENCE_ELU);
    r.layers[2] = step_dense_layer(4 * 2 * 2, 8, REFERENCE_ELU);
    r.layers[3] = step_dense_layer(8, 3, REFERENCE_LINEAR);
    r.layers[4] = step_dense_layer(3, 8, REFERENCE_ELU);
    r.layers[5] = step_dense_layer(8, 4 * 2 * 2, REFERENCE_ELU);
    r.layers[6] = step_conv_layer(REFERENCE_CONV_TRANSPOSE, 4, 3, REFERENCE_ELU);
    r.layers[7] = step_conv_layer(REFERENCE_CONV_TRANSPOSE, 3, 2, REFERENCE_LINEAR);
    step_set_sizes(&r.layers[0], 7, 6, 4, 3);
    step_set_sizes(&r.layers[1], 4, 3, 2, 2);
    step_set_sizes(&r.layers[6], 2, 2, 4, 3);
    step_set_sizes(&r.layers[7], 4, 3, 7, 6);
    reference_init(&r);
    return r;
}

struct lat_step *step_new(const struct lat_spec *spec, const struct lat_input_spec *input)
{
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_new(step_engine(), spec, input, 2, &step, &err), LAT_OK, "%s",
                 err.message);
    return step;
}

void step_fill_input(struct lat_step *step, size_t n, uint64_t seed)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        lat_step_input(step)[i] = (float)lat_rng_uniform(&rng);
    }
}

/* Biases away from zero, so that their share is tested; the reference gets the same numbers. */
void step_share_parameters(struct lat_step *step, struct reference *r)
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

void *step_state_of(struct lat_step *step)
{
    void *state = calloc(1, lat_step_state_len(step));
    lat_step_get_state(step, state);
    return state;
}

void step_run_many(struct lat_step *step, size_t from, size_t to, size_t n_input)
{
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t t = from; t < to; t++) {
        double loss = 0;
        step_fill_input(step, n_input, t);
        cr_assert_eq(lat_step_run(step, 0.01, t % 3 == 0 ? &loss : NULL, &err), LAT_OK, "%s",
                     err.message);
    }
}

/* A new step and one evaluation with allocation `n` failing; whether it came to that. */
static bool try_with_failure(const struct lat_spec *spec, const struct lat_input_spec *input,
                             long n)
{
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    double loss = 0;
    lat_mem_fail_after(n);
    enum lat_status status = lat_step_new(step_engine(), spec, input, 1, &step, &err);
    if (status == LAT_OK)
        status = lat_step_evaluate(step, spec->optimizer.batch, &loss, &err);
    const bool reached = lat_mem_fail_reached();
    lat_mem_fail_never();
    lat_step_free(step);
    cr_assert(status == LAT_OK || (reached && status == LAT_NO_MEMORY), "allocation %ld: %s", n,
              err.message);
    return reached;
}

void step_survives_failing_allocations(const struct lat_spec *spec,
                                       const struct lat_input_spec *input)
{
    enum { ENOUGH = 1000000 };
    (void)step_engine(); /* its own allocations do not count */
    for (long n = 1; n < ENOUGH; n += 1 + n / 16)
        if (!try_with_failure(spec, input, n))
            return;
    cr_assert_fail("never got through");
}
