/* {"a":1,"b":{"$gt":2}} is the conjunction of its members; a member is a field with a value or
 * with operators, or one of $and, $or, $not. Recursion is bounded by the JSON's own depth, the
 * tree by LAT_FILTER_NODES_MAX. */
#include "api/filter_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

struct builder {
    struct lat_arena *arena;
    struct lat_error *err;
    size_t n_nodes, n_values;
};

static const struct {
    const char *name;
    enum lat_filter_op op;
} operators[] = {
    {"$eq", LAT_FILTER_EQ},         {"$ne", LAT_FILTER_NE},   {"$gt", LAT_FILTER_GT},
    {"$gte", LAT_FILTER_GTE},       {"$lt", LAT_FILTER_LT},   {"$lte", LAT_FILTER_LTE},
    {"$in", LAT_FILTER_IN},         {"$nin", LAT_FILTER_NIN}, {"$exists", LAT_FILTER_EXISTS},
    {"$prefix", LAT_FILTER_PREFIX},
};
static const char *const operator_names[] = {"$eq",  "$ne", "$gt",  "$gte",    "$lt",
                                             "$lte", "$in", "$nin", "$exists", "$prefix"};
static const char *const joint_names[] = {"$and", "$or", "$not"};

static const struct lat_filter *build(struct builder *builder, const json_t *value,
                                      const char *at);

static void *refuse(struct builder *builder, const char *at, const char *fmt, ...)
    LAT_PRINTF(3, 4);

static void *refuse(struct builder *builder, const char *at, const char *fmt, ...)
{
    if (builder->err->status != LAT_OK)
        return NULL;
    char words[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    lat_fail(builder->err, LAT_INVALID, "bad_filter", "filter: %s", words);
    lat_error_at(builder->err, "%s", at);
    return NULL;
}

static void *take(struct builder *builder, size_t n, size_t size)
{
    void *memory = lat_arena_alloc(builder->arena, n, size);
    if (!memory)
        lat_fail_memory(builder->err);
    return memory;
}

static struct lat_filter *new_node(struct builder *builder, enum lat_filter_op op,
                                   const char *at)
{
    if (++builder->n_nodes > LAT_FILTER_NODES_MAX)
        return refuse(builder, at, "more than %d conditions", LAT_FILTER_NODES_MAX);
    struct lat_filter *node = take(builder, 1, sizeof(*node));
    if (node)
        node->op = op;
    return node;
}

static const char *below(struct builder *builder, const char *at, const char *key)
{
    const char *path = lat_arena_printf(builder->arena, "%s/%.100s", at, key);
    if (!path)
        lat_fail_memory(builder->err);
    return path;
}

/* "a.b\.c" -> {"a", "b.c"}. */
static bool read_path(struct builder *builder, struct lat_filter *node, const char *key,
                      const char *at)
{
    size_t n = 1;
    for (const char *p = key; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else
            n += *p == '.';
    }
    const char **path = take(builder, n, sizeof(*path));
    char *text = take(builder, strlen(key) + 1, 1);
    if (!path || !text)
        return false;
    node->n_path = 0;
    path[node->n_path++] = text;
    for (const char *p = key; *p; p++) {
        if (*p == '\\' && (p[1] == '.' || p[1] == '\\')) {
            *text++ = *++p;
        } else if (*p == '.') {
            *text++ = '\0';
            path[node->n_path++] = text;
        } else {
            *text++ = *p;
        }
    }
    *text = '\0';
    for (size_t i = 0; i < node->n_path; i++)
        if (!path[i][0])
            return refuse(builder, at, "'%.60s' has an empty step", key) != NULL;
    node->path = path;
    return true;
}

static bool read_value(struct builder *builder, const json_t *value, const char *at,
                       struct lat_value *out)
{
    if (++builder->n_values > LAT_FILTER_VALUES_MAX)
        return refuse(builder, at, "more than %d values", LAT_FILTER_VALUES_MAX) != NULL;
    switch (json_typeof(value)) {
    case JSON_NULL:
        *out = (struct lat_value){.kind = LAT_VALUE_NULL};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct lat_value){.kind = LAT_VALUE_BOOL, .boolean = json_is_true(value)};
        return true;
    case JSON_INTEGER:
        *out =
            (struct lat_value){.kind = LAT_VALUE_INTEGER, .integer = json_integer_value(value)};
        return true;
    case JSON_REAL:
        *out = (struct lat_value){.kind = LAT_VALUE_NUMBER, .number = json_real_value(value)};
        return true;
    case JSON_STRING:
        if (strlen(json_string_value(value)) != json_string_length(value))
            return refuse(builder, at, "a text holds a NUL") != NULL;
        *out = (struct lat_value){.kind = LAT_VALUE_TEXT, .text = json_string_value(value)};
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return refuse(builder, at, "a value is text, a number, a boolean or null") != NULL;
}

static bool read_values(struct builder *builder, struct lat_filter *node, const json_t *value,
                        const char *at)
{
    const bool list = node->op == LAT_FILTER_IN || node->op == LAT_FILTER_NIN;
    if (list && !json_is_array(value))
        return refuse(builder, at, "$in and $nin take a list") != NULL;
    node->n_values = list ? json_array_size(value) : 1;
    struct lat_value *values = take(builder, node->n_values, sizeof(*values));
    if (!values)
        return false;
    node->values = values;
    for (size_t i = 0; i < node->n_values; i++)
        if (!read_value(builder, list ? json_array_get(value, i) : value, at, &values[i]))
            return false;
    return true;
}

/* Operators that do not take every kind of value. */
static bool check_kind(struct builder *builder, const struct lat_filter *node, const char *at)
{
    const enum lat_value_kind kind = node->n_values ? node->values[0].kind : LAT_VALUE_NULL;
    const bool order = node->op == LAT_FILTER_GT || node->op == LAT_FILTER_GTE ||
                       node->op == LAT_FILTER_LT || node->op == LAT_FILTER_LTE;
    if (order && kind != LAT_VALUE_INTEGER && kind != LAT_VALUE_NUMBER &&
        kind != LAT_VALUE_TEXT)
        return refuse(builder, at, "an order is one of numbers or of texts") != NULL;
    if (node->op == LAT_FILTER_EXISTS && kind != LAT_VALUE_BOOL)
        return refuse(builder, at, "$exists takes true or false") != NULL;
    if (node->op == LAT_FILTER_PREFIX && kind != LAT_VALUE_TEXT)
        return refuse(builder, at, "$prefix takes a text") != NULL;
    return true;
}

static const struct lat_filter *compare(struct builder *builder, const char *field,
                                        enum lat_filter_op op, const json_t *value,
                                        const char *at)
{
    struct lat_filter *node = new_node(builder, op, at);
    if (!node || !read_path(builder, node, field, at) ||
        !read_values(builder, node, value, at) || !check_kind(builder, node, at))
        return NULL;
    return node;
}

static const struct lat_filter *compare_by(struct builder *builder, const char *field,
                                           const char *name, const json_t *value,
                                           const char *at)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(operators); i++)
        if (!strcmp(operators[i].name, name))
            return compare(builder, field, operators[i].op, value, at);
    const char *nearest = lat_nearest(name, operator_names, LAT_ARRAY_LEN(operator_names));
    return refuse(builder, at, "unknown operator '%.40s'%s%s%s", name,
                  nearest ? "; did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?" : "");
}

