/* The way from given rows to a code, written once: the step, the contractive penalty and the
 * layers below one being pretrained must see the same network. */
#include "model/train/parts.h"
#include "model/train/ratings.h"

#include "base/banned.h"

/* Keeps an empty history at 0. */
static const float LENGTH_LEAST = 1e-9F;

/* Histories of all lengths alike: each row over its Euclidean length, of which dropout takes
 * its share afterwards (as the authors of Liang et al. 2018 do). Principal components are of
 * the rows as they are. */
struct lat_value *lat_build_rows(struct lat_build *build, struct lat_value *x)
{
    struct lat_graph *g = build->graph;
    const int64_t axis = 1;
    if (build->input->kind != LAT_INPUT_INTERACTIONS || build->spec->method == LAT_METHOD_PCA) {
        return x;
    }
    struct lat_value *measured = build->measured != NULL ? build->measured : x;
    struct lat_value *squares = lat_graph_sum(g, lat_graph_square(g, measured), &axis, 1, true);
    return lat_graph_div(g, x, lat_graph_sqrt(g, lat_graph_shift(g, squares, LENGTH_LEAST)));
}

struct lat_code lat_build_encode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_spec *spec = build->spec;
    const struct lat_network *network = lat_network_find(spec->encoder.type);
    const struct lat_bottleneck *bottleneck = lat_bottleneck_find(spec->code.type);
    struct lat_value *level = NULL;
    x = build->input->ratings ? lat_ratings_features(build, x, &level)
                              : lat_build_rows(build, x);
    struct lat_code code = bottleneck->code(build, network->encode(build, x));
    if (level != NULL)
        code.mean = lat_ratings_add_level(build, code.mean, level);
    return code;
}
