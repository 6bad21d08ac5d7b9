/* What a checkpoint, an evaluation and a corruption promise, and what a step refuses. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "step_fixture.h"

Test(step, the_same_spec_and_seed_give_the_same_weights)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    void *states[2];
    size_t len = 0;
    snprintf(spec.corruption, sizeof(spec.corruption), "masking");
    spec.corruption_level = 0.3;
    for (int i = 0; i < 2; i++) {
        struct lat_step *step = step_new(&spec, &input);
        step_run_many(step, 0, 7, 420);
        len = lat_step_state_len(step);
        states[i] = step_state_of(step);
        lat_step_free(step);
    }
    cr_assert_arr_eq(states[0], states[1], len);
    free(states[0]);
    free(states[1]);
}

Test(step, a_restored_state_goes_on_to_the_bit)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(spec.corruption, sizeof(spec.corruption), "gaussian");
    spec.corruption_level = 0.1;
    struct lat_step *whole = step_new(&spec, &input);
    step_run_many(whole, 0, 4, 72);
    void *half = step_state_of(whole);
    step_run_many(whole, 4, 9, 72);
    void *expected = step_state_of(whole);
    spec.seed++; /* whatever it started from */
    struct lat_step *resumed = step_new(&spec, &input);
    step_run_many(resumed, 0, 1, 72);
    size_t len = lat_step_state_len(resumed);
    cr_assert_eq(lat_step_set_state(resumed, half, len, &err), LAT_OK, "%s", err.message);
    step_run_many(resumed, 4, 9, 72);
    void *got = step_state_of(resumed);
    cr_assert_arr_eq(got, expected, len);
    cr_assert_eq(lat_step_set_state(resumed, half, len - 4, &err), LAT_CORRUPT);
    cr_assert_str_eq(err.code, "bad_checkpoint"); /* what jobs begin anew for */
    free(half);
    free(expected);
    free(got);
    lat_step_free(whole);
    lat_step_free(resumed);
}

Test(step, an_augmentation_moves_the_target_with_the_input)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    struct lat_error err = LAT_ERROR_INIT;
    float before[420];
    snprintf(spec.augmentation, sizeof(spec.augmentation), "affine");
    spec.augmentation_level = 0.2;
    struct lat_step *step = step_new(&spec, &input);
    step_fill_input(step, 420, 3);
    memcpy(before, lat_step_input(step), sizeof(before));
    cr_assert_eq(lat_step_run(step, 0.01, NULL, &err), LAT_OK, "%s", err.message);
    cr_assert_arr_neq(lat_step_input(step), before, sizeof(before));
    lat_step_free(step);
}

Test(step, moving_pictures_wants_pictures)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = NULL;
    snprintf(spec.corruption, sizeof(spec.corruption), "affine");
    cr_assert_eq(lat_step_new(step_engine(), &spec, &input, 1, &step, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "/corruption/type") && strstr(err.message, "vector"), "%s",
              err.message);
}

Test(step, evaluation_counts_only_the_rows_asked_for_and_changes_nothing)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = step_new(&spec, &input);
    struct reference r = step_dense_reference();
    double all = 0, first = 0;
    step_fill_input(step, 72, 5);
    step_share_parameters(step, &r);
    void *before = step_state_of(step);
    cr_assert_eq(lat_step_evaluate(step, 6, &all, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_step_evaluate(step, 4, &first, &err), LAT_OK, "%s", err.message);
    cr_assert_float_eq(all, 6 * reference_backprop(&r, lat_step_input(step)), 1e-5 * all);
    for (size_t i = 48; i < 72; i++) {
        lat_step_input(step)[i] = 0.5F;
    }
    double again = 0;
    cr_assert_eq(lat_step_evaluate(step, 4, &again, &err), LAT_OK);
    cr_assert_float_eq(first, again, 1e-9);
    void *after = step_state_of(step);
    cr_assert_arr_eq(before, after, lat_step_state_len(step));
    cr_assert_eq(lat_step_evaluate(step, 7, &again, &err), LAT_INTERNAL);
    free(before);
    free(after);
    reference_release(&r);
    lat_step_free(step);
}

Test(step, every_corruption_leaves_the_target_clean)
{
    static const char *const names[] = {"gaussian", "masking", "dropout", "salt_and_pepper"};
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float before[72];
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++) {
        struct lat_spec spec = step_dense_spec();
        double clean = 0, noisy = 0;
        snprintf(spec.corruption, sizeof(spec.corruption), "%s", names[i]);
        spec.corruption_level = 0.5;
        struct lat_step *step = step_new(&spec, &input);
        step_fill_input(step, 72, 8);
        memcpy(before, lat_step_input(step), sizeof(before));
        cr_assert_eq(lat_step_evaluate(step, 6, &clean, &err), LAT_OK);
        cr_assert_eq(lat_step_run(step, 0.01, &noisy, &err), LAT_OK, "%s", err.message);
        cr_assert_arr_eq(before, lat_step_input(step), sizeof(before));
        cr_assert_neq(clean / 6, noisy, "%s changed nothing", names[i]);
        lat_step_free(step);
    }
}

Test(step, what_cannot_be_trained_is_refused_by_name)
{
    struct lat_input_spec input = step_vector_input(12);
    struct lat_step *step = NULL;
    struct lat_spec specs[5];
    static const char *const words[] = {"recurrent", "mixed", "kl_sparsity", "images", "rain"};
    for (size_t i = 0; i < 5; i++) {
        specs[i] = step_dense_spec();
    }
    specs[0].encoder.type = LAT_NETWORK_RECURRENT;
    specs[1].likelihood = LAT_LIKELIHOOD_MIXED;
    specs[2].penalties.kl_sparsity_weight = 1;
    specs[3] = step_conv_spec();
    snprintf(specs[4].corruption, sizeof(specs[4].corruption), "rain");
    for (size_t i = 0; i < 5; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_step_new(step_engine(), &specs[i], &input, 1, &step, &err),
                     LAT_INVALID);
        cr_assert_not_null(strstr(err.message, words[i]), "%s", err.message);
    }
}

Test(step, every_failing_allocation_is_survived)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    step_survives_failing_allocations(&spec, &input);
}
