/* The length of a code that will be rounded and entropy-coded (Balle et al. 2017, sections 2
 * and 3; 2018, appendix 6.1 has the same idea with another family of distributions).
 *
 * While training, rounding is noise, uniform on (-1/2, 1/2): the density of the noisy number at
 * y is then the chance of the rounded one to be y, so -log p(y) is the length and has a
 * gradient. Each channel has its own density: a mixture of three logistic distributions around
 * 0 (the layer before has a bias), smeared by the noise, so
 *
 *     p(y) = sum over k of w_k (s((1/2 - |y|) / a_k) - s((-1/2 - |y|) / a_k)),  s the sigmoid
 *
 * which both sides of the zero share and no tail makes cancel. */
#include <stdio.h>

#include "model/train/parts.h"

#include "base/banned.h"

enum { LOGISTICS = 3 };

/* Logarithms of 1/a_k before the first step: from narrow to as wide as codes begin. */
static const float FIRST[LOGISTICS] = {1, -0.5F, -2};
static const float LEAST_CHANCE = 1e-9F;

struct lat_value *lat_build_rounded(struct lat_build *build, struct lat_value *code)
{
    if (code == NULL) {
        return NULL;
    }
    struct lat_value *noise = lat_graph_input(build->graph, "noise", LAT_FLOAT32, &code->shape);
    return lat_graph_add(build->graph, code, noise);
}

/* w_k s(…) - w_k s(…) for |y| `size` [batch, channels, places]. */
static struct lat_value *logistic(struct lat_build *build, struct lat_value *size,
                                  struct lat_value *shares, int64_t k)
{
    struct lat_graph *g = build->graph;
    const int64_t channels = size->shape.dims[1];
    const struct lat_shape column = {2, {channels, 1}};
    const int64_t begin[2] = {0, k}, end[2] = {channels, k + 1};
    char name[LAT_PARAMETER_NAME_MAX];
    (void)snprintf(name, sizeof(name), "prior.%d.sharpness", (int)k);
    struct lat_value *sharp = lat_build_parameter(build, name, &column, 0, false);
    sharp = lat_graph_exp(g, lat_graph_shift(g, sharp, FIRST[k]));
    struct lat_value *near = lat_graph_shift(g, lat_graph_neg(g, size), 0.5F);
    struct lat_value *far = lat_graph_shift(g, lat_graph_neg(g, size), -0.5F);
    struct lat_value *chance =
        lat_graph_sub(g, lat_graph_sigmoid(g, lat_graph_mul(g, near, sharp)),
                      lat_graph_sigmoid(g, lat_graph_mul(g, far, sharp)));
    return lat_graph_mul(g, chance, lat_graph_slice(g, shares, begin, end));
}

struct lat_value *lat_build_code_length(struct lat_build *build, struct lat_value *rounded)
{
    struct lat_graph *g = build->graph;
    struct lat_shape code = {0};
    struct lat_value *sum = NULL;
    if (rounded == NULL) {
        return NULL;
    }
    if (lat_transform_code_shape(&build->spec->encoder, build->input, &code, NULL) != LAT_OK) {
        return lat_graph_fail(g, LAT_INTERNAL, "the code has no shape");
    }
    const int64_t channels = code.dims[0];
    const struct lat_shape planes = {3, {build->batch, channels, code.dims[1] * code.dims[2]}};
    const struct lat_shape weights = {2, {channels, LOGISTICS}};
    struct lat_value *size = lat_graph_abs(g, lat_graph_reshape(g, rounded, &planes));
    struct lat_value *shares =
        lat_graph_softmax(g, lat_build_parameter(build, "prior.weight", &weights, 0, false));
    for (int64_t k = 0; size != NULL && k < LOGISTICS; k++) {
        struct lat_value *part = logistic(build, size, shares, k);
        sum = sum == NULL ? part : lat_graph_add(g, sum, part);
    }
    const int64_t axes[2] = {1, 2};
    struct lat_value *length =
        lat_graph_neg(g, lat_graph_log(g, lat_graph_shift(g, sum, LEAST_CHANCE)));
    return lat_graph_sum(g, length, axes, 2, false);
}
