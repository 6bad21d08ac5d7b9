/* Lists and their elements. A list of numbers alone was taken out by the scan whole; the
 * elements of any other are looked up one by one. */
#include "api/json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/json_value.h"
#include "base/text.h"

#include "base/banned.h"

void lat_json_root_list(struct lat_json *json, struct lat_list *out_list)
{
    *out_list = (struct lat_list){.json = json, .at = ""};
    if (json_is_array(json->root)) {
        out_list->value = json->root;
        out_list->n = json_array_size(json->root);
        return;
    }
    lat_json_record(json, "", LAT_INVALID, "wrong_type", "the body must be a JSON list");
    if (json->root)
        lat_error_expected(json->err, "a list", lat_json_kind(json->root));
}

static const json_t *element(const struct lat_list *list, size_t i)
{
    return list->numbers ? NULL : json_array_get(list->value, i);
}

static const char *kind_of_element(const struct lat_list *list, size_t i)
{
    const json_t *value = element(list, i);
    return value ? lat_json_kind(value) : "a number";
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
    lat_json_record(list->json, pointer, status, code, words);
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
        lat_json_fail_memory(list->json);
        return;
    }
    out_object->value = value;
}

static const struct lat_extract *element_extract(const struct lat_list *list,
                                                 const json_t *value)
{
    return list->watched && value ? lat_json_extract(list->json, value) : NULL;
}

const char *lat_list_text(const struct lat_list *list, size_t i, size_t *out_len)
{
    const json_t *value = element(list, i);
    const char *text = lat_json_text(element_extract(list, value), value, out_len);
    if (!text)
        fail_element(list, i, "a string");
    return text;
}

bool lat_list_floats(const struct lat_list *list, size_t i, struct lat_floats *out_floats)
{
    const json_t *value = element(list, i);
    char at[192];
    snprintf(at, sizeof(at), "%s/%zu", list->at, i);
    if (!value ||
        !lat_json_floats(list->json, element_extract(list, value), value, at, out_floats))
        fail_element(list, i, "a list of numbers");
    return list->json->err->status == LAT_OK;
}

bool lat_list_is_text(const struct lat_list *list, size_t i)
{
    const json_t *value = element(list, i);
    size_t len;
    return lat_json_text(element_extract(list, value), value, &len) != NULL;
}

bool lat_list_is_object(const struct lat_list *list, size_t i)
{
    return json_is_object(element(list, i));
}

bool lat_list_is_number(const struct lat_list *list, size_t i)
{
    return list->numbers || json_is_number(element(list, i));
}

void lat_object_ids(struct lat_object *object, const char *key, size_t max,
                    const char *const **out_ids, size_t *out_n)
{
    struct lat_list list;
    if (!lat_object_list(object, key, &list))
        return;
    if (list.n > max) {
        lat_object_fail(object, key, LAT_INVALID, "out_of_range", "'%s' takes %zu ids, not %zu",
                        key, max, list.n);
        return;
    }
    const char **ids = lat_arena_alloc(object->json->arena, list.n + 1, sizeof(*ids));
    if (!ids) {
        lat_json_fail_memory(object->json);
        return;
    }
    for (size_t i = 0; i < list.n; i++) {
        size_t len;
        ids[i] = lat_list_text(&list, i, &len);
        if (!ids[i])
            return;
        if (!lat_id_valid(ids[i], len))
            lat_list_fail(&list, i, LAT_INVALID, "invalid_id", "this is no id");
    }
    *out_ids = ids;
    *out_n = list.n;
}
