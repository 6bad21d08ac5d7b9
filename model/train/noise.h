/* Evaluation under noise: what `latentd eval --corrupt` asks for and says. */
#ifndef LAT_MODEL_TRAIN_NOISE_H
#define LAT_MODEL_TRAIN_NOISE_H

#include "model/train/evaluate.h"
#include "model/train/measure.h"

/* Fills in inout_noise->corruption where the options name one. LAT_INVALID for an unknown name,
 * and for models that do not take pictures or give none back. */
enum lat_status lat_noise_find(const struct lat_eval_options *options,
                               const struct lat_manifest *manifest,
                               struct lat_measure_noise *inout_noise,
                               struct lat_error *err) LAT_MUST_USE;

/* How near the noisy pictures, the model's and PCA's came to the clean ones; the squared errors
 * are in `measured` and `evaluation` already. */
void lat_noise_tell(const struct lat_measure *measured, size_t elements,
                    struct lat_evaluation *evaluation);

#endif
