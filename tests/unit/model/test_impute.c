/* What can be said of imputation without a network: calibrations, rows and mixtures. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/impute.h"
#include "model/impute_row.h"
#include "model/model_internal.h"
#include "model/package_internal.h"

static struct lat_table *table;

/* x: numbers of mean 10 and deviation 2, seen from 0 to 20; c: two words. */
static void make_table(void)
{
    struct lat_column *column;
    uint32_t number;
    table = lat_table_new();
    cr_assert_eq(lat_table_add(table, "x", &column, NULL), LAT_OK);
    column->mean = 10;
    column->std = 2;
    column->least = 0;
    column->most = 20;
    cr_assert_eq(lat_table_add(table, "c", &column, NULL), LAT_OK);
    column->type = LAT_COLUMN_CATEGORICAL;
    cr_assert_eq(lat_words_add(&column->categories, "a", 1, &number, NULL), LAT_OK);
    cr_assert_eq(lat_words_add(&column->categories, "b", 1, &number, NULL), LAT_OK);
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
}

static void drop_table(void)
{
    lat_table_free(table);
}

TestSuite(model_impute, .init = make_table, .fini = drop_table);

static enum lat_status take(const struct lat_table_cell *cells, size_t n,
                            enum lat_impute_policy policy, float *row, unsigned *flags,
                            struct lat_error *err)
{
    int places[2];
    return lat_impute_take_row(table, cells, n, policy, row, places, flags, err);
}

Test(model_impute, a_bad_cell_is_refused_or_a_hole_with_a_flag)
{
    static const struct {
        struct lat_table_cell cell;
        const char *code, *pointer;
        unsigned flag;
        size_t column;
    } cases[] = {
        {{.name = "c", .type = LAT_TABLE_TEXT, .text = "z", .len = 1},
         "unknown_category",
         "/c",
         LAT_IMPUTE_UNKNOWN_CATEGORY,
         1},
        {{.name = "x", .type = LAT_TABLE_NUMBER, .number = 41},
         "out_of_range",
         "/x",
         LAT_IMPUTE_OUT_OF_RANGE,
         0},
        {{.name = "x", .type = LAT_TABLE_TEXT, .text = "9", .len = 1},
         "wrong_type",
         "/x",
         LAT_IMPUTE_WRONG_TYPE,
         0},
        {{.name = "x", .type = LAT_TABLE_OTHER}, "wrong_type", "/x", LAT_IMPUTE_WRONG_TYPE, 0},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        unsigned flags[2] = {0};
        float row[3];
        cr_expect_eq(take(&cases[i].cell, 1, LAT_IMPUTE_REFUSE, row, flags, &err), LAT_INVALID);
        cr_expect_str_eq(err.code, cases[i].code);
        cr_expect_str_eq(err.pointer, cases[i].pointer);
        cr_expect_eq(take(&cases[i].cell, 1, LAT_IMPUTE_FLAG, row, flags, NULL), LAT_OK);
        cr_expect_eq(flags[cases[i].column], cases[i].flag, "%zu", i);
        cr_expect(isnan(row[0]) && isnan(row[1]) && isnan(row[2]), "%zu", i);
    }
    const struct lat_table_cell near = {.name = "x", .type = LAT_TABLE_NUMBER, .number = 39};
    unsigned flags[2];
    float row[3];
    cr_expect_eq(take(&near, 1, LAT_IMPUTE_REFUSE, row, flags, NULL), LAT_OK);
    cr_expect_float_eq(row[0], 14.5, 1e-6);
}

Test(model_impute, unknown_columns_and_doubles_are_refused_whatever_the_policy)
{
    const struct lat_table_cell cells[] = {{.name = "x", .type = LAT_TABLE_NULL},
                                           {.name = "x", .type = LAT_TABLE_NULL},
                                           {.name = "y", .type = LAT_TABLE_NULL}};
    struct lat_error err = LAT_ERROR_INIT;
    unsigned flags[2];
    float row[3];
    cr_expect_eq(take(cells, 2, LAT_IMPUTE_FLAG, row, flags, &err), LAT_INVALID);
    cr_expect_str_eq(err.code, "duplicate_column");
    lat_error_clear(&err);
    cr_expect_eq(take(cells + 2, 1, LAT_IMPUTE_FLAG, row, flags, &err), LAT_INVALID);
    cr_expect_str_eq(err.code, "unknown_column");
    cr_expect_eq(take(NULL, 0, LAT_IMPUTE_REFUSE, row, flags, NULL), LAT_OK);
}

