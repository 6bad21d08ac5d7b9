/* The end of a training: weights into a package that serves, with calibration and record. */
#ifndef LAT_MODEL_TRAIN_PUBLISH_H
#define LAT_MODEL_TRAIN_PUBLISH_H

#include "model/train/dataset/dataset.h"
#include "model/train/step.h"
#include "model/train/trainer.h"

/* What a package is made of; all borrowed. */
struct lat_publication {
    struct lat_engine *engine;
    const struct lat_spec *spec; /* settled */
    const char *models;
    const struct lat_dataset *dataset;
    const uint32_t *indices; /* first those trained on, then those held out */
    size_t n_train, n_validation;
    struct lat_step *step;               /* holds the weights to export; NULL: */
    const float *ease;                   /* those of the method "ease" */
    const struct lat_curve_point *curve; /* NULL: no epochs (PCA) */
    int threads;
    double expected_loss; /* what the step says of the calibration set; NaN: not known */
    const char *job;      /* for the record; NULL: none */
};

/* Exports into a temporary folder beside the versions, opens the result as a server would, runs
 * the calibration set (held out, else trained on; at most 10,000 items) through it, compares
 * the loss with expected_loss, writes manifest, calibration and record, and only then renames
 * the folder to the next free version. inout_result brings what the record tells of the
 * training (end, epochs, losses, seconds, counts) and takes reference, folder, squared_error
 * and package_bytes. */
enum lat_status lat_publish(const struct lat_publication *publication,
                            struct lat_train_result *inout_result,
                            struct lat_error *err) LAT_MUST_USE;

/* The record of a training, a JSON object, appended to `out`; docs/training.md lists its
 * members. */
void lat_record_write(const struct lat_publication *publication,
                      const struct lat_train_result *result, struct lat_buf *out);

/* The version of MODELS/NAME whose record says that `job` published it; out_result tells of it
 * what lat_train told. *out_found is false when there is none. */
enum lat_status lat_record_find(const char *models, const char *name, const char *job,
                                bool *out_found, struct lat_train_result *out_result,
                                struct lat_error *err) LAT_MUST_USE;

/* Bytes of the files in a package's folder. */
size_t lat_package_bytes(const char *folder);

#endif
