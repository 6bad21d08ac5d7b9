/* Codes that nobody sent: samples, walks, directions. `spread` decodes a code of three numbers
 * to six, the last three 0; `tiny` to pictures of 4x4; both are linear. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/image.h"
#include "tests/integration/client.h"
#include "tests/integration/command.h"
#include "tests/support/tiny_onnx.h"

static const char png_headers[] = "Content-Type: application/json\r\nAccept: image/png\r\n";

/* The sheet in the reply, its size asserted. */
static struct lat_image sheet(uint32_t width, uint32_t height)
{
    struct lat_image image = {0};
    cr_assert_str_eq(header("Content-Type"), "image/png");
    cr_assert_eq(lat_image_decode(reply(), reply_len(), NULL, &image, NULL), LAT_OK);
    cr_assert_eq(image.width, width, "%u", image.width);
    cr_assert_eq(image.height, height, "%u", image.height);
    return image;
}

/* ---- generate ---- */

Test(generate, samples_are_those_of_their_seed)
{
    STATUS(200, ask("POST", "/v1/models/spread/generate", "{\"count\":3,\"seed\":5}"));
    cr_assert_str_eq(text_of("model"), "spread@1");
    cr_assert_str_eq(header("X-Model"), "spread@1");
    cr_assert_eq(count_of("codes"), 3);
    cr_assert_eq(count_of("outputs"), 3);
    cr_assert_eq(number_of("seed"), 5);
    const double first = number_of("codes.0.0"), last = number_of("codes.2.2");
    cr_assert_neq(first, last);
    cr_assert_float_eq(number_of("outputs.2.vector.2"), last, 1e-6);
    cr_assert_eq(number_of("outputs.2.vector.5"), 0);
    STATUS(200, ask("POST", "/v1/models/spread/generate", "{\"count\":30,\"seed\":5}"));
    cr_assert_eq(number_of("codes.0.0"), first);
    cr_assert_eq(number_of("codes.2.2"), last);
    STATUS(200, ask("POST", "/v1/models/spread/generate",
                    "{\"count\":1,\"seed\":5,\"temperature\":0.5}"));
    cr_assert_float_eq(number_of("codes.0.0"), first / 2, 1e-6);
    STATUS(200, ask("POST", "/v1/models/spread/generate",
                    "{\"count\":2,\"seed\":5,\"temperature\":0}"));
    for (int k = 0; k < 6; k++) {
        char path[40];
        snprintf(path, sizeof(path), "outputs.1.vector.%d", k);
        cr_assert_eq(number_of(path), 0, "%s", path);
    }
}

Test(generate, without_a_seed_one_is_drawn_and_told)
{
    char body[80];
    STATUS(200, ask("POST", "/v1/models/spread/generate", "{}"));
    cr_assert_eq(count_of("codes"), 1);
    const double seed = number_of("seed"), value = number_of("codes.0.1");
    cr_assert(seed >= 0 && seed < 9007199254740992.0);
    snprintf(body, sizeof(body), "{\"seed\":%.0f}", seed);
    STATUS(200, ask("POST", "/v1/models/spread/generate", body));
    cr_assert_eq(number_of("codes.0.1"), value);
    STATUS(200, ask_as("POST", "/v1/models/spread/generate", NULL, "", 0));
    cr_assert_eq(count_of("outputs"), 1);
}

Test(generate, raw_floats_and_base64)
{
    STATUS(200, ask_as("POST", "/v1/models/spread/generate",
                       "Content-Type: application/json\r\nAccept: application/octet-stream\r\n",
                       "{\"count\":4,\"seed\":1}", 20));
    cr_assert_str_eq(header("X-Shape"), "4,6");
    cr_assert_str_eq(header("X-Seed"), "1");
    cr_assert_eq(reply_len(), 96);
    STATUS(200, ask("POST", "/v1/models/spread/generate?encoding=base64", "{\"seed\":1}"));
    cr_assert_eq(strlen(text_of("codes.0")), 16);
}

