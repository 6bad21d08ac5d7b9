#include <criterion/criterion.h>
#include <math.h>

#include "service/collection.h"
#include "service/search.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct app_fixture fixture;
static struct lat_call *call = &fixture.call;
static const float rows[3][5] = {{1, 0, 0, 0, 0}, {0, 1, 0, 3, 0}, {0, 0, 5, 0, 0}};
static const char *const ids[3] = {"x", "y", "z"};

static void enter(void)
{
    struct lat_input inputs[3];
    struct lat_ingest_item items[3];
    struct lat_ingest_result results[3];
    test_folder_enter();
    app_fixture_start(&fixture);
    app_fixture_collection(&fixture, true);
    for (int i = 0; i < 3; i++) {
        inputs[i] =
            (struct lat_input){.kind = LAT_INPUT_VECTOR, .values = rows[i], .n_values = 5};
        items[i] = (struct lat_ingest_item){.id = ids[i], .input = &inputs[i], .hidden = -1};
    }
    cr_assert_eq(lat_collection_ingest(call, "things", items, 3, false, results, NULL, NULL),
                 LAT_OK);
}

static void leave(void)
{
    app_fixture_stop(&fixture);
    test_folder_leave();
}

TestSuite(search, .init = enter, .fini = leave);

static struct lat_search_request request(void)
{
    return (struct lat_search_request){.query = {.k = 2, .max_distance = INFINITY}};
}

Test(search, by_input_by_code_and_by_id_find_the_same)
{
    const struct lat_input input = {.kind = LAT_INPUT_VECTOR, .values = rows[1], .n_values = 5};
    const float code[3] = {0, 2, 0};
    struct lat_search_request requests[3] = {request(), request(), request()};
    struct lat_search_answer answers[3];
    requests[0].input = &input;
    requests[1].code = code;
    requests[1].n_code = 3;
    requests[2].query.id = "y";
    cr_assert_eq(lat_search_run(call, "things", requests, 3, answers, NULL, NULL), LAT_OK);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(answers[i].result.n, 2u);
        cr_assert_str_eq(answers[i].result.hits[0].id, "y");
        cr_assert_float_eq(answers[i].result.hits[0].distance, 0, 1e-6);
        cr_assert_str_eq(answers[i].result.hits[1].id, "x");
        cr_assert_float_eq(answers[i].result.hits[1].distance, sqrt(8), 1e-5);
        cr_assert_not(answers[i].has_error);
        lat_search_result_release(&answers[i].result);
    }
    cr_assert_str_eq(call->model, "tiny@1");
}

Test(search, an_input_is_judged_when_asked)
{
    const struct lat_input input = {.kind = LAT_INPUT_VECTOR, .values = rows[1], .n_values = 5};
    struct lat_search_request a_request = request();
    struct lat_search_answer answer;
    a_request.input = &input;
    a_request.judge = true;
    cr_assert_eq(lat_search_run(call, "things", &a_request, 1, &answer, NULL, NULL), LAT_OK);
    cr_assert(answer.has_error);
    cr_assert_float_eq(answer.error, 9.0 / 5, 1e-5);
    cr_assert(isnan(answer.p_value), "no calibration, no p-value");
    lat_search_result_release(&answer.result);
}

Test(search, the_first_bad_one_fails_all)
{
    const float code[3] = {0, 2, 0};
    struct lat_search_request requests[3] = {request(), request(), request()};
    struct lat_search_answer answers[3];
    struct lat_error err = LAT_ERROR_INIT;
    size_t bad = 99;
    for (int i = 0; i < 3; i++)
        requests[i].code = code;
    requests[0].n_code = 3;
    requests[1].n_code = 2;
    requests[2].n_code = 3;
    cr_assert_eq(lat_search_run(call, "things", requests, 3, answers, &bad, &err), LAT_INVALID);
    cr_assert_eq(bad, 1u);
    cr_assert_str_eq(err.code, "wrong_dimension");
    requests[1] = request();
    requests[1].query.id = "absent";
    cr_assert_eq(lat_search_run(call, "things", requests, 3, answers, &bad, NULL),
                 LAT_NOT_FOUND);
    cr_assert_eq(bad, 1u);
    cr_assert_eq(lat_search_run(call, "absent", requests, 1, answers, &bad, NULL),
                 LAT_NOT_FOUND);
}

Test(search, an_input_may_be_tried_on_the_network_thread_unless_it_is_judged)
{
    const struct lat_input input = {.kind = LAT_INPUT_VECTOR, .values = rows[1], .n_values = 5};
    const float code[3] = {0, 2, 0};
    struct lat_search_request a_request = request();
    a_request.code = code;
    a_request.n_code = 3;
    cr_assert(lat_search_is_cheap(&a_request));
    a_request.code = NULL;
    a_request.input = &input;
    cr_assert(lat_search_is_cheap(&a_request));
    a_request.judge = true;
    cr_assert_not(lat_search_is_cheap(&a_request));
}
