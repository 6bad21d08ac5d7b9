/* Searches: by code, id and input, with every option, and in batches. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/floats.h"
#include "tests/integration/client.h"
#include "tests/support/tiny_onnx.h"

/* Five items on a line: 0, 1, 2, 3, 4 with metadata n and, for even ones, tags. */
static void line(void)
{
    make("{\"dimension\":2}");
    STATUS(200,
           ask("PUT", coll("/items"),
               "{\"items\":[{\"id\":\"p0\",\"code\":[0,0],\"metadata\":{\"n\":0,\"tags\":["
               "\"even\",\"zero\"],\"deep\":{\"a.b\":1}}},"
               "{\"id\":\"p1\",\"code\":[1,0],\"metadata\":{\"n\":1,\"name\":\"one\"}},{\"id\":"
               "\"p2\",\"code\":[2,0],\"metadata\":{\"n\":2,\"tags\":[\"even\"]}},"
               "{\"id\":\"p3\",\"code\":[3,0],\"metadata\":{\"n\":3,\"name\":\"three\"}},{"
               "\"id\":\"p4\",\"code\":[4,0],\"metadata\":{\"n\":4,\"tags\":[\"even\"]}}]}"));
}

/* The ids of the results at `path`, without blanks: "p0p1". */
static const char *ids_at(const char *path)
{
    static char ids[2048];
    char member[64];
    ids[0] = '\0';
    for (size_t i = 0; i < count_of(path); i++) {
        snprintf(member, sizeof(member), "%s.%zu.id", path, i);
        strcat(ids, text_of(member));
    }
    return ids;
}

static const char *found(const char *body)
{
    STATUS(200, ask("POST", coll("/search"), body));
    return ids_at("results");
}

Test(search, by_code_in_every_form)
{
    const float code[2] = {0.9F, 0};
    struct lat_buf body = {0};
    line();
    cr_assert_str_eq(found("{\"code\":[0.9,0],\"k\":3}"), "p1p0p2");
    cr_assert_float_eq(number_of("results.0.distance"), 0.1, 1e-6);
    cr_assert_not(has("results.0.metadata") || has("results.0.code"));
    cr_assert(has("query"));
    cr_assert_not_null(strstr(header("Server-Timing"), "index;dur="));
    lat_buf_text(&body, "{\"encoding\":\"base64\",\"k\":3,\"code\":\"");
    lat_base64_encode(&body, code, sizeof(code));
    lat_buf_text(&body, "\"}");
    cr_assert_str_eq(found(body.data), "p1p0p2");
    STATUS(200, ask_as("POST", coll("/search?k=3"),
                       "Content-Type: application/octet-stream\r\n", code, sizeof(code)));
    cr_assert_str_eq(ids_at("results"), "p1p0p2");
    STATUS(200,
           ask_as("POST", coll("/search?k=2&include=metadata&exclude_ids=p1,p3&exclude_ids=p4"),
                  "Content-Type: application/octet-stream\r\n", code, sizeof(code)));
    cr_assert_str_eq(ids_at("results"), "p0p2");
    cr_assert_eq(number_of("results.1.metadata.n"), 2);
    lat_buf_release(&body);
}

Test(search, excluded_ids_of_a_query_string_are_cut_before_decoding)
{
    const float code[2] = {0, 0};
    char id[300] = "";
    make("{\"dimension\":2}");
    put("a%2Cb", "{\"code\":[0,0]}");
    put("a", "{\"code\":[1,0]}");
    put("b", "{\"code\":[2,0]}");
    put("c%20d", "{\"code\":[3,0]}");
    static const char floats[] = "Content-Type: application/octet-stream\r\n";
    STATUS(200, ask_as("POST", coll("/search?exclude_ids=a%2Cb"), floats, code, sizeof(code)));
    cr_assert_str_eq(ids_at("results"), "abc d");
    STATUS(200,
           ask_as("POST", coll("/search?exclude_ids=a,b,c%20d"), floats, code, sizeof(code)));
    cr_assert_str_eq(ids_at("results"), "a,b");
    STATUS(200, ask_as("POST", coll("/search?k=1&include=metadata%2Ccode"), floats, code,
                       sizeof(code)));
    cr_assert(has("results.0.metadata") && has("results.0.code"));
    memset(id, 'x', 257);
    char path[400];
    snprintf(path, sizeof(path), "%s?exclude_ids=%s", coll("/search"), id);
    ask_as("POST", path, floats, code, sizeof(code));
    PROBLEM(422, "invalid_id");
}

