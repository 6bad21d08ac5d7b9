/* Background jobs: what takes longer than a request, under an id that can be asked for.
 *
 * A job is of a kind (struct lat_job_kind, one `static const` each), and a kind has a lane:
 * jobs of one lane run one after the other, lanes do not wait for each other. So a training of
 * hours holds back the next training, and neither a reindex nor a batch of items.
 *
 * Jobs are kept in the store. One whose kind `resumes` is there from the moment it was
 * accepted, and after a restart, however the process ended, it goes on (or waits again in its
 * old place); any other is there once it has ended. The newest LAT_JOBS_KEPT are remembered.
 *
 * Any thread may call everything here. */
#ifndef LAT_SERVICE_JOBS_H
#define LAT_SERVICE_JOBS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"
#include "index/store.h"

enum { LAT_JOBS_KEPT = 1000, LAT_JOBS_WAITING = 256, LAT_JOB_NOTE_MAX = 256 };

enum lat_job_state {
    LAT_JOB_QUEUED,
    LAT_JOB_RUNNING,
    LAT_JOB_DONE,
    LAT_JOB_FAILED,
    LAT_JOB_CANCELLED
};
extern const char *const lat_job_state_names[5];

/* What runs in a lane of its own. */
enum lat_lane {
    LAT_LANE_ITEMS,
    LAT_LANE_INDEX,
    LAT_LANE_TRAINING,
    LAT_LANE_SNAPSHOT,
    LAT_LANE_COUNT
};

/* Where a training stands; `epochs` is 0 for other jobs and before the first report. */
struct lat_job_training {
    uint32_t epoch, epochs; /* the one under way, from 1; of all */
    uint64_t step, steps;   /* of this epoch */
    double loss, validation, rate, items_per_second, eta_s; /* NaN while not known */
};

/* A copy, no ownership; error.code lives as long as the jobs. */
struct lat_job_info {
    char id[LAT_JOB_ID_SIZE];
    char type[LAT_JOB_WORD_MAX];       /* "train", "reindex", "snapshot", "ingest" */
    char subject[LAT_JOB_SUBJECT_MAX]; /* the model or the collection */
    enum lat_lane lane;
    enum lat_job_state state;
    double progress;                          /* 0 to 1 */
    int64_t created_ms, started_ms, ended_ms; /* wall; 0 while not yet */
    struct lat_job_training training;
    char note[LAT_JOB_NOTE_MAX]; /* the last thing worth a line, "" if none */
    struct lat_error error;      /* when failed */
    uint64_t changes;            /* counts up with every change of the above */
};

/* One epoch of the loss curve. */
struct lat_job_point {
    double epoch, loss, validation, seconds; /* validation: NaN without a part held out */
};

/* Everything that can be said of a job; lat_job_detail_release. */
struct lat_job_detail {
    struct lat_job_info info;
    struct lat_job_point *curve; /* ascending epochs, thinned out when there are very many */
    size_t n_curve;
    char *request, *result; /* JSON texts, "" if none */
};
void lat_job_detail_release(struct lat_job_detail *detail);

struct lat_app;
struct lat_jobs;
struct lat_job;
struct lat_events;

/* The work. Reports with lat_job_progress and stops when that says false (LAT_CANCELLED). A
 * failure's code may be any literal. */
typedef enum lat_status lat_job_work(struct lat_job *job, void *context, struct lat_error *err);

struct lat_job_kind {
    const char *type;
    enum lat_lane lane;
    bool resumes; /* the request is all the work needs: context is NULL */
    lat_job_work *work;
    /* The job is over for good, or forgotten: what it left in files may go. May be NULL. */
    void (*forget)(struct lat_app *app, const char *id, enum lat_job_state state);
};

struct lat_jobs_options {
    struct lat_app *app;                     /* for the work; may be NULL in tests */
    struct lat_store *store;                 /* NULL: nothing is kept */
    const struct lat_job_kind *const *kinds; /* those that resume, to be found again by type */
    size_t n_kinds;
};

/* Reads the kept jobs. Nothing runs before lat_jobs_begin. `options` is copied, kinds are
 * borrowed. */
enum lat_status lat_jobs_new(const struct lat_jobs_options *options, struct lat_jobs **out_jobs,
                             struct lat_error *err) LAT_MUST_USE;
