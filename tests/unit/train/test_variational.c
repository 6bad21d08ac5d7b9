/* Gaussian codes: the divergence against an integral, the bound against a double-precision
 * reference, its gradient against differences of that reference, and where it goes with K. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/train/step_state.h"
#include "step_fixture.h"

enum { IN = 6, HIDDEN = 5, BATCH = 4, LAYERS = 5, MAX_WIDTH = 2, MAX_SAMPLES = 1000 };

static const double PI = 3.14159265358979323846;

static struct lat_spec vae(size_t width, uint32_t samples, enum lat_likelihood likelihood)
{
    struct lat_spec spec = {.seed = 7, .likelihood = likelihood};
    spec.encoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_TANH, .n_hidden = 1, .hidden = {HIDDEN}};
    spec.decoder = spec.encoder;
    spec.code.dimension = width;
    spec.code.type = LAT_CODE_GAUSSIAN;
    spec.code.samples = samples;
    spec.penalties.beta = 1;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = BATCH};
    return spec;
}

/* A step with a batch in its input: zeroes and ones, or any numbers. */
static struct lat_step *step_of(const struct lat_spec *spec)
{
    const struct lat_input_spec input = {.kind = LAT_INPUT_VECTOR, .dimension = IN};
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    cr_assert_eq(lat_step_new(step_engine(), spec, &input, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    lat_rng_seed(&rng, 11);
    for (size_t i = 0; i < BATCH * IN; i++)
        lat_step_input(step)[i] = spec->likelihood == LAT_LIKELIHOOD_BERNOULLI
                                      ? (float)lat_rng_below(&rng, 2)
                                      : (float)lat_rng_normal(&rng);
    return step;
}

/* ---- the reference: the same network in plain loops ---- */

struct plain {
    size_t width, samples;
    double beta;
    bool bernoulli;
    size_t in[LAYERS], out[LAYERS]; /* encoder, mean, log-variance, decoder, output */
    double *values[2 * LAYERS];     /* weight and bias of each, owned */
};

static struct plain plain_of(const struct lat_step *step, double beta)
{
    const struct lat_spec *spec = &step->design.spec;
    const size_t width = spec->code.dimension;
    struct plain r = {.width = width,
                      .samples = spec->code.samples,
                      .beta = beta,
                      .bernoulli = spec->likelihood == LAT_LIKELIHOOD_BERNOULLI,
                      .in = {IN, HIDDEN, HIDDEN, width, HIDDEN},
                      .out = {HIDDEN, width, width, HIDDEN, IN}};
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    cr_assert_eq(n, 2 * LAYERS);
    for (size_t i = 0; i < n; i++) {
        float values[IN * HIDDEN];
        cr_assert_eq(infos[i].n, i % 2 ? r.out[i / 2] : r.in[i / 2] * r.out[i / 2]);
        lat_step_get_parameter(step, i, values);
        r.values[i] = lat_alloc(infos[i].n, sizeof(double));
        for (size_t j = 0; j < infos[i].n; j++)
            r.values[i][j] = (double)values[j];
    }
    return r;
}

static void plain_release(struct plain *r)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(r->values); i++)
        lat_free(r->values[i]);
}

static void layer(const struct plain *r, size_t l, const double *x, bool bend, double *y)
{
    for (size_t o = 0; o < r->out[l]; o++) {
        y[o] = r->values[2 * l + 1][o];
        for (size_t i = 0; i < r->in[l]; i++)
            y[o] += x[i] * r->values[2 * l][i * r->out[l] + o];
        y[o] = bend ? tanh(y[o]) : y[o];
    }
}

/* log p(x|z), constants left out. */
static double log_likelihood(const struct plain *r, const double *x, const double *z)
{
    double h[HIDDEN], y[IN], sum = 0;
    layer(r, 3, z, true, h);
    layer(r, 4, h, false, y);
    for (size_t i = 0; i < IN; i++)
        sum += r->bernoulli ? x[i] * y[i] - log1p(exp(y[i])) : -0.5 * pow(x[i] - y[i], 2);
    return sum;
}

static void encode(const struct plain *r, const double *x, double *mean, double *lv)
{
    double h[HIDDEN];
    layer(r, 0, x, true, h);
    layer(r, 1, h, false, mean);
    layer(r, 2, h, false, lv);
}

/* log of p(z) / q(z|x), and z, for one sample. */
static double draw(size_t width, const double *mean, const double *lv, const float *noise,
                   double *z)
{
    double ratio = 0;
    for (size_t d = 0; d < width; d++) {
        const double e = (double)noise[d], deviation = exp(lv[d] / 2);
        z[d] = mean[d] + deviation * e;
        ratio += -0.5 * z[d] * z[d] + 0.5 * e * e + log(deviation);
    }
    return ratio;
}

