/* What can be asked of jobs: copies, made under the mutex. */
#include "base/mem.h"
#include "service/jobs_internal.h"

#include "base/banned.h"

enum lat_status lat_job_unknown(const char *id, struct lat_error *err)
{
    return lat_fail(err, LAT_NOT_FOUND, "job_not_found", "no job '%.64s'", id);
}

enum lat_status lat_jobs_get(struct lat_jobs *jobs, const char *id,
                             struct lat_job_info *out_info, struct lat_error *err)
{
    lat_mutex_lock(&jobs->mutex);
    const struct lat_job *job = lat_jobs_find(jobs, id);
    if (job)
        *out_info = job->info;
    lat_mutex_unlock(&jobs->mutex);
    return job ? LAT_OK : lat_job_unknown(id, err);
}

void lat_job_detail_release(struct lat_job_detail *detail)
{
    lat_free(detail->curve);
    lat_free(detail->request);
    lat_free(detail->result);
    *detail = (struct lat_job_detail){.n_curve = 0};
}

enum lat_status lat_jobs_detail(struct lat_jobs *jobs, const char *id, double after,
                                struct lat_job_detail *out_detail, struct lat_error *err)
{
    struct lat_job_detail detail = {.n_curve = 0};
    lat_mutex_lock(&jobs->mutex);
    const struct lat_job *job = lat_jobs_find(jobs, id);
    if (job) {
        detail.info = job->info;
        detail.request = lat_strdup(job->request);
        detail.result = lat_strdup(job->result ? job->result : "");
        detail.curve = lat_job_copy_curve(job, after, &detail.n_curve);
    }
    lat_mutex_unlock(&jobs->mutex);
    if (!job)
        return lat_job_unknown(id, err);
    if (!detail.request || !detail.result || !detail.curve) {
        lat_job_detail_release(&detail);
        return lat_fail_memory(err);
    }
    *out_detail = detail;
    return LAT_OK;
}

enum lat_status lat_jobs_list(struct lat_jobs *jobs, const char *after, size_t limit,
                              struct lat_job_info **out_infos, size_t *out_n,
                              struct lat_error *err)
{
    size_t n = 0;
    lat_mutex_lock(&jobs->mutex);
    const struct lat_job *job = after[0] ? lat_jobs_find(jobs, after) : jobs->newest;
    const bool known = job || !after[0];
    if (job && after[0])
        job = job->older;
    limit = limit < jobs->n ? limit : jobs->n;
    struct lat_job_info *infos = lat_alloc(limit ? limit : 1, sizeof(*infos));
    for (; infos && job && n < limit; job = job->older)
        infos[n++] = job->info;
    lat_mutex_unlock(&jobs->mutex);
    if (!infos)
        return lat_fail_memory(err);
    if (!known) {
        lat_free(infos);
        return lat_job_unknown(after, err);
    }
    *out_infos = infos;
    *out_n = n;
    return LAT_OK;
}