Test(search, by_id_is_its_own_first_hit_unless_excluded)
{
    line();
    cr_assert_str_eq(found("{\"id\":\"p3\",\"k\":2}"), "p3p2");
    cr_assert_eq(number_of("results.0.distance"), 0);
    cr_assert_str_eq(found("{\"id\":\"p3\",\"k\":2,\"exclude_self\":true}"), "p2p4");
    ask("POST", coll("/search"), "{\"code\":[0,0],\"exclude_self\":true}");
    PROBLEM(422, "exclude_self_without_id");
    POINTER("/exclude_self");
    ask("POST", coll("/search"), "{\"id\":\"nobody\"}");
    PROBLEM(404, "item_not_found");
}

Test(search, with_its_options)
{
    line();
    cr_assert_str_eq(found("{\"code\":[0,0]}"), "p0p1p2p3p4");
    cr_assert_str_eq(found("{\"code\":[0,0],\"max_distance\":2}"), "p0p1p2");
    cr_assert_str_eq(
        found(
            "{\"code\":[0,0],\"k\":10000,\"exact\":true,\"exclude_ids\":[\"p1\",\"nobody\"]}"),
        "p0p2p3p4");
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":2,\"ef\":50,\"nprobe\":3,\"filter\":null,"
                           "\"diversity\":0,\"denoise\":false}"),
                     "p0p1");
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":1,\"include\":[\"metadata\",\"code\"]}"),
                     "p0");
    cr_assert_eq(number_of("results.0.metadata.n"), 0);
    cr_assert_eq(number_of("results.0.code.1"), 0);
    STATUS(200, ask("POST", coll("/search?encoding=base64"),
                    "{\"code\":[0,0],\"k\":1,\"include\":[\"code\"]}"));
    cr_assert_str_eq(text_of("results.0.code"), "AAAAAAAAAAA=");
}

Test(search, with_filters)
{
    static const char *const cases[][2] = {
        {"{\"n\":2}", "p2"},
        {"{\"n\":{\"$gte\":1,\"$lt\":3}}", "p1p2"},
        {"{\"tags\":\"even\"}", "p0p2p4"},
        {"{\"tags\":\"zero\",\"n\":0}", "p0"},
        {"{\"name\":{\"$prefix\":\"o\"}}", "p1"},
        {"{\"name\":{\"$exists\":true}}", "p1p3"},
        {"{\"name\":{\"$exists\":false}}", "p0p2p4"},
        {"{\"n\":{\"$in\":[0,4,\"x\"]}}", "p0p4"},
        {"{\"n\":{\"$nin\":[0,4]}}", "p1p2p3"},
        {"{\"n\":{\"$ne\":1}}", "p0p2p3p4"},
        {"{\"$or\":[{\"n\":1},{\"name\":\"three\"}]}", "p1p3"},
        {"{\"$not\":{\"tags\":\"even\"}}", "p1p3"},
        {"{\"$and\":[{\"n\":{\"$gt\":0}},{\"tags\":\"even\"}]}", "p2p4"},
        {"{\"deep.a\\\\.b\":1}", "p0"},
        {"{\"nobody\":1}", ""},
        {"{}", "p0p1p2p3p4"},
    };
    line();
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char body[300];
        snprintf(body, sizeof(body), "{\"code\":[0,0],\"filter\":%s}", cases[i][0]);
        cr_expect_str_eq(found(body), cases[i][1], "%s", cases[i][0]);
    }
    ask("POST", coll("/search"), "{\"code\":[0,0],\"filter\":{\"n\":{\"$regex\":\"x\"}}}");
    PROBLEM(422, "bad_filter");
    POINTER("/filter/n/$regex");
    const float code[2] = {0, 0};
    STATUS(200, ask_as("POST", coll("/search?filter=%7B%22n%22%3A3%7D"),
                       "Content-Type: application/octet-stream\r\n", code, sizeof(code)));
    cr_assert_str_eq(ids_at("results"), "p3");
}

