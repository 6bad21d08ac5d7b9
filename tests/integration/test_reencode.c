/* Moving a collection to another model: vec@2 gives twice the code of vec@1, so that it shows
 * of every item which model its code is of. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/integration/client.h"
#include "tests/integration/command.h"

static struct server server;

static void start(void)
{
    server_start(&server, test_path("data"), test_path("models"), NULL);
    api_use(&server);
}

static void enter(void)
{
    test_folder_enter();
    api_write_models(test_path("models"));
    start();
}

static void leave(void)
{
    if (server.pid)
        server_kill(&server);
    test_folder_leave();
}

TestSuite(reencode, .init = enter, .fini = leave);

static void put_many(unsigned from, unsigned to)
{
    struct lat_buf body = {0};
    for (unsigned i = from; i < to;) {
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"items\":[");
        for (unsigned j = 0; j < 200 && i < to; j++, i++)
            lat_buf_printf(&body,
                           "%s{\"id\":\"i%u\",\"metadata\":{\"n\":%u},\"input\":{\"vector\":"
                           "[%u,%u,1,0,0,0]}}",
                           j ? "," : "", i, i, i, i % 7);
        lat_buf_text(&body, "]}");
        STATUS(200, ask_as("PUT", "/v1/collections/c/items",
                           "Content-Type: application/json\r\n", body.data, body.len));
    }
    lat_buf_release(&body);
}

static void populate(unsigned n)
{
    STATUS(201, ask("PUT", "/v1/collections/c", "{\"model\":\"vec@1\"}"));
    put_many(0, n);
}

/* The first number of an item's code, by that of its input: 1 or 2. */
static double factor(unsigned i)
{
    char path[80];
    snprintf(path, sizeof(path), "/v1/collections/c/items/i%u?include=code", i);
    STATUS(200, ask("GET", path, NULL));
    return number_of("code.0") / i;
}

static char job[64];

static const char *job_path(const char *below)
{
    static char path[128];
    snprintf(path, sizeof(path), "/v1/jobs/%s%s", job, below);
    return path;
}

static void begin(const char *body)
{
    STATUS(202, ask("POST", "/v1/jobs", body));
    cr_assert_str_eq(text_of("type"), "reencode");
    cr_assert_str_eq(text_of("collection"), "c");
    snprintf(job, sizeof(job), "%s", text_of("id"));
}

#define TO_2 "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"vec@2\"}"
#define BACK "{\"type\":\"reencode\",\"collection\":\"c\",\"back\":true}"

Test(reencode, the_model_to_move_to_may_be_said_as_model)
{
    populate(3);
    begin("{\"type\":\"reencode\",\"collection\":\"c\",\"model\":\"vec@2\"}");
    job_ends(job, "done");
    cr_assert_str_eq(text_of("result.model"), "vec@2");
    ask("POST", "/v1/jobs",
        "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"vec@1\",\"model\":\"vec@1\"}");
    PROBLEM(422, "two_kinds");
    POINTER("/model");
}

