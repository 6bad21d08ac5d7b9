/* A part of a graph as a graph of its own. Nodes and constants are copied as they stand; only
 * the input and the output are written anew.
 *
 * What is needed is found from the end: nodes of an ONNX graph come in the order of their
 * running, so one pass backwards meets a node after all that use it. */
#include "model/onnx_view.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, MAX_NODES = 4096 };
enum { MODEL_GRAPH = 7, GRAPH_NAME = 2, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { GRAPH_NODE = 1 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2, ELEMENT_FLOAT = 1 };

/* ---- writing fields ---- */

static void put_varint(struct lat_buf *out, uint64_t value)
{
    while (value >= 0x80) {
        lat_buf_char(out, (char)(unsigned char)(value | 0x80));
        value >>= 7;
    }
    lat_buf_char(out, (char)(unsigned char)value);
}

static void put_number(struct lat_buf *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3 | WIRE_VARINT);
    put_varint(out, value);
}

static void put_bytes(struct lat_buf *out, unsigned field, const void *bytes, size_t len)
{
    put_varint(out, field << 3 | WIRE_BYTES);
    put_varint(out, len);
    lat_buf_append(out, bytes, len);
}

static void put_text(struct lat_buf *out, unsigned field, const char *text)
{
    put_bytes(out, field, text, strlen(text));
}

/* Appends `inner` as a field of `out` and empties it; its failure becomes out's. */
static void put_message(struct lat_buf *out, unsigned field, struct lat_buf *inner)
{
    if (inner->status != LAT_OK && out->status == LAT_OK)
        out->status = inner->status;
    put_bytes(out, field, inner->data ? inner->data : "", inner->len);
    lat_buf_clear(inner);
}

/* A value of float32 [batch, width]. */
static void put_value(struct lat_buf *out, unsigned field, const char *name, size_t width)
{
    struct lat_buf dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    put_text(&dim, DIM_PARAM, "batch");
    put_message(&shape, SHAPE_DIM, &dim);
    put_number(&dim, DIM_VALUE, width);
    put_message(&shape, SHAPE_DIM, &dim);
    put_number(&tensor, TENSOR_ELEMENT, ELEMENT_FLOAT);
    put_message(&tensor, TENSOR_SHAPE, &shape);
    put_message(&type, TYPE_TENSOR, &tensor);
    put_text(&value, VALUE_NAME, name);
    put_message(&value, VALUE_TYPE, &type);
    put_message(out, field, &value);
    lat_buf_release(&dim);
    lat_buf_release(&shape);
    lat_buf_release(&tensor);
    lat_buf_release(&type);
    lat_buf_release(&value);
}

/* A node that gives a value another name. */
static void put_alias(struct lat_buf *out, struct lat_onnx_part from, struct lat_onnx_part to)
{
    struct lat_buf node = {0};
    put_bytes(&node, NODE_INPUT, from.at, from.len);
    put_bytes(&node, NODE_OUTPUT, to.at, to.len);
    put_text(&node, NODE_OP, "Identity");
    put_message(out, GRAPH_NODE, &node);
    lat_buf_release(&node);
}

/* ---- what is needed ---- */

struct slice {
    const struct lat_onnx_view *view;
    const struct lat_onnx_cut *cut;
    bool *nodes, *constants; /* wanted */
};

static bool uses(const struct slice *slice, struct lat_onnx_part value)
{
    const struct lat_onnx_view *view = slice->view;
    if (lat_onnx_same(slice->cut->to, value))
        return true;
    for (size_t i = 0; i < view->n_nodes; i++)
        for (size_t j = 0; slice->nodes[i] && j < view->nodes[i].n_inputs; j++)
            if (lat_onnx_same(view->nodes[i].inputs[j], value))
                return true;
    return false;
}

static enum lat_status refuse(const char *why, struct lat_error *err)
{
    return lat_fail(err, LAT_CAPABILITY, "no_layer", "the graph cannot be cut: %s", why);
}

