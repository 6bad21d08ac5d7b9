/* Readers. Every one begins with `find`, which makes the key known and gives the value unless
 * the document has failed, the key is absent or the value is null. */
#include "api/json.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/json_scan.h"
#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

/* ---- failures ---- */

static const char *kind_of(const json_t *value)
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

/* "/at/key" with the two characters a JSON pointer escapes; cut when it does not fit. */
static void write_pointer(char *out, size_t size, const char *at, const char *key)
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

static void record(struct lat_json *json, const char *pointer, enum lat_status status,
                   const char *code, const char *words)
{
    if (json->err->status != LAT_OK)
        return;
    lat_fail(json->err, status, code, "%s", words);
    lat_error_at(json->err, "%s", pointer);
}

static void record_key(struct lat_object *object, const char *key, enum lat_status status,
                       const char *code, const char *words)
{
    char pointer[192];
    if (key)
        write_pointer(pointer, sizeof(pointer), object->at, key);
    record(object->json, key ? pointer : object->at, status, code, words);
}

void lat_object_fail(struct lat_object *object, const char *key, enum lat_status status,
                     const char *code, const char *fmt, ...)
{
    char words[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    record_key(object, key, status, code, words);
}

static void fail_type(struct lat_object *object, const char *key, const char *expected,
                      const json_t *value)
{
    if (lat_json_status(object->json) != LAT_OK)
        return;
    const char *got = kind_of(value);
    lat_object_fail(object, key, LAT_INVALID, "wrong_type", "'%s' must be %s, not %s", key,
                    expected, got);
    lat_error_expected(object->json->err, expected, got);
}

static void fail_memory(struct lat_json *json)
{
    if (json->err->status == LAT_OK)
        lat_fail_memory(json->err);
}

/* ---- finding ---- */

static void make_known(struct lat_object *object, const char *key)
{
    for (size_t i = 0; i < object->n_known; i++)
        if (object->known[i] == key || !strcmp(object->known[i], key))
            return;
    if (object->n_known < LAT_OBJECT_KEYS_MAX)
        object->known[object->n_known++] = key;
}

static const json_t *find(struct lat_object *object, const char *key)
{
    make_known(object, key);
    if (!object->value || lat_json_status(object->json) != LAT_OK)
        return NULL;
    const json_t *value = json_object_get(object->value, key);
    return json_is_null(value) ? NULL : value;
}

/* The extract a value of a watched key stands for, or NULL. */
static const struct lat_extract *extract_of(const struct lat_json *json, const json_t *value)
{
    if (!json->extracted || !json_is_array(value) || json_array_size(value) != 1)
        return NULL;
    const json_t *index = json_array_get(value, 0);
    if (!json_is_integer(index))
        return NULL;
    const json_int_t i = json_integer_value(index);
    return i >= 0 && (size_t)i < json->n_extracts ? &json->extracts[i] : NULL;
}

static const struct lat_extract *find_extract(const struct lat_object *object, const char *key,
                                              const json_t *value)
{
    return lat_json_scan_watches(key) ? extract_of(object->json, value) : NULL;
}

void lat_json_root(struct lat_json *json, struct lat_object *out_root)
{
    *out_root = (struct lat_object){.json = json, .at = ""};
    if (json_is_object(json->root)) {
        out_root->value = json->root;
        return;
    }
    record(json, "", LAT_INVALID, "wrong_type", "the body must be a JSON object");
    if (json->root)
        lat_error_expected(json->err, "an object", kind_of(json->root));
}

size_t lat_object_size(const struct lat_object *object)
{
    return object->value ? json_object_size(object->value) : 0;
}

bool lat_object_has(struct lat_object *object, const char *key)
{
    return find(object, key) != NULL;
}

const struct json_t *lat_object_value(struct lat_object *object, const char *key,
                                      const char **out_at)
{
    const json_t *value = find(object, key);
    if (!value)
        return NULL;
    *out_at = lat_arena_printf(object->json->arena, "%s/%s", object->at, key);
    if (!*out_at) {
        fail_memory(object->json);
        return NULL;
    }
    return value;
}

/* ---- scalars ---- */

static const char *text_of(const struct lat_extract *extract, const json_t *value,
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

bool lat_object_is_text(struct lat_object *object, const char *key)
{
    const json_t *value = find(object, key);
    size_t len;
    return value && text_of(find_extract(object, key, value), value, &len) != NULL;
}

const char *lat_object_text(struct lat_object *object, const char *key, size_t *out_len)
{
    const json_t *value = find(object, key);
    if (!value)
        return NULL;
    const char *text = text_of(find_extract(object, key, value), value, out_len);
    if (!text)
        fail_type(object, key, "a string", value);
    return text;
}

bool lat_object_copy(struct lat_object *object, const char *key, char *out, size_t size)
{
    size_t len;
    const char *text = lat_object_text(object, key, &len);
    if (!text)
        return false;
    if (len >= size) {
        lat_object_fail(object, key, LAT_INVALID, "too_long", "'%s' may have at most %zu bytes",
                        key, size - 1);
        return false;
    }
    if (memchr(text, '\0', len)) {
        lat_object_fail(object, key, LAT_INVALID, "invalid", "'%s' holds a NUL", key);
        return false;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

void lat_object_flag(struct lat_object *object, const char *key, bool *inout_value)
{
    const json_t *value = find(object, key);
    if (!value)
        return;
    if (json_is_boolean(value))
        *inout_value = json_is_true(value);
    else
        fail_type(object, key, "a boolean", value);
}

static void fail_range(struct lat_object *object, const char *key, double min, double max,
                       double got)
{
    char expected[96], text[32];
    if (isinf(max))
        snprintf(expected, sizeof(expected), "at least %.15g", min);
    else
        snprintf(expected, sizeof(expected), "%.15g to %.15g", min, max);
    snprintf(text, sizeof(text), "%.15g", got);
    lat_object_fail(object, key, LAT_INVALID, "out_of_range", "'%s' must be %s, not %s", key,
                    expected, text);
    lat_error_expected(object->json->err, expected, text);
}

void lat_object_count(struct lat_object *object, const char *key, uint64_t *inout_value,
                      uint64_t min, uint64_t max)
{
    const json_t *value = find(object, key);
    if (!value)
        return;
    if (!json_is_integer(value)) {
        fail_type(object, key, "a whole number", value);
        return;
    }
    const json_int_t count = json_integer_value(value);
    if (count < 0 || (uint64_t)count < min || (uint64_t)count > max)
        fail_range(object, key, (double)min, (double)max, (double)count);
    else
        *inout_value = (uint64_t)count;
}

void lat_object_number(struct lat_object *object, const char *key, double *inout_value,
                       double min, double max)
{
    const json_t *value = find(object, key);
    if (!value)
        return;
    if (!json_is_number(value)) {
        fail_type(object, key, "a number", value);
        return;
    }
    const double number = json_number_value(value);
    if (!(number >= min && number <= max))
        fail_range(object, key, min, max, number);
    else
        *inout_value = number;
}

/* "a, b or c" */
static void join_words(char *out, size_t size, const char *const *words, size_t n)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++) {
        const char *between = i == 0 ? "" : i + 1 == n ? " or " : ", ";
        used += (size_t)snprintf(out + used, size - used, "%s%s", between, words[i]);
    }
}

void lat_object_choice(struct lat_object *object, const char *key, const char *const *words,
                       size_t n, int *inout_value)
{
    size_t len;
    const char *text = lat_object_text(object, key, &len);
    if (!text)
        return;
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], text, len)) {
            *inout_value = (int)i;
            return;
        }
    char expected[96], got[64];
    join_words(expected, sizeof(expected), words, n);
    snprintf(got, sizeof(got), "%.*s", len < 40 ? (int)len : 40, text);
    const char *nearest = lat_nearest(got, words, n);
    lat_object_fail(object, key, LAT_INVALID, "unknown_value",
                    "'%s' must be %s, not '%s'%s%s%s", key, expected, got,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'?" : "");
    lat_error_expected(object->json->err, expected, got);
}