Test(search, in_every_metric)
{
    STATUS(201, ask("PUT", coll("-cos"), "{\"dimension\":2,\"metric\":\"cosine\"}"));
    STATUS(201, ask("PUT", coll("-ip"), "{\"dimension\":2,\"metric\":\"ip\"}"));
    const char *items = "{\"items\":[{\"id\":\"a\",\"code\":[1,0]},{\"id\":\"b\",\"code\":[0,2]"
                        "},{\"id\":\"c\",\"code\":[3,3]}]}";
    STATUS(200, ask("PUT", coll("-cos/items"), items));
    STATUS(200, ask("PUT", coll("-ip/items"), items));
    STATUS(200, ask("POST", coll("-cos/search"), "{\"code\":[5,0]}"));
    cr_assert_str_eq(ids_at("results"), "acb");
    cr_assert_float_eq(number_of("results.1.distance"), 1 - sqrt(0.5), 1e-6);
    STATUS(200, ask("POST", coll("-ip/search"), "{\"code\":[5,0]}"));
    cr_assert_str_eq(ids_at("results"), "cab");
    cr_assert_eq(number_of("results.0.distance"), -15);
}

Test(search, equal_distances_come_in_the_order_of_ids)
{
    make("{\"dimension\":2}");
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"c\",\"code\":[1,0]},{\"id\":\"a\",\"code\":[0,1]},{"
                    "\"id\":\"b\",\"code\":[-1,0]}]}"));
    cr_assert_str_eq(found("{\"code\":[0,0]}"), "abc");
}

Test(search, what_is_wrong_with_a_query)
{
    line();
    ask("POST", coll("/search"), "{\"k\":3}");
    PROBLEM(422, "missing_field");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"id\":\"p0\"}");
    PROBLEM(422, "two_kinds");
    ask("POST", coll("/search"), "{\"code\":[1,2,3]}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/code");
    cr_assert_eq(number_of("errors.0.expected"), 2);
    ask("POST", coll("/search"), "{\"code\":[1,2],\"k\":0}");
    PROBLEM(422, "out_of_range");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"k\":10001}");
    PROBLEM(422, "out_of_range");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"exclude_id\":[]}");
    PROBLEM(422, "unknown_field");
    cr_assert_str_eq(text_of("errors.0.expected"), "exclude_ids");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"include\":[\"everything\"]}");
    PROBLEM(422, "unknown_value");
    POINTER("/include/0");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"exclude_ids\":[7]}");
    PROBLEM(422, "wrong_type");
    ask("POST", coll("/search"), "{\"input\":{\"vector\":[1,2]}}");
    PROBLEM(422, "no_model");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"denoise\":true}");
    PROBLEM(422, "capability_missing");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"max_distance\":\"far\"}");
    PROBLEM(422, "wrong_type");
    ask("POST", coll("/search"), "{\"code\":[1e39,2]}");
    PROBLEM(400, "number_out_of_range");
    ask("POST", coll("/search"), "{\"code\":[1,2]");
    PROBLEM(400, "bad_json");
    ask("POST", coll("/search?k=3"), "{\"code\":[1,2]}");
    PROBLEM(422, "unknown_parameter");
    ask_as("POST", coll("/search?ks=3"), "Content-Type: application/octet-stream\r\n",
           "12345678", 8);
    PROBLEM(422, "unknown_parameter");
    ask_as("POST", coll("/search"), "Content-Type: application/octet-stream\r\n", "1234", 4);
    PROBLEM(422, "wrong_dimension");
    ask_as("POST", coll("/search"), "Content-Type: text/plain\r\n", "{}", 2);
    PROBLEM(415, "unsupported_media_type");
    ask("POST", "/v1/collections/never/search", "{\"code\":[1,2]}");
    PROBLEM(404, "collection_not_found");
    ask("POST", "/v1/collections/never/search", "{\"id\":\"p0\"}");
    PROBLEM(404, "collection_not_found");
}

