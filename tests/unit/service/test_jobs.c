#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "index/sqlite/db.h"
#include "service/jobs.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct lat_jobs *jobs;
static atomic_bool go_on, begun, stopped;

static void enter(void)
{
    const struct lat_jobs_options nothing_kept = {.app = NULL};
    cr_assert_eq(lat_jobs_new(&nothing_kept, &jobs, NULL), LAT_OK);
    lat_jobs_begin(jobs);
}

static void leave(void)
{
    lat_jobs_free(jobs);
}

TestSuite(jobs, .init = enter, .fini = leave);

static enum lat_status succeed(struct lat_job *job, void *context, struct lat_error *err)
{
    (void)context;
    (void)err;
    return lat_job_progress(job, 0.5) ? LAT_OK : LAT_CANCELLED;
}

static enum lat_status break_down(struct lat_job *job, void *context, struct lat_error *err)
{
    (void)job;
    (void)context;
    return lat_fail(err, LAT_IO, NULL, "it broke");
}

static enum lat_status take_long(struct lat_job *job, void *context, struct lat_error *err)
{
    (void)context;
    atomic_store(&begun, true);
    while (!atomic_load(&go_on))
        if (!lat_job_progress(job, 0.25)) {
            atomic_store(&stopped, true);
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped");
        }
    return LAT_OK;
}

static const struct lat_job_kind good = {.type = "good", .work = succeed};
static const struct lat_job_kind bad = {.type = "bad", .work = break_down};
static const struct lat_job_kind slow = {.type = "slow", .work = take_long};
static const struct lat_job_kind aside = {
    .type = "aside", .lane = LAT_LANE_INDEX, .work = succeed};

static struct lat_job_info await_end(const char *id)
{
    struct lat_job_info info;
    do
        cr_assert_eq(lat_jobs_get(jobs, id, &info, NULL), LAT_OK);
    while (info.state == LAT_JOB_QUEUED || info.state == LAT_JOB_RUNNING);
    return info;
}

Test(jobs, one_runs_to_its_end)
{
    char id[LAT_JOB_ID_SIZE];
    cr_assert_eq(lat_jobs_start(jobs, &good, "things", NULL, lat_alloc(1, 8), id, NULL),
                 LAT_OK);
    const struct lat_job_info info = await_end(id);
    cr_assert_eq(info.state, LAT_JOB_DONE);
    cr_assert_eq(info.progress, 1.0);
    cr_assert_str_eq(info.type, "good");
    cr_assert_str_eq(info.subject, "things");
    cr_assert(info.ended_ms >= info.started_ms && info.started_ms >= info.created_ms);
}

Test(jobs, a_failure_is_kept_with_its_words)
{
    char id[LAT_JOB_ID_SIZE];
    cr_assert_eq(lat_jobs_start(jobs, &bad, "", NULL, NULL, id, NULL), LAT_OK);
    const struct lat_job_info info = await_end(id);
    cr_assert_eq(info.state, LAT_JOB_FAILED);
    cr_assert_str_eq(info.error.message, "it broke");
}

