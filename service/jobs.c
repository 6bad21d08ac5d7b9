/* Lanes and the list. A lane is a thread that takes its oldest queued job, runs it, takes the
 * next. Records of ended jobs are kept up to LAT_JOBS_KEPT, then the oldest ended ones are
 * forgotten, here and in the store. */
#include "service/jobs_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/urgency.h"
#include "service/crypto.h"

#include "base/banned.h"

#define SAVE_AGAIN_NS LAT_NS_PER_S

const char *const lat_job_state_names[5] = {"queued", "running", "done", "failed", "cancelled"};

static const char *const lane_names[LAT_LANE_COUNT] = {"jobs-items", "jobs-index",
                                                       "jobs-training", "jobs-snapshot"};

/* ---- one job ---- */

bool lat_job_has_ended(const struct lat_job *job)
{
    return job->info.state == LAT_JOB_DONE || job->info.state == LAT_JOB_FAILED ||
           job->info.state == LAT_JOB_CANCELLED;
}

void lat_job_touch(struct lat_job *job)
{
    job->info.changes++;
    lat_events_poke(job->owner->events, lat_job_has_ended(job));
}

static void free_job(struct lat_job *job)
{
    if (!job)
        return;
    lat_free(job->context);
    lat_free(job->request);
    lat_free(job->result);
    lat_free(job->curve);
    lat_free(job);
}

struct lat_job *lat_jobs_find(const struct lat_jobs *jobs, const char *id)
{
    struct lat_job *job = jobs->newest;
    while (job && strcmp(job->info.id, id) != 0)
        job = job->older;
    return job;
}

/* The gauge of jobs by state. */
static void count_states(const struct lat_jobs *jobs)
{
    size_t counts[LAT_ARRAY_LEN(lat_job_state_names)] = {0};
    for (const struct lat_job *job = jobs->newest; job; job = job->older)
        counts[job->info.state]++;
    for (size_t i = 0; i < LAT_ARRAY_LEN(counts); i++)
        lat_metric_set(LAT_METRIC_JOBS, lat_job_state_names[i], (double)counts[i]);
}

/* The result of the work becomes the state. A job that was stopped by the end of the process
 * alone waits for the next one. */
