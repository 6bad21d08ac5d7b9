/* Penalties against the formulas they stand for: the net in double precision (tiny_net.c), its
 * Jacobian by finite differences. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "step_fixture.h"
#include "tiny_net.h"

/* The code of a row, over its length first where it is a history. */
static void encode(const struct tiny_net *net, const double *row, bool history, double *code)
{
    double squares = 0, x[TINY_IN];
    for (size_t k = 0; k < TINY_IN; k++)
        squares += row[k] * row[k];
    for (size_t k = 0; k < TINY_IN; k++)
        x[k] = history ? row[k] / sqrt(squares) : row[k];
    tiny_encode(net, x, code);
}

/* The mean over the batch of the squared norm of the Jacobian, all by differences. */
static double norm_of(const struct tiny_net *net, const float *rows, bool histories)
{
    const double h = 1e-4;
    double sum = 0;
    for (size_t i = 0; i < TINY_BATCH; i++)
        for (size_t e = 0; e < TINY_IN; e++) {
            double x[TINY_IN], up[TINY_CODE_MAX], down[TINY_CODE_MAX];
            for (size_t k = 0; k < TINY_IN; k++)
                x[k] = (double)rows[i * TINY_IN + k];
            x[e] += h;
            encode(net, x, histories, up);
            x[e] -= 2 * h;
            encode(net, x, histories, down);
            for (size_t j = 0; j < net->code; j++)
                sum += pow((up[j] - down[j]) / (2 * h), 2);
        }
    return sum / TINY_BATCH;
}

static double dense_norm(const struct tiny_net *net, const float *rows)
{
    return norm_of(net, rows, false);
}

static void gradient_of(struct lat_step *step, size_t i, float *out)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_gradient(step, i, out, &err), LAT_OK, "%s", err.message);
}

Test(penalties, the_contractive_norm_and_its_gradient_are_those_of_a_dense_jacobian)
{
    enum { UNITS = 3, MOST = TINY_HIDDEN * TINY_IN };
    const double weight = 0.7, h = 1e-4;
    struct lat_spec spec = tiny_spec(UNITS, LAT_SIGMOID);
    struct lat_step *plain = tiny_step(&spec);
    spec.penalties.contractive = weight;
    struct lat_step *step = tiny_step(&spec);
    struct tiny_net net;
    tiny_fill(plain, 2);
    tiny_fill(step, 2);
    tiny_read(step, &spec, &net);
    const float *rows = lat_step_input(step);
    const double norm = dense_norm(&net, rows), got = (tiny_loss(step) - tiny_loss(plain));
    cr_assert_float_eq(got, weight * norm, 1e-3 * weight * norm, "%g, not %g", got,
                       weight * norm);
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; i++) {
        float with[MOST], without[MOST];
        double expected[MOST], largest = 1e-3;
        gradient_of(step, i, with);
        gradient_of(plain, i, without);
        for (size_t k = 0; k < infos[i].n; k++) {
            double *weight_at = &tiny_parameter(&net, i)[k], kept = *weight_at;
            *weight_at = kept + h;
            const double up = dense_norm(&net, rows);
            *weight_at = kept - h;
            expected[k] = weight * (up - dense_norm(&net, rows)) / (2 * h);
            *weight_at = kept;
            largest = fmax(largest, fabs(expected[k]));
        }
        for (size_t k = 0; k < infos[i].n; k++)
            cr_assert_float_eq(with[k] - without[k], expected[k], 1e-3 * largest,
                               "%s[%zu]: %g, not %g", infos[i].name, k,
                               (double)(with[k] - without[k]), expected[k]);
    }
    lat_step_free(plain);
    lat_step_free(step);
}

Test(penalties, the_contractive_norm_of_histories_is_of_the_rows_as_given)
{
    struct lat_spec spec = tiny_spec(3, LAT_SIGMOID);
    struct lat_step *plain = tiny_step_on(&spec, LAT_INPUT_INTERACTIONS);
    spec.penalties.contractive = 1;
    struct lat_step *step = tiny_step_on(&spec, LAT_INPUT_INTERACTIONS);
    struct tiny_net net;
    tiny_fill(plain, 2);
    tiny_fill(step, 2);
    tiny_read(step, &spec, &net);
    const double norm = norm_of(&net, lat_step_input(step), true),
                 got = tiny_loss(step) - tiny_loss(plain);
    cr_assert_float_eq(got, norm, 1e-3 * norm, "%g, not %g", got, norm);
    lat_step_free(plain);
    lat_step_free(step);
}

