/* The server names the columns and says which are numbers; the file is read once to count its
 * rows, so that ids have their digits, and once to send them. */
#include "cli/import_table.h"

#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/text_table.h"

#include "base/banned.h"

enum { SHOWN_MAX = 40, NOT_THERE = UINT32_MAX };

/* ---- the model's columns ---- */

static enum lat_status ask(struct lat_client *client, const char *folder, const char *name,
                           struct lat_buf *reply, bool *out_there, struct lat_error *err)
{
    struct lat_buf path = {0};
    long http = 0;
    lat_buf_text(&path, folder);
    lat_client_segment(&path, name);
    enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status = lat_client_send(client, "GET", path.data, NULL, NULL, reply, &http, err);
    *out_there = status == LAT_OK && http == 200;
    lat_buf_release(&path);
    return status;
}

static enum lat_status take_columns(const struct lat_list *list,
                                    struct lat_import_columns *columns, struct lat_error *err)
{
    columns->names = lat_arena_alloc(&columns->arena, list->n, sizeof(*columns->names));
    columns->numeric = lat_arena_alloc(&columns->arena, list->n, sizeof(*columns->numeric));
    if (!columns->names || !columns->numeric)
        return lat_fail_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        struct lat_object column;
        char type[32] = "";
        size_t len = 0;
        lat_list_object(list, i, &column);
        const char *name = lat_object_text(&column, "name", &len);
        lat_object_copy(&column, "type", type, sizeof(type));
        columns->names[i] = name ? lat_arena_strndup(&columns->arena, name, len) : NULL;
        columns->numeric[i] = strcmp(type, "numeric") == 0;
        if (!columns->names[i])
            return lat_fail_memory(err);
    }
    columns->n = list->n;
    return LAT_OK;
}

/* `model` is empty where the collection has none. */
static enum lat_status read_model(const struct lat_buf *reply, char *model, size_t size)
{
    struct lat_arena arena = {0};
    struct lat_json json = {0};
    struct lat_object root;
    const enum lat_status status =
        lat_json_parse_whole(&json, &arena, reply->data, reply->len, 0, NULL);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        lat_object_copy(&root, "model", model, size);
    }
    lat_json_release(&json);
    lat_arena_release(&arena);
    return status;
}

static enum lat_status read_manifest(const struct lat_buf *reply,
                                     struct lat_import_columns *columns, struct lat_error *err)
{
    struct lat_arena arena = {0};
    struct lat_json json = {0};
    struct lat_object root, manifest, input;
    struct lat_list list;
    enum lat_status status =
        lat_json_parse_whole(&json, &arena, reply->data, reply->len, 0, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        if (lat_object_child(&root, "manifest", &manifest) &&
            lat_object_child(&manifest, "input", &input) &&
            lat_object_list(&input, "columns", &list))
            status = take_columns(&list, columns, err);
    }
    lat_json_release(&json);
    lat_arena_release(&arena);
    return status;
}

enum lat_status lat_import_columns_read(struct lat_client *client, const char *collection,
                                        struct lat_import_columns *out_columns,
                                        struct lat_error *err)
{
    struct lat_buf reply = {0};
    char model[96] = "";
    bool there = false;
    enum lat_status status = ask(client, "/v1/collections/", collection, &reply, &there, err);
    if (there && read_model(&reply, model, sizeof(model)) == LAT_OK && model[0]) {
        status = ask(client, "/v1/models/", model, &reply, &there, err);
        if (there)
            status = read_manifest(&reply, out_columns, err);
    }
    lat_buf_release(&reply);
    return status;
}

void lat_import_columns_release(struct lat_import_columns *columns)
{
    lat_arena_release(&columns->arena);
    *columns = (struct lat_import_columns){0};
}

/* ---- rows ---- */

/* One file on its way. */
struct reading {
    const struct lat_import_source *source;
    const struct lat_import_sink *sink;
    struct lat_data_options options;
    struct lat_text_table text;
    uint32_t *positions; /* of the model's columns, or NOT_THERE */
    struct lat_buf row;
};

static bool is_excluded(const struct lat_import_source *source, const char *name)
{
    for (size_t i = 0; i < source->n_exclude; i++)
        if (strcmp(source->exclude[i], name) == 0)
            return true;
    return false;
}

static enum lat_status find_columns(struct reading *reading, struct lat_error *err)
{
    const struct lat_import_columns *columns = reading->source->columns;
    size_t n_found = 0;
    reading->positions = lat_alloc(columns->n, sizeof(*reading->positions));
    if (!reading->positions)
        return lat_fail_memory(err);
    for (size_t i = 0; i < columns->n; i++) {
        const char *name = columns->names[i];
        if (is_excluded(reading->source, name) ||
            lat_text_table_find(&reading->text, name, &reading->positions[i], NULL) != LAT_OK)
            reading->positions[i] = NOT_THERE;
        n_found += reading->positions[i] != NOT_THERE;
    }
    if (n_found)
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "no_columns",
                    "%s: none of its columns is one of the model's ('%.60s', ...)",
                    reading->source->path, columns->names[0]);
}

/* The row's cells as an input; false, with words, when a cell cannot be sent. */
static bool write_row(struct reading *reading, char *out_words, size_t size)
{
    const struct lat_import_columns *columns = reading->source->columns;
    struct lat_buf *out = &reading->row;
    bool first = true;
    lat_buf_clear(out);
    lat_buf_text(out, "{\"row\":{");
    for (size_t i = 0; i < columns->n; i++) {
        if (reading->positions[i] == NOT_THERE)
            continue;
        const struct lat_text_cell *cell = &reading->text.cells[reading->positions[i]];
        double number;
        if (lat_text_is_missing(cell, &reading->options))
            continue;
        const bool good = columns->numeric[i] ? lat_text_number(cell, &number)
                                              : lat_utf8_valid(cell->text, cell->len);
        if (!good) {
            const int shown = (int)(cell->len < SHOWN_MAX ? cell->len : SHOWN_MAX);
            snprintf(out_words, size, "column '%.60s': '%.*s' is no %s", columns->names[i],
                     shown, cell->text, columns->numeric[i] ? "number" : "UTF-8");
            return false;
        }
        lat_buf_text(out, first ? "" : ",");
        lat_buf_json_string(out, columns->names[i], strlen(columns->names[i]));
        lat_buf_char(out, ':');
        if (columns->numeric[i])
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

static enum lat_status count_rows(const char *path, const struct lat_data_options *options,
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
        char id[320];
        snprintf(id, sizeof(id), "%.200s%0*zu", reading->source->prefix, digits, i);
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
    enum lat_status status = count_rows(source->path, &reading.options, &n, err);
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
