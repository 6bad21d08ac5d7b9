/* A CSV table goes by in pieces of any size: what comes out is what a whole one gives, and what
 * waits inside has a bound. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/impute_csv.h"

static struct lat_table *table;
static struct lat_buf written;

static void enter(void)
{
    struct lat_column *column;
    table = lat_table_new();
    cr_assert_eq(lat_table_add(table, "x", &column, NULL), LAT_OK);
    column->mean = 10;
    column->std = 2;
    column->least = 0;
    column->most = 20;
    cr_assert_eq(lat_table_settle(table, NULL), LAT_OK);
}

static void leave(void)
{
    lat_table_free(table);
    lat_buf_release(&written);
}

TestSuite(model_impute_csv_pieces, .init = enter, .fini = leave);

/* Every hole becomes the column's mean. */
static enum lat_status fill(void *context, const float *rows, size_t n, struct lat_imputed *out,
                            struct lat_error *err)
{
    (void)context;
    (void)err;
    *out = (struct lat_imputed){.n = n, .elements = 1};
    out->values = lat_alloc(n, sizeof(float));
    out->spreads = lat_alloc(n, sizeof(float));
    cr_assert(out->values && out->spreads);
    for (size_t i = 0; i < n; i++)
        out->values[i] = isnan(rows[i]) ? 0 : rows[i];
    return LAT_OK;
}

static enum lat_status keep(void *context, const char *bytes, size_t len, struct lat_error *err)
{
    (void)context;
    lat_buf_append(&written, bytes, len);
    return lat_buf_check(&written, err);
}

static struct lat_impute_csv *begin(void)
{
    const struct lat_impute_csv_options options = {
        .table = table, .impute = fill, .write = keep};
    struct lat_impute_csv *csv = NULL;
    cr_assert_eq(lat_impute_csv_new(&options, &csv, NULL), LAT_OK);
    lat_buf_clear(&written);
    return csv;
}

Test(model_impute_csv_pieces, pieces_of_any_size_make_the_same_table)
{
    struct lat_buf text = {0}, wanted = {0};
    lat_buf_text(&text, "id,x\n");
    lat_buf_text(&wanted, "id,x\n");
    for (int i = 0; i < 2000; i++) {
        lat_buf_printf(&text, i % 3 ? "\"a\n%d\",%d\n" : "%d,\n", i, i % 20);
        if (i % 3)
            lat_buf_printf(&wanted, "\"a\n%d\",%d\n", i, i % 20);
        else
            lat_buf_printf(&wanted, "%d,10\n", i);
    }
    static const size_t sizes[] = {1, 7, 1000, 4099, 1 << 20};
    for (size_t s = 0; s < LAT_ARRAY_LEN(sizes); s++) {
        struct lat_impute_csv *csv = begin();
        struct lat_error err = LAT_ERROR_INIT;
        for (size_t at = 0; at < text.len; at += sizes[s]) {
            const size_t left = text.len - at;
            cr_assert_eq(lat_impute_csv_feed(csv, text.data + at,
                                             left < sizes[s] ? left : sizes[s], &err),
                         LAT_OK, "%s", err.message);
        }
        cr_assert_eq(lat_impute_csv_end(csv, &err), LAT_OK, "%s", err.message);
        cr_expect_eq(written.len, wanted.len, "in pieces of %zu", sizes[s]);
        cr_expect_eq(memcmp(written.data, wanted.data, wanted.len), 0, "in pieces of %zu",
                     sizes[s]);
        lat_impute_csv_free(csv);
    }
    lat_buf_release(&text);
    lat_buf_release(&wanted);
}

Test(model_impute_csv_pieces, long_rows_do_not_wait_for_many_others)
{
    enum { LONG = 1 << 20, ROWS = 40 };
    struct lat_impute_csv *csv = begin();
    char *row = lat_alloc_raw(LONG, 1);
    size_t fed = 5, most = 0;
    cr_assert_not_null(row);
    memset(row, 'a', LONG);
    memcpy(row + LONG - 2, ",\n", 2);
    cr_assert_eq(lat_impute_csv_feed(csv, "id,x\n", 5, NULL), LAT_OK);
    for (int i = 0; i < ROWS; i++, fed += LONG) {
        cr_assert_eq(lat_impute_csv_feed(csv, row, LONG, NULL), LAT_OK);
        const size_t waiting = fed + LONG > written.len ? fed + LONG - written.len : 0;
        most = waiting > most ? waiting : most;
    }
    cr_expect_leq(most, (size_t)8 * LONG, "%zu bytes waited", most);
    cr_assert_eq(lat_impute_csv_end(csv, NULL), LAT_OK);
    cr_expect_eq(written.len, 5 + ROWS * ((size_t)LONG + 2), "each hole has its 10");
    lat_impute_csv_free(csv);
    lat_free(row);
}
