/* The learning rate of each step. Schedules are rows of a table: adding one is a row here and a
 * word in the spec. */
#ifndef LAT_MODEL_TRAIN_SCHEDULE_H
#define LAT_MODEL_TRAIN_SCHEDULE_H

#include "model/train/spec.h"

/* What a schedule remembers; part of the checkpoint. Starts as {.factor = 1, .best = INFINITY}.
 */
struct lat_schedule_state {
    double factor;   /* plateau: what the rate is multiplied with by now */
    double best;     /* plateau: the least loss an epoch ended with */
    uint32_t waited; /* plateau: epochs since then */
    uint32_t reserved;
};

/* The rate of step `step` of `steps` in the whole training. */
double lat_schedule_rate(const struct lat_optimizer_spec *optimizer,
                         const struct lat_schedule_state *state, uint64_t step, uint64_t steps);

/* Told once an epoch, with the loss it ended with (of the part held out, if there is one). */
void lat_schedule_epoch(const struct lat_optimizer_spec *optimizer, double loss,
                        struct lat_schedule_state *inout_state);

#endif
