/* Noise is [samples, batch, dimension], so that mean and deviation [batch, dimension] broadcast
 * over the samples without being copied. */
#include "model/train/variational.h"

#include <math.h>

#include "base/banned.h"

static struct lat_value *sum_last(struct lat_graph *g, struct lat_value *a)
{
    int64_t axis = a != NULL ? (int64_t)a->shape.rank - 1 : 0;
    return lat_graph_sum(g, a, &axis, 1, false);
}

void lat_draw_codes(struct lat_build *build, const struct lat_code *code, uint32_t samples,
                    struct lat_draw *out_draw)
{
    struct lat_graph *g = build->graph;
    *out_draw = (struct lat_draw){.samples = samples};
    if (code->mean == NULL || code->log_variance == NULL) {
        return;
    }
    const int64_t batch = code->mean->shape.dims[0];
    const int64_t width = code->mean->shape.dims[1];
    const struct lat_shape drawn = {3, {samples, batch, width}};
    const struct lat_shape rows = {2, {samples * batch, width}};
    out_draw->noise = lat_graph_input(g, "noise", LAT_FLOAT32, &drawn);
    out_draw->beta = lat_graph_input(g, "beta", LAT_FLOAT32, &(struct lat_shape){0});
    struct lat_value *deviation =
        lat_graph_exp(g, lat_graph_scale(g, code->log_variance, 0.5F));
    struct lat_value *z =
        lat_graph_add(g, lat_graph_mul(g, deviation, out_draw->noise), code->mean);
    out_draw->codes = lat_graph_reshape(g, z, &rows);
}

struct lat_value *lat_draw_repeat(struct lat_graph *graph, struct lat_value *rows,
                                  uint32_t samples)
{
    if (rows == NULL || samples == 1) {
        return rows;
    }
    const int64_t batch = rows->shape.dims[0];
    const int64_t elements = (int64_t)lat_shape_elements(&rows->shape) / batch;
    const struct lat_shape one = {3, {1, batch, elements}};
    const struct lat_shape all = {3, {samples, batch, elements}};
    struct lat_shape out = rows->shape;
    out.dims[0] = samples * batch;
    rows = lat_graph_expand(graph, lat_graph_reshape(graph, rows, &one), &all);
    return lat_graph_reshape(graph, rows, &out);
}

/* KL(N(mean, exp(log_variance)) || N(0, I)) of each item [batch]. */
static struct lat_value *divergence_of(struct lat_graph *graph, const struct lat_code *code)
{
    struct lat_value *variance = lat_graph_exp(graph, code->log_variance);
    struct lat_value *spread =
        lat_graph_add(graph, variance, lat_graph_square(graph, code->mean));
    struct lat_value *each =
        lat_graph_sub(graph, lat_graph_shift(graph, spread, -1), code->log_variance);
    return lat_graph_scale(graph, sum_last(graph, each), 0.5F);
}

/* log p(z) - log q(z|x) [samples, batch]: with (z - mean) / deviation = noise it is half the
 * sum of noise^2 + lv - z^2; the logarithms of 2 pi go out. */
static struct lat_value *log_ratio(struct lat_graph *g, const struct lat_code *code,
                                   const struct lat_draw *draw)
{
    if (draw->noise == NULL) {
        return NULL;
    }
    struct lat_value *z = lat_graph_reshape(g, draw->codes, &draw->noise->shape);
    struct lat_value *each =
        lat_graph_sub(g, lat_graph_square(g, draw->noise), lat_graph_square(g, z));
    each = lat_graph_add(g, each, code->log_variance);
    return lat_graph_scale(g, sum_last(g, each), 0.5F);
}

/* log of the mean over samples of exp(a), a [samples, batch] -> [batch]. With l the log-softmax
 * over the samples, a_k - l_k is the logarithm of the sum for whichever k; nothing overflows.
 */
static struct lat_value *log_mean_exp(struct lat_graph *g, struct lat_value *a)
{
    if (a == NULL) {
        return NULL;
    }
    const int64_t samples = a->shape.dims[0];
    const int64_t batch = a->shape.dims[1];
    const int64_t swap[2] = {1, 0};
    const int64_t begin[2] = {0, 0};
    const int64_t end[2] = {batch, 1};
    struct lat_value *rows = lat_graph_transpose(g, a, swap);
    struct lat_value *sums = lat_graph_sub(g, rows, lat_graph_log_softmax(g, rows));
    sums = lat_graph_reshape(g, lat_graph_slice(g, sums, begin, end),
                             &(struct lat_shape){1, {batch}});
    return lat_graph_shift(g, sums, (float)-log((double)samples));
}

struct lat_value *lat_draw_losses(struct lat_build *build, const struct lat_code *code,
                                  const struct lat_draw *draw, struct lat_value *losses)
{
    struct lat_graph *g = build->graph;
    if (losses == NULL || code->mean == NULL || code->log_variance == NULL) {
        return NULL;
    }
    if (draw->samples == 1) {
        struct lat_value *divergence = divergence_of(g, code);
        return lat_graph_add(g, losses, lat_graph_mul(g, divergence, draw->beta));
    }
    const struct lat_shape by_sample = {2, {draw->samples, code->mean->shape.dims[0]}};
    struct lat_value *likelihood = lat_graph_neg(g, lat_graph_reshape(g, losses, &by_sample));
    struct lat_value *ratio = lat_graph_mul(g, log_ratio(g, code, draw), draw->beta);
    return lat_graph_neg(g, log_mean_exp(g, lat_graph_add(g, likelihood, ratio)));
}
