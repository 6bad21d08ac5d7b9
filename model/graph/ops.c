/* The registry of ops and what their rows share: broadcasting and its reverse. */
#include "model/graph/ops.h"

#include "model/graph/build.h"

#include "base/banned.h"

const struct lat_op *const lat_ops[] = {
    &lat_op_add,         &lat_op_sub,        &lat_op_mul,      &lat_op_div,
    &lat_op_neg,         &lat_op_exp,        &lat_op_log,      &lat_op_sqrt,
    &lat_op_pow,         &lat_op_abs,        &lat_op_sign,     &lat_op_erf,
    &lat_op_max,         &lat_op_min,        &lat_op_greater,  &lat_op_where,
    &lat_op_cast,        &lat_op_identity,   &lat_op_sigmoid,  &lat_op_tanh,
    &lat_op_relu,        &lat_op_elu,        &lat_op_softplus, &lat_op_softmax,
    &lat_op_log_softmax, &lat_op_reduce_sum, &lat_op_reshape,  &lat_op_transpose,
    &lat_op_concat,      &lat_op_slice,      &lat_op_pad,      &lat_op_expand,
    &lat_op_gemm,        &lat_op_matmul,     &lat_op_conv,     &lat_op_conv_transpose,
    &lat_op_top_k,
};
const size_t lat_n_ops = LAT_ARRAY_LEN(lat_ops);

bool lat_require_floats(struct lat_graph *graph, struct lat_value *const *inputs,
                        size_t n_inputs)
{
    for (size_t i = 0; i < n_inputs; i++) {
        if (inputs[i]->dtype != LAT_FLOAT32) {
            (void)lat_graph_fail(graph, LAT_INTERNAL, "input %zu is not float32", i);
            return false;
        }
    }
    return true;
}

bool lat_infer_same(struct lat_graph *graph, struct lat_value *const *inputs, size_t n_inputs,
                    const struct lat_attributes *attributes, struct lat_op_result *out_result)
{
    (void)attributes;
    out_result->shape = inputs[0]->shape;
    return lat_require_floats(graph, inputs, n_inputs);
}

bool lat_shape_broadcast(struct lat_graph *graph, const struct lat_shape *a,
                         const struct lat_shape *b, struct lat_shape *out_shape)
{
    size_t rank = a->rank > b->rank ? a->rank : b->rank;
    struct lat_shape shape = {.rank = rank};
    for (size_t i = 0; i < rank; i++) { /* axes counted from the last */
        int64_t da = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
        int64_t db = i < b->rank ? b->dims[b->rank - 1 - i] : 1;
        if (da != db && da != 1 && db != 1) {
            char left[96];
            char right[96];
            (void)lat_graph_fail(graph, LAT_INVALID, "shapes %s and %s do not go together",
                                 lat_shape_text(a, left, sizeof(left)),
                                 lat_shape_text(b, right, sizeof(right)));
            return false;
        }
        shape.dims[rank - 1 - i] = da != 1 ? da : db;
    }
    *out_shape = shape;
    return true;
}

struct lat_value *lat_graph_sum_to(struct lat_graph *graph, struct lat_value *dy,
                                   const struct lat_shape *from, const struct lat_shape *to)
{
    if (dy == NULL || lat_shape_equal(from, to)) {
        return dy;
    }
    dy = lat_graph_expand(graph, dy, from);
    int64_t axes[LAT_TENSOR_MAX_RANK];
    size_t n = 0;
    size_t ahead = from->rank - to->rank;
    for (size_t i = 0; i < from->rank; i++) {
        bool wider = i < ahead || (to->dims[i - ahead] == 1 && from->dims[i] != 1);
        if (wider) {
            axes[n++] = (int64_t)i;
        }
    }
    if (n > 0) {
        dy = lat_graph_sum(graph, dy, axes, n, true);
    }
    return lat_graph_reshape(graph, dy, to);
}
