/* Which columns are taken and what they are. A column whose type nobody says is one of numbers
 * when most of its cells are numbers: integer if all of them are written without a point, else
 * numeric. One of words is one of dates if each of them is a date of the same format, boolean
 * if there are two that mean yes and no, categorical otherwise; categories are the words seen,
 * in the order of their bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/csv.h"

#include "base/banned.h"

enum { TOLD_CATEGORIES_MAX = 1000, WORD_MAX_LEN = 256 };

static bool is_excluded(const struct lat_csv *csv, size_t position)
{
    for (size_t i = 0; i < csv->options->n_exclude; i++)
        if (strcmp(csv->options->exclude[i], csv->text.names[position]) == 0)
            return true;
    return false;
}

static void take(struct lat_csv *csv, uint32_t position, int type)
{
    csv->columns[csv->n++] =
        (struct lat_csv_column){.name = csv->text.names[position],
                                .position = position,
                                .type = type,
                                .date_formats = (1U << LAT_DATE_FORMATS) - 1};
}

/* The columns of a table that is given, in its order. */
static enum lat_status take_given(struct lat_csv *csv, const struct lat_table *table,
                                  struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < table->names.n; i++) {
        uint32_t position = 0;
        const struct lat_column *column = &table->columns[i];
        status = lat_text_table_find(&csv->text, table->names.items[i], &position, err);
        if (status != LAT_OK)
            return status;
        take(csv, position, 1 + (int)column->type);
        csv->columns[i].categories = &column->categories;
        csv->columns[i].format = column->format;
    }
    return status;
}

static enum lat_status take_chosen(struct lat_csv *csv, struct lat_error *err)
{
    const struct lat_data_options *options = csv->options;
    const bool vectors = options->as && options->as->kind != LAT_INPUT_TABLE;
    enum lat_status status = LAT_OK;
    uint32_t position = 0;
    for (size_t i = 0; status == LAT_OK && i < options->n_exclude; i++)
        status = lat_text_table_find(&csv->text, options->exclude[i], &position, err);
    for (size_t i = 0; status == LAT_OK && i < options->n_columns; i++) {
        const int type = options->column_types ? options->column_types[i] : LAT_TYPE_TOLD;
        status = lat_text_table_find(&csv->text, options->columns[i], &position, err);
        if (status == LAT_OK && !is_excluded(csv, position))
            take(csv, position, vectors ? 1 + LAT_COLUMN_NUMERIC : type);
    }
    for (size_t i = 0; status == LAT_OK && !options->columns && i < csv->text.width; i++)
        if (!is_excluded(csv, i))
            take(csv, (uint32_t)i, vectors ? 1 + LAT_COLUMN_NUMERIC : LAT_TYPE_TOLD);
    if (status == LAT_OK && csv->n == 0)
        status = lat_fail(err, LAT_INVALID, "no_columns", "no column is left to train on");
    return status;
}

/* ---- what the cells say ---- */

static void look_for_dates(struct lat_csv_column *column, const struct lat_text_cell *cell)
{
    double days;
    for (int f = 0; column->date_formats && f < LAT_DATE_FORMATS; f++)
        if ((column->date_formats & 1U << f) &&
            !lat_date_parse((enum lat_date_format)f, cell->text, cell->len, &days))
            column->date_formats &= ~(1U << f);
}

static enum lat_status look_at_cell(struct lat_csv *csv, struct lat_csv_column *column,
                                    struct lat_error *err)
{
    const struct lat_text_cell *cell = &csv->text.cells[column->position];
    double number;
    uint32_t unused = 0;
    if (lat_text_is_missing(cell, csv->options))
        return LAT_OK;
    const bool is_number = lat_text_number(cell, &number);
    column->n_numbers += is_number;
    column->n_words += !is_number;
    column->n_whole += is_number && strpbrk(cell->text, ".eEnN") == NULL;
    if (!is_number)
        look_for_dates(column, cell);
    if ((column->type != LAT_TYPE_TOLD && !lat_csv_has_words(column)) || column->too_many ||
        cell->len == 0 || cell->len > WORD_MAX_LEN || strlen(cell->text) != cell->len ||
        !lat_utf8_valid(cell->text, cell->len))
        return LAT_OK;
    const size_t most = lat_csv_has_words(column) ? LAT_CATEGORIES_MAX : TOLD_CATEGORIES_MAX;
    column->too_many = column->words.n == most &&
                       !lat_words_find(&column->words, cell->text, cell->len, &unused);
    return column->too_many
               ? LAT_OK
               : lat_words_add(&column->words, cell->text, cell->len, &unused, err);
}

