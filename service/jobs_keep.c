/* Jobs into the store and out of it. A row is copied under the mutex and saved without it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/jobs_internal.h"

#include "base/banned.h"

/* A job that brings the process down must not do so at every start for ever. */
enum { ATTEMPTS_MAX = 3 };

/* A row's state beside lat_job_state_names: it runs, or waits to go on, and is to end with what
 * it has as soon as it does. */
static const char ending[] = "ending";

_Static_assert(sizeof(struct lat_job_point) == 4 * sizeof(double),
               "the curve is kept as it is");

/* ---- saving ---- */

/* Under the mutex. */
static enum lat_status copy_row(const struct lat_job *job, struct lat_job_row *row,
                                struct lat_error *err)
{
    size_t n = 0;
    const struct lat_job_info *info = &job->info;
    const bool stops = job->cancel_asked && !lat_job_has_ended(job);
    const enum lat_job_state state = stops ? LAT_JOB_CANCELLED : info->state;
    memcpy(row->id, info->id, sizeof(row->id));
    memcpy(row->type, info->type, sizeof(row->type));
    memcpy(row->subject, info->subject, sizeof(row->subject));
    const bool ends = atomic_load(&job->enough) && !stops && !lat_job_has_ended(job);
    snprintf(row->state, sizeof(row->state), "%s", ends ? ending : lat_job_state_names[state]);
    row->progress = info->progress;
    row->attempts = job->attempts;
    row->created_ms = info->created_ms;
    row->started_ms = info->started_ms;
    row->ended_ms = stops ? lat_clock_wall_ms() : info->ended_ms;
    row->error = info->error;
    row->request = lat_strdup(job->request);
    row->result = lat_strdup(job->result ? job->result : "");
    row->curve = lat_job_copy_curve(job, 0, &n);
    row->curve_len = n * sizeof(struct lat_job_point);
    return row->request && row->result && row->curve ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_job_save(struct lat_job *job, struct lat_error *err)
{
    struct lat_jobs *jobs = job->owner;
    if (!jobs->options.store)
        return LAT_OK;
    struct lat_job_row *row = lat_alloc(1, sizeof(*row));
    if (!row)
        return lat_fail_memory(err);
    lat_mutex_lock(&jobs->mutex);
    while (job->saving)
        lat_cond_wait(&jobs->changed, &jobs->mutex);
    job->saving = true;
    enum lat_status status = copy_row(job, row, err);
    lat_mutex_unlock(&jobs->mutex);
    if (status == LAT_OK)
        status = lat_store_job_save(jobs->options.store, row, err);
    lat_mutex_lock(&jobs->mutex);
    job->saving = false;
    job->unsaved = status != LAT_OK;
    lat_cond_broadcast(&jobs->changed);
    lat_mutex_unlock(&jobs->mutex);
    lat_job_rows_release(row, 1);
    return status;
}

void lat_job_save_or_log(struct lat_job *job)
{
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_job_save(job, &err) != LAT_OK)
        lat_log_error("job not saved", &err);
}

void lat_job_unsave(const struct lat_jobs *jobs, const char *id)
{
    struct lat_error err = LAT_ERROR_INIT;
    if (jobs->options.store && lat_store_job_forget(jobs->options.store, id, &err) != LAT_OK)
        lat_log_error("job not forgotten", &err);
}

/* ---- reading ---- */

static const struct lat_job_kind *find_kind(const struct lat_jobs *jobs, const char *type)
{
    for (size_t i = 0; i < jobs->options.n_kinds; i++)
        if (strcmp(jobs->options.kinds[i]->type, type) == 0)
            return jobs->options.kinds[i];
    return NULL;
}

static enum lat_job_state state_of(const struct lat_job_row *row)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_job_state_names); i++)
        if (strcmp(lat_job_state_names[i], row->state) == 0)
            return (enum lat_job_state)i;
    return strcmp(row->state, ending) == 0 ? LAT_JOB_RUNNING : LAT_JOB_FAILED;
}

/* What was under way waits again, if its kind can go on. */
static void revive(struct lat_jobs *jobs, struct lat_job *job, bool was_running)
{
    if (lat_job_has_ended(job))
        return;
    if (job->kind && job->kind->resumes && job->attempts < ATTEMPTS_MAX) {
        job->info.state = LAT_JOB_QUEUED;
        job->resumed = was_running || job->n_curve > 0;
        jobs->lanes[job->info.lane].n_waiting++;
        return;
    }
    job->info.state = LAT_JOB_FAILED;
    job->info.ended_ms = lat_clock_wall_ms();
    lat_error_clear(&job->info.error);
    lat_fail(&job->info.error, LAT_CANCELLED, "interrupted",
             "the server ended %u times before it was done or had got on", job->attempts);
    lat_job_save_or_log(job);
}

/* Takes the row's texts over. */
static enum lat_status fill(struct lat_jobs *jobs, struct lat_job *job, struct lat_job_row *row,
                            struct lat_error *err)
{
    struct lat_job_info *info = &job->info;
    job->owner = jobs;
    job->kind = find_kind(jobs, row->type);
    job->stride = 1;
    memcpy(info->id, row->id, sizeof(info->id));
    memcpy(info->type, row->type, sizeof(info->type));
    memcpy(info->subject, row->subject, sizeof(info->subject));
    info->lane = job->kind ? job->kind->lane : LAT_LANE_ITEMS;
    info->state = state_of(row);
    atomic_store(&job->enough, strcmp(row->state, ending) == 0);
    info->progress = row->progress;
    info->created_ms = row->created_ms;
    info->started_ms = row->started_ms;
    info->ended_ms = row->ended_ms;
    job->attempts = row->attempts;
    info->error = row->error;
    info->error.code = lat_arena_strdup(&jobs->codes, row->error_code);
    job->request = row->request;
    job->result = row->result;
    job->curve = row->curve;
    job->n_curve = row->curve_len / sizeof(*job->curve);
    row->request = row->result = NULL;
    row->curve = NULL;
    if (!info->error.code)
        return lat_fail_memory(err);
    revive(jobs, job, info->started_ms != 0);
    return LAT_OK;
}

/* A curve that was read has room for itself alone, while has_room counts on a power of two. */
static enum lat_status widen(struct lat_job *job, struct lat_error *err)
{
    size_t capacity = 1;
    while (capacity < job->n_curve)
        capacity *= 2;
    struct lat_job_point *curve = lat_realloc(job->curve, capacity, sizeof(*curve));
    if (!curve)
        return lat_fail_memory(err);
    job->curve = curve;
    return LAT_OK;
}

static enum lat_status take_rows(struct lat_jobs *jobs, struct lat_job_row *rows, size_t n,
                                 struct lat_error *err)
{
    struct lat_job **last = &jobs->newest;
    for (size_t i = 0; i < n; i++) {
        struct lat_job *job = lat_alloc(1, sizeof(*job));
        if (!job)
            return lat_fail_memory(err);
        *last = job;
        last = &job->older;
        jobs->n++;
        enum lat_status status = fill(jobs, job, &rows[i], err);
        if (status == LAT_OK)
            status = widen(job, err);
        if (status != LAT_OK)
            return status;
    }
    return LAT_OK;
}

enum lat_status lat_jobs_read(struct lat_jobs *jobs, struct lat_error *err)
{
    struct lat_job_row *rows = NULL;
    size_t n = 0;
    enum lat_status status = lat_store_jobs(jobs->options.store, LAT_JOBS_KEPT, &rows, &n, err);
    if (status == LAT_OK)
        status = take_rows(jobs, rows, n, err);
    lat_job_rows_release(rows, n);
    return status;
}