Test(generate, only_models_with_a_prior)
{
    ask("POST", "/v1/models/vec/generate", "{}");
    PROBLEM(422, "capability_missing");
    cr_assert_not_null(strstr(text_of("detail"), "deterministic"), "%s", reply());
    ask("POST", "/v1/models/mute/generate", "{}");
    PROBLEM(422, "capability_missing");
    ask("POST", "/v1/models/nobody/generate", "{}");
    PROBLEM(404, "model_not_found");
    ask("POST", "/v1/models/broken/generate", "{}");
    PROBLEM(503, "model_unavailable");
}

Test(generate, limits)
{
    static const struct {
        const char *body, *pointer;
    } rows[] = {{"{\"count\":0}", "/count"},
                {"{\"count\":-1}", "/count"},
                {"{\"count\":1.5}", "/count"},
                {"{\"count\":\"3\"}", "/count"},
                {"{\"seed\":-4}", "/seed"},
                {"{\"temperature\":-0.1}", "/temperature"},
                {"{\"temperature\":101}", "/temperature"},
                {"{\"number\":3}", "/number"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        cr_expect_eq(ask("POST", "/v1/models/spread/generate", rows[i].body), 422, "%s: %s",
                     rows[i].body, reply());
        POINTER(rows[i].pointer);
    }
    ask("POST", "/v1/models/spread/generate", "{\"count\":1001}");
    PROBLEM(413, "batch_too_large");
    ask("POST", "/v1/models/spread/generate", "{\"count\":4000000000}");
    PROBLEM(413, "batch_too_large");
    ask("POST", "/v1/models/spread/generate?columns=0", "{}");
    PROBLEM(422, "out_of_range");
    ask("POST", "/v1/models/spread/generate", "{\"count\":");
    PROBLEM(400, "bad_json");
}

/* ---- interpolate ---- */

Test(interpolate, the_ends_are_those_given_and_the_steps_even)
{
    STATUS(200, ask("POST", "/v1/models/vec@2/interpolate",
                    "{\"from\":[0,0,0],\"to\":{\"vector\":[2,4,0,0,0,0]},\"steps\":5}"));
    cr_assert_eq(count_of("codes"), 5);
    cr_assert_eq(number_of("codes.0.0"), 0);
    cr_assert_eq(number_of("codes.4.1"), 8, "vec@2 doubles: %s", reply());
    cr_assert_eq(number_of("codes.1.1"), 2);
    cr_assert_eq(number_of("outputs.1.vector.1"), 1);
    STATUS(200,
           ask("POST", "/v1/models/vec@2/interpolate",
               "{\"from\":{\"code\":[1,0,0]},\"to\":{\"input\":{\"vector\":[0,0.5,0,0,0,0]}},"
               "\"steps\":3,\"path\":\"spherical\"}"));
    cr_assert_float_eq(number_of("codes.1.0"), sqrt(0.5), 1e-6);
    cr_assert_float_eq(number_of("codes.1.1"), sqrt(0.5), 1e-6);
    STATUS(200,
           ask("POST", "/v1/models/vec@2/interpolate", "{\"from\":[1,0,0],\"to\":[0,1,0]}"));
    cr_assert_eq(count_of("codes"), 8);
}

Test(interpolate, stored_items_by_their_ids)
{
    char body[200];
    make("{\"model\":\"vec@1\"}");
    put("a", "{\"code\":[1,0,0]}");
    put("b", "{\"code\":[3,0,0]}");
    const char *name = strrchr(coll(""), '/') + 1;
    snprintf(body, sizeof(body),
             "{\"from\":\"a\",\"to\":{\"id\":\"b\"},\"steps\":3,\"collection\":\"%s\"}", name);
    STATUS(200, ask("POST", "/v1/models/vec@1/interpolate", body));
    cr_assert_eq(number_of("codes.1.0"), 2);
    ask("POST", "/v1/models/vec@2/interpolate", body);
    PROBLEM(422, "wrong_model");
    POINTER("/collection");
    cr_assert_str_eq(text_of("errors.0.expected"), "vec@2");
    ask("POST", "/v1/models/tiny/interpolate", body);
    PROBLEM(422, "wrong_model");
    snprintf(body, sizeof(body), "{\"from\":\"a\",\"to\":\"gone\",\"collection\":\"%s\"}",
             name);
    ask("POST", "/v1/models/vec@1/interpolate", body);
    PROBLEM(404, "item_not_found");
    POINTER("/to");
    ask("POST", "/v1/models/vec@1/interpolate",
        "{\"from\":\"a\",\"to\":\"b\",\"collection\":\"nowhere\"}");
    PROBLEM(404, "collection_not_found");
    ask("POST", "/v1/models/vec@1/interpolate", "{\"from\":[1,2,3],\"to\":\"b\"}");
    PROBLEM(422, "missing_field");
    POINTER("/to");
}

Test(interpolate, pictures_in_lines)
{
    const char *body = "{\"from\":[0,0,0,0,0,0,0,0],\"to\":[1,1,1,1,1,1,1,1],\"steps\":18}";
    STATUS(200, ask_as("POST", "/v1/models/tiny/interpolate", png_headers, body, strlen(body)));
    cr_assert_str_eq(header("X-Grid"), "16,2");
    struct lat_image image = sheet(64, 8);
    cr_assert_eq(image.pixels[0], 0);
    cr_assert_eq(image.pixels[4 * 64 + 4], 255, "the last picture is the second of line two");
    lat_image_release(&image);
    STATUS(200, ask_as("POST", "/v1/models/tiny/interpolate?columns=6", png_headers, body,
                       strlen(body)));
    image = sheet(24, 12);
    lat_image_release(&image);
}

Test(interpolate, rows_and_histories_come_as_what_they_are)
{
    STATUS(200, ask("POST", "/v1/models/people/interpolate",
                    "{\"from\":[0,0,0],\"to\":[1,2,1],\"steps\":2}"));
    cr_assert(has("outputs.1.row.x"), "%s", reply());
    STATUS(200,
           ask("POST", "/v1/models/taste/interpolate",
               "{\"from\":{\"history\":[\"a\"]},\"to\":{\"history\":[\"b\"]},\"steps\":3}"));
    cr_assert_eq(number_of("outputs.1.scores.a"), 0.5, "%s", reply());
}

Test(interpolate, refusals_have_a_place)
{
    static const struct {
        const char *body, *code, *pointer;
    } rows[] = {
        {"{\"from\":[1,2,3]}", "missing_field", "/to"},
        {"{\"from\":[1,2],\"to\":[1,2,3]}", "wrong_dimension", "/from"},
        {"{\"from\":[1,2,3],\"to\":[]}", "wrong_dimension", "/to"},
        {"{\"from\":5,\"to\":[1,2,3]}", "wrong_type", "/from"},
        {"{\"from\":[1,2,3],\"to\":[1,2,3],\"steps\":1}", "out_of_range", "/steps"},
        {"{\"from\":[1,2,3],\"to\":[1,2,3],\"path\":\"round\"}", "unknown_value", "/path"},
        {"{\"from\":{\"vector\":[1]},\"to\":[1,2,3]}", "wrong_dimension", "/from"},
        {"{\"from\":{\"id\":\"a\",\"code\":[1]},\"to\":[1,2,3]}", "two_kinds", "/from"},
        {"{\"from\":{\"id\":\"a\",\"weight\":1},\"to\":[1,2,3]}", "unknown_field",
         "/from/weight"},
        {"{\"from\":{},\"to\":[1,2,3]}", "missing_field", "/from"},
        {"{\"from\":\"a\",\"to\":[1,2,3],\"collection\":\"A B\"}", "invalid_name",
         "/collection"}};
    ask("POST", "/v1/models/vec@1/interpolate",
        "{\"from\":\"a\",\"to\":\"b\",\"collection\":\"nobody\"}");
    PROBLEM(404, "collection_not_found");
    POINTER("/collection");
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        ask("POST", "/v1/models/vec@1/interpolate", rows[i].body);
        PROBLEM(422, rows[i].code);
        POINTER(rows[i].pointer);
    }
    ask("POST", "/v1/models/vec@1/interpolate",
        "{\"from\":[1,2,3],\"to\":[1,2,3],\"steps\":1001}");
    PROBLEM(413, "batch_too_large");
    POINTER("/steps");
    ask("POST", "/v1/models/mute/interpolate", "{\"from\":[1,2,3],\"to\":[1,2,3]}");
    PROBLEM(422, "capability_missing");
}

