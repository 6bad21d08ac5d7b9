/* Requests and replies: what a well-meaning client sees. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/metrics.h"
#include "service/keys.h"
#include "tests/support/support.h"
#include "tests/unit/service/http_fixture.h"

static struct fixture server;
static struct wire *wire = &server.wire;

static void enter(void)
{
    test_folder_enter();
    fixture_start(&server, NULL);
}

static void leave(void)
{
    fixture_stop(&server);
    test_folder_leave();
}

TestSuite(http, .init = enter, .fini = leave);

static int get(const char *path)
{
    return wire_request(wire, "GET", path, NULL, NULL, 0);
}

static const char *header(const char *name)
{
    static char value[512];
    wire_header(wire, name, value, sizeof(value));
    return value;
}

Test(http, inline_worker_and_deferred_routes_run_where_they_say)
{
    cr_assert_eq(get("/inline"), 200);
    cr_assert_str_eq(wire->body, "{\"on_worker\":false}");
    cr_assert_eq(get("/worker"), 200);
    cr_assert_str_eq(wire->body, "{\"on_worker\":true}");
    cr_assert_eq(get("/defer"), 200);
    cr_assert_str_eq(wire->body, "{\"on_worker\":true}");
}

Test(http, every_reply_has_an_id_and_a_timing)
{
    static const char *const paths[] = {"/inline", "/worker", "/nowhere", "/fail/2"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(paths); i++) {
        cr_assert_neq(get(paths[i]), 0);
        cr_assert_eq(strlen(header("X-Request-Id")), 32u, "%s", paths[i]);
        cr_assert_eq(strncmp(header("Server-Timing"), "parse;dur=", 10), 0, "%s", paths[i]);
    }
    cr_assert_eq(get("/worker"), 200);
    cr_assert_not_null(strstr(header("Server-Timing"), "queue;dur="));
    cr_assert_null(strstr(header("Server-Timing"), "infer"));
}

static void send_with_id(const char *id)
{
    char text[512];
    snprintf(text, sizeof(text), "GET /inline HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n\r\n",
             id);
    cr_assert(wire->fd >= 0 || wire_connect(wire));
    cr_assert(wire_send(wire, text, strlen(text)));
    cr_assert_eq(wire_receive(wire), 200);
}

Test(http, the_clients_id_comes_back_if_it_is_a_good_one)
{
    char longest[130];
    send_with_id("abc-123.X_y:z");
    cr_assert_str_eq(header("X-Request-Id"), "abc-123.X_y:z");
    memset(longest, 'a', 128);
    longest[128] = '\0';
    send_with_id(longest);
    cr_assert_str_eq(header("X-Request-Id"), longest);
    memset(longest, 'a', 129);
    longest[129] = '\0';
    send_with_id(longest);
    cr_assert_eq(strlen(header("X-Request-Id")), 32u);
    send_with_id("two words");
    cr_assert_eq(strlen(header("X-Request-Id")), 32u);
    send_with_id("\xC3\xA9");
    cr_assert_eq(strlen(header("X-Request-Id")), 32u);
}

Test(http, a_connection_is_kept)
{
    cr_assert_eq(get("/inline"), 200);
    const int fd = wire->fd;
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(get(i % 2 ? "/worker" : "/nowhere"), i % 2 ? 200 : 404);
        cr_assert_eq(wire_json(wire, "POST", "/echo", "{}"), 200);
        cr_assert_eq(wire_json(wire, "POST", "/nowhere", "{\"a body\":1}"), 404);
        cr_assert_eq(wire->fd, fd);
    }
}

Test(http, bodies_come_back_whole)
{
    static const size_t sizes[] = {0, 1, 1000, 65536, 99999, 100000};
    char *body = malloc(100000);
    for (size_t i = 0; i < 100000; i++)
        body[i] = (char)(i * 7 % 256);
    for (size_t i = 0; i < LAT_ARRAY_LEN(sizes); i++)
        for (int k = 0; k < 2; k++) {
            const int status = wire_request(wire, "POST", k ? "/echo" : "/echo-inline",
                                            "application/octet-stream", body, sizes[i]);
            cr_assert_eq(status, sizes[i] ? 200 : 204, "%zu bytes: %d", sizes[i], status);
            cr_assert_eq(wire->body_len, sizes[i]);
            cr_assert(memcmp(wire->body, body, sizes[i]) == 0);
        }
    free(body);
}

Test(http, a_chunked_body_is_a_body)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n";
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    cr_assert_eq(wire_receive(wire), 200);
    cr_assert_str_eq(wire->body, "hello world");
    cr_assert_eq(get("/inline"), 200);
}

Test(http, pipelined_requests_are_answered_in_order)
{
    static const char text[] = "GET /worker HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n";
    char in[4096] = "";
    size_t len = 0;
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    while (!strstr(in, "{\"on_worker\":false}")) {
        const ssize_t n = recv(wire->fd, in + len, sizeof(in) - 1 - len, 0);
        cr_assert(n > 0, "%s", in);
        len += (size_t)n;
        in[len] = '\0';
    }
    const char *first = strstr(in, "{\"on_worker\":true}"),
               *second = strstr(in, "404 Not Found");
    cr_assert(first && second && first < second, "%s", in);
}

Test(http, paths_and_queries_are_decoded)
{
    cr_assert_eq(get("/params/a%2Fb/c+d?q=x%20y%2Bz+w&&r&r=2"), 200);
    cr_assert_str_eq(wire->body, "[\"a/b\",\"c+d\",3,\"x y+z w\"]", "%s", wire->body);
    cr_assert_eq(get("/params/1/2"), 200);
    cr_assert_str_eq(wire->body, "[\"1\",\"2\",0,\"(none)\"]");
    cr_assert_eq(get("http://host:80/params/1/2?q="), 200);
    cr_assert_str_eq(wire->body, "[\"1\",\"2\",1,\"\"]");
}

Test(http, request_headers_are_found_in_any_case)
{
    static const char text[] = "GET /params/1/2 HTTP/1.1\r\nHost: x\r\nx-sent: 1\r\n\r\n";
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    cr_assert_eq(wire_receive(wire), 200);
    cr_assert_str_eq(header("X-Sent"), "yes");
}

Test(http, bad_encoding_and_bad_utf8_are_400)
{
    static const char *const paths[] = {"/params/%/x",     "/params/%f/x",    "/params/%ff/x",
                                        "/inline?q=%zz",   "/inline?q=%ff",   "/inline?%ff=1",
                                        "/inline?q=a%00b", "/params/a/%C0%AF"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(paths); i++) {
        cr_assert_eq(get(paths[i]), 400, "%s", paths[i]);
        cr_assert_str_eq(header("Content-Type"), "application/problem+json");
    }
}

Test(http, head_is_get_without_a_body)
{
    static const char text[] = "HEAD /worker HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n";
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    char head[2048];
    size_t len = 0;
    while (len < sizeof(head) - 1 && (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0)) {
        cr_assert_eq(recv(wire->fd, head + len, 1, 0), 1);
        len++;
    }
    head[len] = '\0';
    cr_assert_not_null(strstr(head, "HTTP/1.1 200"));
    cr_assert_not_null(strstr(head, "Content-Length: 18"), "%s", head);
    cr_assert_eq(wire_receive(wire), 200);
}

Test(http, unknown_paths_and_methods_are_problems)
{
    cr_assert_eq(get("/nowhere"), 404);
    cr_assert_not_null(strstr(wire->body, header("X-Request-Id")));
    cr_assert_eq(wire_request(wire, "DELETE", "/inline", NULL, NULL, 0), 405);
    cr_assert_str_eq(header("Allow"), "GET, HEAD");
    cr_assert_eq(wire_request(wire, "OPTIONS", "/echo", NULL, NULL, 0), 405);
    cr_assert_str_eq(header("Allow"), "POST");
    cr_assert_eq(wire_request(wire, "BREW", "/nowhere", NULL, NULL, 0), 404);
}

Test(http, a_failure_replaces_what_the_handler_wrote)
{
    char path[32];
    snprintf(path, sizeof(path), "/fail/%d", (int)LAT_INVALID);
    cr_assert_eq(get(path), 422);
    cr_assert_null(strstr(wire->body, "must not be seen"));
    snprintf(path, sizeof(path), "/fail/%d", (int)LAT_UNAVAILABLE);
    cr_assert_eq(get(path), 503);
    cr_assert_str_eq(header("Retry-After"), "1");
    snprintf(path, sizeof(path), "/fail/%d", (int)LAT_INTERNAL);
    cr_assert_eq(get(path), 500);
}

Test(http, an_upload_streams_and_its_spooled_reply_comes_after_it)
{
    const size_t len = 3000000; /* more than the pipe, the spool's memory and max_body */
    unsigned char *body = malloc(len);
    unsigned long long sum = 0;
    char expected[96];
    for (size_t i = 0; i < len; i++)
        sum += body[i] = (unsigned char)(i * 31 % 251);
    snprintf(expected, sizeof(expected), "bytes %zu sum %llu\n", len, sum);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(wire_request(wire, "POST", "/count", "application/x-ndjson", body, len),
                     200);
        cr_assert_eq(fixture_stream_ended(), LAT_OK);
        cr_assert_not_null(strstr(wire->body, expected), "%s",
                           wire->body + (wire->body_len > 200 ? wire->body_len - 200 : 0));
    }
    cr_assert_eq(get("/inline"), 200);
    free(body);
}

