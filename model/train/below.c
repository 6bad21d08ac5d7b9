/* A graph of its own with the weights as constants: they do not change while the layer above is
 * trained. */
#include "model/train/below.h"

#include <string.h>

#include "base/mem.h"
#include "model/graph/onnx_file.h"
#include "model/train/step_state.h"

#include "base/banned.h"

struct lat_below {
    float *input; /* [batch][elements] */
    struct lat_session *session;
    struct lat_binding *binding;
};

/* Builds "input" -> "activations". */
static void build(struct lat_design *design, size_t n_layers, const float *const *weights,
                  struct lat_graph *graph)
{
    struct lat_network_spec lower = design->spec.encoder;
    const int64_t batch = design->spec.optimizer.batch;
    struct lat_build build = {.graph = graph,
                              .spec = &design->spec,
                              .input = &design->input,
                              .batch = batch,
                              .parameters = &design->parameters,
                              .weights = weights};
    struct lat_shape row = lat_network_row_shape(design->encoder, &design->input, batch);
    struct lat_value *x = lat_graph_input(graph, "input", LAT_FLOAT32, &row);
    lower.n_hidden = n_layers;
    x = lat_build_flat(&build, lat_build_rows(&build, x));
    lat_graph_output(graph, lat_build_hidden(&build, "encoder", &lower, x), "activations");
    lat_build_release(&build);
}

static enum lat_status write(const struct lat_step *step, size_t n_layers, struct lat_buf *out,
                             struct lat_error *err)
{
    struct lat_design design = step->design; /* builders look parameters up, they add none */
    const struct lat_onnx_options options = {.name = "below"};
    struct lat_graph graph;
    const float **weights = lat_alloc(design.parameters.n, sizeof(*weights));
    if (weights == NULL) {
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < design.parameters.n; i++) {
        weights[i] = lat_step_parameter_data(step, step->current, i);
    }
    lat_graph_init(&graph);
    build(&design, n_layers, weights, &graph);
    const enum lat_status status = lat_onnx_write(&graph, &options, out, err);
    lat_graph_release(&graph);
    lat_free(weights);
    return status;
}

static enum lat_status bind(struct lat_below *below, const struct lat_design *design,
                            size_t width, float *activations, struct lat_error *err)
{
    const int64_t batch = design->spec.optimizer.batch;
    const struct lat_shape row = lat_network_row_shape(design->encoder, &design->input, batch);
    struct lat_tensor input = {
        .name = "input", .dtype = LAT_FLOAT32, .rank = row.rank, .data = below->input};
    memcpy(input.dims, row.dims, sizeof(input.dims));
    const struct lat_tensor output = {.name = "activations",
                                      .dtype = LAT_FLOAT32,
                                      .rank = 2,
                                      .dims = {batch, (int64_t)width},
                                      .data = activations};
    return lat_binding_new(below->session, &input, 1, &output, 1, &below->binding, err);
}

enum lat_status lat_below_new(const struct lat_step *step, size_t n_layers,
                              float *out_activations, struct lat_below **out_below,
                              struct lat_error *err)
{
    const struct lat_design *design = &step->design;
    const struct lat_session_options options = {
        .threads = step->threads, .optimize = true, .flush_denormals = true};
    struct lat_buf bytes = {0};
    struct lat_below *below = lat_alloc(1, sizeof(*below));
    if (below == NULL) {
        return lat_fail_memory(err);
    }
    enum lat_status status = LAT_OK;
    below->input = lat_alloc_aligned(step->n_input, sizeof(float));
    if (below->input == NULL) {
        status = lat_fail_memory(err);
    }
    if (status == LAT_OK) {
        status = write(step, n_layers, &bytes, err);
    }
    if (status == LAT_OK) {
        status = lat_session_open_bytes(step->engine, bytes.data, bytes.len, &options,
                                        &below->session, err);
    }
    if (status == LAT_OK) {
        status = bind(below, design, design->spec.encoder.hidden[n_layers - 1], out_activations,
                      err);
    }
    lat_buf_release(&bytes);
    if (status != LAT_OK) {
        lat_error_prefix(err, "layers below");
        lat_below_free(below);
        return status;
    }
    *out_below = below;
    return LAT_OK;
}

void lat_below_free(struct lat_below *below)
{
    if (below == NULL) {
        return;
    }
    lat_binding_free(below->binding);
    lat_session_close(below->session);
    lat_free(below->input);
    lat_free(below);
}

float *lat_below_input(struct lat_below *below)
{
    return below->input;
}

enum lat_status lat_below_run(struct lat_below *below, struct lat_error *err)
{
    return lat_binding_run(below->binding, err);
}