/* ---- latent ---- */

Test(latent, a_direction_is_the_difference_of_two_means)
{
    STATUS(200, ask("POST", "/v1/models/vec@1/latent",
                    "{\"add\":[[2,0,0],{\"vector\":[4,2,0,0,0,0]}],\"subtract\":[[1,0,0]],"
                    "\"to\":[0,0,5],\"scale\":2}"));
    cr_assert_eq(count_of("codes"), 1);
    cr_assert_eq(number_of("codes.0.0"), 4);
    cr_assert_eq(number_of("codes.0.1"), 2);
    cr_assert_eq(number_of("codes.0.2"), 5);
    cr_assert_eq(number_of("outputs.0.vector.0"), 4);
    STATUS(200, ask("POST", "/v1/models/vec@1/latent",
                    "{\"subtract\":[[1,0,0]],\"to\":{\"vector\":[1,1,1,0,0,0]}}"));
    cr_assert_eq(number_of("codes.0.0"), 0);
    const char *body = "{\"add\":[[1,1,1,1,1,1,1,1]],\"to\":[0,0,0,0,0,0,0,0]}";
    STATUS(200, ask_as("POST", "/v1/models/tiny/latent", png_headers, body, strlen(body)));
    struct lat_image image = sheet(4, 4);
    cr_assert_eq(image.pixels[7], 255);
    cr_assert_eq(image.pixels[8], 0);
    lat_image_release(&image);
}

