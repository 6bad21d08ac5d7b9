/* Models: list, one, load, unload, encode, decode, reconstruct, embeddings. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/floats.h"
#include "tests/integration/client.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

static size_t index_of(const char *name, double version)
{
    char path[64];
    for (size_t i = 0; i < count_of("models"); i++) {
        snprintf(path, sizeof(path), "models.%zu.name", i);
        const bool same = !strcmp(text_of(path), name);
        snprintf(path, sizeof(path), "models.%zu.version", i);
        if (same && number_of(path) == version)
            return i;
    }
    cr_assert_fail("no model %s@%g in %s", name, version, reply());
    return 0;
}

static const char *member(size_t i, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "models.%zu.%s", i, name);
    return path;
}

Test(models, the_list)
{
    STATUS(200, ask("GET", "/v1/models", NULL));
    cr_assert(is_null("next_cursor"));
    const size_t tiny = index_of("tiny", 1), broken = index_of("broken", 1);
    cr_assert_str_eq(text_of(member(tiny, "state")), "ready");
    cr_assert_str_eq(text_of(member(tiny, "input.kind")), "image");
    cr_assert_eq(number_of(member(tiny, "input.width")), 4);
    cr_assert_eq(number_of(member(tiny, "code_dimension")), 8);
    cr_assert_str_eq(text_of(member(tiny, "capabilities.0")), "encode");
    cr_assert_str_eq(text_of(member(tiny, "capabilities.2")), "reconstruct");
    cr_assert_str_eq(text_of(member(broken, "state")), "unavailable");
    cr_assert_gt(strlen(text_of(member(broken, "reason"))), 5);
    cr_assert_eq(count_of(member(index_of("mute", 1), "capabilities")), 1);
}

Test(models, the_list_in_pages)
{
    char path[300] = "/v1/models?limit=2";
    size_t n = 0;
    STATUS(200, ask("GET", "/v1/models", NULL));
    const size_t all = count_of("models");
    for (int page = 0; page < 20; page++) {
        STATUS(200, ask("GET", path, NULL));
        n += count_of("models");
        if (is_null("next_cursor"))
            break;
        cr_assert_eq(count_of("models"), 2);
        snprintf(path, sizeof(path), "/v1/models?limit=2&cursor=%s", text_of("next_cursor"));
    }
    cr_assert_eq(n, all);
}

Test(models, one_by_name_or_with_its_version)
{
    STATUS(200, ask("GET", "/v1/models/vec", NULL));
    cr_assert_eq(number_of("version"), 2);
    STATUS(200, ask("GET", "/v1/models/vec@1", NULL));
    cr_assert_eq(number_of("version"), 1);
    STATUS(200, ask("GET", "/v1/models/tiny@1", NULL));
    cr_assert_str_eq(text_of("manifest.input.kind"), "image");
    cr_assert_eq(number_of("training.seed"), 7);
    cr_assert(is_null("calibration"));
    STATUS(200, ask("GET", "/v1/models/broken", NULL));
    cr_assert_str_eq(text_of("state"), "unavailable");
    ask("GET", "/v1/models/nobody", NULL);
    PROBLEM(404, "model_not_found");
    ask("GET", "/v1/models/vec@9", NULL);
    PROBLEM(404, "model_not_found");
    ask("GET", "/v1/models/vec@x", NULL);
    PROBLEM(422, "invalid_version");
    ask("GET", "/v1/models/Vec", NULL);
    PROBLEM(422, "invalid_name");
}

Test(models, load_finds_a_new_package_and_unload_makes_it_unavailable)
{
    const struct tiny_model late = {.rank = 2, .dims = {-1, 6}, .code = 3};
    char manifest[1200];
    snprintf(manifest, sizeof(manifest), "%s/late/1/model.json", api_models());
    ask("POST", "/v1/models/late/load", NULL);
    PROBLEM(404, "model_not_found");
    tiny_package(
        api_models(), "late", 1, &late,
        "{\"name\":\"late\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    STATUS(200, ask("POST", "/v1/models/late/load", NULL));
    cr_assert_str_eq(text_of("state"), "ready");
    STATUS(200, ask("POST", "/v1/models/late@1/encode",
                    "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}"));
    STATUS(200, ask("POST", "/v1/models/late/unload", NULL));
    cr_assert_str_eq(text_of("state"), "unavailable");
    ask("POST", "/v1/models/late/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}");
    PROBLEM(503, "model_unavailable");
    cr_assert_gt(strlen(header("Retry-After")), 0);
    STATUS(200, ask("POST", "/v1/models/late/load", NULL));
    STATUS(200,
           ask("POST", "/v1/models/late/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}"));
    ask("POST", "/v1/models/broken/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}");
    PROBLEM(503, "model_unavailable");
    ask("POST", "/v1/models/broken/load", NULL);
    PROBLEM(422, "missing_file");
    cr_assert_eq(remove(manifest), 0);
    ask("POST", "/v1/models/late/load", NULL);
    PROBLEM(404, "model_not_found");
    STATUS(200,
           ask("POST", "/v1/models/late/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}"));
}

/* ---- encode ---- */