static void finish(struct lat_job *job, enum lat_status status, const struct lat_error *err)
{
    const bool goes_on = status == LAT_CANCELLED && !job->cancel_asked && job->kind->resumes &&
                         job->owner->closing;
    job->info.ended_ms = goes_on ? 0 : lat_clock_wall_ms();
    if (goes_on) {
        job->attempts -= job->attempts > 0; /* was told to stop: not its fault */
        job->info.state = LAT_JOB_QUEUED;
    } else if (status == LAT_OK) {
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
    lat_job_touch(job);
    count_states(job->owner);
}

static void forget_files(const struct lat_jobs *jobs, const struct lat_job_kind *kind,
                         const char *id, enum lat_job_state state)
{
    if (kind && kind->forget)
        kind->forget(jobs->options.app, id, state);
}

/* ---- lanes ---- */

static struct lat_job *oldest_queued(const struct lat_jobs *jobs, enum lat_lane lane)
{
    struct lat_job *found = NULL;
    for (struct lat_job *job = jobs->newest; job; job = job->older)
        if (job->info.state == LAT_JOB_QUEUED && job->info.lane == lane)
            found = job;
    return found;
}

/* With the mutex held; given back held. A job that runs is not freed by anybody. */
static void run(struct lat_jobs *jobs, struct lat_job *job)
{
    struct lat_error err = LAT_ERROR_INIT;
    job->info.state = LAT_JOB_RUNNING;
    job->info.started_ms = lat_clock_wall_ms();
    jobs->lanes[job->info.lane].n_waiting--;
    job->attempts++;
    lat_job_touch(job);
    count_states(jobs);
    lat_mutex_unlock(&jobs->mutex);
    if (job->kind->resumes)
        lat_job_save_or_log(job);
    const enum lat_status status = job->kind->work(job, job->context, &err);
    if (status != LAT_OK && status != LAT_CANCELLED)
        lat_log_error("job failed", &err);
    lat_mutex_lock(&jobs->mutex);
    job->pins++;
    finish(job, status, &err);
    const enum lat_job_state state = job->info.state;
    lat_mutex_unlock(&jobs->mutex);
    lat_job_save_or_log(job);
    if (state != LAT_JOB_QUEUED)
        forget_files(jobs, job->kind, job->info.id, state);
    lat_mutex_lock(&jobs->mutex);
    job->pins--;
}

/* With the mutex held: one that has ended, and whose row does not say so. */
static struct lat_job *unsaved_end(const struct lat_jobs *jobs)
{
    for (struct lat_job *job = jobs->newest; job; job = job->older)
        if (job->unsaved && !job->saving && lat_job_has_ended(job))
            return job;
    return NULL;
}

/* With the mutex held; given back held. Without a line in the log: that was written once. */
static void save_again(struct lat_jobs *jobs, struct lat_job *job)
{
    struct lat_error err = LAT_ERROR_INIT;
    job->pins++;
    lat_mutex_unlock(&jobs->mutex);
    const bool saved = lat_job_save(job, &err) == LAT_OK;
    lat_mutex_lock(&jobs->mutex);
    job->pins--;
    if (!saved)
        jobs->save_again_ns = lat_clock_ns() + SAVE_AGAIN_NS;
}

/* With the mutex held: until there may be something to do. */
static void wait_idle(struct lat_jobs *jobs)
{
    struct lat_job *late = unsaved_end(jobs);
    if (!late)
        lat_cond_wait(&jobs->changed, &jobs->mutex);
    else if (lat_clock_ns() < jobs->save_again_ns)
        (void)lat_cond_wait_until(&jobs->changed, &jobs->mutex, jobs->save_again_ns);
    else
        save_again(jobs, late);
}

static void *run_lane(void *argument)
{
    const struct lat_lane_thread *lane = argument;
    struct lat_jobs *jobs = lane->jobs;
    /* A training takes hours whatever it is given; searches and new items wait for the others.
     */
    lat_urgency_set(lane->lane == LAT_LANE_TRAINING ? LAT_BACKGROUND : LAT_BULK);
    lat_mutex_lock(&jobs->mutex);
    while (!jobs->closing) {
        struct lat_job *job = jobs->begun ? oldest_queued(jobs, lane->lane) : NULL;
        if (job)
            run(jobs, job);
        else
            wait_idle(jobs);
    }
    lat_mutex_unlock(&jobs->mutex);
    return NULL;
}

enum lat_status lat_jobs_new(const struct lat_jobs_options *options, struct lat_jobs **out_jobs,
                             struct lat_error *err)
{
    struct lat_jobs *jobs = lat_alloc(1, sizeof(*jobs));
    if (!jobs)
        return lat_fail_memory(err);
    jobs->options = *options;
    lat_mutex_init(&jobs->mutex, LAT_RANK_JOBS, "jobs");
    lat_cond_init(&jobs->changed);
    enum lat_status status = lat_events_new(jobs, &jobs->events, err);
    if (status == LAT_OK && options->store)
        status = lat_jobs_read(jobs, err);
    for (const struct lat_job *job = jobs->newest; job; job = job->older)
        if (lat_job_has_ended(job)) /* perhaps only just before the process ended */
            forget_files(jobs, job->kind, job->info.id, job->info.state);
    for (size_t i = 0; i < LAT_LANE_COUNT && status == LAT_OK; i++) {
        struct lat_lane_thread *lane = &jobs->lanes[i];
        lane->jobs = jobs;
        lane->lane = (enum lat_lane)i;
        status = lat_thread_start(&lane->thread, lane_names[i], run_lane, lane, err);
        lane->started = status == LAT_OK;
    }
    if (status != LAT_OK) {
        lat_jobs_free(jobs);
        return status;
    }
    count_states(jobs);
    *out_jobs = jobs;
    return LAT_OK;
}

void lat_jobs_begin(struct lat_jobs *jobs)
{
    lat_mutex_lock(&jobs->mutex);
    jobs->begun = true;
    lat_cond_broadcast(&jobs->changed);
    lat_mutex_unlock(&jobs->mutex);
}

void lat_jobs_free(struct lat_jobs *jobs)
{
    if (!jobs)
        return;
    lat_mutex_lock(&jobs->mutex);
    jobs->closing = true;
    for (struct lat_job *job = jobs->newest; job; job = job->older)
        atomic_store(&job->stop, true);
    lat_cond_broadcast(&jobs->changed);
    lat_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < LAT_LANE_COUNT; i++)
        if (jobs->lanes[i].started)
            pthread_join(jobs->lanes[i].thread, NULL);
    lat_events_free(jobs->events);
    while (jobs->newest) {
        struct lat_job *job = jobs->newest;
        if (job->unsaved && lat_job_has_ended(job))
            lat_job_save_or_log(job);
        jobs->newest = job->older;
        free_job(job);
    }
    lat_arena_release(&jobs->codes);
    lat_cond_release(&jobs->changed);
    lat_mutex_release(&jobs->mutex);
    lat_free(jobs);
}

struct lat_events *lat_jobs_events(struct lat_jobs *jobs)
{
    return jobs->events;
}

/* ---- starting ---- */

/* Unlinks the oldest ended job when there are too many; the caller forgets and frees it. */
static struct lat_job *trim(struct lat_jobs *jobs)
{
    struct lat_job **oldest = NULL;
    for (struct lat_job **at = &jobs->newest; *at; at = &(*at)->older)
        if (lat_job_has_ended(*at) && !(*at)->pins)
            oldest = at;
    if (jobs->n < LAT_JOBS_KEPT || !oldest)
        return NULL;
    struct lat_job *job = *oldest;
    *oldest = job->older;
    jobs->n--;
    return job;
}

static enum lat_status check_room(const struct lat_jobs *jobs, enum lat_lane lane,
                                  struct lat_error *err)
{
    if (jobs->closing)
        return lat_fail(err, LAT_UNAVAILABLE, NULL, "the server is shutting down");
    if (jobs->lanes[lane].n_waiting >= LAT_JOBS_WAITING)
        return lat_fail(err, LAT_BUSY, NULL, "%zu jobs are waiting already",
                        jobs->lanes[lane].n_waiting);
    return LAT_OK;
}

