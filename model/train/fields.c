/* JSON objects read field by field over jansson. Every `struct lat_fields` is a view of a
 * document (fields_document.c), which has the sticky status: a failure is recorded once, with
 * the pointer of the view and the key. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/train/fields_internal.h"

#include "base/banned.h"

/* ---- failures ---- */

void lat_fields_root(struct lat_document *document, struct lat_fields *out_fields,
                     struct lat_error *err)
{
    document->status = LAT_OK;
    document->err = err;
    *out_fields = (struct lat_fields){.document = document, .object = document->root};
}

enum lat_status lat_document_status(const struct lat_document *document)
{
    return document->status;
}

/* What a value is, for "got": short values as they are, long ones by their kind. */
static void describe(const json_t *value, char *out, size_t size)
{
    static const char *const kinds[] = {"an object", "an array", "a string", "an integer",
                                        "a number",  "true",     "false",    "null"};
    struct lat_buf text = {0};
    if (value &&
        json_dump_callback(value, lat_fields_append, &text, JSON_ENCODE_ANY | JSON_COMPACT) ==
            0 &&
        text.status == LAT_OK && text.len < 48)
        snprintf(out, size, "%s", text.data);
    else
        snprintf(out, size, "%s", value ? kinds[json_typeof(value)] : "nothing");
    lat_buf_release(&text);
}

static void place(const struct lat_fields *fields, const char *key, struct lat_error *err)
{
    if (err)
        snprintf(err->pointer, sizeof(err->pointer), "%s%s%s", fields->pointer, key ? "/" : "",
                 key ? key : "");
}

/* Records "POINTER: expected E, not GOT". */
static void wrong(struct lat_fields *fields, const char *key, const json_t *value,
                  const char *code, const char *expected)
{
    struct lat_document *document = fields->document;
    if (document->status != LAT_OK)
        return;
    char got[64];
    describe(value, got, sizeof(got));
    document->status = lat_fail(document->err, LAT_INVALID, code, "%s/%s: expected %s, not %s",
                                fields->pointer, key, expected, got);
    lat_error_expected(document->err, expected, got);
    place(fields, key, document->err);
}

void lat_fields_fail(struct lat_fields *fields, const char *key, const char *code,
                     const char *fmt, ...)
{
    struct lat_document *document = fields->document;
    if (document->status != LAT_OK)
        return;
    char words[400];
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(words, sizeof(words), fmt, arguments);
    va_end(arguments);
    document->status = lat_fail(document->err, LAT_INVALID, code, "%s%s%s: %s", fields->pointer,
                                key ? "/" : "", key ? key : "", words);
    place(fields, key, document->err);
}

/* ---- readers ---- */

/* The value under `key`, NULL when absent, null, or when something has failed before. */
static const json_t *find(struct lat_fields *fields, const char *key)
{
    if (fields->n_known < LAT_FIELDS_MAX)
        fields->known[fields->n_known++] = key;
    if (!fields->object || fields->document->status != LAT_OK)
        return NULL;
    const json_t *value = json_object_get(fields->object, key);
    return json_is_null(value) ? NULL : value;
}

bool lat_fields_has(const struct lat_fields *fields, const char *key)
{
    const json_t *value = fields->object ? json_object_get(fields->object, key) : NULL;
    return value && !json_is_null(value);
}

bool lat_fields_is_text(struct lat_fields *fields, const char *key)
{
    return json_is_string(find(fields, key));
}

static void read_real(struct lat_fields *fields, const char *key, double *inout_value,
                      const double range[2], bool open)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    const double number = json_is_number(value) ? json_number_value(value) : (double)NAN;
    if (number <= range[1] && (open ? number > range[0] : number >= range[0])) {
        *inout_value = number;
        return;
    }
    char expected[80];
    if (range[1] < (double)INFINITY)
        snprintf(expected, sizeof(expected),
                 open ? "a number above %g, at most %g" : "a number of %g to %g", range[0],
                 range[1]);
    else
        snprintf(expected, sizeof(expected), open ? "a number above %g" : "a number from %g on",
                 range[0]);
    wrong(fields, key, value, json_is_number(value) ? "out_of_range" : "wrong_type", expected);
}

void lat_fields_real(struct lat_fields *fields, const char *key, double *inout_value,
                     double min, double max)
{
    read_real(fields, key, inout_value, (double[]){min, max}, false);
}

void lat_fields_above(struct lat_fields *fields, const char *key, double *inout_value,
                      double min, double max)
{
    read_real(fields, key, inout_value, (double[]){min, max}, true);
}

