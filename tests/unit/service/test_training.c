/* Trainings as jobs of an application: what becomes of them when processes end, and what they
 * take from a collection. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "service/training.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct app_fixture fixture;

static void enter(void)
{
    test_folder_enter();
    app_fixture_start(&fixture);
}

static void leave(void)
{
    app_fixture_stop(&fixture);
    test_folder_leave();
}

TestSuite(training, .init = enter, .fini = leave);

static void put(const char *id, const float *code, const void *input, size_t len,
                const char *type)
{
    const struct lat_write write = {.kind = LAT_WRITE_PUT,
                                    .id = id,
                                    .code = code,
                                    .input = input,
                                    .input_len = len,
                                    .input_type = type,
                                    .error = NAN,
                                    .hidden = -1};
    struct lat_write_result result;
    cr_assert_eq(lat_store_write(fixture.app->store, "things", &write, 1, false, &result, NULL),
                 LAT_OK);
    cr_assert_eq(result.status, LAT_OK);
}

static void put_codes(void)
{
    for (int i = 0; i < 40; i++) {
        const float code[3] = {sinf((float)i), cosf((float)i), (float)(i % 3)};
        char id[12];
        snprintf(id, sizeof(id), "%d", i);
        put(id, code, NULL, 0, NULL);
    }
}

static void await_end(const char *id, struct lat_job_detail *out_detail)
{
    struct lat_job_info info;
    do
        cr_assert_eq(lat_jobs_get(fixture.app->jobs, id, &info, NULL), LAT_OK);
    while (info.state == LAT_JOB_QUEUED || info.state == LAT_JOB_RUNNING);
    cr_assert_eq(lat_jobs_detail(fixture.app->jobs, id, 0, out_detail, NULL), LAT_OK);
}

static const char spec[] =
    "{\"name\":\"circle\",\"data\":{\"collection\":\"things\"},\"code\":{\"dimension\":2},"
    "\"network\":{\"encoder\":{\"hidden\":[4]}},\"optimizer\":{\"epochs\":2}}";

/* The row as it was before the job had ended. */
static void forget_the_end(const char *id)
{
    const struct lat_store_options options = {.folder = test_path("data")};
    struct lat_store *store = NULL;
    struct lat_job_row *rows = NULL;
    size_t n = 0;
    cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
    cr_assert_eq(lat_store_jobs(store, 10, &rows, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(rows->id, id);
    snprintf(rows->state, sizeof(rows->state), "running");
    rows->result[0] = '\0';
    rows->ended_ms = 0;
    rows->attempts = 1;
    cr_assert_eq(lat_store_job_save(store, rows, NULL), LAT_OK);
    lat_job_rows_release(rows, n);
    lat_store_close(store);
}

Test(training, killed_between_publishing_and_saying_so_it_does_not_publish_twice)
{
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_detail first, second;
    struct lat_error err = LAT_ERROR_INIT;
    app_fixture_collection(&fixture, false);
    put_codes();
    cr_assert_eq(lat_jobs_train(fixture.app, spec, id, &err), LAT_OK, "%s", err.message);
    await_end(id, &first);
    cr_assert_eq(first.info.state, LAT_JOB_DONE, "%s", first.info.error.message);
    app_fixture_stop(&fixture);
    forget_the_end(id);
    app_fixture_start(&fixture);
    await_end(id, &second);
    cr_assert_eq(second.info.state, LAT_JOB_DONE, "%s", second.info.error.message);
    cr_assert_not_null(strstr(second.result, "\"circle@1\""), "%s", second.result);
    cr_assert_not_null(strstr(second.result, "\"ended\":\"epochs\",\"epochs\":2"));
    cr_assert_not_null(strstr(second.result, "{\"train\":36,\"validation\":4,\"skipped\":0}"));
    cr_assert_null(strstr(second.result, "null"), "losses and errors are known: %s",
                   second.result);
    cr_assert_eq(test_folder_count(test_path("models/circle")), 1, "one version");
    lat_job_detail_release(&first);
    lat_job_detail_release(&second);
}

Test(training, another_job_of_the_same_spec_makes_a_version_of_its_own)
{
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_detail detail;
    app_fixture_collection(&fixture, false);
    put_codes();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(lat_jobs_train(fixture.app, spec, id, NULL), LAT_OK);
        await_end(id, &detail);
        cr_assert_eq(detail.info.state, LAT_JOB_DONE);
        lat_job_detail_release(&detail);
    }
    cr_assert_eq(test_folder_count(test_path("models/circle")), 2);
}

/* Twenty bytes are five floats, which is what the model takes. */
Test(training, an_input_stored_as_json_is_not_read_as_floats)
{
    static const char json[] = "{\"height\":1,\"w\":22}";
    static const float code[3] = {1, 2, 3};
    char id[LAT_JOB_ID_SIZE];
    struct lat_job_detail detail;
    _Static_assert(sizeof(json) == 20, "with its end");
    app_fixture_collection(&fixture, true);
    for (int i = 0; i < 20; i++) {
        char name[12];
        snprintf(name, sizeof(name), "%d", i);
        put(name, code, json, sizeof(json), "application/json");
    }
    cr_assert_eq(lat_jobs_train(fixture.app, spec, id, NULL), LAT_OK);
    await_end(id, &detail);
    cr_assert_eq(detail.info.state, LAT_JOB_FAILED);
    cr_assert_str_eq(detail.info.error.code, "empty");
    cr_assert_not_null(strstr(detail.info.error.message, "neither a picture nor a vector"),
                       "%s", detail.info.error.message);
    lat_job_detail_release(&detail);
}

/* It would not fit the stream that ends with the whole job, and the stream never end. */
Test(training, a_spec_that_no_event_could_tell_is_refused)
{
    enum { LEN = 300000 };
    char id[LAT_JOB_ID_SIZE];
    char *json = lat_alloc_raw(LEN + sizeof(spec), 1);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_not_null(json);
    memset(json, ' ', LEN);
    memcpy(json + LEN, spec, sizeof(spec));
    app_fixture_collection(&fixture, false);
    cr_assert_eq(lat_jobs_train(fixture.app, json, id, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "too_long");
    lat_free(json);
}
