#include <criterion/criterion.h>
#include <math.h>

#include "base/rng.h"
#include "model/calibration.h"

static double counted(const float *errors, size_t n, float error)
{
    size_t at_least = 0;
    for (size_t i = 0; i < n; i++)
        at_least += errors[i] >= error;
    return (1.0 + (double)at_least) / (1.0 + (double)n);
}

Test(calibration, quantiles_are_the_sorted_errors_of_a_small_set)
{
    float errors[5] = {5, 1, 4, 2, 3};
    struct lat_calibration calibration;
    cr_assert_eq(lat_calibration_fit(errors, 5, LAT_SCORE_ERROR, "c1", &calibration, NULL),
                 LAT_OK);
    cr_assert(calibration.present);
    cr_assert_eq(calibration.n, 5u);
    cr_assert_eq(calibration.n_quantiles, 5u);
    cr_assert_str_eq(calibration.id, "c1");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(calibration.quantiles[i], (float)(i + 1));
}

Test(calibration, p_values_of_a_large_set_agree_with_counting)
{
    enum { N = 20000 };
    struct lat_rng rng;
    static float errors[N];
    static struct lat_calibration calibration;
    lat_rng_seed(&rng, 3);
    for (int i = 0; i < N; i++)
        errors[i] = (float)exp(lat_rng_normal(&rng));
    cr_assert_eq(lat_calibration_fit(errors, N, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    cr_assert_eq(calibration.n_quantiles, 4097u);
    for (int i = 0; i < 500; i++) {
        const float error = (float)exp(lat_rng_normal(&rng));
        cr_expect_float_eq(lat_calibration_p_value(&calibration, error),
                           counted(errors, N, error), 0.0005);
    }
}

Test(calibration, p_values_have_the_right_ends)
{
    float errors[4] = {1, 2, 3, 4};
    struct lat_calibration calibration;
    cr_assert_eq(lat_calibration_fit(errors, 4, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 0.5F), 1.0, 1e-12);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 1.0F), 1.0, 1e-12);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 9.0F), 1.0 / 5.0, 1e-12);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, NAN), 1.0 / 5.0, 1e-12);
    double last = 1.0;
    for (float error = 0.0F; error < 5.0F; error += 0.01F) {
        const double p = lat_calibration_p_value(&calibration, error);
        cr_expect(p > 0.0 && p <= last);
        last = p;
    }
}

Test(calibration, equal_errors_and_single_items_are_fine)
{
    float same[3] = {2, 2, 2}, one[1] = {7};
    struct lat_calibration calibration;
    cr_assert_eq(lat_calibration_fit(same, 3, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 2.0F), 1.0, 1e-12);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 2.1F), 0.25, 1e-12);
    cr_expect_float_eq(lat_calibration_below(&calibration, 2.0F), 0, 1e-12);
    cr_assert_eq(lat_calibration_fit(one, 1, LAT_SCORE_ERROR, "c", &calibration, NULL), LAT_OK);
    cr_assert_eq(calibration.n_quantiles, 2u);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 8.0F), 0.5, 1e-12);
}

Test(calibration, without_one_there_is_no_p_value)
{
    const struct lat_calibration none = {.present = false};
    cr_assert(isnan(lat_calibration_p_value(&none, 1.0F)));
}

Test(calibration, errors_that_are_no_numbers_are_refused)
{
    float errors[2] = {1, NAN};
    struct lat_calibration calibration;
    cr_assert_eq(lat_calibration_fit(errors, 2, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_INVALID);
    cr_assert_eq(lat_calibration_fit(errors, 0, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_INVALID);
}

Test(calibration, p_values_of_a_set_that_is_kept_whole_are_counts)
{
    enum { N = 700 };
    struct lat_rng rng;
    float errors[N];
    struct lat_calibration calibration;
    lat_rng_seed(&rng, 4);
    for (int i = 0; i < N; i++)
        errors[i] = (float)lat_rng_below(&rng, 300); /* with many equal ones */
    cr_assert_eq(lat_calibration_fit(errors, N, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    for (float error = -1; error < 302; error += 0.5F)
        cr_expect_float_eq(lat_calibration_p_value(&calibration, error),
                           counted(errors, N, error), 1e-12, "%g", (double)error);
}

Test(calibration, a_threshold_flags_just_what_has_a_p_value_of_at_most_the_rate)
{
    enum { N = 99 };
    struct lat_rng rng;
    float errors[N];
    struct lat_calibration calibration;
    lat_rng_seed(&rng, 5);
    for (int i = 0; i < N; i++)
        errors[i] = (float)exp(lat_rng_normal(&rng));
    cr_assert_eq(lat_calibration_fit(errors, N, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    for (double rate = 0.01; rate < 0.995; rate += 0.01) {
        double held;
        const float threshold = lat_calibration_threshold(&calibration, rate, &held);
        cr_expect_eq(held, rate);
        for (float error = 0; error < 12; error += 0.01F)
            cr_expect_eq(error > threshold,
                         lat_calibration_p_value(&calibration, error) <= rate + 1e-9,
                         "rate %g, error %g", rate, (double)error);
    }
}

Test(calibration, a_rate_that_the_set_cannot_tell_has_the_largest_score_as_threshold)
{
    float errors[4] = {1, 2, 3, 4};
    struct lat_calibration calibration;
    double held;
    cr_assert_eq(lat_calibration_fit(errors, 4, LAT_SCORE_ERROR, "c", &calibration, NULL),
                 LAT_OK);
    cr_expect_eq(lat_calibration_threshold(&calibration, 0.01, &held), 4.0F);
    cr_expect_float_eq(held, 0.2, 1e-12);
    cr_expect_eq(lat_calibration_threshold(&calibration, 0.4, &held), 3.0F);
    cr_expect_eq(held, 0.4);
    cr_expect_leq(lat_calibration_threshold(&calibration, 0.999, &held), 1.0F);
}
