/* What the code is. A deterministic code is one layer behind the features, linear unless the
 * spec names its activation; with k_sparse all but the k largest units of an item are set to 0
 * (Makhzani & Frey 2013, section 2), in training as in the exported encoder. A gaussian one has
 * two layers, for the mean and the logarithm of the variance (Kingma & Welling 2014, appendix
 * C.2). A quantised one is the features themselves. */
#include "model/train/parts.h"

#include "base/banned.h"

/* 1 for the k largest of each row of `raw`, else 0: what lies above the (k+1)-th largest. So
 * units that share its value are all left out, and there are never more than k. The threshold
 * is the least of the k+1 largest. */
static struct lat_value *largest(struct lat_build *build, struct lat_value *raw, int64_t k)
{
    struct lat_graph *g = build->graph;
    struct lat_value *top = lat_graph_top_k(g, raw, k + 1);
    struct lat_value *threshold =
        lat_graph_neg(g, lat_graph_top_k(g, lat_graph_neg(g, top), 1));
    return lat_graph_mask(g, raw, threshold);
}

/* Units are chosen before the activation, which may squeeze different values into one. */
static struct lat_code deterministic(struct lat_build *build, struct lat_value *features)
{
    const struct lat_spec *spec = build->spec;
    const size_t width = spec->code.dimension;
    const uint32_t k = spec->penalties.k_sparse;
    struct lat_value *raw =
        lat_build_dense(build, "code", features, width, spec->code.activation);
    struct lat_value *code = lat_build_activation(build, spec->code.activation, raw);
    if (k > 0 && k < width) {
        code = lat_graph_mul(build->graph, code, largest(build, raw, k));
    }
    return (struct lat_code){.mean = code};
}

static struct lat_code gaussian(struct lat_build *build, struct lat_value *features)
{
    const size_t width = build->spec->code.dimension;
    struct lat_code code = {.mean =
                                lat_build_dense(build, "code", features, width, LAT_LINEAR)};
    code.log_variance = lat_build_dense(build, "log_variance", features, width, LAT_LINEAR);
    return code;
}

static struct lat_code quantised(struct lat_build *build, struct lat_value *features)
{
    return (struct lat_code){.mean = lat_build_flat(build, features)};
}

static const struct lat_bottleneck bottlenecks[] = {
    {"deterministic", LAT_CODE_DETERMINISTIC, false, false, deterministic},
    {"gaussian", LAT_CODE_GAUSSIAN, true, false, gaussian},
    {"quantised", LAT_CODE_QUANTISED, false, true, quantised},
};

const struct lat_bottleneck *lat_bottleneck_find(enum lat_code_type type)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(bottlenecks); i++) {
        if (bottlenecks[i].type == type) {
            return &bottlenecks[i];
        }
    }
    return NULL;
}
