/* Cells to elements and back. Errors name the column by a pointer below "row", with the two
 * characters a JSON pointer escapes. */
#include "model/table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { FIRST_COLUMNS = 16, SHOWN_MAX = 60 };

static const double FLOAT_SLIP = 1e-5; /* of a number that was a float on the way */

const char *const lat_column_type_names[LAT_COLUMN_TYPES] = {
    [LAT_COLUMN_NUMERIC] = "numeric", [LAT_COLUMN_INTEGER] = "integer",
    [LAT_COLUMN_DATE] = "date",       [LAT_COLUMN_CATEGORICAL] = "categorical",
    [LAT_COLUMN_BOOLEAN] = "boolean",
};

int lat_boolean_of(const char *text, size_t len)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"yes", 1}, {"true", 1},  {"on", 1},  {"y", 1}, {"t", 1},
                 {"no", 0},  {"false", 0}, {"off", 0}, {"n", 0}, {"f", 0}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(words); i++)
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, text, len) == 0)
            return words[i].value;
    return -1;
}

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
    table->columns[table->names.n] = (struct lat_column){.std = 1, .least = 1, .most = 0};
    const enum lat_status status =
        lat_words_add(&table->names, name, strlen(name), &number, err);
    if (status == LAT_OK)
        *out_column = &table->columns[number];
    return status;
}

static enum lat_status settle_shares(struct lat_column *column, struct lat_error *err)
{
    const size_t n = column->categories.n;
    if (!lat_column_has_words(column) || column->shares)
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
        column->width = lat_column_has_words(column) ? column->categories.n : 1;
        table->elements += column->width;
        status = settle_shares(column, err);
    }
    return status;
}

/* ---- rows ---- */

