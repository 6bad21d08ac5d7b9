/* One thread runs the jobs in the order in which they came; records of ended jobs are kept up
 * to KEPT_JOBS, then the oldest ended ones are forgotten.
 *
 * The mutex guards the list and every record; the work runs without it. `cancelled` is the only
 * field the work reads on its own, through lat_job_progress. */
#include "service/jobs.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/urgency.h"
#include "index/store.h"
#include "service/app.h"
#include "service/crypto.h"

#include "base/banned.h"

enum { KEPT_JOBS = 1000, WAITING_JOBS = 256 };

const char *const lat_job_state_names[5] = {"queued", "running", "done", "failed", "cancelled"};

struct lat_job {
    struct lat_job *older;
    struct lat_jobs *owner;
    struct lat_job_info info;
    lat_job_work *work;
    void *context; /* owned until the work has ended */
    bool cancelled;
};

struct lat_jobs {
    struct lat_mutex mutex;
    struct lat_cond changed;
    struct lat_job *newest;
    size_t n, n_waiting;
    bool closing;
    pthread_t thread;
};

static bool ended(const struct lat_job *job)
{
    return job->info.state == LAT_JOB_DONE || job->info.state == LAT_JOB_FAILED ||
           job->info.state == LAT_JOB_CANCELLED;
}

static struct lat_job *find(const struct lat_jobs *jobs, const char *id)
{
    struct lat_job *job = jobs->newest;
    while (job && strcmp(job->info.id, id) != 0)
        job = job->older;
    return job;
}

static struct lat_job *oldest_queued(const struct lat_jobs *jobs)
{
    struct lat_job *found = NULL;
    for (struct lat_job *job = jobs->newest; job; job = job->older)
        if (job->info.state == LAT_JOB_QUEUED)
            found = job;
    return found;
}

static void finish(struct lat_job *job, enum lat_status status, const struct lat_error *err)
{
    job->info.ended_ms = lat_clock_wall_ms();
    if (status == LAT_OK) {
        job->info.state = LAT_JOB_DONE;
        job->info.progress = 1;
    } else if (status == LAT_CANCELLED) {
        job->info.state = LAT_JOB_CANCELLED;
    } else {
        job->info.state = LAT_JOB_FAILED;
        job->info.error = *err;
    }
    lat_free(job->context);
    job->context = NULL;
}

/* With the mutex held; given back held. */
static void run(struct lat_jobs *jobs, struct lat_job *job)
{
    struct lat_error err = LAT_ERROR_INIT;
    job->info.state = LAT_JOB_RUNNING;
    job->info.started_ms = lat_clock_wall_ms();
    jobs->n_waiting--;
    lat_mutex_unlock(&jobs->mutex);
    const enum lat_status status = job->work(job, job->context, &err);
    if (status != LAT_OK && status != LAT_CANCELLED)
        lat_log_error("job failed", &err);
    lat_mutex_lock(&jobs->mutex);
    finish(job, status, &err);
}

static void *run_jobs(void *argument)
{
    struct lat_jobs *jobs = argument;
    lat_urgency_set(LAT_BACKGROUND);
    lat_mutex_lock(&jobs->mutex);
    while (!jobs->closing) {
        struct lat_job *job = oldest_queued(jobs);
        if (job)
            run(jobs, job);
        else
            lat_cond_wait(&jobs->changed, &jobs->mutex);
    }
    lat_mutex_unlock(&jobs->mutex);
    return NULL;
}

enum lat_status lat_jobs_new(struct lat_jobs **out_jobs, struct lat_error *err)
{
    struct lat_jobs *jobs = lat_alloc(1, sizeof(*jobs));
    if (!jobs)
        return lat_fail_memory(err);
    lat_mutex_init(&jobs->mutex, LAT_RANK_JOBS, "jobs");
    lat_cond_init(&jobs->changed);
    const enum lat_status status = lat_thread_start(&jobs->thread, "jobs", run_jobs, jobs, err);
    if (status != LAT_OK) {
        lat_cond_release(&jobs->changed);
        lat_mutex_release(&jobs->mutex);
        lat_free(jobs);
        return status;
    }
    *out_jobs = jobs;
    return LAT_OK;
}

void lat_jobs_free(struct lat_jobs *jobs)
{
    if (!jobs)
        return;
    lat_mutex_lock(&jobs->mutex);
    jobs->closing = true;
    for (struct lat_job *job = jobs->newest; job; job = job->older)
        job->cancelled = true;
    lat_cond_broadcast(&jobs->changed);
    lat_mutex_unlock(&jobs->mutex);
    pthread_join(jobs->thread, NULL);
    while (jobs->newest) {
        struct lat_job *job = jobs->newest;
        jobs->newest = job->older;
        lat_free(job->context);
        lat_free(job);
    }
    lat_cond_release(&jobs->changed);
    lat_mutex_release(&jobs->mutex);
    lat_free(jobs);
}

/* Forgets the oldest ended job when there are too many. */
static void trim(struct lat_jobs *jobs)
{
    struct lat_job **oldest = NULL;
    for (struct lat_job **at = &jobs->newest; *at; at = &(*at)->older)
        if (ended(*at))
            oldest = at;
    if (jobs->n < KEPT_JOBS || !oldest)
        return;
    struct lat_job *job = *oldest;
    *oldest = job->older;
    jobs->n--;
    lat_free(job);
}

