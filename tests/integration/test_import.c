/* import and export: NDJSON of any length, both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"

static const char lines_type[] = "Content-Type: application/x-ndjson\r\n";

static int import(const char *lines)
{
    return ask_as("POST", coll("/import"), lines_type, lines, strlen(lines));
}

/* Line `i` of the last reply, on its own. */
static const char *line_of(size_t i)
{
    static char line[4096];
    const char *p = reply();
    for (; i; i--) {
        p = strchr(p, '\n');
        cr_assert_not_null(p, "too few lines: %s", reply());
        p++;
    }
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
    return line;
}

static size_t n_lines(void)
{
    size_t n = 0;
    for (const char *p = reply(); (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

Test(import, a_result_for_every_line_in_order)
{
    make("{\"dimension\":2}");
    STATUS(
        200,
        import(
            "{\"id\":\"a\",\"code\":[1,2]}\n\n{\"id\":\"b\",\"code\":[1]}\r\nnonsense\n{\"id\":"
            "\"a\",\"code\":[3,4],\"metadata\":{\"n\":1}}\n{\"id\":\"c\",\"code\":[5,6]}"));
    cr_assert_str_eq(header("Content-Type"), "application/x-ndjson");
    cr_assert_eq(n_lines(), 5);
    cr_assert_str_eq(line_of(0), "{\"index\":0,\"id\":\"a\",\"status\":201}");
    cr_assert_not_null(strstr(
        line_of(1),
        "\"index\":1,\"id\":\"b\",\"status\":422,\"error\":{\"code\":\"wrong_dimension\""));
    cr_assert_not_null(strstr(
        line_of(2), "\"index\":2,\"id\":null,\"status\":400,\"error\":{\"code\":\"bad_json\""));
    cr_assert_str_eq(line_of(3), "{\"index\":3,\"id\":\"a\",\"status\":200}");
    cr_assert_str_eq(line_of(4), "{\"index\":4,\"id\":\"c\",\"status\":201}");
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 2);
    STATUS(200, import(""));
    cr_assert_eq(reply_len(), 0);
}

Test(import, a_later_line_of_the_same_id_wins_near_and_far)
{
    enum { APART = 600 }; /* more than any block has */
    struct lat_buf lines = {0};
    make("{\"dimension\":2}");
    lat_buf_text(&lines, "{\"id\":\"far\",\"code\":[1,1]}\n{\"id\":\"near\",\"code\":[1,1]}\n"
                         "{\"id\":\"near\",\"code\":[1]}\n{\"id\":\"near\",\"code\":[2,2]}\n"
                         "{\"id\":\"near\",\"code\":[3,3]}\n");
    for (int i = 0; i < APART; i++)
        lat_buf_printf(&lines, "{\"id\":\"i%d\",\"code\":[0,0]}\n", i);
    lat_buf_text(&lines, "{\"id\":\"far\",\"code\":[4,4]}\n");
    STATUS(200, import(lines.data));
    cr_assert_eq(n_lines(), APART + 6);
    cr_assert_str_eq(line_of(1), "{\"index\":1,\"id\":\"near\",\"status\":201}");
    cr_assert_not_null(strstr(line_of(2), "\"wrong_dimension\""));
    cr_assert_str_eq(line_of(3), "{\"index\":3,\"id\":\"near\",\"status\":200}");
    cr_assert_str_eq(line_of(4), "{\"index\":4,\"id\":\"near\",\"status\":200}");
    cr_assert_str_eq(line_of(APART + 5), "{\"index\":605,\"id\":\"far\",\"status\":200}");
    lat_buf_release(&lines);
    STATUS(200, ask("GET", coll("/items/near?include=code"), NULL));
    cr_assert_eq(number_of("code.0"), 3);
    STATUS(200, ask("GET", coll("/items/far?include=code"), NULL));
    cr_assert_eq(number_of("code.0"), 4);
}

Test(import, faults_of_the_whole_are_problems)
{
    make("{\"dimension\":2}");
    ask_as("POST", "/v1/collections/never/import", lines_type, "{}\n", 3);
    PROBLEM(404, "collection_not_found");
    ask_as("POST", coll("/import"), "Content-Type: image/png\r\n", "x", 1);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", coll("/import?wait=1"), lines_type, "{}\n", 3);
    PROBLEM(422, "unknown_parameter");
    ask("GET", "/v1/collections/never/export", NULL);
    PROBLEM(404, "collection_not_found");
    ask("GET", coll("/export?include=all"), NULL);
    PROBLEM(422, "unknown_value");
}

Test(import, many_lines_in_chunks)
{
    enum { N = 3000 };
    struct wire wire = {.fd = -1, .port = api_port()};
    make("{\"dimension\":2}");
    char head[512], line[128], chunk[160];
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: "
             "application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
             coll("/import"));
    cr_assert(wire_connect(&wire) && wire_send(&wire, head, strlen(head)));
    for (int i = 0; i < N; i++) {
        /* Lines are cut anywhere: the first half of each comes with the end of the one before.
         */
        const int n = snprintf(line, sizeof(line), "%s\"id\":\"i%05d\",\"code\":[%d,%d]}\n%s",
                               i ? "" : "{", i, i, -i, i + 1 < N ? "{" : "");
        const int len = snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n", n, line);
        cr_assert(wire_send(&wire, chunk, (size_t)len));
    }
    cr_assert(wire_send(&wire, "0\r\n\r\n", 5));
    cr_assert_eq(wire_receive(&wire), 200);
    size_t stored = 0;
    for (const char *p = wire.body; (p = strstr(p, "\"status\":201}\n")); p++)
        stored++;
    cr_assert_eq(stored, N);
    wire_release(&wire);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), N);
}