Test(model_impute, without_a_calibration_intervals_are_those_of_a_normal)
{
    cr_expect_float_eq(lat_impute_quantile(NULL, LAT_IMPUTE_IMPORTANCE, 0.95), 1.644854, 1e-4);
    cr_expect_float_eq(lat_impute_quantile(NULL, LAT_IMPUTE_IMPORTANCE, 0.5), 0, 1e-5);
    cr_expect_float_eq(lat_impute_quantile(NULL, LAT_IMPUTE_IMPORTANCE, 0.005), -2.575829,
                       1e-3);
    cr_expect_float_eq(lat_impute_scale(NULL, LAT_IMPUTE_IMPORTANCE, 3), 1, 0);
}

/* Errors three times as large as was said in one column, half in the other. */
Test(model_impute, a_calibration_finds_the_scales_and_the_share_of_an_interval)
{
    enum { N = 8000 };
    struct lat_impute_calibration *calibration = lat_alloc(1, sizeof(*calibration));
    struct lat_impute_residual *residuals = lat_alloc(N, sizeof(*residuals));
    struct lat_buf text = {0};
    struct lat_rng rng;
    calibration->n_columns = 2;
    calibration->rounds = 3;
    lat_rng_seed(&rng, 7);
    for (uint32_t i = 0; i < N; i++)
        residuals[i] = (struct lat_impute_residual){
            i % 2, (float)(lat_rng_normal(&rng) * (i % 2 ? 0.5 : 3))};
    cr_assert_eq(lat_impute_calibrate(calibration, LAT_IMPUTE_IMPORTANCE, residuals, N, NULL),
                 LAT_OK);
    cr_assert_eq(
        lat_impute_calibrate(calibration, LAT_IMPUTE_RECONSTRUCTION, residuals, N, NULL),
        LAT_OK);
    cr_expect_float_eq(lat_impute_scale(calibration, LAT_IMPUTE_IMPORTANCE, 0), 3, 0.1);
    cr_expect_float_eq(lat_impute_scale(calibration, LAT_IMPUTE_IMPORTANCE, 1), 0.5, 0.05);
    cr_expect_float_eq(lat_impute_quantile(calibration, LAT_IMPUTE_IMPORTANCE, 0.95), 1.645,
                       0.1);
    lat_buf_text(&text, "{\"imputation\": ");
    lat_impute_calibration_write(calibration, &text);
    lat_buf_char(&text, '}');
    struct lat_impute_calibration *again = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_manifest_imputation(text.data, text.len, table, &again, &err), LAT_OK,
                 "%s", err.message);
    cr_expect_eq(again->rounds, 3);
    for (int p = 0; p <= 20; p++)
        cr_expect_float_eq(lat_impute_quantile(again, LAT_IMPUTE_IMPORTANCE, p / 20.0),
                           lat_impute_quantile(calibration, LAT_IMPUTE_IMPORTANCE, p / 20.0),
                           0);
    lat_impute_calibration_free(again);
    lat_impute_calibration_free(calibration);
    lat_free(residuals);
    lat_buf_release(&text);
}

