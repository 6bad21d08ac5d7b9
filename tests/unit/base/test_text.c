#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "base/text.h"

static bool scan(const char *text, float *out_value, size_t *out_used)
{
    const char *cursor = text;
    const bool ok = lat_scan_float(&cursor, text + strlen(text), out_value);
    *out_used = (size_t)(cursor - text);
    return ok;
}

static void check_scan(const char *text)
{
    const float want = strtof(text, NULL);
    float got = 77;
    size_t used;
    const bool ok = scan(text, &got, &used);
    cr_assert_eq(ok, isfinite(want), "%s", text);
    if (!ok)
        return;
    cr_assert_eq(used, strlen(text), "%s", text);
    cr_assert_eq(memcmp(&got, &want, sizeof(got)), 0, "%s read as %a, not %a", text,
                 (double)got, (double)want);
}

Test(scan, numbers_of_json_are_read_as_strtof_reads_them)
{
    static const char *const cases[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0e5",
        "0.000e-999999999999",
        "1",
        "-1",
        "12.5",
        "1e3",
        "1E+3",
        "1e-3",
        "1.5e-3",
        "123456789012345678901234567890",
        "0.1",
        "3.4028235e38",
        "3.4028235677973362e38",
        "3.4028235677973366e38",
        "3.5e38",
        "1e39",
        "1e400",
        "-1e400",
        "1e99999999999999999999",
        "1e-45",
        "7e-46",
        "7.006e-46",
        "7.0064923216240853e-46",
        "7.0064923216240854e-46",
        "1e-400",
        "1.17549435e-38",
        "1.1754943e-38",
        "16777217",
        "16777217.0000000000000000000000000001",
        "16777216.9999999999999999999999999999",
        "16777219",
        "0.000000000000000000000000000000000000000000000000001e51",
        "10000000000000000000000000000000000000000000000000000e-52",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "9007199254740993",
        "9999999999999999999",
        "99999999999999999999",
        "0.99999999999999999999999",
        "1.00000005960464477539062",
        "1.000000059604644775390625",
        "1.000000059604644775390626",
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++)
        check_scan(cases[i]);
}

Test(scan, what_is_no_json_number_is_refused_and_the_cursor_stays)
{
    static const char *const cases[] = {"",    "-",  "+1",  ".5",  "1.",  "1.e5", "01",
                                        "-01", "1e", "1e+", "nan", "NaN", "inf",  "-inf",
                                        "x",   " 1", "--1", "0x",  "00",  "1e39", "null"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        float value = 42;
        size_t used;
        const bool ok = scan(cases[i], &value, &used);
        if (strcmp(cases[i], "0x") == 0) {
            cr_assert(ok && used == 1);
            continue;
        }
        cr_assert_not(ok, "%s", cases[i]);
        cr_assert_eq(used, 0u, "%s", cases[i]);
        cr_assert_eq(value, 42.0F, "%s", cases[i]);
    }
}

Test(scan, stops_behind_the_number_and_never_past_the_end)
{
    float value;
    size_t used;
    cr_assert(scan("1.5,2", &value, &used));
    cr_assert_eq(used, 3u);
    const char *text = "123456";
    const char *cursor = text;
    cr_assert(lat_scan_float(&cursor, text + 3, &value));
    cr_assert_eq(value, 123.0F);
    cursor = text;
    cr_assert_not(lat_scan_float(&cursor, text, &value));
    text = "1.5e7";
    cursor = text;
    cr_assert_not(lat_scan_float(&cursor, text + 2, &value));
    cr_assert_not(lat_scan_float(&cursor, text + 4, &value));
    cr_assert(lat_scan_float(&cursor, text + 3, &value));
    cr_assert_eq(value, 1.5F);
}