Test(jobs, a_running_and_a_waiting_one_can_be_cancelled)
{
    char first[LAT_JOB_ID_SIZE], second[LAT_JOB_ID_SIZE];
    struct lat_job_info info;
    cr_assert_eq(lat_jobs_start(jobs, &slow, "", NULL, NULL, first, NULL), LAT_OK);
    cr_assert_eq(lat_jobs_start(jobs, &slow, "", NULL, NULL, second, NULL), LAT_OK);
    while (!atomic_load(&begun))
        ;
    cr_assert_eq(lat_jobs_get(jobs, second, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_QUEUED, "one at a time");
    cr_assert_eq(lat_jobs_cancel(jobs, second, false, NULL), LAT_OK);
    cr_assert_eq(await_end(second).state, LAT_JOB_CANCELLED);
    cr_assert_eq(lat_jobs_cancel(jobs, first, false, NULL), LAT_OK);
    cr_assert_eq(await_end(first).state, LAT_JOB_CANCELLED);
    cr_assert_eq(lat_jobs_cancel(jobs, first, false, NULL), LAT_OK, "ended already");
}

Test(jobs, another_lane_does_not_wait)
{
    char first[LAT_JOB_ID_SIZE], second[LAT_JOB_ID_SIZE];
    cr_assert_eq(lat_jobs_start(jobs, &slow, "", NULL, NULL, first, NULL), LAT_OK);
    while (!atomic_load(&begun))
        ;
    cr_assert_eq(lat_jobs_start(jobs, &aside, "", NULL, NULL, second, NULL), LAT_OK);
    cr_assert_eq(await_end(second).state, LAT_JOB_DONE);
    struct lat_job_info info;
    cr_assert_eq(lat_jobs_get(jobs, first, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_RUNNING);
}

Test(jobs, the_list_is_newest_first_and_goes_on)
{
    char ids[3][LAT_JOB_ID_SIZE];
    struct lat_job_info *infos = NULL;
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lat_jobs_start(jobs, &good, "", NULL, NULL, ids[i], NULL), LAT_OK);
    cr_assert_eq(lat_jobs_list(jobs, "", 2, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 2u);
    cr_assert_str_eq(infos[0].id, ids[2]);
    cr_assert_str_eq(infos[1].id, ids[1]);
    lat_free(infos);
    cr_assert_eq(lat_jobs_list(jobs, ids[1], 2, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    cr_assert_str_eq(infos[0].id, ids[0]);
    lat_free(infos);
}

Test(jobs, an_unknown_id_is_not_found)
{
    struct lat_job_info info;
    cr_assert_eq(lat_jobs_get(jobs, "nonsense", &info, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_jobs_cancel(jobs, "nonsense", false, NULL), LAT_NOT_FOUND);
}

Test(jobs, closing_stops_what_runs)
{
    char id[LAT_JOB_ID_SIZE];
    cr_assert_eq(lat_jobs_start(jobs, &slow, "", NULL, NULL, id, NULL), LAT_OK);
    while (!atomic_load(&begun))
        ;
    cr_assert_not(atomic_load(&stopped));
    lat_jobs_free(jobs);
    jobs = NULL;
    cr_assert(atomic_load(&stopped), "the job has ended when the call returns");
}

Test(jobs, a_collection_is_reindexed)
{
    struct app_fixture fixture;
    char id[LAT_JOB_ID_SIZE];
    test_folder_enter();
    app_fixture_start(&fixture);
    app_fixture_collection(&fixture, false);
    cr_assert_eq(lat_jobs_reindex(fixture.app, "absent", NULL, id, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_jobs_reindex(fixture.app, "things", NULL, id, NULL), LAT_OK);
    lat_jobs_free(jobs);
    jobs = fixture.app->jobs;
    cr_assert_eq(await_end(id).state, LAT_JOB_DONE);
    app_fixture_stop(&fixture);
    test_folder_leave();
    jobs = NULL;
}

/* ---- kept in a store ---- */

static struct lat_store *store;
static atomic_int runs;

/* Runs until it is stopped the first time, to its end the second. */
static enum lat_status go_on_later(struct lat_job *job, void *context, struct lat_error *err)
{
    const int run = atomic_fetch_add(&runs, 1);
    (void)context;
    cr_assert_str_eq(lat_job_request(job), "{\"a\":1}");
    cr_assert_eq(lat_job_resumed(job), run > 0);
    const struct lat_job_point point = {.epoch = run + 1, .loss = 0.5, .validation = 0.25};
    lat_job_point(job, &point);
    while (run == 0)
        if (!lat_job_progress(job, 0.5))
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped");
    return lat_job_set_result(job, "{\"b\":2}", err);
}

static const struct lat_job_kind lasting = {
    .type = "lasting", .resumes = true, .work = go_on_later};
static const struct lat_job_kind fragile = {
    .type = "fragile", .resumes = true, .work = break_down};

static void open_kept(void)
{
    static const struct lat_job_kind *const kinds[] = {&lasting, &fragile};
    const struct lat_jobs_options options = {.store = store, .kinds = kinds, .n_kinds = 2};
    lat_jobs_free(jobs);
    jobs = NULL;
    cr_assert_eq(lat_jobs_new(&options, &jobs, NULL), LAT_OK);
}

static void enter_store(void)
{
    test_folder_enter();
    const struct lat_store_options options = {.folder = test_path("data")};
    cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
}

static void leave_store(void)
{
    lat_jobs_free(jobs);
    lat_store_close(store);
    test_folder_leave();
}

TestSuite(jobs_kept, .init = enter_store, .fini = leave_store);

Test(jobs_kept, one_that_resumes_goes_on_and_is_listed_afterwards)
{
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_info info;
    struct lat_job_detail detail;
    open_kept();
    lat_jobs_begin(jobs);
    cr_assert_eq(lat_jobs_start(jobs, &lasting, "things", "{\"a\":1}", NULL, id, NULL), LAT_OK);
    do
        cr_assert_eq(lat_jobs_get(jobs, id, &info, NULL), LAT_OK);
    while (info.progress < 0.5);
    open_kept();
    cr_assert_eq(lat_jobs_get(jobs, id, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_QUEUED, "nothing runs before lat_jobs_begin");
    lat_jobs_begin(jobs);
    cr_assert_eq(await_end(id).state, LAT_JOB_DONE);
    open_kept();
    cr_assert_eq(lat_jobs_detail(jobs, id, 0, &detail, NULL), LAT_OK);
    cr_assert_eq(detail.info.state, LAT_JOB_DONE);
    cr_assert_str_eq(detail.info.subject, "things");
    cr_assert_str_eq(detail.request, "{\"a\":1}");
    cr_assert_str_eq(detail.result, "{\"b\":2}");
    cr_assert_eq(detail.n_curve, 2);
    cr_assert_eq(detail.curve[1].epoch, 2);
    cr_assert_eq(detail.curve[1].validation, 0.25);
    lat_job_detail_release(&detail);
}

Test(jobs_kept, a_failure_keeps_its_words_and_its_code)
{
    char id[LAT_JOB_ID_SIZE];
    open_kept();
    lat_jobs_begin(jobs);
    cr_assert_eq(lat_jobs_start(jobs, &fragile, "", NULL, NULL, id, NULL), LAT_OK);
    cr_assert_eq(await_end(id).state, LAT_JOB_FAILED);
    open_kept();
    const struct lat_job_info info = await_end(id);
    cr_assert_eq(info.error.status, LAT_IO);
    cr_assert_str_eq(info.error.code, "io_error");
    cr_assert_str_eq(info.error.message, "it broke");
}

Test(jobs_kept, one_that_keeps_ending_the_process_is_given_up)
{
    struct lat_job_row row = {.id = "0123456789abcdef0123456789abcdef",
                              .type = "lasting",
                              .state = "running",
                              .attempts = 2,
                              .created_ms = 1,
                              .started_ms = 2,
                              .error = LAT_ERROR_INIT};
    struct lat_job_info info;
    cr_assert_eq(lat_store_job_save(store, &row, NULL), LAT_OK);
    open_kept();
    cr_assert_eq(lat_jobs_get(jobs, row.id, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_QUEUED);
    row.attempts = 3;
    cr_assert_eq(lat_store_job_save(store, &row, NULL), LAT_OK);
    open_kept();
    cr_assert_eq(lat_jobs_get(jobs, row.id, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_FAILED);
    cr_assert_str_eq(info.error.code, "interrupted");
    const int64_t ended_ms = info.ended_ms;
    cr_assert_gt(ended_ms, 0);
    open_kept();
    cr_assert_eq(lat_jobs_get(jobs, row.id, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_FAILED);
    cr_assert_eq(info.ended_ms, ended_ms, "it ended once");
}

static enum lat_status hear_late(struct lat_job *job, void *context, struct lat_error *err)
{
    (void)context;
    atomic_store(&begun, true);
    while (!atomic_load(&go_on))
        (void)lat_job_progress(job, 0.5);
    return lat_job_progress(job, 0.5) ? LAT_OK : lat_fail(err, LAT_CANCELLED, NULL, "stopped");
}

static const struct lat_job_kind deaf = {.type = "deaf", .resumes = true, .work = hear_late};

Test(jobs_kept, a_cancel_that_was_answered_survives_a_kill)
{
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_row *rows = NULL;
    struct lat_job_info info;
    size_t n = 0;
    open_kept();
    lat_jobs_begin(jobs);
    cr_assert_eq(lat_jobs_start(jobs, &deaf, "", NULL, NULL, id, NULL), LAT_OK);
    while (!atomic_load(&begun))
        ;
    cr_assert_eq(lat_jobs_cancel(jobs, id, false, NULL), LAT_OK);
    cr_assert_eq(lat_jobs_get(jobs, id, &info, NULL), LAT_OK);
    cr_assert_eq(info.state, LAT_JOB_RUNNING, "it has not noticed");
    cr_assert_eq(lat_store_jobs(store, 10, &rows, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(rows->state, "cancelled", "what the next process would read");
    cr_assert_gt(rows->ended_ms, 0);
    lat_job_rows_release(rows, n);
    atomic_store(&go_on, true);
    cr_assert_eq(await_end(id).state, LAT_JOB_CANCELLED);
}

static enum lat_status end_when_told(struct lat_job *job, void *context, struct lat_error *err)
{
    (void)context;
    (void)err;
    atomic_store(&begun, true);
    while (!atomic_load(lat_job_enough(job)) && !atomic_load(&go_on))
        if (!lat_job_progress(job, 0.5))
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped");
    return LAT_OK;
}

static const struct lat_job_kind obedient = {
    .type = "obedient", .lane = LAT_LANE_TRAINING, .resumes = true, .work = end_when_told};

Test(jobs_kept, one_told_to_end_with_its_best_is_told_again_after_a_kill)
{
    static const struct lat_job_kind *const kinds[] = {&obedient};
    const struct lat_jobs_options options = {.store = store, .kinds = kinds, .n_kinds = 1};
    struct lat_job_row row = {.id = "0123456789abcdef0123456789abcdef",
                              .type = "obedient",
                              .state = "running",
                              .started_ms = 1,
                              .error = LAT_ERROR_INIT};
    struct lat_job_row *rows = NULL;
    size_t n = 0;
    cr_assert_eq(lat_store_job_save(store, &row, NULL), LAT_OK);
    cr_assert_eq(lat_jobs_new(&options, &jobs, NULL), LAT_OK);
    cr_assert_eq(lat_jobs_cancel(jobs, row.id, true, NULL), LAT_OK);
    cr_assert_eq(lat_store_jobs(store, 10, &rows, &n, NULL), LAT_OK);
    cr_assert_str_eq(rows->state, "ending", "what the next process would read");
    lat_job_rows_release(rows, n);
    lat_jobs_free(jobs);
    cr_assert_eq(lat_jobs_new(&options, &jobs, NULL), LAT_OK);
    lat_jobs_begin(jobs);
    cr_assert_eq(await_end(row.id).state, LAT_JOB_DONE);
}

static void with_database(const char *sql)
{
    struct lat_db *db;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_db_open(test_path("data/latentd.db"), LAT_DB_CREATE, &db, &err), LAT_OK);
    cr_assert_eq(lat_db_exec(db, sql, &err), LAT_OK, "%s", err.message);
    lat_db_close(db);
}

static bool is_kept_as(const char *id, const char *state)
{
    struct lat_job_row *rows = NULL;
    size_t n = 0;
    bool found = false;
    cr_assert_eq(lat_store_jobs(store, 10, &rows, &n, NULL), LAT_OK);
    for (size_t i = 0; i < n; i++)
        found |= strcmp(rows[i].id, id) == 0 && strcmp(rows[i].state, state) == 0;
    lat_job_rows_release(rows, n);
    return found;
}

Test(jobs_kept, an_end_the_store_would_not_take_is_saved_later)
{
    char first[LAT_JOB_ID_SIZE], second[LAT_JOB_ID_SIZE];
    static const struct lat_job_kind *const kinds[] = {&obedient};
    const struct lat_jobs_options options = {.store = store, .kinds = kinds, .n_kinds = 1};
    cr_assert_eq(lat_jobs_new(&options, &jobs, NULL), LAT_OK);
    lat_jobs_begin(jobs);
    cr_assert_eq(lat_jobs_start(jobs, &obedient, "", NULL, NULL, first, NULL), LAT_OK);
    while (!atomic_load(&begun))
        ;
    with_database("CREATE TRIGGER closed BEFORE UPDATE ON jobs BEGIN"
                  " SELECT RAISE(ABORT, 'closed'); END");
    atomic_store(&go_on, true);
    cr_assert_eq(await_end(first).state, LAT_JOB_DONE);
    cr_assert_eq(lat_jobs_start(jobs, &obedient, "", NULL, NULL, second, NULL), LAT_OK);
    cr_assert_eq(await_end(second).state, LAT_JOB_DONE);
    cr_assert_not(is_kept_as(first, "done") || is_kept_as(second, "done"));
    with_database("DROP TRIGGER closed");
    while (!is_kept_as(first, "done"))
        ; /* an idle lane does it */
    lat_jobs_free(jobs);
    jobs = NULL;
    cr_assert(is_kept_as(second, "done"), "at the end at the latest");
}

Test(jobs_kept, the_oldest_ended_are_forgotten)
{
    char first[LAT_JOB_ID_SIZE], id[LAT_JOB_ID_SIZE];
    struct lat_job_row *rows = NULL;
    struct lat_job_info info;
    size_t n = 0;
    open_kept();
    lat_jobs_begin(jobs);
    for (int i = 0; i <= LAT_JOBS_KEPT; i++) {
        cr_assert_eq(lat_jobs_start(jobs, &good, "", NULL, NULL, i ? id : first, NULL), LAT_OK);
        await_end(i ? id : first);
    }
    cr_assert_eq(lat_jobs_get(jobs, first, &info, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_jobs_get(jobs, id, &info, NULL), LAT_OK);
    lat_jobs_free(jobs);
    jobs = NULL;
    cr_assert_eq(lat_store_jobs(store, 2 * LAT_JOBS_KEPT, &rows, &n, NULL), LAT_OK);
    cr_assert_eq(n, LAT_JOBS_KEPT);
    cr_assert_str_eq(rows[0].id, id);
    lat_job_rows_release(rows, n);
}

static enum lat_status draw_a_long_curve(struct lat_job *job, void *context,
                                         struct lat_error *err)
{
    (void)context;
    (void)err;
    for (int i = 1; i <= 10000; i++) {
        const struct lat_job_point point = {.epoch = i, .loss = i};
        lat_job_point(job, &point);
    }
    return LAT_OK;
}

Test(jobs, a_long_curve_is_thinned_out)
{
    static const struct lat_job_kind long_one = {.type = "long", .work = draw_a_long_curve};
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_detail detail;
    cr_assert_eq(lat_jobs_start(jobs, &long_one, "", NULL, NULL, id, NULL), LAT_OK);
    await_end(id);
    cr_assert_eq(lat_jobs_detail(jobs, id, 0, &detail, NULL), LAT_OK);
    cr_assert_eq(detail.n_curve, 2500);
    for (size_t i = 0; i < detail.n_curve; i++)
        cr_assert_eq(detail.curve[i].epoch, 4.0 * (double)(i + 1));
    lat_job_detail_release(&detail);
    cr_assert_eq(lat_jobs_detail(jobs, id, 9992, &detail, NULL), LAT_OK);
    cr_assert_eq(detail.n_curve, 2, "only what comes after");
    lat_job_detail_release(&detail);
}
