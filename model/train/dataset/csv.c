/* Tables of numbers as text: rows of cells parted by a comma, semicolon or tab (whichever the
 * first line has most of), quoted as RFC 4180 says, with or without a line of names.
 *
 * One pass over the text; the columns are chosen on the first line. A row with the wrong number
 * of cells, or with a word in a chosen column, is skipped and counted. A missing cell is NaN
 * until all rows are there and then becomes the mean of its column. Columns are standardised:
 * dataset->shift and scale hold their means and deviations. */
#include "model/train/dataset/arrays.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { MAX_COLUMNS = 16384, NUMBER_MAX = 63, SHOWN_MAX = 40 };

struct cell {
    const char *text; /* borrowed, without quotes */
    size_t len;
};

struct table {
    const char *cursor, *end;
    char separator;
    size_t line;        /* of the row last read, 1 = the first */
    struct cell *cells; /* of that row */
    size_t n_cells;
    size_t width;     /* cells a row should have */
    uint32_t *chosen; /* positions taken, in order */
    size_t n_chosen;
    bool has_names;
};

/* ---- cells ---- */

static struct cell trimmed(const char *start, const char *end)
{
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (struct cell){start, (size_t)(end - start)};
}

/* One cell at the cursor, which then stands on the separator, the line's end or the end. */
static struct cell read_cell(struct table *table)
{
    const char *p = table->cursor, *start = p;
    while (p < table->end && *p == ' ')
        p++;
    if (p < table->end && *p == '"') {
        start = ++p;
        while (p < table->end && (*p != '"' || (p + 1 < table->end && p[1] == '"'))) {
            table->line += *p == '\n';
            p += *p == '"' ? 2 : 1;
        }
        const char *close = p < table->end ? p++ : p;
        while (p < table->end && *p != table->separator && *p != '\n')
            p++;
        table->cursor = p;
        return (struct cell){start, (size_t)(close - start)};
    }
    while (p < table->end && *p != table->separator && *p != '\n')
        p++;
    table->cursor = p;
    return trimmed(start, p);
}

/* The next row that is not empty; false at the end. Cells past MAX_COLUMNS are dropped, but
 * counted so that the row is seen to be too long. */
static bool read_row(struct table *table)
{
    while (table->cursor < table->end) {
        table->n_cells = 0;
        table->line++;
        for (;;) {
            const struct cell cell = read_cell(table);
            if (table->n_cells < MAX_COLUMNS)
                table->cells[table->n_cells] = cell;
            table->n_cells++;
            if (table->cursor >= table->end || *table->cursor == '\n')
                break;
            table->cursor++;
        }
        if (table->cursor < table->end)
            table->cursor++;
        if (table->n_cells > 1 || table->cells[0].len > 0)
            return true;
    }
    return false;
}

static bool is_missing(struct cell cell, const struct lat_data_options *options)
{
    for (size_t i = 0; i < options->n_missing; i++)
        if (strlen(options->missing[i]) == cell.len &&
            memcmp(options->missing[i], cell.text, cell.len) == 0)
            return true;
    return false;
}

static bool read_number(struct cell cell, float *out_value)
{
    char text[NUMBER_MAX + 1];
    double value;
    if (cell.len == 0 || cell.len > NUMBER_MAX)
        return false;
    memcpy(text, cell.text, cell.len);
    text[cell.len] = '\0';
    if (!lat_parse_double(text, &value) || fabs(value) > (double)3.4e38F)
        return false;
    *out_value = (float)value;
    return true;
}

/* ---- the first line ---- */

static char guess_separator(const char *text, const char *end)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0};
    for (; text < end && *text != '\n'; text++)
        for (size_t i = 0; i < 3; i++)
            counts[i] += *text == candidates[i];
    size_t best = 0;
    for (size_t i = 1; i < 3; i++)
        if (counts[i] > counts[best])
            best = i;
    return candidates[best];
}