Test(http, an_upload_without_a_body_is_an_empty_one)
{
    cr_assert_eq(wire_request(wire, "POST", "/count", NULL, NULL, 0), 200);
    cr_assert_str_eq(wire->body, "bytes 0 sum 0\n");
}

Test(http, an_upload_refused_early_is_still_answered)
{
    char *body = calloc(50000, 1);
    cr_assert_eq(wire_request(wire, "POST", "/refuse", NULL, body, 50000), 422);
    cr_assert_eq(get("/inline"), 200);
    free(body);
}

Test(http, a_reply_streams_in_chunks)
{
    static const long sizes[] = {0, 1, 4096, 1000000, 5000001};
    for (size_t i = 0; i < LAT_ARRAY_LEN(sizes); i++) {
        char path[32];
        snprintf(path, sizeof(path), "/flow/%ld", sizes[i]);
        cr_assert_eq(get(path), 200);
        cr_assert_eq(fixture_stream_ended(), LAT_OK);
        cr_assert_eq(wire->body_len, (size_t)sizes[i]);
    }
    cr_assert_str_eq(header("Transfer-Encoding"), "chunked");
}

Test(http, a_stream_that_breaks_off_is_seen_to)
{
    cr_assert_eq(get("/flow/-10000"), 0, "no whole reply");
    cr_assert_eq(fixture_stream_ended(), LAT_IO);
    cr_assert_eq(get("/inline"), 200);
}

