/* Trainings as jobs of a running server: to the end, cancelled, refused, killed, watched. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"

static struct server server;

/* 400 rows of 6 numbers that lie on a plane, as an NPY file. */
static void write_rows(const char *path)
{
    static const char head[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': "
                               "False, 'shape': (400, 6), }";
    char padded[128];
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, head, sizeof(head) - 1);
    padded[127] = '\n';
    fwrite(padded, 1, sizeof(padded), file);
    for (int i = 0; i < 400; i++) {
        const float x = sinf((float)i), y = cosf(1.7F * (float)i);
        const float row[6] = {x, y, x + y, x - y, 2 * x, y / 2};
        fwrite(row, sizeof(row), 1, file);
    }
    fclose(file);
}

static void run_server(void)
{
    char root[600];
    snprintf(root, sizeof(root), "%s", test_path("files"));
    const char *const options[] = {"--data-root", root, "--training-threads", "1", NULL};
    server_start(&server, test_path("data"), test_path("models"), options);
    api_use(&server);
}

static void enter(void)
{
    test_folder_enter();
    api_write_models(test_path("models"));
    mkdir(test_path("files"), 0755);
    mkdir(test_path("secret"), 0755);
    write_rows(test_path("files/rows.npy"));
    write_rows(test_path("secret/rows.npy"));
    cr_assert_eq(symlink(test_path("secret"), test_path("files/link")), 0);
    run_server();
}

static void leave(void)
{
    cr_assert_eq(server_stop(&server, 30000), 0);
    test_folder_leave();
}

TestSuite(training, .init = enter, .fini = leave);

/* ---- asking ---- */

static const char *start(const char *name, const char *data, const char *rest)
{
    static char id[64];
    char body[1200];
    snprintf(body, sizeof(body),
             "{\"type\":\"train\",\"spec\":{\"name\":\"%s\",\"data\":%s,"
             "\"network\":{\"encoder\":{\"hidden\":[8]}},\"code\":{\"dimension\":2}%s}}",
             name, data, rest);
    STATUS(202, ask("POST", "/v1/jobs", body));
    cr_assert_str_eq(text_of("type"), "train");
    cr_assert_str_eq(text_of("model"), name);
    snprintf(id, sizeof(id), "%s", text_of("id"));
    cr_assert_not_null(strstr(header("Location"), id));
    return id;
}

#define ROWS    "{\"path\":\"rows.npy\"}"
#define FOREVER ",\"optimizer\":{\"epochs\":1000000,\"batch\":32}"

static void look(const char *id)
{
    char path[100];
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    STATUS(200, ask("GET", path, NULL));
}

/* Until so many epochs are done. */
static void await_epochs(const char *id, size_t n)
{
    do {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        look(id);
        cr_assert_str_neq(text_of("state"), "failed", "%s", reply());
    } while (count_of("curve") < n);
}

static bool there(const char *name)
{
    return access(test_path(name), F_OK) == 0;
}