Test(penalties, the_estimate_for_wide_codes_has_the_exact_norm_as_its_mean)
{
    enum { UNITS = 40, DRAWS = 3000 };
    struct lat_spec spec = tiny_spec(UNITS, LAT_SIGMOID);
    struct lat_step *plain = tiny_step(&spec);
    spec.penalties.contractive = 1;
    struct lat_step *step = tiny_step(&spec);
    struct tiny_net net;
    double sum = 0, first = 0;
    tiny_fill(plain, 3);
    tiny_fill(step, 3);
    tiny_read(step, &spec, &net);
    const double norm = dense_norm(&net, lat_step_input(step)), rest = tiny_loss(plain);
    for (size_t i = 0; i < DRAWS; i++) {
        const double one = tiny_loss(step) - rest;
        first = i == 0 ? one : first;
        sum += one;
    }
    cr_assert_float_eq(sum / DRAWS, norm, 0.02 * norm, "%g, not %g", sum / DRAWS, norm);
    cr_assert_gt(fabs(first - norm), 1e-6 * norm, "every step has signs of its own");
    lat_step_free(plain);
    lat_step_free(step);
}

Test(penalties, kl_sparsity_is_the_divergence_of_each_units_mean)
{
    const double target = 0.1, weight = 2.5;
    struct lat_spec spec = tiny_spec(7, LAT_SIGMOID);
    struct lat_step *plain = tiny_step(&spec);
    spec.penalties.kl_sparsity_target = target;
    spec.penalties.kl_sparsity_weight = weight;
    struct lat_step *step = tiny_step(&spec);
    struct tiny_net net;
    double means[7] = {0}, expected = 0;
    tiny_fill(plain, 4);
    tiny_fill(step, 4);
    tiny_read(step, &spec, &net);
    for (size_t i = 0; i < TINY_BATCH; i++) {
        double x[TINY_IN], code[7];
        for (size_t k = 0; k < TINY_IN; k++)
            x[k] = (double)lat_step_input(step)[i * TINY_IN + k];
        tiny_encode(&net, x, code);
        for (size_t j = 0; j < 7; j++)
            means[j] += code[j] / TINY_BATCH;
    }
    for (size_t j = 0; j < 7; j++)
        expected += weight * (target * log(target / means[j]) +
                              (1 - target) * log((1 - target) / (1 - means[j])));
    const double got = tiny_loss(step) - tiny_loss(plain);
    cr_assert_float_eq(got, expected, 1e-4 * expected, "%g, not %g", got, expected);
    lat_step_free(plain);
    lat_step_free(step);
}

Test(penalties, kl_sparsity_brings_the_mean_activation_to_its_target)
{
    struct lat_spec spec = tiny_spec(20, LAT_SIGMOID);
    struct lat_error err = LAT_ERROR_INIT;
    spec.penalties.kl_sparsity_target = 0.2;
    spec.penalties.kl_sparsity_weight = 5;
    spec.optimizer.type = LAT_OPTIMIZER_ADAM;
    struct lat_step *step = tiny_step(&spec);
    struct tiny_net net;
    double mean = 0;
    tiny_fill(step, 5);
    for (size_t i = 0; i < 1500; i++)
        cr_assert_eq(lat_step_run(step, 0.01, NULL, &err), LAT_OK, "%s", err.message);
    tiny_read(step, &spec, &net);
    for (size_t i = 0; i < TINY_BATCH; i++) {
        double x[TINY_IN], code[20];
        for (size_t k = 0; k < TINY_IN; k++)
            x[k] = (double)lat_step_input(step)[i * TINY_IN + k];
        tiny_encode(&net, x, code);
        for (size_t j = 0; j < 20; j++)
            mean += code[j] / 20 / TINY_BATCH;
    }
    cr_assert_float_eq(mean, 0.2, 0.02, "%g", mean);
    lat_step_free(step);
}