Test(reencode, there_and_back_with_all_that_hangs_on_it)
{
    populate(40);
    STATUS(200, ask("PATCH", "/v1/collections/c/items/i7", "{\"hidden\":true}"));
    STATUS(200, ask("POST", "/v1/collections/c/interactions",
                    "[{\"user\":\"u\",\"item\":\"i3\"},{\"user\":\"u\",\"item\":\"i4\"}]"));
    STATUS(201, ask("PUT", "/v1/aliases/also", "{\"collection\":\"c\"}"));
    cr_assert_float_eq(factor(5), 1, 1e-6);
    begin(TO_2);
    job_ends(job, "done");
    cr_assert_str_eq(text_of("result.from"), "vec@1");
    cr_assert_str_eq(text_of("result.model"), "vec@2");
    cr_assert_float_eq(number_of("result.overlap_at_10"), 1, 1e-9, "%s", reply());
    cr_assert_gt(number_of("result.sample"), 20);
    STATUS(200, ask("GET", "/v1/collections/also", NULL));
    cr_assert_str_eq(text_of("name"), "c");
    cr_assert_str_eq(text_of("model"), "vec@2");
    cr_assert_eq(number_of("items"), 40);
    cr_assert_eq(number_of("hidden"), 1);
    cr_assert_eq(number_of("interactions"), 2);
    cr_assert_float_eq(factor(5), 2, 1e-6);
    STATUS(200, ask("GET", "/v1/collections/c/items/i7", NULL));
    cr_assert(flag_of("hidden"));
    cr_assert_eq(number_of("metadata.n"), 7);
    STATUS(200, ask("GET", "/v1/collections/c/users/u/history", NULL));
    cr_assert_eq(count_of("interactions"), 2);
    STATUS(200, ask("GET", "/v1/collections", NULL));
    cr_assert_eq(count_of("collections"), 1);
    ask("DELETE", "/v1/collections/c", NULL);
    PROBLEM(409, "has_alias");

    /* What happens now is in the former generation when it serves again. */
    put_many(40, 45);
    STATUS(204, ask("DELETE", "/v1/collections/c/items/i1", NULL));
    STATUS(200, ask("PATCH", "/v1/collections/c/items/i2", "{\"metadata\":{\"n\":-2}}"));
    cr_assert_float_eq(factor(44), 2, 1e-6);
    begin(BACK);
    job_ends(job, "done");
    cr_assert_str_eq(text_of("result.model"), "vec@1");
    cr_assert_eq(number_of("result.encoded"), 6, "%s", reply());
    cr_assert_float_eq(factor(44), 1, 1e-6);
    cr_assert_float_eq(factor(5), 1, 1e-6);
    ask("GET", "/v1/collections/c/items/i1", NULL);
    PROBLEM(404, "item_not_found");
    STATUS(200, ask("GET", "/v1/collections/c/items/i2", NULL));
    cr_assert_eq(number_of("metadata.n"), -2);
    STATUS(200, ask("POST", "/v1/collections/c/search",
                    "{\"input\":{\"vector\":[44,2,1,0,0,0]},\"k\":1}"));
    cr_assert_str_eq(text_of("results.0.id"), "i44");
    cr_assert_float_eq(number_of("results.0.distance"), 0, 1e-5);
    STATUS(200, ask("GET", "/v1/collections/c/users/u/history", NULL));
    cr_assert_eq(count_of("interactions"), 2);

    /* And all of it is on the disk. */
    cr_assert_eq(server_stop(&server, 20000), 0);
    cr_assert_eq(RUN("check", test_path("data")), 0, "%s", output());
    start();
    cr_assert_float_eq(factor(44), 1, 1e-6);
    begin(TO_2);
    job_ends(job, "done");
    cr_assert_float_eq(factor(44), 2, 1e-6);
    STATUS(204, ask("DELETE", "/v1/aliases/also", NULL));
    STATUS(204, ask("DELETE", "/v1/collections/c", NULL));
    STATUS(201, ask("PUT", "/v1/collections/c", "{\"dimension\":2}"));
    cr_assert_eq(server_stop(&server, 20000), 0);
    cr_assert_eq(RUN("check", test_path("data")), 0, "%s", output());
}

Test(reencode, what_cannot_be_done_is_refused_before_anything_starts)
{
    populate(3);
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"vec@1\"}");
    PROBLEM(422, "same_model");
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"vec@9\"}");
    PROBLEM(404, "model_not_found");
    POINTER("/to");
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"x\",\"to\":\"vec@2\"}");
    PROBLEM(404, "collection_not_found");
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"tiny@1\"}");
    PROBLEM(422, "wrong_input_kind");
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"c\"}");
    PROBLEM(422, "missing_field");
    ask("POST", "/v1/jobs",
        "{\"type\":\"reencode\",\"collection\":\"c\",\"to\":\"vec@2\",\"back\":true}");
    PROBLEM(422, "two_kinds");
    ask("POST", "/v1/jobs", BACK);
    PROBLEM(422, "no_generation");
    STATUS(201, ask("PUT", "/v1/collections/c/items/bare", "{\"code\":[1,2,3]}"));
    ask("POST", "/v1/jobs", TO_2);
    PROBLEM(422, "inputs_missing");
    cr_assert_not_null(strstr(text_of("detail"), "bare"));
    STATUS(201, ask("PUT", "/v1/collections/d", "{\"dimension\":2}"));
    ask("POST", "/v1/jobs", "{\"type\":\"reencode\",\"collection\":\"d\",\"to\":\"vec@2\"}");
    PROBLEM(422, "no_model");
}

/* ---- while others write and search ---- */

struct actor {
    pthread_t thread;
    atomic_uint acknowledged; /* items i1000 … */
    atomic_uint failures, searches;
    atomic_bool stop;
};

