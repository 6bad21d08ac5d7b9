/* Versions of models put and deleted over HTTP. Packages are linear: the code is the first
 * numbers of the input times a scale that tells one version from another. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tests/integration/client.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

static const char multipart[] = "Content-Type: multipart/form-data; boundary=x\r\n";
static const char plain[] = "{\"input\":{\"kind\":\"vector\",\"dimension\":6}}";

static void add_part(struct lat_buf *body, const char *name, const void *bytes, size_t len)
{
    lat_buf_printf(body,
                   "--x\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"f\"\r\n\r\n",
                   name);
    lat_buf_append(body, bytes, len);
    lat_buf_text(body, "\r\n");
}

static void add_model(struct lat_buf *body, float scale, const char *manifest)
{
    const struct tiny_model model = {.rank = 2, .dims = {-1, 6}, .code = 3, .scale = scale};
    struct lat_buf encoder = {0}, decoder = {0};
    tiny_encoder(&model, &encoder);
    tiny_decoder(&model, &decoder);
    if (manifest)
        add_part(body, "manifest", manifest, strlen(manifest));
    add_part(body, "encoder", encoder.data, encoder.len);
    add_part(body, "decoder", decoder.data, decoder.len);
    lat_buf_release(&encoder);
    lat_buf_release(&decoder);
}

/* Sends what is in `body`, which is released. */
static int send_parts(const char *path, struct lat_buf *body)
{
    lat_buf_text(body, "--x--\r\n");
    const int status = ask_as("PUT", path, multipart, body->data, body->len);
    lat_buf_release(body);
    return status;
}

static int put_version(const char *path, float scale, const char *manifest)
{
    struct lat_buf body = {0};
    add_model(&body, scale, manifest);
    return send_parts(path, &body);
}

/* The first number of the code of (1, 0, …) by the model. */
static double scale_of(const char *model)
{
    char path[100];
    snprintf(path, sizeof(path), "/v1/models/%s/encode", model);
    STATUS(200, ask("POST", path, "{\"inputs\":[{\"vector\":[1,0,0,0,0,0]}]}"));
    return number_of("codes.0.0");
}

Test(versions, the_newest_that_was_put_answers_for_the_name)
{
    STATUS(201, put_version("/v1/models/grown/versions/1", 2, plain));
    cr_assert_str_eq(header("Location"), "/v1/models/grown@1");
    cr_assert_str_eq(text_of("name"), "grown");
    cr_assert_eq(number_of("version"), 1);
    cr_assert_str_eq(text_of("state"), "ready");
    cr_assert_eq(scale_of("grown"), 2);
    STATUS(201, put_version("/v1/models/grown/versions/3", 5, plain));
    cr_assert_eq(scale_of("grown"), 5);
    STATUS(201, put_version("/v1/models/grown/versions/2", 4, plain));
    cr_assert_eq(scale_of("grown"), 5);
    cr_assert_eq(scale_of("grown@1"), 2);
    STATUS(200, ask("GET", "/v1/models/grown@2", NULL));
}

