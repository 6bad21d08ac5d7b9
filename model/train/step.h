/* A training step as one ONNX graph: forward, loss, gradients (symbolic reverse mode),
 * optimiser update, run with every buffer bound once. The parameters and the optimiser's
 * moments are double buffered (read set A, write set B, swap), so nothing is copied at a step.
 *
 * A batch is what spec->optimizer.batch says. The spec is copied where it matters and may be
 * released before the step. One thread at a time; the engine itself uses `threads` inside. */
#ifndef LAT_MODEL_TRAIN_STEP_H
#define LAT_MODEL_TRAIN_STEP_H

#include "model/engine.h"
#include "model/train/spec.h"

/* One trained tensor, in creation order (the order of checkpoints). */
struct lat_parameter_info {
    const char *name; /* borrowed: "encoder.0.weight" */
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK];
    size_t n; /* floats */
};

struct lat_step;

/* Builds the graphs for `batch` rows a step and opens them. Weights are initialised from
 * spec->seed (Glorot & Bengio 2010 for sigmoid and tanh, He et al. 2015 for the others). */
enum lat_status lat_step_new(struct lat_engine *engine, const struct lat_spec *spec,
                             const struct lat_input_spec *input, int threads,
                             struct lat_step **out_step, struct lat_error *err) LAT_MUST_USE;
void lat_step_free(struct lat_step *step);

/* Where the next batch goes: [batch][elements] floats, written by the caller before a run. The
 * elements of a table's missing cells are NaN: the network gets the column's mean for them, and
 * the likelihood leaves them out. */
float *lat_step_input(struct lat_step *step);

/* One optimiser step at learning rate `rate`. When `out_loss` is not NULL the loss before the
 * step is computed too (a second graph with the loss as output; costs the softplus). */
enum lat_status lat_step_run(struct lat_step *step, double rate, double *out_loss,
                             struct lat_error *err) LAT_MUST_USE;

/* For gaussian codes: the weight of the divergence from the prior in the steps that follow; at
 * first penalties.beta. Deterministic codes have none. */
void lat_step_set_divergence(struct lat_step *step, double weight);

/* Starts a pass of lat_step_evaluate. A gaussian code is drawn anew for every row, and every
 * pass draws the same; `at_mean`: the mean is decoded instead and the divergence left out,
 * which is what an exported package reconstructs. Nothing for deterministic codes. */
void lat_step_begin_evaluation(struct lat_step *step, bool at_mean);

/* Negative log-likelihood (gaussian codes: the negative bound at penalties.beta) of the batch
 * in lat_step_input, summed over its first `n` rows: no update, no corruption, no penalties. */
enum lat_status lat_step_evaluate(struct lat_step *step, size_t n, double *out_loss_sum,
                                  struct lat_error *err) LAT_MUST_USE;

/* Parameters, and the whole optimiser state for checkpoints. Copies out of and into the current
 * set. */
const struct lat_parameter_info *lat_step_parameters(const struct lat_step *step,
                                                     size_t *out_n);
void lat_step_get_parameter(const struct lat_step *step, size_t i, float *out_values);
void lat_step_set_parameter(struct lat_step *step, size_t i, const float *values);
size_t lat_step_state_len(const struct lat_step *step); /* bytes */
void lat_step_get_state(const struct lat_step *step, void *out_bytes);
enum lat_status lat_step_set_state(struct lat_step *step, const void *bytes, size_t len,
                                   struct lat_error *err) LAT_MUST_USE;

/* How the exported graphs want an image's row: LAT_LAYOUT_NCHW for a convolutional encoder,
 * else LAT_LAYOUT_FLAT. Training rows are channel planes one after the other in either case. */
enum lat_layout lat_step_layout(const struct lat_step *step);

/* For models whose rows are standardised by the caller before training: (value - shift) /
 * scale, one number an element each, copied. The exported encoder then does it itself and the
 * decoder undoes it. */
enum lat_status lat_step_set_scaling(struct lat_step *step, const float *shift,
                                     const float *scale, struct lat_error *err) LAT_MUST_USE;

/* Writes FOLDER/encoder.onnx and FOLDER/decoder.onnx with the current weights as initialisers
 * and a dynamic batch: inputs "input" and "code", outputs "code" (and "log_variance") and
 * "output" (after the sigmoid for bernoulli: what the decoder gives are pixels). */
enum lat_status lat_step_export(const struct lat_step *step, const char *folder,
                                struct lat_error *err) LAT_MUST_USE;

/* The gradient of the loss by parameter `i` for the batch in lat_step_input, for tests. Codes
 * are drawn as the next step would draw them. */
enum lat_status lat_step_gradient(struct lat_step *step, size_t i, float *out_gradient,
                                  struct lat_error *err) LAT_MUST_USE;

/* The step graph as ONNX bytes (borrowed), so that a benchmark can time the raw runtime on it.
 */
const void *lat_step_graph(const struct lat_step *step, size_t *out_len);

#endif
