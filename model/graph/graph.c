/* Values in an arena, a table of pointers to them, and the first failure. Creation order is
 * kept and is a topological order: a node can only name values that exist. */
#include "model/graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/graph/ops.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

void lat_graph_init(struct lat_graph *graph)
{
    *graph = (struct lat_graph){.error = LAT_ERROR_INIT};
}

void lat_graph_release(struct lat_graph *graph)
{
    lat_arena_release(&graph->arena);
    lat_free(graph->values);
    lat_free(graph->results);
    lat_graph_init(graph);
}

enum lat_status lat_graph_check(const struct lat_graph *graph, struct lat_error *err)
{
    if (graph->error.status == LAT_OK) {
        return LAT_OK;
    }
    return lat_fail(err, graph->error.status, graph->error.code, "%s", graph->error.message);
}

struct lat_value *lat_graph_fail(struct lat_graph *graph, enum lat_status status,
                                 const char *fmt, ...)
{
    char words[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    (void)lat_fail(&graph->error, status, NULL, "%s", words);
    return NULL;
}

static struct lat_value *fail_memory(struct lat_graph *graph)
{
    return lat_graph_fail(graph, LAT_NO_MEMORY, "out of memory");
}

size_t lat_shape_elements(const struct lat_shape *shape)
{
    size_t n = 1;
    for (size_t i = 0; i < shape->rank; i++) {
        n *= (size_t)shape->dims[i];
    }
    return n;
}

bool lat_shape_equal(const struct lat_shape *a, const struct lat_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof(a->dims[0])) == 0;
}

const char *lat_shape_text(const struct lat_shape *shape, char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < shape->rank && at < size; i++) {
        int n = snprintf(out + at, size - at, "%s%lld", i == 0 ? "[" : ", ",
                         (long long)shape->dims[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at < size) {
        (void)snprintf(out + at, size - at, "%s", shape->rank == 0 ? "[]" : "]");
    }
    return out;
}

static bool shape_valid(const struct lat_shape *shape)
{
    size_t n = sizeof(int64_t); /* so that the bytes of any element type fit, too */
    if (shape->rank > LAT_TENSOR_MAX_RANK) {
        return false;
    }
    for (size_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] <= 0 || !lat_mul_size(n, (size_t)shape->dims[i], &n)) {
            return false;
        }
    }
    return true;
}

/* Makes room for one more in a table of pointers or rows. */
static bool grow(struct lat_graph *graph, void *table, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity) {
        return true;
    }
    size_t more = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    void *old = NULL;
    memcpy(&old, table, sizeof(old));
    void *new = lat_realloc(old, more, size);
    if (new == NULL) {
        (void)fail_memory(graph);
        return false;
    }
    memcpy(table, &new, sizeof(new));
    *capacity = more;
    return true;
}

static struct lat_value *add_value(struct lat_graph *graph, enum lat_value_kind kind,
                                   enum lat_dtype dtype, const struct lat_shape *shape)
{
    if (graph->error.status != LAT_OK) {
        return NULL;
    }
    if (!shape_valid(shape)) {
        char text[128];
        return lat_graph_fail(graph, LAT_INVALID, "impossible shape %s",
                              lat_shape_text(shape, text, sizeof(text)));
    }
    struct lat_value *value = lat_arena_alloc(&graph->arena, 1, sizeof(*value));
    if (value == NULL) {
        return fail_memory(graph);
    }
    if (!grow(graph, &graph->values, graph->n_values, &graph->values_capacity,
              sizeof(struct lat_value *))) {
        return NULL;
    }
    value->id = graph->n_values;
    value->kind = kind;
    value->dtype = dtype;
    value->shape = *shape;
    graph->values[graph->n_values++] = value;
    return value;
}

static const char *copy_name(struct lat_graph *graph, const char *name)
{
    const char *copy = lat_arena_strdup(&graph->arena, name);
    if (copy == NULL) {
        (void)fail_memory(graph);
    }
    return copy;
}

