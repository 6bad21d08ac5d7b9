/* Readers. Every one begins with `find`, which makes the key known and gives the value unless
 * the document has failed, the key is absent or the value is null. */
#include "api/json.h"

#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/json_value.h"
#include "base/text.h"

#include "base/banned.h"

static const double WHOLE_MOST = 9007199254740992; /* 2^53: whole doubles are exact up to it */

/* ---- failures ---- */

static void record_key(struct lat_object *object, const char *key, enum lat_status status,
                       const char *code, const char *words)
{
    char pointer[192];
    if (key)
        lat_json_pointer(pointer, sizeof(pointer), object->at, key);
    lat_json_record(object->json, key ? pointer : object->at, status, code, words);
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

static const struct lat_extract *find_extract(const struct lat_object *object, const char *key,
                                              const json_t *value)
{
    return lat_json_scan_watches(key) ? lat_json_extract(object->json, value) : NULL;
}

/* What stands there: a text that was taken out by the scan is one still. */
static const char *kind_of(const struct lat_object *object, const char *key,
                           const json_t *value)
{
    const struct lat_extract *extract = find_extract(object, key, value);
    return extract && extract->kind == LAT_EXTRACT_TEXT ? "a string" : lat_json_kind(value);
}

static void fail_type(struct lat_object *object, const char *key, const char *expected,
                      const json_t *value)
{
    if (lat_json_status(object->json) != LAT_OK)
        return;
    const char *got = kind_of(object, key, value);
    lat_object_fail(object, key, LAT_INVALID, "wrong_type", "'%s' must be %s, not %s", key,
                    expected, got);
    lat_error_expected(object->json->err, expected, got);
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

void lat_json_root(struct lat_json *json, struct lat_object *out_root)
{
    *out_root = (struct lat_object){.json = json, .at = ""};
    if (json_is_object(json->root)) {
        out_root->value = json->root;
        return;
    }
    lat_json_record(json, "", LAT_INVALID, "wrong_type", "the body must be a JSON object");
    if (json->root)
        lat_error_expected(json->err, "an object", lat_json_kind(json->root));
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
        lat_json_fail_memory(object->json);
        return NULL;
    }
    return value;
}

/* ---- scalars ---- */

bool lat_object_is_text(struct lat_object *object, const char *key)
{
    const json_t *value = find(object, key);
    size_t len;
    return value && lat_json_text(find_extract(object, key, value), value, &len) != NULL;
}

const char *lat_object_text(struct lat_object *object, const char *key, size_t *out_len)
{
    const json_t *value = find(object, key);
    if (!value)
        return NULL;
    const char *text = lat_json_text(find_extract(object, key, value), value, out_len);
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

/* Whole numbers in full. */
static void number_text(char *out, size_t size, double number)
{
    const bool whole = number == floor(number) && fabs(number) <= WHOLE_MOST;
    snprintf(out, size, whole ? "%.0f" : "%.15g", number);
}

void lat_range_text(double min, double max, char *out, size_t size)
{
    char least[32], most[32];
    number_text(least, sizeof(least), min);
    number_text(most, sizeof(most), max);
    if (isinf(max))
        snprintf(out, size, "at least %s", least);
    else if (min > 0 && min <= DBL_MIN) /* any above 0 */
        snprintf(out, size, "above 0 to %s", most);
    else
        snprintf(out, size, "%s to %s", least, most);
}

static void fail_range(struct lat_object *object, const char *key, const char *expected,
                       const char *got)
{
    lat_object_fail(object, key, LAT_INVALID, "out_of_range", "'%s' must be %s, not %s", key,
                    expected, got);
    lat_error_expected(object->json->err, expected, got);
}

/* 2.0 is as whole as 2 (JSON Schema says so, too). */
static bool is_whole(const json_t *value, json_int_t *out_count)
{
    const double number = json_number_value(value);
    if (json_is_integer(value)) {
        *out_count = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value) || number != floor(number) || fabs(number) > WHOLE_MOST)
        return false;
    *out_count = (json_int_t)number;
    return true;
}

static void fail_whole(struct lat_object *object, const char *key, const json_t *value)
{
    char got[32];
    if (!json_is_real(value)) {
        fail_type(object, key, "a whole number", value);
        return;
    }
    snprintf(got, sizeof(got), "%.15g", json_real_value(value));
    lat_object_fail(object, key, LAT_INVALID, "wrong_type",
                    "'%s' must be a whole number, not %s", key, got);
    lat_error_expected(object->json->err, "a whole number", got);
}

void lat_object_count(struct lat_object *object, const char *key, uint64_t *inout_value,
                      uint64_t min, uint64_t max)
{
    const json_t *value = find(object, key);
    if (!value)
        return;
    json_int_t count = 0;
    if (!is_whole(value, &count)) {
        fail_whole(object, key, value);
        return;
    }
    if (count < 0 || (uint64_t)count < min || (uint64_t)count > max) {
        char expected[64], got[32];
        snprintf(expected, sizeof(expected), "%" PRIu64 " to %" PRIu64, min, max);
        snprintf(got, sizeof(got), "%" JSON_INTEGER_FORMAT, count);
        fail_range(object, key, expected, got);
    } else {
        *inout_value = (uint64_t)count;
    }
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
    if (!(number >= min && number <= max)) {
        char expected[96], got[32];
        lat_range_text(min, max, expected, sizeof(expected));
        number_text(got, sizeof(got), number);
        fail_range(object, key, expected, got);
    } else {
        *inout_value = number;
    }
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

bool lat_object_floats(struct lat_object *object, const char *key,
                       struct lat_floats *out_floats)
{
    const json_t *value = find(object, key);
    if (!value)
        return false;
    char at[192];
    lat_json_pointer(at, sizeof(at), object->at, key);
    if (!lat_json_floats(object->json, find_extract(object, key, value), value, at,
                         out_floats)) {
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

void lat_object_missing(struct lat_object *object, const char *key)
{
    lat_object_fail(object, key, LAT_INVALID, "missing_field", "'%s' is missing", key);
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
            lat_json_fail_memory(object->json);
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

static void fail_unknown(struct lat_object *object, const char *key)
{
    const char *near = lat_nearest(key, object->known, object->n_known);
    const char *nearest = near ? near : lat_nearest_any(key, object->known, object->n_known);
    lat_error_clear(object->json->err);
    lat_object_fail(object, key, LAT_INVALID, "unknown_field", "unknown field '%.60s'%s%s%s",
                    key,
                    near      ? "; did you mean '"
                    : nearest ? "; the nearest known one is '"
                              : "",
                    nearest ? nearest : "",
                    near      ? "'?"
                    : nearest ? "'"
                              : "");
    if (nearest)
        lat_error_expected(object->json->err, nearest, NULL);
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
        fail_unknown(object, key);
        return;
    }
}
