/* From a value backwards, node by node, as long as each says plainly what it does to a row of
 * items. Rows have two axes, batch and items, so that a Reshape or Flatten on the way can move
 * nothing. */
#include "model/onnx_ends.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { MAX_STEPS = 32, MAX_NODES = 4096 };

static struct lat_onnx_part part_of(const char *text)
{
    return (struct lat_onnx_part){(const unsigned char *)text, strlen(text)};
}

static enum lat_status refuse(const char *which, const char *why, struct lat_error *err)
{
    return lat_fail(err, LAT_CAPABILITY, "no_layer", "the %s layer: %s", which, why);
}

static bool is_one_of(struct lat_onnx_part op, const char *const *names)
{
    for (; *names; names++)
        if (lat_onnx_is(op, *names))
            return true;
    return false;
}

static bool passes(const struct lat_onnx_node *node)
{
    static const char *const names[] = {"Identity", "Reshape", "Flatten", "Dropout", NULL};
    return node->n_inputs >= 1 && is_one_of(node->op, names);
}

bool lat_onnx_is_input(const struct lat_onnx_view *view, struct lat_onnx_part value,
                       const char *input)
{
    for (int i = 0; i < MAX_STEPS; i++) {
        if (lat_onnx_is(value, input))
            return true;
        const struct lat_onnx_node *node = lat_onnx_maker(view, value);
        if (!node || !passes(node))
            return false;
        value = node->inputs[0];
    }
    return false;
}

/* ---- a layer ---- */

static bool is_layer(const struct lat_onnx_view *view, const struct lat_onnx_node *node,
                     struct lat_onnx_layer *out)
{
    const bool gemm = lat_onnx_is(node->op, "Gemm");
    if ((!gemm && !lat_onnx_is(node->op, "MatMul")) || node->n_inputs < 2)
        return false;
    const struct lat_onnx_constant *weight = lat_onnx_constant_of(view, node->inputs[1]);
    if (!weight || !weight->elements || weight->rank != 2 ||
        (gemm && lat_onnx_int(node, "transA", 0)))
        return false;
    const bool transposed = gemm && lat_onnx_int(node, "transB", 0);
    struct lat_onnx_layer layer = {.input = node->inputs[0],
                                   .output = node->outputs[0],
                                   .in = (size_t)weight->dims[transposed],
                                   .out = (size_t)weight->dims[!transposed],
                                   .weight = weight,
                                   .transposed = transposed,
                                   .weight_factor = lat_onnx_float(node, "alpha", 1),
                                   .bias_factor = lat_onnx_float(node, "beta", 1)};
    if (gemm && node->n_inputs > 2 && node->inputs[2].len) {
        layer.bias = lat_onnx_constant_of(view, node->inputs[2]);
        if (!layer.bias || !layer.bias->elements ||
            (layer.bias->n != 1 && layer.bias->n != layer.out))
            return false;
    }
    *out = layer;
    return true;
}

float lat_onnx_weight(const struct lat_onnx_layer *layer, size_t in, size_t out)
{
    const size_t at = layer->transposed ? out * layer->in + in : in * layer->out + out;
    return layer->weight_factor * lat_onnx_element(layer->weight, at);
}

float lat_onnx_bias(const struct lat_onnx_layer *layer, size_t out)
{
    if (!layer->bias)
        return 0;
    return layer->bias_factor * lat_onnx_element(layer->bias, layer->bias->n == 1 ? 0 : out);
}

/* ---- the last ---- */

/* The operand of a binary node that is a constant of a number or of one an item; the other
 * one's position. */
static const struct lat_onnx_constant *operand(const struct lat_onnx_view *view,
                                               const struct lat_onnx_node *node, size_t n_items,
                                               size_t *out_other)
{
    for (size_t i = 0; node->n_inputs == 2 && i < 2; i++) {
        const struct lat_onnx_constant *constant = lat_onnx_constant_of(view, node->inputs[i]);
        if (constant && constant->elements && (constant->n == 1 || constant->n == n_items)) {
            *out_other = 1 - i;
            return constant;
        }
    }
    return NULL;
}

