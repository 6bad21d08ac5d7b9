/* The job that trains: a spec in, a version out that is loaded and serves. */
#ifndef LAT_SERVICE_TRAINING_H
#define LAT_SERVICE_TRAINING_H

#include "model/train/spec.h"
#include "service/jobs.h"

/* Its request is the spec as it was sent. It writes a checkpoint after each epoch to
 * DATA/jobs/ID.checkpoint, resumes from it, and keeps it when it fails (`latentd train --resume
 * --checkpoint`). */
extern const struct lat_job_kind lat_job_train;

/* Checks a spec (JSON text) and queues its training. Failures have pointers that begin with
 * /spec; LAT_NOT_FOUND for a collection that is not there. */
enum lat_status lat_jobs_train(struct lat_app *app, const char *spec_json,
                               char out_id[LAT_JOB_ID_SIZE],
                               struct lat_error *err) LAT_MUST_USE;

/* A spec as it was sent, checked: the paths of its data, its collection. lat_spec_release. */
enum lat_status lat_training_spec(struct lat_app *app, const char *json, struct lat_spec *spec,
                                  struct lat_error *err) LAT_MUST_USE;

/* calibrating.c. Calibrates a version anew on the data of a spec (`data_json`: its member
 * `data`). Failures have pointers that begin with /model or /data. */
extern const struct lat_job_kind lat_job_calibrate;
enum lat_status lat_jobs_calibrate(struct lat_app *app, const char *reference,
                                   const char *data_json, char out_id[LAT_JOB_ID_SIZE],
                                   struct lat_error *err) LAT_MUST_USE;

/* training_data.c: where data may come from.
 *
 * A path is taken below config.data_root, links followed, and must stay there; it is the path
 * of a file or a folder. LAT_INVALID: path_not_allowed, data_not_found. `app` is the context.
 */
enum lat_status lat_training_path(void *app, const char *path, char out_path[LAT_PATH_MAX],
                                  struct lat_error *err) LAT_MUST_USE;
/* The data root as a real path, "" without one. */
enum lat_status lat_training_root(const struct lat_app *app, char out_root[LAT_PATH_MAX],
                                  struct lat_error *err) LAT_MUST_USE;

struct lat_dataset;
/* The items of data->collection that are not hidden, in the order of their ids: their stored
 * inputs, pictures resized to the collection's model unless data->size says otherwise, or
 * numbers (other inputs are counted as skipped); without a model their codes. With the format
 * `interactions`, and for a collection that has nothing else: its users' histories. Stops with
 * LAT_CANCELLED when the job does. */
enum lat_status lat_training_open_collection(struct lat_job *job,
                                             const struct lat_data_spec *data,
                                             struct lat_dataset *out_dataset,
                                             struct lat_error *err) LAT_MUST_USE;

#endif