Test(models, encode_vectors)
{
    STATUS(200, ask("POST", "/v1/models/vec/encode",
                    "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]},{\"vector\":[0.5,0,-1,0,0,0]}]}"));
    cr_assert_str_eq(reply(), "{\"codes\":[[2,4,6],[1,0,-2]],\"model\":\"vec@2\"}");
    cr_assert_str_eq(header("X-Model"), "vec@2");
    cr_assert_not_null(strstr(header("Server-Timing"), "infer;dur="));
    STATUS(200, ask("POST", "/v1/models/vec/encode", "{\"inputs\":[]}"));
    cr_assert_eq(count_of("codes"), 0);
}

Test(models, encode_with_floats_in_every_form)
{
    const float rows[12] = {1, 2, 3, 4, 5, 6, -1, -2, -3, 0, 0, 0};
    const float codes[6] = {1, 2, 3, -1, -2, -3};
    struct lat_buf body = {0}, text = {0};
    lat_buf_text(&body, "{\"encoding\":\"base64\",\"inputs\":[{\"vector\":\"");
    lat_base64_encode(&body, rows, 24);
    lat_buf_text(&body, "\"}]}");
    lat_base64_encode(&text, codes, 12);
    STATUS(200, ask("POST", "/v1/models/vec@1/encode?encoding=base64", body.data));
    cr_assert_str_eq(text_of("codes.0"), text.data);

    const char *octets =
        "Content-Type: application/octet-stream\r\nAccept: application/octet-stream\r\n";
    STATUS(200, ask_as("POST", "/v1/models/vec@1/encode", octets, rows, sizeof(rows)));
    cr_assert_str_eq(header("X-Shape"), "2,3");
    cr_assert_str_eq(header("Content-Type"), "application/octet-stream");
    cr_assert_eq(reply_len(), sizeof(codes));
    cr_assert_eq(memcmp(reply(), codes, sizeof(codes)), 0);

    const char *shaped = "Content-Type: application/octet-stream\r\nX-Shape: 2,6\r\n";
    STATUS(200, ask_as("POST", "/v1/models/vec@1/encode", shaped, rows, sizeof(rows)));
    cr_assert_eq(count_of("codes"), 2);
    shaped = "Content-Type: application/octet-stream\r\nX-Shape: 3,4\r\n";
    ask_as("POST", "/v1/models/vec@1/encode", shaped, rows, sizeof(rows));
    PROBLEM(422, "wrong_dimension");
    shaped = "Content-Type: application/octet-stream\r\nX-Shape: 5,6\r\n";
    ask_as("POST", "/v1/models/vec@1/encode", shaped, rows, sizeof(rows));
    PROBLEM(422, "bad_shape");
    ask_as("POST", "/v1/models/vec@1/encode", "Content-Type: application/octet-stream\r\n",
           rows, 23);
    PROBLEM(422, "bad_floats");
    lat_buf_release(&body);
    lat_buf_release(&text);
}

