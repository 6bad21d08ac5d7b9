/* The ops: one row each, with its ONNX name, what it makes of its inputs, its gradient, and the
 * cases by which tests/unit/graph holds the gradient to finite differences.
 *
 * Gradient rules are written with graph ops, so a gradient can be differentiated again. Adding
 * an op is one row in the file of its kind and one line in lat_ops (ops.c). */
#ifndef LAT_MODEL_GRAPH_OPS_H
#define LAT_MODEL_GRAPH_OPS_H

#include "model/graph/graph.h"

enum { LAT_OP_MAX_INPUTS = 1024, LAT_CASE_MAX_INPUTS = 3 };

struct lat_op_result {
    enum lat_dtype dtype; /* preset to the first input's */
    struct lat_shape shape;
};

/* How a field of lat_attributes gets into the file. */
enum lat_attribute_form {
    LAT_ATTRIBUTE_INT, /* int64 or bool field as an ONNX integer attribute */
    LAT_ATTRIBUTE_BOOL,
    LAT_ATTRIBUTE_FLOAT,
    LAT_ATTRIBUTE_INTS, /* `count` int64 as an ONNX attribute */
    LAT_ATTRIBUTE_DTYPE,
    LAT_ATTRIBUTE_INPUT_INTS,  /* `count` int64 as one more (constant) input */
    LAT_ATTRIBUTE_INPUT_FLOAT, /* a scalar as one more input */
    LAT_ATTRIBUTE_INPUT_SHAPE, /* like INPUT_INTS; the first, where there is one, becomes -1 */
    LAT_ATTRIBUTE_INPUT_PADS,  /* `begin` and `end` as one more input, one after the other */
    LAT_ATTRIBUTE_INPUT_ENDS   /* like INPUT_INTS, without bound where an axis is cut at its own
                                * end: it may be an open batch */
};

struct lat_attribute_rule {
    const char *name; /* in ONNX; NULL for inputs */
    enum lat_attribute_form form;
    size_t offset; /* in struct lat_attributes */
    size_t count;  /* of INTS and INPUT_INTS; 0 means lat_attributes.n */
};

/* One call of the op for the finite-difference test. Inputs get distinct values spread evenly
 * over [low, high] in random order: apart from each other and, for low = -high, from 0. */
struct lat_op_case {
    const char *what;
    size_t n_inputs;
    struct lat_shape shapes[LAT_CASE_MAX_INPUTS];
    double low, high;
    struct lat_attributes attributes;
    bool first_is_mask; /* input 0 is bool */
};

struct lat_op {
    const char *name; /* in ONNX, opset 17 */
    unsigned min_inputs, max_inputs;
    bool (*infer)(struct lat_graph *graph, struct lat_value *const *inputs, size_t n_inputs,
                  const struct lat_attributes *attributes, struct lat_op_result *out_result);
    /* Writes out_d[i], the derivative by input i, or leaves it NULL where there is none. dy is
     * the derivative by the node. Rules of rows with `broadcast_dy` accept a dy with axes of 1
     * that stand for the whole axis, and may give such derivatives; for the others dy has the
     * node's shape. A row without a rule has derivative zero almost everywhere. */
    void (*gradient)(struct lat_graph *graph, struct lat_value *node, struct lat_value *dy,
                     struct lat_value **out_d);
    bool broadcast_dy;
    /* Optional. What `n` (two or more) nodes of this row pass back together to one value, their
     * input `i`: a shortcut for the sum of what `gradient` says of each (slices that tile the
     * value, products with one matrix). dys have the nodes' shapes. NULL where there is none.
     */
    struct lat_value *(*joint)(struct lat_graph *graph, struct lat_value *const *nodes,
                               struct lat_value *const *dys, size_t n, size_t i);
    size_t spare_outputs; /* ONNX has them behind the first; they are named and not used */
    const struct lat_attribute_rule *attributes;
    size_t n_attributes;
    const struct lat_op_case *cases;
    size_t n_cases;
};

extern const struct lat_op *const lat_ops[];
extern const size_t lat_n_ops;

/* elementwise.c */
extern const struct lat_op lat_op_add, lat_op_sub, lat_op_mul, lat_op_div, lat_op_neg,
    lat_op_exp, lat_op_log, lat_op_sqrt, lat_op_pow, lat_op_abs, lat_op_sign, lat_op_erf,
    lat_op_max, lat_op_min, lat_op_greater, lat_op_where, lat_op_cast, lat_op_identity;
/* activation.c */
extern const struct lat_op lat_op_sigmoid, lat_op_tanh, lat_op_relu, lat_op_elu,
    lat_op_softplus, lat_op_softmax, lat_op_log_softmax;
/* shaping.c */
extern const struct lat_op lat_op_reduce_sum, lat_op_reshape, lat_op_transpose, lat_op_concat,
    lat_op_slice, lat_op_pad, lat_op_expand;
/* selection.c */
extern const struct lat_op lat_op_top_k;
/* linear.c */
extern const struct lat_op lat_op_gemm, lat_op_matmul;
/* convolution.c */
extern const struct lat_op lat_op_conv, lat_op_conv_transpose;

/* ---- for the rows ---- */

/* The numpy broadcast of two shapes, false (with words in the graph) when there is none. */
bool lat_shape_broadcast(struct lat_graph *graph, const struct lat_shape *a,
                         const struct lat_shape *b, struct lat_shape *out_shape);

/* Sums `dy`, the derivative by a value of shape `from`, over the axes along which `to` was
 * broadcast. dy may have axes of 1. */
struct lat_value *lat_graph_sum_to(struct lat_graph *graph, struct lat_value *dy,
                                   const struct lat_shape *from, const struct lat_shape *to);

/* infer rules shared by files: same shape and type as input 0. */
bool lat_infer_same(struct lat_graph *graph, struct lat_value *const *inputs, size_t n_inputs,
                    const struct lat_attributes *attributes, struct lat_op_result *out_result);

/* All inputs float32, or words. */
bool lat_require_floats(struct lat_graph *graph, struct lat_value *const *inputs,
                        size_t n_inputs);

#endif
