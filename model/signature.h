/* The signature of a model: which tensors of its ONNX files are what, and their shapes; the
 * manifest held against the files, and filled from them where it says nothing. Internal to
 * model/. */
#ifndef LAT_MODEL_SIGNATURE_H
#define LAT_MODEL_SIGNATURE_H

#include "model/engine.h"
#include "model/package.h"

/* One tensor of a session: dims[0] is the batch (-1), the others are fixed. */
struct lat_port {
    char name[LAT_TENSOR_NAME_MAX]; /* "" when the model has no such tensor */
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK];
};

struct lat_signature {
    struct lat_port input, code, log_variance; /* of the encoder */
    struct lat_port decoder_input, output;     /* of the decoder */
    struct lat_port spread;                    /* of the decoder, shaped as `output` */
};

/* What an ONNX file says of itself; borrowed. `file` is its name, for messages. */
struct lat_graph_face {
    const char *file;
    const struct lat_tensor_info *inputs, *outputs;
    size_t n_inputs, n_outputs;
};

/* Settles input shape, layout and code width in *manifest. LAT_INVALID with the pointer into
 * model.json and both numbers where file and manifest disagree; where neither says it; and for
 * a file whose batch is fixed or whose numbers are not float32. */
enum lat_status lat_signature_encoder(const struct lat_graph_face *face,
                                      struct lat_manifest *manifest, struct lat_signature *out,
                                      struct lat_error *err) LAT_MUST_USE;

/* After lat_signature_encoder: the decoder must lead from the code back to the same input. */
enum lat_status lat_signature_decoder(const struct lat_graph_face *face,
                                      const struct lat_manifest *manifest,
                                      struct lat_signature *out,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
