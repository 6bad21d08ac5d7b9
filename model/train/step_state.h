/* Inside of lat_step, shared by step.c, step_programs.c and step_export.c alone. */
#ifndef LAT_MODEL_TRAIN_STEP_STATE_H
#define LAT_MODEL_TRAIN_STEP_STATE_H

#include "base/buf.h"
#include "model/train/step.h"
#include "model/train/step_graph.h"

/* Where a parameter or a moment lies in a set. */
struct lat_step_slot {
    char name[LAT_PARAMETER_NAME_MAX + 4];
    struct lat_shape shape;
    size_t offset; /* floats */
};

struct lat_step_program {
    struct lat_session *session;
    struct lat_binding *bindings[2]; /* by the set that is read */
};

struct lat_step {
    struct lat_engine *engine; /* borrowed */
    struct lat_design design;
    int threads;
    struct lat_parameter_info *infos; /* one a parameter */
    struct lat_step_slot *slots;      /* parameter i at i * (1 + n_moments), then its moments */
    size_t n_slots;
    float *sets[2]; /* the state, twice */
    size_t n_floats;
    unsigned current;
    float *gradients; /* laid out like a set; for LAT_STEP_GRADIENT, made when wanted */
    float *input, *noisy, *losses; /* noisy NULL without a corruption */
    float *unmoved;                /* the batch before its augmentation; NULL without one */
    float *probe;                  /* NULL where none is wanted */
    float *filled, *observed; /* of rows with gaps: without them, 1 where a value is there */
    size_t n_input;
    float *noise; /* [samples][batch][dimension], of a quantised code [batch][dimension];
                     NULL for a deterministic one */
    size_t n_noise;
    float beta;               /* of this step */
    double divergence_weight; /* what lat_step_set_divergence said */
    bool at_mean;
    float *shift, *scale; /* exported with the model; NULL: none */
    float loss, scalars[LAT_OPTIMIZER_SCALARS];
    uint64_t n_steps;              /* done */
    struct lat_rng rng;            /* of all that is drawn for a step */
    struct lat_rng evaluation_rng; /* of the codes drawn for evaluation */
    struct lat_step_program programs[LAT_STEP_KIND_COUNT];
    struct lat_buf graph; /* of LAT_STEP_UPDATE */
};

/* Runs the program `kind` on the current set, opening it when it is the first time. */
enum lat_status lat_step_run_program(struct lat_step *step, enum lat_step_kind kind,
                                     struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_step_open_program(struct lat_step *step, enum lat_step_kind kind,
                                      struct lat_error *err) LAT_MUST_USE;
void lat_step_close_programs(struct lat_step *step);

/* The graph of `kind` as ONNX bytes; the first call fills step->design.parameters. */
enum lat_status lat_step_write_graph(struct lat_step *step, enum lat_step_kind kind,
                                     struct lat_buf *out, struct lat_error *err) LAT_MUST_USE;

/* The values of parameter `i` in set `set`. */
float *lat_step_parameter_data(const struct lat_step *step, unsigned set, size_t i);

#endif
