/* Probes, documents, and what every reply has. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

Test(documents, probes)
{
    STATUS(200, ask("GET", "/livez", NULL));
    cr_assert_str_eq(text_of("status"), "alive");
    STATUS(200, ask("GET", "/readyz", NULL));
    cr_assert_str_eq(text_of("status"), "ready");
    size_t extra = 1;
    cr_assert_eq(ask_head("/readyz", &extra), 200);
    cr_assert_eq(extra, 0);
}

Test(documents, metrics_are_prometheus_text)
{
    STATUS(200, ask("GET", "/metrics", NULL));
    cr_assert_not_null(strstr(header("Content-Type"), "text/plain"));
    cr_assert_not_null(strstr(reply(), "# TYPE latentd_requests_total counter\n"));
}

Test(documents, pages)
{
    static const char *const pages[][2] = {
        {"/", "text/html"},
        {"/docs", "text/html"},
        {"/console/index.html", "text/html"},
        {"/console/main.js", "text/javascript"},
        {"/console/view_search.js", "text/javascript"},
        {"/console/base.css", "text/css"},
        {"/console/icon.svg", "image/svg+xml"},
        {"/openapi.json", "application/json"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(pages); i++) {
        STATUS(200, ask("GET", pages[i][0], NULL));
        cr_expect_gt(reply_len(), 200);
        cr_expect_eq(strncmp(header("Content-Type"), pages[i][1], strlen(pages[i][1])), 0,
                     "%s: %s", pages[i][0], header("Content-Type"));
    }
    cr_assert_str_eq(text_of("openapi"), "3.1.0");
    STATUS(404, ask("GET", "/console/secret", NULL));
    PROBLEM(404, "route_not_found");
    STATUS(404, ask("GET", "/console/..%2fdocuments.c", NULL));
}

Test(documents, pages_load_nothing_from_elsewhere)
{
    static const char *const words[] = {"default-src 'none'", "script-src 'self'",
                                        "style-src 'self'", "frame-ancestors 'none'",
                                        "require-trusted-types-for 'script'"};
    STATUS(200, ask("GET", "/", NULL));
    for (size_t i = 0; i < LAT_ARRAY_LEN(words); i++)
        cr_expect_not_null(strstr(header("Content-Security-Policy"), words[i]), "%s", words[i]);
    cr_expect_null(strstr(header("Content-Security-Policy"), "unsafe"));
    cr_expect_str_eq(header("X-Content-Type-Options"), "nosniff");
    cr_expect_null(strstr(reply(), "http://"));
    cr_expect_null(strstr(reply(), "https://"));
}

Test(documents, a_page_that_has_not_changed_is_not_sent_again)
{
    char line[128];
    STATUS(200, ask("GET", "/console/main.js", NULL));
    cr_assert_str_eq(header("Cache-Control"), "no-cache");
    cr_assert_eq(header("ETag")[0], '"');
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", header("ETag"));
    STATUS(304, ask_as("GET", "/console/main.js", line, NULL, 0));
    cr_assert_eq(reply_len(), 0);
    STATUS(200, ask_as("GET", "/console/base.css", line, NULL, 0));
    STATUS(200, ask_as("GET", "/console/main.js", "If-None-Match: \"1\"\r\n", NULL, 0));
}

Test(documents, info_has_version_libraries_and_limits)
{
    STATUS(200, ask("GET", "/v1/info", NULL));
    cr_assert(has("version") && has("libraries.onnxruntime") && has("libraries.faiss"));
    cr_assert_eq(number_of("limits.body_bytes"), 64 << 20);
    cr_assert_eq(number_of("limits.batch_items"), 1000);
    cr_assert_eq(number_of("limits.k"), 10000);
    cr_assert_eq(number_of("limits.image_pixels"), 50e6);
    cr_assert_eq(number_of("limits.json_depth"), 64);
}

Test(documents, every_reply_has_a_request_id_and_timings)
{
    ask_as("GET", "/v1/info", "X-Request-Id: my-id-42\r\n", NULL, 0);
    cr_assert_str_eq(header("X-Request-Id"), "my-id-42");
    cr_assert_not_null(strstr(header("Server-Timing"), "dur="));
    ask("GET", "/v1/info", NULL);
    cr_assert_gt(strlen(header("X-Request-Id")), 8);
    ask_as("GET", "/nowhere", "X-Request-Id: my-id-43\r\n", NULL, 0);
    PROBLEM(404, "route_not_found");
    cr_assert_str_eq(header("X-Request-Id"), "my-id-43");
    /* Not the client's when it is no visible ASCII, or too long. */
    char line[300] = "X-Request-Id: ";
    memset(line + strlen(line), 'x', 129);
    strcat(line, "\r\n");
    ask_as("GET", "/v1/info", line, NULL, 0);
    const size_t len = strlen(header("X-Request-Id"));
    cr_assert(len > 8 && len < 129, "%s", header("X-Request-Id"));
    ask_as("GET", "/v1/info", "X-Request-Id: a b\r\n", NULL, 0);
    cr_assert_gt(strlen(header("X-Request-Id")), 8);
    cr_assert_str_neq(header("X-Request-Id"), "a b");
}