Test(search, by_picture_in_every_wrapping)
{
    struct lat_buf png = tiny_png(100, 1), body = {0};
    make("{\"model\":\"tiny\"}");
    for (unsigned i = 0; i < 3; i++) {
        struct lat_buf item = tiny_png(i * 60, 1);
        char below[64];
        snprintf(below, sizeof(below), "/items/p%u?metadata=%%7B%%22n%%22%%3A%u%%7D", i, i);
        STATUS(201,
               ask_as("PUT", coll(below), "Content-Type: image/png\r\n", item.data, item.len));
        lat_buf_release(&item);
    }
    lat_buf_printf(&body, "{\"input\":{\"image\":\"%s\"},\"k\":2,\"explain\":true}",
                   tiny_png64(100, 1));
    cr_assert_str_eq(found(body.data), "p2p1");
    cr_assert_str_eq(header("X-Model"), "tiny@1");
    cr_assert(has("query.error"));
    STATUS(200, ask_as("POST", coll("/search?k=2&include=metadata"),
                       "Content-Type: image/png\r\n", png.data, png.len));
    cr_assert_str_eq(ids_at("results"), "p2p1");
    cr_assert_eq(number_of("results.0.metadata.n"), 2);
    cr_assert_not(has("query.error"));
    lat_buf_clear(&body);
    lat_buf_text(
        &body,
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"q.png\"\r\n\r\n");
    lat_buf_append(&body, png.data, png.len);
    lat_buf_text(&body, "\r\n--x--\r\n");
    STATUS(200,
           ask_as("POST", coll("/search?k=1"),
                  "Content-Type: multipart/form-data; boundary=x\r\n", body.data, body.len));
    cr_assert_str_eq(ids_at("results"), "p2");
    ask_as("POST", coll("/search"), "Content-Type: image/jpeg\r\n", "nothing", 7);
    PROBLEM(415, "unsupported_media_type");
    ask("POST", coll("/search"), "{\"input\":{\"image\":\"AAAAAAAA\"}}");
    PROBLEM(422, "bad_image");
    POINTER("/input");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0,0,0,0,0,0,0,0],\"k\":1}"));
    cr_assert_str_eq(ids_at("results"), "p0");
    lat_buf_release(&body);
    lat_buf_release(&png);
}

