/* Keys and scopes, limits that are configured, draining. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"

static struct server server;

static void start(const char *const *options)
{
    test_folder_enter();
    api_write_models(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), options);
    api_use(&server);
}

static void stop(void)
{
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}

static int with_key(const char *method, const char *path, const char *key, const char *body)
{
    char headers[300];
    snprintf(headers, sizeof(headers), "Content-Type: application/json\r\n%s", key);
    return ask_as(method, path, headers, body, body ? strlen(body) : 0);
}

#define READER "Authorization: Bearer reader-key-1\r\n"
#define WRITER "X-API-Key: writer-key-1\r\n"
#define ADMIN  "Authorization: Bearer admin-key-1\r\n"

Test(keys, scopes)
{
    static const char *const options[] = {
        "--api-keys", "read:reader-key-1,write:writer-key-1,admin:admin-key-1", NULL};
    start(options);
    STATUS(200, ask("GET", "/livez", NULL));
    STATUS(200, ask("GET", "/readyz", NULL));
    STATUS(200, ask("GET", "/", NULL));
    STATUS(200, ask("GET", "/openapi.json", NULL));
    ask("GET", "/metrics", NULL);
    PROBLEM(401, "key_missing");
    STATUS(200, with_key("GET", "/metrics", READER, NULL));
    ask("GET", "/v1/info", NULL);
    PROBLEM(401, "key_missing");
    cr_assert_not_null(strstr(header("WWW-Authenticate"), "Bearer"));
    with_key("GET", "/v1/info", "X-API-Key: nonsense\r\n", NULL);
    PROBLEM(401, "key_unknown");
    STATUS(200, with_key("GET", "/v1/info", READER, NULL));
    with_key("PUT", "/v1/collections/a", READER, "{\"dimension\":2}");
    PROBLEM(403, "scope_missing");
    STATUS(201, with_key("PUT", "/v1/collections/a", WRITER, "{\"dimension\":2}"));
    STATUS(201, with_key("PUT", "/v1/collections/a/items/x", WRITER, "{\"code\":[1,2]}"));
    STATUS(200, with_key("POST", "/v1/collections/a/search", READER, "{\"code\":[1,2]}"));
    STATUS(200, with_key("POST", "/v1/models/vec/encode", READER, "{\"inputs\":[]}"));
    with_key("DELETE", "/v1/collections/a/items/x", READER, NULL);
    PROBLEM(403, "scope_missing");
    with_key("POST", "/v1/models/vec/unload", WRITER, NULL);
    PROBLEM(403, "scope_missing");
    STATUS(200, with_key("POST", "/v1/models/vec/unload", ADMIN, NULL));
    with_key("POST", "/v1/jobs", WRITER, "{\"type\":\"train\"}");
    PROBLEM(403, "scope_missing");
    with_key("POST", "/v1/jobs", ADMIN, "{\"type\":\"train\"}");
    PROBLEM(422, "missing_field");
    STATUS(200, with_key("GET", "/v1/jobs", READER, NULL));
    with_key("DELETE", "/v1/jobs/nobody", WRITER, NULL);
    PROBLEM(403, "scope_missing");
    STATUS(204, with_key("DELETE", "/v1/collections/a", ADMIN, NULL));
    stop();
}

Test(keys, a_key_without_need_is_ignored)
{
    STATUS(200, with_key("GET", "/v1/info", ADMIN, NULL));
}

Test(keys, limits_are_the_configured_ones)
{
    static const char *const options[] = {
        "--max-body", "64KiB", "--max-batch", "3", "--max-k", "5", "--max-depth", "8", NULL};
    start(options);
    STATUS(200, ask("GET", "/v1/info", NULL));
    cr_assert_eq(number_of("limits.body_bytes"), 65536);
    cr_assert_eq(number_of("limits.batch_items"), 3);
    STATUS(201, ask("PUT", "/v1/collections/a", "{\"dimension\":2}"));
    ask("PUT", "/v1/collections/a/items", "{\"items\":[{},{},{},{}]}");
    PROBLEM(413, "batch_too_large");
    ask("POST", "/v1/collections/a/search", "{\"code\":[1,2],\"k\":6}");
    PROBLEM(422, "out_of_range");
    ask("POST", "/v1/collections/a/search", "{\"filter\":{\"a\":[[[[[[[1]]]]]]]}}");
    PROBLEM(400, "too_deep");
    char body[66000];
    memset(body, ' ', sizeof(body));
    ask_as("PUT", "/v1/collections/a/items", "Content-Type: application/json\r\n", body,
           sizeof(body));
    PROBLEM(413, "too_large");
    stop();
}

Test(keys, a_running_call_is_finished_when_the_server_is_told_to_stop)
{
    struct wire wire = {.fd = -1};
    start(NULL);
    STATUS(201, ask("PUT", "/v1/collections/a", "{\"dimension\":2}"));
    wire.port = server.port;
    static const char head[] =
        "POST /v1/collections/a/import HTTP/1.1\r\nHost: x\r\nContent-Type: "
        "application/x-ndjson\r\nContent-Length: 24\r\n\r\n";
    cr_assert(wire_connect(&wire) && wire_send(&wire, head, sizeof(head) - 1));
    cr_assert(wire_send(&wire, "{\"id\":\"a\",\"code\"", 16));
    while (server_metric(&server, "latentd_requests_active") < 2) /* with the asking one */
        ;
    kill(server.pid, SIGTERM);
    for (int status = 200; status == 200;)
        status = ask("GET", "/readyz", NULL);
    cr_expect_eq(number_of("status"), 503, "%s", reply());
    ask("GET", "/v1/info", NULL);
    cr_expect_eq(number_of("status"), 503, "%s", reply());
    cr_expect_str_eq(header("Retry-After"), "1");
    STATUS(200, ask("GET", "/livez", NULL));
    cr_assert(wire_send(&wire, ":[1,2]}\n", 8));
    cr_expect_eq(wire_receive(&wire), 200);
    cr_expect_not_null(strstr(wire.body, "\"status\":201"));
    wire_release(&wire);
    api_use(NULL);
    cr_assert_eq(server_wait_end(&server, 20000), 0);
    test_folder_leave();
}

Test(keys, beyond_loopback_a_server_wants_keys)
{
    test_folder_enter();
    const char *const options[] = {
        "serve",     "--data", test_path("data"), "--models", test_path("models"), "--listen",
        "0.0.0.0:0", NULL};
    cr_assert_eq(server_run(options, test_path("log")), 1);
    test_folder_leave();
}
