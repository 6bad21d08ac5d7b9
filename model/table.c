/* Cells to elements and back. Errors name the column by a pointer below "row", with the two
 * characters a JSON pointer escapes. */
#include "model/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { FIRST_COLUMNS = 16, SHOWN_MAX = 60 };

const char *const lat_column_type_names[2] = {"numeric", "categorical"};

/* ---- building ---- */

struct lat_table *lat_table_new(void)
{
    return lat_alloc(1, sizeof(struct lat_table));
}

void lat_table_free(struct lat_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->names.n && table->columns; i++) {
        lat_words_release(&table->columns[i].categories);
        lat_free(table->columns[i].shares);
    }
    lat_free(table->columns);
    lat_words_release(&table->names);
    lat_free(table);
}

enum lat_status lat_table_add(struct lat_table *table, const char *name,
                              struct lat_column **out_column, struct lat_error *err)
{
    uint32_t number = 0;
    if (lat_words_find(&table->names, name, strlen(name), &number))
        return lat_fail(err, LAT_INVALID, "duplicate_column", "column '%.*s' comes twice",
                        SHOWN_MAX, name);
    if (table->names.n == LAT_COLUMNS_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than %d columns", LAT_COLUMNS_MAX);
    if (table->names.n == table->capacity) {
        const size_t capacity = table->capacity ? 2 * table->capacity : FIRST_COLUMNS;
        struct lat_column *columns = lat_realloc(table->columns, capacity, sizeof(*columns));
        if (!columns)
            return lat_fail_memory(err);
        table->columns = columns;
        table->capacity = capacity;
    }
    table->columns[table->names.n] = (struct lat_column){.std = 1};
    const enum lat_status status =
        lat_words_add(&table->names, name, strlen(name), &number, err);
    if (status == LAT_OK)
        *out_column = &table->columns[number];
    return status;
}

static enum lat_status settle_shares(struct lat_column *column, struct lat_error *err)
{
    const size_t n = column->categories.n;
    if (column->type == LAT_COLUMN_NUMERIC || column->shares)
        return LAT_OK;
    column->shares = lat_alloc(n, sizeof(float));
    if (!column->shares)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        column->shares[i] = 1.0F / (float)n;
    return LAT_OK;
}

enum lat_status lat_table_settle(struct lat_table *table, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    table->elements = 0;
    for (size_t i = 0; status == LAT_OK && i < table->names.n; i++) {
        struct lat_column *column = &table->columns[i];
        column->start = table->elements;
        column->width = column->type == LAT_COLUMN_NUMERIC ? 1 : column->categories.n;
        table->elements += column->width;
        status = settle_shares(column, err);
    }
    return status;
}

/* ---- rows ---- */

void lat_table_put(const struct lat_column *column, double value, float *row)
{
    float *out = row + column->start;
    if (column->type == LAT_COLUMN_NUMERIC) {
        out[0] = (float)((value - column->mean) / column->std);
        return;
    }
    const bool missing = isnan(value);
    for (size_t i = 0; i < column->width; i++)
        out[i] = missing ? NAN : 0.0F;
    if (!missing)
        out[(size_t)value] = 1;
}

void lat_table_fill(const struct lat_table *table, float *row)
{
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        for (size_t i = 0; i < column->width; i++)
            if (isnan(row[column->start + i]))
                row[column->start + i] = column->shares ? column->shares[i] : 0;
    }
}

/* LAT_INVALID at /row/NAME. */
static enum lat_status refuse(struct lat_error *err, const char *code,
                              const struct lat_table_cell *cell, const char *expected,
                              const char *words)
{
    char name[2 * SHOWN_MAX + 1];
    size_t n = 0;
    for (const char *c = cell->name; *c && n + 2 < sizeof(name); c++) {
        if (*c == '~' || *c == '/')
            name[n++] = '~';
        name[n++] = *c == '~' ? '0' : (char)(*c == '/' ? '1' : *c);
    }
    name[n] = '\0';
    lat_fail(err, LAT_INVALID, code, "column '%.*s': %s", SHOWN_MAX, cell->name, words);
    lat_error_at(err, "/row/%s", name);
    lat_error_expected(err, expected, NULL);
    return LAT_INVALID;
}

static enum lat_status unknown_column(const struct lat_table *table,
                                      const struct lat_table_cell *cell, struct lat_error *err)
{
    char words[160];
    const char *near = lat_words_nearest(&table->names, cell->name);
    if (near)
        snprintf(words, sizeof(words), "the model has no such column; did you mean '%.*s'?",
                 SHOWN_MAX, near);
    else
        snprintf(words, sizeof(words), "the model has no such column");
    return refuse(err, "unknown_column", cell, near, words);
}

/* A number stands for the category that reads as that number. */
static bool category_of_number(const struct lat_column *column, double number,
                               uint32_t *out_category)
{
    double value;
    for (size_t i = 0; i < column->categories.n; i++)
        if (lat_parse_double(column->categories.items[i], &value) &&
            !(value < number || value > number)) {
            *out_category = (uint32_t)i;
            return true;
        }
    return false;
}

