/* Rows that pick elements by their values. ONNX's TopK has a second output, the places; the row
 * is of the values alone. */
#include <stddef.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

static bool infer_top_k(G, V *const *inputs, size_t n_inputs,
                        const struct lat_attributes *attributes,
                        struct lat_op_result *out_result)
{
    const struct lat_shape *shape = &inputs[0]->shape;
    if (shape->rank != 2 || attributes->n != 1 || attributes->ints[0] < 1 ||
        attributes->ints[0] > shape->dims[1]) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "the largest %lld of each row are not there",
                             (long long)attributes->ints[0]);
        return false;
    }
    out_result->shape = (struct lat_shape){2, {shape->dims[0], attributes->ints[0]}};
    return lat_require_floats(g, inputs, n_inputs);
}

/* dx[n, m] is the sum of dy[n, j] over the places j where the j-th largest is x[n, m]. Equal
 * elements share a place; they are not told apart. */
static void gradient_top_k(G, V *node, V *dy, V **out_d)
{
    V *x = node->inputs[0];
    const int64_t n = x->shape.dims[0];
    const int64_t m = x->shape.dims[1];
    const int64_t k = node->shape.dims[1];
    V *all = lat_graph_reshape(g, x, &(struct lat_shape){3, {n, 1, m}});
    V *chosen = lat_graph_reshape(g, node, &(struct lat_shape){3, {n, k, 1}});
    V *apart = lat_graph_add(g, lat_graph_mask(g, all, chosen), lat_graph_mask(g, chosen, all));
    V *same = lat_graph_shift(g, lat_graph_neg(g, apart), 1);
    V *spread = lat_graph_reshape(g, dy, &(struct lat_shape){3, {n, 1, k}});
    out_d[0] = lat_graph_reshape(g, lat_graph_matmul(g, spread, same), &x->shape);
}

static const struct lat_op_case top_k_cases[] = {
    {"one", 1, {{2, {3, 4}}}, -2, 2, {.n = 1, .ints = {1}, .axis = -1}, false},
    {"some", 1, {{2, {3, 5}}}, -2, 2, {.n = 1, .ints = {2}, .axis = -1}, false},
    {"all, sorted", 1, {{2, {2, 4}}}, -2, 2, {.n = 1, .ints = {4}, .axis = -1}, false},
};
static const struct lat_attribute_rule top_k_attributes[] = {
    {"axis", LAT_ATTRIBUTE_INT, offsetof(struct lat_attributes, axis), 0},
    {NULL, LAT_ATTRIBUTE_INPUT_INTS, offsetof(struct lat_attributes, ints), 0},
};

const struct lat_op lat_op_top_k = {.name = "TopK",
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .infer = infer_top_k,
                                    .gradient = gradient_top_k,
                                    .spare_outputs = 1,
                                    .attributes = top_k_attributes,
                                    .n_attributes = LAT_ARRAY_LEN(top_k_attributes),
                                    .cases = top_k_cases,
                                    .n_cases = LAT_ARRAY_LEN(top_k_cases)};
