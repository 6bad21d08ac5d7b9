/* Training from a spec to a package: data, steps, checkpoints, export.
 *
 * One training at a time a call; several calls may run at once, of different models. */
#ifndef LAT_MODEL_TRAIN_TRAINER_H
#define LAT_MODEL_TRAIN_TRAINER_H

#include <stdatomic.h>

#include "model/engine.h"
#include "model/train/checkpoint.h"
#include "model/train/spec.h"

struct lat_dataset;

/* Where a training stands; given to the progress function after steps and at the end of epochs.
 */
struct lat_train_progress {
    uint32_t epoch, epochs; /* 1 = the first */
    uint32_t layer, layers; /* being pretrained, 1 = the first; 0 0: the whole network */
    uint64_t step, steps;   /* of this epoch */
    double loss;            /* mean of this epoch so far; NaN before the first report */
    double validation;      /* of the last epoch that has one; NaN before */
    double rate;            /* learning rate */
    double items_per_second;
    double eta_s;   /* to the last epoch */
    double seconds; /* the last whole epoch took */
    bool epoch_done;
    bool past; /* of an epoch done before this call: told again when resuming */
};

enum lat_train_end { LAT_TRAIN_EPOCHS, LAT_TRAIN_EARLY, LAT_TRAIN_STOPPED };
extern const char *const lat_train_end_names[3]; /* "epochs" "early_stopping" "stopped" */

struct lat_train_options {
    const char *models;     /* folder of packages, made when absent */
    const char *checkpoint; /* file; NULL: MODELS/NAME/training.checkpoint */
    bool resume;            /* go on from the checkpoint */
    int threads;
    const atomic_bool *stop; /* asks to end after this step with what there is; may be NULL */
    const atomic_bool *abandon; /* asks to end after this step with LAT_CANCELLED: nothing is
                                 * published, the checkpoint stays; may be NULL */
    bool keep_checkpoint;       /* it is the caller's to remove, also after the end */
    const char *job;            /* goes into the record (lat_record_find); NULL: nobody's */
    /* Opens data of spec->data.collection; NULL: such specs are refused. `out_dataset` is
     * closed with lat_dataset_close. */
    enum lat_status (*open_collection)(void *context, const struct lat_data_spec *data,
                                       struct lat_dataset *out_dataset, struct lat_error *err);
    void (*progress)(void *context,
                     const struct lat_train_progress *progress); /* may be NULL */
    void (*note)(void *context, const char *words); /* things worth a line; may be NULL */
    void *context;
};

struct lat_train_result {
    char reference[96];             /* name@version */
    char folder[LAT_PATH_MAX + 16]; /* of the package */
    enum lat_train_end end;
    uint32_t epochs, best_epoch;
    size_t n_train, n_validation, n_skipped;
    double loss, validation; /* last epoch's loss; best epoch's validation loss, NaN if none */
    double squared_error;    /* of the calibration set: summed over an item's elements, mean */
    double seconds;
    size_t package_bytes;
};

/* Appends the members of a result as JSON, without the braces, so that the caller may add its
 * own; the folder is left out, which is nobody's business but the machine's. */
void lat_train_result_members(const struct lat_train_result *result, struct lat_buf *out);

/* Trains and writes MODELS/NAME/VERSION, VERSION being the next free one. With a part held out
 * the weights of its best epoch are kept, else the last.
 *
 * Errors: of the spec, the data and the graph as they come; LAT_INVALID code diverged (the step
 * and the cause; the last good checkpoint stays); LAT_CANCELLED when stopped before the first
 * epoch was done; LAT_CONFLICT when the checkpoint to resume belongs to another spec or other
 * data; LAT_DISK_FULL. Nothing half-written is left in any of these cases. */
enum lat_status lat_train(struct lat_engine *engine, const struct lat_spec *spec,
                          const struct lat_train_options *options,
                          struct lat_train_result *out_result,
                          struct lat_error *err) LAT_MUST_USE;

#endif