Test(latent, refusals_have_a_place)
{
    static const struct {
        const char *body, *code, *pointer;
    } rows[] = {{"{\"add\":[[1,2,3]]}", "missing_field", "/to"},
                {"{\"to\":[1,2,3]}", "missing_field", "/add"},
                {"{\"to\":[1,2,3],\"add\":[],\"subtract\":[]}", "missing_field", "/add"},
                {"{\"to\":[1,2,3],\"add\":[[1,2,3],[1]]}", "wrong_dimension", "/add/1"},
                {"{\"to\":[1,2,3],\"subtract\":[\"x\"]}", "missing_field", "/subtract/0"},
                {"{\"to\":[1,2,3],\"add\":[7]}", "wrong_type", "/add/0"},
                {"{\"to\":[1,2,3],\"add\":{}}", "wrong_type", "/add"},
                {"{\"to\":[1,2,3],\"add\":[[1,2,3]],\"scale\":\"x\"}", "wrong_type", "/scale"},
                {"{\"to\":[1,2,3],\"add\":[[1,2,3]],\"scael\":1}", "unknown_field", "/scael"},
                {"{\"to\":5,\"add\":[[1,2,3]]}", "wrong_type", "/to"},
                {"{\"to\":[3e38,2,3],\"add\":[[3e38,2,3]]}", "not_finite", "/to"},
                {"{\"to\":[1,2,3],\"add\":[[3e38,2,3]],\"scale\":9}", "not_finite", "/scale"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        ask("POST", "/v1/models/vec@1/latent", rows[i].body);
        PROBLEM(422, rows[i].code);
        POINTER(rows[i].pointer);
    }
    ask("POST", "/v1/models/vec@1/latent", "{\"to\":5,\"add\":[[1,2,3]]}");
    cr_expect_str_eq(text_of("errors.0.expected"), "an id, a code or an input", "%s", reply());
    ask("POST", "/v1/models/spread/generate", "{\"temperature\":-0.5}");
    cr_expect_eq(number_of("errors.0.got"), -0.5, "a number, not its text: %s", reply());
}

Test(latent, an_output_that_is_no_number_is_refused_and_not_null)
{
    static const struct tiny_model loud = {
        .rank = 2, .dims = {-1, 6}, .code = 3, .scale = 1, .decoder_scale = 1e9F};
    static const char body[] = "{\"from\":[1,2,3],\"to\":[3e38,2,3],\"steps\":2}";
    tiny_package(api_models(), "loud", 1, &loud,
                 "{\"name\":\"loud\",\"version\":1,"
                 "\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    STATUS(200, ask("POST", "/v1/models/loud/load", NULL));
    STATUS(200, ask("POST", "/v1/models/loud/decode", "{\"codes\":[[1,2,3]]}"));
    ask("POST", "/v1/models/loud/decode", "{\"codes\":[[1,2,3],[3e38,2,3]]}");
    PROBLEM(422, "not_finite");
    cr_expect(strstr(text_of("detail"), "output 1"), "%s", reply());
    ask("POST", "/v1/models/loud/interpolate", body);
    PROBLEM(422, "not_finite");
    ask_as("POST", "/v1/models/loud/interpolate",
           "Content-Type: application/json\r\nAccept: application/octet-stream\r\n", body,
           strlen(body));
    PROBLEM(422, "not_finite");
}

Test(generate, a_picture_is_sent_to_those_who_like_it_no_less_than_json)
{
    static const struct {
        const char *accept, *type;
    } rows[] = {{"image/png", "image/png"},
                {"image/png, application/json", "image/png"},
                {"application/json;q=0.5, image/*", "image/png"},
                {"application/json, image/png;q=0.5", "application/json"},
                {"image/png;q=0.25, application/json; q=0.250", "image/png"},
                {"image/png;q=0.249, application/json;level=1;q=0.25", "application/json"},
                {"image/png;q=0", "application/json"},
                {"image/png;q=0.000, application/json;q=0", "application/json"},
                {"image/png;q=1.0", "image/png"},
                {"*/*", "application/json"}};
    static const char body[] = "{\"codes\":[[0,0,0,0,0,0,0,0]]}";
    char headers[160];
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        snprintf(headers, sizeof(headers), "Content-Type: application/json\r\nAccept: %s\r\n",
                 rows[i].accept);
        STATUS(200, ask_as("POST", "/v1/models/tiny/decode", headers, body, strlen(body)));
        cr_expect_str_eq(header("Content-Type"), rows[i].type, "%s", rows[i].accept);
    }
    make("{\"model\":\"tiny\"}");
    put("a", "{\"code\":[0,0,0,0,0,0,0,0]}");
    STATUS(200, ask_as("GET", coll("/items/a/reconstruction"),
                       "Accept: application/json;q=0.1, image/png\r\n", NULL, 0));
    cr_expect_str_eq(header("Content-Type"), "image/png");
}

/* ---- a model that was trained ---- */

TestSuite(trained, .init = test_folder_enter, .fini = test_folder_leave);

Test(trained, samples_of_a_variational_model_are_pictures_of_its_kind)
{
    char models[512];
    struct server server;
    snprintf(models, sizeof(models), "%s", test_path("models"));
    put_halves("train-idx3-ubyte", NULL, 40, 0);
    put_text("spec.json",
             "{\"name\":\"halves\",\"data\":{\"path\":\"train-idx3-ubyte\",\"validation\":0.1},"
             "\"code\":{\"dimension\":2,\"type\":\"gaussian\"},"
             "\"network\":{\"encoder\":{\"hidden\":[16],\"activation\":\"tanh\"}},"
             "\"optimizer\":{\"rate\":0.02,\"batch\":8,\"epochs\":40}}");
    cr_assert_eq(RUN("train", test_path("spec.json"), "--models", models), 0, "%s", output());
    server_start(&server, test_path("data"), models, NULL);
    api_use(&server);
    STATUS(200, ask("GET", "/v1/models", NULL));
    cr_assert_not_null(strstr(reply(), "\"generate\""), "%s", reply());
    const char *body = "{\"count\":10,\"seed\":3}";
    STATUS(200, ask_as("POST", "/v1/models/halves/generate", png_headers, body, strlen(body)));
    cr_assert_str_eq(header("X-Grid"), "4,3");
    cr_assert_str_eq(header("X-Seed"), "3");
    struct lat_image image = {0};
    cr_assert_eq(lat_image_decode(reply(), reply_len(), NULL, &image, NULL), LAT_OK);
    size_t sure = 0, all = (size_t)image.width * image.height / 12 * 10;
    for (size_t i = 0; i < all; i++)
        sure += image.pixels[i] < 64 || image.pixels[i] > 191;
    cr_expect_gt(sure * 10, all * 6, "most pixels are black or white: %zu of %zu", sure, all);
    lat_image_release(&image);
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 30000), 0);
}