Test(versions, a_version_never_changes)
{
    STATUS(201, put_version("/v1/models/fixed/versions/1", 2, plain));
    STATUS(200, put_version("/v1/models/fixed/versions/1", 2, plain));
    cr_assert_str_eq(header("Location"), "");
    put_version("/v1/models/fixed/versions/1", 3, plain);
    PROBLEM(409, "model_exists");
    put_version("/v1/models/fixed/versions/1", 2,
                "{ \"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    PROBLEM(409, "model_exists");
    cr_assert_eq(scale_of("fixed"), 2);
    STATUS(200, ask("POST", "/v1/models/fixed@1/unload", NULL));
    STATUS(200, put_version("/v1/models/fixed/versions/1", 2, plain));
    cr_assert_eq(scale_of("fixed"), 2, "the same put again serves again");
}

Test(versions, a_bad_one_is_refused_whole_and_what_serves_goes_on)
{
    static const struct {
        const char *manifest, *code, *pointer, *both;
        int status;
    } rows[] = {
        {"{\"input\":{\"kind\":\"vector\",\"dimension\":7}}", "shape_mismatch",
         "/input/dimension", "\"expected\":6,\"got\":7", 422},
        {"{\"input\":{\"kind\":\"vector\"},\"code\":{\"dimension\":4}}", "shape_mismatch",
         "/code/dimension", "\"expected\":3,\"got\":4", 422},
        {"{\"input\":{\"kind\":\"vector\"},\"cod\":{\"dimension\":3}}", "unknown_key", "/cod",
         NULL, 422},
        {"{\"input\":{\"kind\":\"vectors\"}}", NULL, "/input/kind", "vectors", 422},
        {"{\"name\":\"other\",\"input\":{\"kind\":\"vector\"}}", "wrong_folder", "/name",
         "\"expected\":\"solid\",\"got\":\"other\"", 422},
        {"{\"version\":9,\"input\":{\"kind\":\"vector\"}}", "wrong_folder", "/version",
         "\"expected\":2,\"got\":9", 422},
        {"{\"input\":{\"kind\":\"vector\"},\"encoder\":\"../../../encoder.onnx\"}", NULL,
         "/encoder", NULL, 422},
        {"{\"input\":{\"kind\":\"vector\"},\"encoder\":\"/etc/passwd\"}", NULL, "/encoder",
         NULL, 422},
        {"{\"input\":{\"kind\":\"vector\"},\"files\":[\"..\"]}", NULL, "/files/0", NULL, 422},
        {"{\"input\":{\"kind\":\"vector\"},\"files\":[\"weights.bin\"]}", "missing_field",
         "/files/0", NULL, 422},
        {"{\"input\":{\"kind\":\"vector\"},\"decoder\":\"encoder.onnx\"}", "two_files", NULL,
         NULL, 422},
        {"{\"input\":{\"kind\":\"vector\"},\"encoder\":\"model.json\"}", "two_files", NULL,
         NULL, 422},
        {"{\"input\":", NULL, NULL, NULL, 400},
        {NULL, "missing_field", NULL, NULL, 422}};
    STATUS(201, put_version("/v1/models/solid/versions/1", 2, plain));
    char folder[1100];
    snprintf(folder, sizeof(folder), "%s/solid", api_models());
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        STATUS(rows[i].status, put_version("/v1/models/solid/versions/2", 3, rows[i].manifest));
        if (rows[i].code)
            cr_expect_str_eq(text_of("code"), rows[i].code, "%zu: %s", i, reply());
        if (rows[i].pointer)
            POINTER(rows[i].pointer);
        if (rows[i].both)
            cr_expect_not_null(strstr(reply(), rows[i].both), "%s", reply());
        cr_expect_null(strstr(reply(), ".new-"), "%s", reply());
        cr_expect_eq(test_folder_count(folder), 1, "row %zu left something behind", i);
    }
    cr_assert_eq(scale_of("solid"), 2);
    ask("GET", "/v1/models/solid@2", NULL);
    PROBLEM(404, "model_not_found");
}

Test(versions, what_is_no_model_is_refused)
{
    struct lat_buf body = {0};
    add_part(&body, "manifest", plain, strlen(plain));
    add_part(&body, "encoder", "no onnx", 7);
    STATUS(422, send_parts("/v1/models/junk/versions/1", &body));
    cr_expect_null(strstr(reply(), "/.new-"), "%s", reply());
    add_part(&body, "manifest", plain, strlen(plain));
    send_parts("/v1/models/junk/versions/1", &body);
    PROBLEM(422, "missing_field");
    POINTER("/encoder");
    add_model(&body, 1, plain);
    add_part(&body, "../../evil", "x", 1);
    send_parts("/v1/models/junk/versions/1", &body);
    PROBLEM(422, "unknown_field");
    add_model(&body, 1, plain);
    add_model(&body, 1, NULL);
    send_parts("/v1/models/junk/versions/1", &body);
    PROBLEM(422, "unknown_field");
    char folder[1100];
    snprintf(folder, sizeof(folder), "%s/junk", api_models());
    cr_assert_not(lat_file_exists(folder), "nothing of it stays");
    ask("GET", "/v1/models/junk", NULL);
    PROBLEM(404, "model_not_found");
    ask("PUT", "/v1/models/junk/versions/1", "{}");
    PROBLEM(415, "unsupported_media_type");
    ask_as("PUT", "/v1/models/junk/versions/1", multipart, "--x--", 5);
    PROBLEM(422, "missing_field");
    static const char *const paths[] = {
        "/v1/models/Junk/versions/1",      "/v1/models/junk/versions/0",
        "/v1/models/junk/versions/one",    "/v1/models/junk@1/versions/1",
        "/v1/models/..%2Fjunk/versions/1", "/v1/models/junk/versions/1%2F..%2F2"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(paths); i++)
        cr_expect_eq(put_version(paths[i], 1, plain), 422, "%s: %s", paths[i], reply());
}

