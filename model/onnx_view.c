/* Protocol buffers by hand, as far as a graph of float32 layers needs: a message is a row of
 * fields, each a key (number and wire type) and a value. A message is gone through twice, once
 * to count its repeated fields and once to keep them. Every length is held against what is left
 * of the message around it. */
#include "model/onnx_view.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Field numbers of onnx.proto. */
enum { MODEL_GRAPH = 7 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_SPARSE = 15 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3 };
enum { ATTRIBUTE_GRAPH = 6, ATTRIBUTE_GRAPHS = 11 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_FLOATS = 4, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14, TYPE_FLOAT = 1 };

struct field {
    unsigned number, wire;
    uint64_t value;            /* of a varint */
    struct lat_onnx_part part; /* the value's bytes */
    struct lat_onnx_part whole;
};

static bool read_varint(struct lat_onnx_part *rest, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (rest->len == 0)
            return false;
        const unsigned char byte = *rest->at++;
        rest->len--;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* The next field of a message; false at its end, and (with *ok false) where it is broken. */
static bool next_field(struct lat_onnx_part *rest, struct field *out, bool *ok)
{
    const unsigned char *start = rest->at;
    uint64_t key = 0, len = 0;
    if (rest->len == 0 || !*ok)
        return false;
    *ok = read_varint(rest, &key) && key >> 3 <= UINT32_MAX;
    *out = (struct field){.number = (unsigned)(key >> 3), .wire = (unsigned)(key & 7)};
    if (*ok && out->wire == WIRE_VARINT) {
        out->part.at = rest->at;
        *ok = read_varint(rest, &out->value);
        out->part.len = (size_t)(rest->at - out->part.at);
    } else if (*ok) {
        len = out->wire == WIRE_FIXED64 ? 8 : 4;
        if (out->wire == WIRE_BYTES)
            *ok = read_varint(rest, &len);
        else if (out->wire != WIRE_FIXED64 && out->wire != WIRE_FIXED32)
            *ok = false;
        *ok = *ok && len <= rest->len;
        if (*ok) {
            out->part = (struct lat_onnx_part){rest->at, (size_t)len};
            rest->at += len;
            rest->len -= (size_t)len;
        }
    }
    out->whole = (struct lat_onnx_part){start, (size_t)(rest->at - start)};
    return *ok;
}

static size_t count(struct lat_onnx_part message, unsigned number, bool *ok)
{
    struct field field;
    size_t n = 0;
    while (next_field(&message, &field, ok))
        n += field.number == number && field.wire == WIRE_BYTES;
    return n;
}

bool lat_onnx_is(struct lat_onnx_part part, const char *text)
{
    return part.len == strlen(text) && memcmp(part.at, text, part.len) == 0;
}

bool lat_onnx_same(struct lat_onnx_part a, struct lat_onnx_part b)
{
    return a.len == b.len && a.len > 0 && memcmp(a.at, b.at, a.len) == 0;
}

/* ---- nodes ---- */

static void read_attribute(struct lat_onnx_part message, struct lat_onnx_attribute *out,
                           bool *ok)
{
    struct field field;
    while (next_field(&message, &field, ok)) {
        if (field.number == ATTRIBUTE_NAME && field.wire == WIRE_BYTES)
            out->name = field.part;
        else if (field.number == ATTRIBUTE_I && field.wire == WIRE_VARINT)
            out->i = (int64_t)field.value;
        else if (field.number == ATTRIBUTE_F && field.wire == WIRE_FIXED32)
            memcpy(&out->f, field.part.at, sizeof(out->f));
        else if (field.number == ATTRIBUTE_GRAPH || field.number == ATTRIBUTE_GRAPHS)
            out->is_graph = true;
    }
}

/* false: out of memory. */
static bool read_node(struct lat_arena *arena, struct lat_onnx_part message,
                      struct lat_onnx_node *out, bool *ok)
{
    struct lat_onnx_part *inputs =
        lat_arena_alloc(arena, count(message, NODE_INPUT, ok) + 1, sizeof(*inputs));
    struct lat_onnx_part *outputs =
        lat_arena_alloc(arena, count(message, NODE_OUTPUT, ok) + 1, sizeof(*outputs));
    struct lat_onnx_attribute *attributes =
        lat_arena_alloc(arena, count(message, NODE_ATTRIBUTE, ok) + 1, sizeof(*attributes));
    struct lat_onnx_part domain = {0};
    struct field field;
    if (!inputs || !outputs || !attributes)
        return false;
    while (next_field(&message, &field, ok)) {
        if (field.wire != WIRE_BYTES)
            continue;
        if (field.number == NODE_INPUT)
            inputs[out->n_inputs++] = field.part;
        else if (field.number == NODE_OUTPUT)
            outputs[out->n_outputs++] = field.part;
        else if (field.number == NODE_OP)
            out->op = field.part;
        else if (field.number == NODE_DOMAIN)
            domain = field.part;
        else if (field.number == NODE_ATTRIBUTE)
            read_attribute(field.part, &attributes[out->n_attributes++], ok);
    }
    if (domain.len && !lat_onnx_is(domain, "ai.onnx"))
        out->op.len = 0;
    out->inputs = inputs;
    out->outputs = outputs;
    out->attributes = attributes;
    return true;
}

/* ---- constants ---- */

static void add_dim(struct lat_onnx_constant *out, uint64_t dim, bool *ok)
{
    size_t n = 0;
    *ok = *ok && out->rank < LAT_TENSOR_MAX_RANK && dim <= INT64_MAX &&
          lat_mul_size(out->n, (size_t)dim, &n);
    if (!*ok)
        return;
    out->dims[out->rank++] = (int64_t)dim;
    out->n = n;
}

static void read_constant(struct lat_onnx_part message, struct lat_onnx_constant *out, bool *ok)
{
    struct lat_onnx_part data = {0};
    struct field field;
    uint64_t type = 0, dim = 0;
    out->n = 1;
    while (next_field(&message, &field, ok)) {
        const bool bytes = field.wire == WIRE_BYTES;
        if (field.number == TENSOR_DIMS && field.wire == WIRE_VARINT)
            add_dim(out, field.value, ok);
        else if (field.number == TENSOR_DIMS && bytes)
            while (*ok && read_varint(&field.part, &dim))
                add_dim(out, dim, ok);
        else if (field.number == TENSOR_TYPE && field.wire == WIRE_VARINT)
            type = field.value;
        else if (field.number == TENSOR_NAME && bytes)
            out->name = field.part;
        else if ((field.number == TENSOR_RAW || field.number == TENSOR_FLOATS) && bytes)
            data = field.part;
        else if (field.number == TENSOR_EXTERNAL ||
                 (field.number == TENSOR_LOCATION && field.value))
            out->outside = true;
    }
    const bool whole = data.len % sizeof(float) == 0 && data.len / sizeof(float) == out->n;
    if (type == TYPE_FLOAT && whole && !out->outside)
        out->elements = data.at;
}

float lat_onnx_element(const struct lat_onnx_constant *constant, size_t i)
{
    float element;
    memcpy(&element, constant->elements + i * sizeof(element), sizeof(element));
    return element;
}

/* ---- the graph ---- */

static enum lat_status read_graph(struct lat_onnx_view *view, bool *ok, struct lat_error *err)
{
    struct lat_onnx_part rest = view->graph;
    struct lat_onnx_node *nodes =
        lat_arena_alloc(&view->arena, count(rest, GRAPH_NODE, ok) + 1, sizeof(*nodes));
    struct lat_onnx_constant *constants = lat_arena_alloc(
        &view->arena, count(rest, GRAPH_INITIALIZER, ok) + 1, sizeof(*constants));
    struct field field;
    if (!nodes || !constants)
        return lat_fail_memory(err);
    while (next_field(&rest, &field, ok)) {
        if (field.wire != WIRE_BYTES)
            continue;
        if (field.number == GRAPH_NODE) {
            struct lat_onnx_node *node = &nodes[view->n_nodes++];
            if (!read_node(&view->arena, field.part, node, ok))
                return lat_fail_memory(err);
            node->whole = field.whole;
        } else if (field.number == GRAPH_INITIALIZER) {
            struct lat_onnx_constant *constant = &constants[view->n_constants++];
            read_constant(field.part, constant, ok);
            constant->whole = field.whole;
        } else if (field.number == GRAPH_SPARSE) {
            view->sparse = true;
        }
    }
    view->nodes = nodes;
    view->constants = constants;
    return LAT_OK;
}

/* The fields of the file besides the graph, and the graph. */
static enum lat_status read_model(struct lat_onnx_part file, struct lat_onnx_view *view,
                                  bool *ok, struct lat_error *err)
{
    struct lat_onnx_part rest = file;
    struct field field;
    size_t n = 0;
    while (next_field(&rest, &field, ok))
        n++;
    struct lat_onnx_part *others = lat_arena_alloc(&view->arena, n + 1, sizeof(*others));
    if (!others)
        return lat_fail_memory(err);
    rest = file;
    while (next_field(&rest, &field, ok)) {
        if (field.number == MODEL_GRAPH && field.wire == WIRE_BYTES)
            view->graph = field.part;
        else
            others[view->n_others++] = field.whole;
    }
    view->others = others;
    return LAT_OK;
}

enum lat_status lat_onnx_view_open(const void *bytes, size_t len, struct lat_onnx_view *out,
                                   struct lat_error *err)
{
    struct lat_onnx_view view = {0};
    bool ok = true;
    enum lat_status status = read_model((struct lat_onnx_part){bytes, len}, &view, &ok, err);
    if (status == LAT_OK && ok && view.graph.at)
        status = read_graph(&view, &ok, err);
    if (status == LAT_OK && (!ok || !view.graph.at))
        status = lat_fail(err, LAT_CORRUPT, NULL, "the bytes are no ONNX model");
    if (status == LAT_OK)
        *out = view;
    else
        lat_onnx_view_release(&view);
    return status;
}

void lat_onnx_view_release(struct lat_onnx_view *view)
{
    lat_arena_release(&view->arena);
    *view = (struct lat_onnx_view){0};
}

/* ---- looking ---- */

const struct lat_onnx_node *lat_onnx_maker(const struct lat_onnx_view *view,
                                           struct lat_onnx_part value)
{
    for (size_t i = 0; i < view->n_nodes; i++)
        for (size_t j = 0; j < view->nodes[i].n_outputs; j++)
            if (lat_onnx_same(view->nodes[i].outputs[j], value))
                return &view->nodes[i];
    return NULL;
}

const struct lat_onnx_constant *lat_onnx_constant_of(const struct lat_onnx_view *view,
                                                     struct lat_onnx_part value)
{
    for (size_t i = 0; i < view->n_constants; i++)
        if (lat_onnx_same(view->constants[i].name, value))
            return &view->constants[i];
    return NULL;
}

static const struct lat_onnx_attribute *attribute_of(const struct lat_onnx_node *node,
                                                     const char *name)
{
    for (size_t i = 0; i < node->n_attributes; i++)
        if (lat_onnx_is(node->attributes[i].name, name))
            return &node->attributes[i];
    return NULL;
}

int64_t lat_onnx_int(const struct lat_onnx_node *node, const char *name, int64_t otherwise)
{
    const struct lat_onnx_attribute *attribute = attribute_of(node, name);
    return attribute ? attribute->i : otherwise;
}

float lat_onnx_float(const struct lat_onnx_node *node, const char *name, float otherwise)
{
    const struct lat_onnx_attribute *attribute = attribute_of(node, name);
    return attribute ? attribute->f : otherwise;
}
