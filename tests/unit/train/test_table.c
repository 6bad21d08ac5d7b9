/* Tables through a step and a training: each column by its own likelihood, missing cells left
 * out. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/registry.h"
#include "model/table.h"
#include "model/train/dataset/dataset.h"
#include "model/train/evaluate.h"
#include "model/row_nll.h"
#include "model/train/rows.h"
#include "model/train/step.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"
#include "train_fixture.h"

TestSuite(train_table, .init = train_enter, .fini = train_leave);

/* A number, a word that follows from its sign, a number that follows from the word; every
 * seventh row has a gap. */
static void put_table(const char *name, size_t n)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    lat_buf_text(&text, "height,side,width\n");
    for (size_t i = 0; i < n; i++) {
        const double x = lat_rng_normal(&rng);
        const char *side = x < -0.5 ? "left" : x < 0.5 ? "middle" : "right";
        char height[32];
        snprintf(height, sizeof(height), "%.4f", x * 10 + 170);
        lat_buf_printf(&text, "%s,%s,%.4f\n", i % 7 == 1 ? "NA" : height,
                       i % 7 == 3 ? "" : side, x * x);
    }
    cr_assert_eq(lat_file_write(test_path(name), text.data, text.len, NULL), LAT_OK);
    lat_buf_release(&text);
}

static struct lat_spec spec_of(const char *members)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"table\",\"data\":{\"path\":\"%s\",\"validation\":0.2},%s}",
             test_path("t.csv"), members);
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    return spec;
}

static double evaluated(struct lat_step *step, size_t n)
{
    double sum = 0;
    cr_assert_eq(lat_step_evaluate(step, n, &sum, NULL), LAT_OK);
    return sum / (double)n;
}

/* The derivative by every eleventh weight against central differences of the loss. */
static void compare_gradients(struct lat_step *step, size_t batch)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t p = 0; p < n; p++) {
        float values[256], gradient[256];
        cr_assert_leq(infos[p].n, LAT_ARRAY_LEN(values));
        lat_step_get_parameter(step, p, values);
        cr_assert_eq(lat_step_gradient(step, p, gradient, NULL), LAT_OK);
        for (size_t i = 0; i < infos[p].n; i += 11) {
            const float kept = values[i], by = 0.01F;
            values[i] = kept + by;
            lat_step_set_parameter(step, p, values);
            const double above = evaluated(step, batch);
            values[i] = kept - by;
            lat_step_set_parameter(step, p, values);
            const double below = evaluated(step, batch);
            values[i] = kept;
            lat_step_set_parameter(step, p, values);
            const double expected = (above - below) / (2 * (double)by);
            cr_expect_float_eq((double)gradient[i], expected, 2e-3 * (1 + fabs(expected)),
                               "%s[%zu]: %g, not %g", infos[p].name, i, (double)gradient[i],
                               expected);
        }
    }
}

