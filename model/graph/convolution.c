/* Convolution and its transpose, two spatial axes, one group.
 *
 * With big[n, cb, H, W] and small[n, cs, h, w], both ops are the same bilinear form
 *
 *     sum over n, cs, cb, i, j, a, b of  small[n, cs, i, j] * big[n, cb, i s + a d - p, j s + b
 * d - p]
 *                                        * kernel[cs, cb, a, b]
 *
 * (s stride, d dilation, p padding before). Conv goes from big to small, ConvTranspose from
 * small to big with the same kernel layout, so each is the other's derivative by its input; the
 * derivative by the kernel is a Conv of the transposed big by the transposed small with stride
 * and dilation exchanged. */
#include <stddef.h>
#include <string.h>

#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

#define G struct lat_graph *g
#define V struct lat_value

static struct lat_convolution how_of(const struct lat_attributes *attributes)
{
    struct lat_convolution how;
    memcpy(how.strides, attributes->strides, sizeof(how.strides));
    memcpy(how.pads, attributes->pads, sizeof(how.pads));
    memcpy(how.dilations, attributes->dilations, sizeof(how.dilations));
    memcpy(how.output_padding, attributes->output_padding, sizeof(how.output_padding));
    return how;
}

/* Ranks, and that the channels meet: kernel axis `axis` against those of the input; `co` output
 * channels against the bias. */
static bool check_inputs(G, V *const *inputs, size_t n_inputs, size_t axis,
                         const struct lat_attributes *how)
{
    const struct lat_shape *x = &inputs[0]->shape;
    const struct lat_shape *w = &inputs[1]->shape;
    bool fits = x->rank == 4 && w->rank == 4 && x->dims[1] == w->dims[axis];
    if (fits && n_inputs > 2) {
        const struct lat_shape *bias = &inputs[2]->shape;
        fits = bias->rank == 1 && bias->dims[0] == w->dims[1 - axis];
    }
    for (size_t i = 0; fits && i < 2; i++) {
        fits = how->strides[i] > 0 && how->dilations[i] > 0 && how->pads[i] >= 0 &&
               how->pads[i + 2] >= 0;
    }
    if (!fits) {
        char a[96];
        char b[96];
        (void)lat_graph_fail(g, LAT_INVALID, "input %s and kernel %s do not fit",
                             lat_shape_text(x, a, sizeof(a)), lat_shape_text(w, b, sizeof(b)));
        return false;
    }
    return lat_require_floats(g, inputs, n_inputs);
}

static bool infer_conv(G, V *const *inputs, size_t n_inputs, const struct lat_attributes *how,
                       struct lat_op_result *out_result)
{
    if (!check_inputs(g, inputs, n_inputs, 1, how)) {
        return false;
    }
    const struct lat_shape *x = &inputs[0]->shape;
    const struct lat_shape *w = &inputs[1]->shape;
    out_result->shape = (struct lat_shape){4, {x->dims[0], w->dims[0]}};
    for (size_t i = 0; i < 2; i++) {
        int64_t reach = how->dilations[i] * (w->dims[2 + i] - 1) + 1;
        int64_t room = x->dims[2 + i] + how->pads[i] + how->pads[i + 2] - reach;
        out_result->shape.dims[2 + i] = room < 0 ? 0 : room / how->strides[i] + 1;
    }
    return true;
}

static bool infer_conv_transpose(G, V *const *inputs, size_t n_inputs,
                                 const struct lat_attributes *how,
                                 struct lat_op_result *out_result)
{
    if (!check_inputs(g, inputs, n_inputs, 0, how)) {
        return false;
    }
    const struct lat_shape *x = &inputs[0]->shape;
    const struct lat_shape *w = &inputs[1]->shape;
    out_result->shape = (struct lat_shape){4, {x->dims[0], w->dims[1]}};
    for (size_t i = 0; i < 2; i++) {
        int64_t reach = how->dilations[i] * (w->dims[2 + i] - 1) + 1;
        out_result->shape.dims[2 + i] = (x->dims[2 + i] - 1) * how->strides[i] + reach +
                                        how->output_padding[i] - how->pads[i] -
                                        how->pads[i + 2];
    }
    return true;
}

/* Positions of `big` behind the last one that the kernel reaches. */
static int64_t unreached(const struct lat_convolution *how, size_t i, int64_t big,
                         int64_t small, int64_t kernel)
{
    int64_t reached = (small - 1) * how->strides[i] + how->dilations[i] * (kernel - 1) + 1;
    return big + how->pads[i] + how->pads[i + 2] - reached;
}

/* d(form)/d(kernel) of the comment above; the result has the kernel's shape. */
static V *kernel_gradient(G, V *big, V *small, const struct lat_shape *kernel,
                          const struct lat_convolution *how)
{
    static const int64_t swap[] = {1, 0, 2, 3};
    struct lat_convolution turned = {0};
    if (big == NULL || small == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        int64_t rest = unreached(how, i, big->shape.dims[2 + i], small->shape.dims[2 + i],
                                 kernel->dims[2 + i]);
        int64_t after = how->pads[i + 2] - rest;
        turned.strides[i] = how->dilations[i];
        turned.dilations[i] = how->strides[i];
        turned.pads[i] = how->pads[i];
        turned.pads[i + 2] = after > 0 ? after : 0;
    }
    V *turned_big = lat_graph_transpose(g, big, swap);                 /* [cb, n, H, W] */
    V *turned_small = lat_graph_transpose(g, small, swap);             /* [cs, n, h, w] */
    V *d = lat_graph_conv(g, turned_big, turned_small, NULL, &turned); /* [cb, cs, kh+, kw+] */
    if (d == NULL) {
        return NULL;
    }
    /* Rows of `big` that no kernel position reached may have given extra positions. */
    int64_t begin[4] = {0};
    int64_t end[4] = {d->shape.dims[0], d->shape.dims[1], kernel->dims[2], kernel->dims[3]};
    if (d->shape.dims[2] != end[2] || d->shape.dims[3] != end[3]) {
        d = lat_graph_slice(g, d, begin, end);
    }
    return lat_graph_transpose(g, d, swap);
}

