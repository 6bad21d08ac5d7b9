/* Rows that move, repeat or sum elements without changing them. The reverse of Expand is a sum,
 * of Slice a Pad, of Concat slices, and the other way round. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

struct slice_part {
    int64_t begin, end;
    V *dy;
};

static bool infer_reduce(G, V *const *inputs, size_t n_inputs,
                         const struct lat_attributes *attributes,
                         struct lat_op_result *out_result)
{
    const struct lat_shape *shape = &inputs[0]->shape;
    int64_t next = 0;
    out_result->shape = *shape;
    for (size_t i = 0; i < attributes->n; i++) {
        if (attributes->ints[i] < next || attributes->ints[i] >= (int64_t)shape->rank) {
            (void)lat_graph_fail(g, LAT_INTERNAL, "axes must be ascending and exist");
            return false;
        }
        next = attributes->ints[i] + 1;
        out_result->shape.dims[attributes->ints[i]] = 1;
    }
    if (!attributes->keep_dims) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "axes are kept; reshape afterwards");
        return false;
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_reshape(G, V *const *inputs, size_t n_inputs,
                          const struct lat_attributes *attributes,
                          struct lat_op_result *out_result)
{
    out_result->shape.rank = attributes->n;
    memcpy(out_result->shape.dims, attributes->ints, sizeof(attributes->ints));
    char from[96];
    char to[96];
    if (lat_shape_elements(&out_result->shape) != lat_shape_elements(&inputs[0]->shape)) {
        (void)lat_graph_fail(g, LAT_INVALID, "%s has not the elements of %s",
                             lat_shape_text(&inputs[0]->shape, from, sizeof(from)),
                             lat_shape_text(&out_result->shape, to, sizeof(to)));
        return false;
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_expand(G, V *const *inputs, size_t n_inputs,
                         const struct lat_attributes *attributes,
                         struct lat_op_result *out_result)
{
    struct lat_shape to = {.rank = attributes->n};
    memcpy(to.dims, attributes->ints, sizeof(attributes->ints));
    if (!lat_shape_broadcast(g, &inputs[0]->shape, &to, &out_result->shape)) {
        return false;
    }
    if (!lat_shape_equal(&to, &out_result->shape)) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "an expanded shape cannot shrink");
        return false;
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_transpose(G, V *const *inputs, size_t n_inputs,
                            const struct lat_attributes *attributes,
                            struct lat_op_result *out_result)
{
    unsigned seen = 0;
    const struct lat_shape *shape = &inputs[0]->shape;
    out_result->shape.rank = shape->rank;
    for (size_t i = 0; i < shape->rank; i++) {
        int64_t from = attributes->ints[i];
        if (from < 0 || from >= (int64_t)shape->rank || (seen >> from & 1U) != 0) {
            (void)lat_graph_fail(g, LAT_INTERNAL, "not a permutation of the axes");
            return false;
        }
        seen |= 1U << from;
        out_result->shape.dims[i] = shape->dims[from];
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_concat(G, V *const *inputs, size_t n_inputs,
                         const struct lat_attributes *attributes,
                         struct lat_op_result *out_result)
{
    struct lat_shape shape = inputs[0]->shape;
    int64_t axis = attributes->axis;
    if (axis < 0 || axis >= (int64_t)shape.rank) {
        (void)lat_graph_fail(g, LAT_INTERNAL, "there is no axis %lld", (long long)axis);
        return false;
    }
    for (size_t i = 1; i < n_inputs; i++) {
        struct lat_shape part = inputs[i]->shape;
        int64_t along = part.rank == shape.rank ? part.dims[axis] : 0;
        part.dims[axis] = shape.dims[axis];
        if (!lat_shape_equal(&part, &shape)) {
            (void)lat_graph_fail(g, LAT_INTERNAL, "part %zu has other axes", i);
            return false;
        }
        shape.dims[axis] += along;
    }
    out_result->shape = shape;
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_slice(G, V *const *inputs, size_t n_inputs,
                        const struct lat_attributes *attributes,
                        struct lat_op_result *out_result)
{
    const struct lat_shape *shape = &inputs[0]->shape;
    out_result->shape.rank = shape->rank;
    for (size_t i = 0; i < shape->rank; i++) {
        int64_t begin = attributes->begin[i];
        int64_t end = attributes->end[i];
        if (begin < 0 || end <= begin || end > shape->dims[i]) {
            (void)lat_graph_fail(g, LAT_INTERNAL, "axis %zu has no range %lld..%lld", i,
                                 (long long)begin, (long long)end);
            return false;
        }
        out_result->shape.dims[i] = end - begin;
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_pad(G, V *const *inputs, size_t n_inputs,
                      const struct lat_attributes *attributes, struct lat_op_result *out_result)
{
    const struct lat_shape *shape = &inputs[0]->shape;
    out_result->shape.rank = shape->rank;
    for (size_t i = 0; i < shape->rank; i++) {
        if (attributes->begin[i] < 0 || attributes->end[i] < 0) {
            (void)lat_graph_fail(g, LAT_INTERNAL, "a pad cannot be negative");
            return false;
        }
        out_result->shape.dims[i] = shape->dims[i] + attributes->begin[i] + attributes->end[i];
    }
    return lat_require_floats(g, inputs, n_inputs);
}

/* The summed axes were kept as 1, which stands for the whole axis: nothing to do. */
static void gradient_reduce(G, V *node, V *dy, V **out_d)
{
    (void)g;
    (void)node;
    out_d[0] = dy;
}