Test(model_impute, a_handful_of_cells_that_were_right_makes_nobody_certain)
{
    enum { N = 19 };
    struct lat_impute_calibration *calibration = lat_alloc(1, sizeof(*calibration));
    struct lat_impute_residual residuals[N + 1] = {0};
    calibration->n_columns = 2;
    cr_assert_eq(lat_impute_calibrate(calibration, LAT_IMPUTE_IMPORTANCE, residuals, N, NULL),
                 LAT_OK);
    cr_expect_float_eq(lat_impute_scale(calibration, LAT_IMPUTE_IMPORTANCE, 0), 1, 0);
    cr_expect_float_eq(lat_impute_quantile(calibration, LAT_IMPUTE_IMPORTANCE, 0.95), 1.644854,
                       1e-4);
    for (int i = 0; i < N + 1; i++)
        residuals[i].r = i % 2 ? 2 : -2;
    cr_assert_eq(
        lat_impute_calibrate(calibration, LAT_IMPUTE_IMPORTANCE, residuals, N + 1, NULL),
        LAT_OK);
    cr_expect_float_eq(lat_impute_scale(calibration, LAT_IMPUTE_IMPORTANCE, 0), 2, 1e-5);
    lat_impute_calibration_free(calibration);
}

Test(model_impute, a_broken_calibration_is_refused_with_its_place)
{
    static const char *const bad[] = {
        "{\"imputation\":{\"importance\":{\"cells\":0}}}",
        "{\"imputation\":{\"importance\":{\"cells\":9}}}",
        "{\"imputation\":{\"importance\":{\"cells\":9,\"scales\":[1,-1],\"quantiles\":[]}}}",
        "{\"imputation\":{\"importance\":{\"cells\":9,\"scales\":[1,1],\"quantiles\":[1]}}}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_impute_calibration *none = NULL;
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect_eq(lat_manifest_imputation(bad[i], strlen(bad[i]), table, &none, &err),
                     LAT_INVALID, "%s", bad[i]);
        cr_expect_null(none);
        cr_expect(strncmp(err.pointer, "/imputation/importance", 22) == 0, "%s", err.pointer);
    }
}

/* Two components, three quarters and one: the law of total variance by hand. */
Test(model_impute, a_mixture_has_its_mean_its_variance_and_its_draws)
{
    struct lat_model model = {.table = table};
    model.manifest.likelihood = LAT_LIKELIHOOD_MIXED;
    const float holes[3] = {NAN, NAN, NAN};
    const float decoded[6] = {1, 0.5F, 0.5F, -1, 0, 1};
    const float spreads[6] = {1, 1, 1, 2, 1, 1};
    const double weights[2] = {0.75, 0.25};
    const struct lat_impute_mixture mixture = {decoded, spreads, weights, 2};
    const struct lat_impute_options options = {
        .method = LAT_IMPUTE_IMPORTANCE, .draws = 4000, .seed = 5, .interval = 0.9};
    struct lat_imputed out = {0};
    cr_assert_eq(lat_imputed_begin(&model, holes, 1, options.draws, &out, NULL), LAT_OK);
    lat_impute_mix(&model, &options, &mixture, 0, &out);
    const double variance = 0.75 * 0.25 + 0.25 * 2.25 + 0.75 * 1 + 0.25 * 4;
    cr_expect_float_eq(out.values[0], 0.5, 1e-6);
    cr_expect_float_eq(out.spreads[0], sqrt(variance), 1e-5);
    cr_expect_float_eq(out.values[1], 0.375, 1e-6);
    cr_expect_float_eq(out.values[2], 0.625, 1e-6);
    cr_expect_float_eq(out.highs[0], 0.5 + 1.644854 * sqrt(variance), 1e-3);
    double mean = 0, square = 0, words = 0, together = 0;
    for (size_t d = 0; d < options.draws; d++) {
        const float *row = out.draws + 3 * d;
        mean += (double)row[0] / options.draws;
        square += (double)row[0] * (double)row[0] / options.draws;
        words += (double)row[2] / options.draws;
        together += (double)row[0] * (double)row[2] / options.draws;
        cr_assert(row[1] + row[2] == 1);
    }
    cr_expect_float_eq(mean, 0.5, 0.1);
    cr_expect_float_eq(square - mean * mean, variance, 0.2);
    cr_expect_float_eq(words, 0.625, 0.03);
    cr_expect_float_eq(together, 0.75 * 0.5 - 0.25, 0.1, "the cells of a draw go together: %g",
                       together);
    lat_imputed_release(&out);
}