void lat_object_encoding(struct lat_object *object)
{
    static const char *const words[] = {"json", "base64"};
    int encoding = 0;
    lat_object_choice(object, "encoding", words, LAT_ARRAY_LEN(words), &encoding);
    object->json->base64 = encoding == 1;
}

/* ---- floats ---- */

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
                     kind_of(element));
            lat_error_at(err, "/%zu", i);
            lat_error_expected(err, "a number", kind_of(element));
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
static bool read_floats(struct lat_json *json, const struct lat_extract *extract,
                        const json_t *value, const char *at, struct lat_floats *out_floats)
{
    if (json->err->status != LAT_OK)
        return true;
    enum lat_status status = LAT_OK;
    size_t len;
    const char *text = text_of(extract, value, &len);
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

bool lat_object_floats(struct lat_object *object, const char *key,
                       struct lat_floats *out_floats)
{
    const json_t *value = find(object, key);
    if (!value)
        return false;
    char at[192];
    write_pointer(at, sizeof(at), object->at, key);
    if (!read_floats(object->json, find_extract(object, key, value), value, at, out_floats)) {
        const struct lat_extract *extract = find_extract(object, key, value);
        const bool text =
            json_is_string(value) || (extract && extract->kind == LAT_EXTRACT_TEXT);
        fail_type(object, key,
                  text ? "a list of numbers (base64 needs \"encoding\":\"base64\")"
                       : "a list of numbers",
                  value);
    }
    return lat_json_status(object->json) == LAT_OK;
}

/* ---- objects and lists ---- */

bool lat_object_child(struct lat_object *object, const char *key, struct lat_object *out_child)
{
    const char *at = "";
    const json_t *value = lat_object_value(object, key, &at);
    *out_child = (struct lat_object){.json = object->json, .at = at};
    if (!value)
        return false;
    if (!json_is_object(value)) {
        fail_type(object, key, "an object", value);
        return false;
    }
    out_child->value = value;
    return true;
}

bool lat_object_list(struct lat_object *object, const char *key, struct lat_list *out_list)
{
    const char *at = "";
    const json_t *value = lat_object_value(object, key, &at);
    *out_list = (struct lat_list){.json = object->json, .at = at};
    if (!value)
        return false;
    const struct lat_extract *extract = find_extract(object, key, value);
    if (!json_is_array(value) || (extract && extract->kind == LAT_EXTRACT_TEXT)) {
        fail_type(object, key, "a list", value);
        return false;
    }
    out_list->value = value;
    out_list->watched = lat_json_scan_watches(key);
    out_list->numbers = extract;
    out_list->n = extract ? extract->n : json_array_size(value);
    return true;
}

const char *lat_object_json(struct lat_object *object, const char *key)
{
    struct lat_object child;
    if (!lat_object_child(object, key, &child))
        return NULL;
    struct lat_buf text = {0};
    lat_json_write(&text, child.value);
    char *copy = NULL;
    if (lat_buf_check(&text, object->json->err) == LAT_OK) {
        copy = lat_arena_strndup(object->json->arena, text.data, text.len);
        if (!copy)
            fail_memory(object->json);
    }
    lat_buf_release(&text);
    return copy;
}

/* What is missing may be there under a misspelt key, and then that is the thing to say. */
static bool may_be_misspelt(const struct lat_json *json)
{
    return json->err->status == LAT_INVALID && json->err->code &&
           !strcmp(json->err->code, "missing_field");
}

void lat_object_end(struct lat_object *object)
{
    const bool failed = lat_json_status(object->json) != LAT_OK;
    if (!object->value || (failed && !may_be_misspelt(object->json)))
        return;
    void *iter = json_object_iter((json_t *)(uintptr_t)object->value);
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)object->value, iter)) {
        const char *key = json_object_iter_key(iter);
        bool known = json_is_null(json_object_iter_value(iter));
        for (size_t i = 0; i < object->n_known && !known; i++)
            known = !strcmp(object->known[i], key);
        if (known)
            continue;
        const char *nearest = lat_nearest(key, object->known, object->n_known);
        lat_error_clear(object->json->err);
        lat_object_fail(object, key, LAT_INVALID, "unknown_field",
                        "unknown field '%.60s'%s%s%s", key, nearest ? "; did you mean '" : "",
                        nearest ? nearest : "", nearest ? "'?" : "");
        if (nearest)
            lat_error_expected(object->json->err, nearest, NULL);
        return;
    }
}

