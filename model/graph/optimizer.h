/* Optimisers: one row each, their update written as graph nodes.
 *
 * What changes from step to step enters the graph as two scalars computed here in double, so
 * that bias corrections like 1 - 0.999^t do not lose their digits in float32. */
#ifndef LAT_MODEL_GRAPH_OPTIMIZER_H
#define LAT_MODEL_GRAPH_OPTIMIZER_H

#include "model/graph/graph.h"

enum { LAT_OPTIMIZER_MAX_MOMENTS = 2, LAT_OPTIMIZER_SCALARS = 2 };

struct lat_optimizer_settings {
    double momentum;              /* sgd */
    bool nesterov;                /* sgd */
    double beta1, beta2, epsilon; /* adam; 0.9, 0.999 and 1e-8 are usual */
};

/* One tensor before a step, and after it (the fields of `next`). */
struct lat_optimizer_state {
    struct lat_value *weight;
    struct lat_value *moments[LAT_OPTIMIZER_MAX_MOMENTS]; /* start at zero */
};

struct lat_optimizer {
    const char *name;
    /* How many moments a tensor has. */
    size_t (*n_moments)(const struct lat_optimizer_settings *settings);
    /* The scalars of step `t` (1 is the first) at learning rate `rate`. */
    void (*scalars)(const struct lat_optimizer_settings *settings, double rate, uint64_t t,
                    float out_scalars[LAT_OPTIMIZER_SCALARS]);
    void (*update)(struct lat_graph *graph, const struct lat_optimizer_settings *settings,
                   struct lat_value *const scalars[LAT_OPTIMIZER_SCALARS],
                   const struct lat_optimizer_state *now, struct lat_value *gradient,
                   struct lat_optimizer_state *out_next);
};

extern const struct lat_optimizer lat_optimizers[];
extern const size_t lat_n_optimizers;

/* NULL for an unknown name. */
const struct lat_optimizer *lat_optimizer_find(const char *name);

/* Scales all `n` gradients (replaced in place) by limit / norm where their joint Euclidean norm
 * exceeds `limit` (Pascanu, Mikolov & Bengio 2013). */
void lat_graph_clip_gradients(struct lat_graph *graph, struct lat_value **gradients, size_t n,
                              float limit);

#endif