static void gradient_reshape(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_reshape(g, dy, &node->inputs[0]->shape);
}

static void gradient_expand(G, V *node, V *dy, V **out_d)
{
    out_d[0] = lat_graph_sum_to(g, dy, &node->shape, &node->inputs[0]->shape);
}

static void gradient_transpose(G, V *node, V *dy, V **out_d)
{
    int64_t inverse[LAT_TENSOR_MAX_RANK] = {0};
    for (size_t i = 0; i < node->shape.rank; i++) {
        inverse[node->attributes.ints[i]] = (int64_t)i;
    }
    out_d[0] = lat_graph_transpose(g, dy, inverse);
}

static void gradient_concat(G, V *node, V *dy, V **out_d)
{
    int64_t begin[LAT_TENSOR_MAX_RANK] = {0};
    int64_t end[LAT_TENSOR_MAX_RANK];
    int64_t axis = node->attributes.axis;
    memcpy(end, node->shape.dims, sizeof(end));
    end[axis] = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        begin[axis] = end[axis];
        end[axis] += node->inputs[i]->shape.dims[axis];
        out_d[i] = lat_graph_slice(g, dy, begin, end);
    }
}

static void gradient_slice(G, V *node, V *dy, V **out_d)
{
    const struct lat_shape *whole = &node->inputs[0]->shape;
    int64_t after[LAT_TENSOR_MAX_RANK] = {0};
    for (size_t i = 0; i < whole->rank; i++) {
        after[i] = whole->dims[i] - node->attributes.end[i];
    }
    out_d[0] = lat_graph_pad(g, dy, node->attributes.begin, after);
}

static int by_begin(const void *a, const void *b)
{
    const struct slice_part *x = a;
    const struct slice_part *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The one axis along which all slices cut; -1 if they do not agree. */
static int64_t axis_cut(V *const *nodes, size_t n)
{
    const struct lat_shape *whole = &nodes[0]->inputs[0]->shape;
    int64_t axis = -1;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < whole->rank; i++) {
            bool cut = nodes[k]->shape.dims[i] != whole->dims[i];
            if (cut && axis >= 0 && axis != (int64_t)i) {
                return -1;
            }
            axis = cut ? (int64_t)i : axis;
        }
    }
    return axis;
}

/* Slices that tile a value along one axis, as the steps of a sequence or the gates of a cell:
 * its derivative is theirs side by side, and no pad is made. */
static V *joint_slice(G, V *const *nodes, V *const *dys, size_t n, size_t input)
{
    struct slice_part parts[LAT_OP_MAX_INPUTS];
    V *sorted[LAT_OP_MAX_INPUTS];
    (void)input;
    int64_t axis = n <= LAT_OP_MAX_INPUTS ? axis_cut(nodes, n) : -1;
    if (axis < 0) {
        return NULL;
    }
    for (size_t k = 0; k < n; k++) {
        parts[k] = (struct slice_part){nodes[k]->attributes.begin[axis],
                                       nodes[k]->attributes.end[axis], dys[k]};
    }
    qsort(parts, n, sizeof(parts[0]), by_begin);
    int64_t next = 0;
    for (size_t k = 0; k < n; k++) {
        if (parts[k].begin != next) {
            return NULL;
        }
        next = parts[k].end;
        sorted[k] = parts[k].dy;
    }
    bool whole = next == nodes[0]->inputs[0]->shape.dims[axis];
    return whole ? lat_graph_concat(g, sorted, n, axis) : NULL;
}

static void gradient_pad(G, V *node, V *dy, V **out_d)
{
    const struct lat_shape *inner = &node->inputs[0]->shape;
    int64_t end[LAT_TENSOR_MAX_RANK] = {0};
    for (size_t i = 0; i < inner->rank; i++) {
        end[i] = node->attributes.begin[i] + inner->dims[i];
    }
    out_d[0] = lat_graph_slice(g, dy, node->attributes.begin, end);
}

