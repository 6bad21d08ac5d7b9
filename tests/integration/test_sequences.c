/* Sequences from a spec to the service: trained, measured, encoded, reconstructed, found. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/command.h"

TestSuite(sequences, .init = test_folder_enter, .fini = test_folder_leave);

enum { ROWS = 80 };

/* Two features of very different units, one the delayed other. */
static void put_waves(const char *name)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "at;fast;slow\n");
    for (int i = 0; i < ROWS; i++)
        lat_buf_printf(&text, "t%d;%.6f;%.3f\n", i, 0.001 * sin(0.5 * i),
                       5000 + 300 * cos(0.5 * i));
    put_file(name, text.data, text.len);
    lat_buf_release(&text);
}

static void train(const char *network)
{
    char spec[512], models[512], path[512];
    snprintf(spec, sizeof(spec),
             "{\"name\":\"waves\",\"data\":{\"format\":\"sequences\",\"path\":\"waves.csv\","
             "\"exclude\":[\"at\"],\"length\":6},\"network\":%s,\"code\":{\"dimension\":3},"
             "\"optimizer\":{\"epochs\":30,\"batch\":16,\"rate\":0.02}}",
             network);
    put_waves("waves.csv");
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(path, sizeof(path), "%s", test_path("spec.json"));
    put_text("spec.json", spec);
    cr_assert_eq(RUN("train", path, "--models", models), 0, "%s", output());
}

static const char window[] = "[[0,5300],[0.00048,5263],[0.00084,5162],[0.001,5021],"
                             "[0.0009,4875],[0.0006,4760]]";

static void check_service(void)
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"inputs\":[{\"sequence\":%s}]}", window);
    STATUS(200, ask("POST", "/v1/models/waves/encode", body));
    cr_expect_eq(count_of("codes.0"), 3);
    STATUS(200, ask("POST", "/v1/models/waves/reconstruct", body));
    cr_expect_eq(count_of("outputs.0.sequence"), 6);
    cr_expect_eq(count_of("outputs.0.sequence.5"), 2);
    cr_expect_float_eq(number_of("outputs.0.sequence.0.1"), 5300, 250, "in its own units: %s",
                       reply());
    cr_expect_lt(number_of("errors.0"), 0.7, "in units of the deviations: %s", reply());
    STATUS(200, ask("POST", "/v1/models/waves/reconstruct?encoding=base64", body));
    cr_expect_eq(strlen(text_of("outputs.0.sequence.5")), 12, "two floats in base64: %s",
                 reply());
    STATUS(200, ask_as("POST", "/v1/models/waves/decode",
                       "Content-Type: application/json\r\nAccept: application/octet-stream\r\n",
                       "{\"codes\":[[0,0,0]]}", 19));
    cr_expect_str_eq(header("X-Shape"), "1,6,2");
    cr_expect_eq(reply_len(), 48);
    STATUS(422,
           ask("POST", "/v1/models/waves/encode", "{\"inputs\":[{\"sequence\":[[1,2],[3]]}]}"));
    POINTER("/inputs/0/sequence/1");
    STATUS(422, ask("POST", "/v1/models/waves/encode",
                    "{\"inputs\":[{\"sequence\":[[1,2],[3,4]]}]}"));
    cr_expect_str_eq(text_of("errors.0.expected"), "6 x 2", "%s", reply());
    STATUS(422, ask("POST", "/v1/models/waves/encode", "{\"inputs\":[{\"vector\":[1,2]}]}"));
    PROBLEM(422, "wrong_input_kind");
}

static const float raw_window[] = {0,      5300, 0.00048F, 5263, 0.00084F, 5162,
                                   0.001F, 5021, 0.0009F,  4875, 0.0006F,  4760};

static int ask_raw_window(const char *verb, const char *shape, size_t windows)
{
    float floats[2 * LAT_ARRAY_LEN(raw_window)];
    char path[64], headers[128];
    for (size_t i = 0; i < 2; i++)
        memcpy(floats + i * LAT_ARRAY_LEN(raw_window), raw_window, sizeof(raw_window));
    snprintf(path, sizeof(path), "/v1/models/waves/%s", verb);
    snprintf(headers, sizeof(headers), "Content-Type: application/octet-stream\r\n%s%s%s",
             shape ? "X-Shape: " : "", shape ? shape : "", shape ? "\r\n" : "");
    return ask_as("POST", path, headers, floats, windows * sizeof(raw_window));
}