/* Whether `name` means the column at `position`: its heading, or its number from 1 on. */
static bool names_column(const struct table *table, const char *name, size_t position)
{
    char number[24];
    const struct cell heading = table->cells[position];
    snprintf(number, sizeof(number), "%zu", position + 1);
    if (!table->has_names)
        return strcmp(number, name) == 0;
    return strlen(name) == heading.len && memcmp(name, heading.text, heading.len) == 0;
}

static bool is_excluded(const struct table *table, const struct lat_data_options *options,
                        size_t position)
{
    for (size_t i = 0; i < options->n_exclude; i++)
        if (names_column(table, options->exclude[i], position))
            return true;
    return false;
}

static enum lat_status find_column(const struct table *table, const char *name,
                                   size_t *out_position, struct lat_error *err)
{
    for (size_t i = 0; i < table->width; i++)
        if (names_column(table, name, i)) {
            *out_position = i;
            return LAT_OK;
        }
    return lat_fail(err, LAT_INVALID, "unknown_column", "there is no column '%s'", name);
}

static enum lat_status choose_columns(struct table *table,
                                      const struct lat_data_options *options,
                                      struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    size_t position = 0;
    for (size_t i = 0; status == LAT_OK && i < options->n_exclude; i++)
        status = find_column(table, options->exclude[i], &position, err);
    for (size_t i = 0; status == LAT_OK && i < options->n_columns; i++) {
        status = find_column(table, options->columns[i], &position, err);
        if (status == LAT_OK && table->n_chosen < table->width &&
            !is_excluded(table, options, position))
            table->chosen[table->n_chosen++] = (uint32_t)position;
    }
    for (size_t i = 0; !options->columns && i < table->width; i++)
        if (!is_excluded(table, options, i))
            table->chosen[table->n_chosen++] = (uint32_t)i;
    if (status == LAT_OK && table->n_chosen == 0)
        status = lat_fail(err, LAT_INVALID, "no_columns", "no column is left to train on");
    return status;
}

/* Reads the first row: its width, whether it holds names, and which columns are taken. Leaves
 * the cursor on the first row of numbers. */
static enum lat_status open_table(struct table *table, const struct lat_data_options *options,
                                  struct lat_error *err)
{
    const char *start = table->cursor;
    table->separator = guess_separator(table->cursor, table->end);
    table->cells = lat_alloc(MAX_COLUMNS, sizeof(*table->cells));
    table->chosen = lat_alloc(MAX_COLUMNS, sizeof(*table->chosen));
    if (!table->cells || !table->chosen)
        return lat_fail_memory(err);
    if (!read_row(table))
        return lat_fail(err, LAT_INVALID, "empty", "there are no rows");
    if (table->n_cells > MAX_COLUMNS)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "%zu columns, more than %d", table->n_cells,
                        MAX_COLUMNS);
    table->width = table->n_cells;
    float number;
    for (size_t i = 0; i < table->width; i++)
        if (!is_missing(table->cells[i], options) && !read_number(table->cells[i], &number))
            table->has_names = true;
    const enum lat_status status = choose_columns(table, options, err);
    if (!table->has_names) {
        table->cursor = start;
        table->line = 0;
    }
    return status;
}

/* ---- rows ---- */

/* The chosen cells of the current row into `out`; false (and the row is counted as skipped)
 * when one is no number. */
static bool convert_row(const struct table *table, const struct lat_data_options *options,
                        struct lat_dataset *dataset, float *out)
{
    if (table->n_cells != table->width) {
        lat_dataset_skip(dataset, "line %zu: expected %zu cells, found %zu", table->line,
                         table->width, table->n_cells);
        return false;
    }
    for (size_t i = 0; i < table->n_chosen; i++) {
        const struct cell cell = table->cells[table->chosen[i]];
        if (is_missing(cell, options)) {
            out[i] = NAN;
        } else if (!read_number(cell, &out[i])) {
            const int shown = (int)(cell.len < SHOWN_MAX ? cell.len : SHOWN_MAX);
            lat_dataset_skip(dataset, "line %zu, column %u: '%.*s' is no number", table->line,
                             table->chosen[i] + 1, shown, cell.text);
            return false;
        }
    }
    return true;
}

