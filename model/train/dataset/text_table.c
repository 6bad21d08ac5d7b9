/* The first line is read once to be judged; where it holds no names the file is opened anew. */
#include "model/train/dataset/text_table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/arrays.h"

#include "base/banned.h"

enum { NUMBER_MAX = 63, NAME_MAX_LEN = 256, SHOWN_MAX = 60 };

bool lat_text_number(const struct lat_text_cell *cell, double *out_value)
{
    return cell->len > 0 && cell->len <= NUMBER_MAX && strlen(cell->text) == cell->len &&
           lat_parse_double(cell->text, out_value) && fabs(*out_value) <= (double)FLT_MAX;
}

bool lat_text_is_missing(const struct lat_text_cell *cell,
                         const struct lat_data_options *options)
{
    static const char *const default_marks[] = {"", "NA", "?"};
    const char *const *marks = options->missing ? options->missing : default_marks;
    const size_t n = options->missing ? options->n_missing : LAT_ARRAY_LEN(default_marks);
    for (size_t i = 0; i < n; i++)
        if (strlen(marks[i]) == cell->len && memcmp(marks[i], cell->text, cell->len) == 0)
            return true;
    return false;
}

void lat_text_options(struct lat_fields *data, struct lat_arena *arena,
                      struct lat_data_options *out_options)
{
    const bool said = lat_fields_has(data, "header");
    bool header = false;
    lat_fields_texts(data, "missing", arena, &out_options->missing, &out_options->n_missing);
    lat_fields_position(data, "separator", arena, &out_options->separator);
    lat_fields_flag(data, "header", &header);
    if (said)
        out_options->header = header ? LAT_HEADER_YES : LAT_HEADER_NO;
}

/* ---- names ---- */

static bool holds_names(const struct lat_text_table *table,
                        const struct lat_data_options *options)
{
    double number;
    size_t n_words = 0;
    if (options->header != LAT_HEADER_TOLD)
        return options->header == LAT_HEADER_YES;
    for (size_t i = 0; i < table->n; i++) {
        if (lat_text_number(&table->cells[i], &number))
            return false;
        n_words += !lat_text_is_missing(&table->cells[i], options);
    }
    return n_words > 0;
}

static enum lat_status keep_names(struct lat_text_table *table, struct lat_error *err)
{
    table->width = table->n;
    table->names = lat_arena_alloc(&table->arena, table->width, sizeof(*table->names));
    if (!table->names)
        return lat_fail_memory(err);
    for (size_t i = 0; i < table->width; i++) {
        const struct lat_text_cell *cell = &table->cells[i];
        const bool named = table->has_names && cell->len > 0;
        if (named && (cell->len > NAME_MAX_LEN || !lat_utf8_valid(cell->text, cell->len)))
            return lat_fail(err, LAT_INVALID, "bad_name",
                            "line 1: the name of column %zu is no UTF-8 of at most 256 bytes",
                            i + 1);
        table->names[i] = named ? lat_arena_strndup(&table->arena, cell->text, cell->len)
                                : lat_arena_printf(&table->arena, "%zu", i + 1);
        if (!table->names[i])
            return lat_fail_memory(err);
    }
    return LAT_OK;
}

static enum lat_status read_separator(const struct lat_data_options *options, char *out,
                                      struct lat_error *err)
{
    const char *text = options->separator;
    *out = text ? text[0] : '\0';
    if (text && text[0] && (text[1] != '\0' || text[0] == '"' || text[0] == '\n'))
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/separator: expected one character, not '%.20s'", text);
    return LAT_OK;
}

enum lat_status lat_text_table_open(struct lat_text_table *table, const char *path,
                                    const struct lat_data_options *options,
                                    struct lat_error *err)
{
    char separator = '\0';
    enum lat_status status = read_separator(options, &separator, err);
    if (status == LAT_OK)
        status = lat_text_rows_open(path, separator, &table->rows, err);
    if (status == LAT_OK)
        status = lat_text_table_next(table, err);
    if (status == LAT_OK && table->n == 0)
        status = lat_fail(err, LAT_INVALID, "empty", "there are no rows");
    if (status != LAT_OK)
        return status;
    table->has_names = holds_names(table, options);
    status = keep_names(table, err);
    if (status != LAT_OK || table->has_names)
        return status;
    lat_text_rows_close(table->rows);
    table->rows = NULL;
    return lat_text_rows_open(path, separator, &table->rows, err);
}

void lat_text_table_close(struct lat_text_table *table)
{
    lat_text_rows_close(table->rows);
    lat_arena_release(&table->arena);
    *table = (struct lat_text_table){0};
}

/* ---- rows ---- */

enum lat_status lat_text_table_next(struct lat_text_table *table, struct lat_error *err)
{
    return lat_text_rows_next(table->rows, &table->cells, &table->n, err);
}

bool lat_text_table_check(const struct lat_text_table *table, struct lat_dataset *dataset)
{
    if (table->n == table->width)
        return true;
    lat_dataset_skip(dataset, "line %zu: expected %zu cells, found %zu",
                     lat_text_rows_line(table->rows), table->width, table->n);
    return false;
}

enum lat_status lat_text_table_find(const struct lat_text_table *table, const char *name,
                                    uint32_t *out_position, struct lat_error *err)
{
    for (size_t i = 0; i < table->width; i++)
        if (strcmp(table->names[i], name) == 0) {
            *out_position = (uint32_t)i;
            return LAT_OK;
        }
    uint64_t number = 0;
    if (lat_parse_u64(name, table->width, &number) && number > 0) {
        *out_position = (uint32_t)number - 1;
        return LAT_OK;
    }
    const char *near = lat_nearest(name, table->names, table->width);
    lat_fail(err, LAT_INVALID, "unknown_column", "there is no column '%.*s'%s%.*s%s", SHOWN_MAX,
             name, near ? "; did you mean '" : "", SHOWN_MAX, near ? near : "",
             near ? "'?" : "");
    lat_error_expected(err, near, name);
    return LAT_INVALID;
}
