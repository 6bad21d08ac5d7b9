/* The document behind the fields: parsed, changed by overrides, written. It owns the tree and
 * the sticky status of its reading. */
#include <string.h>

#include "base/mem.h"
#include "model/train/fields_internal.h"

#include "base/banned.h"

enum { SET_KEY_MAX = 96 };

enum lat_status lat_document_parse(const char *json, size_t len,
                                   struct lat_document **out_document, struct lat_error *err)
{
    json_error_t failure;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &failure);
    if (!root)
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_json", "line %d, column %d: %s", failure.line,
                        failure.column, failure.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return lat_fail(err, LAT_INVALID, "wrong_type", "expected a JSON object");
    }
    struct lat_document *document = lat_alloc(1, sizeof(*document));
    if (!document) {
        json_decref(root);
        return lat_fail_memory(err);
    }
    document->root = root;
    *out_document = document;
    return LAT_OK;
}

void lat_document_free(struct lat_document *document)
{
    if (!document)
        return;
    json_decref(document->root);
    lat_free(document);
}

/* The object that holds the last key of `path`; *out_key gets that key. */
static json_t *parent_of(json_t *root, const char *path, size_t len, char *out_key)
{
    json_t *object = root;
    for (;;) {
        const char *dot = memchr(path, '.', len);
        const size_t n = dot ? (size_t)(dot - path) : len;
        if (n == 0 || n >= SET_KEY_MAX || !json_is_object(object))
            return NULL;
        memcpy(out_key, path, n);
        out_key[n] = '\0';
        if (!dot)
            return object;
        json_t *child = json_object_get(object, out_key);
        if (!child || json_is_null(child)) {
            child = json_object();
            if (!child || json_object_set_new(object, out_key, child) != 0)
                return NULL;
        }
        object = child;
        path += n + 1;
        len -= n + 1;
    }
}

enum lat_status lat_document_set(struct lat_document *document, const char *assignment,
                                 struct lat_error *err)
{
    const char *equals = strchr(assignment, '=');
    char key[SET_KEY_MAX];
    json_t *parent =
        equals ? parent_of(document->root, assignment, (size_t)(equals - assignment), key)
               : NULL;
    if (!parent)
        return lat_fail(err, LAT_INVALID, "bad_override",
                        "'%s' is no override: expected path=value, as in optimizer.rate=0.01",
                        assignment);
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (!value)
        value = json_string(equals + 1);
    if (!value)
        return lat_fail(err, LAT_INVALID, "bad_override", "'%s': the value is not UTF-8",
                        assignment);
    if (json_object_set_new(parent, key, value) != 0)
        return lat_fail_memory(err);
    return LAT_OK;
}

int lat_fields_append(const char *bytes, size_t len, void *buf)
{
    lat_buf_append(buf, bytes, len);
    return 0;
}

enum lat_status lat_document_write(const struct lat_document *document, struct lat_buf *out,
                                   struct lat_error *err)
{
    if (json_dump_callback(document->root, lat_fields_append, out,
                           JSON_COMPACT | JSON_SORT_KEYS) != 0)
        return lat_fail_memory(err);
    return lat_buf_check(out, err);
}
