/* A row at a time into a buffer of one sequence: memory is bounded by the model's length, and,
 * with groups, by the names of those met. Windows and groups differ in when the buffer is
 * given. */
#include "cli/import_sequence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/text_set.h"
#include "cli/import_collection.h"
#include "cli/import_table.h"
#include "model/train/dataset/text_table.h"

#include "base/banned.h"

enum { SHOWN_MAX = 40, ID_SIZE = 1024 };

/* One file on its way. */
struct reading {
    const struct lat_import_source *source;
    const struct lat_import_model *model;
    const struct lat_import_sink *sink;
    struct lat_data_options options;
    struct lat_text_table text;
    uint32_t *positions; /* [features] */
    uint32_t group;      /* position of the column of groups */
    float *rows;         /* [length][features] */
    float *last;         /* [features] of the row before, NaN at a beginning */
    size_t n_rows;       /* in the buffer; of a group also those beyond its length */
    size_t first;        /* the number of the first of them */
    size_t line;         /* on which the group begins */
    size_t skip;         /* rows until the next window begins */
    int digits;
    const char *name; /* of the group under way, NULL before the first; in the arena */
    bool spoiled;     /* a row of it could not be read */
    struct lat_arena arena;
    struct lat_text_set names; /* of all groups so far */
};

/* ---- columns ---- */

static bool is_feature(const struct reading *reading, size_t position)
{
    const char *name = reading->text.names[position];
    const bool group = reading->source->group[0] && position == reading->group;
    return !group && !lat_import_is_excluded(reading->source, name);
}

/* Features without names are the columns that are left, in the file's order. */
static enum lat_status count_features(struct reading *reading, struct lat_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < reading->text.width; i++) {
        if (!is_feature(reading, i))
            continue;
        if (n < reading->model->n)
            reading->positions[n] = (uint32_t)i;
        n++;
    }
    if (n == reading->model->n)
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "wrong_dimension",
                    "the model takes %zu features, %zu columns are left (see --exclude)",
                    reading->model->n, n);
}

static enum lat_status find_columns(struct reading *reading, struct lat_error *err)
{
    const struct lat_import_model *model = reading->model;
    enum lat_status status = LAT_OK;
    reading->positions = lat_alloc(model->n, sizeof(*reading->positions));
    if (!reading->positions)
        return lat_fail_memory(err);
    if (reading->source->group[0])
        status =
            lat_text_table_find(&reading->text, reading->source->group, &reading->group, err);
    if (status == LAT_OK && !model->names)
        return count_features(reading, err);
    for (size_t f = 0; status == LAT_OK && f < model->n; f++)
        status =
            lat_text_table_find(&reading->text, model->names[f], &reading->positions[f], err);
    return status;
}

/* ---- rows ---- */

static void forget_last(struct reading *reading)
{
    for (size_t f = 0; f < reading->model->n; f++)
        reading->last[f] = NAN;
}

/* The row at hand into `last`; false, with words, when it cannot be read. */
static bool read_row(struct reading *reading, char *out_words, size_t size)
{
    const struct lat_text_table *text = &reading->text;
    if (text->n != text->width) {
        snprintf(out_words, size, "expected %zu cells, found %zu", text->width, text->n);
        return false;
    }
    for (size_t f = 0; f < reading->model->n; f++) {
        const uint32_t position = reading->positions[f];
        const struct lat_text_cell *cell = &text->cells[position];
        double number = 0;
        if (lat_text_is_missing(cell, &reading->options)) {
            if (isnan(reading->last[f]))
                reading->last[f] = reading->model->means[f];
        } else if (lat_text_number(cell, &number)) {
            reading->last[f] = (float)number;
        } else {
            snprintf(out_words, size, "column '%.60s': '%.*s' is no number",
                     text->names[position],
                     (int)(cell->len < SHOWN_MAX ? cell->len : SHOWN_MAX), cell->text);
            return false;
        }
    }
    return true;
}

