/* Likelihoods: the negative logarithm of each element, constants left out, and the mean that an
 * exported decoder gives. */
#include "model/train/parts.h"

#include "base/banned.h"

/* Unit variance: (x - t)^2 / 2. */
static struct lat_value *gaussian_nll(struct lat_build *build, struct lat_value *output,
                                      struct lat_value *target)
{
    struct lat_value *difference = lat_graph_sub(build->graph, output, target);
    return lat_graph_scale(build->graph, lat_graph_square(build->graph, difference), 0.5F);
}

static struct lat_value *gaussian_mean(struct lat_build *build, struct lat_value *output)
{
    (void)build;
    return output;
}

/* -t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid is softplus(x) - x t, which neither
 * overflows nor takes the logarithm of 0. */
static struct lat_value *bernoulli_nll(struct lat_build *build, struct lat_value *output,
                                       struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    return lat_graph_sub(g, lat_graph_softplus(g, output), lat_graph_mul(g, output, target));
}

static struct lat_value *bernoulli_mean(struct lat_build *build, struct lat_value *output)
{
    return lat_graph_sigmoid(build->graph, output);
}

static const struct lat_likelihood_part likelihoods[] = {
    {LAT_LIKELIHOOD_GAUSSIAN, gaussian_nll, gaussian_mean},
    {LAT_LIKELIHOOD_BERNOULLI, bernoulli_nll, bernoulli_mean},
};

const struct lat_likelihood_part *lat_likelihood_find(enum lat_likelihood id)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(likelihoods); i++) {
        if (likelihoods[i].id == id) {
            return &likelihoods[i];
        }
    }
    return NULL;
}