/* Sequences go in as floats in the shapes in which they come out. */
static void check_raw(void)
{
    static const char *const ones[] = {NULL, "12", "6,2", "1,12", "1,6,2"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(ones); i++) {
        STATUS(200, ask_raw_window("encode", ones[i], 1));
        cr_expect_eq(count_of("codes"), 1);
        STATUS(200, ask_raw_window("compress", ones[i], 1));
    }
    STATUS(200, ask_raw_window("encode", "2,6,2", 2));
    cr_expect_eq(count_of("codes"), 2);
    STATUS(200, ask_raw_window("score", NULL, 2));
    cr_expect_eq(count_of("results"), 2);
    cr_expect_eq(count_of("results.1.steps"), 6);
    ask_raw_window("encode", "2,6", 1);
    PROBLEM(422, "wrong_dimension");
    ask_raw_window("encode", "2,6,2", 1);
    PROBLEM(422, "bad_shape");
    ask_raw_window("compress", NULL, 2);
    PROBLEM(422, "wrong_dimension");
    STATUS(201, ask("PUT", "/v1/collections/shapes", "{\"model\":\"waves\"}"));
    STATUS(422, ask_as("PUT", "/v1/collections/shapes/items/b",
                       "Content-Type: application/octet-stream\r\n", raw_window,
                       sizeof(raw_window) - sizeof(raw_window[0])));
    cr_expect_eq(number_of("errors.0.expected"), 12, "%s", reply());
    cr_expect_eq(number_of("errors.0.got"), 11, "%s", reply());
    STATUS(201, ask("PUT", "/v1/collections/shapes/items/a", "{\"code\":[0,0,0]}"));
    STATUS(200, ask_as("GET", "/v1/collections/shapes/items/a/reconstruction",
                       "Accept: application/octet-stream\r\n", NULL, 0));
    cr_expect_str_eq(header("X-Shape"), "6,2");
    STATUS(204, ask("DELETE", "/v1/collections/shapes", NULL));
}

static void check_search(void)
{
    char body[1024];
    STATUS(201, ask("PUT", "/v1/collections/w", "{\"model\":\"waves@1\"}"));
    snprintf(body, sizeof(body),
             "{\"items\":[{\"id\":\"one\",\"input\":{\"sequence\":%s}},{\"id\":\"two\","
             "\"input\":{\"sequence\":[[0,5000],[0,5000],[0,5000],[0,5000],[0,5000],"
             "[0,5000]]}}]}",
             window);
    STATUS(200, ask("PUT", "/v1/collections/w/items", body));
    snprintf(body, sizeof(body), "{\"input\":{\"sequence\":%s},\"k\":2}", window);
    STATUS(200, ask("POST", "/v1/collections/w/search", body));
    cr_expect_str_eq(text_of("results.0.id"), "one", "%s", reply());
    cr_expect_float_eq(number_of("results.0.distance"), 0, 1e-3);
    STATUS(200, ask("GET", "/v1/collections/w/items/one/input", NULL));
    cr_expect_eq(reply_len(), 6 * 2 * sizeof(float));
    STATUS(200, ask("GET", "/v1/collections/w/items/one/reconstruction", NULL));
    cr_expect_eq(count_of("output.sequence"), 6, "%s", reply());
    /* What is exported can be imported: as steps, in numbers and in base64. */
    for (int i = 0; i < 2; i++) {
        const char *options = i ? "?include=input&encoding=base64" : "?include=input";
        snprintf(body, sizeof(body), "%s%s", "/v1/collections/w/export", options);
        STATUS(200, ask("GET", body, NULL));
        cr_expect_not_null(strstr(reply(), "{\"sequence\":["), "%s", reply());
        char *lines = strdup(reply());
        STATUS(200, ask_as("POST", "/v1/collections/w/import",
                           "Content-Type: application/x-ndjson\r\n", lines, strlen(lines)));
        cr_expect_null(strstr(reply(), "error"), "%s", reply());
        free(lines);
    }
}