/* A node over the members of an object, each made by `member`; the member itself when it is
 * alone. */
static const struct lat_filter *
each_member(struct builder *builder, const json_t *value, const char *field, const char *at,
            const struct lat_filter *(*member)(struct builder *, const char *field,
                                               const char *key, const json_t *, const char *))
{
    json_t *object = (json_t *)(uintptr_t)value;
    const size_t n = json_object_size(object);
    const struct lat_filter **children = take(builder, n, sizeof(*children));
    if (!children)
        return NULL;
    size_t i = 0;
    for (void *iter = json_object_iter(object); iter;
         iter = json_object_iter_next(object, iter)) {
        const char *key = json_object_iter_key(iter);
        const char *path = below(builder, at, key);
        if (!path)
            return NULL;
        children[i] = member(builder, field, key, json_object_iter_value(iter), path);
        if (!children[i++])
            return NULL;
    }
    if (n == 1)
        return children[0];
    struct lat_filter *node = new_node(builder, LAT_FILTER_AND, at);
    if (!node)
        return NULL;
    node->children = children;
    node->n_children = n;
    return node;
}

static const struct lat_filter *join(struct builder *builder, enum lat_filter_op op,
                                     const json_t *value, const char *at)
{
    const bool list = op != LAT_FILTER_NOT;
    if (list && !json_is_array(value))
        return refuse(builder, at, "$and and $or take a list of filters");
    struct lat_filter *node = new_node(builder, op, at);
    const size_t n = list ? json_array_size(value) : 1;
    const struct lat_filter **children = take(builder, n, sizeof(*children));
    if (!node || !children)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        children[i] = build(builder, list ? json_array_get(value, i) : value, at);
        if (!children[i])
            return NULL;
    }
    node->children = children;
    node->n_children = n;
    return node;
}

static const struct lat_filter *member(struct builder *builder, const char *field,
                                       const char *key, const json_t *value, const char *at)
{
    (void)field;
    if (!strcmp(key, "$and"))
        return join(builder, LAT_FILTER_AND, value, at);
    if (!strcmp(key, "$or"))
        return join(builder, LAT_FILTER_OR, value, at);
    if (!strcmp(key, "$not"))
        return join(builder, LAT_FILTER_NOT, value, at);
    if (key[0] == '$') {
        const char *nearest = lat_nearest(key, joint_names, LAT_ARRAY_LEN(joint_names));
        return refuse(
            builder, at, "'%.40s' stands where a field or $and, $or, $not may stand%s%s%s", key,
            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (!json_is_object(value))
        return compare(builder, key, LAT_FILTER_EQ, value, at);
    if (!json_object_size(value))
        return refuse(builder, at, "'%.60s' has no operator", key);
    return each_member(builder, value, key, at, compare_by);
}

static const struct lat_filter *build(struct builder *builder, const json_t *value,
                                      const char *at)
{
    if (!json_is_object(value))
        return refuse(builder, at, "a filter is an object");
    return each_member(builder, value, NULL, at, member);
}

/* NULL for {}. */
static const struct lat_filter *read(struct lat_json *json, const json_t *value, const char *at)
{
    struct builder builder = {.arena = json->arena, .err = json->err};
    if (json->err->status != LAT_OK)
        return NULL;
    if (json_is_object(value) && !json_object_size(value))
        return NULL;
    return build(&builder, value, at);
}

const struct lat_filter *lat_object_filter(struct lat_object *object, const char *key)
{
    const char *at = "";
    const json_t *value = lat_object_value(object, key, &at);
    return value ? read(object->json, value, at) : NULL;
}

enum lat_status lat_filter_parse(struct lat_arena *arena, const char *text, size_t max_depth,
                                 struct lat_json *out_json,
                                 const struct lat_filter **out_filter, struct lat_error *err)
{
    const enum lat_status status =
        lat_json_parse_whole(out_json, arena, text, strlen(text), max_depth, err);
    if (status != LAT_OK) {
        lat_error_prefix(err, "filter");
        return status;
    }
    *out_filter = read(out_json, out_json->root, "");
    return lat_json_status(out_json);
}
