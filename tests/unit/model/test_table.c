/* Cells of a table on their way out. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "model/table.h"

/* What somebody sent as `value` to a column of that mean and deviation is told as. */
static const char *observed(enum lat_column_type type, double mean, double std, double value)
{
    static char text[64];
    struct lat_column column = {.type = type, .mean = mean, .std = std};
    struct lat_buf out = {0};
    const float row[1] = {(float)((value - mean) / std)};
    lat_table_write_observed(&column, row, &out);
    snprintf(text, sizeof(text), "%s", out.data);
    lat_buf_release(&out);
    return text;
}

Test(model_table, a_number_is_observed_with_the_digits_it_was_sent_with)
{
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 2510.0121, 891.0861, 1000), "1000");
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 2510.0121, 891.0861, 1234.567), "1234.567");
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 45.174226, 14.873530, 30.1), "30.1");
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 45.174226, 14.873530, 0), "0");
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 45.174226, 14.873530, -0.25), "-0.25");
    cr_expect_str_eq(observed(LAT_COLUMN_NUMERIC, 0, 1e-6, 3.25e-6), "3.25e-6");
    cr_expect_str_eq(observed(LAT_COLUMN_INTEGER, 4.6, 2.88, 7), "7");
    cr_expect_str_eq(observed(LAT_COLUMN_INTEGER, 4.6, 2.88, 2.5), "2.5");
}