static V *bias_gradient(G, V *dy)
{
    static const int64_t all_but_channels[] = {0, 2, 3};
    return lat_graph_sum(g, dy, all_but_channels, 3, false);
}

static void gradient_conv(G, V *node, V *dy, V **out_d)
{
    V *x = node->inputs[0];
    V *w = node->inputs[1];
    struct lat_convolution how = how_of(&node->attributes);
    struct lat_convolution back = how;
    for (size_t i = 0; i < 2; i++) {
        back.output_padding[i] = unreached(&how, i, x->shape.dims[2 + i],
                                           node->shape.dims[2 + i], w->shape.dims[2 + i]);
    }
    out_d[0] = lat_graph_conv_transpose(g, dy, w, NULL, &back);
    out_d[1] = kernel_gradient(g, x, dy, &w->shape, &how);
    if (node->n_inputs > 2) {
        out_d[2] = bias_gradient(g, dy);
    }
}

static void gradient_conv_transpose(G, V *node, V *dy, V **out_d)
{
    V *w = node->inputs[1];
    struct lat_convolution how = how_of(&node->attributes);
    struct lat_convolution forward = how;
    memset(forward.output_padding, 0, sizeof(forward.output_padding));
    out_d[0] = lat_graph_conv(g, dy, w, NULL, &forward);
    out_d[1] = kernel_gradient(g, dy, node->inputs[0], &w->shape, &how);
    if (node->n_inputs > 2) {
        out_d[2] = bias_gradient(g, dy);
    }
}

static const struct lat_op_case conv_cases[] = {
    {"same size, bias",
     3,
     {{4, {2, 2, 4, 3}}, {4, {3, 2, 3, 3}}, {1, {3}}},
     -1,
     1,
     {.strides = {1, 1}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}},
     false},
    {"stride 2, odd size",
     2,
     {{4, {2, 1, 5, 5}}, {4, {2, 1, 3, 3}}},
     -1,
     1,
     {.strides = {2, 2}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}},
     false},
    {"stride 2, even size",
     2,
     {{4, {1, 2, 6, 4}}, {4, {2, 2, 3, 3}}},
     -1,
     1,
     {.strides = {2, 2}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}},
     false},
    {"no padding, unreached rows",
     2,
     {{4, {1, 1, 6, 5}}, {4, {1, 1, 2, 2}}},
     -1,
     1,
     {.strides = {3, 2}, .dilations = {1, 1}},
     false},
    {"dilated, uneven pads",
     2,
     {{4, {1, 1, 6, 6}}, {4, {2, 1, 2, 3}}},
     -1,
     1,
     {.strides = {1, 2}, .pads = {0, 1, 2, 1}, .dilations = {2, 2}},
     false},
};
static const struct lat_op_case conv_transpose_cases[] = {
    {"stride 1, bias",
     3,
     {{4, {2, 2, 3, 3}}, {4, {2, 3, 3, 3}}, {1, {3}}},
     -1,
     1,
     {.strides = {1, 1}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}},
     false},
    {"doubling",
     2,
     {{4, {1, 2, 3, 2}}, {4, {2, 1, 3, 3}}},
     -1,
     1,
     {.strides = {2, 2}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}, .output_padding = {1, 1}},
     false},
    {"to an odd size",
     2,
     {{4, {1, 1, 3, 3}}, {4, {1, 2, 3, 3}}},
     -1,
     1,
     {.strides = {2, 2}, .pads = {1, 1, 1, 1}, .dilations = {1, 1}},
     false},
    {"no padding, unreached rows",
     2,
     {{4, {1, 1, 2, 2}}, {4, {1, 1, 2, 2}}},
     -1,
     1,
     {.strides = {3, 2}, .dilations = {1, 1}, .output_padding = {2, 1}},
     false},
};

#define FIELD(name) offsetof(struct lat_attributes, name)
static const struct lat_attribute_rule convolution_attributes[] = {
    {"strides", LAT_ATTRIBUTE_INTS, FIELD(strides), 2},
    {"pads", LAT_ATTRIBUTE_INTS, FIELD(pads), 4},
    {"dilations", LAT_ATTRIBUTE_INTS, FIELD(dilations), 2},
    {"output_padding", LAT_ATTRIBUTE_INTS, FIELD(output_padding), 2}, /* transposed only */
};

const struct lat_op lat_op_conv = {.name = "Conv",
                                   .min_inputs = 2,
                                   .max_inputs = 3,
                                   .infer = infer_conv,
                                   .gradient = gradient_conv,
                                   .attributes = convolution_attributes,
                                   .n_attributes = 3,
                                   .cases = conv_cases,
                                   .n_cases = LAT_ARRAY_LEN(conv_cases)};

const struct lat_op lat_op_conv_transpose = {.name = "ConvTranspose",
                                             .min_inputs = 2,
                                             .max_inputs = 3,
                                             .infer = infer_conv_transpose,
                                             .gradient = gradient_conv_transpose,
                                             .attributes = convolution_attributes,
                                             .n_attributes = 4,
                                             .cases = conv_transpose_cases,
                                             .n_cases = LAT_ARRAY_LEN(conv_transpose_cases)};
