/* Jobs over HTTP: the list, events, cancelling. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"

/* Starts a reindex of this test's collection; its id. */
static const char *reindex(void)
{
    static char ids[4][64];
    static unsigned turn;
    STATUS(202, ask("POST", coll("/reindex"), NULL));
    return strcpy(ids[turn++ % 4], text_of("id"));
}

static const char *job_path(const char *id, const char *below)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "/v1/jobs/%s%s", id, below);
    return path;
}

Test(jobs, the_list_in_pages_newest_first)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    char first[64], second[64], path[200];
    strcpy(first, reindex());
    strcpy(second, reindex());
    STATUS(200, ask("GET", "/v1/jobs?limit=1", NULL));
    cr_assert_eq(count_of("jobs"), 1);
    cr_assert(has("jobs.0.id") && has("jobs.0.created") && has("jobs.0.type"));
    /* Other tests start jobs as well: ours are in the list in their order. */
    int place_first = -1, place_second = -1, place = 0;
    strcpy(path, "/v1/jobs?limit=2");
    for (int page = 0; page < 500; page++) {
        STATUS(200, ask("GET", path, NULL));
        for (size_t i = 0; i < count_of("jobs"); i++, place++) {
            char member[32];
            snprintf(member, sizeof(member), "jobs.%zu.id", i);
            place_first = strcmp(text_of(member), first) ? place_first : place;
            place_second = strcmp(text_of(member), second) ? place_second : place;
        }
        if (is_null("next_cursor"))
            break;
        snprintf(path, sizeof(path), "/v1/jobs?limit=2&cursor=%s", text_of("next_cursor"));
    }
    cr_assert_geq(place_second, 0);
    cr_assert_gt(place_first, place_second);
    ask("GET", "/v1/jobs?cursor=nonsense", NULL);
    PROBLEM(422, "bad_cursor");
}

Test(jobs, events_end_with_the_job)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    const char *id = reindex();
    STATUS(200, ask("GET", job_path(id, "/events"), NULL));
    cr_assert_str_eq(header("Content-Type"), "text/event-stream");
    const char *done = strstr(reply(), "event: done\ndata: {");
    cr_assert_not_null(done, "%s", reply());
    cr_assert_not_null(strstr(done, "\"state\":\"done\""), "%s", done);
    cr_assert_not_null(strstr(done, id));
    cr_assert_str_eq(reply() + reply_len() - 2, "\n\n");
    STATUS(200, ask("GET", job_path(id, ""), NULL));
    cr_assert_eq(number_of("progress"), 1);
    size_t extra = 1;
    cr_assert_eq(ask_head(job_path(id, "/events"), &extra), 200);
    ask("GET", "/v1/jobs/nobody/events", NULL);
    PROBLEM(404, "job_not_found");
}

Test(jobs, cancelling_one_that_has_ended_changes_nothing)
{
    make("{\"dimension\":2}");
    const char *id = reindex();
    STATUS(200, ask("GET", job_path(id, "/events"), NULL));
    STATUS(200, ask("DELETE", job_path(id, ""), NULL));
    cr_assert_str_eq(text_of("state"), "done");
    ask("DELETE", job_path(id, "?keep=worst"), NULL);
    PROBLEM(422, "unknown_value");
    ask("DELETE", "/v1/jobs/nobody", NULL);
    PROBLEM(404, "job_not_found");
}

Test(jobs, ended_jobs_are_listed_after_a_restart)
{
    struct server server;
    test_folder_enter();
    api_write_models(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), NULL);
    api_use(&server);
    make("{\"dimension\":2}");
    char id[64];
    strcpy(id, reindex());
    STATUS(200, ask("GET", job_path(id, "/events"), NULL));
    server_kill(&server);
    server_start(&server, test_path("data"), test_path("models"), NULL);
    api_use(&server);
    STATUS(200, ask("GET", "/v1/jobs", NULL));
    cr_assert_eq(count_of("jobs"), 1);
    cr_assert_str_eq(text_of("jobs.0.id"), id);
    cr_assert_str_eq(text_of("jobs.0.type"), "reindex");
    /* A reindex is done soon, whether it was before the kill or is now. */
    STATUS(200, ask("GET", job_path(id, "/events"), NULL));
    STATUS(200, ask("GET", job_path(id, ""), NULL));
    cr_assert_str_eq(text_of("state"), "done");
    cr_assert(has("created") && has("started") && has("ended"));
    STATUS(200, ask("GET", "/metrics", NULL));
    cr_assert_not_null(strstr(reply(), "latentd_jobs{state=\"done\"} 1\n"));
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}