/* scale, shift of a sum or product with a constant, put in front of those there are. */
static bool absorb(const struct lat_onnx_view *view, const struct lat_onnx_node *node,
                   size_t n_items, struct lat_onnx_layer *layer, struct lat_onnx_part *out_rest)
{
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", NULL};
    size_t other = 0;
    const struct lat_onnx_constant *constant =
        is_one_of(node->op, names) ? operand(view, node, n_items, &other) : NULL;
    const unsigned char op = constant ? node->op.at[0] : 0;
    if (!constant || (op == 'D' && other == 1))
        return false;
    for (size_t i = 0; i < n_items; i++) {
        const float c = lat_onnx_element(constant, constant->n == 1 ? 0 : i);
        if (op == 'A')
            layer->shift[i] += layer->scale[i] * c;
        else if (op == 'S')
            layer->shift[i] += other == 0 ? -layer->scale[i] * c : layer->scale[i] * c;
        else
            layer->scale[i] *= op == 'M' ? c : 1 / c;
        if (op == 'S' && other == 1)
            layer->scale[i] = -layer->scale[i];
    }
    *out_rest = node->inputs[other];
    return true;
}

/* A function that keeps the order of a row. */
static bool keeps_order(const struct lat_onnx_node *node)
{
    static const char *const names[] = {"Softmax", "LogSoftmax", NULL};
    const int64_t axis = lat_onnx_int(node, "axis", -1);
    return lat_onnx_is(node->op, "Sigmoid") ||
           (is_one_of(node->op, names) && (axis == -1 || axis == 1));
}

static bool start(struct lat_onnx_view *view, size_t n_items, struct lat_onnx_layer *layer)
{
    layer->scale = lat_arena_alloc(&view->arena, n_items, sizeof(float));
    layer->shift = lat_arena_alloc(&view->arena, n_items, sizeof(float));
    for (size_t i = 0; layer->scale && layer->shift && i < n_items; i++)
        layer->scale[i] = 1;
    return layer->scale && layer->shift;
}

enum lat_status lat_onnx_last_layer(struct lat_onnx_view *view, const char *output,
                                    size_t n_items, struct lat_onnx_layer *out,
                                    struct lat_error *err)
{
    struct lat_onnx_part value = part_of(output);
    struct lat_onnx_layer sums = {0}, layer = {0};
    bool plain = true; /* no sum or product so far */
    if (!start(view, n_items, &sums))
        return lat_fail_memory(err);
    for (int i = 0; i < MAX_STEPS; i++) {
        const struct lat_onnx_node *node = lat_onnx_maker(view, value);
        if (!node)
            return refuse("last", "the output is no layer's", err);
        if (is_layer(view, node, &layer)) {
            layer.scale = sums.scale;
            layer.shift = sums.shift;
            if (layer.out != n_items)
                return refuse("last", "it has another width than the vocabulary", err);
            *out = layer;
            return LAT_OK;
        }
        if (passes(node) || (plain && node->n_inputs == 1 && keeps_order(node)))
            value = node->inputs[0];
        else if (absorb(view, node, n_items, &sums, &value))
            plain = false;
        else
            return refuse("last", "something else lies behind it", err);
    }
    return refuse("last", "too much lies behind it", err);
}

/* ---- the first ---- */

enum lat_status lat_onnx_first_layer(const struct lat_onnx_view *view, const char *input,
                                     size_t n_items, struct lat_onnx_layer *out,
                                     struct lat_error *err)
{
    struct lat_onnx_layer layer;
    for (size_t i = 0; i < view->n_nodes && i < MAX_NODES; i++) {
        if (!is_layer(view, &view->nodes[i], &layer) || layer.in != n_items)
            continue;
        const struct lat_onnx_node *before = lat_onnx_maker(view, layer.input);
        layer.unit_length = before && lat_onnx_is(before->op, "Div") && before->n_inputs == 2 &&
                            lat_onnx_is_input(view, before->inputs[0], input);
        if (!layer.unit_length && !lat_onnx_is_input(view, layer.input, input))
            return refuse("first", "it does not take the input as it is", err);
        *out = layer;
        return LAT_OK;
    }
    return refuse("first", "no layer takes the whole vocabulary", err);
}
