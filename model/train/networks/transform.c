/* Analysis and synthesis of pictures by convolutions alone, for compression (Balle et al.
 * 2017): strided convolutions down to maps that are the code, transposed ones back up, a
 * normalisation or an activation between them. Nothing in it knows the picture's size, so what
 * was trained on patches runs on whole pictures (lat_design_export_transform).
 *
 * Generalised divisive normalisation (Balle et al. 2016) divides each map by what all maps hold
 * at that place, y_i = x_i / sqrt(beta_i + sum over j of gamma_ij x_j^2), and multiplies on the
 * way back. beta and gamma are squares of what is trained, so they stay positive; they start at
 * 1 and near a tenth of the identity.
 *
 * The code is multiplied by SCALE, so that weights of the usual size make codes worth rounding
 * to whole numbers, and pixels come in around 0. */
#include <stdio.h>
#include <math.h>

#include "model/train/parts.h"

#include "base/banned.h"

static const float SCALE = 16, MIDDLE = 0.5F, LEAST = 1e-6F;

enum lat_status lat_transform_code_shape(const struct lat_network_spec *encoder,
                                         const struct lat_input_spec *input,
                                         struct lat_shape *out_shape, struct lat_error *err)
{
    uint64_t stride = 1;
    for (size_t i = 0; i < encoder->n_channels; i++) {
        stride *= encoder->strides[i];
    }
    if (encoder->n_channels == 0 || stride == 0 || input->height == 0 || input->width == 0 ||
        input->height % stride != 0 || input->width % stride != 0) {
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/data/size: pictures of %u x %u are no multiple of the strides' "
                        "product, %llu",
                        input->width, input->height, (unsigned long long)stride);
    }
    *out_shape = (struct lat_shape){3,
                                    {encoder->channels[encoder->n_channels - 1],
                                     (int64_t)(input->height / stride),
                                     (int64_t)(input->width / stride)}};
    return LAT_OK;
}

static enum lat_status validate(const struct lat_network_spec *net,
                                const struct lat_input_spec *input, struct lat_error *err)
{
    if (input->kind != LAT_INPUT_IMAGE) {
        return lat_fail(err, LAT_INVALID, NULL, "a transform wants images");
    }
    for (size_t i = 0; i < net->n_channels; i++) {
        if (net->channels[i] == 0 || net->strides[i] == 0 ||
            net->kernels[i] < net->strides[i]) {
            return lat_fail(err, LAT_INVALID, NULL,
                            "layer %zu of a transform has no channels, or a kernel smaller "
                            "than its stride",
                            i);
        }
    }
    return LAT_OK;
}

/* beta [c] and gamma [c, c, 1, 1] as above; `out` as they are used. */
static bool norms(struct lat_build *build, const char *name, int64_t c,
                  struct lat_value *out[2])
{
    struct lat_graph *g = build->graph;
    char text[LAT_PARAMETER_NAME_MAX];
    const struct lat_shape square = {4, {c, c, 1, 1}};
    float *first = lat_arena_alloc_raw(&g->arena, (size_t)(c * c), sizeof(*first));
    if (first == NULL) {
        (void)lat_graph_fail(g, LAT_NO_MEMORY, "out of memory");
        return false;
    }
    for (int64_t i = 0; i < c * c; i++) {
        first[i] = i % (c + 1) == 0 ? 0.32F : 0.01F;
    }
    (void)snprintf(text, sizeof(text), "%s.beta", name);
    struct lat_value *beta =
        lat_build_parameter(build, text, &(struct lat_shape){1, {c}}, 0, false);
    (void)snprintf(text, sizeof(text), "%s.gamma", name);
    struct lat_value *gamma = lat_build_parameter(build, text, &square, 0, false);
    beta = lat_graph_square(g, lat_graph_shift(g, beta, 1));
    gamma = lat_graph_add(g, gamma, lat_graph_constant(g, NULL, &square, first));
    out[0] = lat_graph_shift(g, beta, LEAST);
    out[1] = lat_graph_square(g, gamma);
    return out[0] != NULL && out[1] != NULL;
}