Test(documents, unknown_paths_are_404_and_known_ones_say_their_methods)
{
    static const char *const unknown[] = {"/nowhere",
                                          "/v1",
                                          "/v1/nowhere",
                                          "/v1/models/tiny/scores",
                                          "/v1/models/tiny/dance",
                                          "/v1/collections/x/anomaly",
                                          "/livez/",
                                          "//livez"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(unknown); i++) {
        ask("GET", unknown[i], NULL);
        PROBLEM(404, "route_not_found");
    }
    ask("DELETE", "/v1/info", NULL);
    PROBLEM(405, "method_not_allowed");
    cr_assert_not_null(strstr(header("Allow"), "GET"));
    ask("POST", "/v1/collections/x", "{}");
    PROBLEM(405, "method_not_allowed");
    cr_assert_not_null(strstr(header("Allow"), "PUT"));
    cr_assert_not_null(strstr(header("Allow"), "DELETE"));
    ask("BREW", "/v1/info", NULL);
    PROBLEM(405, "method_not_allowed");
}

Test(documents, bad_percent_encoding_and_utf8_in_the_path)
{
    ask("GET", "/v1/collections/%zz", NULL);
    PROBLEM(400, "bad_path");
    ask("GET", "/v1/collections/a/items/%ff", NULL);
    PROBLEM(400, "bad_path");
    ask("GET", "/v1/collections/a/items/a%00b", NULL);
    PROBLEM(422, "invalid_path");
    ask("GET", "/v1/collections?cursor=%", NULL);
    PROBLEM(400, "bad_query");
    ask("GET", "/v1/collections?cursor=%ff", NULL);
    PROBLEM(400, "bad_utf8");
}

/* Paths of the interface itself: probes, pages and the protocol of others take what comes. */
static bool is_own(const char *path)
{
    return strncmp(path, "/v1/", 4) == 0;
}

/* `path` with something that can be one in the place of each {parameter}. */
static void fill_in(const char *path, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = path; *p; p++) {
        const char *word = strncmp(p, "{m}", 3) == 0 ? "people" : p[1] == 'v' ? "1" : "x";
        n += (size_t)snprintf(out + n, size - n, "%.*s", *p == '{' ? 8 : 1,
                              *p == '{' ? word : p);
        if (*p == '{')
            p += strcspn(p, "}");
    }
    snprintf(out + n, size - n, "?unheard=1");
}

Test(documents, every_path_refuses_an_option_it_does_not_know)
{
    static const char *const methods[] = {"get", "put", "post", "patch", "delete"};
    json_t *all = json_load_file(LAT_SOURCE_DIR "/api/openapi.json", 0, NULL);
    const char *path;
    json_t *operations;
    size_t n = 0;
    json_object_foreach(json_object_get(all, "paths"), path, operations)
    {
        char asked[256];
        fill_in(path, asked, sizeof(asked));
        for (size_t i = 0; is_own(path) && i < LAT_ARRAY_LEN(methods); i++) {
            char method[8] = "";
            if (!json_object_get(operations, methods[i]))
                continue;
            for (size_t c = 0; methods[i][c]; c++)
                method[c] = (char)(methods[i][c] - 'a' + 'A');
            ask(method, asked, NULL);
            cr_expect_str_eq(text_of("code"), "unknown_parameter", "%s %s: %s", method, asked,
                             reply());
            n++;
        }
    }
    cr_assert_gt(n, 60u);
    json_decref(all);
}

Test(documents, unknown_options_are_named)
{
    ask("GET", "/v1/models?limt=3", NULL);
    PROBLEM(422, "unknown_parameter");
    cr_assert_not_null(strstr(text_of("detail"), "'limit'"));
    ask("GET", "/v1/models?limit=0", NULL);
    PROBLEM(422, "out_of_range");
    ask("GET", "/v1/models/vec/drift?level=2", NULL);
    PROBLEM(422, "out_of_range");
    cr_assert_not_null(strstr(text_of("detail"), " to "), "its bounds: %s", reply());
    ask("GET", "/v1/models?limit=x", NULL);
    PROBLEM(422, "out_of_range");
    ask("GET", "/v1/models?cursor=nonsense", NULL);
    PROBLEM(422, "bad_cursor");
    ask("GET", "/v1/collections?cursor=%20", NULL);
    PROBLEM(422, "bad_cursor");
}