static bool whole(const json_t *value, uint32_t min, uint32_t max)
{
    return json_is_integer(value) && json_integer_value(value) >= (json_int_t)min &&
           json_integer_value(value) <= (json_int_t)max;
}

void lat_fields_count(struct lat_fields *fields, const char *key, uint32_t *inout_value,
                      uint32_t min, uint32_t max)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    if (whole(value, min, max)) {
        *inout_value = (uint32_t)json_integer_value(value);
        return;
    }
    char expected[64];
    snprintf(expected, sizeof(expected), "a whole number of %u to %u", min, max);
    wrong(fields, key, value, json_is_integer(value) ? "out_of_range" : "wrong_type", expected);
}

void lat_fields_u64(struct lat_fields *fields, const char *key, uint64_t *inout_value)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        *inout_value = (uint64_t)json_integer_value(value);
    else
        wrong(fields, key, value, "wrong_type", "a whole number from 0 on");
}

void lat_fields_flag(struct lat_fields *fields, const char *key, bool *inout_value)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    if (json_is_boolean(value))
        *inout_value = json_is_true(value);
    else
        wrong(fields, key, value, "wrong_type", "true or false");
}

void lat_fields_text(struct lat_fields *fields, const char *key, char *out_text, size_t size)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    const size_t len = json_string_length(value);
    if (json_is_string(value) && len > 0 && len < size &&
        strlen(json_string_value(value)) == len) {
        memcpy(out_text, json_string_value(value), len + 1);
        return;
    }
    char expected[64];
    snprintf(expected, sizeof(expected), "a string of 1 to %zu bytes", size - 1);
    wrong(fields, key, value, json_is_string(value) ? "out_of_range" : "wrong_type", expected);
}

bool lat_fields_counts(struct lat_fields *fields, const char *key, uint32_t *out_values,
                       size_t max_n, size_t *out_n, uint32_t min, uint32_t max)
{
    const json_t *value = find(fields, key);
    if (!value)
        return false;
    const size_t n = json_array_size(value);
    bool good = json_is_array(value) && n <= max_n;
    for (size_t i = 0; good && i < n; i++)
        good = whole(json_array_get(value, i), min, max);
    if (!good) {
        char expected[80];
        snprintf(expected, sizeof(expected), "at most %zu whole numbers of %u to %u", max_n,
                 min, max);
        wrong(fields, key, value, json_is_array(value) ? "out_of_range" : "wrong_type",
              expected);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        out_values[i] = (uint32_t)json_integer_value(json_array_get(value, i));
    *out_n = n;
    return true;
}

void lat_fields_texts(struct lat_fields *fields, const char *key, struct lat_arena *arena,
                      const char *const **out_texts, size_t *out_n)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    const size_t n = json_array_size(value);
    bool good = json_is_array(value);
    for (size_t i = 0; good && i < n; i++)
        good = json_is_string(json_array_get(value, i));
    if (!good) {
        wrong(fields, key, value, "wrong_type", "an array of strings");
        return;
    }
    const char **texts = lat_arena_alloc(arena, n + 1, sizeof(*texts));
    for (size_t i = 0; texts && i < n; i++) {
        texts[i] = lat_arena_strdup(arena, json_string_value(json_array_get(value, i)));
        if (!texts[i])
            texts = NULL;
    }
    if (!texts) {
        fields->document->status = lat_fail_memory(fields->document->err);
        return;
    }
    *out_texts = texts;
    *out_n = n;
}

void lat_fields_fail_memory(struct lat_fields *fields)
{
    if (fields->document->status == LAT_OK)
        fields->document->status = lat_fail_memory(fields->document->err);
}

void lat_fields_position(struct lat_fields *fields, const char *key, struct lat_arena *arena,
                         const char **inout_text)
{
    const json_t *value = find(fields, key);
    const char *text = NULL;
    if (!value)
        return;
    if (json_is_string(value) && json_string_length(value) > 0)
        text = lat_arena_strdup(arena, json_string_value(value));
    else if (json_is_integer(value) && json_integer_value(value) > 0)
        text = lat_arena_printf(arena, "%lld", (long long)json_integer_value(value));
    else
        wrong(fields, key, value, "wrong_type", "a string or a whole number from 1 on");
    if (text)
        *inout_text = text;
    else
        lat_fields_fail_memory(fields);
}

size_t lat_fields_list(struct lat_fields *fields, const char *key)
{
    const json_t *value = find(fields, key);
    if (value && !json_is_array(value))
        wrong(fields, key, value, "wrong_type", "an array");
    return json_array_size(value);
}

