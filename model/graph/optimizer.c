/* Adam and SGD as graph nodes.
 *
 * Each node is one pass over every weight, and the passes are what a step of a dense net spends
 * besides its products. So the moments of Adam are kept scaled, M = m / (1 - b1) and
 * V = v / (1 - b2): then M' = b1 M + g and V' = b2 V + g^2 need no product with 1 - b, and the
 * constants move into the two scalars of a step. */
#include "model/graph/optimizer.h"

#include <math.h>
#include <string.h>

#include "model/graph/build.h"

#include "base/banned.h"

/* Kingma & Ba 2015, algorithm 1: w -= rate * mhat / (sqrt(vhat) + eps) with mhat = m / (1 -
 * b1^t) and vhat = v / (1 - b2^t); both sides of the quotient divided by sqrt((1 - b2) / (1 -
 * b2^t)). */
static void adam_scalars(const struct lat_optimizer_settings *s, double rate, uint64_t t,
                         float out_scalars[LAT_OPTIMIZER_SCALARS])
{
    double root = sqrt((1 - s->beta2) / (1 - pow(s->beta2, (double)t)));
    double mean = (1 - s->beta1) / (1 - pow(s->beta1, (double)t));
    out_scalars[0] = (float)(rate * mean / root);
    out_scalars[1] = (float)(s->epsilon / root);
}

static void adam_update(struct lat_graph *g, const struct lat_optimizer_settings *s,
                        struct lat_value *const scalars[LAT_OPTIMIZER_SCALARS],
                        const struct lat_optimizer_state *now, struct lat_value *gradient,
                        struct lat_optimizer_state *out_next)
{
    struct lat_value *m =
        lat_graph_add(g, lat_graph_scale(g, now->moments[0], (float)s->beta1), gradient);
    struct lat_value *v = lat_graph_add(g, lat_graph_scale(g, now->moments[1], (float)s->beta2),
                                        lat_graph_square(g, gradient));
    struct lat_value *spread = lat_graph_add(g, lat_graph_sqrt(g, v), scalars[1]);
    struct lat_value *move = lat_graph_mul(g, lat_graph_div(g, m, spread), scalars[0]);
    out_next->weight = lat_graph_sub(g, now->weight, move);
    out_next->moments[0] = m;
    out_next->moments[1] = v;
}

static size_t adam_moments(const struct lat_optimizer_settings *s)
{
    (void)s;
    return 2;
}

static void sgd_scalars(const struct lat_optimizer_settings *s, double rate, uint64_t t,
                        float out_scalars[LAT_OPTIMIZER_SCALARS])
{
    (void)t;
    out_scalars[0] = (float)rate;
    out_scalars[1] = (float)s->momentum;
}

/* Sutskever et al. 2013 in the form with the rate outside the velocity: v = mu v + g, w -= rate
 * v, and with Nesterov's look-ahead w -= rate (g + mu v). */
static void sgd_update(struct lat_graph *g, const struct lat_optimizer_settings *s,
                       struct lat_value *const scalars[LAT_OPTIMIZER_SCALARS],
                       const struct lat_optimizer_state *now, struct lat_value *gradient,
                       struct lat_optimizer_state *out_next)
{
    struct lat_value *direction = gradient;
    if (s->momentum > 0) {
        struct lat_value *velocity =
            lat_graph_add(g, lat_graph_mul(g, now->moments[0], scalars[1]), gradient);
        out_next->moments[0] = velocity;
        direction = velocity;
        if (s->nesterov) {
            direction = lat_graph_add(g, lat_graph_mul(g, velocity, scalars[1]), gradient);
        }
    }
    out_next->weight = lat_graph_sub(g, now->weight, lat_graph_mul(g, direction, scalars[0]));
}

static size_t sgd_moments(const struct lat_optimizer_settings *s)
{
    return s->momentum > 0 ? 1 : 0;
}

const struct lat_optimizer lat_optimizers[] = {
    {"adam", adam_moments, adam_scalars, adam_update},
    {"sgd", sgd_moments, sgd_scalars, sgd_update},
};
const size_t lat_n_optimizers = LAT_ARRAY_LEN(lat_optimizers);

const struct lat_optimizer *lat_optimizer_find(const char *name)
{
    for (size_t i = 0; i < lat_n_optimizers; i++) {
        if (strcmp(lat_optimizers[i].name, name) == 0) {
            return &lat_optimizers[i];
        }
    }
    return NULL;
}

void lat_graph_clip_gradients(struct lat_graph *graph, struct lat_value **gradients, size_t n,
                              float limit)
{
    struct lat_value *sum = NULL;
    for (size_t i = 0; i < n; i++) {
        struct lat_value *part =
            lat_graph_sum(graph, lat_graph_square(graph, gradients[i]), NULL, 0, false);
        sum = sum == NULL ? part : lat_graph_add(graph, sum, part);
    }
    struct lat_value *most = lat_graph_scalar(graph, limit);
    struct lat_value *norm = lat_graph_max(graph, lat_graph_sqrt(graph, sum), most);
    struct lat_value *factor = lat_graph_div(graph, most, norm);
    for (size_t i = 0; i < n; i++) {
        gradients[i] = lat_graph_mul(graph, gradients[i], factor);
    }
}
