/* A training as a job. The checkpoint is the job's own, so that two trainings of one model's
 * name do not meet in a file; it is removed when the job is over and nobody can want it. The
 * version carries the job's id: one that was killed after the publication, and before its row
 * said so, finds what it has published and publishes nothing twice.
 *
 * The thread is one of LAT_BACKGROUND's, and so are those that the engine starts for the
 * sessions it opens here; how many they are is config.training_threads. */
#include "service/training.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "model/train/publish.h"
#include "model/train/trainer.h"
#include "service/app.h"

#include "base/banned.h"

/* A spec is told whole in the last of a job's events, which must fit what waits in a stream
 * (LAT_PIPE_BYTES) beside the points that come with it. */
enum { SPEC_MAX = 1 << 17, CHECKPOINT_PATH_MAX = LAT_PATH_MAX + 64 };

/* ---- the spec ---- */

enum lat_status lat_training_spec(struct lat_app *app, const char *json, struct lat_spec *spec,
                                  struct lat_error *err)
{
    const struct lat_spec_paths paths = {.resolve = lat_training_path, .context = app};
    enum lat_status status = lat_spec_parse_sent(json, strlen(json), &paths, spec, err);
    if (status != LAT_OK)
        return status;
    status = lat_training_root(app, spec->data.root, err);
    if (status == LAT_OK && spec->data.collection[0]) {
        struct lat_collection_spec there;
        status = lat_store_spec(app->store, spec->data.collection, &there, err);
        lat_error_at(err, "/data/collection");
    }
    if (status != LAT_OK)
        lat_spec_release(spec);
    return status;
}

enum lat_status lat_jobs_train(struct lat_app *app, const char *spec_json,
                               char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    struct lat_spec *spec = lat_alloc(1, sizeof(*spec));
    if (!spec)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    if (strlen(spec_json) > SPEC_MAX)
        status = lat_fail(err, LAT_INVALID, "too_long", "a spec may have %d bytes", SPEC_MAX);
    if (status == LAT_OK)
        status = lat_training_spec(app, spec_json, spec, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/spec");
    } else {
        status =
            lat_jobs_start(app->jobs, &lat_job_train, spec->name, spec_json, NULL, out_id, err);
        lat_spec_release(spec);
    }
    lat_free(spec);
    return status;
}

/* ---- files ---- */

static void checkpoint_path(const struct lat_app *app, const char *id,
                            char out[CHECKPOINT_PATH_MAX])
{
    snprintf(out, CHECKPOINT_PATH_MAX, "%s/jobs/%s.checkpoint", app->config.data, id);
}