void lat_fields_element(struct lat_fields *fields, const char *key, size_t i,
                        struct lat_arena *arena, const char **out_text,
                        struct lat_fields *out_child)
{
    const json_t *list = fields->object ? json_object_get(fields->object, key) : NULL;
    const json_t *value = json_array_get(list, i);
    char path[LAT_FIELDS_POINTER_MAX];
    *out_text = NULL;
    *out_child = (struct lat_fields){.document = fields->document};
    snprintf(path, sizeof(path), "%s/%zu", key, i);
    snprintf(out_child->pointer, sizeof(out_child->pointer), "%.80s/%.60s", fields->pointer,
             path);
    if (json_is_object(value)) {
        out_child->object = value;
    } else if (json_is_string(value) || json_is_integer(value)) {
        *out_text = json_is_string(value)
                        ? lat_arena_strdup(arena, json_string_value(value))
                        : lat_arena_printf(arena, "%lld", (long long)json_integer_value(value));
        if (!*out_text)
            lat_fields_fail_memory(fields);
    } else {
        wrong(fields, path, value, "wrong_type", "a string, a whole number or an object");
    }
}

/* "one of a, b, c", without the words that are not ready. */
static void list_choices(const struct lat_choice *choices, size_t n, char *out, size_t size)
{
    int len = snprintf(out, size, "one of");
    bool first = true;
    for (size_t i = 0; i < n && len > 0 && (size_t)len < size; i++) {
        if (!choices[i].ready)
            continue;
        len +=
            snprintf(out + len, size - (size_t)len, "%s %s", first ? "" : ",", choices[i].name);
        first = false;
    }
}

void lat_fields_choice(struct lat_fields *fields, const char *key,
                       const struct lat_choice *choices, size_t n, int *inout_value)
{
    const json_t *value = find(fields, key);
    if (!value)
        return;
    char expected[96];
    list_choices(choices, n, expected, sizeof(expected));
    if (!json_is_string(value)) {
        wrong(fields, key, value, "wrong_type", expected);
        return;
    }
    const char *word = json_string_value(value);
    const char *names[LAT_FIELDS_MAX];
    for (size_t i = 0; i < n && i < LAT_FIELDS_MAX; i++) {
        names[i] = choices[i].name;
        if (strcmp(word, choices[i].name) != 0)
            continue;
        if (choices[i].ready)
            *inout_value = choices[i].value;
        else
            lat_fields_fail(fields, key, "not_supported",
                            "'%s' cannot be trained by this version: expected %s", word,
                            expected);
        return;
    }
    const char *near = lat_nearest(word, names, n);
    if (near)
        lat_fields_fail(fields, key, "unknown_value", "unknown '%s', did you mean '%s'?", word,
                        near);
    else
        wrong(fields, key, value, "unknown_value", expected);
}

bool lat_fields_object(struct lat_fields *fields, const char *key, struct lat_fields *out_child)
{
    const json_t *value = find(fields, key);
    *out_child = (struct lat_fields){.document = fields->document};
    const int len =
        snprintf(out_child->pointer, sizeof(out_child->pointer), "%s/%s", fields->pointer, key);
    if (len < 0 || (size_t)len >= sizeof(out_child->pointer)) {
        lat_fields_fail(fields, key, "too_deep", "the path is too long");
        return false;
    }
    if (!value)
        return false;
    if (!json_is_object(value)) {
        wrong(fields, key, value, "wrong_type", "an object");
        return false;
    }
    out_child->object = value;
    return true;
}

void lat_fields_write(struct lat_fields *fields, const char *key, struct lat_buf *out)
{
    const json_t *value = find(fields, key);
    if (value && json_dump_callback(value, lat_fields_append, out,
                                    JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) != 0)
        out->status = LAT_NO_MEMORY;
}

void lat_fields_end(struct lat_fields *fields)
{
    if (!fields->object || fields->document->status != LAT_OK)
        return;
    for (void *i = json_object_iter((json_t *)(uintptr_t)fields->object); i;
         i = json_object_iter_next((json_t *)(uintptr_t)fields->object, i)) {
        const char *key = json_object_iter_key(i);
        bool asked = json_is_null(json_object_iter_value(i));
        for (size_t k = 0; k < fields->n_known && !asked; k++)
            asked = strcmp(key, fields->known[k]) == 0;
        if (asked)
            continue;
        const char *near = lat_nearest(key, fields->known, fields->n_known);
        if (near)
            lat_fields_fail(fields, key, "unknown_field", "unknown key, did you mean '%s'?",
                            near);
        else
            lat_fields_fail(fields, key, "unknown_field", "unknown key");
        lat_error_expected(fields->document->err, near, key);
        return;
    }
}
