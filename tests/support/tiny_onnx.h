/* Tiny ONNX files and whole packages for tests, written byte by byte: no library that the
 * product uses has a hand in them, and every wrong shape can be had. */
#ifndef LAT_TESTS_TINY_ONNX_H
#define LAT_TESTS_TINY_ONNX_H

#include <stdint.h>

#include "base/buf.h"

enum { TINY_FLOAT = 1, TINY_INT64 = 7, TINY_DOUBLE = 11 }; /* onnx.TensorProto.DataType */

/* A graph in the making: `struct tiny_onnx onnx = {0}`, pieces in any order, tiny_finish. */
struct tiny_onnx {
    struct lat_buf graph;
};

/* A dimension of -1 is left open. */
void tiny_input(struct tiny_onnx *onnx, const char *name, int type, size_t rank,
                const int64_t *dims);
void tiny_output(struct tiny_onnx *onnx, const char *name, int type, size_t rank,
                 const int64_t *dims);
void tiny_floats(struct tiny_onnx *onnx, const char *name, size_t rank, const int64_t *dims,
                 const float *values);
void tiny_ints(struct tiny_onnx *onnx, const char *name, size_t n, const int64_t *values);

/* `inputs` is a list separated by blanks. `attribute` (an int) may be NULL. */
void tiny_node(struct tiny_onnx *onnx, const char *op, const char *inputs, const char *output,
               const char *attribute, int64_t value);

/* The file's bytes appended to `out`; the graph is empty again. */
void tiny_finish(struct tiny_onnx *onnx, struct lat_buf *out);

/* A linear autoencoder whose code is the first `code` elements of a row times `scale`, and
 * whose decoder puts them back (over `scale`), all others 0. */
struct tiny_model {
    size_t rank;         /* of the encoder's input and the decoder's output */
    int64_t dims[4];     /* [0] the batch, -1 unless a test wants it fixed */
    size_t code;         /* width of the code */
    float scale;         /* 0 means 1 */
    float decoder_scale; /* of the decoder; 0 means 1 / scale */
    bool log_variance;   /* a second output "log_variance", the code again */
    bool no_decoder;
    bool fixed_reshape; /* the decoder claims an open batch, but reshapes to a batch of 1 */
    const char *output; /* name of the decoder's output, NULL: "output" */
};

void tiny_encoder(const struct tiny_model *model, struct lat_buf *out);
void tiny_decoder(const struct tiny_model *model, struct lat_buf *out);

/* MODELS/NAME/VERSION with model.json (the text as it is), encoder.onnx and decoder.onnx.
 * Aborts when it cannot be written. */
void tiny_package(const char *models, const char *name, unsigned version,
                  const struct tiny_model *model, const char *manifest);

#endif
