#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/support.h"

Test(buf, appends_and_stays_terminated)
{
    struct lat_buf buf = {0};
    lat_buf_text(&buf, "ab");
    lat_buf_char(&buf, 'c');
    lat_buf_append(&buf, "\0d", 2);
    lat_buf_printf(&buf, "%d", 5);
    cr_assert_eq(buf.len, 6u);
    cr_assert_eq(memcmp(buf.data, "abc\0d5\0", 7), 0);
    cr_assert_eq(lat_buf_check(&buf, NULL), LAT_OK);
    lat_buf_release(&buf);
    cr_assert_null(buf.data);
}

Test(buf, prints_across_growth)
{
    struct lat_buf buf = {0};
    for (int i = 0; i < 1000; i++)
        lat_buf_printf(&buf, "%04d,", i);
    cr_assert_eq(buf.len, 5000u);
    cr_assert_eq(strncmp(buf.data + 4995, "0999,", 6), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(atol(buf.data + 5 * i), i);
    lat_buf_release(&buf);
}

Test(buf, the_cap_is_sticky_and_exact)
{
    struct lat_buf buf;
    struct lat_error err = LAT_ERROR_INIT;
    lat_buf_init(&buf, 5);
    lat_buf_text(&buf, "12345");
    cr_assert_eq(lat_buf_check(&buf, NULL), LAT_OK);
    lat_buf_char(&buf, '6');
    lat_buf_text(&buf, "");
    cr_assert_eq(lat_buf_check(&buf, &err), LAT_TOO_LARGE);
    cr_assert_str_eq(err.message, "more than the limit of 5 bytes");
    cr_assert_str_eq(buf.data, "12345");
    cr_assert_not(lat_buf_reserve(&buf, 0));
    lat_buf_clear(&buf);
    lat_buf_printf(&buf, "%d", 123456);
    cr_assert_eq(buf.status, LAT_TOO_LARGE);
    cr_assert_str_eq(buf.data, "");
    lat_buf_clear(&buf);
    lat_buf_printf(&buf, "%d", 12345);
    cr_assert_eq(buf.status, LAT_OK);
    lat_buf_release(&buf);
    cr_assert_eq(buf.limit, 5u);
}

Test(buf, a_size_that_does_not_fit_is_too_large)
{
    struct lat_buf buf = {0};
    lat_buf_text(&buf, "x");
    cr_assert_not(lat_buf_reserve(&buf, SIZE_MAX - 1));
    cr_assert_eq(buf.status, LAT_TOO_LARGE);
    lat_buf_release(&buf);
}

Test(buf, take_hands_over)
{
    struct lat_buf buf = {0};
    lat_buf_text(&buf, "mine");
    size_t len = 0;
    char *data = lat_buf_take(&buf, &len);
    cr_assert_str_eq(data, "mine");
    cr_assert_eq(len, 4u);
    cr_assert_null(buf.data);
    cr_assert_eq(buf.capacity, 0u);
    lat_free(data);
}

static enum lat_status write_everything(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_buf buf = {0};
    const float values[200] = {1.5F};
    lat_buf_text(&buf, "text");
    lat_buf_printf(&buf, "%200d", 1);
    lat_buf_json_string(&buf, "a\n\x01", 3);
    lat_buf_json_floats(&buf, values, 200);
    lat_buf_json_double(&buf, 0.1);
    const enum lat_status status = lat_buf_check(&buf, err);
    lat_buf_release(&buf);
    return status;
}

Test(buf, survives_every_failing_allocation)
{
    TEST_TORTURE(write_everything, NULL);
}

Test(buf, json_strings_are_escaped)
{
    struct lat_buf buf = {0};
    const char text[] = "a\"b\\c\b\f\n\r\t\x01\x1f\x7f é\0z";
    lat_buf_json_string(&buf, text, sizeof(text) - 1);
    cr_assert_str_eq(buf.data, "\"a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f\x7f é\\u0000z\"");
    lat_buf_clear(&buf);
    lat_buf_json_string(&buf, "", 0);
    cr_assert_str_eq(buf.data, "\"\"");
    lat_buf_release(&buf);
}

Test(buf, floats_look_as_people_write_them)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.0F, "0"},
        {-0.0F, "-0.0"},
        {1.0F, "1"},
        {-2.5F, "-2.5"},
        {0.1F, "0.1"},
        {100.0F, "100"},
        {16777216.0F, "16777216"},
        {1e9F, "1000000000"},
        {1e10F, "1e10"},
        {1.5e10F, "1.5e10"},
        {1e-5F, "0.00001"},
        {1e-6F, "1e-6"},
        {123.456F, "123.456"},
        {3.4028235e38F, "3.4028235e38"},
        {1e-45F, "1e-45"},
        {1.1754944e-38F, "1.1754944e-38"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {0.333333343F, "0.33333334"},
    };
    struct lat_buf buf = {0};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        lat_buf_clear(&buf);
        lat_buf_json_float(&buf, cases[i].value);
        cr_expect_str_eq(buf.data, cases[i].text);
    }
    lat_buf_release(&buf);
}

