/* A graph as an ONNX file: opset 17, IR version 8, which every runtime from 1.21 on reads. */
#ifndef LAT_MODEL_GRAPH_ONNX_FILE_H
#define LAT_MODEL_GRAPH_ONNX_FILE_H

#include "base/buf.h"
#include "model/graph/graph.h"

struct lat_onnx_options {
    const char *name;   /* of the graph */
    bool dynamic_batch; /* the first axis of every input and output is left open ("batch") */
    bool dynamic_size;  /* and so are the third and fourth: maps of any height and width */
};

/* Appends the file's bytes to `out`. Only what the outputs need is written; weights go in as
 * they are in memory (little-endian). With a dynamic batch the graph must have been built so
 * that the first axis of every value that depends on an input is the batch; with a dynamic size
 * no value may be reshaped. Fails with the
 * graph's own error if it has one. */
enum lat_status lat_onnx_write(const struct lat_graph *graph,
                               const struct lat_onnx_options *options, struct lat_buf *out,
                               struct lat_error *err) LAT_MUST_USE;

#endif