Test(http, a_client_that_goes_ends_its_stream)
{
    static const char text[] = "GET /flow/100000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    char some[100];
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    cr_assert(recv(wire->fd, some, sizeof(some), 0) > 0);
    wire_close(wire);
    cr_assert_eq(fixture_stream_ended(), LAT_CANCELLED);
}

Test(http, a_client_that_goes_in_the_middle_ends_its_upload)
{
    static const char text[] =
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this";
    cr_assert(wire_connect(wire));
    cr_assert(wire_send(wire, text, sizeof(text) - 1));
    wire_close(wire);
    cr_assert_eq(fixture_stream_ended(), LAT_CANCELLED);
}

static void few_places(struct lat_http_options *options)
{
    options->workers = 1;
    options->queue = 1;
}

Test(http, a_full_queue_is_429_at_once)
{
    static const char text[] = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_stop(&server);
    fixture_start(&server, few_places);
    fixture_close_gate();
    struct wire first = {.fd = -1, .port = wire->port}, second = first;
    cr_assert(wire_connect(&first) && wire_send(&first, text, sizeof(text) - 1));
    fixture_await_waiting(1);
    cr_assert(wire_connect(&second) && wire_send(&second, text, sizeof(text) - 1));
    while (lat_metric_value(LAT_METRIC_QUEUE_LENGTH, NULL) < 1)
        sched_yield(); /* until the second is in the queue */
    cr_assert_eq(get("/worker"), 429);
    cr_assert_str_eq(header("Retry-After"), "1");
    cr_assert_eq(get("/inline"), 200, "inline routes need no worker");
    fixture_open_gate();
    cr_assert_eq(wire_receive(&first), 200);
    cr_assert_eq(wire_receive(&second), 200);
    cr_assert_eq(get("/worker"), 200);
    wire_release(&first);
    wire_release(&second);
}

static struct lat_keys *keys;

static void with_keys(struct lat_http_options *options)
{
    const struct lat_keys_options sources = {.inline_keys = "read:reader-key,admin:admins-key"};
    cr_assert_eq(lat_keys_new(&sources, &keys, NULL), LAT_OK);
    options->keys = keys;
}

static int get_with(const char *path, const char *line)
{
    char text[256];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, line);
    cr_assert(wire->fd >= 0 || wire_connect(wire));
    cr_assert(wire_send(wire, text, strlen(text)));
    return wire_receive(wire);
}

Test(http, keys_are_asked_for_and_scopes_kept)
{
    fixture_stop(&server);
    fixture_start(&server, with_keys);
    cr_assert_eq(get("/worker"), 401);
    cr_assert_str_eq(header("WWW-Authenticate"), "Bearer");
    cr_assert_eq(get_with("/worker", "Authorization: Bearer wrong-key\r\n"), 401);
    cr_assert_eq(get_with("/worker", "Authorization: Bearer reader-key\r\n"), 200);
    cr_assert_eq(get_with("/worker", "authorization: bearer reader-key\r\n"), 200);
    cr_assert_eq(get_with("/worker", "X-API-Key: reader-key\r\n"), 200);
    cr_assert_eq(get_with("/worker", "Authorization: Basic abc\r\n"), 401);
    cr_assert_eq(get_with("/admin", "X-API-Key: reader-key\r\n"), 403);
    cr_assert_eq(get_with("/admin", "X-API-Key: admins-key\r\n"), 200);
    cr_assert_eq(get("/probe"), 200, "probes need no key");
    cr_assert_eq(wire_json(wire, "POST", "/echo", "{}"), 401);
    fixture_stop(&server);
    lat_keys_free(keys);
    fixture_start(&server, NULL);
    cr_assert_eq(get_with("/admin", "X-API-Key: whatever\r\n"), 200, "no keys: all is open");
}

Test(http, draining_waits_for_what_runs)
{
    static const char text[] = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_close_gate();
    cr_assert(wire_connect(wire) && wire_send(wire, text, sizeof(text) - 1));
    fixture_await_waiting(1);
    cr_assert_eq(lat_http_drain(server.http, 1), 1u);
    fixture_open_gate();
    cr_assert_eq(lat_http_drain(server.http, 30000), 0u);
    cr_assert_eq(wire_receive(wire), 200, "its reply had been sent");
}
