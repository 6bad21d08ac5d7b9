/* The difference has the shape of what is compared: a map of pixels; hit less query by number,
 * or by step and feature in the data's own units; a table's columns by their share of the
 * squared difference, the largest first, with the two cells as their rows have them; the items
 * of a history whose scores differ most. */
#include "api/explain_write.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "api/floats.h"
#include "api/json.h"
#include "api/outputs.h"
#include "api/reply.h"
#include "base/mem.h"
#include "model/difference.h"

#include "base/banned.h"

enum { ITEMS_MAX = 20 }; /* of a history */

struct part {
    size_t i; /* column or item */
    double squared;
};

static int largest_first(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    const int order = (a->squared < b->squared) - (a->squared > b->squared);
    return order ? order : (a->i > b->i) - (a->i < b->i);
}

static enum lat_status write_map(struct lat_buf *out, const struct lat_input_spec *input,
                                 const float *query, const float *hit, struct lat_error *err)
{
    struct lat_buf png = {0};
    struct lat_difference difference;
    const enum lat_status status =
        lat_difference_png(input, query, hit, &png, &difference, err);
    if (status == LAT_OK) {
        lat_buf_text(out, "{\"image\":\"");
        lat_base64_encode(out, png.data, png.len);
        lat_buf_char(out, '"');
        lat_write_float(out, "mean", difference.mean);
        lat_write_float(out, "max", difference.most);
        lat_buf_char(out, '}');
    }
    lat_buf_release(&png);
    return status;
}

static enum lat_status write_numbers(struct lat_buf *out, const struct lat_input_spec *input,
                                     const float *query, const float *hit, bool base64,
                                     struct lat_error *err)
{
    const size_t elements = lat_input_elements(input);
    const bool sequence = input->kind == LAT_INPUT_SEQUENCE;
    float *values = lat_alloc_raw(elements, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    for (size_t i = 0; i < elements; i++) {
        const float unit = sequence ? input->feature_std[i % input->features] : 1.0F;
        values[i] = (hit[i] - query[i]) * unit;
    }
    lat_buf_text(out, sequence ? "{\"sequence\":" : "{\"vector\":");
    if (sequence)
        lat_write_vectors(out, values, input->length, input->features, false);
    else
        lat_write_vector(out, values, elements, base64);
    lat_buf_char(out, '}');
    lat_free(values);
    return LAT_OK;
}

/* A row as the table itself writes it, to be looked up by column. */
static json_t *row_of(const struct lat_table *table, const float *row)
{
    struct lat_buf text = {0};
    lat_table_write_row(table, row, &text);
    json_t *cells = lat_buf_check(&text, NULL) == LAT_OK
                        ? json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL)
                        : NULL;
    lat_buf_release(&text);
    return cells;
}

static void write_column(struct lat_buf *out, const char *name, const json_t *query,
                         const json_t *hit, double share)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "feature", name);
    lat_write_key(out, "query");
    lat_json_write(out, query);
    lat_write_key(out, "hit");
    lat_json_write(out, hit);
    if (json_is_number(query) && json_is_number(hit))
        lat_write_float(out, "difference",
                        (float)(json_number_value(hit) - json_number_value(query)));
    else
        lat_write_text(out, "difference", NULL);
    lat_write_double(out, "share", share);
    lat_buf_char(out, '}');
}

static double squared_of(const struct lat_column *column, const float *query, const float *hit)
{
    double squared = 0;
    for (size_t k = column->start; k < column->start + column->width; k++) {
        const double difference = (double)hit[k] - (double)query[k];
        squared += isfinite(difference) ? difference * difference : 0;
    }
    return squared;
}

static enum lat_status write_columns(struct lat_buf *out, const struct lat_table *table,
                                     const float *query, const float *hit,
                                     struct lat_error *err)
{
    const size_t n = table->names.n;
    struct part *parts = lat_alloc_raw(n, sizeof(*parts));
    json_t *left = row_of(table, query), *right = row_of(table, hit);
    enum lat_status status = parts && left && right ? LAT_OK : lat_fail_memory(err);
    double all = 0;
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        parts[i] = (struct part){.i = i, .squared = squared_of(&table->columns[i], query, hit)};
        all += parts[i].squared;
    }
    if (status == LAT_OK) {
        qsort(parts, n, sizeof(*parts), largest_first);
        lat_buf_text(out, "{\"columns\":[");
        for (size_t i = 0; i < n; i++) {
            const char *name = table->names.items[parts[i].i];
            lat_buf_text(out, i ? "," : "");
            write_column(out, name, json_object_get(left, name), json_object_get(right, name),
                         all > 0 ? parts[i].squared / all : 0);
        }
        lat_buf_text(out, "]}");
    }
    json_decref(left);
    json_decref(right);
    lat_free(parts);
    return status;
}

static enum lat_status write_items(struct lat_buf *out, const struct lat_input_spec *input,
                                   const float *query, const float *hit, struct lat_error *err)
{
    const size_t n = input->dimension;
    struct part *parts = lat_alloc_raw(n, sizeof(*parts));
    if (!parts)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)hit[i] - (double)query[i];
        parts[i] = (struct part){.i = i, .squared = difference * difference};
    }
    qsort(parts, n, sizeof(*parts), largest_first);
    lat_buf_text(out, "{\"items\":[");
    for (size_t i = 0; i < n && i < ITEMS_MAX; i++) {
        const size_t item = parts[i].i;
        lat_buf_text(out, i ? ",{" : "{");
        lat_write_text(out, "item", input->items->items[item]);
        lat_write_float(out, "query", query[item]);
        lat_write_float(out, "hit", hit[item]);
        lat_write_float(out, "difference", hit[item] - query[item]);
        lat_buf_char(out, '}');
    }
    lat_buf_text(out, "]}");
    lat_free(parts);
    return LAT_OK;
}

static enum lat_status write_difference(struct lat_buf *out, const struct lat_input_spec *input,
                                        const float *query, const float *hit, bool base64,
                                        struct lat_error *err)
{
    switch (input->kind) {
    case LAT_INPUT_IMAGE:
        return write_map(out, input, query, hit, err);
    case LAT_INPUT_TABLE:
        return write_columns(out, input->table, query, hit, err);
    case LAT_INPUT_INTERACTIONS:
        return write_items(out, input, query, hit, err);
    case LAT_INPUT_VECTOR:
    case LAT_INPUT_SEQUENCE:
        break;
    }
    return write_numbers(out, input, query, hit, base64, err);
}

enum lat_status lat_write_explanation(struct lat_buf *out, const struct lat_model *model,
                                      const float *query, const float *hit, bool base64,
                                      struct lat_error *err)
{
    float error;
    lat_model_errors(model, query, hit, 1, &error);
    lat_buf_text(out, "{\"output\":");
    enum lat_status status = lat_write_output(out, model, hit, base64, err);
    lat_write_float(out, "error", error);
    lat_write_key(out, "difference");
    if (status == LAT_OK)
        status =
            write_difference(out, &lat_model_manifest(model)->input, query, hit, base64, err);
    lat_buf_char(out, '}');
    return status;
}
