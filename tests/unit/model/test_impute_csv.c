/* Tables as CSV on their way through: what comes out, however the bytes come in. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/impute_csv.h"

static struct lat_table *table;

/* x: whole numbers of mean 10 and deviation 2; word: two words, one of them with a comma. */
static void make_table(void)
{
    struct lat_column *column;
    uint32_t number;
    table = lat_table_new();
    cr_assert_eq(lat_table_add(table, "x", &column, NULL), LAT_OK);
    column->type = LAT_COLUMN_INTEGER;
    column->mean = 10;
    column->std = 2;
    column->least = 0;
    column->most = 20;
    cr_assert_eq(lat_table_add(table, "word", &column, NULL), LAT_OK);
    column->type = LAT_COLUMN_CATEGORICAL;
    cr_assert_eq(lat_words_add(&column->categories, "a, b", 4, &number, NULL), LAT_OK);
    cr_assert_eq(lat_words_add(&column->categories, "c", 1, &number, NULL), LAT_OK);
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
}

static void drop_table(void)
{
    lat_table_free(table);
}

TestSuite(model_impute_csv, .init = make_table, .fini = drop_table);

/* Holes of x become 1 deviation above the mean, those of the word its first, at 0.9 of it. */
static enum lat_status fill(void *context, const float *rows, size_t n, struct lat_imputed *out,
                            struct lat_error *err)
{
    const size_t elements = table->elements;
    (void)context;
    *out = (struct lat_imputed){.n = n, .elements = elements};
    out->values = lat_alloc_raw(n * elements, sizeof(float));
    out->spreads = lat_alloc(n * elements, sizeof(float));
    if (!out->values || !out->spreads)
        return lat_fail_memory(err);
    memcpy(out->values, rows, n * elements * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        float *row = out->values + i * elements;
        if (isnan(row[0])) {
            row[0] = 1;
            out->spreads[i * elements] = 0.1F;
        }
        if (elements == 2 && isnan(row[1])) {
            row[1] = 1;
        } else if (isnan(row[1])) {
            row[1] = 0.9F;
            row[2] = 0.1F;
        }
    }
    return LAT_OK;
}

static enum lat_status keep(void *context, const char *bytes, size_t len, struct lat_error *err)
{
    (void)err;
    lat_buf_append(context, bytes, len);
    return LAT_OK;
}

/* `text` in pieces of `step` bytes; what comes out is NUL-terminated in *out. */
static enum lat_status pass(const char *text, size_t step, enum lat_impute_policy policy,
                            struct lat_buf *out, struct lat_error *err)
{
    const struct lat_impute_csv_options options = {.table = table,
                                                   .policy = policy,
                                                   .missing = "none",
                                                   .min_confidence = 0,
                                                   .impute = fill,
                                                   .write = keep,
                                                   .context = out};
    const size_t len = strlen(text);
    struct lat_impute_csv *csv = NULL;
    enum lat_status status = lat_impute_csv_new(&options, &csv, err);
    for (size_t at = 0; status == LAT_OK && at < len; at += step)
        status = lat_impute_csv_feed(csv, text + at, step < len - at ? step : len - at, err);
    if (status == LAT_OK)
        status = lat_impute_csv_end(csv, err);
    lat_impute_csv_free(csv);
    lat_buf_char(out, '\0');
    return status;
}

Test(model_impute_csv, it_is_the_same_however_the_bytes_come)
{
    static const char in[] = "\xEF\xBB\xBFid,word,x\r\n"
                             "\"1\n2\",,08\r\n"
                             "\"say \"\"so\"\"\", \"c\" ,?\r\n"
                             "\r\n"
                             ",NA,none";
    static const char expected[] = "\xEF\xBB\xBFid,word,x\r\n"
                                   "\"1\n2\",\"a, b\",08\r\n"
                                   "\"say \"\"so\"\"\", \"c\" ,12\r\n"
                                   "\r\n"
                                   ",\"a, b\",12";
    for (size_t step = 1; step < sizeof(in); step++) {
        struct lat_buf out = {0};
        cr_assert_eq(pass(in, step, LAT_IMPUTE_REFUSE, &out, NULL), LAT_OK);
        cr_expect_str_eq(out.data, expected, "by %zu bytes", step);
        lat_buf_release(&out);
    }
}

Test(model_impute_csv, separators_are_told_from_the_first_line)
{
    struct lat_buf out = {0};
    cr_assert_eq(pass("word;x\n;3\nc;\n", 5, LAT_IMPUTE_REFUSE, &out, NULL), LAT_OK);
    cr_expect_str_eq(out.data, "word;x\na, b;3\nc;12\n");
    lat_buf_clear(&out);
    cr_assert_eq(pass("word\tx\n\t3\n", 4, LAT_IMPUTE_REFUSE, &out, NULL), LAT_OK);
    cr_expect_str_eq(out.data, "word\tx\na, b\t3\n");
    lat_buf_release(&out);
}

Test(model_impute_csv, separators_inside_of_quotes_are_none)
{
    struct lat_buf out = {0};
    for (size_t step = 1; step < 30; step++) {
        lat_buf_clear(&out);
        cr_assert_eq(pass("\"a;b;c;d\",word,x\n1;2,,3\n", step, LAT_IMPUTE_REFUSE, &out, NULL),
                     LAT_OK);
        cr_expect_str_eq(out.data, "\"a;b;c;d\",word,x\n1;2,\"a, b\",3\n");
    }
    lat_buf_release(&out);
}