Test(scan, very_long_numbers_are_read_exactly)
{
    struct lat_buf buf = {0};
    for (int zeroes = 0; zeroes < 400; zeroes += 7) {
        lat_buf_clear(&buf);
        lat_buf_text(&buf, "1.000000059604644775390625"); /* the middle above 1 */
        for (int i = 0; i < zeroes; i++)
            lat_buf_char(&buf, '0');
        check_scan(buf.data);
        lat_buf_char(&buf, '1'); /* above the middle, however late */
        check_scan(buf.data);
        lat_buf_clear(&buf);
        lat_buf_text(&buf, "0.");
        for (int i = 0; i < zeroes; i++)
            lat_buf_char(&buf, '0');
        lat_buf_printf(&buf, "16777217e%d", zeroes);
        check_scan(buf.data);
        lat_buf_clear(&buf);
        lat_buf_text(&buf, "16777217");
        for (int i = 0; i < zeroes; i++)
            lat_buf_char(&buf, '0');
        lat_buf_printf(&buf, "e-%d", zeroes);
        check_scan(buf.data);
    }
    lat_buf_release(&buf);
}

Test(scan, random_floats_in_any_writing_are_rounded_right)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 5);
    for (int i = 0; i < 1000000; i++) {
        const uint32_t bits = (uint32_t)lat_rng_next(&rng) & 0x7F7FFFFF;
        float value;
        memcpy(&value, &bits, sizeof(value));
        double near = (double)value;
        if (i % 4 == 0) /* the middle between two floats, and its next doubles */
            near = ((double)value + (double)nextafterf(value, INFINITY)) / 2;
        if (i % 4 == 0 && i % 8)
            near = nextafter(near, i % 16 == 4 ? 0 : INFINITY);
        if (i % 4 == 1)
            near = lat_rng_normal(&rng);
        char text[64];
        snprintf(text, sizeof(text), i % 3 ? "%.17g" : "%.9e", near);
        check_scan(text);
    }
}

Test(scan, the_locale_does_not_matter)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "C");
    float value;
    size_t used;
    double wide;
    cr_assert(scan("16777217.5", &value, &used));
    cr_assert_eq(value, 16777218.0F);
    cr_assert(lat_parse_double("2.5", &wide));
    cr_assert_eq(wide, 2.5);
    struct lat_buf buf = {0};
    lat_buf_json_double(&buf, 2.5);
    cr_assert_str_eq(buf.data, "2.5");
    lat_buf_release(&buf);
}

Test(text, whole_numbers)
{
    uint64_t value = 9;
    cr_assert(lat_parse_u64("18446744073709551615", UINT64_MAX, &value));
    cr_assert_eq(value, UINT64_MAX);
    value = 9;
    cr_assert_not(lat_parse_u64("18446744073709551616", UINT64_MAX, &value));
    cr_assert_not(lat_parse_u64("", 10, &value));
    cr_assert_not(lat_parse_u64("-1", 10, &value));
    cr_assert_not(lat_parse_u64("+1", 10, &value));
    cr_assert_not(lat_parse_u64("1 ", 10, &value));
    cr_assert_not(lat_parse_u64("11", 10, &value));
    cr_assert_eq(value, 9u);
    cr_assert(lat_parse_u64("0010", 10, &value));
    cr_assert_eq(value, 10u);
}

Test(text, decimal_numbers)
{
    double value = 9;
    static const char *const bad[] = {"",   ".",   "nan", "inf", "0x10",  "1e",   " 1",
                                      "1 ", "1,5", "e5",  "+",   "1e999", "1.2.3"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++)
        cr_assert_not(lat_parse_double(bad[i], &value), "%s", bad[i]);
    cr_assert_eq(value, 9.0);
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1}, {"-1.5", -1.5}, {"+.5", 0.5}, {"5.", 5}, {"1e-400", 0}, {"1E2", 100}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(good); i++) {
        cr_assert(lat_parse_double(good[i].text, &value), "%s", good[i].text);
        cr_assert_eq(value, good[i].value, "%s", good[i].text);
    }
}

