/* The lower layers of a network being pretrained: items in, their activations out, a batch at a
 * time. Activations are never kept: each batch is encoded when it is wanted, so pretraining
 * needs no more memory than training does. */
#ifndef LAT_MODEL_TRAIN_BELOW_H
#define LAT_MODEL_TRAIN_BELOW_H

#include "model/train/step.h"

struct lat_below;

/* The first `n_layers` hidden layers of the step's dense encoder with the weights they have
 * now, for batches as large as the step's. out_activations: [batch][width of the last one],
 * written at every run; borrowed until the end. */
enum lat_status lat_below_new(const struct lat_step *step, size_t n_layers,
                              float *out_activations, struct lat_below **out_below,
                              struct lat_error *err) LAT_MUST_USE;
void lat_below_free(struct lat_below *below);

/* Where the items of the next run go: [batch][elements]. */
float *lat_below_input(struct lat_below *below);
enum lat_status lat_below_run(struct lat_below *below, struct lat_error *err) LAT_MUST_USE;

#endif
