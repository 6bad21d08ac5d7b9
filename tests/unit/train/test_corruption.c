/* Corruptions that scale what they leave: sums on average, and the length of histories. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/table.h"
#include "model/train/parts.h"
#include "step_fixture.h"
#include "tiny_net.h"

static const float history[TINY_IN] = {1, 0, 2, 3, 1};

Test(corruption, dropout_keeps_sums_on_average)
{
    enum { N = 20000 };
    static float clean[N], noisy[N];
    struct lat_rng rng;
    const struct lat_noise noise = {.rng = &rng, .level = 0.75};
    double sum = 0;
    size_t gone = 0;
    lat_rng_seed(&rng, 3);
    for (size_t i = 0; i < N; i++)
        clean[i] = 1;
    lat_corruption_find("dropout")->apply(&noise, clean, noisy, N);
    for (size_t i = 0; i < N; i++) {
        cr_assert(noisy[i] == 0 || noisy[i] == 4, "%g", (double)noisy[i]);
        gone += noisy[i] == 0;
        sum += (double)noisy[i];
    }
    cr_assert_float_eq((double)gone / N, 0.75, 0.01);
    cr_assert_float_eq(sum / N, 1, 0.04);
}

/* A number, a word of three: what is masked is a hole, and looks like one. */
Test(corruption, masking_hides_cells_of_a_table_whole)
{
    enum { ROWS = 3000, ELEMENTS = 4 };
    static float clean[ROWS * ELEMENTS], noisy[ROWS * ELEMENTS];
    static float shares[3] = {0.5F, 0.25F, 0.25F};
    struct lat_column columns[2] = {
        {.type = LAT_COLUMN_NUMERIC, .std = 1, .width = 1},
        {.type = LAT_COLUMN_CATEGORICAL, .start = 1, .width = 3, .shares = shares}};
    const struct lat_table table = {.names.n = 2, .columns = columns, .elements = ELEMENTS};
    const struct lat_input_spec input = {.kind = LAT_INPUT_TABLE, .table = &table};
    struct lat_rng rng;
    const struct lat_noise noise = {.rng = &rng, .level = 0.3, .input = &input};
    size_t numbers = 0, words = 0;
    lat_rng_seed(&rng, 5);
    for (size_t i = 0; i < ROWS; i++) {
        clean[i * ELEMENTS] = 2;
        clean[i * ELEMENTS + 1 + i % 3] = 1;
    }
    lat_corruption_find("masking")->apply(&noise, clean, noisy, ROWS * ELEMENTS);
    for (size_t i = 0; i < ROWS; i++) {
        const float *row = noisy + i * ELEMENTS, *before = clean + i * ELEMENTS;
        const bool hidden = memcmp(row + 1, shares, sizeof(shares)) == 0;
        cr_assert(row[0] == 2 || row[0] == 0);
        cr_assert(hidden || memcmp(row + 1, before + 1, sizeof(shares)) == 0);
        numbers += row[0] == 0;
        words += hidden;
    }
    cr_expect_float_eq((double)numbers / ROWS, 0.3, 0.03);
    cr_expect_float_eq((double)words / ROWS, 0.3, 0.03);
}

/* The loss of the tiny net when the items of the bits of `kept` are left of the history, over
 * the length of the whole or of what is left. */
static double loss_of(const struct tiny_net *net, unsigned kept, double growth, bool whole)
{
    double x[TINY_IN] = {0}, code[TINY_CODE_MAX], out[TINY_IN], squares = 0, loss = 0;
    for (size_t i = 0; i < TINY_IN; i++) {
        const double weight = (double)history[i];
        x[i] = kept >> i & 1 ? growth * weight : 0;
        squares += whole ? weight * weight : x[i] * x[i];
    }
    for (size_t i = 0; i < TINY_IN; i++)
        x[i] /= sqrt(squares + 1e-9);
    tiny_encode(net, x, code);
    tiny_decode(net, code, out);
    for (size_t i = 0; i < TINY_IN; i++)
        loss += (out[i] - (double)history[i]) * (out[i] - (double)history[i]) / 2;
    return loss;
}

static bool is_of_a_mask(const struct tiny_net *net, double loss, double growth, bool whole)
{
    bool found = false;
    for (unsigned kept = 0; kept < 1U << TINY_IN; kept++)
        found = found || fabs(loss_of(net, kept, growth, whole) - loss) < 1e-5 * loss;
    return found;
}

/* A step's losses are those of masks, at lengths as the corruption has them. */
static void judge(const char *corruption, double growth, bool whole)
{
    struct lat_spec spec = tiny_spec(3, LAT_TANH);
    struct tiny_net net;
    spec.optimizer.batch = 1;
    spec.corruption_level = 0.5;
    snprintf(spec.corruption, sizeof(spec.corruption), "%s", corruption);
    struct lat_step *step = tiny_step_on(&spec, LAT_INPUT_INTERACTIONS);
    tiny_read(step, &spec, &net);
    size_t n_other = 0;
    for (size_t run = 0; run < 12; run++) {
        memcpy(lat_step_input(step), history, sizeof(history));
        const double loss = tiny_loss(step);
        cr_assert(is_of_a_mask(&net, loss, growth, whole), "%s: %g", corruption, loss);
        n_other += !is_of_a_mask(&net, loss, growth, !whole);
    }
    cr_assert_gt(n_other, 6);
    lat_step_free(step);
}

Test(corruption, histories_keep_their_length_under_dropout)
{
    judge("dropout", 2, true);
}

Test(corruption, masked_histories_have_the_length_of_what_is_left)
{
    judge("masking", 1, false);
}

Test(corruption, of_dropout_the_contractive_penalty_sees_the_same_rows)
{
    struct lat_spec spec = tiny_spec(3, LAT_TANH);
    spec.corruption_level = 0.5;
    spec.penalties.contractive = 0.1;
    snprintf(spec.corruption, sizeof(spec.corruption), "dropout");
    struct lat_step *step = tiny_step_on(&spec, LAT_INPUT_INTERACTIONS);
    tiny_fill(step, 2);
    cr_assert(isfinite(tiny_loss(step)));
    lat_step_free(step);
}

Test(corruption, dropout_would_change_ratings)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    input.kind = LAT_INPUT_INTERACTIONS;
    input.ratings = true;
    snprintf(spec.corruption, sizeof(spec.corruption), "dropout");
    cr_assert_eq(lat_step_new(step_engine(), &spec, &input, 1, &step, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "/corruption/type"), "%s", err.message);
}