Test(models, nothing_in_is_nothing_out_in_raw_floats_too)
{
    const char *octets =
        "Content-Type: application/json\r\nAccept: application/octet-stream\r\n";
    STATUS(200, ask_as("POST", "/v1/models/vec@1/encode", octets, "{\"inputs\":[]}", 13));
    cr_assert_str_eq(header("X-Shape"), "0,3");
    cr_assert_eq(reply_len(), 0);
    STATUS(200, ask_as("POST", "/v1/models/vec@1/decode", octets, "{\"codes\":[]}", 12));
    cr_assert_str_eq(header("X-Shape"), "0,6");
    cr_assert_eq(reply_len(), 0);
}

Test(models, no_floats_are_not_one_row)
{
    static const char *const heads[] = {
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: application/octet-stream\r\nX-Shape: 0,3\r\n",
        "Content-Type: application/octet-stream\r\nX-Shape: 0\r\n"};
    make("{\"dimension\":3}");
    for (size_t i = 0; i < LAT_ARRAY_LEN(heads); i++) {
        ask_as("POST", "/v1/models/vec@1/encode", heads[i], "", 0);
        PROBLEM(422, "wrong_dimension");
        ask_as("POST", "/v1/models/vec@1/decode", heads[i], "", 0);
        PROBLEM(422, "wrong_dimension");
        cr_expect_eq(number_of("errors.0.got"), 0);
        ask_as("POST", coll("/search/batch"), heads[i], "", 0);
        PROBLEM(422, "wrong_dimension");
        ask_as("POST", coll("/search"), heads[i], "", 0);
        PROBLEM(422, "wrong_dimension");
    }
}

Test(models, verbs_refuse_options_nobody_knows)
{
    ask("POST", "/v1/models/vec/load?fast=1", NULL);
    PROBLEM(422, "unknown_parameter");
    ask("POST", "/v1/models/vec/unload?fast=1", NULL);
    PROBLEM(422, "unknown_parameter");
}

Test(models, an_unknown_field_is_told_the_nearest_known_one_however_far)
{
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[],\"with_varianc\":true}");
    PROBLEM(422, "unknown_field");
    cr_expect_not_null(strstr(text_of("detail"), "did you mean 'with_variance'?"), "%s",
                       reply());
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[],\"zzz\":true}");
    PROBLEM(422, "unknown_field");
    POINTER("/zzz");
    cr_expect_not_null(strstr(text_of("detail"), "the nearest known one is '"), "%s", reply());
    cr_expect(text_of("errors.0.expected")[0], "%s", reply());
    ask("POST", "/v1/models/spread/generate", "{\"temp\":1}");
    cr_expect_str_eq(text_of("errors.0.expected"), "temperature", "%s", reply());
    ask("GET", "/v1/models?size=3", NULL);
    PROBLEM(422, "unknown_parameter");
    cr_expect_not_null(strstr(text_of("detail"), "the nearest known one is '"), "%s", reply());
}

Test(models, one_input_needs_no_list)
{
    static const char one[] = "{\"input\":{\"vector\":[1,2,3,0,0,0]}}";
    STATUS(200, ask("POST", "/v1/models/vec@1/encode", one));
    cr_assert_eq(count_of("codes"), 1);
    cr_assert_eq(number_of("codes.0.2"), 3);
    STATUS(200, ask("POST", "/v1/models/vec@1/reconstruct", one));
    cr_assert_eq(count_of("outputs"), 1);
    STATUS(200, ask("POST", "/v1/models/judge/score", one));
    cr_assert_eq(count_of("results"), 1);
    ask("POST", "/v1/models/vec@1/encode", "{\"input\":{\"vector\":[1,2]}}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/input");
    ask("POST", "/v1/models/vec@1/encode", "{\"input\":{\"vector\":[1,\"a\"]}}");
    PROBLEM(422, "wrong_type");
    POINTER("/input/vector/1");
    ask("POST", "/v1/models/vec@1/encode", "{\"input\":{\"vector\":[1]},\"inputs\":[]}");
    PROBLEM(422, "two_kinds");
}

