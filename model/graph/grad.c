/* Walks the nodes between `wrt` and `loss` in reverse creation order and adds up what each
 * node's row passes back. Values that no `wrt` reaches are skipped, so nothing is built for
 * them. */
#include "model/graph/grad.h"

#include "base/mem.h"
#include "model/graph/build.h"
#include "model/graph/ops.h"

#include "base/banned.h"

/* depends[id]: a wrt reaches the value. */
static void mark(const struct lat_graph *graph, struct lat_value *const *wrt, size_t n,
                 size_t n_values, bool *depends)
{
    for (size_t i = 0; i < n; i++) {
        depends[wrt[i]->id] = true;
    }
    for (size_t id = 0; id < n_values; id++) {
        const struct lat_value *value = graph->values[id];
        for (size_t i = 0; i < value->n_inputs; i++) {
            depends[id] = depends[id] || depends[value->inputs[i]->id];
        }
    }
}

static void pass_back(struct lat_graph *graph, struct lat_value *node, const bool *depends,
                      struct lat_value **dys)
{
    struct lat_value *d[LAT_OP_MAX_INPUTS] = {0};
    struct lat_value *dy = dys[node->id];
    if (node->op->gradient == NULL) {
        return;
    }
    if (!node->op->broadcast_dy) {
        dy = lat_graph_expand(graph, dy, &node->shape);
    }
    node->op->gradient(graph, node, dy, d);
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t id = node->inputs[i]->id;
        if (d[i] == NULL || !depends[id]) {
            continue;
        }
        dys[id] = dys[id] == NULL ? d[i] : lat_graph_add(graph, dys[id], d[i]);
    }
}

static bool check_arguments(struct lat_graph *graph, const struct lat_value *loss,
                            struct lat_value *const *wrt, size_t n)
{
    bool missing = loss == NULL;
    for (size_t i = 0; i < n; i++) {
        missing = missing || wrt[i] == NULL;
    }
    if (missing) {
        (void)lat_graph_fail(graph, LAT_INTERNAL, "gradient of a missing value");
        return false;
    }
    if (lat_shape_elements(&loss->shape) != 1) {
        (void)lat_graph_fail(graph, LAT_INTERNAL, "the loss must be one number");
        return false;
    }
    return true;
}

void lat_graph_gradient(struct lat_graph *graph, struct lat_value *loss,
                        struct lat_value *const *wrt, size_t n,
                        struct lat_value **out_gradients)
{
    struct lat_value **dys = NULL;
    bool *depends = NULL;
    for (size_t i = 0; i < n; i++) {
        out_gradients[i] = NULL;
    }
    if (graph->error.status != LAT_OK || !check_arguments(graph, loss, wrt, n)) {
        return;
    }
    size_t n_values = graph->n_values; /* the walk below adds more */
    dys = lat_alloc(n_values, sizeof(struct lat_value *));
    depends = lat_alloc(n_values, sizeof(*depends));
    if (dys == NULL || depends == NULL) {
        (void)lat_graph_fail(graph, LAT_NO_MEMORY, "out of memory");
        goto out;
    }
    mark(graph, wrt, n, n_values, depends);
    dys[loss->id] = lat_graph_fill(graph, &loss->shape, 1);
    for (size_t id = loss->id + 1; id-- > 0 && graph->error.status == LAT_OK;) {
        struct lat_value *value = graph->values[id];
        if (value->kind == LAT_VALUE_NODE && depends[id] && dys[id] != NULL) {
            pass_back(graph, value, depends, dys);
        }
    }
    for (size_t i = 0; i < n && graph->error.status == LAT_OK; i++) {
        struct lat_value *dy = dys[wrt[i]->id];
        out_gradients[i] = dy != NULL ? lat_graph_expand(graph, dy, &wrt[i]->shape)
                                      : lat_graph_fill(graph, &wrt[i]->shape, 0);
    }
out:
    lat_free(depends);
    lat_free(dys);
}