static enum lat_status find_category(const struct lat_column *column,
                                     const struct lat_table_cell *cell, uint32_t *out_category,
                                     struct lat_error *err)
{
    char words[256];
    const bool number = cell->type == LAT_TABLE_NUMBER;
    if (number ? category_of_number(column, cell->number, out_category)
               : lat_words_find(&column->categories, cell->text, cell->len, out_category))
        return LAT_OK;
    const char *near = number ? NULL : lat_words_nearest(&column->categories, cell->text);
    if (number)
        snprintf(words, sizeof(words), "no category %g", cell->number);
    else
        snprintf(words, sizeof(words), "no category '%.*s'%s%.*s%s", SHOWN_MAX, cell->text,
                 near ? "; did you mean '" : "", SHOWN_MAX, near ? near : "", near ? "'?" : "");
    return refuse(err, "unknown_category", cell, near, words);
}

static enum lat_status put_cell(const struct lat_column *column,
                                const struct lat_table_cell *cell, float *row,
                                struct lat_error *err)
{
    uint32_t category = 0;
    if (cell->type == LAT_TABLE_NULL)
        return LAT_OK;
    if (column->type == LAT_COLUMN_CATEGORICAL) {
        const enum lat_status status = find_category(column, cell, &category, err);
        if (status == LAT_OK)
            lat_table_put(column, category, row);
        return status;
    }
    if (cell->type == LAT_TABLE_TEXT)
        return refuse(err, "wrong_type", cell, "a number or null",
                      "expected a number or null, not a text");
    lat_table_put(column, cell->number, row);
    if (!isfinite(row[column->start]))
        return refuse(err, "out_of_range", cell, NULL, "the number is out of range");
    return LAT_OK;
}

/* The column a cell belongs to; cells mostly come in the table's own order. */
static bool find_column(const struct lat_table *table, const struct lat_table_cell *cell,
                        size_t i, uint32_t *out_number)
{
    if (i < table->names.n && strcmp(table->names.items[i], cell->name) == 0) {
        *out_number = (uint32_t)i;
        return true;
    }
    return lat_words_find(&table->names, cell->name, strlen(cell->name), out_number);
}

enum lat_status lat_table_row(const struct lat_table *table, const struct lat_table_cell *cells,
                              size_t n, float *out_row, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    bool some = false;
    for (size_t i = 0; i < table->elements; i++)
        out_row[i] = NAN;
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        uint32_t number = 0;
        if (!find_column(table, &cells[i], i, &number))
            return unknown_column(table, &cells[i], err);
        const struct lat_column *column = &table->columns[number];
        if (!isnan(out_row[column->start]))
            return refuse(err, "duplicate_column", &cells[i], NULL, "it comes twice");
        status = put_cell(column, &cells[i], out_row, err);
        some = some || cells[i].type != LAT_TABLE_NULL;
    }
    if (status == LAT_OK && !some) {
        status = lat_fail(err, LAT_INVALID, "empty_row",
                          "a row needs at least one cell that is not null");
        lat_error_at(err, "/row");
    }
    return status;
}

/* ---- writing ---- */

static size_t largest(const float *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

void lat_table_write_row(const struct lat_table *table, const float *row, struct lat_buf *out)
{
    lat_buf_char(out, '{');
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const float *values = row + column->start;
        const char *name = table->names.items[c];
        if (c)
            lat_buf_char(out, ',');
        lat_buf_json_string(out, name, strlen(name));
        lat_buf_char(out, ':');
        if (isnan(values[0])) {
            lat_buf_text(out, "null");
        } else if (column->type == LAT_COLUMN_NUMERIC) {
            lat_buf_json_float(out, (float)((double)values[0] * column->std + column->mean));
        } else {
            const char *word = column->categories.items[largest(values, column->width)];
            lat_buf_json_string(out, word, strlen(word));
        }
    }
    lat_buf_char(out, '}');
}

static void write_categories(const struct lat_column *column, struct lat_buf *out)
{
    lat_buf_text(out, ", \"categories\": [");
    for (size_t i = 0; i < column->categories.n; i++) {
        const char *word = column->categories.items[i];
        lat_buf_text(out, i ? ", " : "");
        lat_buf_json_string(out, word, strlen(word));
    }
    lat_buf_text(out, "], \"mean\": ");
    lat_buf_json_floats(out, column->shares, column->categories.n);
}

void lat_table_write_columns(const struct lat_table *table, struct lat_buf *out)
{
    lat_buf_char(out, '[');
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const char *name = table->names.items[c];
        lat_buf_text(out, c ? ",\n    {\"name\": " : "\n    {\"name\": ");
        lat_buf_json_string(out, name, strlen(name));
        lat_buf_printf(out, ", \"type\": \"%s\"", lat_column_type_names[column->type]);
        if (column->type == LAT_COLUMN_CATEGORICAL) {
            write_categories(column, out);
        } else {
            lat_buf_text(out, ", \"mean\": ");
            lat_buf_json_double(out, column->mean);
            lat_buf_text(out, ", \"std\": ");
            lat_buf_json_double(out, column->std);
        }
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
}
