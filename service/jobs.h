/* Background jobs: reindexing now, training and snapshots later. Kept in memory: a restart
 * forgets them. One runs at a time, the others are queued. Any thread may call. */
#ifndef LAT_SERVICE_JOBS_H
#define LAT_SERVICE_JOBS_H

#include <stdint.h>

#include "base/status.h"

enum { LAT_JOB_ID_SIZE = 33, LAT_JOB_TYPE_MAX = 16, LAT_JOB_SUBJECT_MAX = 80 };

enum lat_job_state {
    LAT_JOB_QUEUED,
    LAT_JOB_RUNNING,
    LAT_JOB_DONE,
    LAT_JOB_FAILED,
    LAT_JOB_CANCELLED
};
extern const char *const lat_job_state_names[5];

/* A copy, no ownership. */
struct lat_job_info {
    char id[LAT_JOB_ID_SIZE];
    char type[LAT_JOB_TYPE_MAX];       /* "reindex" */
    char subject[LAT_JOB_SUBJECT_MAX]; /* the collection */
    enum lat_job_state state;
    double progress;                          /* 0 to 1 */
    int64_t created_ms, started_ms, ended_ms; /* wall; 0 while not yet */
    struct lat_error error;                   /* when failed */
};

struct lat_jobs;
struct lat_job;

/* The work. Reports with lat_job_progress and stops when that says false (LAT_CANCELLED). */
typedef enum lat_status lat_job_work(struct lat_job *job, void *context, struct lat_error *err);

enum lat_status lat_jobs_new(struct lat_jobs **out_jobs, struct lat_error *err) LAT_MUST_USE;
/* Cancels what runs and waits for it. */
void lat_jobs_free(struct lat_jobs *jobs);

/* Queues a job; takes `context` (lat_free'd when the job has ended, or on failure). LAT_BUSY
 * with too many waiting, LAT_UNAVAILABLE while closing. */
enum lat_status lat_jobs_start(struct lat_jobs *jobs, const char *type, const char *subject,
                               lat_job_work *work, void *context, char out_id[LAT_JOB_ID_SIZE],
                               struct lat_error *err) LAT_MUST_USE;

/* From the work: `done` 0..1. False: stop. */
bool lat_job_progress(struct lat_job *job, double done);

/* LAT_NOT_FOUND. */
enum lat_status lat_jobs_get(struct lat_jobs *jobs, const char *id,
                             struct lat_job_info *out_info, struct lat_error *err) LAT_MUST_USE;
/* Newest first, beginning after the job `after` ("" = from the newest), at most `limit`;
 * *out_infos is lat_free'd. */
enum lat_status lat_jobs_list(struct lat_jobs *jobs, const char *after, size_t limit,
                              struct lat_job_info **out_infos, size_t *out_n,
                              struct lat_error *err) LAT_MUST_USE;
/* Asks it to stop; a queued one never starts. LAT_NOT_FOUND; fine if it has ended already. */
enum lat_status lat_jobs_cancel(struct lat_jobs *jobs, const char *id,
                                struct lat_error *err) LAT_MUST_USE;

/* Queues a rebuild of a collection's index; `spec` NULL keeps its settings. */
struct lat_app;
struct lat_index_spec;
enum lat_status lat_jobs_reindex(struct lat_app *app, const char *collection,
                                 const struct lat_index_spec *spec,
                                 char out_id[LAT_JOB_ID_SIZE],
                                 struct lat_error *err) LAT_MUST_USE;

#endif