static enum lat_status read_rows(struct table *table, const struct lat_data_options *options,
                                 struct lat_dataset *dataset, struct lat_error *err)
{
    size_t capacity = 0, cells = 0;
    dataset->elements = table->n_chosen;
    while (read_row(table)) {
        if (dataset->n == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            float *grown = lat_mul_size(capacity, dataset->elements, &cells)
                               ? lat_realloc(dataset->floats, cells, sizeof(float))
                               : NULL;
            if (!grown)
                return lat_fail_memory(err);
            dataset->floats = grown;
        }
        if (convert_row(table, options, dataset,
                        dataset->floats + dataset->n * dataset->elements))
            dataset->n++;
    }
    if (dataset->n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "no row can be used; %s%s",
                        dataset->n_skipped ? dataset->first_skipped : "there are none",
                        dataset->n_skipped ? " (a column of words goes into \"exclude\")" : "");
    return LAT_OK;
}

/* Mean and deviation of each column over the cells that are there; missing cells become the
 * mean. */
static enum lat_status standardise(struct lat_dataset *dataset, struct lat_error *err)
{
    const size_t width = dataset->elements;
    dataset->shift = lat_alloc(width, sizeof(float));
    dataset->scale = lat_alloc(width, sizeof(float));
    if (!dataset->shift || !dataset->scale)
        return lat_fail_memory(err);
    for (size_t c = 0; c < width; c++) {
        double sum = 0, squares = 0;
        size_t n = 0;
        for (size_t i = 0; i < dataset->n; i++)
            if (!isnan(dataset->floats[i * width + c])) {
                sum += (double)dataset->floats[i * width + c];
                n++;
            }
        const double mean = n ? sum / (double)n : 0;
        for (size_t i = 0; i < dataset->n; i++) {
            float *cell = &dataset->floats[i * width + c];
            if (isnan(*cell))
                *cell = (float)mean;
            squares += ((double)*cell - mean) * ((double)*cell - mean);
        }
        const double deviation = n ? sqrt(squares / (double)n) : 0;
        dataset->shift[c] = (float)mean;
        dataset->scale[c] = deviation > 1e-12 * (1 + fabs(mean)) ? (float)deviation : 1;
    }
    return LAT_OK;
}

/* ---- the format ---- */

bool lat_csv_matches(const char *path)
{
    return lat_path_has_suffix(path, ".csv") || lat_path_has_suffix(path, ".tsv");
}

void lat_csv_options(struct lat_fields *data, struct lat_arena *arena,
                     struct lat_data_options *out_options)
{
    lat_fields_texts(data, "columns", arena, &out_options->columns, &out_options->n_columns);
    lat_fields_texts(data, "exclude", arena, &out_options->exclude, &out_options->n_exclude);
    lat_fields_texts(data, "missing", arena, &out_options->missing, &out_options->n_missing);
}

enum lat_status lat_csv_open(const char *path, const struct lat_data_options *given,
                             struct lat_dataset *dataset, struct lat_error *err)
{
    static const char *const default_marks[] = {"", "NA", "?"};
    struct lat_data_options options = *given;
    if (!options.missing) {
        options.missing = default_marks;
        options.n_missing = LAT_ARRAY_LEN(default_marks);
    }
    struct lat_buf file = {0};
    struct table table = {0};
    enum lat_status status = lat_gzip_read(path, LAT_DATA_MAX_LEN, &file, err);
    if (status == LAT_OK) {
        const bool mark = file.len >= 3 && memcmp(file.data, "\xEF\xBB\xBF", 3) == 0;
        table.cursor = file.data + (mark ? 3 : 0);
        table.end = file.data + file.len;
        status = open_table(&table, &options, err);
    }
    if (status == LAT_OK)
        status = read_rows(&table, &options, dataset, err);
    if (status == LAT_OK)
        status = standardise(dataset, err);
    if (status == LAT_OK)
        dataset->input =
            (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = dataset->elements};
    lat_free(table.cells);
    lat_free(table.chosen);
    lat_buf_release(&file);
    return status;
}
