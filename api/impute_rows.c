/* What a client sent goes back byte for byte, in his own order; columns he left out follow in
 * the table's. Cells that were missing, and cells with a flag, have an entry in "cells". */
#include "api/impute_rows.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "api/input_row.h"
#include "api/json_value.h"
#include "api/reply.h"
#include "base/mem.h"

#include "base/banned.h"

/* ---- in ---- */

static enum lat_status keep_error(struct lat_call *call, const struct lat_error *why,
                                  struct lat_impute_sent *out, struct lat_error *err)
{
    struct lat_error *kept = lat_arena_alloc_raw(&call->arena, 1, sizeof(*kept));
    if (!kept || why->status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    *kept = *why;
    out->error = kept;
    return LAT_OK;
}

/* Cells and their bytes: the parser keeps members in their order, so the i-th span is the i-th
 * cell's. A cell that is a list or an object is one of no type. */
static enum lat_status read_cells(const struct lat_list *rows, const json_t *row,
                                  struct lat_span span, bool lenient,
                                  struct lat_impute_sent *out)
{
    struct lat_spans spans = lat_spans_of(span.text);
    struct lat_span key;
    const char *name;
    json_t *value;
    json_t *members = (json_t *)(uintptr_t)row; /* jansson's iterator takes no const */
    json_object_foreach(members, name, value)
    {
        struct lat_table_cell *cell = &out->cells[out->n_cells];
        if (!lat_spans_next(&spans, &key, &out->texts[out->n_cells]))
            break;
        out->n_cells++;
        if (lenient && (json_is_object(value) || json_is_array(value))) {
            cell->name = lat_arena_strdup(rows->json->arena, name);
            cell->type = LAT_TABLE_OTHER;
        } else if (!lat_read_cell(rows->json, "", name, value, cell)) {
            return lat_json_status(rows->json);
        }
    }
    return LAT_OK;
}

static enum lat_status take_row(const struct lat_list *rows, size_t i, struct lat_span span,
                                const struct lat_table *table, enum lat_impute_policy policy,
                                float *row, struct lat_impute_sent *out, struct lat_error *why)
{
    const json_t *value = json_array_get(rows->value, i);
    if (!json_is_object(value)) {
        lat_fail(why, LAT_INVALID, "wrong_type",
                 "a row is an object of cells by their columns' names");
        lat_error_expected(why, "an object", lat_json_kind(value));
        return LAT_INVALID;
    }
    lat_json_begin(rows->json, why);
    enum lat_status status = read_cells(rows, value, span, policy == LAT_IMPUTE_FLAG, out);
    if (status == LAT_OK)
        status = lat_impute_take_row(table, out->cells, out->n_cells, policy, row, out->places,
                                     out->flags, why);
    lat_json_begin(rows->json, NULL);
    return status;
}

enum lat_status lat_impute_read_row(struct lat_call *call, const struct lat_list *rows,
                                    size_t i, struct lat_span span,
                                    const struct lat_table *table,
                                    enum lat_impute_policy policy, float *row,
                                    struct lat_impute_sent *out_sent, struct lat_error *err)
{
    const size_t n = json_object_size(json_array_get(rows->value, i)) + 1;
    struct lat_impute_sent out = {0};
    struct lat_error why = LAT_ERROR_INIT;
    out.cells = lat_arena_alloc(&call->arena, n, sizeof(*out.cells));
    out.texts = lat_arena_alloc(&call->arena, n, sizeof(*out.texts));
    out.places = lat_arena_alloc(&call->arena, table->names.n, sizeof(*out.places));
    out.flags = lat_arena_alloc(&call->arena, table->names.n, sizeof(*out.flags));
    if (!out.cells || !out.texts || !out.places || !out.flags)
        return lat_fail_memory(err);
    enum lat_status status = take_row(rows, i, span, table, policy, row, &out, &why);
    if (status != LAT_OK) {
        lat_error_at(&why, "/rows/%zu", i);
        status = keep_error(call, &why, &out, err);
    }
    if (status == LAT_OK)
        *out_sent = out;
    return status;
}

/* ---- out ---- */

/* What one row is written from. */
struct page {
    struct lat_buf *out;
    const struct lat_table *table;
    const struct lat_impute_sent *sent;
    const struct lat_imputed *imputed;
    const float *values, *spreads, *lows, *highs; /* of this row */
    double min_confidence;
    size_t i;
};

/* Nobody sent a value. */
static bool is_hole(const struct page *page, size_t c)
{
    const int place = page->sent->places[c];
    return place < 0 || page->sent->cells[place].type == LAT_TABLE_NULL;
}

static bool is_low(const struct page *page, size_t c)
{
    return lat_impute_confidence(&page->table->columns[c], page->values, page->spreads) <
           page->min_confidence;
}

static void write_name(const struct page *page, size_t c, bool first)
{
    const char *name = page->table->names.items[c];
    lat_buf_text(page->out, first ? "" : ",");
    lat_buf_json_string(page->out, name, strlen(name));
    lat_buf_char(page->out, ':');
}

static void write_whole_row(const struct page *page, const float *values, bool drawn)
{
    struct lat_buf *out = page->out;
    bool first = true;
    lat_buf_char(out, '{');
    for (size_t turn = 0; turn < 2; turn++) {
        const size_t n = turn ? page->table->names.n : page->sent->n_cells;
        for (size_t j = 0; j < n; j++) {
            uint32_t c = (uint32_t)j;
            if (turn && page->sent->places[j] >= 0)
                continue;
            if (!turn &&
                lat_table_find(page->table, page->sent->cells[j].name, j, &c, NULL) != LAT_OK)
                continue;
            write_name(page, c, first);
            first = false;
            if (!is_hole(page, c))
                lat_buf_append(out, page->sent->texts[j].text, page->sent->texts[j].len);
            else if (!drawn && is_low(page, c))
                lat_buf_text(out, "null");
            else
                lat_table_write_cell(&page->table->columns[c], values, out);
        }
    }
    lat_buf_char(out, '}');
}

static void write_mask(const struct page *page)
{
    lat_write_key(page->out, "mask");
    lat_buf_char(page->out, '{');
    for (size_t c = 0; c < page->table->names.n; c++) {
        write_name(page, c, c == 0);
        lat_buf_text(page->out, is_hole(page, c) ? "true" : "false");
    }
    lat_buf_char(page->out, '}');
}

static double in_units(const struct lat_column *column, float value)
{
    return (double)value * column->std + column->mean;
}

/* Whole numbers of an interval are those inside of it. */
static void write_interval(const struct page *page, const struct lat_column *column)
{
    double low = in_units(column, page->lows[column->start]);
    double high = in_units(column, page->highs[column->start]);
    if (column->type == LAT_COLUMN_INTEGER) {
        const double value = round(in_units(column, page->values[column->start]));
        low = fmin(ceil(low), value);
        high = fmax(floor(high), value);
    }
    lat_buf_char(page->out, '[');
    lat_table_write_number(column, low, page->out);
    lat_buf_char(page->out, ',');
    lat_table_write_number(column, high, page->out);
    lat_buf_char(page->out, ']');
}

static void write_probabilities(const struct page *page, const struct lat_column *column)
{
    lat_write_key(page->out, "probabilities");
    lat_buf_char(page->out, '{');
    for (size_t k = 0; k < column->width; k++) {
        const char *word = column->categories.items[k];
        lat_buf_text(page->out, k ? "," : "");
        lat_buf_json_string(page->out, word, strlen(word));
        lat_buf_char(page->out, ':');
        lat_buf_json_float(page->out, page->values[column->start + k]);
    }
    lat_buf_char(page->out, '}');
}

static void write_flags(const struct page *page, size_t c, bool low)
{
    unsigned flags = page->sent->flags[c];
    const float effective = page->imputed->effective[page->i];
    bool first = true;
    flags |= low ? LAT_IMPUTE_LOW_CONFIDENCE : 0;
    flags |= effective > 0 && effective < LAT_IMPUTE_FEW ? LAT_IMPUTE_FEW_CODES : 0;
    lat_write_key(page->out, "flags");
    lat_buf_char(page->out, '[');
    for (unsigned bit = 0; bit < LAT_IMPUTE_FLAGS; bit++) {
        if (!(flags & 1U << bit))
            continue;
        lat_buf_printf(page->out, "%s\"%s\"", first ? "" : ",", lat_impute_flag_names[bit]);
        first = false;
    }
    lat_buf_char(page->out, ']');
}

static void write_cell(const struct page *page, size_t c)
{
    const struct lat_column *column = &page->table->columns[c];
    const bool low = is_hole(page, c) && is_low(page, c);
    struct lat_buf *out = page->out;
    lat_buf_text(out, "{\"value\":");
    if (low)
        lat_buf_text(out, "null");
    else
        lat_table_write_cell(column, page->values, out);
    if (lat_column_has_words(column)) {
        lat_buf_text(out, ",\"std\":null,\"interval\":null");
        write_probabilities(page, column);
    } else {
        lat_write_float(out, "std",
                        (float)((double)page->spreads[column->start] * column->std));
        lat_write_key(out, "interval");
        write_interval(page, column);
    }
    lat_write_float(out, "confidence",
                    (float)lat_impute_confidence(column, page->values, page->spreads));
    write_flags(page, c, low);
    lat_buf_char(out, '}');
}

static void write_cells(const struct page *page)
{
    bool first = true;
    lat_write_key(page->out, "cells");
    lat_buf_char(page->out, '{');
    for (size_t c = 0; c < page->table->names.n; c++) {
        if (!is_hole(page, c) && !page->sent->flags[c])
            continue;
        write_name(page, c, first);
        write_cell(page, c);
        first = false;
    }
    lat_buf_char(page->out, '}');
}

void lat_impute_write_row(struct lat_buf *out, const struct lat_table *table,
                          const struct lat_impute_sent *sent, const struct lat_imputed *imputed,
                          size_t i, double min_confidence)
{
    const size_t elements = imputed->elements, first = i * elements;
    const struct page page = {.out = out,
                              .table = table,
                              .sent = sent,
                              .imputed = imputed,
                              .values = imputed->values + first,
                              .spreads = imputed->spreads + first,
                              .lows = imputed->lows + first,
                              .highs = imputed->highs + first,
                              .min_confidence = min_confidence,
                              .i = i};
    lat_write_key(out, "row");
    write_whole_row(&page, page.values, false);
    write_mask(&page);
    write_cells(&page);
    if (!imputed->n_draws)
        return;
    lat_write_key(out, "draws");
    lat_buf_char(out, '[');
    for (size_t d = 0; d < imputed->n_draws; d++) {
        lat_buf_text(out, d ? "," : "");
        write_whole_row(&page, imputed->draws + (i * imputed->n_draws + d) * elements, true);
    }
    lat_buf_char(out, ']');
}
