/* A graph of tensor operations, built node by node and written out as ONNX.
 *
 * Every value has a known element type and a static shape. Builders return the new value or
 * NULL and remember the first failure in the graph (sticky error): they may be chained without
 * a check between them, NULL inputs pass through, and lat_graph_check() tells at the end.
 * Values are owned by the graph and die with it. One thread at a time. */
#ifndef LAT_MODEL_GRAPH_GRAPH_H
#define LAT_MODEL_GRAPH_GRAPH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "model/engine.h"

struct lat_op;

struct lat_shape {
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK]; /* all positive */
};

enum lat_value_kind {
    LAT_VALUE_INPUT,    /* fed at every run: batches, parameters in training, learning rates */
    LAT_VALUE_CONSTANT, /* written into the file: scalars, weights of an exported model */
    LAT_VALUE_NODE      /* computed by an op */
};

/* What an op needs to know besides its inputs. Which fields count is said by the op's row. */
struct lat_attributes {
    size_t n;                          /* length of `ints` (and of `begin` and `end`) */
    int64_t ints[LAT_TENSOR_MAX_RANK]; /* axes, perm or shape */
    int64_t begin[LAT_TENSOR_MAX_RANK], end[LAT_TENSOR_MAX_RANK]; /* slice, pad: one an axis */
    int64_t strides[2], pads[4], dilations[2],
        output_padding[2]; /* pads: top left bottom right */
    int64_t axis;
    bool keep_dims, trans_a, trans_b;
    float alpha;       /* exponent, slope */
    enum lat_dtype to; /* cast */
};

struct lat_value {
    size_t id; /* position in lat_graph.values; inputs of a node have smaller ones */
    enum lat_value_kind kind;
    enum lat_dtype dtype;
    struct lat_shape shape;
    const char *name; /* inputs, named constants; else NULL */
    const void *data; /* constants: row-major elements, borrowed or in the arena */
    const struct lat_op *op;
    size_t n_inputs;
    struct lat_value **inputs;
    struct lat_attributes attributes;
};

struct lat_graph_result {
    struct lat_value *value;
    const char *name;
};

struct lat_graph {
    struct lat_arena arena;
    struct lat_value **values; /* in creation order, which is a topological order */
    size_t n_values, values_capacity;
    struct lat_graph_result *results; /* what the graph gives out */
    size_t n_results, results_capacity;
    struct lat_error error; /* the first failure */
};

void lat_graph_init(struct lat_graph *graph);
void lat_graph_release(struct lat_graph *graph);

/* LAT_OK, or the first failure of any builder. */
enum lat_status lat_graph_check(const struct lat_graph *graph,
                                struct lat_error *err) LAT_MUST_USE;

/* Records a failure (first kept) and returns NULL. */
struct lat_value *lat_graph_fail(struct lat_graph *graph, enum lat_status status,
                                 const char *fmt, ...) LAT_PRINTF(3, 4);

/* A value fed at every run. `name` is copied. */
struct lat_value *lat_graph_input(struct lat_graph *graph, const char *name,
                                  enum lat_dtype dtype, const struct lat_shape *shape);

/* Float32 elements written into the file; `data` is borrowed until the graph is released.
 * `name` (copied) or NULL for one made up. */
struct lat_value *lat_graph_constant(struct lat_graph *graph, const char *name,
                                     const struct lat_shape *shape, const float *data);

/* One float32 without axes. */
struct lat_value *lat_graph_scalar(struct lat_graph *graph, float number);

/* A node; the row's shape rule checks the inputs and says what comes out. `attributes` (copied)
 * may be NULL. */
struct lat_value *lat_graph_node(struct lat_graph *graph, const struct lat_op *op,
                                 struct lat_value *const *inputs, size_t n_inputs,
                                 const struct lat_attributes *attributes);

/* Gives `value` out under `name` (copied). */
void lat_graph_output(struct lat_graph *graph, struct lat_value *value, const char *name);

/* Elements of a shape; shapes of values in a graph never overflow. */
size_t lat_shape_elements(const struct lat_shape *shape);
bool lat_shape_equal(const struct lat_shape *a, const struct lat_shape *b);

/* "[256, 784]" into `out`; for messages. Returns `out`. */
const char *lat_shape_text(const struct lat_shape *shape, char *out, size_t size);

#endif