static enum lat_status make_folder(const struct lat_app *app, struct lat_error *err)
{
    char folder[CHECKPOINT_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/jobs", app->config.data);
    return lat_file_make_folder(folder, err);
}

static void forget(struct lat_app *app, const char *id, enum lat_job_state state)
{
    char path[CHECKPOINT_PATH_MAX];
    if (state == LAT_JOB_FAILED)
        return;
    checkpoint_path(app, id, path);
    if (unlink(path) != 0 && errno != ENOENT)
        lat_log(LAT_LOG_WARNING, "checkpoint not removed", "\"job\":\"%s\"", id);
}

/* ---- progress ---- */

static double share_done(const struct lat_train_progress *progress)
{
    const double within =
        progress->steps ? (double)progress->step / (double)progress->steps : 0;
    const double epochs = progress->epoch_done ? progress->epoch : progress->epoch - 1 + within;
    return epochs / (double)progress->epochs;
}

static void on_progress(void *context, const struct lat_train_progress *progress)
{
    struct lat_job *job = context;
    const struct lat_job_training training = {.epoch = progress->epoch,
                                              .epochs = progress->epochs,
                                              .step = progress->step,
                                              .steps = progress->steps,
                                              .loss = progress->loss,
                                              .validation = progress->validation,
                                              .rate = progress->rate,
                                              .items_per_second = progress->items_per_second,
                                              .eta_s = progress->eta_s};
    (void)lat_job_report(job, share_done(progress), &training);
    if (!progress->epoch_done)
        return;
    const struct lat_job_point point = {.epoch = progress->epoch,
                                        .loss = progress->loss,
                                        .validation = progress->validation,
                                        .seconds = progress->seconds};
    lat_job_point(job, &point);
}

static void on_note(void *context, const char *words)
{
    lat_job_note(context, words);
}

static enum lat_status open_collection(void *context, const struct lat_data_spec *data,
                                       struct lat_dataset *out_dataset, struct lat_error *err)
{
    return lat_training_open_collection(context, data, out_dataset, err);
}

/* ---- the work ---- */

static enum lat_status set_result(struct lat_job *job, const struct lat_train_result *result,
                                  struct lat_error *err)
{
    struct lat_buf out = {0};
    lat_buf_char(&out, '{');
    lat_train_result_members(result, &out);
    lat_buf_char(&out, '}');
    enum lat_status status = lat_buf_check(&out, err);
    if (status == LAT_OK)
        status = lat_job_set_result(job, out.data, err);
    lat_buf_release(&out);
    return status;
}

/* A checkpoint that cannot be gone on from is no reason to fail: the job begins anew. */
static bool is_useless(const struct lat_error *err)
{
    static const char *const codes[] = {"other_spec", "other_data", "bad_checkpoint"};
    bool found = false;
    for (size_t i = 0; i < LAT_ARRAY_LEN(codes); i++)
        found |= strcmp(err->code, codes[i]) == 0;
    return found;
}

static enum lat_status train(struct lat_job *job, const struct lat_spec *spec,
                             struct lat_train_result *out_result, struct lat_error *err)
{
    const struct lat_app *app = lat_job_app(job);
    char checkpoint[CHECKPOINT_PATH_MAX];
    const unsigned cpus = lat_cpu_count();
    const int half = cpus > 1 ? (int)(cpus / 2) : 1;
    checkpoint_path(app, lat_job_id(job), checkpoint);
    struct lat_train_options options = {
        .models = app->config.models,
        .checkpoint = checkpoint,
        .resume = lat_file_exists(checkpoint),
        .threads = app->config.training_threads ? (int)app->config.training_threads : half,
        .stop = lat_job_enough(job),
        .abandon = lat_job_cancelled(job),
        .keep_checkpoint = true,
        .job = lat_job_id(job),
        .open_collection = open_collection,
        .progress = on_progress,
        .note = on_note,
        .context = job};
    enum lat_status status = lat_train(app->engine, spec, &options, out_result, err);
    if (options.resume && status != LAT_OK && is_useless(err)) {
        lat_job_note(job, err->message);
        lat_error_clear(err);
        options.resume = false;
        status = lat_train(app->engine, spec, &options, out_result, err);
    }
    return status;
}

/* Unless a process before this one has done it all. */
static enum lat_status train_once(struct lat_job *job, const struct lat_spec *spec,
                                  struct lat_train_result *out_result, struct lat_error *err)
{
    bool published = false;
    enum lat_status status = LAT_OK;
    if (lat_job_resumed(job))
        status = lat_record_find(lat_job_app(job)->config.models, spec->name, lat_job_id(job),
                                 &published, out_result, err);
    return status == LAT_OK && !published ? train(job, spec, out_result, err) : status;
}

static enum lat_status work(struct lat_job *job, void *context, struct lat_error *err)
{
    struct lat_app *app = lat_job_app(job);
    struct lat_train_result *result = lat_alloc(1, sizeof(*result));
    struct lat_spec *spec = lat_alloc(1, sizeof(*spec));
    (void)context;
    enum lat_status status = result && spec ? make_folder(app, err) : lat_fail_memory(err);
    if (status == LAT_OK) {
        status = lat_training_spec(app, lat_job_request(job), spec, err);
        if (status == LAT_OK)
            status = train_once(job, spec, result, err);
        if (status != LAT_OK && status != LAT_CANCELLED && err->pointer[0])
            lat_error_at(err, "/spec");
    }
    if (status == LAT_OK)
        status = set_result(job, result, err);
    if (status == LAT_OK) {
        status = lat_registry_load(app->registry, result->reference, err);
        lat_error_prefix(err, "it is trained, but does not load");
    }
    if (spec)
        lat_spec_release(spec);
    lat_free(spec);
    lat_free(result);
    return status;
}

const struct lat_job_kind lat_job_train = {.type = "train",
                                           .lane = LAT_LANE_TRAINING,
                                           .resumes = true,
                                           .work = work,
                                           .forget = forget};
