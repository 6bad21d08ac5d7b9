/* The encoder's graph as it stands in its file: tensors by the names and types of the ONNX
 * file, nothing preprocessed, nothing named by the manifest. What the Open Inference Protocol
 * serves. Any thread; the model is held by the caller. */
#ifndef LAT_MODEL_INFERENCE_H
#define LAT_MODEL_INFERENCE_H

#include "model/engine.h"
#include "model/registry.h"

/* Inputs and outputs of the graph; borrowed while the model is held. A first dimension of -1 is
 * the batch. */
const struct lat_tensor_info *lat_model_graph_inputs(const struct lat_model *model,
                                                     size_t *out_n);
const struct lat_tensor_info *lat_model_graph_outputs(const struct lat_model *model,
                                                      size_t *out_n);

/* The shape of `info` for a batch, into out_dims [rank], and the number of its elements.
 * LAT_CAPABILITY when the file leaves another dimension open, or one has a type this does not
 * carry; LAT_TOO_LARGE when they are too many to count. */
enum lat_status lat_model_graph_shape(const struct lat_tensor_info *info, int64_t batch,
                                      int64_t *out_dims, size_t *out_elements,
                                      struct lat_error *err) LAT_MUST_USE;

/* One run; outputs are preallocated, each in the shape lat_model_graph_shape says. */
enum lat_status lat_model_graph_run(struct lat_model *model, const struct lat_tensor *inputs,
                                    size_t n_inputs, const struct lat_tensor *outputs,
                                    size_t n_outputs, struct lat_error *err) LAT_MUST_USE;

#endif
