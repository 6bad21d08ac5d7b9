/* A look into an ONNX file: its nodes and constants, without the runtime, so that a layer can
 * be told from the graph and its weights read. Field numbers are those of onnx.proto.
 *
 * Everything points into the file's bytes, which outlive the view. A view is made on one thread
 * and then only read. Internal to model/. */
#ifndef LAT_MODEL_ONNX_VIEW_H
#define LAT_MODEL_ONNX_VIEW_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/engine.h"

/* Bytes of the file; texts are not NUL-terminated. */
struct lat_onnx_part {
    const unsigned char *at;
    size_t len;
};

struct lat_onnx_attribute {
    struct lat_onnx_part name;
    int64_t i;
    float f;
    bool is_graph; /* a body of its own, which may use any name of the graph around it */
};

struct lat_onnx_node {
    struct lat_onnx_part whole, op; /* op: empty where it is not of the standard's own domain */
    const struct lat_onnx_part *inputs, *outputs;
    const struct lat_onnx_attribute *attributes;
    size_t n_inputs, n_outputs, n_attributes;
};

/* A constant: an initializer. */
struct lat_onnx_constant {
    struct lat_onnx_part whole, name;
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK];
    size_t n;                      /* elements */
    const unsigned char *elements; /* [n] float32, little-endian, at any address; NULL: of
                                    * another type, or not in this file */
    bool outside;                  /* its data are in a file of their own */
};

struct lat_onnx_view {
    struct lat_arena arena;
    struct lat_onnx_part graph;
    const struct lat_onnx_part *others; /* what the file has besides its graph, as it stands */
    const struct lat_onnx_node *nodes;
    const struct lat_onnx_constant *constants;
    size_t n_others, n_nodes, n_constants;
    bool sparse; /* has constants of a kind that is not read */
};

/* LAT_CORRUPT for bytes that are no model; LAT_NO_MEMORY. */
enum lat_status lat_onnx_view_open(const void *bytes, size_t len, struct lat_onnx_view *out,
                                   struct lat_error *err) LAT_MUST_USE;
void lat_onnx_view_release(struct lat_onnx_view *view);

bool lat_onnx_is(struct lat_onnx_part part, const char *text);
bool lat_onnx_same(struct lat_onnx_part a, struct lat_onnx_part b);

/* The node that makes the value, or NULL (an input, a constant). */
const struct lat_onnx_node *lat_onnx_maker(const struct lat_onnx_view *view,
                                           struct lat_onnx_part value);
/* The constant of that name, or NULL. */
const struct lat_onnx_constant *lat_onnx_constant_of(const struct lat_onnx_view *view,
                                                     struct lat_onnx_part value);
/* A whole-number attribute of a node, `otherwise` where it is not said. */
int64_t lat_onnx_int(const struct lat_onnx_node *node, const char *name, int64_t otherwise);
float lat_onnx_float(const struct lat_onnx_node *node, const char *name, float otherwise);

/* An element of a constant. */
float lat_onnx_element(const struct lat_onnx_constant *constant, size_t i);

/* The part of the graph that leads from `from` [batch, from_width] to `to` [batch, to_width],
 * as a file of its own with the input "from" and the output "to", appended to `out`.
 * LAT_CAPABILITY: something else leads there too, or the file is of a kind that cannot be cut.
 */
struct lat_onnx_cut {
    struct lat_onnx_part from, to;
    size_t from_width, to_width;
};
enum lat_status lat_onnx_slice(const struct lat_onnx_view *view, const struct lat_onnx_cut *cut,
                               struct lat_buf *out, struct lat_error *err) LAT_MUST_USE;

#endif
