/* The job that calibrates a model anew: its scores of data that it was not trained on become
 * its calibration, and what they look like its portrait. Its request is a spec of which the
 * data alone count, its subject the version. What is served changes at once when it is done;
 * it may begin again from the start as often as need be. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/train/calibrate.h"
#include "service/app.h"
#include "service/training.h"

#include "base/banned.h"

static enum lat_status open_data(struct lat_job *job, const struct lat_data_spec *data,
                                 const struct lat_model *model, struct lat_dataset *out_dataset,
                                 struct lat_error *err)
{
    if (data->collection[0])
        return lat_training_open_collection(job, data, out_dataset, err);
    return lat_dataset_open_as(data, &lat_model_manifest(model)->input, out_dataset, err);
}

static enum lat_status set_result(struct lat_job *job, const struct lat_model *model,
                                  const struct lat_calibration *calibration,
                                  struct lat_error *err)
{
    char text[256];
    snprintf(text, sizeof(text), "{\"model\":\"%s\",\"calibration\":\"%s\",\"items\":%zu}",
             lat_model_reference(model), calibration->id, calibration->n);
    return lat_job_set_result(job, text, err);
}

static enum lat_status calibrate(struct lat_job *job, struct lat_model *model,
                                 const struct lat_dataset *dataset,
                                 struct lat_calibration *calibration, struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    char folder[2 * LAT_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/%s/%" PRIu32, lat_job_app(job)->config.models,
             manifest->name, manifest->version);
    if (!lat_job_progress(job, 0.1))
        return lat_fail(err, LAT_CANCELLED, NULL, "cancelled");
    const enum lat_status status = lat_calibrate(model, dataset, folder, calibration, err);
    return status == LAT_OK ? set_result(job, model, calibration, err) : status;
}

static enum lat_status work(struct lat_job *job, void *context, struct lat_error *err)
{
    struct lat_app *app = lat_job_app(job);
    struct lat_job_info info;
    struct lat_dataset dataset = {0};
    struct lat_model *model = NULL;
    struct lat_spec *spec = lat_alloc(1, sizeof(*spec));
    struct lat_calibration *calibration = lat_alloc(1, sizeof(*calibration));
    (void)context;
    enum lat_status status = spec && calibration
                                 ? lat_jobs_get(app->jobs, lat_job_id(job), &info, err)
                                 : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_training_spec(app, lat_job_request(job), spec, err);
    if (status == LAT_OK) {
        status = lat_registry_acquire(app->registry, info.subject, &model, err);
        if (status == LAT_OK)
            status = open_data(job, &spec->data, model, &dataset, err);
        if (status == LAT_OK)
            status = calibrate(job, model, &dataset, calibration, err);
        lat_dataset_close(&dataset);
        lat_spec_release(spec);
    }
    if (model)
        lat_model_release(model);
    if (status == LAT_OK)
        status = lat_registry_load(app->registry, info.subject, err);
    lat_free(calibration);
    lat_free(spec);
    return status;
}

const struct lat_job_kind lat_job_calibrate = {
    .type = "calibrate", .lane = LAT_LANE_INDEX, .resumes = true, .work = work};

enum lat_status lat_jobs_calibrate(struct lat_app *app, const char *reference,
                                   const char *data_json, char out_id[LAT_JOB_ID_SIZE],
                                   struct lat_error *err)
{
    struct lat_buf text = {0};
    struct lat_model *model = NULL;
    struct lat_spec *spec = lat_alloc(1, sizeof(*spec));
    enum lat_status status = spec ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        status = lat_registry_acquire(app->registry, reference, &model, err);
        if (status != LAT_OK)
            lat_error_at(err, "/model");
    }
    if (status == LAT_OK)
        status = lat_model_require(model, LAT_CAN_RECONSTRUCT, err);
    lat_buf_printf(&text, "{\"name\":\"calibrate\",\"data\":%s}", data_json);
    if (status == LAT_OK)
        status = lat_buf_check(&text, err);
    if (status == LAT_OK) {
        status = lat_training_spec(app, text.data, spec, err);
        if (status == LAT_OK)
            lat_spec_release(spec);
    }
    if (status == LAT_OK)
        status = lat_jobs_start(app->jobs, &lat_job_calibrate, lat_model_reference(model),
                                text.data, NULL, out_id, err);
    if (model)
        lat_model_release(model);
    lat_buf_release(&text);
    lat_free(spec);
    return status;
}