static const struct lat_op_case reduce_cases[] = {
    {"rows", 1, {{2, {3, 4}}}, -2, 2, {.n = 1, .ints = {1}, .keep_dims = true}, false},
    {"outer axes",
     1,
     {{3, {2, 3, 2}}},
     -2,
     2,
     {.n = 2, .ints = {0, 2}, .keep_dims = true},
     false},
};
static const struct lat_op_case reshape_cases[] = {
    {"flatten", 1, {{3, {2, 3, 2}}}, -2, 2, {.n = 2, .ints = {2, 6}}, false},
};
static const struct lat_op_case expand_cases[] = {
    {"a row", 1, {{1, {4}}}, -2, 2, {.n = 2, .ints = {3, 4}}, false},
    {"inner axis", 1, {{3, {2, 1, 3}}}, -2, 2, {.n = 3, .ints = {2, 4, 3}}, false},
};
static const struct lat_op_case transpose_cases[] = {
    {"matrix", 1, {{2, {3, 4}}}, -2, 2, {.n = 2, .ints = {1, 0}}, false},
    {"cycle", 1, {{4, {2, 3, 1, 2}}}, -2, 2, {.n = 4, .ints = {3, 0, 1, 2}}, false},
};
static const struct lat_op_case concat_cases[] = {
    {"columns", 3, {{2, {2, 1}}, {2, {2, 2}}, {2, {2, 3}}}, -2, 2, {.axis = 1}, false},
};
static const struct lat_op_case slice_cases[] = {
    {"inside", 1, {{2, {4, 3}}}, -2, 2, {.n = 2, .begin = {1, 0}, .end = {3, 2}}, false},
};
static const struct lat_op_case pad_cases[] = {
    {"uneven", 1, {{2, {2, 3}}}, -2, 2, {.n = 2, .begin = {1, 0}, .end = {0, 2}}, false},
};

#define FIELD(name) offsetof(struct lat_attributes, name)
static const struct lat_attribute_rule reduce_attributes[] = {
    {"keepdims", LAT_ATTRIBUTE_BOOL, FIELD(keep_dims), 0},
    {NULL, LAT_ATTRIBUTE_INPUT_INTS, FIELD(ints), 0},
};
static const struct lat_attribute_rule reshape_attributes[] = {
    {NULL, LAT_ATTRIBUTE_INPUT_SHAPE, FIELD(ints), 0},
};
static const struct lat_attribute_rule expand_attributes[] = {
    {NULL, LAT_ATTRIBUTE_INPUT_INTS, FIELD(ints), 0},
};
static const struct lat_attribute_rule transpose_attributes[] = {
    {"perm", LAT_ATTRIBUTE_INTS, FIELD(ints), 0},
};
static const struct lat_attribute_rule concat_attributes[] = {
    {"axis", LAT_ATTRIBUTE_INT, FIELD(axis), 0},
};
static const struct lat_attribute_rule slice_attributes[] = {
    {NULL, LAT_ATTRIBUTE_INPUT_INTS, FIELD(begin), 0},
    {NULL, LAT_ATTRIBUTE_INPUT_ENDS, FIELD(end), 0},
};
static const struct lat_attribute_rule pad_attributes[] = {
    {NULL, LAT_ATTRIBUTE_INPUT_PADS, FIELD(begin), 0},
};

#define ROW(id, onnx, n_max, infer_rule, gradient_rule, joint_rule, lazy, rows)                \
    const struct lat_op lat_op_##id = {.name = onnx,                                           \
                                       .min_inputs = 1,                                        \
                                       .max_inputs = n_max,                                    \
                                       .infer = infer_rule,                                    \
                                       .gradient = gradient_rule,                              \
                                       .joint = joint_rule,                                    \
                                       .broadcast_dy = lazy,                                   \
                                       .attributes = rows##_attributes,                        \
                                       .n_attributes = LAT_ARRAY_LEN(rows##_attributes),       \
                                       .cases = rows##_cases,                                  \
                                       .n_cases = LAT_ARRAY_LEN(rows##_cases)}

ROW(reduce_sum, "ReduceSum", 1, infer_reduce, gradient_reduce, NULL, true, reduce);
ROW(reshape, "Reshape", 1, infer_reshape, gradient_reshape, NULL, false, reshape);
ROW(expand, "Expand", 1, infer_expand, gradient_expand, NULL, true, expand);
ROW(transpose, "Transpose", 1, infer_transpose, gradient_transpose, NULL, true, transpose);
ROW(concat, "Concat", LAT_OP_MAX_INPUTS, infer_concat, gradient_concat, NULL, false, concat);
ROW(slice, "Slice", 1, infer_slice, gradient_slice, joint_slice, false, slice);
ROW(pad, "Pad", 1, infer_pad, gradient_pad, NULL, false, pad);
