/* Runs a graph through the engine, for tests. */
#ifndef LAT_TESTS_UNIT_GRAPH_RUN_H
#define LAT_TESTS_UNIT_GRAPH_RUN_H

#include "model/engine.h"
#include "model/graph/build.h"
#include "model/graph/grad.h"
#include "model/graph/onnx_file.h"
#include "model/graph/ops.h"

/* One engine for the whole program. */
struct lat_engine *test_engine(void);

/* Writes the graph and opens it; the test fails with the words when either does. */
struct lat_session *test_open(const struct lat_graph *graph, bool dynamic_batch);

/* A tensor of a value's shape over `data`. */
struct lat_tensor test_tensor(const char *name, const struct lat_value *value, void *data);

/* Opens, runs once, closes. */
void test_run(const struct lat_graph *graph, const struct lat_tensor *inputs, size_t n_inputs,
              const struct lat_tensor *outputs, size_t n_outputs);

#endif
