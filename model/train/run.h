/* A training under way: what trainer.c sets up, run.c drives and fit_linear.c does without.
 * Private to model/train. */
#ifndef LAT_MODEL_TRAIN_RUN_H
#define LAT_MODEL_TRAIN_RUN_H

#include "model/train/below.h"
#include "model/train/dataset/dataset.h"
#include "model/train/step.h"
#include "model/train/trainer.h"

struct lat_run {
    struct lat_engine *engine;
    const struct lat_train_options *options;
    struct lat_spec spec; /* settled copy; its texts belong to the caller */
    struct lat_dataset dataset;
    uint32_t *indices; /* first those to train on, then those held out */
    uint32_t *order;   /* of this epoch */
    size_t n_train, n_validation;
    uint64_t steps_per_epoch;
    struct lat_step *step;
    float *ease;              /* its weights instead of a step; else NULL */
    struct lat_below *below;  /* what makes its rows, while a layer is pretrained; else NULL */
    uint32_t stage, n_stages; /* layer being pretrained, 1 = the first; 0: the whole network */
    size_t n_weights;         /* floats of all parameters */
    char checkpoint_path[LAT_PATH_MAX];
    struct lat_checkpoint done; /* the training up to the last whole epoch */
    enum lat_train_end end;
    uint64_t started_ns, steps_run; /* of this call, for rate and ETA */
};

/* Epochs until the last one, early stopping or a wish to stop. run->done is then what the file
 * holds, and run->step has the weights to export: those of the best epoch, or of the last whole
 * one. */
enum lat_status lat_run_epochs(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

/* The negative log-likelihood of what was held out, decoded from the mean of its codes with the
 * weights run->step has now: what the exported package must give. NaN without a part held out.
 */
enum lat_status lat_run_reconstruct(struct lat_run *run, double *out_loss,
                                    struct lat_error *err) LAT_MUST_USE;

/* An empty record of what is done, the seed and the spec in it. */
enum lat_status lat_run_begin(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

/* All parameters of a step one after the other: how many floats, out (whether all are finite)
 * and in. */
size_t lat_run_count_weights(const struct lat_step *step);
bool lat_run_collect(const struct lat_step *step, float *out_weights);
void lat_run_put_back(struct lat_step *step, const float *weights);

/* Sets run->step up with principal components instead of training it. */
enum lat_status lat_run_pca(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

/* The same with the factors of a table. */
enum lat_status lat_run_factors(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

/* Fits run->ease instead. */
enum lat_status lat_run_ease(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

#endif