/* Those that come in together are encoded together (service/gather.h). */
Test(search, pictures_sent_at_once_get_their_own_answers)
{
    enum { WIRES = 12, ITEMS = 6, ROUNDS = 20, BAD = 7, LEAVES = 9 };
    struct wire wires[WIRES];
    make("{\"model\":\"tiny\"}");
    for (unsigned i = 0; i < ITEMS; i++) {
        struct lat_buf item = tiny_png(i * 40, 1);
        char below[64];
        snprintf(below, sizeof(below), "/items/p%u", i);
        STATUS(201,
               ask_as("PUT", coll(below), "Content-Type: image/png\r\n", item.data, item.len));
        lat_buf_release(&item);
    }
    for (size_t i = 0; i < WIRES; i++) {
        wires[i] = (struct wire){.fd = -1, .port = api_port()};
        cr_assert(wire_connect(&wires[i]));
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < WIRES; i++) {
            struct lat_buf png = tiny_png((i % ITEMS) * 40, 1), text = {0};
            const size_t len = i == BAD ? png.len / 2 : png.len;
            lat_buf_printf(&text,
                           "POST %s?k=1 HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           coll("/search"), len);
            lat_buf_append(&text, png.data, len);
            cr_assert(wire_send(&wires[i], text.data, text.len));
            lat_buf_release(&text);
            lat_buf_release(&png);
        }
        wire_close(&wires[LEAVES]);
        for (unsigned i = 0; i < WIRES; i++) {
            char wanted[32];
            if (i == LEAVES)
                continue;
            const int status = wire_receive(&wires[i]);
            cr_assert_eq(status, i == BAD ? 422 : 200, "%d: %s", status, wires[i].body);
            snprintf(wanted, sizeof(wanted), "{\"id\":\"p%u\"", i % ITEMS);
            cr_assert(i == BAD || strstr(wires[i].body, wanted), "%s", wires[i].body);
        }
        cr_assert(wire_connect(&wires[LEAVES]));
    }
    for (size_t i = 0; i < WIRES; i++)
        wire_release(&wires[i]);
}

Test(search, a_batch_of_queries)
{
    line();
    STATUS(200, ask("POST", coll("/search/batch"),
                    "{\"queries\":[{\"code\":[0,0],\"k\":1},{\"id\":\"p4\",\"k\":2,\"exclude_"
                    "self\":true},{\"code\":[1,0],\"k\":1,\"filter\":{\"n\":3},\"include\":["
                    "\"metadata\"]}]}"));
    cr_assert_eq(count_of("results"), 3);
    cr_assert_str_eq(ids_at("results.0.results"), "p0");
    cr_assert_str_eq(ids_at("results.1.results"), "p3p2");
    cr_assert_str_eq(ids_at("results.2.results"), "p3");
    cr_assert_eq(number_of("results.2.results.0.metadata.n"), 3);
    cr_assert(has("results.2.query"));
    const float codes[4] = {0, 0, 3, 0};
    STATUS(200, ask_as("POST", coll("/search/batch?k=1"),
                       "Content-Type: application/octet-stream\r\nX-Shape: 2,2\r\n", codes,
                       sizeof(codes)));
    cr_assert_str_eq(ids_at("results.1.results"), "p3");
    STATUS(200, ask_as("POST", coll("/search/batch?k=1"),
                       "Content-Type: application/octet-stream\r\n", codes, sizeof(codes)));
    cr_assert_eq(count_of("results"), 2);
    ask("POST", coll("/search/batch"), "{\"queries\":[{\"code\":[0,0]},{\"code\":[0]}]}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/queries/1/code");
    cr_assert_not_null(strstr(text_of("detail"), "query 1"));
    ask("POST", coll("/search/batch"),
        "{\"queries\":[{\"code\":[0,0]},{\"code\":[0,0],\"kk\":1}]}");
    PROBLEM(422, "unknown_field");
    POINTER("/queries/1/kk");
    ask("POST", coll("/search/batch"), "{}");
    PROBLEM(422, "missing_field");
    STATUS(200, ask("POST", coll("/search/batch"), "{\"queries\":[]}"));
    struct lat_buf body = {0};
    lat_buf_text(&body, "{\"queries\":[{\"id\":\"p0\"}");
    for (int i = 0; i < 1000; i++)
        lat_buf_text(&body, ",{\"id\":\"p0\"}");
    lat_buf_text(&body, "]}");
    ask("POST", coll("/search/batch"), body.data);
    PROBLEM(413, "batch_too_large");
    lat_buf_release(&body);
}

Test(search, a_write_is_found_by_the_next_search)
{
    make("{\"dimension\":2}");
    for (int i = 0; i < 50; i++) {
        char id[16], body[64], query[64];
        snprintf(id, sizeof(id), "i%d", i);
        snprintf(body, sizeof(body), "{\"code\":[%d,1]}", i);
        snprintf(query, sizeof(query), "{\"code\":[%d,1],\"k\":1}", i);
        put(id, body);
        cr_assert_str_eq(found(query), id);
    }
}