static enum lat_status add(struct lat_jobs *jobs, struct lat_job *job, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_mutex_lock(&jobs->mutex);
    if (jobs->closing) {
        status = lat_fail(err, LAT_UNAVAILABLE, NULL, "the server is shutting down");
    } else if (jobs->n_waiting >= WAITING_JOBS) {
        status = lat_fail(err, LAT_BUSY, NULL, "%zu jobs are waiting already", jobs->n_waiting);
    } else {
        trim(jobs);
        job->older = jobs->newest;
        jobs->newest = job;
        jobs->n++;
        jobs->n_waiting++;
        lat_cond_signal(&jobs->changed);
    }
    lat_mutex_unlock(&jobs->mutex);
    return status;
}

enum lat_status lat_jobs_start(struct lat_jobs *jobs, const char *type, const char *subject,
                               lat_job_work *work, void *context, char out_id[LAT_JOB_ID_SIZE],
                               struct lat_error *err)
{
    struct lat_job *job = lat_alloc(1, sizeof(*job));
    if (!job) {
        lat_free(context);
        return lat_fail_memory(err);
    }
    job->owner = jobs;
    job->work = work;
    job->context = context;
    job->info.created_ms = lat_clock_wall_ms();
    job->info.error = (struct lat_error)LAT_ERROR_INIT;
    lat_random_id(job->info.id);
    snprintf(job->info.type, sizeof(job->info.type), "%s", type);
    snprintf(job->info.subject, sizeof(job->info.subject), "%s", subject);
    char id[LAT_JOB_ID_SIZE];
    memcpy(id, job->info.id,
           sizeof(id)); /* the job may have run and been forgotten after add */
    const enum lat_status status = add(jobs, job, err);
    if (status == LAT_OK) {
        memcpy(out_id, id, sizeof(id));
        return LAT_OK;
    }
    lat_free(job->context);
    lat_free(job);
    return status;
}

bool lat_job_progress(struct lat_job *job, double done)
{
    lat_mutex_lock(&job->owner->mutex);
    job->info.progress = done < 0 ? 0 : done > 1 ? 1 : done;
    const bool go_on = !job->cancelled;
    lat_mutex_unlock(&job->owner->mutex);
    return go_on;
}

static enum lat_status unknown(const char *id, struct lat_error *err)
{
    return lat_fail(err, LAT_NOT_FOUND, "job_not_found", "no job '%.64s'", id);
}

enum lat_status lat_jobs_get(struct lat_jobs *jobs, const char *id,
                             struct lat_job_info *out_info, struct lat_error *err)
{
    lat_mutex_lock(&jobs->mutex);
    const struct lat_job *job = find(jobs, id);
    if (job)
        *out_info = job->info;
    lat_mutex_unlock(&jobs->mutex);
    return job ? LAT_OK : unknown(id, err);
}

enum lat_status lat_jobs_list(struct lat_jobs *jobs, const char *after, size_t limit,
                              struct lat_job_info **out_infos, size_t *out_n,
                              struct lat_error *err)
{
    size_t n = 0;
    lat_mutex_lock(&jobs->mutex);
    const struct lat_job *job = after[0] ? find(jobs, after) : jobs->newest;
    const bool known = job || !after[0];
    if (job && after[0])
        job = job->older;
    struct lat_job_info *infos = lat_alloc(limit ? limit : 1, sizeof(*infos));
    for (; infos && job && n < limit; job = job->older)
        infos[n++] = job->info;
    lat_mutex_unlock(&jobs->mutex);
    if (!infos)
        return lat_fail_memory(err);
    if (!known) {
        lat_free(infos);
        return unknown(after, err);
    }
    *out_infos = infos;
    *out_n = n;
    return LAT_OK;
}

enum lat_status lat_jobs_cancel(struct lat_jobs *jobs, const char *id, struct lat_error *err)
{
    lat_mutex_lock(&jobs->mutex);
    struct lat_job *job = find(jobs, id);
    if (job)
        job->cancelled = true;
    if (job && job->info.state == LAT_JOB_QUEUED) {
        jobs->n_waiting--;
        finish(job, LAT_CANCELLED, NULL);
    }
    lat_mutex_unlock(&jobs->mutex);
    return job ? LAT_OK : unknown(id, err);
}

struct reindex {
    struct lat_store *store;
    char collection[LAT_COLLECTION_NAME_MAX];
    bool has_spec;
    struct lat_index_spec spec;
};

static bool report_reindex(void *context, double done)
{
    return lat_job_progress(context, done);
}

static enum lat_status work_reindex(struct lat_job *job, void *context, struct lat_error *err)
{
    const struct reindex *reindex = context;
    return lat_store_reindex(reindex->store, reindex->collection,
                             reindex->has_spec ? &reindex->spec : NULL, report_reindex, job,
                             err);
}

enum lat_status lat_jobs_reindex(struct lat_app *app, const char *collection,
                                 const struct lat_index_spec *spec,
                                 char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    struct lat_collection_spec there;
    const enum lat_status status = lat_store_spec(app->store, collection, &there, err);
    if (status != LAT_OK)
        return status;
    struct reindex *reindex = lat_alloc(1, sizeof(*reindex));
    if (!reindex)
        return lat_fail_memory(err);
    reindex->store = app->store;
    snprintf(reindex->collection, sizeof(reindex->collection), "%s", collection);
    reindex->has_spec = spec != NULL;
    if (spec)
        reindex->spec = *spec;
    return lat_jobs_start(app->jobs, "reindex", collection, work_reindex, reindex, out_id, err);
}
