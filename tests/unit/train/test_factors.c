/* Factor analysis of tables with holes: what was planted is found, and what is missing comes
 * back as its expectation. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "dataset_fixture.h"
#include "model/impute.h"
#include "model/model_internal.h"
#include "model/package_internal.h"
#include "model/train/factors.h"
#include "model/train/linear.h"
#include "model/train/impute_fit.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"
#include "train_fixture.h"

enum { ROWS = 1500, COLUMNS = 8, FACTORS = 2, HOLES = 4 }; /* one cell of so many is missing */

static const double noise = 0.3;
static double loadings[COLUMNS][FACTORS], truth[ROWS][COLUMNS];

TestSuite(train_factors, .init = train_enter, .fini = train_leave);

/* Rows of two factors, every column of the variance that its loadings and the noise give. */
static void put_rows(void)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 11);
    for (int c = 0; c < COLUMNS; c++)
        for (int j = 0; j < FACTORS; j++)
            loadings[c][j] = lat_rng_normal(&rng);
    lat_buf_text(&text, "a,b,c,d,e,f,g,h\n");
    for (int i = 0; i < ROWS; i++) {
        double z[FACTORS];
        for (int j = 0; j < FACTORS; j++)
            z[j] = lat_rng_normal(&rng);
        for (int c = 0; c < COLUMNS; c++) {
            double x = noise * lat_rng_normal(&rng);
            for (int j = 0; j < FACTORS; j++)
                x += loadings[c][j] * z[j];
            truth[i][c] = x;
            lat_buf_text(&text, c ? "," : "");
            if (lat_rng_below(&rng, HOLES) || c == 0)
                lat_buf_printf(&text, "%.6f", x);
        }
        lat_buf_char(&text, '\n');
    }
    lat_buf_char(&text, '\0');
    put_text("rows.csv", text.data);
    lat_buf_release(&text);
}

