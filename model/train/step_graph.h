/* The graphs of a training: what is run at a step, for evaluation, for gradients, for export.
 *
 * Tensor names tell what a buffer is: a parameter has its own name, its moments NAME/m1 and
 * NAME/m2, what a step makes of any of them NAME/next, its derivative NAME/gradient. Besides
 * there are "input" and, with a corruption, "target" [batch, row], for tables "observed"
 * [batch, row] (0 where a cell is missing), with a gaussian code "noise" [samples, batch,
 * dimension] and "beta" (one number; with a quantised code "noise" is [batch, dimension]),
 * "probe" (contractive.c), "scalar1" and "scalar2" (of the optimiser), "loss" (one number) and
 * "losses" [batch]. */
#ifndef LAT_MODEL_TRAIN_STEP_GRAPH_H
#define LAT_MODEL_TRAIN_STEP_GRAPH_H

#include "model/graph/optimizer.h"
#include "model/train/parts.h"

enum lat_step_kind {
    LAT_STEP_UPDATE,      /* new parameters and moments */
    LAT_STEP_UPDATE_LOSS, /* the same and the loss before the step */
    LAT_STEP_EVALUATE,    /* the loss without penalties, a number an item */
    LAT_STEP_GRADIENT,    /* the derivatives */
    LAT_STEP_KIND_COUNT
};

/* The parts a spec chose, looked up once. */
struct lat_design {
    struct lat_spec spec; /* a copy; its owned texts are not used */
    struct lat_input_spec input;
    const struct lat_network *encoder, *decoder;
    const struct lat_bottleneck *bottleneck;
    const struct lat_likelihood_part *likelihood;
    const struct lat_corruption *corruption;   /* NULL: none */
    const struct lat_corruption *augmentation; /* of input and target alike; NULL: none */
    const struct lat_optimizer *optimizer;
    struct lat_optimizer_settings settings;
    size_t n_moments;                 /* of a parameter */
    struct lat_parameters parameters; /* filled by the first graph; owned */
};

/* LAT_INVALID in words for what this build cannot train. */
enum lat_status lat_design_init(struct lat_design *design, const struct lat_spec *spec,
                                const struct lat_input_spec *input,
                                struct lat_error *err) LAT_MUST_USE;
void lat_design_release(struct lat_design *design);

/* Codes drawn for an item: 1 for a deterministic code. */
uint32_t lat_design_samples(const struct lat_design *design);

/* Builds into an empty graph; failures are the graph's. */
void lat_design_build(struct lat_design *design, enum lat_step_kind kind,
                      struct lat_graph *graph);

/* The exported sides: "input" -> "code" and "code" -> "output", to be written with a dynamic
 * batch. weights: the values of each parameter, borrowed. shift, scale: one number an element,
 * or NULL; the encoder begins with (x - shift) / scale and the decoder ends with the reverse.
 */
void lat_design_export_encoder(struct lat_design *design, const float *const *weights,
                               const float *shift, const float *scale, struct lat_graph *graph);
void lat_design_export_decoder(struct lat_design *design, const float *const *weights,
                               const float *shift, const float *scale, struct lat_graph *graph);

/* The two sides of a transform alone, for pictures of any size: "input" [batch, channels,
 * height, width] -> "code" [batch, maps, height / s, width / s] and back, to be written with a
 * dynamic size. */
void lat_design_export_transform(struct lat_design *design, const float *const *weights,
                                 bool encoder, struct lat_graph *graph);

#endif
