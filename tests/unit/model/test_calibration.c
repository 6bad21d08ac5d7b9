#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
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
    cr_assert_eq(lat_calibration_fit(errors, 5, "c1", &calibration, NULL), LAT_OK);
    cr_assert(calibration.present);
    cr_assert_eq(calibration.n, 5u);
    cr_assert_eq(calibration.n_quantiles, 5u);
    cr_assert_str_eq(calibration.id, "c1");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(calibration.quantiles[i], (float)(i + 1));
}

Test(calibration, p_values_agree_with_counting_within_two_quantiles)
{
    enum { N = 20000 };
    struct lat_rng rng;
    static float errors[N];
    static struct lat_calibration calibration;
    lat_rng_seed(&rng, 3);
    for (int i = 0; i < N; i++)
        errors[i] = (float)exp(lat_rng_normal(&rng));
    cr_assert_eq(lat_calibration_fit(errors, N, "c", &calibration, NULL), LAT_OK);
    cr_assert_eq(calibration.n_quantiles, 1001u);
    for (int i = 0; i < 500; i++) {
        const float error = (float)exp(lat_rng_normal(&rng));
        cr_expect_float_eq(lat_calibration_p_value(&calibration, error),
                           counted(errors, N, error), 0.002);
    }
}

Test(calibration, p_values_have_the_right_ends)
{
    float errors[4] = {1, 2, 3, 4};
    struct lat_calibration calibration;
    cr_assert_eq(lat_calibration_fit(errors, 4, "c", &calibration, NULL), LAT_OK);
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
    cr_assert_eq(lat_calibration_fit(same, 3, "c", &calibration, NULL), LAT_OK);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 2.0F), 1.0, 1e-12);
    cr_expect_float_eq(lat_calibration_p_value(&calibration, 2.1F), 0.25, 1e-12);
    cr_assert_eq(lat_calibration_fit(one, 1, "c", &calibration, NULL), LAT_OK);
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
    cr_assert_eq(lat_calibration_fit(errors, 2, "c", &calibration, NULL), LAT_INVALID);
    cr_assert_eq(lat_calibration_fit(errors, 0, "c", &calibration, NULL), LAT_INVALID);
}
