/* The contractive penalty: the squared Frobenius norm of the encoder's Jacobian, averaged over
 * the batch (Rifai et al. 2011, eq. 5 and 6; there in closed form for one sigmoid layer, here
 * for any encoder, since derivatives are graph nodes and can be differentiated again).
 *
 * Up to LAT_CONTRACTIVE_EXACT units the norm is exact. Every row is repeated once a unit; in
 * repetition j the derivative of unit j by the row is the row j of the row's Jacobian. One pass
 * back serves all of them, at the price of a batch as many times larger.
 *
 * Wider codes are estimated: for v of independent signs the expectation of |J' v|^2 is the
 * squared norm (Hutchinson 1990). One v an item and step, fed as "probe"; a batch averages as
 * many estimates as it has items. */
#include "model/graph/grad.h"
#include "model/train/parts.h"

#include "base/banned.h"

bool lat_contractive_probes(const struct lat_spec *spec)
{
    return spec->penalties.contractive > 0 && spec->code.dimension > LAT_CONTRACTIVE_EXACT;
}

/* The squares of the derivatives of sum(code * weights) by `x`, added up. */
static struct lat_value *squared_derivatives(struct lat_graph *g, struct lat_value *code,
                                             struct lat_value *weights, struct lat_value *x)
{
    struct lat_value *gradient = NULL;
    struct lat_value *sum = lat_graph_sum(g, lat_graph_mul(g, code, weights), NULL, 0, false);
    if (sum == NULL || x == NULL) {
        return NULL;
    }
    lat_graph_gradient(g, sum, &x, 1, &gradient);
    return lat_graph_sum(g, lat_graph_square(g, gradient), NULL, 0, false);
}

/* Each row `n` times, the first repetition of all rows first. */
static struct lat_value *repeat(struct lat_graph *g, struct lat_value *x, int64_t n)
{
    if (x == NULL) {
        return NULL;
    }
    struct lat_shape wide = {.rank = x->shape.rank + 1, .dims = {n}};
    struct lat_shape tall = x->shape;
    for (size_t i = 0; i < x->shape.rank; i++) {
        wide.dims[i + 1] = x->shape.dims[i];
    }
    tall.dims[0] *= n;
    return lat_graph_reshape(g, lat_graph_expand(g, x, &wide), &tall);
}

/* 1 at [j, 0, j]. */
static struct lat_value *each_unit(struct lat_graph *g, int64_t n)
{
    const size_t width = (size_t)n;
    float *ones = lat_arena_alloc_raw(&g->arena, width * width, sizeof(*ones));
    if (ones == NULL) {
        return lat_graph_fail(g, LAT_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < width * width; i++) {
        ones[i] = i % (width + 1) == 0 ? 1 : 0;
    }
    return lat_graph_constant(g, NULL, &(struct lat_shape){3, {n, 1, n}}, ones);
}

static struct lat_value *exact(struct lat_build *build, struct lat_value *input)
{
    struct lat_graph *g = build->graph;
    const int64_t batch = build->batch;
    const int64_t n = (int64_t)build->spec->code.dimension;
    struct lat_value *x = repeat(g, input, n);
    struct lat_value *measured = build->measured;
    build->measured = repeat(g, measured, n);
    build->batch = n * batch;
    struct lat_value *code = lat_build_encode(build, x).mean;
    build->batch = batch;
    build->measured = measured;
    struct lat_value *by_unit =
        lat_graph_reshape(g, code, &(struct lat_shape){3, {n, batch, n}});
    return squared_derivatives(g, by_unit, each_unit(g, n), x);
}

static struct lat_value *estimate(struct lat_build *build, struct lat_value *input,
                                  struct lat_value *code)
{
    if (code == NULL) {
        return NULL;
    }
    struct lat_value *probe = lat_graph_input(build->graph, "probe", LAT_FLOAT32, &code->shape);
    return squared_derivatives(build->graph, code, probe, input);
}

struct lat_value *lat_build_contractive(struct lat_build *build, struct lat_value *input,
                                        struct lat_value *code, double weight)
{
    struct lat_value *sum = lat_contractive_probes(build->spec) ? estimate(build, input, code)
                                                                : exact(build, input);
    return lat_graph_scale(build->graph, sum, (float)(weight / (double)build->batch));
}
