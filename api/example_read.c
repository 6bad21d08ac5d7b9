/* The kind is told by what stands there: a text is an id, a list a code, an object an input
 * unless it names one of the three. Failures are recorded in the document with their pointer;
 * the reader asks for its status once, at the end. */
#include "api/example_read.h"

#include <jansson.h>
#include <stdio.h>

#include "api/input.h"
#include "api/json_value.h"
#include "base/text.h"

#include "base/banned.h"

#define EXAMPLE "an id, a code or an input"

static void take_id(struct lat_json *json, const char *at, const char *id, size_t len,
                    struct lat_example *out)
{
    char words[64];
    snprintf(words, sizeof(words), "an id is 1 to %d bytes of UTF-8 without NUL", LAT_ID_MAX);
    if (!lat_id_valid(id, len))
        lat_json_record(json, at, LAT_INVALID, "invalid_id", words);
    out->id = lat_arena_strndup(json->arena, id, len);
    if (!out->id)
        lat_json_fail_memory(json);
}

static void take_code(struct lat_json *json, const char *at, struct lat_floats code,
                      struct lat_example *out)
{
    if (!code.n)
        lat_json_record(json, at, LAT_INVALID, "wrong_dimension", "this code is empty");
    out->code = code.values;
    out->n_code = code.n;
}

static void take_input(struct lat_object *object, struct lat_example *out)
{
    struct lat_input *input = lat_arena_alloc(object->json->arena, 1, sizeof(*input));
    if (!input) {
        lat_json_fail_memory(object->json);
        return;
    }
    lat_object_input(object, input);
    out->input = input;
}

/* `object` is the input itself, or has an example under one of three keys. */
static void take_object(struct lat_object *object, bool weighted, struct lat_example *out)
{
    struct lat_object child;
    struct lat_floats code;
    size_t len = 0;
    if (weighted)
        lat_object_number(object, "weight", &out->weight, 1e-9, 1e9);
    const char *id = lat_object_text(object, "id", &len);
    const bool has_code = lat_object_floats(object, "code", &code);
    const bool has_input = lat_object_child(object, "input", &child);
    if (lat_json_status(object->json) != LAT_OK)
        return;
    if ((id != NULL) + has_code + has_input > 1) {
        lat_object_fail(object, NULL, LAT_INVALID, "two_kinds",
                        "an example is one of id, code and input");
        return;
    }
    if (id || has_code || has_input)
        lat_object_end(object);
    if (id)
        take_id(object->json, object->at, id, len, out);
    else if (has_code)
        take_code(object->json, object->at, code, out);
    else
        take_input(has_input ? &child : object, out);
}

void lat_list_example(const struct lat_list *list, size_t i, bool weighted,
                      struct lat_example *out_example)
{
    struct lat_object object;
    struct lat_floats code;
    char at[192];
    size_t len = 0;
    snprintf(at, sizeof(at), "%s/%zu", list->at, i);
    *out_example = (struct lat_example){.weight = 1};
    if (lat_list_is_text(list, i)) {
        const char *id = lat_list_text(list, i, &len);
        take_id(list->json, at, id, len, out_example);
    } else if (lat_list_is_object(list, i)) {
        lat_list_object(list, i, &object);
        take_object(&object, weighted, out_example);
    } else if (lat_list_is_number(list, i)) {
        lat_list_fail(list, i, LAT_INVALID, "wrong_type",
                      "element %zu must be " EXAMPLE ", not a number", i);
        lat_error_expected(list->json->err, EXAMPLE, "a number");
    } else if (lat_list_floats(list, i, &code)) {
        take_code(list->json, at, code, out_example);
    }
}

bool lat_object_example(struct lat_object *object, const char *key,
                        struct lat_example *out_example)
{
    struct lat_object child;
    struct lat_floats code;
    const char *at = NULL;
    const json_t *value = lat_object_value(object, key, &at);
    *out_example = (struct lat_example){.weight = 1};
    if (!value)
        return false;
    if (json_is_string(value)) {
        take_id(object->json, at, json_string_value(value), json_string_length(value),
                out_example);
    } else if (json_is_object(value)) {
        if (lat_object_child(object, key, &child))
            take_object(&child, false, out_example);
    } else if (!json_is_array(value)) {
        const char *got = lat_json_kind(value);
        lat_object_fail(object, key, LAT_INVALID, "wrong_type",
                        "'%s' must be " EXAMPLE ", not %s", key, got);
        lat_error_expected(object->json->err, EXAMPLE, got);
    } else if (lat_object_floats(object, key, &code)) {
        take_code(object->json, at, code, out_example);
    }
    return true;
}
