/* Elementwise rows: arithmetic, roots and powers, comparisons and masks.
 *
 * A dy may have axes of 1 (ops.h); the rules below only multiply it, which broadcasts by
 * itself, and lat_graph_sum_to takes care of inputs that were broadcast. */
#include <stddef.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

static bool infer_binary(G, V *const *inputs, size_t n_inputs,
                         const struct lat_attributes *attributes,
                         struct lat_op_result *out_result)
{
    (void)attributes;
    return lat_require_floats(g, inputs, n_inputs) &&
           lat_shape_broadcast(g, &inputs[0]->shape, &inputs[1]->shape, &out_result->shape);
}

static bool infer_greater(G, V *const *inputs, size_t n_inputs,
                          const struct lat_attributes *attributes,
                          struct lat_op_result *out_result)
{
    out_result->dtype = LAT_BOOL;
    return infer_binary(g, inputs, n_inputs, attributes, out_result);
}

static bool infer_where(G, V *const *inputs, size_t n_inputs,
                        const struct lat_attributes *attributes,
                        struct lat_op_result *out_result)
{
    (void)attributes;
    struct lat_shape both;
    if (inputs[0]->dtype != LAT_BOOL) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "the condition is not bool");
        return false;
    }
    out_result->dtype = LAT_FLOAT32;
    return lat_require_floats(g, inputs + 1, n_inputs - 1) &&
           lat_shape_broadcast(g, &inputs[1]->shape, &inputs[2]->shape, &both) &&
           lat_shape_broadcast(g, &inputs[0]->shape, &both, &out_result->shape);
}

static bool infer_any(G, V *const *inputs, size_t n_inputs,
                      const struct lat_attributes *attributes, struct lat_op_result *out_result)
{
    (void)g;
    (void)n_inputs;
    (void)attributes;
    out_result->shape = inputs[0]->shape;
    return true;
}

static bool infer_cast(G, V *const *inputs, size_t n_inputs,
                       const struct lat_attributes *attributes,
                       struct lat_op_result *out_result)
{
    out_result->dtype = attributes->to;
    return infer_any(g, inputs, n_inputs, attributes, out_result);
}

static V *to_input(G, V *node, V *d, size_t i)
{
    return lat_graph_sum_to(g, d, &node->shape, &node->inputs[i]->shape);
}

static void gradient_add(G, V *node, V *dy, V **out_d)
{
    out_d[0] = to_input(g, node, dy, 0);
    out_d[1] = to_input(g, node, dy, 1);
}

static void gradient_sub(G, V *node, V *dy, V **out_d)
{
    out_d[0] = to_input(g, node, dy, 0);
    out_d[1] = to_input(g, node, lat_graph_neg(g, dy), 1);
}

static void gradient_mul(G, V *node, V *dy, V **out_d)
{
    V *a = node->inputs[0];
    V *b = node->inputs[1];
    if (a == b) { /* one pass over the elements, not three */
        out_d[0] = lat_graph_mul(g, lat_graph_scale(g, dy, 2), a);
        return;
    }
    out_d[0] = to_input(g, node, lat_graph_mul(g, dy, b), 0);
    out_d[1] = to_input(g, node, lat_graph_mul(g, dy, a), 1);
}

static void gradient_div(G, V *node, V *dy, V **out_d)
{
    V *da = lat_graph_div(g, dy, node->inputs[1]);
    out_d[0] = to_input(g, node, da, 0);
    out_d[1] = to_input(g, node, lat_graph_neg(g, lat_graph_mul(g, da, node)), 1);
}

static void gradient_neg(G, V *node, V *dy, V **out_d)
{
    (void)node;
    out_d[0] = lat_graph_neg(g, dy);
}

static void gradient_exp(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_mul(g, dy, node);
}

static void gradient_log(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_div(g, dy, node->inputs[0]);
}

static void gradient_sqrt(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_div(g, lat_graph_scale(g, dy, 0.5F), node);
}

static void gradient_pow(G, V *node, V *dy, V **out_d)
{
    float n = node->attributes.alpha;
    out_d[0] =
        lat_graph_mul(g, lat_graph_scale(g, dy, n), lat_graph_pow(g, node->inputs[0], n - 1));
}

static void gradient_abs(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_mul(g, dy, lat_graph_sign(g, node->inputs[0]));
}

static void gradient_erf(G, V *node, V *dy, V **out_d)
{
    V *bell = lat_graph_exp(g, lat_graph_neg(g, lat_graph_square(g, node->inputs[0])));
    out_d[0] = lat_graph_mul(g, lat_graph_scale(g, dy, 1.12837917F), bell); /* 2/sqrt(pi) */
}

/* Where both are equal the derivative goes to the second. */
static void gradient_choice(G, V *node, V *dy, V *first_wins, V **out_d)
{
    V *first = lat_graph_mul(g, dy, first_wins);
    out_d[0] = to_input(g, node, first, 0);
    out_d[1] = to_input(g, node, lat_graph_sub(g, dy, first), 1);
}

static void gradient_max(G, V *node, V *dy, V **out_d)
{
    gradient_choice(g, node, dy, lat_graph_mask(g, node->inputs[0], node->inputs[1]), out_d);
}

static void gradient_min(G, V *node, V *dy, V **out_d)
{
    gradient_choice(g, node, dy, lat_graph_mask(g, node->inputs[1], node->inputs[0]), out_d);
}

