/* The work's side of a job: what it reports, and what it learns. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "service/jobs_internal.h"

#include "base/banned.h"

enum { CURVE_MAX = 4096 }; /* points; beyond it every other one goes */

#define SAVE_EVERY_NS LAT_NS_PER_S

struct lat_app *lat_job_app(const struct lat_job *job)
{
    return job->owner->options.app;
}

const char *lat_job_id(const struct lat_job *job)
{
    return job->info.id;
}

const char *lat_job_request(const struct lat_job *job)
{
    return job->request;
}

bool lat_job_resumed(const struct lat_job *job)
{
    return job->resumed;
}

const atomic_bool *lat_job_cancelled(const struct lat_job *job)
{
    return &job->stop;
}

const atomic_bool *lat_job_enough(const struct lat_job *job)
{
    return &job->enough;
}

static double share(double done)
{
    return done < 0 ? 0 : done > 1 ? 1 : done;
}

bool lat_job_progress(struct lat_job *job, double done)
{
    lat_mutex_lock(&job->owner->mutex);
    job->info.progress = share(done);
    lat_job_touch(job);
    lat_mutex_unlock(&job->owner->mutex);
    return !atomic_load(&job->stop);
}

bool lat_job_report(struct lat_job *job, double done, const struct lat_job_training *training)
{
    lat_mutex_lock(&job->owner->mutex);
    job->info.progress = share(done);
    job->info.training = *training;
    lat_job_touch(job);
    lat_mutex_unlock(&job->owner->mutex);
    return !atomic_load(&job->stop);
}

/* ---- the curve ---- */

static void thin_out(struct lat_job *job)
{
    size_t kept = 0;
    for (size_t i = 1; i < job->n_curve; i += 2)
        job->curve[kept++] = job->curve[i];
    job->n_curve = kept;
    job->stride *= 2;
}

static bool has_room(struct lat_job *job)
{
    if (job->n_curve & (job->n_curve - 1) || (job->n_curve == 0 && job->curve))
        return true; /* room is doubled at each power of two */
    const size_t capacity = job->n_curve ? 2 * job->n_curve : 1;
    struct lat_job_point *curve = lat_realloc(job->curve, capacity, sizeof(*curve));
    if (curve)
        job->curve = curve;
    return curve != NULL;
}

void lat_job_point(struct lat_job *job, const struct lat_job_point *point)
{
    const uint64_t now_ns = lat_clock_ns();
    lat_mutex_lock(&job->owner->mutex);
    while (job->n_curve && job->curve[job->n_curve - 1].epoch >= point->epoch)
        job->n_curve--;
    if (job->n_curve == CURVE_MAX)
        thin_out(job);
    if ((uint64_t)point->epoch % job->stride == 0 && has_room(job))
        job->curve[job->n_curve++] = *point;
    job->attempts = 0;
    lat_job_touch(job);
    lat_mutex_unlock(&job->owner->mutex);
    if (now_ns - job->saved_ns < SAVE_EVERY_NS)
        return;
    job->saved_ns = now_ns;
    lat_job_save_or_log(job);
}

struct lat_job_point *lat_job_copy_curve(const struct lat_job *job, double after, size_t *out_n)
{
    size_t first = 0;
    while (first < job->n_curve && job->curve[first].epoch <= after)
        first++;
    const size_t n = job->n_curve - first;
    struct lat_job_point *copy = lat_alloc_raw(n ? n : 1, sizeof(*copy));
    if (copy && n)
        memcpy(copy, job->curve + first, n * sizeof(*copy));
    *out_n = n;
    return copy;
}

/* ---- words ---- */

void lat_job_note(struct lat_job *job, const char *words)
{
    lat_mutex_lock(&job->owner->mutex);
    snprintf(job->info.note, sizeof(job->info.note), "%s", words);
    lat_job_touch(job);
    lat_mutex_unlock(&job->owner->mutex);
}

enum lat_status lat_job_set_result(struct lat_job *job, const char *json, struct lat_error *err)
{
    char *copy = lat_strdup(json);
    if (!copy)
        return lat_fail_memory(err);
    lat_mutex_lock(&job->owner->mutex);
    lat_free(job->result);
    job->result = copy;
    lat_job_touch(job);
    lat_mutex_unlock(&job->owner->mutex);
    return LAT_OK;
}
