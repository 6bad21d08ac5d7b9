/* Each likelihood: the graph's value against the plain loops of row_nll.c, which packages are
 * measured with, and its gradient against differences of those. */
#include <criterion/criterion.h>
#include <math.h>

#include "model/row_nll.h"
#include "tiny_net.h"

static const enum lat_likelihood likelihoods[] = {
    LAT_LIKELIHOOD_GAUSSIAN, LAT_LIKELIHOOD_BERNOULLI, LAT_LIKELIHOOD_STUDENT_T,
    LAT_LIKELIHOOD_MULTINOMIAL, LAT_LIKELIHOOD_CODEAN};

/* What an exported decoder makes of its linear output. */
static void mean_of(enum lat_likelihood likelihood, const double *linear, float *out)
{
    double sum = 0;
    for (size_t i = 0; i < TINY_IN; i++)
        sum += exp(linear[i]);
    for (size_t i = 0; i < TINY_IN; i++)
        out[i] = (float)(likelihood == LAT_LIKELIHOOD_BERNOULLI     ? 1 / (1 + exp(-linear[i]))
                         : likelihood == LAT_LIKELIHOOD_MULTINOMIAL ? exp(linear[i]) / sum
                                                                    : linear[i]);
}

/* The batch's loss with all in double but the rounding to floats of mean_of. */
static double reference_loss(const struct tiny_net *net, enum lat_likelihood likelihood,
                             const float *rows)
{
    double sum = 0;
    for (size_t i = 0; i < TINY_BATCH; i++) {
        double x[TINY_IN], code[TINY_CODE_MAX], linear[TINY_IN];
        float output[TINY_IN];
        for (size_t k = 0; k < TINY_IN; k++)
            x[k] = (double)rows[i * TINY_IN + k];
        tiny_encode(net, x, code);
        tiny_decode(net, code, linear);
        mean_of(likelihood, linear, output);
        sum += lat_row_nll(likelihood, rows + i * TINY_IN, output, TINY_IN);
    }
    return sum;
}

Test(likelihoods, the_graph_and_the_plain_loops_agree)
{
    for (size_t l = 0; l < LAT_ARRAY_LEN(likelihoods); l++) {
        struct lat_spec spec = tiny_spec(3, LAT_LINEAR);
        struct lat_error err = LAT_ERROR_INIT;
        struct tiny_net net;
        double got = 0;
        spec.likelihood = likelihoods[l];
        struct lat_step *step = tiny_step(&spec);
        tiny_fill(step, 20 + l);
        tiny_read(step, &spec, &net);
        const double expected = reference_loss(&net, likelihoods[l], lat_step_input(step));
        cr_assert_eq(lat_step_evaluate(step, TINY_BATCH, &got, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_float_eq(got, expected, 1e-5 * fabs(expected), "%s: %g, not %g",
                           lat_likelihood_names[likelihoods[l]], got, expected);
        lat_step_free(step);
    }
}

Test(likelihoods, gradients_agree_with_differences)
{
    const double h = 0.01;
    for (size_t l = 0; l < LAT_ARRAY_LEN(likelihoods); l++) {
        struct lat_spec spec = tiny_spec(3, LAT_LINEAR);
        struct lat_error err = LAT_ERROR_INIT;
        struct tiny_net net;
        float got[TINY_HIDDEN * TINY_IN];
        spec.likelihood = likelihoods[l];
        struct lat_step *step = tiny_step(&spec);
        tiny_fill(step, 30 + l);
        tiny_read(step, &spec, &net);
        cr_assert_eq(lat_step_gradient(step, 6, got, &err), LAT_OK, "%s", err.message);
        for (size_t k = 0; k < TINY_HIDDEN * TINY_IN; k++) {
            double *weight = &tiny_parameter(&net, 6)[k], kept = *weight;
            *weight = kept + h;
            const double up = reference_loss(&net, likelihoods[l], lat_step_input(step));
            *weight = kept - h;
            const double down = reference_loss(&net, likelihoods[l], lat_step_input(step));
            *weight = kept;
            cr_assert_float_eq(got[k], (up - down) / (2 * h) / TINY_BATCH, 1e-3,
                               "%s: output.weight[%zu]", lat_likelihood_names[likelihoods[l]],
                               k);
        }
        lat_step_free(step);
    }
}

Test(likelihoods, an_outlier_pulls_a_student_t_less_than_a_gaussian)
{
    const float target[1] = {0}, near[1] = {1}, far[1] = {100}, farther[1] = {101};
    const double slope_near = lat_row_nll(LAT_LIKELIHOOD_STUDENT_T, target, near, 1);
    const double slope_far = lat_row_nll(LAT_LIKELIHOOD_STUDENT_T, target, farther, 1) -
                             lat_row_nll(LAT_LIKELIHOOD_STUDENT_T, target, far, 1);
    cr_assert_gt(slope_near, 0.5);
    cr_assert_lt(slope_far, 0.05);
    cr_assert(isnan(lat_row_nll(LAT_LIKELIHOOD_MIXED, target, near, 1)));
}

Test(likelihoods, codean_is_half_the_mean_squared_error_and_the_cosine_distance_an_element)
{
    const float target[2] = {3, 0}, across[2] = {0, 4}, along[2] = {6, 0};
    cr_assert_float_eq(lat_row_nll(LAT_LIKELIHOOD_CODEAN, target, across, 2),
                       0.5 * (9 + 16) + 0.5 * 2 * 1, 1e-6);
    cr_assert_float_eq(lat_row_nll(LAT_LIKELIHOOD_CODEAN, target, along, 2), 0.5 * 9, 1e-6);
}