static enum lat_status look(struct lat_csv *csv, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (;;) {
        status = lat_text_table_next(&csv->text, err);
        if (status != LAT_OK || csv->text.n == 0)
            return status;
        for (size_t i = 0; status == LAT_OK && csv->text.n == csv->text.width && i < csv->n;
             i++)
            status = look_at_cell(csv, &csv->columns[i], err);
        if (status != LAT_OK)
            return status;
    }
}

/* ---- types ---- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words in the order of their bytes, whatever the order of the rows. */
static enum lat_status sort_words(struct lat_words *words, struct lat_error *err)
{
    struct lat_words sorted = {0};
    enum lat_status status = LAT_OK;
    if (words->n)
        qsort((void *)(uintptr_t)words->items, words->n, sizeof(*words->items), by_bytes);
    for (size_t i = 0; status == LAT_OK && i < words->n; i++) {
        uint32_t number;
        status = lat_words_add(&sorted, words->items[i], strlen(words->items[i]), &number, err);
    }
    lat_words_release(words);
    *words = sorted;
    return status;
}

bool lat_csv_has_words(const struct lat_csv_column *column)
{
    return column->type == 1 + LAT_COLUMN_CATEGORICAL || column->type == 1 + LAT_COLUMN_BOOLEAN;
}

static bool is_boolean(const struct lat_csv_column *column)
{
    const struct lat_words *words = &column->words;
    if (column->too_many || words->n != 2 || column->n_numbers)
        return false;
    const int first = lat_boolean_of(words->items[0], strlen(words->items[0]));
    const int second = lat_boolean_of(words->items[1], strlen(words->items[1]));
    return first >= 0 && second >= 0 && first != second;
}

static enum lat_column_type tell(const struct lat_csv_column *column)
{
    if (column->n_words <= column->n_numbers)
        return column->n_numbers && column->n_whole == column->n_numbers ? LAT_COLUMN_INTEGER
                                                                         : LAT_COLUMN_NUMERIC;
    if (!column->n_numbers && column->date_formats)
        return LAT_COLUMN_DATE;
    return is_boolean(column) ? LAT_COLUMN_BOOLEAN : LAT_COLUMN_CATEGORICAL;
}

/* The format of a column that is said to be of dates: that of all its cells. */
static enum lat_status settle_dates(struct lat_csv_column *column, bool given,
                                    struct lat_error *err)
{
    if (given)
        return LAT_OK;
    if (column->n_numbers || !column->n_words || !column->date_formats)
        return lat_fail(err, LAT_INVALID, "wrong_type",
                        "column '%.60s': its cells are not all dates of one format, as in %s",
                        column->name, lat_date_format_names[0]);
    while (!(column->date_formats & 1U << column->format))
        column->format++;
    return LAT_OK;
}