/* Where an input of a wanted node comes from. */
static enum lat_status want_input(struct slice *slice, struct lat_onnx_part value,
                                  struct lat_error *err)
{
    const struct lat_onnx_view *view = slice->view;
    if (value.len == 0 || lat_onnx_same(value, slice->cut->from) || lat_onnx_maker(view, value))
        return LAT_OK;
    const struct lat_onnx_constant *constant = lat_onnx_constant_of(view, value);
    if (!constant)
        return refuse("another way leads around the layer", err);
    if (constant->outside)
        return refuse("weights in a file of their own", err);
    slice->constants[constant - view->constants] = true;
    return LAT_OK;
}

static enum lat_status want(struct slice *slice, struct lat_error *err)
{
    const struct lat_onnx_view *view = slice->view;
    enum lat_status status = LAT_OK;
    for (size_t i = view->n_nodes; status == LAT_OK && i-- > 0;) {
        const struct lat_onnx_node *node = &view->nodes[i];
        for (size_t j = 0; j < node->n_outputs; j++) {
            if (lat_onnx_same(node->outputs[j], slice->cut->from))
                continue;
            slice->nodes[i] = slice->nodes[i] || uses(slice, node->outputs[j]);
        }
        for (size_t j = 0; slice->nodes[i] && j < node->n_attributes; j++)
            if (node->attributes[j].is_graph)
                return refuse("a node has a graph of its own", err);
        for (size_t j = 0; slice->nodes[i] && status == LAT_OK && j < node->n_inputs; j++)
            status = want_input(slice, node->inputs[j], err);
    }
    return status;
}

/* ---- the file ---- */

static void write_graph(const struct slice *slice, struct lat_buf *graph)
{
    const struct lat_onnx_view *view = slice->view;
    const struct lat_onnx_cut *cut = slice->cut;
    static const char from[] = "from", to[] = "to";
    const struct lat_onnx_part new_from = {(const unsigned char *)from, sizeof(from) - 1};
    const struct lat_onnx_part new_to = {(const unsigned char *)to, sizeof(to) - 1};
    put_text(graph, GRAPH_NAME, "slice");
    put_value(graph, GRAPH_INPUT, from, cut->from_width);
    put_value(graph, GRAPH_OUTPUT, to, cut->to_width);
    if (!lat_onnx_same(cut->from, new_from))
        put_alias(graph, new_from, cut->from);
    for (size_t i = 0; i < view->n_nodes; i++)
        if (slice->nodes[i])
            lat_buf_append(graph, view->nodes[i].whole.at, view->nodes[i].whole.len);
    for (size_t i = 0; i < view->n_constants; i++)
        if (slice->constants[i])
            lat_buf_append(graph, view->constants[i].whole.at, view->constants[i].whole.len);
    if (!lat_onnx_same(cut->to, new_to))
        put_alias(graph, cut->to, new_to);
}

/* The graph's own names "from" and "to" would be taken twice. */
static bool has_name(const struct lat_onnx_view *view, const char *name)
{
    const struct lat_onnx_part part = {(const unsigned char *)name, strlen(name)};
    return lat_onnx_maker(view, part) || lat_onnx_constant_of(view, part);
}

enum lat_status lat_onnx_slice(const struct lat_onnx_view *view, const struct lat_onnx_cut *cut,
                               struct lat_buf *out, struct lat_error *err)
{
    struct lat_buf graph = {0};
    struct slice slice = {.view = view, .cut = cut};
    if (view->sparse || view->n_nodes > MAX_NODES || has_name(view, "from") ||
        has_name(view, "to"))
        return refuse("it has parts that are not read", err);
    slice.nodes = lat_alloc(view->n_nodes + 1, sizeof(bool));
    slice.constants = lat_alloc(view->n_constants + 1, sizeof(bool));
    enum lat_status status = slice.nodes && slice.constants ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = want(&slice, err);
    if (status == LAT_OK) {
        write_graph(&slice, &graph);
        for (size_t i = 0; i < view->n_others; i++)
            lat_buf_append(out, view->others[i].at, view->others[i].len);
        put_message(out, MODEL_GRAPH, &graph);
        status = lat_buf_check(out, err);
    }
    lat_buf_release(&graph);
    lat_free(slice.nodes);
    lat_free(slice.constants);
    return status;
}
