/* Layers of full matrices: rows -> hidden... -> code -> hidden... -> rows. With tied weights a
 * decoder layer is the transpose of the encoder layer it mirrors and has only a bias of its
 * own. */
#include <stdio.h>

#include "model/train/parts.h"

#include "base/banned.h"

static enum lat_status validate(const struct lat_network_spec *net,
                                const struct lat_input_spec *input, struct lat_error *err)
{
    (void)input;
    for (size_t i = 0; i < net->n_hidden; i++) {
        if (net->hidden[i] == 0) {
            return lat_fail(err, LAT_INVALID, NULL, "dense layer %zu has no width", i);
        }
    }
    return LAT_OK;
}

static struct lat_value *encode(struct lat_build *build, struct lat_value *x)
{
    return lat_build_hidden(build, "encoder", &build->spec->encoder, lat_build_flat(build, x));
}

/* x W' + b with the encoder's W [out, in]. */
static struct lat_value *tied_layer(struct lat_build *build, size_t i, struct lat_value *x,
                                    size_t out)
{
    if (x == NULL) {
        return NULL;
    }
    char weight[LAT_PARAMETER_NAME_MAX] = "code.weight";
    char bias[LAT_PARAMETER_NAME_MAX];
    size_t mirrored = build->spec->encoder.n_hidden - i;
    if (i > 0) {
        (void)snprintf(weight, sizeof(weight), "encoder.%zu.weight", mirrored);
    }
    (void)snprintf(bias, sizeof(bias), "decoder.%zu.bias", i);
    struct lat_shape shape = {2, {(int64_t)out, x->shape.dims[1]}};
    struct lat_value *w = lat_build_parameter(build, weight, &shape, 0, true);
    struct lat_value *b =
        lat_build_parameter(build, bias, &(struct lat_shape){1, {(int64_t)out}}, 0, false);
    if (w == NULL || b == NULL) {
        return NULL;
    }
    return lat_graph_gemm(build->graph, x, false, w, true, b);
}

static struct lat_value *decode_tied(struct lat_build *build, struct lat_value *x, size_t out)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    if (net->n_hidden != build->spec->encoder.n_hidden) {
        return lat_graph_fail(build->graph, LAT_INVALID,
                              "tied weights want a mirrored decoder");
    }
    for (size_t i = 0; i < net->n_hidden; i++) {
        x = tied_layer(build, i, x, net->hidden[i]);
        x = lat_build_activation(build, net->activation, x);
    }
    return tied_layer(build, net->n_hidden, x, out);
}

static struct lat_value *decode(struct lat_build *build, struct lat_value *x)
{
    size_t out = lat_input_elements(build->input) * (build->spec->learned_spread ? 2 : 1);
    if (build->spec->encoder.tied) {
        return decode_tied(build, x, out);
    }
    x = lat_build_hidden(build, "decoder", &build->spec->decoder, x);
    return lat_build_dense(build, "output", x, out, LAT_LINEAR);
}

const struct lat_network lat_network_dense = {.name = "dense",
                                              .type = LAT_NETWORK_DENSE,
                                              .spatial = false,
                                              .validate = validate,
                                              .encode = encode,
                                              .decode = decode};
