/* Activation rows. Derivatives are written with the node's own output where that saves a pass.
 */
#include <stddef.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

/* y (1 - y) */
static void gradient_sigmoid(G, V *node, V *dy, V **out_d)
{
    V *slope = lat_graph_sub(g, node, lat_graph_square(g, node));
    out_d[0] = lat_graph_mul(g, dy, slope);
}

/* 1 - y^2 */
static void gradient_tanh(G, V *node, V *dy, V **out_d)
{
    V *slope = lat_graph_sub(g, lat_graph_scalar(g, 1), lat_graph_square(g, node));
    out_d[0] = lat_graph_mul(g, dy, slope);
}

static void gradient_relu(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_mul(g, dy, lat_graph_mask(g, node, lat_graph_scalar(g, 0)));
}

/* 1 for x > 0, else y + alpha: with alpha 1 both are min(y, 0) + 1. */
static void gradient_elu(G, V *node, V *dy, V **out_d)
{
    V *slope = lat_graph_shift(g, lat_graph_min(g, node, lat_graph_scalar(g, 0)), 1);
    out_d[0] = lat_graph_mul(g, dy, slope);
}

static void gradient_softplus(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_mul(g, dy, lat_graph_sigmoid(g, node->inputs[0]));
}

static V *sum_last(G, V *a)
{
    int64_t axis = a != NULL ? (int64_t)a->shape.rank - 1 : 0;
    return lat_graph_sum(g, a, &axis, 1, true);
}

/* y (dy - sum(dy y)) */
static void gradient_softmax(G, V *node, V *dy, V **out_d)
{
    V *mean = sum_last(g, lat_graph_mul(g, dy, node));
    out_d[0] = lat_graph_mul(g, node, lat_graph_sub(g, dy, mean));
}

/* dy - softmax(x) sum(dy) */
static void gradient_log_softmax(G, V *node, V *dy, V **out_d)
{
    V *share = lat_graph_mul(g, lat_graph_exp(g, node), sum_last(g, dy));
    out_d[0] = lat_graph_sub(g, dy, share);
}

static bool infer_elu(G, V *const *inputs, size_t n_inputs,
                      const struct lat_attributes *attributes, struct lat_op_result *out_result)
{
    if (attributes->alpha < 1 || attributes->alpha > 1) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "only alpha 1 has a gradient rule");
        return false;
    }
    return lat_infer_same(g, inputs, n_inputs, attributes, out_result);
}

static bool infer_last(G, V *const *inputs, size_t n_inputs,
                       const struct lat_attributes *attributes,
                       struct lat_op_result *out_result)
{
    if (inputs[0]->shape.rank == 0 || attributes->axis != -1) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "only the last axis is supported");
        return false;
    }
    return lat_infer_same(g, inputs, n_inputs, attributes, out_result);
}

static const struct lat_op_case activation_cases[] = {
    {"both signs", 1, {{2, {3, 4}}}, -2, 2, {0}, false},
};
static const struct lat_op_case elu_cases[] = {
    {"both signs", 1, {{2, {3, 4}}}, -2, 2, {.alpha = 1}, false},
};
static const struct lat_op_case last_axis_cases[] = {
    {"matrix", 1, {{2, {3, 4}}}, -2, 2, {.axis = -1}, false},
    {"three axes", 1, {{3, {2, 2, 3}}}, -2, 2, {.axis = -1}, false},
};
static const struct lat_attribute_rule elu_attributes[] = {
    {"alpha", LAT_ATTRIBUTE_FLOAT, offsetof(struct lat_attributes, alpha), 0},
};
static const struct lat_attribute_rule axis_attributes[] = {
    {"axis", LAT_ATTRIBUTE_INT, offsetof(struct lat_attributes, axis), 0},
};

#define CASES(name) .cases = name##_cases, .n_cases = LAT_ARRAY_LEN(name##_cases)
#define ATTRIBUTES(name)                                                                       \
    .attributes = name##_attributes, .n_attributes = LAT_ARRAY_LEN(name##_attributes)
#define ROW(id, onnx, infer_rule, lazy, ...)                                                   \
    const struct lat_op lat_op_##id = {.name = onnx,                                           \
                                       .min_inputs = 1,                                        \
                                       .max_inputs = 1,                                        \
                                       .infer = infer_rule,                                    \
                                       .gradient = gradient_##id,                              \
                                       .broadcast_dy = lazy,                                   \
                                       __VA_ARGS__}

ROW(sigmoid, "Sigmoid", lat_infer_same, true, CASES(activation));
ROW(tanh, "Tanh", lat_infer_same, true, CASES(activation));
ROW(relu, "Relu", lat_infer_same, true, CASES(activation));
ROW(elu, "Elu", infer_elu, true, CASES(elu), ATTRIBUTES(elu));
ROW(softplus, "Softplus", lat_infer_same, true, CASES(activation));
ROW(softmax, "Softmax", infer_last, false, CASES(last_axis), ATTRIBUTES(axis));
ROW(log_softmax, "LogSoftmax", infer_last, false, CASES(last_axis), ATTRIBUTES(axis));
