/* Penalties: what is added to the loss besides the likelihood. */
#include "model/train/parts.h"

#include "base/banned.h"

/* weight/2 * sum of squared weights; its gradient is weight * w. */
static struct lat_value *build_l2(struct lat_build *build, struct lat_value *code,
                                  double weight)
{
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
static struct lat_value *build_l1(struct lat_build *build, struct lat_value *code,
                                  double weight)
{
    struct lat_graph *g = build->graph;
    struct lat_value *sum = lat_graph_sum(g, lat_graph_abs(g, code), NULL, 0, false);
    return lat_graph_scale(g, sum, (float)(weight / (double)build->batch));
}

static double weight_l1(const struct lat_penalties *penalties)
{
    return penalties->l1;
}

static const struct lat_penalty penalties_table[] = {
    {"l2", weight_l2, build_l2},
    {"l1", weight_l1, build_l1},
};

struct lat_value *lat_build_penalties(struct lat_build *build, struct lat_value *code)
{
    struct lat_value *sum = NULL;
    for (size_t i = 0; i < LAT_ARRAY_LEN(penalties_table); i++) {
        double weight = penalties_table[i].weight(&build->spec->penalties);
        if (weight > 0) {
            struct lat_value *part = penalties_table[i].build(build, code, weight);
            sum = sum == NULL ? part : lat_graph_add(build->graph, sum, part);
        }
    }
    return sum;
}

enum lat_status lat_penalties_check(const struct lat_penalties *penalties,
                                    struct lat_error *err)
{
    const char *name = NULL;
    if (penalties->kl_sparsity_weight > 0) {
        name = "kl_sparsity";
    } else if (penalties->k_sparse > 0) {
        name = "k_sparse";
    } else if (penalties->contractive > 0) {
        name = "contractive";
    }
    if (name != NULL) {
        return lat_fail(err, LAT_INVALID, "not_supported",
                        "the penalty '%s' cannot be trained by this build", name);
    }
    return LAT_OK;
}
