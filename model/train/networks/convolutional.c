/* Strided convolutions down to the code and transposed ones back up.
 *
 * Sizes: a layer of stride s turns H into ceil(H / s) (kernel odd, padding kernel/2); the
 * decoder goes through the same sizes in reverse, the output padding of each transposed layer
 * making up for what the division lost, so that the output has exactly the input's size. A
 * residual block (He et al. 2016, two convolutions and a shortcut) follows each strided layer
 * of the encoder and precedes each of the decoder; its second convolution starts at zero, the
 * block as identity. A sequence is a picture of one column: its steps are the height, its
 * features the channels, and kernels and strides reach along the steps alone. */
#include <stdio.h>

#include "model/train/parts.h"

#include "base/banned.h"

struct sizes {
    int64_t height[LAT_MAX_LAYERS + 1], width[LAT_MAX_LAYERS + 1];
};

static enum lat_status validate(const struct lat_network_spec *net,
                                const struct lat_input_spec *input, struct lat_error *err)
{
    if (input->kind != LAT_INPUT_IMAGE && input->kind != LAT_INPUT_SEQUENCE) {
        return lat_fail(err, LAT_INVALID, NULL,
                        "a convolutional network wants images or sequences");
    }
    if (net->n_channels == 0 || net->n_channels > LAT_MAX_LAYERS) {
        return lat_fail(err, LAT_INVALID, NULL, "a convolutional network has 1 to %d layers",
                        LAT_MAX_LAYERS);
    }
    if (net->kernel % 2 == 0) {
        return lat_fail(err, LAT_INVALID, NULL, "the kernel must be odd, not %u", net->kernel);
    }
    for (size_t i = 0; i < net->n_channels; i++) {
        if (net->channels[i] == 0 || net->strides[i] == 0) {
            return lat_fail(err, LAT_INVALID, NULL,
                            "convolutional layer %zu has no channels or no stride", i);
        }
    }
    return LAT_OK;
}

/* Height, width and channels of the maps that come in and go out. */
struct maps {
    int64_t height, width, channels;
};

static bool is_sequence(const struct lat_input_spec *input)
{
    return input->kind == LAT_INPUT_SEQUENCE;
}

static struct maps maps_of(const struct lat_input_spec *input)
{
    return is_sequence(input) ? (struct maps){input->length, 1, input->features}
                              : (struct maps){input->height, input->width, input->channels};
}

/* The kernel's and the stride's extent across the width. */
static int64_t across(const struct lat_build *build, int64_t along)
{
    return is_sequence(build->input) ? 1 : along;
}

static struct lat_convolution layer(const struct lat_build *build,
                                    const struct lat_network_spec *net, int64_t stride)
{
    int64_t pad = net->kernel / 2;
    int64_t side = across(build, net->kernel) / 2;
    return (struct lat_convolution){.strides = {stride, across(build, stride)},
                                    .pads = {pad, side, pad, side},
                                    .dilations = {1, 1}};
}

/* NAME.weight [a, b, kernel, kernel] and NAME.bias [n_bias]. */
static bool parameters(struct lat_build *build, const char *name,
                       const struct lat_shape *kernel, int64_t n_bias, double limit,
                       struct lat_value *out[2])
{
    char weight[LAT_PARAMETER_NAME_MAX];
    char bias[LAT_PARAMETER_NAME_MAX];
    (void)snprintf(weight, sizeof(weight), "%s.weight", name);
    (void)snprintf(bias, sizeof(bias), "%s.bias", name);
    out[0] = lat_build_parameter(build, weight, kernel, limit, true);
    out[1] = lat_build_parameter(build, bias, &(struct lat_shape){1, {n_bias}}, 0, false);
    return out[0] != NULL && out[1] != NULL;
}

static struct lat_value *convolve(struct lat_build *build, const struct lat_network_spec *net,
                                  const char *name, struct lat_value *x, int64_t channels,
                                  int64_t stride, bool zero)
{
    struct lat_value *p[2];
    if (x == NULL) {
        return NULL;
    }
    int64_t k = net->kernel;
    int64_t in = x->shape.dims[1];
    int64_t kw = across(build, k);
    double limit =
        lat_start_limit(net->activation, (double)(in * k * kw),
                        (double)(channels * k * kw) / (double)(stride * across(build, stride)));
    struct lat_shape kernel = {4, {channels, in, k, kw}};
    if (!parameters(build, name, &kernel, channels, zero ? 0 : limit, p)) {
        return NULL;
    }
    struct lat_convolution how = layer(build, net, stride);
    return lat_graph_conv(build->graph, x, p[0], p[1], &how);
}

static struct lat_value *block(struct lat_build *build, const struct lat_network_spec *net,
                               const char *side, size_t i, struct lat_value *x)
{
    char name[LAT_LAYER_NAME_MAX];
    if (x == NULL) {
        return NULL;
    }
    int64_t channels = x->shape.dims[1];
    (void)snprintf(name, sizeof(name), "%s.block.%zu.a", side, i);
    struct lat_value *y = convolve(build, net, name, x, channels, 1, false);
    y = lat_build_activation(build, net->activation, y);
    (void)snprintf(name, sizeof(name), "%s.block.%zu.b", side, i);
    y = convolve(build, net, name, y, channels, 1, true);
    return lat_build_activation(build, net->activation, lat_graph_add(build->graph, x, y));
}

