/* Matrix products. Gemm carries its transposes, so no derivative ever moves a matrix. */
#include <stddef.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

static bool fail_shapes(G, V *const *inputs, size_t n_inputs)
{
    char a[96];
    char b[96];
    char bias[96];
    (void)lat_graph_fail(
        g, LAT_INVALID, "shapes %s and %s%s%s do not fit",
        lat_shape_text(&inputs[0]->shape, a, sizeof(a)),
        lat_shape_text(&inputs[1]->shape, b, sizeof(b)), n_inputs > 2 ? " and " : "",
        n_inputs > 2 ? lat_shape_text(&inputs[2]->shape, bias, sizeof(bias)) : "");
    return false;
}

static bool infer_gemm(G, V *const *inputs, size_t n_inputs,
                       const struct lat_attributes *attributes,
                       struct lat_op_result *out_result)
{
    const struct lat_shape *a = &inputs[0]->shape;
    const struct lat_shape *b = &inputs[1]->shape;
    int ta = attributes->trans_a ? 1 : 0;
    int tb = attributes->trans_b ? 1 : 0;
    if (a->rank != 2 || b->rank != 2 || a->dims[1 - ta] != b->dims[tb]) {
        return fail_shapes(g, inputs, n_inputs);
    }
    int64_t columns = b->dims[1 - tb];
    struct lat_shape product = {2, {a->dims[ta], columns}};
    struct lat_shape row = {1, {columns}};
    if (n_inputs > 2 && !lat_shape_equal(&inputs[2]->shape, &row) &&
        !lat_shape_equal(&inputs[2]->shape, &product)) {
        return fail_shapes(g, inputs, n_inputs);
    }
    out_result->shape = product;
    return lat_require_floats(g, inputs, n_inputs);
}

/* y = A B: dA = dy B', dB = A' dy; a transposed input gets the transpose of that. */
static void gradient_gemm(G, V *node, V *dy, V **out_d)
{
    V *a = node->inputs[0];
    V *b = node->inputs[1];
    bool ta = node->attributes.trans_a;
    bool tb = node->attributes.trans_b;
    out_d[0] = ta ? lat_graph_gemm(g, b, tb, dy, true, NULL)
                  : lat_graph_gemm(g, dy, false, b, !tb, NULL);
    out_d[1] = tb ? lat_graph_gemm(g, dy, true, a, ta, NULL)
                  : lat_graph_gemm(g, a, !ta, dy, false, NULL);
    if (node->n_inputs > 2) {
        out_d[2] = lat_graph_sum_to(g, dy, &node->shape, &node->inputs[2]->shape);
    }
}

/* `n` matrices of one shape, side by side and then one above the other: their rows, item by
 * item. */
static V *stack(G, V *const *parts, size_t n)
{
    V *wide = lat_graph_concat(g, parts, n, 1);
    const struct lat_shape *one = &parts[0]->shape;
    struct lat_shape tall = {2, {one->dims[0] * (int64_t)n, one->dims[1]}};
    return lat_graph_reshape(g, wide, &tall);
}

/* Products A_t B with one B, as of a network unrolled over time: sum A_t' dy_t is one product
 * of all rows. */
static V *joint_gemm(G, V *const *nodes, V *const *dys, size_t n, size_t i)
{
    V *lefts[LAT_OP_MAX_INPUTS];
    bool fits = i == 1 && n <= LAT_OP_MAX_INPUTS;
    for (size_t k = 0; fits && k < n; k++) {
        lefts[k] = nodes[k]->inputs[0];
        fits = !nodes[k]->attributes.trans_a && !nodes[k]->attributes.trans_b &&
               lat_shape_equal(&lefts[k]->shape, &lefts[0]->shape);
    }
    return fits ? lat_graph_gemm(g, stack(g, lefts, n), true, stack(g, dys, n), false, NULL)
                : NULL;
}

static bool infer_matmul(G, V *const *inputs, size_t n_inputs,
                         const struct lat_attributes *attributes,
                         struct lat_op_result *out_result)
{
    (void)attributes;
    const struct lat_shape *a = &inputs[0]->shape;
    const struct lat_shape *b = &inputs[1]->shape;
    bool fits =
        a->rank >= 2 && a->rank == b->rank && a->dims[a->rank - 1] == b->dims[a->rank - 2];
    for (size_t i = 0; fits && i + 2 < a->rank; i++) {
        fits = a->dims[i] == b->dims[i];
    }
    if (!fits) {
        return fail_shapes(g, inputs, n_inputs);
    }
    out_result->shape = *a;
    out_result->shape.dims[a->rank - 1] = b->dims[a->rank - 1];
    return lat_require_floats(g, inputs, n_inputs);
}

static V *transpose_last(G, V *a)
{
    int64_t perm[LAT_TENSOR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t rank = a->shape.rank;
    perm[rank - 1] = (int64_t)rank - 2;
    perm[rank - 2] = (int64_t)rank - 1;
    return lat_graph_transpose(g, a, perm);
}

static void gradient_matmul(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_matmul(g, dy, transpose_last(g, node->inputs[1]));
    out_d[1] = lat_graph_matmul(g, transpose_last(g, node->inputs[0]), dy);
}

static const struct lat_op_case gemm_cases[] = {
    {"plain", 2, {{2, {2, 3}}, {2, {3, 4}}}, -1, 1, {0}, false},
    {"bias", 3, {{2, {2, 3}}, {2, {3, 4}}, {1, {4}}}, -1, 1, {0}, false},
    {"bias of every element", 3, {{2, {2, 3}}, {2, {3, 4}}, {2, {2, 4}}}, -1, 1, {0}, false},
    {"left transposed", 2, {{2, {3, 2}}, {2, {3, 4}}}, -1, 1, {.trans_a = true}, false},
    {"right transposed",
     3,
     {{2, {2, 3}}, {2, {4, 3}}, {1, {4}}},
     -1,
     1,
     {.trans_b = true},
     false},
    {"both transposed",
     2,
     {{2, {3, 2}}, {2, {4, 3}}},
     -1,
     1,
     {.trans_a = true, .trans_b = true},
     false},
};
static const struct lat_op_case matmul_cases[] = {
    {"matrix", 2, {{2, {2, 3}}, {2, {3, 2}}}, -1, 1, {0}, false},
    {"batch", 2, {{3, {2, 2, 3}}, {3, {2, 3, 2}}}, -1, 1, {0}, false},
};
static const struct lat_attribute_rule gemm_attributes[] = {
    {"transA", LAT_ATTRIBUTE_BOOL, offsetof(struct lat_attributes, trans_a), 0},
    {"transB", LAT_ATTRIBUTE_BOOL, offsetof(struct lat_attributes, trans_b), 0},
};

const struct lat_op lat_op_gemm = {.name = "Gemm",
                                   .min_inputs = 2,
                                   .max_inputs = 3,
                                   .infer = infer_gemm,
                                   .gradient = gradient_gemm,
                                   .joint = joint_gemm,
                                   .attributes = gemm_attributes,
                                   .n_attributes = LAT_ARRAY_LEN(gemm_attributes),
                                   .cases = gemm_cases,
                                   .n_cases = LAT_ARRAY_LEN(gemm_cases)};

const struct lat_op lat_op_matmul = {.name = "MatMul",
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .infer = infer_matmul,
                                     .gradient = gradient_matmul,
                                     .cases = matmul_cases,
                                     .n_cases = LAT_ARRAY_LEN(matmul_cases)};
