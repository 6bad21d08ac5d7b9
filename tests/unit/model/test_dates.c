#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "model/dates.h"
#include "model/table.h"

Test(model_dates, days_are_counted_from_1970_and_come_back)
{
    static const struct {
        enum lat_date_format format;
        const char *text;
        double days;
    } cases[] = {
        {LAT_DATE_DASHES, "1970-01-01", 0},
        {LAT_DATE_DASHES, "2000-02-29", 11016},
        {LAT_DATE_DASHES, "1969-12-31", -1},
        {LAT_DATE_DASHES, "0001-01-01", -719162},
        {LAT_DATE_DASHES, "9999-12-31", 2932896},
        {LAT_DATE_SLASHES, "2026/03/09", 20521},
        {LAT_DATE_DOTS, "09.03.2026", 20521},
        {LAT_DATE_MINUTE, "1970-01-02 06:00", 1.25},
        {LAT_DATE_Z_SECOND, "1969-12-31T18:00:00Z", -0.25},
        {LAT_DATE_T_SECOND, "1970-01-01T00:00:01", 1.0 / 86400},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        double days = NAN;
        char text[LAT_DATE_TEXT_MAX];
        cr_expect(lat_date_parse(cases[i].format, cases[i].text, strlen(cases[i].text), &days),
                  "%s", cases[i].text);
        cr_expect_float_eq(days, cases[i].days, 1e-9, "%s: %g", cases[i].text, days);
        lat_date_write(cases[i].format, days, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(model_dates, what_the_calendar_does_not_have_is_no_date)
{
    static const char *const bad[] = {
        "2026-02-29", "2026-13-01", "2026-00-10",  "2026-04-31", "2026-1-01",
        "2026-01-0a", "0000-01-01", "2026-01-011", "2026/01/01", ""};
    double days;
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++)
        cr_expect_not(lat_date_parse(LAT_DATE_DASHES, bad[i], strlen(bad[i]), &days), "%s",
                      bad[i]);
    cr_expect_not(lat_date_parse(LAT_DATE_MINUTE, "2026-01-01 24:00", 16, &days));
}

Test(model_dates, every_day_of_four_centuries_comes_back)
{
    for (int day = -10000; day < 146097; day += 13) {
        char text[LAT_DATE_TEXT_MAX];
        double days = NAN;
        const size_t len = lat_date_write(LAT_DATE_DASHES, day, text);
        cr_assert(lat_date_parse(LAT_DATE_DASHES, text, len, &days), "%s", text);
        cr_assert_eq((int)days, day, "%s", text);
    }
}

Test(model_dates, numbers_beyond_the_calendar_are_cut)
{
    char text[LAT_DATE_TEXT_MAX];
    lat_date_write(LAT_DATE_DASHES, 1e300, text);
    cr_expect_str_eq(text, "9999-12-31");
    lat_date_write(LAT_DATE_DASHES, -INFINITY, text);
    cr_expect_str_eq(text, "0001-01-01");
    lat_date_write(LAT_DATE_DASHES, (double)NAN, text);
    cr_expect_str_eq(text, "1970-01-01");
}

Test(model_dates, a_boolean_column_knows_what_other_words_mean)
{
    struct lat_table *table = lat_table_new();
    struct lat_column *column;
    struct lat_buf out = {0};
    uint32_t number;
    float row[2] = {NAN, NAN};
    cr_assert_eq(lat_table_add(table, "b", &column, NULL), LAT_OK);
    column->type = LAT_COLUMN_BOOLEAN;
    cr_assert_eq(lat_words_add(&column->categories, "No", 2, &number, NULL), LAT_OK);
    cr_assert_eq(lat_words_add(&column->categories, "Yes", 3, &number, NULL), LAT_OK);
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
    const struct lat_table_cell cells[] = {
        {.name = "b", .type = LAT_TABLE_TEXT, .text = "Yes", .len = 3},
        {.name = "b", .type = LAT_TABLE_TEXT, .text = "true", .len = 4},
        {.name = "b", .type = LAT_TABLE_TEXT, .text = "Y", .len = 1},
        {.name = "b", .type = LAT_TABLE_NUMBER, .number = 1}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cells); i++) {
        cr_assert_eq(lat_table_put_cell(column, &cells[i], row, NULL), LAT_OK);
        cr_expect(row[0] == 0 && row[1] == 1, "%zu", i);
    }
    lat_table_write_cell(column, row, &out);
    cr_expect_eq(out.len, 5);
    cr_expect(memcmp(out.data, "\"Yes\"", 5) == 0, "the data's own word");
    lat_buf_release(&out);
    lat_table_free(table);
}
