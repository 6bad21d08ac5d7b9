#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "service/embed.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"
#include "tests/unit/service/app_fixture.h"

static struct app_fixture fixture;
static struct lat_model *model;

static void enter(void)
{
    test_folder_enter();
    app_fixture_start(&fixture);
    cr_assert_eq(lat_embed_acquire(&fixture.call, "tiny", &model, NULL), LAT_OK);
}

static void leave(void)
{
    lat_model_release(model);
    app_fixture_stop(&fixture);
    test_folder_leave();
}

TestSuite(embed, .init = enter, .fini = leave);

static struct lat_input vector(const float *values, size_t n)
{
    return (struct lat_input){.kind = LAT_INPUT_VECTOR, .values = values, .n_values = n};
}

static const float a[5] = {1, 2, 3, 0, 0}, b[5] = {4, 5, 6, 2, 0}, c[5] = {7, 8, 9, 0, 1};
static const float not_finite[5] = {1, NAN, 3, 4, 5};

Test(embed, the_model_is_named_in_the_call)
{
    cr_assert_str_eq(fixture.call.model, "tiny@1");
    struct lat_model *other = NULL;
    cr_assert_eq(lat_embed_acquire(&fixture.call, "absent", &other, NULL), LAT_NOT_FOUND);
}

Test(embed, inputs_become_codes_in_order)
{
    const struct lat_input inputs[] = {vector(a, 5), vector(b, 5)};
    struct lat_embedding out;
    cr_assert_eq(lat_embed(&fixture.call, model, inputs, 2, LAT_EMBED_CODES, &out, NULL),
                 LAT_OK);
    cr_assert_eq(out.n, 2u);
    cr_assert_eq(out.n_bad, 0u);
    for (size_t k = 0; k < 3; k++) {
        cr_assert_eq(out.codes[k], 2 * a[k]);
        cr_assert_eq(out.codes[3 + k], 2 * b[k]);
    }
    cr_assert_null(out.variances);
    cr_assert_null(out.decoded);
    cr_assert_gt(fixture.call.timing_ns[LAT_TIMING_INFER], 0u);
}

Test(embed, a_bad_input_costs_the_others_nothing)
{
    const struct lat_input inputs[] = {vector(not_finite, 5), vector(a, 5), vector(b, 4),
                                       vector(b, 5),          vector(c, 5), vector(NULL, 0)};
    struct lat_embedding out;
    cr_assert_eq(lat_embed(&fixture.call, model, inputs, 6,
                           LAT_EMBED_CODES | LAT_EMBED_DECODED | LAT_EMBED_ERRORS, &out, NULL),
                 LAT_OK);
    cr_assert_eq(out.n_bad, 3u);
    cr_assert_str_eq(out.bad[0]->code, "not_finite");
    cr_assert_str_eq(out.bad[2]->code, "wrong_dimension");
    cr_assert_not_null(out.bad[5]);
    cr_assert(!out.bad[1] && !out.bad[3] && !out.bad[4]);
    for (size_t k = 0; k < 3; k++) {
        cr_assert_eq(out.codes[1 * 3 + k], 2 * a[k]);
        cr_assert_eq(out.codes[3 * 3 + k], 2 * b[k]);
        cr_assert_eq(out.codes[4 * 3 + k], 2 * c[k]);
        cr_assert_eq(out.decoded[4 * 5 + k], c[k]);
        cr_assert_eq(out.rows[4 * 5 + k], c[k]);
    }
    cr_assert_float_eq(out.errors[1], 0, 1e-6);
    cr_assert_float_eq(out.errors[3], 4.0 / 5, 1e-6);
    cr_assert_float_eq(out.errors[4], 1.0 / 5, 1e-6);
}

Test(embed, nothing_good_is_no_failure_of_the_call)
{
    const struct lat_input inputs[] = {vector(a, 4), vector(not_finite, 5)};
    struct lat_embedding out;
    cr_assert_eq(lat_embed(&fixture.call, model, inputs, 2, LAT_EMBED_CODES, &out, NULL),
                 LAT_OK);
    cr_assert_eq(out.n_bad, 2u);
}

