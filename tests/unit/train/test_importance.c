/* Likelihoods by importance sampling against integrals over a code of one number. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/train/evaluate.h"
#include "model/train/importance.h"
#include "model/row_nll.h"
#include "model/train/rows.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"
#include "train_fixture.h"

enum { SIDE = 6, ITEMS = 60, ELEMENTS = SIDE * SIDE, GRID = 4001 };

static struct lat_registry *registry;

static void leave(void)
{
    if (registry)
        lat_registry_close(registry);
    train_leave();
}

TestSuite(train_importance, .init = train_enter, .fini = leave);

/* Pictures that are bright up to a row drawn by chance: one number tells them. */
static void put_pictures(void)
{
    static uint8_t pixels[ITEMS * ELEMENTS];
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (size_t i = 0; i < ITEMS; i++) {
        const size_t level = (size_t)lat_rng_below(&rng, SIDE);
        for (size_t j = 0; j < ELEMENTS; j++)
            pixels[i * ELEMENTS + j] = j / SIDE < level ? 220 : 40;
    }
    train_put_pictures("p-idx3-ubyte", ITEMS, SIDE, pixels);
}

static void train(const char *code)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_train_result result;
    const struct lat_train_options how = {.models = test_path("m"), .threads = 1};
    put_pictures();
    snprintf(json, sizeof(json),
             "{\"name\":\"levels\",\"data\":{\"path\":\"%s\",\"binarise\":\"stochastic\"},"
             "\"network\":{\"encoder\":{\"hidden\":[12],\"activation\":\"tanh\"}},%s,"
             "\"optimizer\":{\"epochs\":150,\"batch\":18,\"rate\":0.01}}",
             test_path("p-idx3-ubyte"), code);
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_train(train_engine, &spec, &how, &result, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    const struct lat_registry_options where = {.folder = test_path("m"), .threads = 1};
    cr_assert_eq(lat_registry_open(train_engine, &where, &registry, &err), LAT_OK, "%s",
                 err.message);
}

static enum lat_status evaluate(uint32_t samples, int threads,
                                struct lat_evaluation *out_evaluation, struct lat_error *err)
{
    const struct lat_eval_options options = {.model = "levels",
                                             .data = test_path("p-idx3-ubyte"),
                                             .samples = samples,
                                             .threads = threads,
                                             .n_items = 20};
    return lat_evaluate(registry, &options, out_evaluation, err);
}

static struct lat_evaluation evaluated(uint32_t samples, int threads)
{
    struct lat_evaluation evaluation = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = evaluate(samples, threads, &evaluation, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    return evaluation;
}

/* -log of the integral of p(x|z) p(z), averaged over the items that evaluate() takes. */
static double integral(void)
{
    static float grid[GRID], decoded[GRID * ELEMENTS], row[ELEMENTS];
    struct lat_data_spec data = {0};
    struct lat_dataset dataset = {0};
    struct lat_model *model = NULL;
    struct lat_rows rows;
    double total = 0;
    cr_assert_eq(lat_data_spec_parse(test_path("p-idx3-ubyte"), &data, NULL), LAT_OK);
    data.binarise = LAT_BINARISE_FIXED;
    cr_assert_eq(lat_dataset_open(&data, &dataset, NULL), LAT_OK);
    cr_assert_eq(lat_registry_acquire(registry, "levels", &model, NULL), LAT_OK);
    cr_assert_eq(lat_rows_init(&rows, lat_model_manifest(model), &dataset, 1, NULL), LAT_OK);
    for (size_t i = 0; i < GRID; i++)
        grid[i] = 8 * (2 * (float)i / (GRID - 1) - 1);
    cr_assert_eq(lat_model_decode(model, grid, GRID, decoded, NULL), LAT_OK);
    for (uint32_t i = 0; i < 20; i++) {
        const uint32_t item = 3 * i;
        double sum = 0;
        cr_assert_eq(lat_rows_read(&rows, &item, 1, row, NULL), LAT_OK);
        for (size_t z = 0; z < GRID; z++) {
            double nll = 0;
            for (size_t j = 0; j < ELEMENTS; j++) {
                const double p = (double)decoded[z * ELEMENTS + j];
                nll -= row[j] > 0 ? log(p) : log1p(-p);
            }
            const double at = (double)grid[z];
            sum += exp(-nll - 0.5 * at * at);
        }
        total -= log(sum * 16.0 / (GRID - 1) / sqrt(2 * 3.14159265358979323846));
    }
    lat_rows_release(&rows);
    lat_model_release(model);
    lat_dataset_close(&dataset);
    lat_data_spec_release(&data);
    return total / 20;
}

Test(train_importance, many_samples_give_the_integral_and_the_bound_lies_below)
{
    train("\"code\":{\"dimension\":1,\"type\":\"gaussian\",\"samples\":4}");
    const struct lat_evaluation few = evaluated(2, 1), many = evaluated(5000, 1);
    const double exact = integral();
    cr_assert_eq(many.n, 20);
    cr_assert_eq(many.samples, 5000);
    cr_assert_eq(many.binarised, LAT_BINARISE_STOCHASTIC, "as the record says");
    cr_assert_float_eq(many.negative_log_likelihood, exact, 0.02, "%g is not %g",
                       many.negative_log_likelihood, exact);
    cr_assert_gt(few.negative_log_likelihood, many.negative_log_likelihood);
    cr_assert_lt(many.elbo, -many.negative_log_likelihood);
}

Test(train_importance, the_threads_do_not_change_the_result)
{
    train("\"code\":{\"dimension\":2,\"type\":\"gaussian\"}");
    const struct lat_evaluation one = evaluated(300, 1), three = evaluated(300, 3);
    cr_assert_eq(one.negative_log_likelihood, three.negative_log_likelihood);
    cr_assert_eq(one.elbo, three.elbo);
}

static enum lat_status evaluate_once(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_evaluation evaluation;
    return evaluate(3, 2, &evaluation, err);
}

Test(train_importance, running_out_of_memory_anywhere_leaks_nothing)
{
    train("\"code\":{\"dimension\":2,\"type\":\"gaussian\"}");
    TEST_TORTURE(evaluate_once, NULL);
}

Test(train_importance, a_deterministic_code_has_no_likelihood_to_sample)
{
    train("\"code\":{\"dimension\":2}");
    struct lat_evaluation evaluation;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(evaluate(10, 2, &evaluation, &err), LAT_CAPABILITY);
    cr_assert_not_null(strstr(err.message, "deterministic"), "%s", err.message);
}

Test(train_importance, the_quick_way_for_zeroes_and_ones_is_the_sum_of_logarithms)
{
    enum { N = 1003 };
    float item[N], decoded[N];
    double want = 0;
    struct lat_rng rng;
    lat_rng_seed(&rng, 9);
    for (size_t i = 0; i < N; i++) {
        item[i] = (float)lat_rng_below(&rng, 2);
        decoded[i] = i % 100 == 7 ? (float)(i % 2) : (float)lat_rng_uniform(&rng);
        const double p = fmin(fmax((double)decoded[i], 1e-7), 1 - 1e-7);
        want -= item[i] > 0 ? log(p) : log1p(-p);
    }
    const double got = lat_row_nll(LAT_LIKELIHOOD_BERNOULLI, item, decoded, N);
    cr_assert_float_eq(got, want, 1e-6 * want, "%g is not %g", got, want);
}