/* The checkpoint goes soon after the end is told. */
static void await_no_checkpoint(void)
{
    for (int i = 0; i < 5000 && test_folder_count(test_path("data/jobs")) > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    cr_assert_eq(test_folder_count(test_path("data/jobs")), 0);
}

/* ---- tests ---- */

Test(training, a_file_below_the_root_becomes_a_model_that_serves)
{
    const char *id = start("plane", ROWS, ",\"optimizer\":{\"epochs\":5,\"batch\":32}");
    job_ends(id, "done");
    cr_assert_eq(number_of("progress"), 1);
    cr_assert_str_eq(text_of("result.model"), "plane@1");
    cr_assert_eq(number_of("result.items.train"), 360);
    cr_assert_eq(count_of("curve"), 5);
    cr_assert_eq(number_of("curve.4.epoch"), 5);
    cr_assert(number_of("curve.4.loss") < number_of("curve.0.loss"));
    cr_assert(isfinite(number_of("curve.4.validation")));
    cr_assert_str_eq(text_of("spec.data.path"), "rows.npy");
    cr_assert(is_null("error") && has("ended"));
    await_no_checkpoint();
    STATUS(200, ask("GET", "/v1/models/plane", NULL));
    cr_assert_str_eq(text_of("state"), "ready");
    STATUS(200, ask("POST", "/v1/models/plane/encode",
                    "{\"inputs\":[{\"vector\":[1,2,3,-1,2,1]}]}"));
    cr_assert_eq(count_of("codes.0"), 2);
    /* The next one is the next version, and `plane` means it. */
    job_ends(start("plane", ROWS, ",\"optimizer\":{\"epochs\":1}"), "done");
    STATUS(200, ask("GET", "/v1/models/plane", NULL));
    cr_assert_eq(number_of("version"), 2);
}

Test(training, a_bad_spec_is_told_where_and_what)
{
    static const struct {
        const char *spec, *pointer, *code, *words;
    } cases[] = {
        {"{\"name\":\"x\",\"data\":" ROWS ",\"code\":{\"dimension\":0}}",
         "/spec/code/dimension", "out_of_range", "whole number"},
        {"{\"name\":\"x\",\"data\":" ROWS ",\"cod\":{}}", "/spec/cod", "unknown_field",
         "'code'"},
        {"{\"name\":\"x\",\"data\":" ROWS ",\"optimizer\":{\"type\":\"adm\"}}",
         "/spec/optimizer/type", "unknown_value", "'adam'"},
        {"{\"name\":\"X!\",\"data\":" ROWS "}", "/spec/name", "bad_name", "X!"},
        {"{\"data\":" ROWS "}", "/spec/name", "missing_field", "name"},
        {"{\"name\":\"x\"}", "/spec/data", "missing_field", "data"},
        {"{\"name\":\"x\",\"data\":{\"path\":\"../secret/rows.npy\"}}", "/spec/data/path",
         "path_not_allowed", "below"},
        {"{\"name\":\"x\",\"data\":{\"path\":\"/etc/passwd\"}}", "/spec/data/path",
         "path_not_allowed", "below"},
        {"{\"name\":\"x\",\"data\":{\"path\":\"link/rows.npy\"}}", "/spec/data/path",
         "path_not_allowed", "below"},
        {"{\"name\":\"x\",\"data\":{\"path\":\"nothing.npy\"}}", "/spec/data/path",
         "data_not_found", "nothing.npy"},
        {"{\"name\":\"x\",\"data\":{\"collection\":\"c\",\"path\":\"rows.npy\"}}",
         "/spec/data/path", "two_kinds", "not both"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[400];
        snprintf(body, sizeof(body), "{\"type\":\"train\",\"spec\":%s}", cases[i].spec);
        ask("POST", "/v1/jobs", body);
        PROBLEM(422, cases[i].code);
        POINTER(cases[i].pointer);
        cr_expect_not_null(strstr(text_of("detail"), cases[i].words), "%s", reply());
    }
    ask("POST", "/v1/jobs",
        "{\"type\":\"train\",\"spec\":{\"name\":\"x\",\"data\":{\"collection\":\"nobody\"}}}");
    PROBLEM(404, "collection_not_found");
    STATUS(200, ask("GET", "/v1/jobs", NULL));
    cr_assert_eq(count_of("jobs"), 0);
}

Test(training, a_type_that_is_not_there_is_refused_by_name)
{
    ask("POST", "/v1/jobs", "{\"type\":\"trains\",\"spec\":{}}");
    PROBLEM(422, "unknown_value");
    POINTER("/type");
    cr_assert_not_null(strstr(text_of("detail"), "'train' or 'reindex' or 'reencode'"));
    cr_assert_str_eq(text_of("errors.0.got"), "trains");
    ask("POST", "/v1/jobs", "{}");
    PROBLEM(422, "missing_field");
    ask("POST", "/v1/jobs", "{\"type\":\"train\"}");
    PROBLEM(422, "missing_field");
    ask("POST", "/v1/jobs", "{\"type\":\"train\",\"spec\":3}");
    PROBLEM(422, "wrong_type");
    make("{\"dimension\":2}");
    char body[200];
    snprintf(body, sizeof(body), "{\"type\":\"reindex\",\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(202, ask("POST", "/v1/jobs", body));
    char id[64];
    job_ends(strcpy(id, text_of("id")), "done");
}

Test(training, cancelled_it_leaves_nothing)
{
    const char *id = start("long", ROWS, FOREVER);
    char path[100];
    await_epochs(id, 2);
    cr_assert(number_of("progress") < 0.5 && number_of("eta_seconds") > 0);
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    STATUS(200, ask("DELETE", path, NULL));
    job_ends(id, "cancelled");
    cr_assert(is_null("result"));
    await_no_checkpoint();
    ask("GET", "/v1/models/long", NULL);
    PROBLEM(404, "model_not_found");
}

Test(training, told_to_keep_the_best_it_ends_early_and_publishes)
{
    const char *id = start("long", ROWS, FOREVER);
    char path[100];
    await_epochs(id, 2);
    snprintf(path, sizeof(path), "/v1/jobs/%s?keep=best", id);
    STATUS(200, ask("DELETE", path, NULL));
    job_ends(id, "done");
    cr_assert_str_eq(text_of("result.ended"), "stopped");
    STATUS(200, ask("GET", "/v1/models/long@1", NULL));
}

Test(training, killed_it_goes_on_where_it_was)
{
    char id[64], waiting[64];
    strcpy(id, start("killed", ROWS, ",\"optimizer\":{\"epochs\":300,\"batch\":8}"));
    strcpy(waiting, start("next", ROWS, ",\"optimizer\":{\"epochs\":2}"));
    await_epochs(id, 5);
    look(waiting);
    cr_assert_str_eq(text_of("state"), "queued", "one training at a time");
    server_kill(&server);
    run_server();
    job_ends(id, "done");
    cr_assert_eq(count_of("curve"), 300);
    for (int i = 0; i < 300; i += 37) {
        char member[40];
        snprintf(member, sizeof(member), "curve.%d.epoch", i);
        cr_assert_eq(number_of(member), i + 1);
    }
    cr_assert_eq(number_of("result.epochs"), 300);
    STATUS(200, ask("GET", "/v1/models/killed@1", NULL));
    ask("GET", "/v1/models/killed@2", NULL);
    PROBLEM(404, "model_not_found");
    job_ends(waiting, "done");
    /* What it was resumed from, its own record says: 300 epochs, most of them after the kill.
     */
    STATUS(200, ask("GET", "/v1/models/killed", NULL));
    cr_assert_eq(count_of("training.curve"), 300);
}

Test(training, stopped_in_good_order_it_goes_on_as_well)
{
    char id[64];
    strcpy(id, start("stopped", ROWS, ",\"optimizer\":{\"epochs\":300,\"batch\":8}"));
    await_epochs(id, 3);
    cr_assert_eq(server_stop(&server, 20000), 0);
    cr_assert_not(there("models/stopped/1"), "an unfinished training publishes nothing");
    run_server();
    job_ends(id, "done");
    cr_assert_eq(count_of("curve"), 300);
}

Test(training, one_that_diverges_fails_with_the_step_and_the_cause)
{
    const char *id = start("wild", ROWS,
                           ",\"optimizer\":{\"type\":\"sgd\",\"rate\":1000,\"epochs\":50,"
                           "\"batch\":8,\"schedule\":\"constant\"}");
    job_ends(id, "failed");
    cr_assert_str_eq(text_of("error.code"), "diverged");
    cr_assert_not_null(strstr(text_of("error.detail"), "step"));
    cr_assert_not_null(strstr(text_of("error.detail"), "optimizer.rate"));
    STATUS(200, ask("GET", "/readyz", NULL));
}

Test(training, of_the_pictures_that_a_collection_stores)
{
    char data[100];
    make("{\"model\":\"tiny\"}");
    for (unsigned i = 0; i < 40; i++) {
        char name[16], body[1200];
        snprintf(name, sizeof(name), "p%u", i);
        snprintf(body, sizeof(body), "{\"input\":{\"image\":\"%s\"}}", tiny_png64(i, i % 8));
        put(name, body);
    }
    put("hidden", "{\"code\":[1,2,3,4,5,6,7,8],\"hidden\":true}");
    put("bare", "{\"code\":[1,2,3,4,5,6,7,8]}");
    snprintf(data, sizeof(data), "{\"collection\":\"%s\"}", strrchr(coll(""), '/') + 1);
    const char *id = start("pictures", data, ",\"optimizer\":{\"epochs\":2}");
    job_ends(id, "done");
    cr_assert_eq(number_of("result.items.train") + number_of("result.items.validation"), 40);
    cr_assert_eq(number_of("result.items.skipped"), 1);
    STATUS(200, ask("GET", "/v1/models/pictures", NULL));
    cr_assert_str_eq(text_of("input.kind"), "image");
    cr_assert_eq(number_of("input.width"), 4);
}

Test(training, of_the_codes_of_a_collection_without_a_model)
{
    char data[100];
    make("{\"dimension\":3}");
    for (int i = 0; i < 30; i++) {
        char name[16], body[100];
        snprintf(name, sizeof(name), "v%d", i);
        snprintf(body, sizeof(body), "{\"code\":[%g,%g,%d]}", sin(i), cos(i), i % 3);
        put(name, body);
    }
    snprintf(data, sizeof(data), "{\"collection\":\"%s\"}", strrchr(coll(""), '/') + 1);
    job_ends(start("codes", data, ",\"optimizer\":{\"epochs\":2}"), "done");
    STATUS(200, ask("GET", "/v1/models/codes", NULL));
    cr_assert_str_eq(text_of("input.kind"), "vector");
    cr_assert_eq(number_of("input.dimension"), 3);
}

Test(training, its_events_tell_every_epoch_once)
{
    char path[128];
    const char *id = start("watched", ROWS, ",\"optimizer\":{\"epochs\":40,\"batch\":8}");
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    STATUS(200, ask("GET", path, NULL));
    size_t n = 0;
    for (const char *at = reply(); (at = strstr(at, "event: loss\nid: ")); at++) {
        char wanted[40];
        snprintf(wanted, sizeof(wanted), "event: loss\nid: %zu\ndata: {", ++n);
        cr_assert_eq(strncmp(at, wanted, strlen(wanted)), 0, "%.60s", at);
    }
    cr_assert_eq(n, 40);
    cr_assert_not_null(strstr(reply(), "event: done\ndata: {"));
    cr_assert_not_null(strstr(reply(), "\"model\":\"watched@1\""));
    /* Who comes back with the last epoch it had gets the rest. */
    ask_as("GET", path, "Last-Event-ID: 38\r\n", NULL, 0);
    cr_assert_null(strstr(reply(), "id: 38\n"));
    cr_assert_not_null(strstr(reply(), "id: 39\n"));
    cr_assert_not_null(strstr(reply(), "id: 40\n"));
}

Test(training, many_may_watch_and_go_away_while_others_are_served)
{
    enum { WATCHERS = 150 };
    static struct wire watchers[WATCHERS];
    char text[200], path[100];
    const char *id = start("crowd", ROWS, FOREVER);
    const int len =
        snprintf(text, sizeof(text), "GET /v1/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n", id);
    for (int i = 0; i < WATCHERS; i++) {
        watchers[i] = (struct wire){.fd = -1, .port = server.port};
        cr_assert(wire_connect(&watchers[i]) && wire_send(&watchers[i], text, (size_t)len));
    }
    for (int i = 0; i < WATCHERS / 2; i++)
        wire_close(&watchers[i]);
    /* More of them than workers: a search must not wait for any. */
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2],\"include\":[\"metadata\"]}"));
    STATUS(202, ask("PUT", coll("/items?wait=false"),
                    "{\"items\":[{\"id\":\"b\",\"code\":[1,2]}]}"));
    char batch[64];
    job_ends(strcpy(batch, text_of("id")), "done");
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    STATUS(200, ask("DELETE", path, NULL));
    for (int i = WATCHERS / 2; i < WATCHERS; i++) {
        cr_assert_eq(wire_receive(&watchers[i]), 200);
        cr_assert_not_null(strstr(watchers[i].body, "event: done"));
        cr_assert_not_null(strstr(watchers[i].body, "\"state\":\"cancelled\""));
        wire_release(&watchers[i]);
    }
}

Test(training, without_a_data_root_paths_are_refused)
{
    api_use(NULL);
    ask("POST", "/v1/jobs",
        "{\"type\":\"train\",\"spec\":{\"name\":\"x\",\"data\":{\"path\":\"rows.npy\"}}}");
    PROBLEM(422, "path_not_allowed");
    POINTER("/spec/data/path");
    cr_assert_not_null(strstr(text_of("detail"), "--data-root"));
    api_use(&server);
}
