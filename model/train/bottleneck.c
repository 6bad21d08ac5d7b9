/* What the code is. A deterministic code is one linear layer behind the features. */
#include "model/train/parts.h"

#include "base/banned.h"

static struct lat_value *deterministic(struct lat_build *build, struct lat_value *features)
{
    return lat_build_dense(build, "code", features, build->spec->code.dimension, LAT_LINEAR);
}

static const struct lat_bottleneck bottlenecks[] = {
    {"deterministic", LAT_CODE_DETERMINISTIC, deterministic},
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