/* From now on jobs run. */
void lat_jobs_begin(struct lat_jobs *jobs);
/* Stops what runs and waits for it: jobs that resume go on at the next start, others count as
 * cancelled. */
void lat_jobs_free(struct lat_jobs *jobs);

/* Queues a job; copies `request` (JSON text, NULL: none), takes `context` (lat_free'd when the
 * job has ended, or on failure). A job that resumes is durable on return. LAT_BUSY with too
 * many waiting in its lane, LAT_UNAVAILABLE while closing, LAT_DISK_FULL. */
enum lat_status lat_jobs_start(struct lat_jobs *jobs, const struct lat_job_kind *kind,
                               const char *subject, const char *request, void *context,
                               char out_id[LAT_JOB_ID_SIZE],
                               struct lat_error *err) LAT_MUST_USE;

/* ---- from the work ---- */

struct lat_app *lat_job_app(const struct lat_job *job);
const char *lat_job_id(const struct lat_job *job);
const char *lat_job_request(const struct lat_job *job);
/* Whether it was begun by a process before this one. */
bool lat_job_resumed(const struct lat_job *job);
/* `done` 0..1. False: stop. */
bool lat_job_progress(struct lat_job *job, double done);
/* The same with what a training has to say. */
bool lat_job_report(struct lat_job *job, double done, const struct lat_job_training *training);
/* One more point of the curve; points of an epoch that is there already, or later ones, are
 * replaced (a training that begins again). Kept in the store at most once a second. */
void lat_job_point(struct lat_job *job, const struct lat_job_point *point);
void lat_job_note(struct lat_job *job, const char *words);
/* What came of it, a JSON text; copied. */
enum lat_status lat_job_set_result(struct lat_job *job, const char *json,
                                   struct lat_error *err) LAT_MUST_USE;
/* True once it is to stop and leave nothing; true once it is to end early with what it has.
 * For work that polls a flag instead of reporting. */
const atomic_bool *lat_job_cancelled(const struct lat_job *job);
const atomic_bool *lat_job_enough(const struct lat_job *job);

/* ---- asking ---- */

/* LAT_NOT_FOUND. */
enum lat_status lat_jobs_get(struct lat_jobs *jobs, const char *id,
                             struct lat_job_info *out_info, struct lat_error *err) LAT_MUST_USE;
/* Points of the curve after epoch `after` only. */
enum lat_status lat_jobs_detail(struct lat_jobs *jobs, const char *id, double after,
                                struct lat_job_detail *out_detail,
                                struct lat_error *err) LAT_MUST_USE;
/* Newest first, beginning after the job `after` ("" = from the newest), at most `limit`;
 * *out_infos is lat_free'd. LAT_NOT_FOUND for an `after` that is not there. */
enum lat_status lat_jobs_list(struct lat_jobs *jobs, const char *after, size_t limit,
                              struct lat_job_info **out_infos, size_t *out_n,
                              struct lat_error *err) LAT_MUST_USE;
/* Asks it to stop; a queued one never starts. With `keep` a training that has begun ends now
 * instead and publishes its best epoch. Of a job that resumes this is kept on return: it does
 * not go on even if the process is killed before the work has noticed. LAT_NOT_FOUND; fine if
 * it has ended already.
 */
enum lat_status lat_jobs_cancel(struct lat_jobs *jobs, const char *id, bool keep,
                                struct lat_error *err) LAT_MUST_USE;

/* Those who watch jobs (service/events.h); lives as long as the jobs. */
struct lat_events *lat_jobs_events(struct lat_jobs *jobs);

/* ---- kinds ---- */

/* Every kind that resumes. */
extern const struct lat_job_kind *const lat_job_kinds[];
extern const size_t lat_n_job_kinds;

/* reindex.c. Queues a rebuild of a collection's index; `spec` NULL keeps its settings. */
extern const struct lat_job_kind lat_job_reindex;
enum lat_status lat_jobs_reindex(struct lat_app *app, const char *collection,
                                 const struct lat_index_spec *spec,
                                 char out_id[LAT_JOB_ID_SIZE],
                                 struct lat_error *err) LAT_MUST_USE;

#endif