Test(versions, files_beside_the_graphs_come_under_their_names)
{
    const char *manifest = "{\"input\":{\"kind\":\"vector\",\"dimension\":6},"
                           "\"encoder\":\"graphs/e.onnx\",\"files\":[\"graphs/notes.bin\"]}";
    struct lat_buf body = {0};
    char path[1100];
    add_model(&body, 7, manifest);
    add_part(&body, "graphs/notes.bin", "weights", 7);
    STATUS(201, send_parts("/v1/models/beside/versions/1", &body));
    cr_assert_eq(scale_of("beside"), 7);
    snprintf(path, sizeof(path), "%s/beside/1/graphs/notes.bin", api_models());
    cr_assert(lat_file_exists(path));
    STATUS(204, ask("DELETE", "/v1/models/beside/versions/1", NULL));
    snprintf(path, sizeof(path), "%s/beside", api_models());
    cr_assert_not(lat_file_exists(path), "the last version takes its folder with it");
}

Test(versions, a_deleted_one_is_gone_and_the_one_before_answers)
{
    STATUS(201, put_version("/v1/models/short/versions/1", 2, plain));
    STATUS(201, put_version("/v1/models/short/versions/2", 3, plain));
    STATUS(204, ask("DELETE", "/v1/models/short/versions/2", NULL));
    cr_assert_eq(reply_len(), 0);
    cr_assert_eq(scale_of("short"), 2);
    ask("GET", "/v1/models/short@2", NULL);
    PROBLEM(404, "model_not_found");
    ask("DELETE", "/v1/models/short/versions/2", NULL);
    PROBLEM(404, "model_not_found");
    ask("DELETE", "/v1/models/nobody/versions/1", NULL);
    PROBLEM(404, "model_not_found");
    ask("DELETE", "/v1/models/short/versions/x", NULL);
    PROBLEM(422, "invalid_version");
    STATUS(201, put_version("/v1/models/short/versions/2", 9, plain));
    cr_assert_eq(scale_of("short"), 9);
}

Test(versions, one_in_use_stays)
{
    STATUS(201, put_version("/v1/models/needed/versions/1", 2, plain));
    make("{\"model\":\"needed\"}");
    ask("DELETE", "/v1/models/needed/versions/1", NULL);
    PROBLEM(409, "model_in_use");
    cr_assert_not_null(strstr(text_of("detail"), "collection"), "%s", reply());
    cr_assert_eq(scale_of("needed"), 2);
    STATUS(201, put_version("/v1/models/needed/versions/2", 3, plain));
    STATUS(204, ask("DELETE", "/v1/models/needed/versions/2", NULL));
    STATUS(204, ask("DELETE", coll(""), NULL));
    STATUS(204, ask("DELETE", "/v1/models/needed/versions/1", NULL));
}

Test(versions, a_broken_one_can_be_deleted_and_put_again)
{
    char folder[1100];
    STATUS(201, put_version("/v1/models/mended/versions/1", 2, plain));
    STATUS(200, ask("POST", "/v1/models/mended/unload", NULL));
    snprintf(folder, sizeof(folder), "%s/mended/1/encoder.onnx", api_models());
    cr_assert_eq(lat_file_write(folder, "x", 1, NULL), LAT_OK);
    put_version("/v1/models/mended/versions/1", 2, plain);
    PROBLEM(409, "model_exists");
    STATUS(204, ask("DELETE", "/v1/models/mended/versions/1", NULL));
    STATUS(201, put_version("/v1/models/mended/versions/1", 2, plain));
    cr_assert_eq(scale_of("mended"), 2);
}
