/* A training as it stood at the end of an epoch, in a file: enough to go on as if nothing had
 * happened. docs/training.md has the bytes. */
#ifndef LAT_MODEL_TRAIN_CHECKPOINT_H
#define LAT_MODEL_TRAIN_CHECKPOINT_H

#include "base/rng.h"
#include "model/train/schedule.h"

/* One epoch of the loss curve. */
struct lat_curve_point {
    double loss;       /* mean of the steps that reported it */
    double validation; /* NaN without a part held out */
    double rate;       /* of the last step */
    double seconds;    /* the epoch took */
};

struct lat_checkpoint {
    uint32_t epoch;      /* epochs done = points of the curve */
    uint32_t best_epoch; /* 1 = the first; 0 = none yet */
    double best_loss;    /* its validation loss; INFINITY while there is none */
    uint64_t step;       /* steps done */
    struct lat_rng rng;  /* of the order of the items */
    struct lat_schedule_state schedule;
    struct lat_curve_point *curve; /* [epoch], owned */
    uint8_t *state;                /* lat_step_get_state, owned */
    size_t state_len;
    float *best; /* all parameters of the best epoch one after the other, owned; may be NULL */
    size_t n_best; /* floats */
    uint32_t
        stage;   /* layer being pretrained (layerwise.h), 1 = the first; 0: the whole network */
    float *base; /* the whole network's parameters meanwhile, owned; may be NULL */
    size_t n_base;     /* floats */
    char *spec_json;   /* the spec it belongs to, owned */
    uint32_t data_crc; /* the data it belongs to */
};

/* Writes to a temporary file, syncs, renames. LAT_DISK_FULL leaves the old one. */
enum lat_status lat_checkpoint_write(const char *path, const struct lat_checkpoint *checkpoint,
                                     struct lat_error *err) LAT_MUST_USE;

/* LAT_NOT_FOUND; LAT_CORRUPT for a file that breaks its own checksum or lengths. */
enum lat_status lat_checkpoint_read(const char *path, struct lat_checkpoint *out_checkpoint,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_checkpoint_release(struct lat_checkpoint *checkpoint);

#endif