Test(models, encode_pictures_in_every_wrapping)
{
    struct lat_buf png = tiny_png(0, 17), body = {0};
    STATUS(200, ask_as("POST", "/v1/models/tiny/encode", "Content-Type: image/png\r\n",
                       png.data, png.len));
    cr_assert_eq(count_of("codes"), 1);
    cr_assert_float_eq(number_of("codes.0.3"), 51 / 255.0, 1e-6);
    lat_buf_printf(&body,
                   "{\"inputs\":[{\"image\":\"%s\"},{\"image\":\"data:image/png;base64,%s\"}]}",
                   tiny_png64(0, 17), tiny_png64(255, 0));
    STATUS(200, ask("POST", "/v1/models/tiny/encode", body.data));
    cr_assert_float_eq(number_of("codes.0.3"), 51 / 255.0, 1e-6);
    cr_assert_eq(number_of("codes.1.7"), 1);
    lat_buf_clear(&body);
    lat_buf_text(
        &body,
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n");
    lat_buf_append(&body, png.data, png.len);
    lat_buf_text(&body, "\r\n--x--\r\n");
    STATUS(200,
           ask_as("POST", "/v1/models/tiny/encode",
                  "Content-Type: multipart/form-data; boundary=x\r\n", body.data, body.len));
    cr_assert_float_eq(number_of("codes.0.3"), 51 / 255.0, 1e-6);
    lat_buf_release(&body);
    lat_buf_release(&png);
}

Test(models, variances_are_there_when_the_model_has_them)
{
    STATUS(200, ask("POST", "/v1/models/spread/encode",
                    "{\"inputs\":[{\"vector\":[0,1,2,0,0,0]}],\"with_variance\":true}"));
    cr_assert_eq(number_of("codes.0.2"), 2);
    cr_assert_eq(number_of("variances.0.0"), 1);
    cr_assert_float_eq(number_of("variances.0.1"), exp(1), 1e-5);
    ask("POST", "/v1/models/vec/encode",
        "{\"inputs\":[{\"vector\":[0,1,2,0,0,0]}],\"with_variance\":true}");
    PROBLEM(422, "capability_missing");
}

Test(models, variances_are_of_encode_alone)
{
    static const char *const verbs[] = {"reconstruct", "denoise", "score", "decode"};
    char path[80];
    STATUS(200, ask("POST", "/v1/models/spread/encode?with_variance=true",
                    "{\"inputs\":[{\"vector\":[0,1,2,0,0,0]}]}"));
    cr_assert_eq(number_of("variances.0.0"), 1);
    for (size_t i = 0; i < LAT_ARRAY_LEN(verbs); i++) {
        snprintf(path, sizeof(path), "/v1/models/spread/%s?with_variance=false", verbs[i]);
        ask("POST", path, "{\"inputs\":[{\"vector\":[0,1,2,0,0,0]}]}");
        PROBLEM(422, "unknown_parameter");
    }
    ask("POST", "/v1/models/spread/reconstruct",
        "{\"inputs\":[{\"vector\":[0,1,2,0,0,0]}],\"with_variance\":false}");
    PROBLEM(422, "unknown_field");
    POINTER("/with_variance");
    ask("POST", "/v1/models/spread/decode", "{\"codes\":[[0,1,2]],\"with_variance\":false}");
    PROBLEM(422, "unknown_field");
}

Test(models, what_is_wrong_with_an_input_is_said_with_its_place)
{
    ask("POST", "/v1/models/vec@1/encode",
        "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]},{\"vector\":[1,2]}]}");
    PROBLEM(422, "wrong_dimension");
    cr_assert_not_null(strstr(text_of("detail"), "vec@1"));
    cr_assert_not_null(strstr(text_of("detail"), "input 1"));
    cr_assert_eq(number_of("errors.0.expected"), 6);
    cr_assert_eq(number_of("errors.0.got"), 2);
    cr_assert_eq(strncmp(text_of("errors.0.pointer"), "/inputs/1", 9), 0);
    ask("POST", "/v1/models/vec/encode",
        "{\"inputs\":[{\"vector\":[1,2,3,4,5,6],\"image\":\"x\"}]}");
    PROBLEM(422, "two_kinds");
    POINTER("/inputs/0");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{}]}");
    PROBLEM(422, "missing_field");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{\"vectr\":[1]}]}");
    PROBLEM(422, "unknown_field");
    POINTER("/inputs/0/vectr");
    cr_assert_str_eq(text_of("errors.0.expected"), "vector");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{\"row\":{\"a\":1}}]}");
    PROBLEM(422, "wrong_input_kind");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{\"image\":\"AAAA\"}]}");
    PROBLEM(422, "wrong_input_kind");
    ask("POST", "/v1/models/tiny/encode", "{\"inputs\":[{\"vector\":[1,2]}]}");
    PROBLEM(422, "wrong_input_kind");
    ask("POST", "/v1/models/tiny/encode", "{\"inputs\":[{\"image\":\"!!!\"}]}");
    PROBLEM(422, "bad_base64");
    POINTER("/inputs/0/image");
    ask("POST", "/v1/models/tiny/encode", "{\"inputs\":[{\"image\":\"AAAAAAAA\"}]}");
    PROBLEM(422, "bad_image");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,1e39]}]}");
    PROBLEM(400, "number_out_of_range");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":[{\"vector\":[1,2,3,4,5,NaN]}]}");
    PROBLEM(400, "bad_json");
    ask("POST", "/v1/models/vec/encode",
        "{\"encoding\":\"base64\",\"inputs\":[{\"vector\":\"AADAfwAAwH8AAMB/AADAfwAAwH8AAMB/"
        "\"}]}");
    PROBLEM(422, "not_finite");
    ask("POST", "/v1/models/vec/encode", "{}");
    PROBLEM(422, "missing_field");
    ask("POST", "/v1/models/vec/encode", "{\"inputs\":{}}");
    PROBLEM(422, "wrong_type");
    ask("POST", "/v1/models/vec/encode?encoding=hex", "{\"inputs\":[]}");
    PROBLEM(422, "unknown_value");
    ask("POST", "/v1/models/nobody/encode", "{\"inputs\":[]}");
    PROBLEM(404, "model_not_found");
}

