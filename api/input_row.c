/* Rows of tables and histories: {"row":{"column":value,…}} and {"history":[…]}. Which columns
 * and items there are is for the model to say; here is only what a value may be. */
#include "api/input_row.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/json_scan.h"
#include "api/json_value.h"

#include "base/banned.h"

enum { ITEM_MAX_LEN = 256 };

/* ---- cells ---- */

static void refuse_cell(struct lat_json *json, const char *at, const char *name,
                        const json_t *value)
{
    char pointer[192];
    lat_json_pointer(pointer, sizeof(pointer), at, name);
    lat_json_record(json, pointer, LAT_INVALID, "wrong_type",
                    "a cell is a number, a string, true, false or null");
    lat_error_expected(json->err, "a number, a string or null", lat_json_kind(value));
}

bool lat_read_cell(struct lat_json *json, const char *at, const char *name, const json_t *value,
                   struct lat_table_cell *out_cell)
{
    struct lat_arena *arena = json->arena;
    const struct lat_extract *extract =
        lat_json_scan_watches(name) ? lat_json_extract(json, value) : NULL;
    const char *text = lat_json_text(extract, value, &out_cell->len);
    out_cell->name = lat_arena_strdup(arena, name);
    if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
        out_cell->len = strlen(text);
    }
    if (text) {
        out_cell->type = LAT_TABLE_TEXT;
        out_cell->text = lat_arena_strndup(arena, text, out_cell->len);
    } else if (json_is_number(value)) {
        out_cell->type = LAT_TABLE_NUMBER;
        out_cell->number = json_number_value(value);
    } else if (!json_is_null(value)) {
        refuse_cell(json, at, name, value);
        return false;
    }
    if (!out_cell->name || (text && !out_cell->text))
        lat_json_fail_memory(json);
    return out_cell->name && (!text || out_cell->text);
}

static void write_cell(struct lat_buf *out, const struct lat_table_cell *cell, bool first)
{
    lat_buf_text(out, first ? "" : ",");
    lat_buf_json_string(out, cell->name, strlen(cell->name));
    lat_buf_char(out, ':');
    if (cell->type == LAT_TABLE_NUMBER)
        lat_buf_json_double(out, cell->number);
    else if (cell->type == LAT_TABLE_TEXT)
        lat_buf_json_string(out, cell->text, cell->len);
    else
        lat_buf_text(out, "null");
}

/* The input once more as JSON, for keeping. */
static void keep_text(struct lat_object *object, struct lat_buf *text,
                      struct lat_input *out_input)
{
    char *kept = NULL;
    if (lat_buf_check(text, NULL) == LAT_OK)
        kept = lat_arena_strndup(object->json->arena, text->data, text->len);
    if (!kept)
        lat_json_fail_memory(object->json);
    out_input->bytes = kept;
    out_input->len = kept ? text->len : 0;
    lat_buf_release(text);
}

void lat_object_row(struct lat_object *object, struct lat_input *out_input)
{
    const char *at = NULL;
    const json_t *row = lat_object_value(object, "row", &at);
    if (!row)
        return;
    if (!json_is_object(row)) {
        lat_object_fail(object, "row", LAT_INVALID, "wrong_type",
                        "a row is an object of cells by their columns' names");
        lat_error_expected(object->json->err, "an object", lat_json_kind(row));
        return;
    }
    struct lat_table_cell *cells =
        lat_arena_alloc(object->json->arena, json_object_size(row) + 1, sizeof(*cells));
    if (!cells) {
        lat_json_fail_memory(object->json);
        return;
    }
    struct lat_buf text = {0};
    size_t n = 0;
    char here[128];
    const char *name;
    json_t *value;
    json_t *members = (json_t *)(uintptr_t)row; /* jansson's iterator takes no const */
    snprintf(here, sizeof(here), "%s/row", object->at);
    lat_buf_text(&text, "{\"row\":{");
    json_object_foreach(members, name, value)
    {
        if (!lat_read_cell(object->json, here, name, value, &cells[n])) {
            lat_buf_release(&text);
            return;
        }
        write_cell(&text, &cells[n], n == 0);
        n++;
    }
    lat_buf_text(&text, "}}");
    *out_input = (struct lat_input){.kind = LAT_INPUT_TABLE, .cells = cells, .n_cells = n};
    keep_text(object, &text, out_input);
}

/* ---- events ---- */

/* "item", or {"item":"i","weight":4}. */
static bool read_event(const struct lat_list *list, size_t i, struct lat_event *out_event)
{
    struct lat_object object;
    const char *item;
    out_event->weight = (double)NAN;
    if (lat_list_is_object(list, i)) {
        lat_list_object(list, i, &object);
        item = lat_object_text(&object, "item", &out_event->len);
        lat_object_number(&object, "weight", &out_event->weight, -1e30, 1e30);
        lat_object_end(&object);
    } else {
        item = lat_list_text(list, i, &out_event->len);
    }
    if (lat_json_status(list->json) != LAT_OK)
        return false;
    if (!item || out_event->len == 0 || out_event->len > ITEM_MAX_LEN) {
        lat_list_fail(list, i, LAT_INVALID, "invalid_id",
                      "an item is a string of 1 to 256 bytes, or an object with one");
        return false;
    }
    out_event->item = lat_arena_strndup(list->json->arena, item, out_event->len);
    if (!out_event->item)
        lat_json_fail_memory(list->json);
    return out_event->item != NULL;
}

static void write_event(struct lat_buf *out, const struct lat_event *event, bool first)
{
    lat_buf_text(out, first ? "{\"item\":" : ",{\"item\":");
    lat_buf_json_string(out, event->item, event->len);
    if (!isnan(event->weight)) {
        lat_buf_text(out, ",\"weight\":");
        lat_buf_json_double(out, event->weight);
    }
    lat_buf_char(out, '}');
}

void lat_object_history(struct lat_object *object, struct lat_input *out_input)
{
    struct lat_list list;
    if (!lat_object_list(object, "history", &list))
        return;
    struct lat_event *events =
        lat_arena_alloc(object->json->arena, list.n + 1, sizeof(*events));
    if (!events) {
        lat_json_fail_memory(object->json);
        return;
    }
    struct lat_buf text = {0};
    lat_buf_text(&text, "{\"history\":[");
    for (size_t i = 0; i < list.n; i++) {
        if (!read_event(&list, i, &events[i])) {
            lat_buf_release(&text);
            return;
        }
        write_event(&text, &events[i], i == 0);
    }
    lat_buf_text(&text, "]}");
    *out_input = (struct lat_input){
        .kind = LAT_INPUT_INTERACTIONS, .events = events, .n_events = list.n};
    keep_text(object, &text, out_input);
}
