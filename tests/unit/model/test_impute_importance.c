/* Importance weights against a model whose answer is known: z ~ N(0,1), x = z + e, y = -z + e,
 * e ~ N(0, 0.25). Of x = 1.5 follows z ~ N(1.2, 0.2), so y ~ N(-1.2, 0.45). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "model/impute.h"
#include "model/model_internal.h"

static struct lat_table *table;
static struct lat_model model;

/* What the encoder says of every row; how far the decoder says that cells lie off. */
struct said {
    float mean, variance, spread;
};

static void make_model(void)
{
    struct lat_column *column;
    table = lat_table_new();
    cr_assert_eq(lat_table_add(table, "x", &column, NULL), LAT_OK);
    cr_assert_eq(lat_table_add(table, "y", &column, NULL), LAT_OK);
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
    model = (struct lat_model){.table = table};
    model.manifest.likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    model.manifest.capabilities = LAT_CAN_IMPUTE;
    model.manifest.code_dimension = 1;
    snprintf(model.signature.log_variance.name, sizeof(model.signature.log_variance.name),
             "log_variance");
}

static void drop_model(void)
{
    lat_table_free(table);
}

TestSuite(model_impute_importance, .init = make_model, .fini = drop_model);

static enum lat_status encode(void *context, const float *rows, size_t n, float *out_codes,
                              float *out_variances, struct lat_error *err)
{
    const struct said *said = context;
    (void)rows;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        out_codes[i] = said->mean;
        out_variances[i] = said->variance;
    }
    return LAT_OK;
}

static enum lat_status decode(void *context, const float *codes, size_t n, float *out_rows,
                              float *out_spreads, struct lat_error *err)
{
    const struct said *said = context;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        out_rows[2 * i] = codes[i];
        out_rows[2 * i + 1] = -codes[i];
        out_spreads[2 * i] = out_spreads[2 * i + 1] = said->spread;
    }
    return LAT_OK;
}

static struct lat_imputed impute(struct said said, uint32_t samples)
{
    const struct lat_impute_engine engine = {encode, decode, &said};
    const struct lat_impute_options options = {
        .method = LAT_IMPUTE_IMPORTANCE, .samples = samples, .seed = 3, .interval = 0.9};
    const float rows[4] = {1.5F, NAN, NAN, NAN};
    struct lat_imputed out = {0};
    cr_assert_eq(lat_impute(&model, &engine, rows, 2, &options, &out, NULL), LAT_OK);
    cr_expect_float_eq(out.values[0], 1.5, 0, "what is there stays");
    return out;
}

Test(model_impute_importance, a_good_encoder_gives_the_posterior)
{
    struct lat_imputed out = impute((struct said){1.2F, 0.25F, 0.5F}, 4000);
    cr_expect_float_eq(out.values[1], -1.2, 0.03, "%g", (double)out.values[1]);
    cr_expect_float_eq(out.spreads[1], sqrt(0.45), 0.02, "%g", (double)out.spreads[1]);
    cr_expect_gt(out.effective[0], 2500);
    lat_imputed_release(&out);
}

/* Rows with other holes than were learned from. */
Test(model_impute_importance, an_encoder_that_is_sure_of_the_wrong_place_is_put_right)
{
    struct lat_imputed out = impute((struct said){-2, 0.01F, 0.5F}, 4000);
    cr_expect_float_eq(out.values[1], -1.2, 0.15, "%g", (double)out.values[1]);
    cr_expect_float_eq(out.spreads[1], sqrt(0.45), 0.1, "%g", (double)out.spreads[1]);
    cr_expect_gt(out.effective[0], 100);
    /* Of nothing follows what the model knows of all rows, N(0, 1.25), wherever codes lie. */
    cr_expect_float_eq(out.values[3], 0, 0.2, "%g", (double)out.values[3]);
    cr_expect_float_eq(out.spreads[3], sqrt(1.25), 0.15, "%g", (double)out.spreads[3]);
    lat_imputed_release(&out);
}

/* No code of 160, the prior's 20 included, comes near z ~ N(1.4994, 0.02^2) by itself. */
Test(model_impute_importance, codes_that_weigh_little_are_drawn_again_where_the_weight_is)
{
    struct lat_imputed out = impute((struct said){-2, 0.01F, 0.02F}, 160);
    cr_expect_float_eq(out.values[1], -1.4994, 0.01, "%g", (double)out.values[1]);
    cr_expect_float_eq(out.spreads[1], 0.02 * sqrt(2), 0.006, "%g", (double)out.spreads[1]);
    cr_expect_geq(out.effective[0], 10);
    lat_imputed_release(&out);
}

Test(model_impute_importance, an_encoder_that_says_a_variance_of_0_is_put_right)
{
    struct lat_imputed out = impute((struct said){-2, 0, 0.5F}, 4000);
    cr_expect_float_eq(out.values[1], -1.2, 0.15, "%g", (double)out.values[1]);
    lat_imputed_release(&out);
}

/* Too few for a pair of the prior's: all are the encoder's. */
Test(model_impute_importance, few_samples_are_taken_too)
{
    for (uint32_t samples = 1; samples <= 17; samples += 4) {
        struct lat_imputed out = impute((struct said){1.2F, 0.2F, 0.5F}, samples);
        cr_expect(isfinite(out.values[1]) && fabsf(out.values[1] + 1.2F) < 1.5F, "%g",
                  (double)out.values[1]);
        cr_expect_leq(out.effective[0], (float)samples + 0.01F);
        lat_imputed_release(&out);
    }
}