Test(models, pictures_that_lie_are_refused_by_their_own_status)
{
    struct lat_buf png = tiny_png(0, 1);
    const char *type = "Content-Type: image/png\r\n";
    ask_as("POST", "/v1/models/tiny/encode", type, "no picture", 10);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny/encode", type, png.data, png.len / 2);
    PROBLEM(422, "bad_image");
    /* A head that claims 100,000 x 100,000 pixels. */
    static const unsigned char bomb[] = {
        0x89, 'P',  'N',  'G', 13, 10,   26,   10, 0, 0, 0, 13, 'I',  'H',  'D',  'R', 0,
        1,    0x86, 0xA0, 0,   1,  0x86, 0xA0, 8,  0, 0, 0, 0,  0x6F, 0x5A, 0x2C, 0x43};
    ask_as("POST", "/v1/models/tiny/encode", type, bomb, sizeof(bomb));
    PROBLEM(413, "image_too_large");
    ask_as("POST", "/v1/models/tiny/encode", "Content-Type: application/pdf\r\n", "x", 1);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny/encode",
           "Content-Type: application/x-www-form-urlencoded\r\n", "{\"inputs\":[]}", 13);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny/encode", "Content-Type: application/octet-stream\r\n",
           "1234", 4);
    PROBLEM(415, "unsupported_media_type");
    lat_buf_release(&png);
}

Test(models, a_batch_has_a_limit)
{
    struct lat_buf body = {0};
    lat_buf_text(&body, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}");
    for (int i = 0; i < 1000; i++)
        lat_buf_text(&body, ",{\"vector\":[1,2,3,4,5,6]}");
    lat_buf_text(&body, "]}");
    ask("POST", "/v1/models/vec/encode", body.data);
    PROBLEM(413, "batch_too_large");
    POINTER("/inputs");
    lat_buf_release(&body);
}

Test(models, what_is_kept_decoded_has_a_limit_of_its_own)
{
    static const char *const options[] = {"--max-pixels", "20", NULL};
    static const char two[] = "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]},"
                              "{\"vector\":[1,2,3,4,5,6]}]}";
    static const char four[] = "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]},"
                               "{\"vector\":[1,2,3,4,5,6]},{\"vector\":[1,2,3,4,5,6]},"
                               "{\"vector\":[1,2,3,4,5,6]}]}";
    struct server server;
    test_folder_enter();
    api_write_models(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), options);
    api_use(&server);
    STATUS(200, ask("POST", "/v1/models/vec/reconstruct", two));
    ask("POST", "/v1/models/vec/reconstruct", four);
    PROBLEM(413, "batch_too_large");
    POINTER("/inputs");
    ask("POST", "/v1/models/judge/score", four);
    PROBLEM(413, "batch_too_large");
    POINTER("/inputs");
    STATUS(200, ask("POST", "/v1/models/vec/encode", four));
    cr_assert_eq(server_stop(&server, 20000), 0);
    test_folder_leave();
}