/* `last` behind the rows of the buffer, while there is room. */
static void keep_row(struct reading *reading, size_t number)
{
    const size_t width = reading->model->n;
    if (reading->n_rows == 0)
        reading->first = number;
    if (reading->n_rows < reading->model->length)
        memcpy(reading->rows + reading->n_rows * width, reading->last, width * sizeof(float));
    reading->n_rows++;
}

static void refuse(struct reading *reading, size_t line, const char *words)
{
    char origin[4200];
    snprintf(origin, sizeof(origin), "%s line %zu", reading->source->path, line);
    reading->sink->bad(reading->sink->context, origin, words);
}

static enum lat_status give(struct reading *reading, const char *id, struct lat_error *err)
{
    const struct lat_import_sink *sink = reading->sink;
    char origin[4200];
    if (!sink->wants(sink->context, id))
        return LAT_OK;
    snprintf(origin, sizeof(origin), reading->name ? "%s line %zu" : "%s row %zu",
             reading->source->path, reading->name ? reading->line : reading->first);
    const struct lat_import_item item = {.kind = LAT_IMPORT_FILE,
                                         .id = id,
                                         .bytes = reading->rows,
                                         .len = reading->model->length * reading->model->n *
                                                sizeof(float),
                                         .origin = origin};
    return sink->give(sink->context, &item, err);
}

/* ---- windows ---- */

static size_t stride_of(const struct reading *reading)
{
    return reading->source->stride ? reading->source->stride : reading->model->length;
}

/* Leaves in the buffer what the next window shares with the one given. */
static void advance(struct reading *reading)
{
    const size_t length = reading->model->length, width = reading->model->n;
    const size_t stride = stride_of(reading);
    const size_t shared = stride < length ? length - stride : 0;
    memmove(reading->rows, reading->rows + (length - shared) * width,
            shared * width * sizeof(float));
    reading->n_rows = shared;
    reading->first += stride;
    reading->skip = stride > length ? stride - length : 0;
}

static enum lat_status add_to_window(struct reading *reading, size_t number,
                                     struct lat_error *err)
{
    char words[256], id[ID_SIZE];
    if (!read_row(reading, words, sizeof(words))) {
        refuse(reading, lat_text_rows_line(reading->text.rows), words);
        forget_last(reading);
        reading->n_rows = reading->skip = 0;
        return LAT_OK;
    }
    if (reading->skip) {
        reading->skip--;
        return LAT_OK;
    }
    keep_row(reading, number);
    if (reading->n_rows < reading->model->length)
        return LAT_OK;
    snprintf(id, sizeof(id), "%s%0*zu", reading->source->prefix, reading->digits,
             reading->first);
    const enum lat_status status = give(reading, id, err);
    advance(reading);
    return status;
}

/* ---- groups ---- */

static enum lat_status end_group(struct reading *reading, struct lat_error *err)
{
    char words[256], id[ID_SIZE];
    enum lat_status status = LAT_OK;
    if (!reading->name)
        return LAT_OK;
    const int len = snprintf(id, sizeof(id), "%s%s", reading->source->prefix, reading->name);
    const bool named = len > 0 && (size_t)len < sizeof(id) && lat_id_valid(id, (size_t)len);
    if (!reading->spoiled && !named) {
        refuse(reading, reading->line, "this group's name is no id: 1 to 256 bytes of UTF-8");
    } else if (!reading->spoiled && reading->n_rows != reading->model->length) {
        snprintf(words, sizeof(words), "group '%.60s' has %zu rows, the model takes %zu",
                 reading->name, reading->n_rows, reading->model->length);
        refuse(reading, reading->line, words);
    } else if (!reading->spoiled) {
        status = give(reading, id, err);
    }
    reading->n_rows = 0;
    reading->spoiled = false;
    return status;
}

/* The first row of another group. One whose name was there before is not taken: it would
 * replace what that one stored. */