/* [n][6][2] numbers, the i-th of them i. */
static void put_steps(const char *name, size_t n)
{
    char head[128];
    struct lat_buf out = {0};
    memset(head, ' ', sizeof(head));
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int len = snprintf(
        head + 10, 118, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, 6, 2), }", n);
    head[10 + len] = ' ';
    head[127] = '\n';
    lat_buf_append(&out, head, sizeof(head));
    for (size_t i = 0; i < n * 12; i++) {
        const float value = (float)i;
        lat_buf_append(&out, &value, sizeof(value));
    }
    put_file(name, out.data, out.len);
    lat_buf_release(&out);
}

static void check_arrays(void)
{
    float values[12];
    put_steps("steps.npy", 3);
    cr_assert_eq(RUN("import", "arrays", test_path("steps.npy"), "--create", "--model", "waves",
                     "--server", api_url(), "--json"),
                 0, "%s", output());
    cr_expect_eq(member("imported"), 3, "%s", output());
    STATUS(200, ask("GET", "/v1/collections/arrays/items/000001/input", NULL));
    cr_assert_eq(reply_len(), sizeof(values));
    memcpy(values, reply(), sizeof(values));
    for (int i = 0; i < 12; i++)
        cr_expect_eq(values[i], 12 + i, "step %d, feature %d", i / 2, i % 2);
}

/* The series trained on, imported as windows and as groups. */
static void check_import(void)
{
    float values[12];
    put_text("runs.csv", "run,slow,fast\na,5300,0\na,5263,0.0005\na,5162,0.0008\na,5021,0.001\n"
                         "a,4875,0.0009\na,4760,0.0006\nb,5000,0\n");
    cr_assert_eq(RUN("import", "windows", test_path("waves.csv"), "--create", "--model",
                     "waves", "--stride", "8", "--server", api_url(), "--json"),
                 0, "%s", output());
    cr_expect_eq(member("imported"), 10, "%s", output());
    STATUS(200, ask("GET", "/v1/collections/windows/items/000008/input", NULL));
    cr_assert_eq(reply_len(), sizeof(values));
    memcpy(values, reply(), sizeof(values));
    cr_expect_float_eq(values[2], 0.001 * sin(4.5), 1e-6, "the file's own units");
    cr_expect_float_eq(values[3], 5000 + 300 * cos(4.5), 1e-3);
    cr_assert_eq(RUN("import", "windows", test_path("runs.csv"), "--group", "run", "--server",
                     api_url(), "--json"),
                 1, "%s", output());
    cr_expect_eq(member("imported"), 1);
    cr_expect_eq(member("failed"), 1);
    cr_expect_not_null(strstr(output(), "group 'b' has 1 rows"), "%s", output());
    STATUS(200, ask("GET", "/v1/collections/windows/items/a", NULL));
    STATUS(201, ask("PUT", "/v1/collections/plain", "{\"dimension\":2}"));
    cr_assert_eq(
        RUN("import", "plain", test_path("runs.csv"), "--group", "run", "--server", api_url()),
        1);
    cr_expect_not_null(strstr(output(), "--group and --stride are for"), "%s", output());
}

Test(sequences, a_recurrent_network_is_trained_and_served)
{
    struct server server = {0};
    char data[512], models[512];
    train("{\"encoder\":{\"type\":\"recurrent\",\"cell\":\"gru\",\"hidden\":[12]}}");
    snprintf(data, sizeof(data), "%s", test_path("data"));
    snprintf(models, sizeof(models), "%s", test_path("models"));
    server_start(&server, data, models, NULL);
    api_use(&server);
    check_service();
    check_raw();
    check_search();
    check_import();
    check_arrays();
    api_use(NULL);
    cr_expect_eq(server_stop(&server, 10000), 0);
}

Test(sequences, the_errors_of_every_window_are_written)
{
    char models[512], errors[512];
    struct lat_buf text = {0};
    train("{\"encoder\":{\"type\":\"convolutional\",\"channels\":[8]}}");
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(errors, sizeof(errors), "%s", test_path("errors.csv"));
    cr_assert_eq(RUN("eval", "waves", "--models", models, "--data", test_path("waves.csv"),
                     "--errors", errors),
                 0);
    cr_assert_eq(lat_file_read(errors, 1 << 20, &text, NULL), LAT_OK);
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    cr_assert_eq(lines, 1 + ROWS - 5);
    cr_assert(strncmp(text.data, "item,error,absolute\n0,", 22) == 0, "%s", text.data);
    lat_buf_release(&text);
}