/* ---- decode, reconstruct ---- */

Test(models, decode_to_vectors)
{
    STATUS(200, ask("POST", "/v1/models/vec@2/decode", "{\"codes\":[[2,4,6],[0,0,1]]}"));
    cr_assert_str_eq(reply(), "{\"outputs\":[{\"vector\":[1,2,3,0,0,0]},{\"vector\":[0,0,0.5,0,"
                              "0,0]}],\"model\":\"vec@2\"}");
    cr_assert_str_eq(header("X-Model"), "vec@2");
    const float codes[6] = {2, 4, 6, 0, 0, 1};
    STATUS(
        200,
        ask_as("POST", "/v1/models/vec@2/decode",
               "Content-Type: application/octet-stream\r\nAccept: application/octet-stream\r\n",
               codes, sizeof(codes)));
    cr_assert_str_eq(header("X-Shape"), "2,6");
    cr_assert_eq(reply_len(), 48);
    ask("POST", "/v1/models/vec@2/decode", "{\"codes\":[[2,4,6],[0,0]]}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/codes/1");
    cr_assert_eq(number_of("errors.0.expected"), 3);
    ask("POST", "/v1/models/vec@2/decode", "{\"codes\":[2,4,6]}");
    PROBLEM(422, "wrong_type");
    ask("POST", "/v1/models/mute/decode", "{\"codes\":[[2,4,6]]}");
    PROBLEM(422, "capability_missing");
}

Test(models, decode_to_pictures)
{
    STATUS(200, ask("POST", "/v1/models/tiny/decode", "{\"codes\":[[1,1,1,1,0,0,0,0]]}"));
    cr_assert_eq(strncmp(text_of("outputs.0.image"), "iVBORw0KGgo", 11), 0);
    const char *body = "{\"codes\":[[1,1,1,1,0,0,0,0]]}";
    STATUS(200, ask_as("POST", "/v1/models/tiny/decode",
                       "Content-Type: application/json\r\nAccept: image/png\r\n", body,
                       strlen(body)));
    cr_assert_str_eq(header("Content-Type"), "image/png");
    cr_assert_eq(memcmp(reply(), "\x89PNG", 4), 0);
}

Test(models, reconstruct_gives_outputs_and_errors)
{
    STATUS(200, ask("POST", "/v1/models/vec@1/reconstruct",
                    "{\"inputs\":[{\"vector\":[1,2,3,0,0,0]},{\"vector\":[0,0,0,0,0,3]}]}"));
    cr_assert_eq(number_of("errors.0"), 0);
    cr_assert_eq(number_of("errors.1"), 1.5);
    cr_assert_eq(number_of("outputs.0.vector.2"), 3);
    struct lat_buf png = tiny_png(255, 0);
    STATUS(200, ask_as("POST", "/v1/models/tiny/reconstruct", "Content-Type: image/png\r\n",
                       png.data, png.len));
    cr_assert_float_eq(number_of("errors.0"), 0.5, 1e-6);
    STATUS(200, ask_as("POST", "/v1/models/tiny/reconstruct",
                       "Content-Type: image/png\r\nAccept: image/png\r\n", png.data, png.len));
    cr_assert_str_eq(header("Content-Type"), "image/png");
    cr_assert_str_eq(header("X-Error"), "0.5");
    ask("POST", "/v1/models/mute/reconstruct", "{\"inputs\":[]}");
    PROBLEM(422, "capability_missing");
    lat_buf_release(&png);
}