static void gradient_where(G, V *node, V *dy, V **out_d)
{
    V *zero = lat_graph_scalar(g, 0);
    out_d[1] = to_input(g, node, lat_graph_where(g, node->inputs[0], dy, zero), 1);
    out_d[2] = to_input(g, node, lat_graph_where(g, node->inputs[0], zero, dy), 2);
}

static void gradient_cast(G, V *node, V *dy, V **out_d)
{
    if (node->inputs[0]->dtype == LAT_FLOAT32 && node->dtype == LAT_FLOAT32) {
        out_d[0] = lat_graph_cast(g, dy, LAT_FLOAT32);
    }
}

static void gradient_identity(G, V *node, V *dy, V **out_d)
{
    (void)g;
    (void)node;
    out_d[0] = dy;
}

static const struct lat_op_case binary_cases[] = {
    {"same shape", 2, {{2, {3, 4}}, {2, {3, 4}}}, -2, 2, {0}, false},
    {"row broadcast", 2, {{2, {3, 4}}, {1, {4}}}, -2, 2, {0}, false},
    {"both broadcast", 2, {{3, {2, 1, 3}}, {2, {4, 1}}}, -2, 2, {0}, false},
    {"scalar first", 2, {{0}, {2, {2, 3}}}, -2, 2, {0}, false},
};
static const struct lat_op_case divide_cases[] = {
    {"same shape", 2, {{2, {2, 3}}, {2, {2, 3}}}, 0.5, 2, {0}, false},
    {"row broadcast", 2, {{2, {3, 4}}, {1, {4}}}, 0.5, 2, {0}, false},
};
static const struct lat_op_case signed_cases[] = {
    {"both signs", 1, {{2, {3, 4}}}, -2, 2, {0}, false},
};
static const struct lat_op_case positive_cases[] = {
    {"positive", 1, {{2, {3, 4}}}, 0.5, 2.5, {0}, false},
};
static const struct lat_op_case power_cases[] = {
    {"cube", 1, {{2, {3, 4}}}, -1.5, 1.5, {.alpha = 3}, false},
    {"inverse root", 1, {{2, {3, 4}}}, 0.5, 2, {.alpha = -0.5F}, false},
};
static const struct lat_op_case where_cases[] = {
    {"same shape", 3, {{2, {3, 4}}, {2, {3, 4}}, {2, {3, 4}}}, -2, 2, {0}, true},
    {"broadcast", 3, {{2, {3, 1}}, {1, {4}}, {2, {3, 4}}}, -2, 2, {0}, true},
};
static const struct lat_op_case cast_cases[] = {
    {"to the same type", 1, {{2, {3, 4}}}, -2, 2, {.to = LAT_FLOAT32}, false},
    {"mask to numbers", 1, {{2, {3, 4}}}, 0, 1, {.to = LAT_FLOAT32}, true},
};
static const struct lat_attribute_rule power_attributes[] = {
    {NULL, LAT_ATTRIBUTE_INPUT_FLOAT, offsetof(struct lat_attributes, alpha), 0},
};
static const struct lat_attribute_rule cast_attributes[] = {
    {"to", LAT_ATTRIBUTE_DTYPE, offsetof(struct lat_attributes, to), 0},
};

#define CASES(name) .cases = name##_cases, .n_cases = LAT_ARRAY_LEN(name##_cases)
#define ATTRIBUTES(name)                                                                       \
    .attributes = name##_attributes, .n_attributes = LAT_ARRAY_LEN(name##_attributes)
#define ROW(id, onnx, n, infer_rule, gradient_rule, ...)                                       \
    const struct lat_op lat_op_##id = {.name = onnx,                                           \
                                       .min_inputs = n,                                        \
                                       .max_inputs = n,                                        \
                                       .infer = infer_rule,                                    \
                                       .gradient = gradient_rule,                              \
                                       .broadcast_dy = true,                                   \
                                       __VA_ARGS__}

ROW(add, "Add", 2, infer_binary, gradient_add, CASES(binary));
ROW(sub, "Sub", 2, infer_binary, gradient_sub, CASES(binary));
ROW(mul, "Mul", 2, infer_binary, gradient_mul, CASES(binary));
ROW(div, "Div", 2, infer_binary, gradient_div, CASES(divide));
ROW(max, "Max", 2, infer_binary, gradient_max, CASES(binary));
ROW(min, "Min", 2, infer_binary, gradient_min, CASES(binary));
ROW(neg, "Neg", 1, lat_infer_same, gradient_neg, CASES(signed));
ROW(exp, "Exp", 1, lat_infer_same, gradient_exp, CASES(signed));
ROW(log, "Log", 1, lat_infer_same, gradient_log, CASES(positive));
ROW(sqrt, "Sqrt", 1, lat_infer_same, gradient_sqrt, CASES(positive));
ROW(pow, "Pow", 1, lat_infer_same, gradient_pow, CASES(power), ATTRIBUTES(power));
ROW(abs, "Abs", 1, lat_infer_same, gradient_abs, CASES(signed));
ROW(sign, "Sign", 1, lat_infer_same, NULL, CASES(signed));
ROW(erf, "Erf", 1, lat_infer_same, gradient_erf, CASES(signed));
ROW(greater, "Greater", 2, infer_greater, NULL, CASES(binary));
ROW(where, "Where", 3, infer_where, gradient_where, CASES(where));
ROW(cast, "Cast", 1, infer_cast, gradient_cast, CASES(cast), ATTRIBUTES(cast));
ROW(identity, "Identity", 1, infer_any, gradient_identity, CASES(signed));