static void *write_on(void *argument)
{
    struct actor *actor = argument;
    struct wire wire = {.fd = -1, .port = server.port};
    char path[80], body[160];
    for (unsigned i = 1000; !atomic_load(&actor->stop); i++) {
        snprintf(path, sizeof(path), "/v1/collections/c/items/i%u", i);
        snprintf(body, sizeof(body), "{\"input\":{\"vector\":[%u,%u,1,0,0,0]}}", i, i % 7);
        if (wire_json(&wire, "PUT", path, body) != 201) {
            atomic_fetch_add(&actor->failures, 1);
            break;
        }
        atomic_store(&actor->acknowledged, i - 999);
    }
    wire_release(&wire);
    return NULL;
}

/* A stored vector is its own nearest, whatever the model. */
static void *search_on(void *argument)
{
    struct actor *actor = argument;
    struct wire wire = {.fd = -1, .port = server.port};
    char body[160], wanted[48];
    for (unsigned i = 0; !atomic_load(&actor->stop); i++) {
        snprintf(body, sizeof(body), "{\"input\":{\"vector\":[%u,%u,1,0,0,0]},\"k\":1}",
                 i % 900, i % 900 % 7);
        snprintf(wanted, sizeof(wanted), "{\"id\":\"i%u\",\"distance\":0", i % 900);
        if (wire_json(&wire, "POST", "/v1/collections/c/search", body) != 200 ||
            !strstr(wire.body, wanted)) {
            fprintf(stderr, "%d %s\n", wire.status, wire.body ? wire.body : "");
            atomic_fetch_add(&actor->failures, 1);
            break;
        }
        atomic_fetch_add(&actor->searches, 1);
    }
    wire_release(&wire);
    return NULL;
}

Test(reencode, nothing_written_or_searched_meanwhile_is_lost)
{
    struct actor writer = {.failures = 0}, searcher = {.failures = 0};
    populate(900);
    cr_assert_eq(pthread_create(&writer.thread, NULL, write_on, &writer), 0);
    cr_assert_eq(pthread_create(&searcher.thread, NULL, search_on, &searcher), 0);
    for (unsigned round = 0; round < 3; round++) {
        const unsigned before = atomic_load(&writer.acknowledged);
        begin(round % 2 ? BACK : TO_2);
        job_ends(job, "done");
        while (!atomic_load(&writer.failures) && atomic_load(&writer.acknowledged) < before + 5)
            sched_yield();
    }
    atomic_store(&writer.stop, true);
    atomic_store(&searcher.stop, true);
    pthread_join(writer.thread, NULL);
    pthread_join(searcher.thread, NULL);
    cr_assert_eq(atomic_load(&writer.failures), 0);
    cr_assert_eq(atomic_load(&searcher.failures), 0);
    const unsigned n = atomic_load(&writer.acknowledged);
    STATUS(200, ask("GET", "/v1/collections/c", NULL));
    cr_assert_eq(number_of("items"), 900 + n);
    for (unsigned i = 0; i < n; i += 1 + n / 50)
        cr_assert_float_eq(factor(1000 + i), 2, 1e-6, "item %u", i);
    cr_assert_eq(server_stop(&server, 20000), 0);
    cr_assert_eq(RUN("check", test_path("data")), 0, "%s", output());
}

Test(reencode, a_kill_at_any_moment_ends_in_one_generation_or_the_other)
{
    populate(3000);
    for (unsigned round = 0; round < 4; round++) {
        const struct timespec wait = {.tv_nsec = 1000000L * (20 + 90 * round)};
        begin(round % 2 ? BACK : TO_2);
        nanosleep(&wait, NULL); /* any moment will do */
        server_kill(&server);
        cr_assert_eq(RUN("check", test_path("data")), 0, "%s", output());
        start();
        job_ends(job, "done");
        STATUS(200, ask("GET", "/v1/collections/c", NULL));
        cr_assert_eq(number_of("items"), 3000);
        cr_assert_float_eq(factor(2999), round % 2 ? 1 : 2, 1e-6);
        cr_assert_float_eq(factor(1), round % 2 ? 1 : 2, 1e-6);
    }
    cr_assert_eq(server_stop(&server, 20000), 0);
    cr_assert_eq(RUN("check", test_path("data")), 0, "%s", output());
}

Test(reencode, a_cancelled_one_leaves_nothing)
{
    populate(3000);
    begin(TO_2);
    STATUS(200, ask("DELETE", job_path(""), NULL));
    STATUS(200, ask("GET", job_path("/events"), NULL));
    STATUS(200, ask("GET", job_path(""), NULL));
    if (strcmp(text_of("state"), "cancelled") == 0) {
        cr_assert_float_eq(factor(2999), 1, 1e-6);
        ask("POST", "/v1/jobs", BACK);
        PROBLEM(422, "no_generation");
    }
}