Test(embed, all_or_nothing_names_the_first_bad_one)
{
    const struct lat_input inputs[] = {vector(a, 5), vector(b, 4), vector(not_finite, 5)};
    struct lat_embedding out;
    struct lat_error err = LAT_ERROR_INIT;
    size_t bad = 99;
    cr_assert_eq(
        lat_embed_all(&fixture.call, model, inputs, 3, LAT_EMBED_CODES, &out, &bad, &err),
        LAT_INVALID);
    cr_assert_eq(bad, 1u);
    cr_assert_str_eq(err.code, "wrong_dimension");
}

/* 18 rows of a million numbers are more than a part has. */
Test(embed, many_long_rows_go_through_in_parts)
{
    enum { WIDE = 1 << 20, N = 18, BAD = 4 };
    static const struct tiny_model wide = {
        .rank = 2, .dims = {-1, WIDE}, .code = 3, .no_decoder = true};
    struct lat_input inputs[N];
    struct lat_embedding out;
    struct lat_model *other = NULL;
    float *values = lat_alloc(WIDE + N, sizeof(*values));
    cr_assert_not_null(values);
    for (size_t i = 0; i < N + 3; i++)
        values[i] = (float)i;
    for (size_t i = 0; i < N; i++)
        inputs[i] = vector(values + i, i == BAD ? WIDE - 1 : WIDE);
    tiny_package(test_path("models"), "wide", 1, &wide, "{\"input\":{\"kind\":\"vector\"}}");
    cr_assert_eq(lat_registry_load(fixture.app->registry, "wide", NULL), LAT_OK);
    cr_assert_eq(lat_embed_acquire(&fixture.call, "wide", &other, NULL), LAT_OK);
    cr_assert_eq(lat_embed(&fixture.call, other, inputs, N, LAT_EMBED_CODES, &out, NULL),
                 LAT_OK);
    cr_expect_eq(out.n_bad, 1u);
    cr_expect_null(out.rows, "they are not kept");
    for (size_t i = 0; i < N; i++) {
        cr_expect_eq(out.bad[i] != NULL, i == BAD, "%zu", i);
        for (size_t k = 0; k < 3 && i != BAD; k++)
            cr_expect_eq(out.codes[i * 3 + k], (float)(i + k), "%zu", i);
    }
    lat_model_release(other);
    lat_free(values);
}

Test(embed, an_overflowing_code_is_refused)
{
    static const float huge[5] = {3e38f, 0, 0, 0, 0};
    const struct lat_input inputs[] = {vector(huge, 5), vector(a, 5)};
    struct lat_embedding out;
    cr_assert_eq(lat_embed(&fixture.call, model, inputs, 2, LAT_EMBED_CODES, &out, NULL),
                 LAT_OK);
    cr_assert_eq(out.n_bad, 1u);
    cr_assert_str_eq(out.bad[0]->code, "not_finite");
}

Test(embed, variances_of_a_deterministic_model_are_missing)
{
    const struct lat_input inputs[] = {vector(a, 5)};
    struct lat_embedding out;
    cr_assert_eq(lat_embed(&fixture.call, model, inputs, 1,
                           LAT_EMBED_CODES | LAT_EMBED_VARIANCES, &out, NULL),
                 LAT_CAPABILITY);
}

Test(embed, codes_decode_to_rows)
{
    static const float codes[6] = {2, 4, 6, 8, 10, 12};
    float *rows = NULL;
    cr_assert_eq(lat_embed_decode(&fixture.call, model, codes, 2, &rows, NULL), LAT_OK);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 5; k++)
            cr_assert_eq(rows[i * 5 + k], k < 3 ? codes[i * 3 + k] / 2 : 0.0f);
}

static enum lat_status embed_again(void *context, struct lat_error *err)
{
    const struct lat_input inputs[] = {vector(a, 5), vector(b, 4), vector(b, 5)};
    struct lat_call call = {.app = context, .deadline_ns = UINT64_MAX};
    struct lat_embedding out;
    const enum lat_status status =
        lat_embed(&call, model, inputs, 3, LAT_EMBED_CODES | LAT_EMBED_ERRORS, &out, err);
    lat_arena_release(&call.arena);
    return status;
}

Test(embed, survives_every_failed_allocation)
{
    TEST_TORTURE(embed_again, fixture.app);
}