/* The codes of the batch by the exported encoder. */
static void exported_codes(struct lat_step *step, size_t units, float *out)
{
    char folder[] = "/tmp/latentd-penalty-XXXXXX", path[64];
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_session *session = NULL;
    const struct lat_session_options options = {.threads = 1, .optimize = true};
    struct lat_tensor in = {.name = "input",
                            .dtype = LAT_FLOAT32,
                            .rank = 2,
                            .dims = {TINY_BATCH, TINY_IN},
                            .data = lat_step_input(step)};
    struct lat_tensor code = {.name = "code",
                              .dtype = LAT_FLOAT32,
                              .rank = 2,
                              .dims = {TINY_BATCH, (int64_t)units},
                              .data = out};
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_step_export(step, folder, &err), LAT_OK, "%s", err.message);
    snprintf(path, sizeof(path), "%s/encoder.onnx", folder);
    cr_assert_eq(lat_session_open(step_engine(), path, &options, &session, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_session_run(session, &in, 1, &code, 1, &err), LAT_OK, "%s", err.message);
    lat_session_close(session);
    unlink(path);
    snprintf(path, sizeof(path), "%s/decoder.onnx", folder);
    unlink(path);
    rmdir(folder);
}

Test(penalties, k_sparse_keeps_the_largest_units_in_training_and_in_the_export)
{
    enum { UNITS = 12, KEEP = 3 };
    struct lat_spec spec = tiny_spec(UNITS, LAT_SIGMOID);
    spec.penalties.k_sparse = KEEP;
    struct lat_step *step = tiny_step(&spec);
    struct tiny_net net;
    float codes[TINY_BATCH * UNITS];
    double expected_loss = 0;
    tiny_fill(step, 6);
    tiny_read(step, &spec, &net);
    exported_codes(step, UNITS, codes);
    for (size_t i = 0; i < TINY_BATCH; i++) {
        double x[TINY_IN], code[UNITS], y[TINY_IN];
        size_t kept = 0;
        for (size_t k = 0; k < TINY_IN; k++)
            x[k] = (double)lat_step_input(step)[i * TINY_IN + k];
        tiny_encode(&net, x, code);
        tiny_decode(&net, code, y);
        for (size_t j = 0; j < UNITS; j++) {
            kept += codes[i * UNITS + j] > 0 || codes[i * UNITS + j] < 0;
            cr_assert_float_eq(codes[i * UNITS + j], code[j], 1e-5);
        }
        cr_assert_eq(kept, KEEP);
        for (size_t k = 0; k < TINY_IN; k++)
            expected_loss += (x[k] - y[k]) * (x[k] - y[k]) / 2 / TINY_BATCH;
    }
    const double loss = tiny_loss(step);
    cr_assert_float_eq(loss, expected_loss, 1e-5 * expected_loss, "%g, not %g", loss,
                       expected_loss);
    lat_step_free(step);
}

Test(penalties, k_sparse_never_keeps_more_when_units_are_equal)
{
    enum { UNITS = 6 };
    struct lat_spec spec = tiny_spec(UNITS, LAT_SIGMOID);
    spec.penalties.k_sparse = 2;
    struct lat_step *step = tiny_step(&spec);
    float same[TINY_HIDDEN * UNITS] = {0}, codes[TINY_BATCH * UNITS];
    tiny_fill(step, 7);
    lat_step_set_parameter(step, 2, same);
    lat_step_set_parameter(step, 3, same);
    exported_codes(step, UNITS, codes);
    for (size_t i = 0; i < TINY_BATCH; i++) {
        size_t kept = 0;
        for (size_t j = 0; j < UNITS; j++)
            kept += codes[i * UNITS + j] > 0;
        cr_assert_leq(kept, 2);
    }
    lat_step_free(step);
}

Test(penalties, all_of_them_go_together_and_training_brings_the_loss_down)
{
    struct lat_spec spec = tiny_spec(10, LAT_SIGMOID);
    struct lat_error err = LAT_ERROR_INIT;
    spec.penalties = (struct lat_penalties){.l2 = 1e-3,
                                            .l1 = 1e-3,
                                            .kl_sparsity_target = 0.2,
                                            .kl_sparsity_weight = 0.1,
                                            .k_sparse = 6,
                                            .contractive = 1e-2,
                                            .beta = 1};
    spec.optimizer.type = LAT_OPTIMIZER_ADAM;
    struct lat_step *step = tiny_step(&spec);
    tiny_fill(step, 8);
    const double before = tiny_loss(step);
    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(lat_step_run(step, 0.01, NULL, &err), LAT_OK, "%s", err.message);
    cr_assert_lt(tiny_loss(step), 0.5 * before);
    lat_step_free(step);
}