static enum lat_status settle(struct lat_csv_column *column, bool given, struct lat_error *err)
{
    if (column->type == LAT_TYPE_TOLD)
        column->type = 1 + (int)tell(column);
    if (column->type == 1 + LAT_COLUMN_DATE)
        return settle_dates(column, given, err);
    if (!lat_csv_has_words(column))
        return LAT_OK;
    if (column->type == 1 + LAT_COLUMN_BOOLEAN && !given && column->words.n != 2)
        return lat_fail(err, LAT_INVALID, "wrong_type",
                        "column '%.60s': a boolean has two words, not %zu", column->name,
                        column->words.n);
    if (!column->categories) {
        if (column->too_many)
            return lat_fail(err, LAT_INVALID, "too_many_categories",
                            "column '%.60s' has more than %zu different words: leave it out by "
                            "\"exclude\"",
                            column->name, column->words.n);
        if (column->words.n == 0)
            return lat_fail(err, LAT_INVALID, "empty", "column '%.60s' has no cell",
                            column->name);
        const enum lat_status status = sort_words(&column->words, err);
        if (status != LAT_OK)
            return status;
        column->categories = &column->words;
    }
    column->counts = lat_alloc(column->categories->n, sizeof(*column->counts));
    return column->counts ? LAT_OK : lat_fail_memory(err);
}

/* ---- csv.h ---- */

enum lat_status lat_csv_begin(struct lat_csv *csv, struct lat_error *err)
{
    const struct lat_input_spec *as = csv->options->as;
    const struct lat_table *given = as && as->kind == LAT_INPUT_TABLE ? as->table : NULL;
    enum lat_status status = lat_text_table_open(&csv->text, csv->path, csv->options, err);
    if (status != LAT_OK)
        return status;
    const size_t most = given ? given->names.n : csv->text.width + csv->options->n_columns;
    csv->columns = lat_alloc(most, sizeof(*csv->columns));
    if (!csv->columns)
        return lat_fail_memory(err);
    status = given ? take_given(csv, given, err) : take_chosen(csv, err);
    if (status == LAT_OK && !as) {
        status = look(csv, err);
        if (status == LAT_OK) {
            struct lat_text_table again = {0};
            status = lat_text_table_open(&again, csv->path, csv->options, err);
            lat_text_rows_close(csv->text.rows);
            csv->text.rows = again.rows;
            again.rows = NULL;
            lat_text_table_close(&again);
        }
    }
    for (size_t i = 0; status == LAT_OK && i < csv->n; i++)
        status = settle(&csv->columns[i], given != NULL, err);
    return status;
}

void lat_csv_end(struct lat_csv *csv)
{
    for (size_t i = 0; i < csv->n; i++) {
        lat_words_release(&csv->columns[i].words);
        lat_free(csv->columns[i].counts);
    }
    lat_free(csv->columns);
    lat_text_table_close(&csv->text);
}

static enum lat_status fill_column(const struct lat_csv_column *from, struct lat_column *column,
                                   struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    column->type = (enum lat_column_type)(from->type - 1);
    column->format = from->format;
    if (!lat_csv_has_words(from)) {
        const double deviation = from->n_seen ? sqrt(from->squares / (double)from->n_seen) : 0;
        column->mean = from->mean;
        column->std = deviation > 1e-12 * (1 + fabs(from->mean)) ? deviation : 1;
        column->least = from->n_seen ? from->least : 1;
        column->most = from->n_seen ? from->most : 0;
        return LAT_OK;
    }
    column->shares = lat_alloc(from->words.n, sizeof(float));
    if (!column->shares)
        return lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < from->words.n; i++) {
        uint32_t number;
        const char *word = from->words.items[i];
        status = lat_words_add(&column->categories, word, strlen(word), &number, err);
        column->shares[i] = (float)from->counts[i] / (float)(from->n_seen ? from->n_seen : 1);
    }
    return status;
}

enum lat_status lat_csv_make_table(const struct lat_csv *csv, struct lat_table **out_table,
                                   struct lat_error *err)
{
    struct lat_table *table = lat_table_new();
    enum lat_status status = table ? LAT_OK : lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < csv->n; i++) {
        struct lat_column *column = NULL;
        status = lat_table_add(table, csv->columns[i].name, &column, err);
        if (status == LAT_OK)
            status = fill_column(&csv->columns[i], column, err);
    }
    if (status == LAT_OK)
        status = lat_table_settle(table, err);
    if (status == LAT_OK)
        *out_table = table;
    else
        lat_table_free(table);
    return status;
}