Test(search, diverse_results_are_not_all_the_same)
{
    make("{\"dimension\":2}");
    /* Near the query three that are almost one; further away two others. */
    static const struct {
        const char *id, *code;
    } items[] = {{"a1", "[1,0]"},  {"a2", "[1.01,0]"}, {"a3", "[1.02,0]"},
                 {"b", "[0,1.5]"}, {"c", "[-2,0]"},    {"far", "[50,50]"}};
    for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"code\":%s}", items[i].code);
        put(items[i].id, body);
    }
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":3}"), "a1a2a3");
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":3,\"diversity\":0.4}"), "a1bc");
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":2,\"diversity\":1}"), "a1far");
    cr_assert_str_eq(found("{\"code\":[0,0],\"k\":100,\"diversity\":0.5}"), "a1a2a3bcfar");
    /* The code that was needed to choose is not shown unless it is asked for. */
    cr_assert_not(has("results.0.code"));
    cr_assert_lt(number_of("results.0.distance"), number_of("results.3.distance"));
    ask("POST", coll("/search"), "{\"code\":[0,0],\"k\":1001,\"diversity\":0.5}");
    PROBLEM(422, "invalid");
    POINTER("/diversity");
    ask("POST", coll("/search"), "{\"code\":[0,0],\"diversity\":1.5}");
    PROBLEM(422, "out_of_range");
}

Test(search, a_denoised_query_goes_through_the_decoder)
{
    /* Its decoder gives back half of what its encoder was given, so a denoised code is halved
     * and can be told from the code itself. */
    static const struct tiny_model halving = {
        .rank = 2, .dims = {-1, 6}, .code = 3, .scale = 1, .decoder_scale = 0.5F};
    tiny_package(api_models(), "halving", 1, &halving,
                 "{\"name\":\"halving\",\"version\":1,\"denoising\":true,"
                 "\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    STATUS(200, ask("POST", "/v1/models/halving/load", NULL));
    make("{\"model\":\"halving\"}");
    put("whole", "{\"code\":[8,0,0]}");
    put("half", "{\"code\":[4,0,0]}");
    static const char *const subjects[] = {"\"code\":[8,0,0]",
                                           "\"input\":{\"vector\":[8,0,0,0,0,0]}"};
    for (size_t i = 0; i < 2; i++) {
        char body[120];
        snprintf(body, sizeof(body), "{%s,\"k\":1}", subjects[i]);
        cr_assert_str_eq(found(body), "whole");
        snprintf(body, sizeof(body), "{%s,\"k\":1,\"denoise\":true}", subjects[i]);
        cr_assert_str_eq(found(body), "half");
        cr_assert_eq(number_of("results.0.distance"), 0);
    }
    ask("POST", coll("/search"), "{\"id\":\"half\",\"denoise\":true}");
    PROBLEM(422, "invalid");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"denoise\":true}");
    PROBLEM(422, "wrong_dimension");
}

Test(search, a_query_of_none_or_two_kinds_is_pointed_at)
{
    make("{\"dimension\":2}");
    put("p0", "{\"code\":[1,2]}");
    ask("POST", coll("/search"), "{\"k\":3}");
    PROBLEM(422, "missing_field");
    POINTER("/input");
    ask("POST", coll("/search"), "{\"code\":[1,2],\"id\":\"p0\"}");
    PROBLEM(422, "two_kinds");
    POINTER("/id");
    ask("POST", coll("/search/batch"), "{\"queries\":[{\"id\":\"p0\"},{}]}");
    PROBLEM(422, "missing_field");
    POINTER("/queries/1/input");
    ask("PUT", coll("/items/empty"), "{\"metadata\":{}}");
    PROBLEM(422, "missing_field");
    POINTER("/code");
}
