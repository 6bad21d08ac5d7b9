/* The builders of build.h: each fills in attributes and calls lat_graph_node. */
#include "model/graph/build.h"

#include <string.h>

#include "model/graph/ops.h"

#include "base/banned.h"

/* A sum over more elements than this is split into stages. */
enum { SUM_STAGE = 4096 };

static struct lat_value *unary(struct lat_graph *g, const struct lat_op *op,
                               struct lat_value *a)
{
    return lat_graph_node(g, op, &a, 1, NULL);
}

static struct lat_value *binary(struct lat_graph *g, const struct lat_op *op,
                                struct lat_value *a, struct lat_value *b)
{
    struct lat_value *inputs[] = {a, b};
    return lat_graph_node(g, op, inputs, 2, NULL);
}

/* clang-format off: one op a line */
#define UNARY(name)                                                                            \
    struct lat_value *lat_graph_##name(struct lat_graph *g, struct lat_value *a)               \
    {                                                                                          \
        return unary(g, &lat_op_##name, a);                                                    \
    }
#define BINARY(name)                                                                           \
    struct lat_value *lat_graph_##name(struct lat_graph *g, struct lat_value *a,               \
                                       struct lat_value *b)                                    \
    {                                                                                          \
        return binary(g, &lat_op_##name, a, b);                                                \
    }
BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(max)
BINARY(min)
BINARY(greater)
BINARY(matmul)
UNARY(neg)
UNARY(exp)
UNARY(log)
UNARY(sqrt)
UNARY(abs)
UNARY(sign)
UNARY(erf)
UNARY(sigmoid)
UNARY(tanh)
UNARY(relu)
UNARY(softplus)
/* clang-format on */

struct lat_value *lat_graph_scale(struct lat_graph *g, struct lat_value *a, float number)
{
    return lat_graph_mul(g, a, lat_graph_scalar(g, number));
}

struct lat_value *lat_graph_shift(struct lat_graph *g, struct lat_value *a, float number)
{
    return lat_graph_add(g, a, lat_graph_scalar(g, number));
}

struct lat_value *lat_graph_pow(struct lat_graph *g, struct lat_value *a, float number)
{
    return lat_graph_node(g, &lat_op_pow, &a, 1, &(struct lat_attributes){.alpha = number});
}

struct lat_value *lat_graph_square(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_mul(g, a, a);
}

struct lat_value *lat_graph_clip(struct lat_graph *g, struct lat_value *a, float low,
                                 float high)
{
    return lat_graph_min(g, lat_graph_max(g, a, lat_graph_scalar(g, low)),
                         lat_graph_scalar(g, high));
}

struct lat_value *lat_graph_mask(struct lat_graph *g, struct lat_value *a, struct lat_value *b)
{
    return lat_graph_cast(g, lat_graph_greater(g, a, b), LAT_FLOAT32);
}

struct lat_value *lat_graph_where(struct lat_graph *g, struct lat_value *condition,
                                  struct lat_value *a, struct lat_value *b)
{
    struct lat_value *inputs[] = {condition, a, b};
    return lat_graph_node(g, &lat_op_where, inputs, 3, NULL);
}

struct lat_value *lat_graph_cast(struct lat_graph *g, struct lat_value *a, enum lat_dtype to)
{
    return lat_graph_node(g, &lat_op_cast, &a, 1, &(struct lat_attributes){.to = to});
}

struct lat_value *lat_graph_elu(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_node(g, &lat_op_elu, &a, 1, &(struct lat_attributes){.alpha = 1});
}

struct lat_value *lat_graph_gelu(struct lat_graph *g, struct lat_value *a)
{
    struct lat_value *phi = lat_graph_erf(g, lat_graph_scale(g, a, 0.70710678F));
    return lat_graph_mul(g, lat_graph_scale(g, a, 0.5F), lat_graph_shift(g, phi, 1));
}

struct lat_value *lat_graph_silu(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_mul(g, a, lat_graph_sigmoid(g, a));
}

struct lat_value *lat_graph_softmax(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_node(g, &lat_op_softmax, &a, 1, &(struct lat_attributes){.axis = -1});
}

struct lat_value *lat_graph_log_softmax(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_node(g, &lat_op_log_softmax, &a, 1, &(struct lat_attributes){.axis = -1});
}

static struct lat_value *reduce(struct lat_graph *g, struct lat_value *a, const int64_t *axes,
                                size_t n)
{
    struct lat_attributes attributes = {.n = n, .keep_dims = true};
    memcpy(attributes.ints, axes, n * sizeof(*axes));
    return lat_graph_node(g, &lat_op_reduce_sum, &a, 1, &attributes);
}

/* The shape of `a` without the (ascending) axes. */
static struct lat_shape without(const struct lat_shape *shape, const int64_t *axes, size_t n)
{
    struct lat_shape rest = {0};
    for (size_t i = 0, k = 0; i < shape->rank; i++) {
        if (k < n && axes[k] == (int64_t)i) {
            k++;
        } else {
            rest.dims[rest.rank++] = shape->dims[i];
        }
    }
    return rest;
}

struct lat_value *lat_graph_sum(struct lat_graph *g, struct lat_value *a, const int64_t *axes,
                                size_t n, bool keep_dims)
{
    int64_t all[LAT_TENSOR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    if (a == NULL || n > LAT_TENSOR_MAX_RANK) {
        return lat_graph_fail(g, LAT_INTERNAL, "sum of a missing value");
    }
    if (n == 0) {
        axes = all;
        n = a->shape.rank;
    }
    struct lat_shape rest = without(&a->shape, axes, n);
    size_t last = n;
    size_t elements = 1;
    for (size_t i = n; i-- > 0 && a != NULL;) {
        elements *= (size_t)a->shape.dims[axes[i]];
        bool split = i > 0 && elements * (size_t)a->shape.dims[axes[i - 1]] > SUM_STAGE;
        if (split || i == 0) {
            a = reduce(g, a, axes + i, last - i);
            last = i;
            elements = 1;
        }
    }
    return keep_dims ? a : lat_graph_reshape(g, a, &rest);
}

struct lat_value *lat_graph_mean(struct lat_graph *g, struct lat_value *a, const int64_t *axes,
                                 size_t n, bool keep_dims)
{
    struct lat_value *sum = lat_graph_sum(g, a, axes, n, keep_dims);
    if (sum == NULL) {
        return NULL;
    }
    size_t terms = lat_shape_elements(&a->shape) / lat_shape_elements(&sum->shape);
    return lat_graph_scale(g, sum, 1.0F / (float)terms);
}

static struct lat_attributes attributes_of(const struct lat_shape *shape)
{
    struct lat_attributes attributes = {.n = shape->rank};
    memcpy(attributes.ints, shape->dims, sizeof(attributes.ints));
    return attributes;
}

struct lat_value *lat_graph_reshape(struct lat_graph *g, struct lat_value *a,
                                    const struct lat_shape *shape)
{
    if (a != NULL && lat_shape_equal(&a->shape, shape)) {
        return a;
    }
    struct lat_attributes attributes = attributes_of(shape);
    return lat_graph_node(g, &lat_op_reshape, &a, 1, &attributes);
}

struct lat_value *lat_graph_expand(struct lat_graph *g, struct lat_value *a,
                                   const struct lat_shape *shape)
{
    if (a != NULL && lat_shape_equal(&a->shape, shape)) {
        return a;
    }
    struct lat_attributes attributes = attributes_of(shape);
    return lat_graph_node(g, &lat_op_expand, &a, 1, &attributes);
}

struct lat_value *lat_graph_fill(struct lat_graph *g, const struct lat_shape *shape,
                                 float number)
{
    return lat_graph_expand(g, lat_graph_scalar(g, number), shape);
}

struct lat_value *lat_graph_transpose(struct lat_graph *g, struct lat_value *a,
                                      const int64_t *perm)
{
    struct lat_attributes attributes = {0};
    if (a != NULL) {
        attributes.n = a->shape.rank;
        memcpy(attributes.ints, perm, attributes.n * sizeof(*perm));
    }
    return lat_graph_node(g, &lat_op_transpose, &a, 1, &attributes);
}

struct lat_value *lat_graph_concat(struct lat_graph *g, struct lat_value *const *parts,
                                   size_t n, int64_t axis)
{
    return lat_graph_node(g, &lat_op_concat, parts, n, &(struct lat_attributes){.axis = axis});
}

/* Slice and Pad take a begin and an end for every axis. */
static struct lat_value *window(struct lat_graph *g, const struct lat_op *op,
                                struct lat_value *a, const int64_t *begin, const int64_t *end)
{
    struct lat_attributes attributes = {0};
    if (a != NULL) {
        attributes.n = a->shape.rank;
        memcpy(attributes.begin, begin, attributes.n * sizeof(*begin));
        memcpy(attributes.end, end, attributes.n * sizeof(*end));
    }
    return lat_graph_node(g, op, &a, 1, &attributes);
}

struct lat_value *lat_graph_slice(struct lat_graph *g, struct lat_value *a,
                                  const int64_t *begin, const int64_t *end)
{
    return window(g, &lat_op_slice, a, begin, end);
}

struct lat_value *lat_graph_pad(struct lat_graph *g, struct lat_value *a, const int64_t *begin,
                                const int64_t *end)
{
    return window(g, &lat_op_pad, a, begin, end);
}

struct lat_value *lat_graph_top_k(struct lat_graph *g, struct lat_value *a, int64_t k)
{
    return lat_graph_node(g, &lat_op_top_k, &a, 1,
                          &(struct lat_attributes){.n = 1, .ints = {k}, .axis = -1});
}

struct lat_value *lat_graph_gemm(struct lat_graph *g, struct lat_value *a, bool trans_a,
                                 struct lat_value *b, bool trans_b, struct lat_value *bias)
{
    struct lat_value *inputs[] = {a, b, bias};
    return lat_graph_node(g, &lat_op_gemm, inputs, bias != NULL ? 3 : 2,
                          &(struct lat_attributes){.trans_a = trans_a, .trans_b = trans_b});
}

static struct lat_value *convolve(struct lat_graph *g, const struct lat_op *op,
                                  struct lat_value *const inputs[3],
                                  const struct lat_convolution *how)
{
    struct lat_attributes attributes = {0};
    memcpy(attributes.strides, how->strides, sizeof(how->strides));
    memcpy(attributes.pads, how->pads, sizeof(how->pads));
    memcpy(attributes.dilations, how->dilations, sizeof(how->dilations));
    memcpy(attributes.output_padding, how->output_padding, sizeof(how->output_padding));
    return lat_graph_node(g, op, inputs, inputs[2] != NULL ? 3 : 2, &attributes);
}

struct lat_value *lat_graph_conv(struct lat_graph *g, struct lat_value *x, struct lat_value *w,
                                 struct lat_value *bias, const struct lat_convolution *how)
{
    struct lat_value *inputs[] = {x, w, bias};
    return convolve(g, &lat_op_conv, inputs, how);
}

struct lat_value *lat_graph_conv_transpose(struct lat_graph *g, struct lat_value *x,
                                           struct lat_value *w, struct lat_value *bias,
                                           const struct lat_convolution *how)
{
    struct lat_value *inputs[] = {x, w, bias};
    return convolve(g, &lat_op_conv_transpose, inputs, how);
}
