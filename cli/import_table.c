/* The server names the columns and says which are numbers; the file is read once to count its
 * rows, so that ids have their digits, and once to send them. */
#include "cli/import_table.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/import_collection.h"
#include "model/train/dataset/text_table.h"

#include "base/banned.h"

enum { SHOWN_MAX = 40, ID_SIZE = 600, NOT_THERE = UINT32_MAX };

/* One file on its way. */
struct reading {
    const struct lat_import_source *source;
    const struct lat_import_sink *sink;
    struct lat_data_options options;
    struct lat_text_table text;
    uint32_t *positions; /* of the model's columns, or NOT_THERE */
    struct lat_buf row;
};

static enum lat_status find_columns(struct reading *reading, struct lat_error *err)
{
    const struct lat_import_model *model = reading->source->model;
    size_t n_found = 0;
    reading->positions = lat_alloc(model->n, sizeof(*reading->positions));
    if (!reading->positions)
        return lat_fail_memory(err);
    for (size_t i = 0; i < model->n; i++) {
        const char *name = model->names[i];
        if (lat_import_is_excluded(reading->source, name) ||
            lat_text_table_find(&reading->text, name, &reading->positions[i], NULL) != LAT_OK)
            reading->positions[i] = NOT_THERE;
        n_found += reading->positions[i] != NOT_THERE;
    }
    if (n_found)
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "no_columns",
                    "%s: none of its columns is one of the model's ('%.60s', ...)",
                    reading->source->path, model->names[0]);
}

/* The row's cells as an input; false, with words, when a cell cannot be sent. */
static bool write_row(struct reading *reading, char *out_words, size_t size)
{
    const struct lat_import_model *model = reading->source->model;
    struct lat_buf *out = &reading->row;
    bool first = true;
    lat_buf_clear(out);
    lat_buf_text(out, "{\"row\":{");
    for (size_t i = 0; i < model->n; i++) {
        if (reading->positions[i] == NOT_THERE)
            continue;
        const struct lat_text_cell *cell = &reading->text.cells[reading->positions[i]];
        double number;
        if (lat_text_is_missing(cell, &reading->options))
            continue;
        const bool good = model->numeric[i] ? lat_text_number(cell, &number)
                                            : lat_utf8_valid(cell->text, cell->len);
        if (!good) {
            const int shown = (int)(cell->len < SHOWN_MAX ? cell->len : SHOWN_MAX);
            snprintf(out_words, size, "column '%.60s': '%.*s' is no %s", model->names[i], shown,
                     cell->text, model->numeric[i] ? "number" : "UTF-8");
            return false;
        }
        lat_buf_text(out, first ? "" : ",");
        lat_buf_json_string(out, model->names[i], strlen(model->names[i]));
        lat_buf_char(out, ':');
        if (model->numeric[i])
            lat_buf_json_double(out, number);
        else
            lat_buf_json_string(out, cell->text, cell->len);
        first = false;
    }
    lat_buf_text(out, "}}");
    return true;
}

static enum lat_status give_row(struct reading *reading, const char *id, struct lat_error *err)
{
    char origin[4200], words[256];
    const size_t line = lat_text_rows_line(reading->text.rows);
    snprintf(origin, sizeof(origin), "%s line %zu", reading->source->path, line);
    if (reading->text.n != reading->text.width) {
        snprintf(words, sizeof(words), "expected %zu cells, found %zu", reading->text.width,
                 reading->text.n);
        reading->sink->bad(reading->sink->context, origin, words);
        return LAT_OK;
    }
    if (!write_row(reading, words, sizeof(words))) {
        reading->sink->bad(reading->sink->context, origin, words);
        return LAT_OK;
    }
    const enum lat_status status = lat_buf_check(&reading->row, err);
    const struct lat_import_item item = {.kind = LAT_IMPORT_ROW,
                                         .id = id,
                                         .bytes = reading->row.data,
                                         .len = reading->row.len,
                                         .origin = origin};
    return status == LAT_OK ? reading->sink->give(reading->sink->context, &item, err) : status;
}

enum lat_status lat_import_table_count(const char *path, const struct lat_data_options *options,
                                       size_t *out_n, struct lat_error *err)
{
    struct lat_text_table text = {0};
    size_t n = 0;
    enum lat_status status = lat_text_table_open(&text, path, options, err);
    while (status == LAT_OK) {
        status = lat_text_table_next(&text, err);
        if (status == LAT_OK && text.n == 0)
            break;
        n++;
    }
    lat_text_table_close(&text);
    *out_n = n;
    return status;
}

static enum lat_status give_rows(struct reading *reading, size_t n, struct lat_error *err)
{
    const struct lat_import_sink *sink = reading->sink;
    const int digits = lat_import_digits(n);
    enum lat_status status = LAT_OK;
    sink->expect(sink->context, n);
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof(id), "%s%0*zu", reading->source->prefix, digits, i);
        status = lat_text_table_next(&reading->text, err);
        if (status != LAT_OK || reading->text.n == 0)
            break;
        if (sink->wants(sink->context, id))
            status = give_row(reading, id, err);
    }
    return status;
}

enum lat_status lat_import_table_read(const struct lat_import_source *source,
                                      const struct lat_import_sink *sink, struct lat_error *err)
{
    struct reading reading = {.source = source, .sink = sink};
    size_t n = 0;
    enum lat_status status = lat_import_table_count(source->path, &reading.options, &n, err);
    if (status == LAT_OK)
        status = lat_text_table_open(&reading.text, source->path, &reading.options, err);
    if (status == LAT_OK)
        status = find_columns(&reading, err);
    if (status == LAT_OK)
        status = give_rows(&reading, n, err);
    lat_text_table_close(&reading.text);
    lat_buf_release(&reading.row);
    lat_free(reading.positions);
    return status;
}