/* Puts it into the list, which takes it over on success. */
static enum lat_status add(struct lat_jobs *jobs, struct lat_job *job, struct lat_error *err)
{
    struct lat_job *forgotten = NULL;
    lat_mutex_lock(&jobs->mutex);
    const enum lat_status status = check_room(jobs, job->info.lane, err);
    if (status == LAT_OK) {
        forgotten = trim(jobs);
        job->older = jobs->newest;
        jobs->newest = job;
        jobs->n++;
        jobs->lanes[job->info.lane].n_waiting++;
        count_states(jobs);
        lat_cond_broadcast(&jobs->changed);
    }
    lat_mutex_unlock(&jobs->mutex);
    if (forgotten) {
        lat_job_unsave(jobs, forgotten->info.id);
        forget_files(jobs, forgotten->kind, forgotten->info.id, LAT_JOB_CANCELLED);
        free_job(forgotten);
    }
    return status;
}

static enum lat_status check_early(struct lat_jobs *jobs, const struct lat_job *job,
                                   struct lat_error *err)
{
    lat_mutex_lock(&jobs->mutex);
    const enum lat_status status = check_room(jobs, job->info.lane, err);
    lat_mutex_unlock(&jobs->mutex);
    return status;
}

/* NULL when out of memory. */
static struct lat_job *make(struct lat_jobs *jobs, const struct lat_job_kind *kind,
                            const char *subject, const char *request)
{
    struct lat_job *job = lat_alloc(1, sizeof(*job));
    if (!job)
        return NULL;
    job->owner = jobs;
    job->kind = kind;
    job->stride = 1;
    job->info.lane = kind->lane;
    job->info.created_ms = lat_clock_wall_ms();
    job->info.error = (struct lat_error)LAT_ERROR_INIT;
    lat_random_id(job->info.id);
    snprintf(job->info.type, sizeof(job->info.type), "%s", kind->type);
    snprintf(job->info.subject, sizeof(job->info.subject), "%s", subject);
    job->request = lat_strdup(request ? request : "");
    if (job->request)
        return job;
    free_job(job);
    return NULL;
}

enum lat_status lat_jobs_start(struct lat_jobs *jobs, const struct lat_job_kind *kind,
                               const char *subject, const char *request, void *context,
                               char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    char id[LAT_JOB_ID_SIZE];
    struct lat_job *job = make(jobs, kind, subject, request);
    if (!job) {
        lat_free(context);
        return lat_fail_memory(err);
    }
    job->context = context;
    memcpy(id, job->info.id, sizeof(id)); /* it may have run and been forgotten after add */
    enum lat_status status = check_early(jobs, job, err);
    if (status == LAT_OK && kind->resumes) {
        status = lat_job_save(job, err);
        if (status == LAT_OK) {
            status = add(jobs, job, err);
            if (status != LAT_OK)
                lat_job_unsave(jobs, id);
        }
    } else if (status == LAT_OK) {
        status = add(jobs, job, err);
    }
    if (status != LAT_OK) {
        free_job(job);
        return status;
    }
    memcpy(out_id, id, sizeof(id));
    return LAT_OK;
}

/* ---- cancelling ---- */

/* With the mutex held: whether it is over now, because it had not begun. */
static bool stop(struct lat_jobs *jobs, struct lat_job *job)
{
    job->cancel_asked = true;
    atomic_store(&job->stop, true);
    if (job->info.state != LAT_JOB_QUEUED)
        return false;
    jobs->lanes[job->info.lane].n_waiting--;
    finish(job, LAT_CANCELLED, NULL);
    return true;
}

/* With the mutex held: whether it may have something worth keeping, in memory or in a
 * checkpoint. */
static bool can_keep(const struct lat_job *job)
{
    return job->info.lane == LAT_LANE_TRAINING &&
           (job->info.state == LAT_JOB_RUNNING ||
            (job->info.state == LAT_JOB_QUEUED && job->resumed));
}

enum lat_status lat_jobs_cancel(struct lat_jobs *jobs, const char *id, bool keep,
                                struct lat_error *err)
{
    bool dropped = false, asked = false;
    lat_mutex_lock(&jobs->mutex);
    struct lat_job *job = lat_jobs_find(jobs, id);
    if (job && keep && can_keep(job)) {
        atomic_store(&job->enough, true);
        asked = job->kind->resumes;
    } else if (job && !lat_job_has_ended(job)) {
        dropped = stop(jobs, job);
        asked = dropped || job->kind->resumes;
    }
    if (asked)
        job->pins++;
    lat_mutex_unlock(&jobs->mutex);
    if (!job)
        return lat_job_unknown(id, err);
    if (!asked)
        return LAT_OK;
    lat_job_save_or_log(job);
    if (dropped)
        forget_files(jobs, job->kind, id, LAT_JOB_CANCELLED);
    lat_mutex_lock(&jobs->mutex);
    job->pins--;
    lat_mutex_unlock(&jobs->mutex);
    return LAT_OK;
}