/* Decodes as the standard's definition says: slow, and nothing like the code under test. */
static bool reference_utf8(const unsigned char *p, size_t len)
{
    while (len) {
        const int n = *p < 0x80         ? 1
                      : (*p >> 5) == 6  ? 2
                      : (*p >> 4) == 14 ? 3
                      : (*p >> 3) == 30 ? 4
                                        : 0;
        if (!n || (size_t)n > len)
            return false;
        uint32_t code = n == 1 ? *p : *p & (0xFF >> (n + 1));
        for (int i = 1; i < n; i++) {
            if ((p[i] & 0xC0) != 0x80)
                return false;
            code = code << 6 | (p[i] & 0x3F);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

Test(text, utf8_agrees_with_the_definition_on_all_short_sequences)
{
    static const unsigned char second[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90,
                                           0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    for (unsigned first = 0; first < 256; first++)
        for (size_t i = 0; i < sizeof(second); i++)
            for (size_t j = 0; j < sizeof(second); j++)
                for (size_t k = 0; k < sizeof(second); k++)
                    for (size_t len = 0; len <= 4; len++) {
                        const unsigned char text[] = {(unsigned char)first, second[i],
                                                      second[j], second[k]};
                        cr_assert_eq(lat_utf8_valid((const char *)text, len),
                                     reference_utf8(text, len));
                    }
}

Test(text, utf8_after_long_plain_text)
{
    const char *mixed = "0123456789abcdef grüße 0123456789 😀";
    cr_assert(lat_utf8_valid(mixed, strlen(mixed)));
    char text[64];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)0xFF;
        cr_assert_not(lat_utf8_valid(text, sizeof(text)));
        text[i] = 'a';
    }
    cr_assert(lat_utf8_valid(text, sizeof(text)));
}

Test(text, names_and_ids)
{
    char name[65];
    memset(name, 'a', 64);
    name[64] = '\0';
    cr_assert_not(lat_name_valid(name));
    name[63] = '\0';
    cr_assert(lat_name_valid(name));
    cr_assert(lat_name_valid("0shoes_v1.2-x"));
    static const char *const bad[] = {"", "Shoes", "-a", ".a", "_a", "a b", "a/b", "ä"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++)
        cr_assert_not(lat_name_valid(bad[i]), "%s", bad[i]);
    char id[257];
    memset(id, 'x', sizeof(id));
    cr_assert(lat_id_valid(id, 256));
    cr_assert_not(lat_id_valid(id, 257));
    cr_assert_not(lat_id_valid(id, 0));
    cr_assert_not(lat_id_valid("a\0b", 3));
    cr_assert_not(lat_id_valid("\xFF", 1));
    cr_assert(lat_id_valid("Schuh 42/é", strlen("Schuh 42/é")));
}

Test(text, the_nearest_word)
{
    static const char *const words[] = {"listen", "data", "models", "workers"};
    cr_assert_str_eq(lat_nearest("lisen", words, 4), "listen");
    cr_assert_str_eq(lat_nearest("lsiten", words, 4), "listen");
    cr_assert_str_eq(lat_nearest("adta", words, 4), "data");
    cr_assert_str_eq(lat_nearest("model", words, 4), "models");
    cr_assert_null(lat_nearest("xyz", words, 4));
    cr_assert_str_eq(lat_nearest("ag", (const char *const[]){"city", "age"}, 2), "age");
    cr_assert_null(lat_nearest("ag", words, 4));
    cr_assert_null(lat_nearest("", words, 4));
    cr_assert_null(lat_nearest("data", words, 0));
    char longer[200];
    memset(longer, 'd', sizeof(longer) - 1);
    longer[199] = '\0';
    cr_assert_null(lat_nearest(longer, words, 4));
}

Test(text, the_nearest_word_however_far)
{
    static const char *const words[] = {"count", "seed", "temperature"};
    cr_expect_str_eq(lat_nearest_any("sed", words, 3), "seed");
    cr_expect_str_eq(lat_nearest_any("temp", words, 3), "temperature", "what it begins");
    cr_expect_str_eq(lat_nearest_any("xyz", words, 3), "seed");
    cr_expect_not_null(lat_nearest_any("", words, 3));
    cr_expect_null(lat_nearest_any("xyz", words, 0));
}

Test(text, bytes_for_people)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},           {999, "999 B"},     {1000, "1.0 kB"},       {12345678, "12.3 MB"},
        {999949, "999.9 kB"}, {999950, "1.0 MB"}, {UINT64_MAX, "18.4 EB"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char text[16];
        lat_format_bytes(cases[i].bytes, text, sizeof(text));
        cr_expect_str_eq(text, cases[i].text);
    }
}