Test(models, denoise_is_for_models_trained_on_corrupted_inputs)
{
    static const struct tiny_model cleaner = {.rank = 2, .dims = {-1, 16}, .code = 8};
    tiny_package(api_models(), "cleaner", 1, &cleaner,
                 "{\"denoising\":true,\"input\":{\"kind\":\"image\",\"width\":4,\"height\":4,"
                 "\"channels\":1,\"layout\":\"flat\"}}");
    STATUS(200, ask("POST", "/v1/models/cleaner/load", NULL));
    cr_assert_not_null(strstr(reply(), "\"denoise\""), "%s", reply());
    struct lat_buf png = tiny_png(255, 0);
    STATUS(200, ask_as("POST", "/v1/models/cleaner/denoise", "Content-Type: image/png\r\n",
                       png.data, png.len));
    cr_assert_float_eq(number_of("errors.0"), 0.5, 1e-6);
    cr_assert_str_eq(text_of("model"), "cleaner@1");
    STATUS(200, ask_as("POST", "/v1/models/cleaner/denoise",
                       "Content-Type: image/png\r\nAccept: image/png\r\n", png.data, png.len));
    cr_assert_str_eq(header("Content-Type"), "image/png");
    cr_assert_str_eq(header("X-Model"), "cleaner@1");
    ask_as("POST", "/v1/models/tiny/denoise", "Content-Type: image/png\r\n", png.data, png.len);
    PROBLEM(422, "capability_missing");
    cr_assert_not_null(strstr(text_of("detail"), "not trained on corrupted inputs"));
    ask("POST", "/v1/models/mute/denoise", "{\"inputs\":[]}");
    PROBLEM(422, "capability_missing");
    cr_assert_not_null(strstr(text_of("detail"), "no decoder"));
    ask("POST", "/v1/models/nobody/denoise", "{\"inputs\":[]}");
    PROBLEM(404, "model_not_found");
    lat_buf_release(&png);
}

/* ---- the OpenAI shape ---- */

Test(models, embeddings)
{
    STATUS(200, ask("POST", "/v1/embeddings", "{\"model\":\"vec@1\",\"input\":[1,2,3,4,5,6]}"));
    cr_assert_str_eq(text_of("object"), "list");
    cr_assert_eq(count_of("data"), 1);
    cr_assert_eq(number_of("data.0.embedding.2"), 3);
    cr_assert_str_eq(text_of("model"), "vec@1");
    cr_assert_eq(number_of("usage.total_tokens"), 1);
    STATUS(200, ask("POST", "/v1/embeddings",
                    "{\"model\":\"vec@1\",\"input\":[[1,2,3,4,5,6],[0,0,1,0,0,0]],\"encoding_"
                    "format\":\"base64\",\"user\":\"me\"}"));
    cr_assert_eq(count_of("data"), 2);
    cr_assert_eq(number_of("data.1.index"), 1);
    cr_assert_str_eq(text_of("data.1.embedding"), "AAAAAAAAAAAAAIA/");
    char body[2048];
    snprintf(body, sizeof(body), "{\"model\":\"tiny\",\"input\":\"data:image/png;base64,%s\"}",
             tiny_png64(255, 0));
    STATUS(200, ask("POST", "/v1/embeddings", body));
    cr_assert_eq(number_of("data.0.embedding.0"), 1);
    snprintf(body, sizeof(body),
             "{\"model\":\"tiny\",\"input\":[\"%s\",\"%s\"],\"dimensions\":8}",
             tiny_png64(255, 0), tiny_png64(0, 0));
    STATUS(200, ask("POST", "/v1/embeddings", body));
    cr_assert_eq(count_of("data"), 2);
    ask("POST", "/v1/embeddings", "{\"model\":\"vec\",\"input\":[[1,2,3,4,5,6],[1]]}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/input/1");
    ask("POST", "/v1/embeddings", "{\"model\":\"nobody\",\"input\":[1]}");
    PROBLEM(404, "model_not_found");
    POINTER("/model");
    ask("POST", "/v1/embeddings",
        "{\"model\":\"vec\",\"input\":[1,2,3,4,5,6],\"dimensions\":4}");
    PROBLEM(422, "wrong_dimension");
    ask("POST", "/v1/embeddings", "{\"model\":\"vec\"}");
    PROBLEM(422, "missing_field");
}