static enum lat_status begin_group(struct reading *reading, const struct lat_text_cell *cell,
                                   struct lat_error *err)
{
    size_t first = 0;
    const size_t place = reading->names.n;
    enum lat_status status = end_group(reading, err);
    if (status != LAT_OK)
        return status;
    reading->name = lat_arena_strndup(&reading->arena, cell->text, cell->len);
    if (!reading->name || !lat_text_set_add(&reading->names, reading->name, place, &first))
        return lat_fail_memory(err);
    reading->sink->expect(reading->sink->context, 1);
    forget_last(reading);
    reading->line = lat_text_rows_line(reading->text.rows);
    if (first != place) {
        char words[256];
        snprintf(words, sizeof(words), "the rows of group '%.60s' do not stand together",
                 reading->name);
        refuse(reading, reading->line, words);
        reading->spoiled = true;
    }
    return LAT_OK;
}

static enum lat_status add_to_group(struct reading *reading, size_t number,
                                    struct lat_error *err)
{
    const struct lat_text_table *text = &reading->text;
    char words[256];
    const struct lat_text_cell *cell =
        reading->group < text->n ? &text->cells[reading->group] : NULL;
    if (cell && (!reading->name || strlen(reading->name) != cell->len ||
                 memcmp(reading->name, cell->text, cell->len) != 0)) {
        const enum lat_status status = begin_group(reading, cell, err);
        if (status != LAT_OK)
            return status;
    }
    if (read_row(reading, words, sizeof(words))) {
        keep_row(reading, number);
        return LAT_OK;
    }
    if (!reading->spoiled)
        refuse(reading, lat_text_rows_line(text->rows), words);
    reading->spoiled = true;
    return LAT_OK;
}

/* ---- the file ---- */

static enum lat_status give_all(struct reading *reading, struct lat_error *err)
{
    const bool groups = reading->source->group[0] != '\0';
    enum lat_status status = LAT_OK;
    forget_last(reading);
    for (size_t i = 0; status == LAT_OK; i++) {
        status = lat_text_table_next(&reading->text, err);
        if (status != LAT_OK || reading->text.n == 0)
            break;
        status = groups ? add_to_group(reading, i, err) : add_to_window(reading, i, err);
    }
    return status == LAT_OK && groups ? end_group(reading, err) : status;
}

/* Room for one sequence, and for windows the number of rows, which their ids' digits and the
 * progress bar need. */
static enum lat_status prepare(struct reading *reading, struct lat_error *err)
{
    const struct lat_import_model *model = reading->model;
    size_t n = 0, total = 0;
    if (!lat_mul_size(model->length, model->n, &total))
        return lat_fail(err, LAT_TOO_LARGE, NULL, "a sequence is too long");
    reading->rows = lat_alloc_raw(total, sizeof(*reading->rows));
    reading->last = lat_alloc_raw(model->n, sizeof(*reading->last));
    if (!reading->rows || !reading->last)
        return lat_fail_memory(err);
    if (reading->source->group[0])
        return LAT_OK;
    const enum lat_status status =
        lat_import_table_count(reading->source->path, &reading->options, &n, err);
    reading->digits = lat_import_digits(n);
    if (status == LAT_OK && n < model->length)
        return lat_fail(err, LAT_INVALID, "empty", "%zu rows, a sequence of the model has %zu",
                        n, model->length);
    if (status == LAT_OK)
        reading->sink->expect(reading->sink->context,
                              (n - model->length) / stride_of(reading) + 1);
    return status;
}

enum lat_status lat_import_sequence_read(const struct lat_import_source *source,
                                         const struct lat_import_sink *sink,
                                         struct lat_error *err)
{
    struct reading reading = {.source = source, .model = source->model, .sink = sink};
    enum lat_status status = prepare(&reading, err);
    if (status == LAT_OK)
        status = lat_text_table_open(&reading.text, source->path, &reading.options, err);
    if (status == LAT_OK)
        status = find_columns(&reading, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "%s", source->path);
    if (status == LAT_OK)
        status = give_all(&reading, err);
    lat_text_table_close(&reading.text);
    lat_text_set_release(&reading.names);
    lat_arena_release(&reading.arena);
    lat_free(reading.positions);
    lat_free(reading.rows);
    lat_free(reading.last);
    return status;
}
