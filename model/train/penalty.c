/* Penalties: what is added to the loss besides the likelihood. */
#include "model/train/parts.h"

#include <math.h>

#include "base/banned.h"

static const float KL_MARGIN = 1e-6F;

/* weight/2 * sum of squared weights; its gradient is weight * w. */
static struct lat_value *build_l2(struct lat_build *build, struct lat_value *input,
                                  struct lat_value *code, double weight)
{
    (void)input;
    (void)code;
    struct lat_graph *g = build->graph;
    struct lat_value *sum = NULL;
    for (size_t i = 0; i < build->parameters->n && i < build->n_values; i++) {
        if (!build->parameters->rows[i].decays || build->values[i] == NULL) {
            continue;
        }
        struct lat_value *part =
            lat_graph_sum(g, lat_graph_square(g, build->values[i]), NULL, 0, false);
        sum = sum == NULL ? part : lat_graph_add(g, sum, part);
    }
    return lat_graph_scale(g, sum, (float)(weight / 2));
}

static double weight_l2(const struct lat_penalties *penalties)
{
    return penalties->l2;
}

/* weight * sum of |code|, averaged over the batch. */
static struct lat_value *build_l1(struct lat_build *build, struct lat_value *input,
                                  struct lat_value *code, double weight)
{
    (void)input;
    struct lat_graph *g = build->graph;
    struct lat_value *sum = lat_graph_sum(g, lat_graph_abs(g, code), NULL, 0, false);
    return lat_graph_scale(g, sum, (float)(weight / (double)build->batch));
}

static double weight_l1(const struct lat_penalties *penalties)
{
    return penalties->l1;
}

/* a log p + (1 - a) log(1 - p), a constant. */
static struct lat_value *cross(struct lat_graph *g, double a, struct lat_value *p)
{
    struct lat_value *rest = lat_graph_shift(g, lat_graph_neg(g, p), 1);
    return lat_graph_add(g, lat_graph_scale(g, lat_graph_log(g, p), (float)a),
                         lat_graph_scale(g, lat_graph_log(g, rest), (float)(1 - a)));
}

/* weight * sum over the units of KL(target || mean activation over the batch), both as chances
 * to be on (Ng 2011, "Sparse autoencoder", section 3). Means are moved KL_MARGIN away from 0
 * and 1, where the logarithms end. */
static struct lat_value *build_kl_sparsity(struct lat_build *build, struct lat_value *input,
                                           struct lat_value *code, double weight)
{
    (void)input;
    struct lat_graph *g = build->graph;
    const double target = build->spec->penalties.kl_sparsity_target;
    const double units = (double)build->spec->code.dimension;
    const double entropy = target * log(target) + (1 - target) * log(1 - target);
    const int64_t batch_axis = 0;
    struct lat_value *mean = lat_graph_mean(g, code, &batch_axis, 1, false);
    struct lat_value *inside =
        lat_graph_shift(g, lat_graph_scale(g, mean, 1 - 2 * KL_MARGIN), KL_MARGIN);
    struct lat_value *sum = lat_graph_sum(g, cross(g, target, inside), NULL, 0, false);
    return lat_graph_scale(
        g, lat_graph_shift(g, lat_graph_neg(g, sum), (float)(units * entropy)), (float)weight);
}

static double weight_kl_sparsity(const struct lat_penalties *penalties)
{
    return penalties->kl_sparsity_weight;
}

static double weight_contractive(const struct lat_penalties *penalties)
{
    return penalties->contractive;
}

static const struct lat_penalty penalties_table[] = {
    {"l2", weight_l2, build_l2},
    {"l1", weight_l1, build_l1},
    {"kl_sparsity", weight_kl_sparsity, build_kl_sparsity},
    {"contractive", weight_contractive, lat_build_contractive},
};

struct lat_value *lat_build_penalties(struct lat_build *build, struct lat_value *input,
                                      struct lat_value *code)
{
    struct lat_value *sum = NULL;
    for (size_t i = 0; i < LAT_ARRAY_LEN(penalties_table); i++) {
        double weight = penalties_table[i].weight(&build->spec->penalties);
        if (weight > 0) {
            struct lat_value *part = penalties_table[i].build(build, input, code, weight);
            sum = sum == NULL ? part : lat_graph_add(build->graph, sum, part);
        }
    }
    return sum;
}

enum lat_status lat_penalties_check(const struct lat_spec *spec, struct lat_error *err)
{
    const struct lat_penalties *penalties = &spec->penalties;
    const bool deterministic = spec->code.type == LAT_CODE_DETERMINISTIC;
    if (penalties->kl_sparsity_weight > 0 &&
        (!deterministic || spec->code.activation != LAT_SIGMOID)) {
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/penalties/kl_sparsity: wants a deterministic code in (0,1), of the "
                        "activation 'sigmoid'");
    }
    if (penalties->k_sparse > 0 && !deterministic) {
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/penalties/k_sparse: wants a deterministic code");
    }
    return LAT_OK;
}