static struct lat_factors fitted(const struct lat_dataset *dataset, size_t width)
{
    struct lat_factors factors = {0};
    struct lat_error err = LAT_ERROR_INIT;
    uint32_t indices[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        indices[i] = i;
    cr_assert_eq(lat_factors_fit(dataset, indices, dataset->n, width, 1, NULL, &factors, &err),
                 LAT_OK, "%s", err.message);
    return factors;
}

Test(train_factors, a_packed_inverse_is_the_plain_one)
{
    enum { D = 7 };
    double plain[D][D], packed[D * (D + 1) / 2], scratch[D], x[D], product[D];
    double *at = packed;
    for (int i = 0; i < D; i++)
        for (int j = i; j < D; j++)
            *at++ = plain[i][j] = i == j ? 3 + i : 1.0 / (1 + i + j);
    cr_assert_eq(lat_linear_invert(plain[0], D, NULL), LAT_OK);
    cr_assert_eq(lat_linear_invert_packed(packed, D, scratch, NULL), LAT_OK);
    at = packed;
    for (int i = 0; i < D; at += D - i, i++)
        for (int j = i; j < D; j++)
            cr_expect_float_eq(at[j - i], plain[i][j], 1e-12);
    for (int i = 0; i < D; i++)
        x[i] = i - 2;
    lat_linear_multiply_packed(packed, x, D, product);
    for (int i = 0; i < D; i++) {
        double sum = 0;
        for (int j = 0; j < D; j++)
            sum += plain[i < j ? i : j][i < j ? j : i] * x[j];
        cr_expect_float_eq(product[i], sum, 1e-12);
    }
    double bad[3] = {1, 2, 1}; /* eigenvalues 3 and -1 */
    cr_expect_eq(lat_linear_invert_packed(bad, 2, scratch, NULL), LAT_INVALID);
}

/* Loadings are known but for a rotation; what they say of two columns together is not. */
Test(train_factors, covariances_and_noise_are_found_though_cells_are_missing)
{
    put_rows();
    struct lat_dataset dataset = opened(object("rows.csv", "\"validation\":0"));
    struct lat_factors factors = fitted(&dataset, FACTORS);
    const struct lat_column *columns = dataset.input.table->columns;
    for (size_t a = 0; a < COLUMNS; a++) {
        cr_expect_float_eq(sqrt((double)factors.noise[a]) * columns[a].std, noise, 0.05);
        for (size_t b = 0; b < a; b++) {
            double planted = 0, found = 0;
            for (size_t j = 0; j < FACTORS; j++) {
                planted += loadings[a][j] * loadings[b][j];
                found += (double)factors.loadings[j * COLUMNS + a] *
                         (double)factors.loadings[j * COLUMNS + b];
            }
            found *= columns[a].std * columns[b].std;
            cr_expect_float_eq(found, planted, 0.15, "%zu %zu: %g, %g", a, b, found, planted);
        }
    }
    lat_factors_release(&factors);
    lat_dataset_close(&dataset);
}

Test(train_factors, more_than_there_are_do_no_harm)
{
    put_rows();
    struct lat_dataset dataset = opened(object("rows.csv", "\"validation\":0"));
    struct lat_factors factors = fitted(&dataset, COLUMNS);
    double third = 0, first = 0;
    for (size_t c = 0; c < COLUMNS; c++) {
        const double large = (double)factors.loadings[c];
        const double small = (double)factors.loadings[2 * COLUMNS + c];
        first += large * large;
        third += small * small;
    }
    cr_expect_lt(third, 0.05 * first, "%g of %g", third, first);
    lat_factors_release(&factors);
    lat_dataset_close(&dataset);
}

Test(train_factors, what_cannot_be_fitted_says_why)
{
    put_rows();
    struct lat_dataset dataset = opened(object("rows.csv", "\"validation\":0"));
    struct lat_factors factors = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const atomic_bool abandon = true;
    const uint32_t indices[4] = {0, 1, 2, 3};
    cr_expect_eq(lat_factors_fit(&dataset, indices, 4, COLUMNS + 1, 1, NULL, &factors, &err),
                 LAT_INVALID);
    cr_expect_str_eq(err.code, "out_of_range");
    cr_expect_eq(lat_factors_fit(&dataset, indices, 4, 2, 1, &abandon, &factors, NULL),
                 LAT_CANCELLED);
    cr_expect_null(factors.loadings);
    lat_dataset_close(&dataset);
}

static struct lat_train_result trained(const char *members)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_train_result result = {0};
    const struct lat_train_options options = {.models = test_path("models"), .threads = 1};
    snprintf(json, sizeof(json),
             "{\"name\":\"m\",\"data\":{\"path\":\"%s\",\"validation\":0.2},%s}",
             test_path("rows.csv"), members);
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_train(train_engine, &spec, &options, &result, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    return result;
}

static struct lat_model *loaded(const struct lat_train_result *result)
{
    struct lat_model_loaded loaded = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const char *version = strrchr(result->folder, '/') + 1;
    const struct lat_model_source source = {.engine = train_engine,
                                            .folder = result->folder,
                                            .name = "m",
                                            .version = (uint32_t)atoi(version),
                                            .threads = 1};
    cr_assert_eq(lat_model_open(&source, &loaded, &err), LAT_OK, "%s", err.message);
    lat_buf_release(&loaded.json);
    return loaded.model;
}

/* E[z | observed] from the normal equations of two unknowns. */
static void expectation(const struct lat_factors *factors, const float *row, double *out)
{
    double a = 1, b = 0, d = 1, u = 0, v = 0;
    for (size_t c = 0; c < COLUMNS; c++) {
        if (isnan(row[c]))
            continue;
        const double x = (double)factors->loadings[c];
        const double y = (double)factors->loadings[COLUMNS + c];
        const double weight = 1 / (double)factors->noise[c];
        const double off = (double)(row[c] - factors->mean[c]) * weight;
        a += weight * x * x;
        b += weight * x * y;
        d += weight * y * y;
        u += x * off;
        v += y * off;
    }
    out[0] = (d * u - b * v) / (a * d - b * b);
    out[1] = (a * v - b * u) / (a * d - b * b);
}

Test(train_factors, holes_settle_at_their_expectation_given_what_is_observed)
{
    enum { LOOKED_AT = 50 };
    put_rows();
    const struct lat_train_result result =
        trained("\"method\":\"factors\",\"code\":{\"dimension\":2}");
    struct lat_model *model = loaded(&result);
    struct lat_dataset dataset = opened(object("rows.csv", "\"validation\":0"));
    const struct lat_impute_engine engine = lat_impute_engine_of(model);
    const struct lat_impute_options options = {.method = lat_impute_usual(model),
                                               .interval = 0.9};
    struct lat_factors factors = {.elements = COLUMNS, .width = FACTORS};
    struct lat_imputed imputed = {0};
    float rows[LOOKED_AT * COLUMNS];
    uint32_t indices[LOOKED_AT], *order = NULL;
    size_t n_held_out = 0;
    for (uint32_t i = 0; i < LOOKED_AT; i++)
        indices[i] = i;
    cr_assert_eq(lat_dataset_hold_out(&dataset, 0.2, 1, &order, &n_held_out, NULL), LAT_OK);
    cr_assert_eq(
        lat_factors_fit(&dataset, order, ROWS - n_held_out, FACTORS, 1, NULL, &factors, NULL),
        LAT_OK);
    cr_assert_eq(lat_dataset_read(&dataset, indices, LOOKED_AT, rows, NULL), LAT_OK);
    cr_assert_eq(options.method, LAT_IMPUTE_RECONSTRUCTION);
    cr_assert_eq(lat_impute(model, &engine, rows, LOOKED_AT, &options, &imputed, NULL), LAT_OK);
    size_t holes = 0;
    for (size_t i = 0; i < LOOKED_AT; i++) {
        double z[FACTORS];
        expectation(&factors, rows + i * COLUMNS, z);
        for (size_t c = 0; c < COLUMNS; c++) {
            if (!isnan(rows[i * COLUMNS + c]))
                continue;
            const double expected = (double)factors.mean[c] +
                                    (double)factors.loadings[c] * z[0] +
                                    (double)factors.loadings[COLUMNS + c] * z[1];
            cr_expect_float_eq((double)imputed.values[i * COLUMNS + c], expected, 0.02,
                               "row %zu column %zu", i, c);
            holes++;
        }
    }
    cr_expect_gt(holes, LOOKED_AT);
    lat_imputed_release(&imputed);
    lat_factors_release(&factors);
    lat_free(order);
    lat_dataset_close(&dataset);
    lat_model_release(model);
}

/* Squared error of what is missing from the first rows, in deviations of the columns. */
static double error_of(struct lat_model *model, const struct lat_dataset *dataset,
                       uint32_t rounds)
{
    enum { LOOKED_AT = 400 };
    const struct lat_impute_engine engine = lat_impute_engine_of(model);
    const struct lat_impute_options options = {
        .method = LAT_IMPUTE_RECONSTRUCTION, .interval = 0.9, .rounds = rounds};
    struct lat_imputed imputed = {0};
    float *rows = lat_alloc(LOOKED_AT * COLUMNS, sizeof(*rows));
    uint32_t indices[LOOKED_AT];
    double sum = 0;
    for (uint32_t i = 0; i < LOOKED_AT; i++)
        indices[i] = i;
    cr_assert_eq(lat_dataset_read(dataset, indices, LOOKED_AT, rows, NULL), LAT_OK);
    cr_assert_eq(lat_impute(model, &engine, rows, LOOKED_AT, &options, &imputed, NULL), LAT_OK);
    for (size_t i = 0; i < LOOKED_AT; i++)
        for (size_t c = 0; c < COLUMNS; c++) {
            const struct lat_column *column = &dataset->input.table->columns[c];
            const double there = (truth[i][c] - column->mean) / column->std;
            const double off = (double)imputed.values[i * COLUMNS + c] - there;
            sum += isnan(rows[i * COLUMNS + c]) ? off * off : 0;
        }
    lat_imputed_release(&imputed);
    lat_free(rows);
    return sum;
}

/* Factors want many rounds; a network that learned to fill holes in one go may not want two. */
Test(train_factors, a_package_fills_holes_in_the_rounds_that_were_nearer_to_the_truth)
{
    static const char *const specs[] = {
        "\"method\":\"factors\",\"code\":{\"dimension\":2}",
        "\"network\":{\"encoder\":{\"hidden\":[32],\"activation\":\"relu\"}},"
        "\"code\":{\"dimension\":16},\"likelihood\":\"gaussian\","
        "\"corruption\":{\"type\":\"masking\",\"level\":0.3},"
        "\"optimizer\":{\"rate\":0.005,\"batch\":64,\"epochs\":25,\"keep\":\"last\"}"};
    static const uint32_t expected[] = {LAT_IMPUTE_ROUNDS_MAX, 1};
    put_rows();
    for (size_t i = 0; i < LAT_ARRAY_LEN(specs); i++) {
        const struct lat_train_result result = trained(specs[i]);
        struct lat_model *model = loaded(&result);
        struct lat_dataset dataset = opened(object("rows.csv", "\"validation\":0"));
        cr_assert_not_null(model->imputation);
        cr_expect_eq(model->imputation->rounds, expected[i], "%zu", i);
        const double once = error_of(model, &dataset, 1);
        const double settled = error_of(model, &dataset, LAT_IMPUTE_ROUNDS_MAX);
        const double by_package = error_of(model, &dataset, 0);
        cr_expect(expected[i] == 1 ? once < settled : settled < once, "%zu: %g, %g", i, once,
                  settled);
        cr_expect_float_eq(by_package, fmin(once, settled), 0);
        lat_dataset_close(&dataset);
        lat_model_release(model);
    }
}
