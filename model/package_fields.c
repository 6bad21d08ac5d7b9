/* The readers behind the rows of package_fields.h. No state, no locks. */
#include "model/package_fields.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { KEY_SHOWN = 48 };

/* What came, for a message: the value itself when it is short, else what it is. */
static void describe(const json_t *value, char *out, size_t size)
{
    static const char *const types[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a long text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    const bool nested = json_is_object(value) || json_is_array(value);
    const size_t len =
        nested ? 0 : json_dumpb(value, out, size - 1, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (len == 0 || len >= size)
        snprintf(out, size, "%s", types[json_typeof(value)]);
    else
        out[len] = '\0';
}

enum lat_status lat_manifest_refuse(const struct json_t *value, const char *expected,
                                    struct lat_error *err)
{
    char got[64];
    describe(value, got, sizeof(got));
    lat_fail(err, LAT_INVALID, NULL, "expected %s, not %s", expected, got);
    lat_error_expected(err, expected, got);
    return LAT_INVALID;
}

/* A path that stays below the package's folder, by its letters alone. */
static bool file_name_valid(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && !memcmp(part, "..", 2)))
            return false;
    }
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '\\')
            return false;
    return true;
}

static enum lat_status read_text(const json_t *value, const struct lat_manifest_field *field,
                                 char *out, struct lat_error *err)
{
    const char *text = json_string_value(value);
    char expected[96];
    if (field->type == LAT_FIELD_NAME && (!text || !lat_name_valid(text)))
        return lat_manifest_refuse(value, "a name of a-z, 0-9, dot, underscore and dash", err);
    if (field->type == LAT_FIELD_FILE && (!text || !file_name_valid(text)))
        return lat_manifest_refuse(value, "the name of a file inside the package", err);
    snprintf(expected, sizeof(expected), "a text of 1 to %zu bytes", field->size - 1);
    if (!text || text[0] == '\0' || strlen(text) >= field->size)
        return lat_manifest_refuse(value, expected, err);
    snprintf(out, field->size, "%s", text);
    return LAT_OK;
}

enum lat_status lat_manifest_read_file_name(const json_t *value, char *out, size_t size,
                                            struct lat_error *err)
{
    const struct lat_manifest_field field = {.type = LAT_FIELD_FILE, .size = size};
    return read_text(value, &field, out, err);
}

static enum lat_status read_count(const json_t *value, const struct lat_manifest_field *field,
                                  void *out, struct lat_error *err)
{
    char expected[96];
    snprintf(expected, sizeof(expected), "a whole number from 1 to %llu",
             (unsigned long long)field->max);
    const json_int_t count = json_integer_value(value);
    if (!json_is_integer(value) || count < 1 || (uint64_t)count > field->max)
        return lat_manifest_refuse(value, expected, err);
    const uint32_t narrow = (uint32_t)count;
    const size_t wide = (size_t)count;
    if (field->size == sizeof(narrow))
        memcpy(out, &narrow, sizeof(narrow));
    else
        memcpy(out, &wide, sizeof(wide));
    return LAT_OK;
}

enum lat_status lat_manifest_read_word(const json_t *value, const char *const *words,
                                       size_t n_words, int *out_index, struct lat_error *err)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < n_words; i++)
        if (strcmp(text, words[i]) == 0) {
            *out_index = (int)i;
            return LAT_OK;
        }
    struct lat_buf list = {0};
    lat_buf_text(&list, "one of");
    for (size_t i = 0; i < n_words; i++)
        lat_buf_printf(&list, " %s", words[i]);
    const enum lat_status status = lat_buf_check(&list, err);
    if (status == LAT_OK)
        lat_manifest_refuse(value, list.data, err);
    lat_buf_release(&list);
    return status == LAT_OK ? LAT_INVALID : status;
}

static enum lat_status read_field(const json_t *value, const struct lat_manifest_field *field,
                                  struct lat_manifest *manifest, struct lat_error *err)
{
    char *out = (char *)manifest + field->offset;
    int index;
    enum lat_status status;
    switch (field->type) {
    case LAT_FIELD_TEXT:
    case LAT_FIELD_NAME:
    case LAT_FIELD_FILE:
        return read_text(value, field, out, err);
    case LAT_FIELD_COUNT:
        return read_count(value, field, out, err);
    case LAT_FIELD_BOOL:
        if (!json_is_boolean(value))
            return lat_manifest_refuse(value, "true or false", err);
        *(bool *)out = json_is_true(value);
        return LAT_OK;
    case LAT_FIELD_WORD:
        status = lat_manifest_read_word(value, field->words, field->n_words, &index, err);
        if (status == LAT_OK)
            memcpy(out, &index, field->size);
        return status;
    case LAT_FIELD_OWN:
        break;
    }
    return field->read(value, manifest, err);
}

static enum lat_status unknown_key(const char *key, const struct lat_manifest_field *fields,
                                   size_t n, struct lat_error *err)
{
    const char *names[LAT_MANIFEST_FIELDS_MAX];
    if (strlen(key) > KEY_SHOWN)
        return lat_fail(err, LAT_INVALID, "unknown_key", "unknown key of %zu bytes",
                        strlen(key));
    for (size_t i = 0; i < n; i++)
        names[i] = fields[i].name;
    const char *nearest = lat_nearest(key, names, n);
    lat_fail(err, LAT_INVALID, "unknown_key", "unknown key '%s'%s%s%s", key,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    lat_error_expected(err, nearest, key);
    return LAT_INVALID;
}

static const struct lat_manifest_field *
find_field(const char *key, const struct lat_manifest_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    return NULL;
}

enum lat_status lat_manifest_read_object(const json_t *object,
                                         const struct lat_manifest_field *fields, size_t n,
                                         unsigned kind, struct lat_manifest *manifest,
                                         struct lat_error *err)
{
    if (!json_is_object(object))
        return lat_manifest_refuse(object, "an object", err);
    const char *key;
    json_t *value;
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
    json_object_foreach(members, key, value)
    {
        const struct lat_manifest_field *field = find_field(key, fields, n);
        enum lat_status status = LAT_OK;
        if (!field)
            status = unknown_key(key, fields, n, err);
        else if (json_is_null(value))
            continue;
        else if (field->kinds && !(field->kinds & kind))
            status = lat_fail(err, LAT_INVALID, NULL, "an input of this kind has no '%s'", key);
        else
            status = read_field(value, field, manifest, err);
        if (status != LAT_OK) {
            if (strlen(key) <= KEY_SHOWN)
                lat_error_at(err, "/%s", key);
            return status;
        }
    }
    return LAT_OK;
}