static const json_t *element(const struct lat_list *list, size_t i)
{
    return list->numbers ? NULL : json_array_get(list->value, i);
}

static const char *kind_of_element(const struct lat_list *list, size_t i)
{
    const json_t *value = element(list, i);
    return value ? kind_of(value) : "a number";
}

void lat_list_fail(const struct lat_list *list, size_t i, enum lat_status status,
                   const char *code, const char *fmt, ...)
{
    char words[512], pointer[192];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    snprintf(pointer, sizeof(pointer), "%s/%zu", list->at, i);
    record(list->json, pointer, status, code, words);
}

static void fail_element(const struct lat_list *list, size_t i, const char *expected)
{
    if (list->json->err->status != LAT_OK)
        return;
    const char *got = kind_of_element(list, i);
    lat_list_fail(list, i, LAT_INVALID, "wrong_type", "element %zu must be %s, not %s", i,
                  expected, got);
    lat_error_expected(list->json->err, expected, got);
}

void lat_list_object(const struct lat_list *list, size_t i, struct lat_object *out_object)
{
    *out_object = (struct lat_object){.json = list->json, .at = ""};
    const json_t *value = element(list, i);
    if (!json_is_object(value)) {
        fail_element(list, i, "an object");
        return;
    }
    out_object->at = lat_arena_printf(list->json->arena, "%s/%zu", list->at, i);
    if (!out_object->at) {
        out_object->at = "";
        fail_memory(list->json);
        return;
    }
    out_object->value = value;
}

static const struct lat_extract *element_extract(const struct lat_list *list,
                                                 const json_t *value)
{
    return list->watched && value ? extract_of(list->json, value) : NULL;
}

const char *lat_list_text(const struct lat_list *list, size_t i, size_t *out_len)
{
    const json_t *value = element(list, i);
    const char *text = text_of(element_extract(list, value), value, out_len);
    if (!text)
        fail_element(list, i, "a string");
    return text;
}

bool lat_list_floats(const struct lat_list *list, size_t i, struct lat_floats *out_floats)
{
    const json_t *value = element(list, i);
    char at[192];
    snprintf(at, sizeof(at), "%s/%zu", list->at, i);
    if (!value || !read_floats(list->json, element_extract(list, value), value, at, out_floats))
        fail_element(list, i, "a list of numbers");
    return list->json->err->status == LAT_OK;
}

bool lat_list_is_text(const struct lat_list *list, size_t i)
{
    const json_t *value = element(list, i);
    size_t len;
    return text_of(element_extract(list, value), value, &len) != NULL;
}

bool lat_list_is_object(const struct lat_list *list, size_t i)
{
    return json_is_object(element(list, i));
}

bool lat_list_is_number(const struct lat_list *list, size_t i)
{
    return list->numbers || json_is_number(element(list, i));
}
