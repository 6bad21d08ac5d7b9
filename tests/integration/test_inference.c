/* The Open Inference Protocol: metadata, tensors in JSON and as bytes, failures in its shape.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"

/* A failure as the protocol has it. */
static void failed(int status, int got, const char *words)
{
    cr_assert_eq(got, status, "%d: %s", got, reply());
    cr_assert_str_eq(header("Content-Type"), "application/json");
    cr_assert_not_null(strstr(text_of("error"), words), "%s", reply());
    cr_assert_not(has("code"));
}

Test(inference, server_and_model_say_what_they_are)
{
    STATUS(200, ask("GET", "/v2", NULL));
    STATUS(200, ask("GET", "/v2/", NULL));
    cr_assert_str_eq(text_of("name"), "latentd");
    cr_assert_str_eq(text_of("extensions.0"), "binary_tensor_data");
    STATUS(200, ask("GET", "/v2/health/live", NULL));
    cr_assert(flag_of("live"));
    STATUS(200, ask("GET", "/v2/health/ready", NULL));
    cr_assert(flag_of("ready"));
    STATUS(200, ask("GET", "/v2/models/vec", NULL));
    cr_assert_str_eq(text_of("name"), "vec");
    cr_assert_str_eq(text_of("versions.0"), "1");
    cr_assert_str_eq(text_of("versions.1"), "2");
    cr_assert_str_eq(text_of("inputs.0.datatype"), "FP32");
    cr_assert_eq(number_of("inputs.0.shape.0"), -1);
    cr_assert_eq(number_of("inputs.0.shape.1"), 6);
    cr_assert_eq(number_of("outputs.0.shape.1"), 3);
    STATUS(200, ask("GET", "/v2/models/vec/versions/1/ready", NULL));
    cr_assert(flag_of("ready"));
    failed(404, ask("GET", "/v2/models/nobody", NULL), "nobody");
    failed(404, ask("GET", "/v2/models/vec/versions/9/ready", NULL), "vec");
    failed(503, ask("GET", "/v2/models/broken/ready", NULL), "broken");
    failed(404, ask("GET", "/v2/nothing", NULL), "nothing answers");
    failed(405, ask("POST", "/v2/models/vec", "{}"), "GET");
}

/* The name of the graph's input or output. */
static const char *name_of(const char *list)
{
    static char names[2][64];
    char path[32];
    char *out = names[list[0] == 'o'];
    STATUS(200, ask("GET", "/v2/models/vec", NULL));
    snprintf(path, sizeof(path), "%s.0.name", list);
    snprintf(out, sizeof(names[0]), "%s", text_of(path));
    return out;
}

Test(inference, tensors_in_json_go_through_the_version_asked_for)
{
    char body[400];
    const char *input = name_of("inputs");
    snprintf(
        body, sizeof(body),
        "{\"id\":\"mine\",\"inputs\":[{\"name\":\"%s\",\"shape\":[2,6],\"datatype\":\"FP32\","
        "\"data\":[[1,2,3,0,0,0],[4,5,6,0,0,0]]}]}",
        input);
    STATUS(200, ask("POST", "/v2/models/vec/versions/1/infer", body));
    cr_assert_str_eq(text_of("model_name"), "vec");
    cr_assert_str_eq(text_of("model_version"), "1");
    cr_assert_str_eq(text_of("id"), "mine");
    cr_assert_eq(count_of("outputs"), 1);
    cr_assert_eq(number_of("outputs.0.shape.0"), 2);
    cr_assert_eq(number_of("outputs.0.data.0"), 1);
    cr_assert_eq(number_of("outputs.0.data.5"), 6);
    STATUS(200, ask("POST", "/v2/models/vec/infer", body));
    cr_assert_str_eq(text_of("model_version"), "2", "the newest");
    cr_assert_eq(number_of("outputs.0.data.5"), 12);
    cr_assert_str_eq(header("X-Model"), "vec@2");
}

Test(inference, tensors_as_bytes_come_back_as_bytes)
{
    char body[600], headers[160];
    const float row[6] = {0.5F, -1, 2, 0, 0, 0};
    float code[3];
    const int n =
        snprintf(body, sizeof(body),
                 "{\"inputs\":[{\"name\":\"%s\",\"shape\":[1,6],\"datatype\":\"FP32\","
                 "\"parameters\":{\"binary_data_size\":24}}],\"outputs\":[{\"name\":\"%s\","
                 "\"parameters\":{\"binary_data\":true}}]}",
                 name_of("inputs"), name_of("outputs"));
    memcpy(body + n, row, sizeof(row));
    snprintf(
        headers, sizeof(headers),
        "Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n", n);
    STATUS(200, ask_as("POST", "/v2/models/vec/versions/1/infer", headers, body,
                       (size_t)n + sizeof(row)));
    const size_t front = (size_t)atoi(header("Inference-Header-Content-Length"));
    cr_assert_eq(reply_len(), front + sizeof(code));
    cr_assert_not_null(strstr(reply(), "\"binary_data_size\":12"));
    memcpy(code, reply() + front, sizeof(code));
    cr_assert_eq(code[0], 0.5F);
    cr_assert_eq(code[2], 2);
    failed(422, ask_as("POST", "/v2/models/vec/infer", headers, body, (size_t)n + 20),
           "20 are left");
    failed(422, ask_as("POST", "/v2/models/vec/infer", headers, body, (size_t)n + 28), "");
    failed(400, ask_as("POST", "/v2/models/vec/infer", headers, body, (size_t)n - 1), "up to");
}

Test(inference, what_does_not_fit_is_said)
{
    char body[400];
    const char *input = name_of("inputs");
    static const struct {
        const char *rest, *words;
    } bad[] = {
        {"\"shape\":[1,5],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5]",
         "expected the shape [-1,6]"},
        {"\"shape\":[1e30,6],\"datatype\":\"FP32\",\"data\":[1]", "expected the shape [-1,6]"},
        {"\"shape\":[1.5,6],\"datatype\":\"FP32\",\"data\":[1]", "expected the shape [-1,6]"},
        {"\"shape\":[900,6],\"datatype\":\"FP32\",\"data\":[1]", "fewer elements"},
        {"\"shape\":[1,6],\"datatype\":\"INT64\",\"data\":[1,2,3,4,5,6]", "expected FP32"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5]", "5 elements instead of"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,6,7]", "more elements"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,\"6\"]",
         "element 5: expected"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,1e39]",
         "fits into 32 bits"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\"", "data"},
        {"\"datatype\":\"FP32\",\"data\":[1]", "shape"},
        {"\"shape\":[1,6],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,6],\"dtaa\":1", "dtaa"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(body, sizeof(body), "{\"inputs\":[{\"name\":\"%s\",%s}]}", input, bad[i].rest);
        failed(422, ask("POST", "/v2/models/vec/infer", body), bad[i].words);
    }
    failed(422, ask("POST", "/v2/models/vec/infer", "{\"inputs\":[]}"), "takes 1 inputs");
    failed(422,
           ask("POST", "/v2/models/vec/infer",
               "{\"inputs\":[{\"name\":\"nobody\",\"shape\":[1,6],\"datatype\":\"FP32\"}]}"),
           "nobody");
    failed(400, ask("POST", "/v2/models/vec/infer", "{"), "line 1");
    snprintf(
        body, sizeof(body),
        "{\"inputs\":[{\"name\":\"%s\",\"shape\":[1001,6],\"datatype\":\"FP32\",\"data\":[]}]}",
        input);
    failed(413, ask("POST", "/v2/models/vec/infer", body), "1000");
}
