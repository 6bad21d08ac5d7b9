/* Builders: the ops as C calls, and the small compositions of them. All follow the graph's
 * sticky error: NULL in, NULL out. Binary ops broadcast as numpy does. */
#ifndef LAT_MODEL_GRAPH_BUILD_H
#define LAT_MODEL_GRAPH_BUILD_H

#include "model/graph/graph.h"

struct lat_value *lat_graph_add(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_sub(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_mul(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_div(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_max(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_min(struct lat_graph *g, struct lat_value *a, struct lat_value *b);

/* number * a, a + number, a ^ number. */
struct lat_value *lat_graph_scale(struct lat_graph *g, struct lat_value *a, float number);
struct lat_value *lat_graph_shift(struct lat_graph *g, struct lat_value *a, float number);
struct lat_value *lat_graph_pow(struct lat_graph *g, struct lat_value *a, float number);

struct lat_value *lat_graph_neg(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_exp(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_log(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_sqrt(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_abs(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_sign(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_erf(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_square(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_clip(struct lat_graph *g, struct lat_value *a, float low,
                                 float high);

/* a > b as bool; 1.0 where a > b, else 0.0. */
struct lat_value *lat_graph_greater(struct lat_graph *g, struct lat_value *a,
                                    struct lat_value *b);
struct lat_value *lat_graph_mask(struct lat_graph *g, struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_where(struct lat_graph *g, struct lat_value *condition,
                                  struct lat_value *a, struct lat_value *b);
struct lat_value *lat_graph_cast(struct lat_graph *g, struct lat_value *a, enum lat_dtype to);

struct lat_value *lat_graph_sigmoid(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_tanh(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_relu(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_elu(struct lat_graph *g, struct lat_value *a); /* alpha 1 */
/* Hendrycks & Gimpel 2016, the exact form: a * Phi(a). */
struct lat_value *lat_graph_gelu(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_silu(struct lat_graph *g, struct lat_value *a); /* a * sigmoid(a) */
struct lat_value *lat_graph_softplus(struct lat_graph *g, struct lat_value *a);
struct lat_value *lat_graph_softmax(struct lat_graph *g, struct lat_value *a); /* last axis */
struct lat_value *lat_graph_log_softmax(struct lat_graph *g,
                                        struct lat_value *a); /* last axis */

/* Sum over `axes` (ascending; n = 0: all). Large sums are made in stages, last axes first: the
 * runtime adds naively, and 200,000 floats in one go lose four digits. */
struct lat_value *lat_graph_sum(struct lat_graph *g, struct lat_value *a, const int64_t *axes,
                                size_t n, bool keep_dims);
struct lat_value *lat_graph_mean(struct lat_graph *g, struct lat_value *a, const int64_t *axes,
                                 size_t n, bool keep_dims);

struct lat_value *lat_graph_reshape(struct lat_graph *g, struct lat_value *a,
                                    const struct lat_shape *shape);
struct lat_value *lat_graph_expand(struct lat_graph *g, struct lat_value *a,
                                   const struct lat_shape *shape);
/* The axes in the order `perm` (one an axis). */
struct lat_value *lat_graph_transpose(struct lat_graph *g, struct lat_value *a,
                                      const int64_t *perm);
struct lat_value *lat_graph_concat(struct lat_graph *g, struct lat_value *const *parts,
                                   size_t n, int64_t axis);
/* Elements begin <= i < end of every axis. */
struct lat_value *lat_graph_slice(struct lat_graph *g, struct lat_value *a,
                                  const int64_t *begin, const int64_t *end);
/* Zeros: begin[i] before and end[i] after along axis i. */
struct lat_value *lat_graph_pad(struct lat_graph *g, struct lat_value *a, const int64_t *begin,
                                const int64_t *end);
/* [n, m] -> [n, k]: the k largest of each row, largest first. k from 1 to m. */
struct lat_value *lat_graph_top_k(struct lat_graph *g, struct lat_value *a, int64_t k);
struct lat_value *lat_graph_fill(struct lat_graph *g, const struct lat_shape *shape,
                                 float number);

/* op(a) op(b) + bias; matrices, op transposes where asked; bias [columns], [rows, columns] or
 * NULL. */
struct lat_value *lat_graph_gemm(struct lat_graph *g, struct lat_value *a, bool trans_a,
                                 struct lat_value *b, bool trans_b, struct lat_value *bias);
/* [..., m, k] times [..., k, n], leading axes equal. */
struct lat_value *lat_graph_matmul(struct lat_graph *g, struct lat_value *a,
                                   struct lat_value *b);

struct lat_convolution {
    int64_t strides[2], pads[4], dilations[2]; /* pads: top, left, bottom, right */
    int64_t output_padding[2];                 /* transposed only: bottom, right */
};
/* x [n, ci, h, w], w [co, ci, kh, kw], bias [co] or NULL. */
struct lat_value *lat_graph_conv(struct lat_graph *g, struct lat_value *x, struct lat_value *w,
                                 struct lat_value *bias, const struct lat_convolution *how);
/* x [n, ci, h, w], w [ci, co, kh, kw], bias [co] or NULL. */
struct lat_value *lat_graph_conv_transpose(struct lat_graph *g, struct lat_value *x,
                                           struct lat_value *w, struct lat_value *bias,
                                           const struct lat_convolution *how);

#endif
