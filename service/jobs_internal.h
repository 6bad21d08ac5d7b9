/* What jobs.c (lanes and the list), jobs_ask.c (copies), jobs_work.c (the work's side) and
 * jobs_keep.c (the store's) share. Private to service/jobs*.c.
 *
 * The mutex guards the list and every record; the work, and every call of the store, runs
 * without it. Saves of one job follow one another (`saving`), so that the store has the last
 * word that was said. */
#ifndef LAT_SERVICE_JOBS_INTERNAL_H
#define LAT_SERVICE_JOBS_INTERNAL_H

#include "base/arena.h"
#include "base/sync.h"
#include "service/events.h"
#include "service/jobs.h"

struct lat_job {
    struct lat_job *older;
    struct lat_jobs *owner;
    const struct lat_job_kind *kind; /* NULL: ended, of a kind nobody knows any more */
    struct lat_job_info info;
    void *context; /* owned until the work has ended */
    char *request, *result;
    struct lat_job_point *curve;
    size_t n_curve;
    uint64_t stride;   /* every so many epochs have a point */
    uint64_t saved_ns; /* when the curve was saved last; its lane's */
    uint32_t attempts; /* starts since an epoch, or anything else, was last got done */
    bool resumed;
    bool saving;        /* somebody does */
    bool unsaved;       /* the store does not have its latest: a save failed */
    unsigned pins;      /* how many use it without the mutex: not to be freed */
    bool cancel_asked;  /* as opposed to the end of the process */
    atomic_bool stop;   /* the work is to stop, for either reason */
    atomic_bool enough; /* the work is to end early with what it has */
};

struct lat_lane_thread {
    struct lat_jobs *jobs;
    enum lat_lane lane;
    pthread_t thread;
    bool started;
    size_t n_waiting; /* under the jobs' mutex */
};

struct lat_jobs {
    struct lat_jobs_options options;
    struct lat_mutex mutex;
    struct lat_cond changed;
    struct lat_arena codes; /* of errors read from the store; written by lat_jobs_new alone */
    struct lat_job *newest;
    size_t n;
    bool begun, closing;
    uint64_t save_again_ns; /* when ends that could not be saved are tried again */
    struct lat_lane_thread lanes[LAT_LANE_COUNT];
    struct lat_events *events;
};

/* jobs.c, with the mutex held: */
struct lat_job *lat_jobs_find(const struct lat_jobs *jobs, const char *id);
/* A change worth telling those who watch. */
void lat_job_touch(struct lat_job *job);
bool lat_job_has_ended(const struct lat_job *job);

/* jobs_ask.c: LAT_NOT_FOUND. */
enum lat_status lat_job_unknown(const char *id, struct lat_error *err);

/* jobs_work.c: a copy of the points after epoch `after`; NULL when there is no memory. With the
 * mutex held. */
struct lat_job_point *lat_job_copy_curve(const struct lat_job *job, double after,
                                         size_t *out_n);

/* jobs_keep.c, without the mutex: */
/* LAT_OK at once when nothing is kept. One that somebody has asked to stop is kept as
 * cancelled from then on: it must not begin again after a kill. One that is to end with what it
 * has is kept as such. */
enum lat_status lat_job_save(struct lat_job *job, struct lat_error *err) LAT_MUST_USE;
/* A failure is one line in the log; the end of a job is tried again by an idle lane, and when
 * the jobs are freed. */
void lat_job_save_or_log(struct lat_job *job);
void lat_job_unsave(const struct lat_jobs *jobs, const char *id);
/* Before there are threads. */
enum lat_status lat_jobs_read(struct lat_jobs *jobs, struct lat_error *err) LAT_MUST_USE;

#endif