struct lat_value *lat_graph_input(struct lat_graph *graph, const char *name,
                                  enum lat_dtype dtype, const struct lat_shape *shape)
{
    struct lat_value *value = add_value(graph, LAT_VALUE_INPUT, dtype, shape);
    if (value == NULL) {
        return NULL;
    }
    value->name = copy_name(graph, name);
    return value->name != NULL ? value : NULL;
}

struct lat_value *lat_graph_constant(struct lat_graph *graph, const char *name,
                                     const struct lat_shape *shape, const float *data)
{
    struct lat_value *value = add_value(graph, LAT_VALUE_CONSTANT, LAT_FLOAT32, shape);
    if (value == NULL) {
        return NULL;
    }
    value->data = data;
    if (name != NULL) {
        value->name = copy_name(graph, name);
        return value->name != NULL ? value : NULL;
    }
    return value;
}

struct lat_value *lat_graph_scalar(struct lat_graph *graph, float number)
{
    float *data = lat_arena_alloc(&graph->arena, 1, sizeof(*data));
    if (data == NULL) {
        return fail_memory(graph);
    }
    *data = number;
    return lat_graph_constant(graph, NULL, &(struct lat_shape){0}, data);
}

struct lat_value *lat_graph_node(struct lat_graph *graph, const struct lat_op *op,
                                 struct lat_value *const *inputs, size_t n_inputs,
                                 const struct lat_attributes *attributes)
{
    static const struct lat_attributes none;
    if (graph->error.status != LAT_OK) {
        return NULL;
    }
    if (n_inputs < op->min_inputs || n_inputs > op->max_inputs) {
        return lat_graph_fail(graph, LAT_INTERNAL, "%s takes %u to %u inputs, not %zu",
                              op->name, op->min_inputs, op->max_inputs, n_inputs);
    }
    for (size_t i = 0; i < n_inputs; i++) {
        if (inputs[i] == NULL) {
            return lat_graph_fail(graph, LAT_INTERNAL, "%s: input %zu is missing", op->name, i);
        }
    }
    struct lat_attributes given = attributes != NULL ? *attributes : none;
    struct lat_op_result result = {.dtype = inputs[0]->dtype};
    if (!op->infer(graph, inputs, n_inputs, &given, &result)) {
        lat_error_prefix(&graph->error, "%s", op->name);
        return NULL;
    }
    struct lat_value *value = add_value(graph, LAT_VALUE_NODE, result.dtype, &result.shape);
    if (value == NULL) {
        return NULL;
    }
    value->inputs = lat_arena_alloc(&graph->arena, n_inputs, sizeof(*value->inputs));
    if (value->inputs == NULL) {
        return fail_memory(graph);
    }
    memcpy(value->inputs, inputs, n_inputs * sizeof(*inputs));
    value->n_inputs = n_inputs;
    value->op = op;
    value->attributes = given;
    return value;
}

void lat_graph_output(struct lat_graph *graph, struct lat_value *value, const char *name)
{
    /* The file names a value once: inputs, constants and values given out twice need a node. */
    bool taken = value != NULL && value->kind != LAT_VALUE_NODE;
    for (size_t i = 0; i < graph->n_results; i++) {
        taken = taken || graph->results[i].value == value;
    }
    if (taken) {
        value = lat_graph_node(graph, &lat_op_identity, &value, 1, NULL);
    }
    if (graph->error.status != LAT_OK) {
        return;
    }
    if (value == NULL) {
        (void)lat_graph_fail(graph, LAT_INTERNAL, "output '%s' is missing", name);
        return;
    }
    const char *copy = copy_name(graph, name);
    if (copy == NULL || !grow(graph, &graph->results, graph->n_results,
                              &graph->results_capacity, sizeof(graph->results[0]))) {
        return;
    }
    graph->results[graph->n_results++] = (struct lat_graph_result){value, copy};
}
