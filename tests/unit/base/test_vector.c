/* The loops of ranking against plain ones, at every length about the width of their lanes. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/vector.h"

enum { LONGEST = 70 };

Test(vector, a_dot_is_the_sum_of_products_at_every_length)
{
    float a[LONGEST + 1], b[LONGEST + 1];
    for (int i = 0; i <= LONGEST; i++) {
        a[i] = (float)(i % 7) - 3;
        b[i] = (float)(i % 5) + 1;
    }
    for (size_t n = 0; n <= LONGEST; n++) {
        double sum = 0;
        for (size_t i = 1; i <= n; i++)
            sum += (double)a[i] * (double)b[i];
        cr_assert_float_eq(lat_vector_dot(a + 1, b + 1, n), sum, 1e-4, "%zu", n);
    }
}

Test(vector, adding_a_multiple_touches_nothing_behind_its_end)
{
    float a[LONGEST + 1];
    for (int i = 0; i <= LONGEST; i++)
        a[i] = (float)i;
    for (size_t n = 0; n <= LONGEST; n++) {
        float sum[LONGEST + 1] = {0};
        lat_vector_add(sum, a, 2, n);
        for (size_t i = 0; i <= LONGEST; i++)
            cr_assert_float_eq(sum[i], i < n ? 2 * a[i] : 0, 0, "%zu of %zu", i, n);
    }
}

Test(vector, one_value_that_reaches_the_bound_is_seen_wherever_it_stands)
{
    for (size_t n = 1; n <= LONGEST; n++)
        for (size_t at = 0; at <= n; at++) {
            float a[LONGEST + 1] = {0};
            a[at] = 2; /* behind the end when at == n */
            cr_assert_eq(lat_vector_reaches(a, 2, n), at < n, "%zu of %zu", at, n);
            a[at] = NAN;
            cr_assert_not(lat_vector_reaches(a, 2, n), "NaN at %zu of %zu", at, n);
        }
    cr_assert_not(lat_vector_reaches(NULL, 0, 0));
}
