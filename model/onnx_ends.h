/* The two ends of a network over items, told from its graphs: the first layer, into which a
 * history goes, and the last, out of which scores come. A layer is a Gemm or MatMul with
 * constant weights. Internal to model/. */
#ifndef LAT_MODEL_ONNX_ENDS_H
#define LAT_MODEL_ONNX_ENDS_H

#include "model/onnx_view.h"

struct lat_onnx_layer {
    struct lat_onnx_part input, output; /* values of the graph */
    size_t in, out;
    const struct lat_onnx_constant *weight, *bias; /* bias NULL: none */
    bool transposed;                               /* weight is [out][in], else [in][out] */
    float weight_factor, bias_factor;
    /* of the last layer: score = scale[i] (x W + b)_i + shift[i]; both [out], in the view's
     * arena */
    float *scale, *shift;
    /* of the first: the rows come over their Euclidean length, as far as the graph shows */
    bool unit_length;
};

/* The layer whose `n_items` outputs become `output`: behind it there may be a softmax or a
 * sigmoid (left out) and sums and products with constants (kept). LAT_CAPABILITY no_layer. */
enum lat_status lat_onnx_last_layer(struct lat_onnx_view *view, const char *output,
                                    size_t n_items, struct lat_onnx_layer *out,
                                    struct lat_error *err) LAT_MUST_USE;

/* The layer that takes the `n_items` inputs. LAT_CAPABILITY no_layer. */
enum lat_status lat_onnx_first_layer(const struct lat_onnx_view *view, const char *input,
                                     size_t n_items, struct lat_onnx_layer *out,
                                     struct lat_error *err) LAT_MUST_USE;

/* The value is that of the graph's input, unchanged. */
bool lat_onnx_is_input(const struct lat_onnx_view *view, struct lat_onnx_part value,
                       const char *input);

/* W[in][out] of the layer, factor included. */
float lat_onnx_weight(const struct lat_onnx_layer *layer, size_t in, size_t out);
/* b[out], factor included; 0 without a bias. */
float lat_onnx_bias(const struct lat_onnx_layer *layer, size_t out);

#endif