/* What is exported, imported into another collection and exported again is the same. */
static void round_trip(const char *spec, const char *options)
{
    char path[300];
    snprintf(path, sizeof(path), "%s%s", coll("/export"), options);
    STATUS(200, ask("GET", path, NULL));
    char *first = strdup(reply());
    cr_assert_gt(strlen(first), 20);
    STATUS(201, ask("PUT", coll("-copy"), spec));
    STATUS(200, ask_as("POST", coll("-copy/import"), lines_type, first, strlen(first)));
    cr_assert_null(strstr(reply(), "error"), "%s", reply());
    snprintf(path, sizeof(path), "%s%s", coll("-copy/export"), options);
    STATUS(200, ask("GET", path, NULL));
    cr_assert_str_eq(reply(), first);
    free(first);
}

Test(import, export_goes_back_in_codes)
{
    make("{\"dimension\":2}");
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"a/"
                    "ä\\\"\",\"code\":[0.1,1e-30],\"metadata\":{\"code\":[1,2.50],\"s\":"
                    "\"\\u0001\",\"x\":null}},{\"id\":\"b\",\"code\":[3,-4],\"hidden\":true},{"
                    "\"id\":\"c\",\"code\":[16777216,0.3333333]}]}"));
    round_trip("{\"dimension\":2}", "");
    STATUS(204, ask("DELETE", coll("-copy"), NULL));
    round_trip("{\"dimension\":2}", "?encoding=base64");
    STATUS(200, ask("GET", coll("/export?include=metadata&filter=%7B%22x%22%3Anull%7D"), NULL));
    cr_assert_eq(n_lines(), 1);
    cr_assert_null(strstr(reply(), "0.1"));
}

Test(import, export_goes_back_in_pictures)
{
    struct lat_buf png = tiny_png(9, 9);
    make("{\"model\":\"tiny\"}");
    STATUS(201,
           ask_as("PUT", coll("/items/a"), "Content-Type: image/png\r\n", png.data, png.len));
    round_trip("{\"model\":\"tiny\"}", "");
    STATUS(200, ask("GET", coll("-copy/items/a/input"), NULL));
    cr_assert_eq(reply_len(), png.len);
    cr_assert_eq(memcmp(reply(), png.data, png.len), 0);
    lat_buf_release(&png);
}

Test(import, export_goes_back_in_vectors)
{
    make("{\"model\":\"vec\"}");
    put("a", "{\"input\":{\"vector\":[1,2,3,4,5,6.25]}}");
    round_trip("{\"model\":\"vec\"}", "");
    STATUS(204, ask("DELETE", coll("-copy"), NULL));
    round_trip("{\"model\":\"vec\"}", "?include=input,metadata&encoding=base64");
}

Test(import, an_empty_collection_exports_nothing)
{
    make("{\"dimension\":2}");
    STATUS(200, ask("GET", coll("/export"), NULL));
    cr_assert_eq(reply_len(), 0);
}

Test(import, a_line_that_is_too_long_costs_the_others_nothing)
{
    const size_t len = ((size_t)64 << 20) + (1 << 16);
    char *body = malloc(len + 200);
    make("{\"dimension\":2}");
    const int front = sprintf(body, "{\"id\":\"a\",\"code\":[1,2]}\n");
    memset(body + front, 'x', len);
    sprintf(body + front + len, "\n{\"id\":\"b\",\"code\":[1,2]}\n");
    STATUS(200, ask_as("POST", coll("/import"), lines_type, body, strlen(body)));
    cr_assert_eq(n_lines(), 3);
    cr_assert_not_null(strstr(line_of(1), "\"line_too_long\""));
    cr_assert_str_eq(line_of(2), "{\"index\":2,\"id\":\"b\",\"status\":201}");
    free(body);
}