Test(buf, float_arrays_are_the_same_as_single_floats)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 1);
    float values[100];
    for (size_t n = 0; n <= 100; n++) {
        struct lat_buf whole = {0}, single = {0};
        lat_buf_char(&single, '[');
        for (size_t i = 0; i < n; i++) {
            values[i] = (float)lat_rng_normal(&rng);
            if (i)
                lat_buf_char(&single, ',');
            lat_buf_json_float(&single, values[i]);
        }
        lat_buf_char(&single, ']');
        lat_buf_json_floats(&whole, values, n);
        cr_assert_str_eq(whole.data, single.data);
        lat_buf_release(&whole);
        lat_buf_release(&single);
    }
}

/* Significant digits of a printed number. */
static int digits_of(const char *text)
{
    char digits[64];
    int n = 0, first = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            digits[n++] = *text;
    while (first < n - 1 && digits[first] == '0')
        first++;
    while (n - 1 > first && digits[n - 1] == '0')
        n--;
    return n - first;
}

static void check_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    char text[LAT_DECIMAL_FLOAT_MAX + 1];
    const size_t len = lat_decimal_float(text, value);
    cr_assert_leq(len, (size_t)LAT_DECIMAL_FLOAT_MAX);
    text[len] = '\0';
    if (!isfinite(value)) {
        cr_assert_str_eq(text, "null");
        return;
    }
    const float back = strtof(text, NULL);
    cr_assert_eq(memcmp(&back, &value, sizeof(back)), 0, "%08x printed as %s", bits, text);
}

Test(buf, random_floats_read_back_exactly)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 2);
    for (int i = 0; i < 3000000; i++)
        check_float((uint32_t)lat_rng_next(&rng));
}

Test(buf, powers_of_two_and_their_neighbours_read_back_exactly)
{
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (int32_t off = -3; off <= 3; off++)
            check_float((uint32_t)((int32_t)(exponent << 23) + off));
}

Test(buf, no_shorter_decimal_reads_back)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (int i = 0; i < 100000; i++) {
        const uint32_t bits = (uint32_t)lat_rng_next(&rng) & 0x7FFFFFFF;
        float value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        char text[LAT_DECIMAL_FLOAT_MAX + 1], other[64];
        text[lat_decimal_float(text, value)] = '\0';
        const int digits = digits_of(text);
        snprintf(other, sizeof(other), "%.*e", digits - 1, (double)value);
        if (strtof(other, NULL) == value)
            cr_assert_eq(strtod(other, NULL), strtod(text, NULL), "%s is nearer than %s", other,
                         text);
        if (digits == 1)
            continue;
        snprintf(other, sizeof(other), "%.*e", digits - 2, (double)value);
        cr_assert_neq(strtof(other, NULL), value, "%s is shorter than %s", other, text);
    }
}

Test(buf, doubles_read_back_exactly)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 4);
    struct lat_buf buf = {0};
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = lat_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof(value));
        lat_buf_clear(&buf);
        lat_buf_json_double(&buf, value);
        if (isfinite(value))
            cr_assert_eq(strtod(buf.data, NULL), value);
        else
            cr_assert_str_eq(buf.data, "null");
    }
    lat_buf_clear(&buf);
    lat_buf_json_double(&buf, 0.1);
    lat_buf_char(&buf, ' ');
    lat_buf_json_double(&buf, 3);
    cr_assert_str_eq(buf.data, "0.1 3");
    lat_buf_release(&buf);
}