/* The loss of the batch: the mean of the negative bounds. */
static double bound(const struct plain *r, const float *rows, const float *noise)
{
    double total = 0;
    for (size_t i = 0; i < BATCH; i++) {
        double x[IN], mean[MAX_WIDTH], lv[MAX_WIDTH], z[MAX_WIDTH], sum = 0, divergence = 0;
        for (size_t j = 0; j < IN; j++)
            x[j] = (double)rows[i * IN + j];
        encode(r, x, mean, lv);
        for (size_t d = 0; d < r->width; d++)
            divergence += 0.5 * (exp(lv[d]) + mean[d] * mean[d] - 1 - lv[d]);
        for (size_t k = 0; k < r->samples; k++) {
            const double ratio =
                draw(r->width, mean, lv, noise + (k * BATCH + i) * r->width, z);
            const double fit = log_likelihood(r, x, z);
            if (r->samples == 1)
                total += r->beta * divergence - fit;
            sum += exp(fit + r->beta * ratio);
        }
        if (r->samples > 1)
            total -= log(sum / (double)r->samples);
    }
    return total / BATCH;
}

/* The loss that the next step reports, weights left as they are. */
static double loss_of(struct lat_step *step)
{
    double loss = 0;
    char *state = lat_alloc_raw(lat_step_state_len(step), 1);
    lat_step_get_state(step, state);
    cr_assert_eq(lat_step_run(step, 0.01, &loss, NULL), LAT_OK);
    cr_assert_eq(lat_step_set_state(step, state, lat_step_state_len(step), NULL), LAT_OK);
    lat_free(state);
    return loss;
}

/* ---- the claims ---- */

static void assert_gradients(struct lat_step *step, struct plain *r)
{
    const double h = 1e-6;
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; i++) {
        float gradient[IN * HIDDEN];
        double off = 0, size = 0;
        cr_assert_eq(lat_step_gradient(step, i, gradient, NULL), LAT_OK);
        for (size_t j = 0; j < infos[i].n; j++) {
            const double kept = r->values[i][j];
            r->values[i][j] = kept + h;
            const double above = bound(r, step->input, step->noise);
            r->values[i][j] = kept - h;
            const double slope = (above - bound(r, step->input, step->noise)) / (2 * h);
            r->values[i][j] = kept;
            off += pow((double)gradient[j] - slope, 2);
            size += slope * slope;
        }
        cr_assert_gt(size, 0, "%s has a gradient", infos[i].name);
        cr_assert_leq(sqrt(off / size), 2e-5, "%s: off by %g", infos[i].name, sqrt(off / size));
    }
}

Test(variational, loss_and_gradient_of_the_bound_agree_with_a_reference)
{
    static const enum lat_likelihood likelihoods[] = {LAT_LIKELIHOOD_BERNOULLI,
                                                      LAT_LIKELIHOOD_GAUSSIAN};
    static const uint32_t samples[] = {1, 2, 5};
    static const double betas[] = {1, 0.3};
    for (size_t i = 0; i < 2 * 3 * 2; i++) {
        const struct lat_spec spec = vae(2, samples[i % 3], likelihoods[i / 3 % 2]);
        const double beta = betas[i / 6];
        struct lat_step *step = step_of(&spec);
        lat_step_set_divergence(step, beta);
        struct plain r = plain_of(step, beta);
        const double loss = loss_of(step);
        cr_assert_float_eq(loss, bound(&r, step->input, step->noise), 1e-5 * loss,
                           "%u samples, beta %g", spec.code.samples, beta);
        assert_gradients(step, &r);
        plain_release(&r);
        lat_step_free(step);
    }
}

/* Sets mean and log-variance of every item to the same numbers. */
static void fix_code(struct lat_step *step, float mean, float lv)
{
    static const float zeroes[IN * HIDDEN];
    lat_step_set_parameter(step, 2, zeroes);
    lat_step_set_parameter(step, 3, (float[MAX_WIDTH]){mean, mean});
    lat_step_set_parameter(step, 4, zeroes);
    lat_step_set_parameter(step, 5, (float[MAX_WIDTH]){lv, lv});
}

static double evaluated(struct lat_step *step)
{
    double sum = 0;
    cr_assert_eq(lat_step_evaluate(step, BATCH, &sum, NULL), LAT_OK);
    return sum / BATCH;
}