/* [batch, length, features] -> [batch, features, length, 1], and back. */
static struct lat_value *columns_of(struct lat_build *build, struct lat_value *x)
{
    int64_t length = build->input->length;
    int64_t features = build->input->features;
    struct lat_shape column = {4, {build->batch, features, length, 1}};
    x = lat_graph_transpose(build->graph, x, (const int64_t[]){0, 2, 1});
    return lat_graph_reshape(build->graph, x, &column);
}

static struct lat_value *steps_of(struct lat_build *build, struct lat_value *x)
{
    int64_t length = build->input->length;
    int64_t features = build->input->features;
    struct lat_shape flat = {3, {build->batch, features, length}};
    x = lat_graph_reshape(build->graph, x, &flat);
    return lat_graph_transpose(build->graph, x, (const int64_t[]){0, 2, 1});
}

static struct lat_value *encode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->encoder;
    x = is_sequence(build->input) ? columns_of(build, x) : x;
    for (size_t i = 0; i < net->n_channels; i++) {
        char name[LAT_LAYER_NAME_MAX];
        (void)snprintf(name, sizeof(name), "encoder.conv.%zu", i);
        x = convolve(build, net, name, x, net->channels[i], net->strides[i], false);
        x = lat_build_activation(build, net->activation, x);
        if (net->residual) {
            x = block(build, net, "encoder", i, x);
        }
    }
    if (x == NULL) {
        return NULL;
    }
    int64_t features = x->shape.dims[1] * x->shape.dims[2] * x->shape.dims[3];
    x = lat_graph_reshape(build->graph, x, &(struct lat_shape){2, {build->batch, features}});
    return lat_build_hidden(build, "encoder", net, x);
}

/* Sizes by decoder layer: [n] is the input's, [0] the smallest maps'. */
static struct sizes sizes_of(const struct lat_network_spec *net,
                             const struct lat_input_spec *input)
{
    struct sizes s;
    size_t n = net->n_channels;
    struct maps maps = maps_of(input);
    s.height[n] = maps.height;
    s.width[n] = maps.width;
    for (size_t i = n; i-- > 0;) {
        s.height[i] = (s.height[i + 1] - 1) / net->strides[i] + 1;
        s.width[i] = is_sequence(input) ? 1 : (s.width[i + 1] - 1) / net->strides[i] + 1;
    }
    return s;
}

static struct lat_value *widen(struct lat_build *build, size_t i, struct lat_value *x,
                               const struct sizes *s, enum lat_activation before)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    bool last = i + 1 == net->n_channels;
    int64_t channels = last ? maps_of(build->input).channels : net->channels[i + 1];
    int64_t stride = net->strides[i];
    int64_t k = net->kernel;
    int64_t kw = across(build, k);
    int64_t sideways = across(build, stride);
    struct lat_value *p[2];
    char name[LAT_LAYER_NAME_MAX];
    if (x == NULL) {
        return NULL;
    }
    int64_t in = x->shape.dims[1];
    /* An output pixel is reached by one in stride^2 of the kernel's positions. */
    double limit = lat_start_limit(before, (double)(in * k * kw) / (double)(stride * sideways),
                                   (double)(channels * k * kw));
    struct lat_shape kernel = {4, {in, channels, k, kw}};
    (void)snprintf(name, sizeof(name), last ? "output" : "decoder.conv.%zu", i);
    if (!parameters(build, name, &kernel, channels, limit, p)) {
        return NULL;
    }
    struct lat_convolution how = layer(build, net, stride);
    how.output_padding[0] = s->height[i + 1] - 1 - (s->height[i] - 1) * stride;
    how.output_padding[1] = s->width[i + 1] - 1 - (s->width[i] - 1) * sideways;
    return lat_graph_conv_transpose(build->graph, x, p[0], p[1], &how);
}

static struct lat_value *decode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    struct sizes s = sizes_of(net, build->input);
    struct lat_shape maps = {4, {build->batch, net->channels[0], s.height[0], s.width[0]}};
    size_t flat = (size_t)(maps.dims[1] * maps.dims[2] * maps.dims[3]);
    x = lat_build_hidden(build, "decoder", net, x);
    x = lat_build_dense(build, "decoder.maps", x, flat, net->activation);
    x = lat_build_activation(build, net->activation, x);
    x = lat_graph_reshape(build->graph, x, &maps);
    for (size_t i = 0; i < net->n_channels; i++) {
        bool last = i + 1 == net->n_channels;
        if (net->residual) {
            x = block(build, net, "decoder", i, x);
        }
        x = widen(build, i, x, &s, last ? LAT_LINEAR : net->activation);
        x = last ? x : lat_build_activation(build, net->activation, x);
    }
    return is_sequence(build->input) ? steps_of(build, x) : x;
}

const struct lat_network lat_network_convolutional = {.name = "convolutional",
                                                      .type = LAT_NETWORK_CONVOLUTIONAL,
                                                      .spatial = true,
                                                      .validate = validate,
                                                      .encode = encode,
                                                      .decode = decode};