static void check_step(const char *likelihood)
{
    enum { BATCH = 16 };
    char members[256];
    uint32_t items[BATCH];
    struct lat_dataset dataset = {0};
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    put_table("t.csv", 40);
    snprintf(members, sizeof(members),
             "\"network\":{\"encoder\":{\"hidden\":[6],\"activation\":\"tanh\"}},\"code\":{"
             "\"dimension\":3},\"likelihood\":\"%s\",\"optimizer\":{\"batch\":16}",
             likelihood);
    struct lat_spec spec = spec_of(members);
    cr_assert_eq(lat_dataset_open(&spec.data, &dataset, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(dataset.elements, 1 + 3 + 1);
    cr_assert_eq(lat_spec_settle(&spec, &dataset.input, dataset.lowest, dataset.highest, &err),
                 LAT_OK, "%s", err.message);
    cr_assert_eq(lat_step_new(train_engine, &spec, &dataset.input, 1, &step, &err), LAT_OK,
                 "%s", err.message);
    for (uint32_t i = 0; i < BATCH; i++)
        items[i] = i;
    cr_assert_eq(lat_dataset_read(&dataset, items, BATCH, lat_step_input(step), NULL), LAT_OK);
    cr_assert(isnan(lat_step_input(step)[dataset.elements]), "row 1 has a gap");
    cr_assert(isfinite(evaluated(step, BATCH)));
    compare_gradients(step, BATCH);
    lat_step_free(step);
    lat_dataset_close(&dataset);
    lat_spec_release(&spec);
}

Test(train_table, gradients_of_mixed_columns_agree_with_differences)
{
    check_step("mixed");
}

Test(train_table, gradients_of_student_t_columns_agree_with_differences)
{
    check_step("student_t");
}

Test(train_table, a_missing_cell_costs_nothing_whatever_is_decoded_for_it)
{
    struct lat_table *table = lat_table_new();
    struct lat_column *column;
    uint32_t number;
    cr_assert_eq(lat_table_add(table, "x", &column, NULL), LAT_OK);
    cr_assert_eq(lat_table_add(table, "w", &column, NULL), LAT_OK);
    column->type = LAT_COLUMN_CATEGORICAL;
    cr_assert_eq(lat_words_add(&column->categories, "a", 1, &number, NULL), LAT_OK);
    cr_assert_eq(lat_words_add(&column->categories, "b", 1, &number, NULL), LAT_OK);
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
    const struct lat_input_spec input = {
        .kind = LAT_INPUT_TABLE, .dimension = 3, .table = table};
    const float decoded[3] = {3, 0.25F, 0.75F};
    const float whole[3] = {1, 0, 1}, no_number[3] = {NAN, 0, 1}, no_word[3] = {1, NAN, NAN};
    cr_expect_float_eq(lat_input_nll(&input, LAT_LIKELIHOOD_MIXED, whole, decoded),
                       2 - log(0.75), 1e-6);
    cr_expect_float_eq(lat_input_nll(&input, LAT_LIKELIHOOD_MIXED, no_number, decoded),
                       -log(0.75), 1e-6);
    cr_expect_float_eq(lat_input_nll(&input, LAT_LIKELIHOOD_MIXED, no_word, decoded), 2, 1e-6);
    cr_expect_float_eq(lat_input_nll(&input, LAT_LIKELIHOOD_STUDENT_T, no_word, decoded),
                       2 * log1p(4.0 / 3), 1e-6);
    lat_table_free(table);
}

Test(train_table, a_trained_package_keeps_columns_and_words_and_beats_chance)
{
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_train_options options = {.models = test_path("m"), .threads = 1};
    put_table("t.csv", 400);
    struct lat_spec spec =
        spec_of("\"network\":{\"encoder\":{\"hidden\":[16],\"activation\":\"tanh\"}},\"code\":{"
                "\"dimension\":2},\"optimizer\":{\"rate\":0.02,\"epochs\":60,\"batch\":32}");
    cr_assert_eq(lat_train(train_engine, &spec, &options, &result, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    cr_assert_lt(result.squared_error, 0.3, "of 5 elements: %g", result.squared_error);
    struct lat_manifest *manifest = lat_alloc(1, sizeof(*manifest));
    cr_assert_eq(lat_manifest_read(result.folder, manifest, NULL, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(manifest->input.kind, LAT_INPUT_TABLE);
    cr_assert_eq(manifest->input.dimension, 5);
    cr_assert_eq(manifest->likelihood, LAT_LIKELIHOOD_MIXED);
    cr_assert_null(manifest->input.table, "a manifest by itself borrows nothing");
    lat_free(manifest);
}

Test(train_table, vectors_of_the_same_width_are_no_rows_of_a_table)
{
    static struct lat_manifest manifest;
    struct lat_dataset dataset = {.n = 1, .elements = 3};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rows rows;
    lat_manifest_init(&manifest);
    manifest.input.kind = LAT_INPUT_TABLE;
    manifest.input.dimension = 3;
    dataset.input = manifest.input;
    cr_assert_eq(lat_rows_init(&rows, &manifest, &dataset, 1, &err), LAT_OK, "%s", err.message);
    lat_rows_release(&rows);
    dataset.input.kind = LAT_INPUT_VECTOR; /* in units of their own */
    cr_assert_eq(lat_rows_init(&rows, &manifest, &dataset, 1, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_input_kind");
    lat_rows_release(&rows);
}