/* The integral of q log(q / p) over a line, by the trapezoid rule. */
static double divergence(double mean, double lv)
{
    const double deviation = exp(lv / 2), step = deviation / 200;
    double sum = 0;
    for (double z = mean - 12 * deviation; z < mean + 12 * deviation; z += step) {
        const double q = exp(-0.5 * pow((z - mean) / deviation, 2)) / deviation;
        const double ratio = -0.5 * pow((z - mean) / deviation, 2) - lv / 2 + 0.5 * z * z;
        sum += q / sqrt(2 * PI) * ratio * step;
    }
    return sum;
}

Test(variational, the_divergence_is_the_integral)
{
    static const float cases[][2] = {{0, 0}, {1.5F, 0}, {0, -2}, {-0.7F, 1.2F}, {2, -4}};
    struct lat_spec with = vae(2, 1, LAT_LIKELIHOOD_GAUSSIAN), without = with;
    without.penalties.beta = 0;
    struct lat_step *a = step_of(&with), *b = step_of(&without);
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        fix_code(a, cases[i][0], cases[i][1]);
        fix_code(b, cases[i][0], cases[i][1]);
        lat_step_begin_evaluation(a, false);
        lat_step_begin_evaluation(b, false);
        const double got = evaluated(a) - evaluated(b);
        const double want = 2 * divergence((double)cases[i][0], (double)cases[i][1]);
        cr_assert_float_eq(got, want, 1e-4 * (1 + want), "%g is not %g", got, want);
    }
    lat_step_free(a);
    lat_step_free(b);
}

/* The mean of the bounds over many draws. */
static double average(const struct lat_spec *spec, size_t draws)
{
    struct lat_step *step = step_of(spec);
    double sum = 0;
    fix_code(step, 0.3F, 0.2F); /* wider than the prior: no sample weighs without bound */
    lat_step_begin_evaluation(step, false);
    for (size_t i = 0; i < draws; i++)
        sum += evaluated(step);
    lat_step_free(step);
    return sum / (double)draws;
}

/* -log p(x) of the batch, averaged: the integral over a code of one number. */
static double exact(const struct lat_spec *spec)
{
    struct lat_step *step = step_of(spec);
    struct plain r = plain_of(step, 1);
    double total = 0;
    for (size_t i = 0; i < BATCH; i++) {
        double x[IN], sum = 0;
        for (size_t j = 0; j < IN; j++)
            x[j] = (double)step->input[i * IN + j];
        for (double z = -12; z < 12; z += 1e-3)
            sum += exp(log_likelihood(&r, x, &z) - 0.5 * z * z) / sqrt(2 * PI) * 1e-3;
        total -= log(sum);
    }
    plain_release(&r);
    lat_step_free(step);
    return total / BATCH;
}

Test(variational, the_bound_grows_with_the_samples_towards_the_likelihood)
{
    static const uint32_t samples[] = {1, 2, 10, MAX_SAMPLES};
    const struct lat_spec one = vae(1, 1, LAT_LIKELIHOOD_BERNOULLI);
    const double least = exact(&one);
    double before = INFINITY;
    for (size_t i = 0; i < LAT_ARRAY_LEN(samples); i++) {
        const struct lat_spec spec = vae(1, samples[i], LAT_LIKELIHOOD_BERNOULLI);
        const double loss = average(&spec, 4000 / samples[i] + 40);
        cr_assert_lt(loss, before, "%u samples", samples[i]);
        cr_assert_gt(loss, least - 0.01, "%u samples", samples[i]);
        before = loss;
    }
    cr_assert_float_eq(before, least, 0.01, "%g is far from %g", before, least);
}

/* With all its samples alike the importance-weighted bound is that of one sample, and its mean
 * over draws the evidence lower bound: only the divergence is drawn instead of known. */
Test(variational, the_importance_weighted_bound_of_one_sample_is_the_evidence_lower_bound)
{
    const struct lat_spec single = vae(2, 1, LAT_LIKELIHOOD_BERNOULLI),
                          pair = vae(2, 2, LAT_LIKELIHOOD_BERNOULLI);
    struct lat_step *a = step_of(&single), *b = step_of(&pair);
    double sum = 0, squares = 0;
    const size_t n = 2000;
    fix_code(a, 0.5F, -1);
    fix_code(b, 0.5F, -1);
    lat_step_begin_evaluation(a, false);
    for (size_t i = 0; i < n; i++) {
        double difference = evaluated(a);
        memcpy(b->noise, a->noise, a->n_noise * sizeof(float));
        memcpy(b->noise + a->n_noise, a->noise, a->n_noise * sizeof(float));
        b->beta = 1;
        cr_assert_eq(lat_step_run_program(b, LAT_STEP_EVALUATE, NULL), LAT_OK);
        for (size_t j = 0; j < BATCH; j++)
            difference -= (double)b->losses[j] / BATCH;
        sum += difference;
        squares += difference * difference;
    }
    const double mean = sum / (double)n, error = sqrt(squares) / (double)n;
    cr_assert_gt(error, 0);
    cr_assert_lt(fabs(mean), 4 * error, "off by %g, its standard error is %g", mean, error);
    lat_step_free(a);
    lat_step_free(b);
}

