/* Walks the nodes between `wrt` and `loss` in reverse creation order: when a value's turn
 * comes, all its users have passed back their parts, which are joined where their row knows how
 * and added up otherwise. Values that no `wrt` reaches are skipped, so nothing is built for
 * them. */
#include "model/graph/grad.h"

#include <string.h>

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

/* What a node passed back to one of its inputs: `d` by its row's rule. */
struct part {
    struct lat_value *node, *dy, *d;
    size_t input;
    struct part *next; /* of the same value */
};

struct walk {
    struct lat_graph *graph;
    struct lat_arena arena; /* of the parts */
    struct part **parts;    /* by id of the value */
    bool *depends;
};

static void add_part(struct walk *walk, size_t id, const struct part *part)
{
    struct part *kept = lat_arena_alloc(&walk->arena, 1, sizeof(*kept));
    if (kept == NULL) {
        (void)lat_graph_fail(walk->graph, LAT_NO_MEMORY, "out of memory");
        return;
    }
    *kept = *part;
    kept->next = walk->parts[id];
    walk->parts[id] = kept;
}

static void pass_back(struct walk *walk, struct lat_value *node, struct lat_value *dy)
{
    struct lat_value *d[LAT_OP_MAX_INPUTS];
    if (node->op->gradient == NULL) {
        return;
    }
    if (!node->op->broadcast_dy) {
        dy = lat_graph_expand(walk->graph, dy, &node->shape);
    }
    memset(d, 0, node->n_inputs * sizeof(struct lat_value *));
    node->op->gradient(walk->graph, node, dy, d);
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t id = node->inputs[i]->id;
        if (d[i] != NULL && walk->depends[id]) {
            add_part(walk, id, &(struct part){.node = node, .dy = dy, .d = d[i], .input = i});
        }
    }
}

/* Takes the parts that share a row and an input with `first` out of the list and joins them by
 * the row's shortcut; NULL, and nothing taken, where there is none. Nodes built for nothing are
 * not written. */
static struct lat_value *join(struct walk *walk, struct part *first)
{
    struct lat_value *nodes[LAT_OP_MAX_INPUTS];
    struct lat_value *dys[LAT_OP_MAX_INPUTS];
    const struct lat_op *op = first->node != NULL ? first->node->op : NULL;
    size_t n = 0;
    if (op == NULL || op->joint == NULL) {
        return NULL;
    }
    for (struct part *p = first; p != NULL && n < LAT_OP_MAX_INPUTS; p = p->next) {
        if (p->d != NULL && p->node != NULL && p->node->op == op && p->input == first->input) {
            nodes[n] = p->node;
            dys[n++] = p->dy;
        }
    }
    struct lat_value *joined =
        n > 1 ? op->joint(walk->graph, nodes, dys, n, first->input) : NULL;
    for (struct part *p = first; p != NULL && joined != NULL && n > 0; p = p->next) {
        if (p->d != NULL && p->node != NULL && p->node->op == op && p->input == first->input) {
            p->d = NULL;
            n--;
        }
    }
    return joined;
}

/* In the order in which they came: sums are rounded as they are added. */
static struct part *reversed(struct part *parts)
{
    struct part *done = NULL;
    while (parts != NULL) {
        struct part *next = parts->next;
        parts->next = done;
        done = parts;
        parts = next;
    }
    return done;
}

/* The sum of all parts of a value; NULL when there are none. */
static struct lat_value *add_up(struct walk *walk, struct part *parts)
{
    struct lat_value *sum = NULL;
    parts = reversed(parts);
    for (struct part *p = parts; p != NULL; p = p->next) {
        if (p->d == NULL) {
            continue; /* joined with an earlier one */
        }
        struct lat_value *d = join(walk, p);
        d = d != NULL ? d : p->d;
        sum = sum == NULL ? d : lat_graph_add(walk->graph, sum, d);
    }
    return sum;
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

static void walk_back(struct walk *walk, struct lat_value *loss, struct lat_value **dys)
{
    struct lat_graph *graph = walk->graph;
    struct lat_value *one = lat_graph_fill(graph, &loss->shape, 1);
    add_part(walk, loss->id, &(struct part){.d = one});
    for (size_t id = loss->id + 1; id-- > 0 && graph->error.status == LAT_OK;) {
        struct lat_value *value = graph->values[id];
        dys[id] = walk->depends[id] ? add_up(walk, walk->parts[id]) : NULL;
        if (value->kind == LAT_VALUE_NODE && dys[id] != NULL) {
            pass_back(walk, value, dys[id]);
        }
    }
}

void lat_graph_gradient(struct lat_graph *graph, struct lat_value *loss,
                        struct lat_value *const *wrt, size_t n,
                        struct lat_value **out_gradients)
{
    struct walk walk = {.graph = graph};
    struct lat_value **dys = NULL;
    for (size_t i = 0; i < n; i++) {
        out_gradients[i] = NULL;
    }
    if (graph->error.status != LAT_OK || !check_arguments(graph, loss, wrt, n)) {
        return;
    }
    size_t n_values = graph->n_values; /* the walk below adds more */
    dys = lat_alloc(n_values, sizeof(struct lat_value *));
    walk.parts = lat_alloc(n_values, sizeof(struct part *));
    walk.depends = lat_alloc(n_values, sizeof(*walk.depends));
    if (dys == NULL || walk.parts == NULL || walk.depends == NULL) {
        (void)lat_graph_fail(graph, LAT_NO_MEMORY, "out of memory");
        goto out;
    }
    mark(graph, wrt, n, n_values, walk.depends);
    walk_back(&walk, loss, dys);
    for (size_t i = 0; i < n && graph->error.status == LAT_OK; i++) {
        struct lat_value *dy = dys[wrt[i]->id];
        out_gradients[i] = dy != NULL ? lat_graph_expand(graph, dy, &wrt[i]->shape)
                                      : lat_graph_fill(graph, &wrt[i]->shape, 0);
    }
out:
    lat_arena_release(&walk.arena);
    lat_free(walk.depends);
    lat_free(walk.parts);
    lat_free(dys);
}
