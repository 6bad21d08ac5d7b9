/* Export: the two sides as ONNX files of their own, weights inside; those of a transform a
 * second time for pictures of any size. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/graph/onnx_file.h"
#include "model/train/step_state.h"

#include "base/banned.h"

enum lat_status lat_step_set_scaling(struct lat_step *step, const float *shift,
                                     const float *scale, struct lat_error *err)
{
    size_t n = lat_input_elements(&step->design.input);
    float *shift_copy = lat_alloc_raw(n, sizeof(float));
    float *scale_copy = lat_alloc_raw(n, sizeof(float));
    if (shift_copy == NULL || scale_copy == NULL) {
        lat_free(shift_copy);
        lat_free(scale_copy);
        return lat_fail_memory(err);
    }
    memcpy(shift_copy, shift, n * sizeof(float));
    memcpy(scale_copy, scale, n * sizeof(float));
    lat_free(step->shift);
    lat_free(step->scale);
    step->shift = shift_copy;
    step->scale = scale_copy;
    return LAT_OK;
}

/* What is written, in this order; the last two of transforms alone. */
enum side { ENCODER, DECODER, ANALYSIS, SYNTHESIS, SIDES };
static const char *const side_names[SIDES] = {"encoder", "decoder", "analysis", "synthesis"};

static void build_side(struct lat_design *design, const struct lat_step *step,
                       const float *const *weights, enum side side, struct lat_graph *graph)
{
    if (side == ENCODER) {
        lat_design_export_encoder(design, weights, step->shift, step->scale, graph);
    } else if (side == DECODER) {
        lat_design_export_decoder(design, weights, step->shift, step->scale, graph);
    } else {
        lat_design_export_transform(design, weights, side == ANALYSIS, graph);
    }
}

static enum lat_status export_side(struct lat_design *design, const struct lat_step *step,
                                   const float *const *weights, const char *folder,
                                   enum side side, struct lat_error *err)
{
    struct lat_graph graph;
    struct lat_buf bytes = {0};
    char path[LAT_PATH_MAX + 16];
    const char *name = side_names[side];
    struct lat_onnx_options options = {
        .name = name, .dynamic_batch = true, .dynamic_size = side >= ANALYSIS};
    lat_graph_init(&graph);
    build_side(design, step, weights, side, &graph);
    enum lat_status status = lat_onnx_write(&graph, &options, &bytes, err);
    lat_graph_release(&graph);
    int len = snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    if (status == LAT_OK && (len < 0 || (size_t)len >= sizeof(path))) {
        status = lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    }
    if (status == LAT_OK) {
        status = lat_file_write(path, bytes.data, bytes.len, err);
    }
    lat_buf_release(&bytes);
    return status;
}

enum lat_status lat_step_export(const struct lat_step *step, const char *folder,
                                struct lat_error *err)
{
    struct lat_design design =
        step->design; /* the builders look parameters up, they add none */
    size_t n = design.parameters.n;
    const float **weights = lat_alloc(n, sizeof(*weights));
    if (weights == NULL) {
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        weights[i] = lat_step_parameter_data(step, step->current, i);
    }
    const enum side sides = design.bottleneck->rounds ? SIDES : ANALYSIS;
    enum lat_status status = LAT_OK;
    for (enum side side = ENCODER; status == LAT_OK && side < sides; side++) {
        status = export_side(&design, step, weights, folder, side, err);
    }
    lat_error_prefix(err, "export");
    lat_free(weights);
    return status;
}