Test(variational, an_evaluation_draws_the_same_codes_again_and_a_step_others)
{
    const struct lat_spec spec = vae(2, 3, LAT_LIKELIHOOD_BERNOULLI);
    struct lat_step *step = step_of(&spec);
    float first[3 * BATCH * 2];
    lat_step_begin_evaluation(step, false);
    const double loss = evaluated(step);
    memcpy(first, step->noise, sizeof(first));
    cr_assert_neq(evaluated(step), loss, "the next batch of a pass has its own draw");
    cr_assert_eq(lat_step_run(step, 0, NULL, NULL), LAT_OK);
    cr_assert_neq(memcmp(first, step->noise, sizeof(first)), 0);
    lat_step_begin_evaluation(step, false);
    cr_assert_eq(evaluated(step), loss);
    lat_step_free(step);
}

Test(variational, evaluation_at_the_mean_is_the_error_of_the_mean_alone)
{
    const struct lat_spec spec = vae(2, 4, LAT_LIKELIHOOD_BERNOULLI);
    struct lat_step *step = step_of(&spec);
    struct plain r = plain_of(step, 0);
    const float noise[4 * BATCH * 2] = {0};
    lat_step_begin_evaluation(step, true);
    const double want = bound(&r, step->input, noise);
    cr_assert_float_eq(evaluated(step), want, 1e-5 * want);
    plain_release(&r);
    lat_step_free(step);
}

Test(variational, codes_are_drawn_on_for_convolutional_networks_too)
{
    struct lat_spec spec = vae(3, 2, LAT_LIKELIHOOD_BERNOULLI);
    const struct lat_input_spec input = {
        .kind = LAT_INPUT_IMAGE, .channels = 1, .height = 8, .width = 8, .dimension = 64};
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    double first = 0, last = 0;
    spec.encoder = (struct lat_network_spec){.type = LAT_NETWORK_CONVOLUTIONAL,
                                             .activation = LAT_TANH,
                                             .n_channels = 1,
                                             .channels = {3},
                                             .strides = {2},
                                             .kernel = 3};
    spec.decoder = spec.encoder;
    cr_assert_eq(lat_step_new(step_engine(), &spec, &input, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    for (size_t i = 0; i < BATCH * 64; i++)
        lat_step_input(step)[i] = (float)(i / 8 % 2);
    cr_assert_eq(lat_step_run(step, 0.01, &first, &err), LAT_OK, "%s", err.message);
    for (size_t i = 0; i < 30; i++)
        cr_assert_eq(lat_step_run(step, 0.01, &last, &err), LAT_OK, "%s", err.message);
    cr_assert_lt(last, first / 2);
    lat_step_free(step);
}

/* Positive rows that add up to more than 1: what every likelihood takes. */
Test(variational, every_likelihood_and_sampling_is_trained)
{
    size_t n = 0;
    for (int id = LAT_LIKELIHOOD_GAUSSIAN; id <= LAT_LIKELIHOOD_CODEAN; id++) {
        if (lat_likelihood_find((enum lat_likelihood)id) == NULL || id == LAT_LIKELIHOOD_MIXED)
            continue;
        for (uint32_t samples = 1; samples <= 3; samples += 2, n++) {
            const struct lat_spec spec = vae(2, samples, (enum lat_likelihood)id);
            struct lat_step *step = step_of(&spec);
            for (size_t i = 0; i < BATCH * IN; i++)
                lat_step_input(step)[i] = (float)((i * i) % 3) / 2;
            lat_step_begin_evaluation(step, false);
            const double before = evaluated(step);
            for (size_t i = 0; i < 200; i++)
                cr_assert_eq(lat_step_run(step, 0.01, NULL, NULL), LAT_OK);
            lat_step_begin_evaluation(step, false);
            cr_assert_lt(evaluated(step), before, "%s", lat_likelihood_names[id]);
            lat_step_free(step);
        }
    }
    cr_assert_geq(n, 4);
}

Test(variational, every_failing_allocation_is_survived)
{
    const struct lat_spec spec = vae(2, 3, LAT_LIKELIHOOD_BERNOULLI);
    const struct lat_input_spec input = {.kind = LAT_INPUT_VECTOR, .dimension = IN};
    step_survives_failing_allocations(&spec, &input);
}
