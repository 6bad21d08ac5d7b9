/* What a broken or bad client sends: each gets its 4xx, the server stays as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"

#define HOST "Host: x\r\n"
#define JSON "Content-Type: application/json\r\n"

static int post(const char *path, const char *body, size_t len)
{
    return ask_as("POST", path, JSON, body, len);
}

static void still_well(void)
{
    STATUS(200, ask("GET", "/readyz", NULL));
}

Test(hostile, a_page_of_another_site_changes_nothing_on_a_server_without_keys)
{
    static const char *const strange[] = {"cross-site", "same-site"};
    static const char *const fine[] = {"same-origin", "none"};
    char line[64];
    make("{\"dimension\":2}");
    for (size_t i = 0; i < 2; i++) {
        snprintf(line, sizeof(line), "Sec-Fetch-Site: %s\r\n", strange[i]);
        ask_as("POST", "/v1/models/vec@1/unload", line, "", 0);
        PROBLEM(403, "cross_site");
        ask_as("DELETE", coll(""), line, "", 0);
        PROBLEM(403, "cross_site");
        STATUS(200, ask_as("GET", coll(""), line, "", 0));
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(line, sizeof(line), "Sec-Fetch-Site: %s\r\n", fine[i]);
        STATUS(200, ask_as("POST", "/v1/models/vec@1/load", line, "", 0));
    }
    STATUS(200, ask("GET", "/v1/models/vec@1", NULL));
    still_well();
}

Test(hostile, malformed_json_everywhere)
{
    static const char *const bodies[] = {"",
                                         "{",
                                         "nul",
                                         "{\"a\":}",
                                         "\xff\xfe",
                                         "{\"a\":\"\xc3\x28\"}",
                                         "{\"a\":1e999}",
                                         "[[[[",
                                         "{\"a\":1}x",
                                         "{\"a\":1,\"a\":1}",
                                         "\"\\ud800\""};
    static const char *const posts[] = {"/v1/models/vec/encode",
                                        "/v1/models/vec/decode",
                                        "/v1/models/tiny/reconstruct",
                                        "/v1/embeddings",
                                        "/search",
                                        "/search/batch",
                                        "/items/delete",
                                        "/reindex"};
    make("{\"dimension\":2}");
    for (size_t p = 0; p < LAT_ARRAY_LEN(posts); p++)
        for (size_t b = 0; b < LAT_ARRAY_LEN(bodies); b++) {
            if (!bodies[b][0] && !strcmp(posts[p], "/reindex"))
                continue; /* it needs none */
            const char *path = posts[p][1] == 'v' ? posts[p] : coll(posts[p]);
            post(path, bodies[b], strlen(bodies[b]));
            cr_expect_eq(number_of("status"), 400, "%s: %s: %s", path, bodies[b], reply());
        }
    static const char *const puts[] = {"", "/items", "/items/a"};
    for (size_t p = 0; p < LAT_ARRAY_LEN(puts); p++)
        for (size_t b = 1; b < LAT_ARRAY_LEN(bodies); b++) {
            ask_as("PUT", coll(puts[p]), JSON, bodies[b], strlen(bodies[b]));
            cr_expect_eq(number_of("status"), 400, "%s: %s: %s", puts[p], bodies[b], reply());
        }
    still_well();
}

Test(hostile, deep_nesting)
{
    enum { DEEP = 100000 };
    char *body = malloc(DEEP + 100);
    memset(body, '[', DEEP);
    post("/v1/models/vec/encode", body, DEEP);
    PROBLEM(400, "too_deep");
    memcpy(body, "{\"inputs\":", 10);
    post("/v1/models/vec/encode", body, DEEP);
    PROBLEM(400, "too_deep");
    free(body);
}

Test(hostile, wrong_types_everywhere)
{
    static const char *const values[] = {"1",    "\"x\"", "[]", "{}", "true",
                                         "[[]]", "[{}]",  "-1", "1.5"};
    make("{\"dimension\":2}");
    for (size_t i = 0; i < LAT_ARRAY_LEN(values); i++) {
        static const char *const keys[] = {
            "input", "code",        "id",      "k",         "filter",  "max_distance", "exact",
            "ef",    "exclude_ids", "include", "diversity", "explain", "encoding"};
        for (size_t k = 0; k < LAT_ARRAY_LEN(keys); k++) {
            char body[200];
            snprintf(body, sizeof(body), "{\"%s\":%s}", keys[k], values[i]);
            const int status = ask("POST", coll("/search"), body);
            cr_expect(status == 422 || status == 404, "%s: %d %s", body, status, reply());
            snprintf(body, sizeof(body), "{\"items\":[{\"%s\":%s}]}", keys[k], values[i]);
            cr_expect_eq(ask("PUT", coll("/items"), body), 422, "%s: %s", body, reply());
        }
    }
    still_well();
}

Test(hostile, huge_heads_and_lengths)
{
    struct lat_buf head = {0};
    lat_buf_text(&head, "GET /v1/info HTTP/1.1\r\n" HOST "X-Filler: ");
    for (int i = 0; i < 10000; i++)
        lat_buf_text(&head, "0123456789");
    lat_buf_text(&head, "\r\n\r\n");
    const int status = ask_raw(head.data, head.len);
    cr_expect(status == 0 || (status >= 400 && status < 500), "%d", status);
    lat_buf_release(&head);
    ask_text("POST /v1/models/vec/encode HTTP/1.1\r\n" HOST JSON
             "Content-Length: 99999999999999\r\n\r\n");
    PROBLEM(413, "too_large");
    ask_text("POST /v1/models/vec/encode HTTP/1.1\r\n" HOST JSON
             "Content-Length: 67108865\r\n\r\n");
    PROBLEM(413, "too_large");
    const int bad = ask_text("POST /v1/models/vec/encode HTTP/1.1\r\n" HOST JSON
                             "Content-Length: -5\r\n\r\n");
    cr_expect(bad == 0 || (bad >= 400 && bad < 500), "%d", bad);
    still_well();
}

