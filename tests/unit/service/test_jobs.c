#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "service/jobs.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct lat_jobs *jobs;
static atomic_bool go_on, begun;

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
        if (!lat_job_progress(job, 0.25))
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped");
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