void lat_table_put(const struct lat_column *column, double value, float *row)
{
    float *out = row + column->start;
    if (!lat_column_has_words(column)) {
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

/* LAT_INVALID at /NAME. */
enum lat_status lat_table_refuse(const struct lat_table_cell *cell, const char *code,
                                 const char *expected, const char *words, struct lat_error *err)
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
    lat_error_at(err, "/%s", name);
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
    return lat_table_refuse(cell, "unknown_column", near, words, err);
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

/* The word of a boolean column that means the same: "no" for false, 0 and "N". */
static bool category_of_meaning(const struct lat_column *column,
                                const struct lat_table_cell *cell, uint32_t *out_category)
{
    int meaning = -1;
    if (cell->type == LAT_TABLE_TEXT)
        meaning = lat_boolean_of(cell->text, cell->len);
    else if (!(cell->number < 0 || cell->number > 0))
        meaning = 0;
    else if (!(cell->number < 1 || cell->number > 1))
        meaning = 1;
    for (uint32_t i = 0; meaning >= 0 && i < column->categories.n; i++) {
        const char *word = column->categories.items[i];
        if (lat_boolean_of(word, strlen(word)) == meaning) {
            *out_category = i;
            return true;
        }
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
    if (column->type == LAT_COLUMN_BOOLEAN && category_of_meaning(column, cell, out_category))
        return LAT_OK;
    const char *near = number ? NULL : lat_words_nearest(&column->categories, cell->text);
    if (number)
        snprintf(words, sizeof(words), "no category %g", cell->number);
    else
        snprintf(words, sizeof(words), "no category '%.*s'%s%.*s%s", SHOWN_MAX, cell->text,
                 near ? "; did you mean '" : "", SHOWN_MAX, near ? near : "", near ? "'?" : "");
    return lat_table_refuse(cell, "unknown_category", near, words, err);
}

static enum lat_status put_date(const struct lat_column *column,
                                const struct lat_table_cell *cell, float *row,
                                struct lat_error *err)
{
    const char *format = lat_date_format_names[column->format];
    char words[96];
    double days;
    if (cell->type == LAT_TABLE_TEXT &&
        lat_date_parse(column->format, cell->text, cell->len, &days)) {
        lat_table_put(column, days, row);
        return LAT_OK;
    }
    snprintf(words, sizeof(words), "expected a date as %s, or null", format);
    return lat_table_refuse(cell, "wrong_type", format, words, err);
}

enum lat_status lat_table_put_cell(const struct lat_column *column,
                                   const struct lat_table_cell *cell, float *row,
                                   struct lat_error *err)
{
    uint32_t category = 0;
    if (cell->type == LAT_TABLE_NULL)
        return LAT_OK;
    if (cell->type == LAT_TABLE_OTHER)
        return lat_table_refuse(cell, "wrong_type", "a number, a text or null",
                                "expected a number, a text or null", err);
    if (lat_column_has_words(column)) {
        const enum lat_status status = find_category(column, cell, &category, err);
        if (status == LAT_OK)
            lat_table_put(column, category, row);
        return status;
    }
    if (column->type == LAT_COLUMN_DATE)
        return put_date(column, cell, row, err);
    if (cell->type == LAT_TABLE_TEXT)
        return lat_table_refuse(cell, "wrong_type", "a number or null",
                                "expected a number or null, not a text", err);
    lat_table_put(column, cell->number, row);
    if (isfinite(row[column->start]))
        return LAT_OK;
    row[column->start] = NAN;
    return lat_table_refuse(cell, "out_of_range", NULL, "the number is out of range", err);
}

enum lat_status lat_table_find(const struct lat_table *table, const char *name, size_t guess,
                               uint32_t *out_column, struct lat_error *err)
{
    if (guess < table->names.n && strcmp(table->names.items[guess], name) == 0) {
        *out_column = (uint32_t)guess;
        return LAT_OK;
    }
    if (lat_words_find(&table->names, name, strlen(name), out_column))
        return LAT_OK;
    const struct lat_table_cell cell = {.name = name};
    return unknown_column(table, &cell, err);
}

static enum lat_status put_cells(const struct lat_table *table,
                                 const struct lat_table_cell *cells, size_t n, float *out_row,
                                 struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    bool some = false;
    for (size_t i = 0; i < table->elements; i++)
        out_row[i] = NAN;
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        uint32_t number = 0;
        status = lat_table_find(table, cells[i].name, i, &number, err);
        if (status != LAT_OK)
            break;
        const struct lat_column *column = &table->columns[number];
        if (!isnan(out_row[column->start]))
            return lat_table_refuse(&cells[i], "duplicate_column", NULL, "it comes twice", err);
        status = lat_table_put_cell(column, &cells[i], out_row, err);
        some = some || cells[i].type != LAT_TABLE_NULL;
    }
    if (status == LAT_OK && !some)
        status = lat_fail(err, LAT_INVALID, "empty_row",
                          "a row needs at least one cell that is not null");
    return status;
}

enum lat_status lat_table_row(const struct lat_table *table, const struct lat_table_cell *cells,
                              size_t n, float *out_row, struct lat_error *err)
{
    const enum lat_status status = put_cells(table, cells, n, out_row, err);
    if (status != LAT_OK)
        lat_error_at(err, "/row");
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

void lat_table_write_number(const struct lat_column *column, double value, struct lat_buf *out)
{
    char date[LAT_DATE_TEXT_MAX];
    if (column->type == LAT_COLUMN_DATE)
        lat_buf_json_string(out, date, lat_date_write(column->format, value, date));
    else if (column->type == LAT_COLUMN_INTEGER && fabs(value) < 1e15)
        lat_buf_printf(out, "%.0f", round(value) + 0.0);
    else
        lat_buf_json_float(out, (float)value);
}

/* A category as JSON: its word, or true or false where that is the word of a boolean. */
static void write_word(const struct lat_column *column, size_t category, struct lat_buf *out)
{
    const char *word = column->categories.items[category];
    if (column->type == LAT_COLUMN_BOOLEAN &&
        (strcmp(word, "true") == 0 || strcmp(word, "false") == 0))
        lat_buf_text(out, word);
    else
        lat_buf_json_string(out, word, strlen(word));
}

void lat_table_write_cell(const struct lat_column *column, const float *row,
                          struct lat_buf *out)
{
    const float *values = row + column->start;
    if (isnan(values[0]))
        lat_buf_text(out, "null");
    else if (lat_column_has_words(column))
        write_word(column, largest(values, column->width), out);
    else
        lat_table_write_number(column, (double)values[0] * column->std + column->mean, out);
}

/* The fewest digits from which the same float would have come: what was sent, unless that had
 * more than a float holds. */
static void write_as_sent(const struct lat_column *column, double value, struct lat_buf *out)
{
    const double slip = (double)FLT_EPSILON * (fabs(value) + fabs(value - column->mean));
    double sent = 0;
    for (int digits = 1; fabs(sent - value) > slip && digits <= FLT_DECIMAL_DIG; digits++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        sent = strtod(text, NULL);
    }
    lat_buf_json_float(out, (float)sent);
}

void lat_table_write_observed(const struct lat_column *column, const float *row,
                              struct lat_buf *out)
{
    const double value = (double)row[column->start] * column->std + column->mean;
    const double slip = FLOAT_SLIP * (fabs(value) + column->std);
    const bool whole = column->type == LAT_COLUMN_INTEGER && fabs(value - round(value)) <= slip;
    const bool number =
        column->type == LAT_COLUMN_NUMERIC || column->type == LAT_COLUMN_INTEGER;
    if (number && !whole && !isnan(value))
        write_as_sent(column, value, out);
    else
        lat_table_write_cell(column, row, out);
}

void lat_table_write_row(const struct lat_table *table, const float *row, struct lat_buf *out)
{
    lat_buf_char(out, '{');
    for (size_t c = 0; c < table->names.n; c++) {
        const char *name = table->names.items[c];
        if (c)
            lat_buf_char(out, ',');
        lat_buf_json_string(out, name, strlen(name));
        lat_buf_char(out, ':');
        lat_table_write_cell(&table->columns[c], row, out);
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

static void write_numbers(const struct lat_column *column, struct lat_buf *out)
{
    if (column->type == LAT_COLUMN_DATE)
        lat_buf_printf(out, ", \"format\": \"%s\"", lat_date_format_names[column->format]);
    lat_buf_text(out, ", \"mean\": ");
    lat_buf_json_double(out, column->mean);
    lat_buf_text(out, ", \"std\": ");
    lat_buf_json_double(out, column->std);
    if (column->least > column->most)
        return;
    lat_buf_text(out, ", \"min\": ");
    lat_buf_json_double(out, column->least);
    lat_buf_text(out, ", \"max\": ");
    lat_buf_json_double(out, column->most);
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
        if (lat_column_has_words(column))
            write_categories(column, out);
        else
            write_numbers(column, out);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
}