Test(hostile, bodies_over_the_limit_in_chunks)
{
    enum { CHUNK = 1 << 20 };
    struct wire wire = {.fd = -1, .port = api_port()};
    static const char head[] = "POST /v1/models/vec/encode HTTP/1.1\r\n" HOST JSON
                               "Transfer-Encoding: chunked\r\n\r\n";
    char *chunk = malloc(CHUNK + 32);
    const int front = sprintf(chunk, "%x\r\n", CHUNK);
    memset(chunk + front, ' ', CHUNK);
    memcpy(chunk + front + CHUNK, "\r\n", 3);
    cr_assert(wire_connect(&wire) && wire_send(&wire, head, sizeof(head) - 1));
    for (int i = 0; i < 66; i++)
        if (!wire_send(&wire, chunk, (size_t)front + CHUNK + 2))
            break;
    const int status = wire_receive(&wire);
    cr_expect(status == 413 || status == 0, "%d", status);
    wire_release(&wire);
    free(chunk);
    still_well();
}

Test(hostile, half_sent_bodies_leave_nothing_behind)
{
    struct server server;
    test_folder_enter();
    server_start(&server, test_path("data"), test_path("models"), NULL);
    api_use(&server);
    make("{\"dimension\":2}");
    for (int i = 0; i < 20; i++) {
        struct wire wire = {.fd = -1, .port = api_port()};
        char head[400];
        const int n =
            snprintf(head, sizeof(head),
                     "PUT %s HTTP/1.1\r\n" HOST JSON "Content-Length: 1000\r\n\r\n{\"items\":[",
                     coll("/items"));
        cr_assert(wire_connect(&wire) && wire_send(&wire, head, (size_t)n));
        wire_release(&wire);
    }
    for (int i = 0; i < 5; i++) {
        struct wire wire = {.fd = -1, .port = api_port()};
        char head[400];
        const int n = snprintf(head, sizeof(head),
                               "POST %s HTTP/1.1\r\n" HOST
                               "Content-Type: application/x-ndjson\r\nContent-Length: "
                               "1000\r\n\r\n{\"id\":\"x\",\"code\":[1,2]}\n{\"id\"",
                               coll("/import"));
        cr_assert(wire_connect(&wire) && wire_send(&wire, head, (size_t)n));
        wire_release(&wire);
    }
    still_well();
    double active = 0; /* a request counts for a moment after its answer has come */
    for (int i = 0; i < 5000 && active != 1; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        active = server_metric(&server, "latentd_requests_active");
    }
    cr_assert_eq(active, 1, "the asking one alone");
    STATUS(200, ask("GET", coll("/items"), NULL));
    cr_assert_leq(count_of("items"), 1, "no more than the line that was whole");
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}

Test(hostile, an_export_that_nobody_reads_is_given_up)
{
    make("{\"dimension\":2}");
    struct lat_buf body = {0};
    for (int batch = 0; batch < 20; batch++) {
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"items\":[");
        for (int i = 0; i < 500; i++)
            lat_buf_printf(&body,
                           "%s{\"id\":\"%d-%d\",\"code\":[1,2],\"metadata\":{\"filler\":"
                           "\"0123456789012345678901234567890123456789\"}}",
                           i ? "," : "", batch, i);
        lat_buf_text(&body, "]}");
        STATUS(200, ask("PUT", coll("/items"), body.data));
    }
    lat_buf_release(&body);
    for (int i = 0; i < 10; i++) {
        struct wire wire = {.fd = -1, .port = api_port()};
        char head[300];
        const int n =
            snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n" HOST "\r\n", coll("/export"));
        cr_assert(wire_connect(&wire) && wire_send(&wire, head, (size_t)n));
        wire_release(&wire);
    }
    still_well();
    STATUS(204, ask("DELETE", coll(""), NULL));
}

Test(hostile, slow_senders_get_408)
{
    struct server server;
    static const char *const options[] = {"--timeout-ms", "400", NULL};
    test_folder_enter();
    server_start(&server, test_path("data"), test_path("models"), options);
    api_use(&server);
    ask_text("PUT /v1/collections/a HTTP/1.1\r\n" HOST JSON
             "Content-Length: 100\r\n\r\n{\"dim");
    PROBLEM(408, "timeout");
    still_well();
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}

Test(hostile, pictures_over_the_pixel_limit)
{
    struct server server;
    struct lat_buf png = black_png(200, 101), small = black_png(100, 200);
    static const char *const options[] = {"--max-pixels", "20000", NULL};
    test_folder_enter();
    api_write_models(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), options);
    api_use(&server);
    ask_as("POST", "/v1/models/tiny/encode", "Content-Type: image/png\r\n", png.data, png.len);
    PROBLEM(413, "image_too_large");
    STATUS(200, ask_as("POST", "/v1/models/tiny/encode", "Content-Type: image/png\r\n",
                       small.data, small.len));
    lat_buf_release(&png);
    lat_buf_release(&small);
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}
