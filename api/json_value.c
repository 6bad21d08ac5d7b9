/* What objects and lists have in common: the value behind a placeholder, text and floats in any
 * of their forms, the recording of failures. */
#include "api/json_value.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"

#include "base/banned.h"

const char *lat_json_kind(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "?";
}

void lat_json_pointer(char *out, size_t size, const char *at, const char *key)
{
    size_t n = (size_t)snprintf(out, size, "%s/", at);
    for (; *key && n + 3 < size; key++) {
        if (*key == '~' || *key == '/') {
            out[n++] = '~';
            out[n++] = *key == '~' ? '0' : '1';
        } else {
            out[n++] = *key;
        }
    }
    if (n < size)
        out[n] = '\0';
}

void lat_json_record(struct lat_json *json, const char *pointer, enum lat_status status,
                     const char *code, const char *words)
{
    if (json->err->status != LAT_OK)
        return;
    lat_fail(json->err, status, code, "%s", words);
    lat_error_at(json->err, "%s", pointer);
}

void lat_json_fail_memory(struct lat_json *json)
{
    if (json->err->status == LAT_OK)
        lat_fail_memory(json->err);
}

/* The extract a value of a watched key stands for, or NULL. */
const struct lat_extract *lat_json_extract(const struct lat_json *json, const json_t *value)
{
    if (!json->extracted || !json_is_array(value) || json_array_size(value) != 1)
        return NULL;
    const json_t *index = json_array_get(value, 0);
    if (!json_is_integer(index))
        return NULL;
    const json_int_t i = json_integer_value(index);
    return i >= 0 && (size_t)i < json->n_extracts ? &json->extracts[i] : NULL;
}

const char *lat_json_text(const struct lat_extract *extract, const json_t *value,
                          size_t *out_len)
{
    if (extract && extract->kind == LAT_EXTRACT_TEXT) {
        *out_len = extract->n;
        return extract->text;
    }
    if (!json_is_string(value))
        return NULL;
    *out_len = json_string_length(value);
    return json_string_value(value);
}

/* An array the scan left whole: some text with an escape in a key. */
static enum lat_status floats_from_array(struct lat_arena *arena, const json_t *array,
                                         struct lat_floats *out_floats, struct lat_error *err)
{
    const size_t n = json_array_size(array);
    float *values = lat_arena_alloc_raw(arena, n, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const json_t *element = json_array_get(array, i);
        if (!json_is_number(element)) {
            lat_fail(err, LAT_INVALID, "wrong_type", "value %zu must be a number, not %s", i,
                     lat_json_kind(element));
            lat_error_at(err, "/%zu", i);
            lat_error_expected(err, "a number", lat_json_kind(element));
            return LAT_INVALID;
        }
        values[i] = (float)json_number_value(element);
        if (!isfinite(values[i])) {
            lat_fail(err, LAT_BAD_SYNTAX, "number_out_of_range",
                     "value %zu is beyond a 32-bit float", i);
            lat_error_at(err, "/%zu", i);
            return LAT_BAD_SYNTAX;
        }
    }
    *out_floats = (struct lat_floats){values, n};
    return LAT_OK;
}

/* Reads floats in any of their forms; false when `value` is none of them. */
bool lat_json_floats(struct lat_json *json, const struct lat_extract *extract,
                     const json_t *value, const char *at, struct lat_floats *out_floats)
{
    if (json->err->status != LAT_OK)
        return true;
    enum lat_status status = LAT_OK;
    size_t len;
    const char *text = lat_json_text(extract, value, &len);
    if (extract && extract->kind == LAT_EXTRACT_FLOATS)
        *out_floats = (struct lat_floats){extract->values, extract->n};
    else if (text && json->base64)
        status = lat_floats_from_base64(json->arena, text, len, out_floats, json->err);
    else if (json_is_array(value) && !extract)
        status = floats_from_array(json->arena, value, out_floats, json->err);
    else
        return false;
    if (status != LAT_OK)
        lat_error_at(json->err, "%s", at);
    return true;
}