Test(model_impute_csv, a_quote_inside_of_a_cell_is_a_letter)
{
    static const char in[] =
        "\xEF\xBB\xBF\"id\",word,x\n5\" pipe,,3\n \"a\"\"\n\",c,\n\"\",,4\n";
    struct lat_buf out = {0};
    for (size_t step = 1; step < sizeof(in); step++) {
        lat_buf_clear(&out);
        cr_assert_eq(pass(in, step, LAT_IMPUTE_REFUSE, &out, NULL), LAT_OK);
        cr_expect_str_eq(out.data, "\xEF\xBB\xBF\"id\",word,x\n5\" pipe,\"a, b\",3\n"
                                   " \"a\"\"\n\",c,12\n\"\",\"a, b\",4\n");
    }
    lat_buf_release(&out);
}

Test(model_impute_csv, empty_lines_stay_where_they_are_and_are_no_rows)
{
    static const char in[] = "\n\nword,x\n\n,3\n\n \nd,3\n\n";
    struct lat_buf out = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(pass(in, 3, LAT_IMPUTE_FLAG, &out, NULL), LAT_OK);
    cr_expect_str_eq(out.data, "\n\nword,x\n\n\"a, b\",3\n\n \nd,3\n\n");
    cr_expect_eq(pass(in, 3, LAT_IMPUTE_REFUSE, &out, &err), LAT_INVALID);
    cr_expect_str_eq(err.pointer, "/rows/1/word");
    lat_buf_release(&out);
}

Test(model_impute_csv, a_row_of_holes_between_tabs_is_no_empty_line)
{
    struct lat_buf out = {0};
    cr_assert_eq(pass("word\tx\n\t\nc\t\n\n", 4, LAT_IMPUTE_REFUSE, &out, NULL), LAT_OK);
    cr_expect_str_eq(out.data, "word\tx\na, b\t12\nc\t12\n\n");
    lat_buf_release(&out);
}

Test(model_impute_csv, a_bad_row_refuses_the_table_or_goes_by_as_it_is)
{
    static const struct {
        const char *row, *code, *pointer;
    } cases[] = {{"d,3", "unknown_category", "/rows/1/word"},
                 {"c,300", "out_of_range", "/rows/1/x"},
                 {"c,three", "wrong_type", "/rows/1/x"},
                 {"c,3,4", "wrong_columns", "/rows/1"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_buf holes = {0}, filled = {0}, out = {0};
        lat_buf_printf(&holes, "word,x\nc,\n%s\n,4\n", cases[i].row);
        lat_buf_printf(&filled, "word,x\nc,12\n%s\n\"a, b\",4\n", cases[i].row);
        lat_buf_char(&holes, '\0');
        lat_buf_char(&filled, '\0');
        cr_expect_eq(pass(holes.data, 7, LAT_IMPUTE_REFUSE, &out, &err), LAT_INVALID);
        cr_expect_str_eq(err.code, cases[i].code);
        cr_expect_str_eq(err.pointer, cases[i].pointer);
        lat_buf_clear(&out);
        cr_assert_eq(pass(holes.data, 3, LAT_IMPUTE_FLAG, &out, NULL), LAT_OK);
        cr_expect_str_eq(out.data, filled.data);
        lat_buf_release(&holes);
        lat_buf_release(&filled);
        lat_buf_release(&out);
    }
}

/* Of a model that was trained on a table without names: its columns are called 1 and 2. */
Test(model_impute_csv, a_first_row_that_holds_small_numbers_is_no_line_of_names)
{
    static const char *const cases[][2] = {
        {"2,1,530101\n,3,7\n", "2,1,530101\n12,3,7\n"},
        {"1,1,3\n,3,7\n", "1,1,3\n12,3,7\n"},
        {"1,2.0,3\n,3,7\n", "1,2.0,3\n12,3,7\n"},
        {",2,3\n,3,7\n", "12,2,3\n12,3,7\n"},
        {"2,1,3\n3,,7\n", "2,1,3\n3,12,7\n"}}; /* names: the second is 1 */
    struct lat_column *column;
    drop_table();
    table = lat_table_new();
    for (int c = 1; c <= 2; c++) {
        cr_assert_eq(lat_table_add(table, c == 1 ? "1" : "2", &column, NULL), LAT_OK);
        column->type = LAT_COLUMN_INTEGER;
        column->mean = 10;
        column->std = 2;
        column->least = 0;
        column->most = 20;
    }
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_buf out = {0};
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect_eq(pass(cases[i][0], 4, LAT_IMPUTE_REFUSE, &out, &err), LAT_OK, "%zu: %s", i,
                     err.message);
        cr_expect_str_eq(out.data, cases[i][1]);
        lat_buf_release(&out);
    }
}

Test(model_impute_csv, a_first_line_without_a_known_column_is_refused)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf out = {0};
    cr_expect_eq(pass("p,q\n1,2\n", 8, LAT_IMPUTE_FLAG, &out, &err), LAT_INVALID);
    cr_expect_str_eq(err.code, "unknown_column");
    lat_error_clear(&err);
    cr_expect_eq(pass("x,x\n1,2\n", 8, LAT_IMPUTE_FLAG, &out, &err), LAT_INVALID);
    cr_expect_str_eq(err.code, "duplicate_column");
    lat_buf_release(&out);
}
