/* What the code is. A deterministic code is one linear layer behind the features; a gaussian
 * one has two, for the mean and the logarithm of the variance (Kingma & Welling 2014, appendix
 * C.2).
 */
#include "model/train/parts.h"

#include "base/banned.h"

static struct lat_code deterministic(struct lat_build *build, struct lat_value *features)
{
    const size_t width = build->spec->code.dimension;
    return (struct lat_code){.mean =
                                 lat_build_dense(build, "code", features, width, LAT_LINEAR)};
}

static struct lat_code gaussian(struct lat_build *build, struct lat_value *features)
{
    const size_t width = build->spec->code.dimension;
    struct lat_code code = {.mean =
                                lat_build_dense(build, "code", features, width, LAT_LINEAR)};
    code.log_variance = lat_build_dense(build, "log_variance", features, width, LAT_LINEAR);
    return code;
}

static const struct lat_bottleneck bottlenecks[] = {
    {"deterministic", LAT_CODE_DETERMINISTIC, false, deterministic},
    {"gaussian", LAT_CODE_GAUSSIAN, true, gaussian},
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