static struct lat_value *between(struct lat_build *build, const struct lat_network_spec *net,
                                 const char *side, size_t i, struct lat_value *x)
{
    static const struct lat_convolution point = {.strides = {1, 1}, .dilations = {1, 1}};
    struct lat_graph *g = build->graph;
    struct lat_value *p[2];
    char name[LAT_LAYER_NAME_MAX];
    const bool down = side[0] == 'e';
    if (!net->gdn || x == NULL) {
        return lat_build_activation(build, net->activation, x);
    }
    (void)snprintf(name, sizeof(name), "%s.norm.%zu", side, i);
    if (!norms(build, name, x->shape.dims[1], p)) {
        return NULL;
    }
    struct lat_value *around =
        lat_graph_sqrt(g, lat_graph_conv(g, lat_graph_square(g, x), p[1], p[0], &point));
    return down ? lat_graph_div(g, x, around) : lat_graph_mul(g, x, around);
}

static struct lat_convolution how_of(const struct lat_network_spec *net, size_t i)
{
    const int64_t stride = net->strides[i], pad = net->kernels[i] / 2;
    return (struct lat_convolution){
        .strides = {stride, stride}, .pads = {pad, pad, pad, pad}, .dilations = {1, 1}};
}

/* NAME.weight and NAME.bias. */
static bool parameters(struct lat_build *build, const char *side, size_t i,
                       const struct lat_shape *kernel, int64_t n_bias, double fan_in,
                       struct lat_value *out[2])
{
    char name[LAT_PARAMETER_NAME_MAX];
    (void)snprintf(name, sizeof(name), "%s.transform.%zu.weight", side, i);
    out[0] = lat_build_parameter(build, name, kernel, 1 / sqrt(fan_in), true);
    (void)snprintf(name, sizeof(name), "%s.transform.%zu.bias", side, i);
    out[1] = lat_build_parameter(build, name, &(struct lat_shape){1, {n_bias}}, 0, false);
    return out[0] != NULL && out[1] != NULL;
}

static struct lat_value *encode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->encoder;
    struct lat_graph *g = build->graph;
    struct lat_value *p[2];
    x = lat_graph_shift(g, x, -MIDDLE);
    for (size_t i = 0; x != NULL && i < net->n_channels; i++) {
        const int64_t k = net->kernels[i], in = x->shape.dims[1], out = net->channels[i];
        const struct lat_shape kernel = {4, {out, in, k, k}};
        const struct lat_convolution how = how_of(net, i);
        if (!parameters(build, "encoder", i, &kernel, out, (double)(in * k * k), p)) {
            return NULL;
        }
        x = lat_graph_conv(g, x, p[0], p[1], &how);
        if (i + 1 < net->n_channels) {
            x = between(build, net, "encoder", i, x);
        }
    }
    return lat_graph_scale(g, x, SCALE);
}

static struct lat_value *widen(struct lat_build *build, size_t i, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    const bool last = i + 1 == net->n_channels;
    const int64_t k = net->kernels[i], stride = net->strides[i], in = x->shape.dims[1];
    const int64_t out = last ? build->input->channels : net->channels[i + 1];
    const struct lat_shape kernel = {4, {in, out, k, k}};
    struct lat_convolution how = how_of(net, i);
    struct lat_value *p[2];
    /* What makes an output of exactly stride times the input. */
    how.output_padding[0] = how.output_padding[1] = stride - 1;
    const double reached = (double)(in * k * k) / (double)(stride * stride);
    if (!parameters(build, "decoder", i, &kernel, out, reached, p)) {
        return NULL;
    }
    return lat_graph_conv_transpose(build->graph, x, p[0], p[1], &how);
}

/* Maps as they are, or a flat code that is laid out as maps first. */
static struct lat_value *decode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    struct lat_shape code;
    if (x == NULL ||
        lat_transform_code_shape(&build->spec->encoder, build->input, &code, NULL) != LAT_OK) {
        return x == NULL ? NULL : lat_graph_fail(build->graph, LAT_INTERNAL, "no code's shape");
    }
    if (x->shape.rank == 2) {
        const struct lat_shape maps = {
            4, {build->batch, code.dims[0], code.dims[1], code.dims[2]}};
        x = lat_graph_reshape(build->graph, x, &maps);
    }
    x = lat_graph_scale(build->graph, x, 1 / SCALE);
    for (size_t i = 0; x != NULL && i < net->n_channels; i++) {
        x = widen(build, i, x);
        if (i + 1 < net->n_channels) {
            x = between(build, net, "decoder", i, x);
        }
    }
    return lat_graph_shift(build->graph, x, MIDDLE);
}

const struct lat_network lat_network_transform = {.name = "transform",
                                                  .type = LAT_NETWORK_TRANSFORM,
                                                  .spatial = true,
                                                  .validate = validate,
                                                  .encode = encode,
                                                  .decode = decode};
