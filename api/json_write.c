/* JSON values back to text, and the merge of RFC 7396. Depth is bounded by what was parsed. */
#include "api/json.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

/* A number with a fraction or an exponent keeps one, so that it reads back as the same kind. */
static void write_real(struct lat_buf *out, double value)
{
    const size_t before = out->len;
    lat_buf_json_double(out, value);
    if (out->status == LAT_OK && !strpbrk(out->data + before, ".en"))
        lat_buf_text(out, ".0");
}

static void write_object(struct lat_buf *out, const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value;
    bool first = true;
    lat_buf_char(out, '{');
    for (void *iter = json_object_iter(object); iter;
         iter = json_object_iter_next(object, iter)) {
        if (!first)
            lat_buf_char(out, ',');
        first = false;
        const char *key = json_object_iter_key(iter);
        lat_buf_json_string(out, key, strlen(key));
        lat_buf_char(out, ':');
        lat_json_write(out, json_object_iter_value(iter));
    }
    lat_buf_char(out, '}');
}

static void write_array(struct lat_buf *out, const json_t *value)
{
    const size_t n = json_array_size(value);
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            lat_buf_char(out, ',');
        lat_json_write(out, json_array_get(value, i));
    }
    lat_buf_char(out, ']');
}

void lat_json_write(struct lat_buf *out, const struct json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(out, value);
        break;
    case JSON_ARRAY:
        write_array(out, value);
        break;
    case JSON_STRING:
        lat_buf_json_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lat_buf_printf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        lat_buf_text(out, "true");
        break;
    case JSON_FALSE:
        lat_buf_text(out, "false");
        break;
    case JSON_NULL:
        lat_buf_text(out, "null");
        break;
    }
}

/* Lays `patch` over `target`, both objects; false when there is no memory. */
static bool merge(json_t *target, json_t *patch)
{
    for (void *iter = json_object_iter(patch); iter;
         iter = json_object_iter_next(patch, iter)) {
        const char *key = json_object_iter_key(iter);
        json_t *value = json_object_iter_value(iter);
        if (json_is_null(value)) {
            json_object_del(target, key);
            continue;
        }
        if (!json_is_object(value)) {
            if (json_object_set(target, key, value))
                return false;
            continue;
        }
        json_t *child = json_object_get(target, key);
        if (!json_is_object(child)) {
            child = json_object();
            if (json_object_set_new(target, key, child))
                return false;
        }
        if (!merge(child, value))
            return false;
    }
    return true;
}

static enum lat_status merge_texts(struct lat_json *target, struct lat_json *patch,
                                   struct lat_arena *arena, const char **out_text,
                                   struct lat_error *err)
{
    struct lat_buf text = {0};
    enum lat_status status = LAT_OK;
    if (!json_is_object(target->root) || !json_is_object(patch->root))
        return lat_fail(err, LAT_INTERNAL, NULL, "metadata is not an object");
    if (!merge(target->root, patch->root))
        return lat_fail_memory(err);
    lat_json_write(&text, target->root);
    status = lat_buf_check(&text, err);
    if (status == LAT_OK) {
        *out_text = lat_arena_strndup(arena, text.data, text.len);
        if (!*out_text)
            status = lat_fail_memory(err);
    }
    lat_buf_release(&text);
    return status;
}

enum lat_status lat_json_merge(struct lat_arena *arena, const char *target, const char *patch,
                               const char **out_text, struct lat_error *err)
{
    struct lat_json target_json = {0}, patch_json = {0};
    enum lat_status status =
        lat_json_parse_whole(&target_json, arena, target, strlen(target), 0, err);
    if (status == LAT_OK)
        status = lat_json_parse_whole(&patch_json, arena, patch, strlen(patch), 0, err);
    if (status == LAT_OK)
        status = merge_texts(&target_json, &patch_json, arena, out_text, err);
    lat_json_release(&patch_json);
    lat_json_release(&target_json);
    return status;
}
