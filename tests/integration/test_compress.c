/* Inputs to compressed bytes and back over HTTP. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/image.h"
#include "tests/integration/client.h"
#include "tests/integration/command.h"

TestSuite(compress, .init = test_folder_enter, .fini = test_folder_leave);

#define CODE "Content-Type: application/vnd.latentd.code\r\n"
#define PNG  "Content-Type: image/png\r\n"

/* The last body, kept. */
static struct lat_buf kept;

static void keep_reply(void)
{
    lat_buf_clear(&kept);
    lat_buf_append(&kept, reply(), reply_len());
}

static double header_number(const char *name)
{
    cr_assert(header(name)[0] != '\0', "no %s", name);
    return strtod(header(name), NULL);
}

Test(compress, a_vector_comes_back_within_what_was_said)
{
    STATUS(200, ask("POST", "/v1/models/vec@1/compress",
                    "{\"input\":{\"vector\":[1,-2,3,0,0,0]},\"bits\":12}"));
    cr_expect_str_eq(header("Content-Type"), "application/vnd.latentd.code");
    cr_expect_str_eq(header("X-Model"), "vec@1");
    cr_expect_float_eq(header_number("X-Bits-Per-Pixel"), 8.0 * (double)reply_len() / 6, 1e-3);
    cr_expect_str_eq(header("X-PSNR"), "", "no picture, no PSNR");
    const double error = header_number("X-Error");
    keep_reply();
    const double bits = header_number("X-Bits-Per-Pixel");
    STATUS(200, ask_as("POST", "/v1/models/vec@1/decompress", CODE, kept.data, kept.len));
    cr_expect_float_eq(header_number("X-Bits-Per-Pixel"), bits, 1e-3);
    const double wanted[] = {1, -2, 3};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        char path[40];
        snprintf(path, sizeof(path), "outputs.0.vector.%d", i);
        sum += pow(number_of(path) - wanted[i], 2);
        cr_expect_float_eq(number_of(path), wanted[i], 0.01, "%s", reply());
    }
    cr_expect_float_eq(sum / 6, error, 1e-6);
    cr_expect_str_eq(text_of("model"), "vec@1");
}

Test(compress, a_picture_comes_back_as_a_picture_or_as_json)
{
    struct lat_buf png = tiny_png(10, 9);
    STATUS(200, ask_as("POST", "/v1/models/tiny@1/compress?bits=10", PNG, png.data, png.len));
    cr_expect_float_eq(header_number("X-Bits-Per-Pixel"), 8.0 * (double)reply_len() / 16, 1e-3);
    cr_expect(header_number("X-PSNR") > 5);
    keep_reply();
    STATUS(200, ask_as("POST", "/v1/models/tiny@1/decompress", CODE "Accept: image/png\r\n",
                       kept.data, kept.len));
    cr_expect_str_eq(header("Content-Type"), "image/png");
    STATUS(200, ask_as("POST", "/v1/models/tiny@1/decompress",
                       "Content-Type: application/octet-stream\r\n", kept.data, kept.len));
    cr_expect(strlen(text_of("outputs.0.image")) > 20);
    lat_buf_release(&png);
}

Test(compress, damaged_and_foreign_bytes_are_refused_by_name)
{
    STATUS(200,
           ask("POST", "/v1/models/vec@1/compress", "{\"input\":{\"vector\":[1,2,3,0,0,0]}}"));
    keep_reply();
    ask_as("POST", "/v1/models/vec@1/decompress", CODE, kept.data, kept.len - 3);
    PROBLEM(422, "bad_compressed");
    ask_as("POST", "/v1/models/vec@1/decompress", CODE, "", 0);
    PROBLEM(422, "bad_compressed");
    ask_as("POST", "/v1/models/vec@2/decompress", CODE, kept.data, kept.len);
    PROBLEM(422, "wrong_model");
    cr_expect_str_eq(text_of("errors.0.expected"), "vec@2", "%s", reply());
    cr_expect_str_eq(text_of("errors.0.got"), "vec@1", "%s", reply());
    ask_as("POST", "/v1/models/tiny@1/decompress", CODE, kept.data, kept.len);
    PROBLEM(422, "wrong_model");
    kept.data[kept.len / 2] = (char)(kept.data[kept.len / 2] ^ 1);
    ask_as("POST", "/v1/models/vec@1/decompress", CODE, kept.data, kept.len);
    PROBLEM(422, "bad_compressed");
    kept.data[kept.len / 2] = (char)(kept.data[kept.len / 2] ^ 1);
    kept.data[4] = 9;
    ask_as("POST", "/v1/models/vec@1/decompress", CODE, kept.data, kept.len);
    PROBLEM(422, "unsupported_version");
    ask("POST", "/v1/models/vec@1/decompress", "{}");
    PROBLEM(415, "unsupported_media_type");
}

Test(compress, what_cannot_be_done_is_said)
{
    const char *vector = "{\"input\":{\"vector\":[1,2,3,0,0,0]}}";
    ask("POST", "/v1/models/mute@1/compress", vector);
    PROBLEM(422, "capability_missing");
    ask("POST", "/v1/models/nobody/compress", vector);
    PROBLEM(404, "model_not_found");
    ask("POST", "/v1/models/vec@1/compress", "{\"inputs\":[{\"vector\":[1,2,3,0,0,0]}]}");
    PROBLEM(422, "unknown_field");
    ask("POST", "/v1/models/vec@1/compress", "{}");
    PROBLEM(422, "missing_field");
    POINTER("/input");
    ask("POST", "/v1/models/vec@1/compress", "{\"input\":{\"vector\":[1,2]}}");
    PROBLEM(422, "wrong_dimension");
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"bits\":17}");
    PROBLEM(422, "out_of_range");
    POINTER("/bits");
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"psnr\":30}");
    PROBLEM(422, "wrong_option");
    ask("POST", "/v1/models/vec@1/compress?bits=8&bits_per_pixel=900",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]}}");
    PROBLEM(422, "wrong_option");
    ask("POST", "/v1/models/vec@1/compress?bits_per_pixel=1",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]}}");
    PROBLEM(422, "out_of_reach");
    ask_as("POST", "/v1/models/tiny@1/compress", PNG, "no picture", 10);
    PROBLEM(415, "unsupported_media_type");
}

Test(compress, a_body_of_another_type_is_415)
{
    ask_as("POST", "/v1/models/tiny@1/compress", "Content-Type: text/plain\r\n", "hello", 5);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny@1/compress", "Content-Type: application/octet-stream\r\n",
           "1234", 4);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny@1/decompress",
           "Content-Type: application/vnd.latentd.codes\r\n", "hello", 5);
    PROBLEM(415, "unsupported_media_type");
    ask_as("POST", "/v1/models/tiny@1/decompress",
           "Content-Type: Application/VND.latentd.code; v=1\r\n", "hello", 5);
    PROBLEM(422, "bad_compressed");
}

Test(compress, what_is_wrong_with_an_input_is_said_with_its_place)
{
    static const struct {
        const char *path, *body, *code, *pointer;
    } rows[] = {
        {"/v1/models/vec@1/compress", "{\"input\":{\"vector\":[1,2]}}", "wrong_dimension",
         "/input"},
        {"/v1/models/vec@1/compress", "{\"input\":{\"image\":\"aGVsbG8=\"}}",
         "wrong_input_kind", "/input"},
        {"/v1/models/tiny@1/compress", "{\"input\":{\"image\":\"aGVsbG8=\"}}", "bad_image",
         "/input"},
        {"/v1/models/tiny@1/compress", "{\"input\":{\"image\":\"*\"}}", "bad_base64",
         "/input/image"},
        {"/v1/models/people@1/compress", "{\"input\":{\"row\":{\"a/b\":\"perhaps\"}}}",
         "unknown_category", "/input/row/a~1b"},
        {"/v1/models/vec@1/compress",
         "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"bits_per_pixel\":1}", "out_of_reach",
         "/bits_per_pixel"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        ask("POST", rows[i].path, rows[i].body);
        PROBLEM(422, rows[i].code);
        POINTER(rows[i].pointer);
    }
}

/* ---- a transform ---- */

/* A PNG of grey and coloured waves, by the encoder under test. */
static struct lat_buf waves(uint32_t width, uint32_t height)
{
    struct lat_buf png = {0};
    uint8_t *pixels = lat_alloc_raw((size_t)width * height, 3);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++)
                pixels[((size_t)y * width + x) * 3 + c] =
                    (uint8_t)(128 + 90 * sin((double)(x + c * 9) / 17) * cos((double)y / 23));
    cr_assert_eq(lat_image_encode_png(pixels, width, height, 3, &png, NULL), LAT_OK);
    lat_free(pixels);
    return png;
}

static void train_waves(void)
{
    char models[512], folder[512], path[700];
    struct lat_buf png = waves(96, 80);
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(folder, sizeof(folder), "%s", test_path("pictures"));
    cr_assert_eq(lat_file_make_folder(folder, NULL), LAT_OK);
    snprintf(path, sizeof(path), "%s/waves.png", folder);
    cr_assert_eq(lat_file_write(path, png.data, png.len, NULL), LAT_OK);
    put_text("spec.json",
             "{\"name\":\"waves\",\"data\":{\"format\":\"images\",\"path\":\"pictures\","
             "\"size\":[16,16],\"channels\":3,\"patches\":64,\"shorter\":[80,40]},"
             "\"network\":{\"encoder\":{\"type\":\"transform\",\"channels\":[8,12],"
             "\"kernels\":[5,3],\"strides\":[4,2]}},\"code\":{\"type\":\"quantised\"},"
             "\"penalties\":{\"rate\":0.01},"
             "\"optimizer\":{\"rate\":0.005,\"batch\":8,\"epochs\":30}}");
    cr_assert_eq(RUN("train", test_path("spec.json"), "--models", models), 0, "%s", output());
    lat_buf_release(&png);
}

static void compress_waves(const struct lat_buf *png, const char *query)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/models/waves/compress%s", query);
    STATUS(200, ask_as("POST", path, PNG, png->data, png->len));
    keep_reply();
}

Test(compress, a_trained_transform_keeps_the_rate_or_the_quality_asked_for, .timeout = 300)
{
    struct server server;
    char models[512];
    train_waves();
    snprintf(models, sizeof(models), "%s", test_path("models"));
    server_start(&server, test_path("data"), models, NULL);
    api_use(&server);
    struct lat_buf png = waves(301, 77);
    compress_waves(&png, "");
    const double usual = header_number("X-PSNR");
    cr_assert(usual > 15, "%g dB", usual);
    compress_waves(&png, "?bits_per_pixel=0.2");
    cr_expect(header_number("X-Bits-Per-Pixel") <= 0.2);
    cr_expect_float_eq(header_number("X-Bits-Per-Pixel"), 8.0 * (double)kept.len / (301 * 77),
                       1e-5);
    char query[40];
    snprintf(query, sizeof(query), "?psnr=%.2f", usual - 2);
    compress_waves(&png, query);
    const double psnr = header_number("X-PSNR");
    cr_expect(psnr >= usual - 2 && psnr < usual, "%g for %g", psnr, usual - 2);
    STATUS(200, ask_as("POST", "/v1/models/waves/decompress", CODE "Accept: image/png\r\n",
                       kept.data, kept.len));
    struct lat_image before = {0}, after = {0};
    cr_assert_eq(lat_image_decode(png.data, png.len, NULL, &before, NULL), LAT_OK);
    cr_assert_eq(lat_image_decode(reply(), reply_len(), NULL, &after, NULL), LAT_OK);
    cr_assert_eq(after.width, 301);
    cr_assert_eq(after.height, 77);
    double sum = 0;
    for (size_t i = 0; i < (size_t)301 * 77 * 3; i++)
        sum += pow((double)before.pixels[i] - (double)after.pixels[i], 2);
    cr_expect_float_eq(-10 * log10(sum / (301 * 77 * 3) / 65025), psnr, 0.02);
    ask_as("POST", "/v1/models/waves/compress?psnr=99", PNG, png.data, png.len);
    PROBLEM(422, "out_of_reach");
    ask_as("POST", "/v1/models/waves/compress?bits=8", PNG, png.data, png.len);
    PROBLEM(422, "wrong_option");
    lat_image_release(&before);
    lat_image_release(&after);
    lat_buf_release(&png);
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 30000), 0);
}

Test(compress, the_option_that_is_wrong_is_pointed_at_where_the_body_says_it)
{
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"psnr\":30}");
    PROBLEM(422, "wrong_option");
    POINTER("/psnr");
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"step\":1}");
    PROBLEM(422, "wrong_option");
    POINTER("/step");
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"bits\":4,\"bits_per_pixel\":900}");
    PROBLEM(422, "wrong_option");
    POINTER("/bits_per_pixel");
    ask("POST", "/v1/models/vec@1/compress",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]},\"bits_per_pixel\":0.25}");
    PROBLEM(422, "out_of_reach");
    POINTER("/bits_per_pixel");
    cr_expect_eq(number_of("errors.0.expected"), 0.25, "a number, not its text: %s", reply());
    cr_expect(number_of("errors.0.got") > 0.25, "%s", reply());
    ask("POST", "/v1/models/vec@1/compress?bits_per_pixel=0.25",
        "{\"input\":{\"vector\":[1,2,3,0,0,0]}}");
    PROBLEM(422, "out_of_reach");
    POINTER("");
}

Test(compress, an_input_may_be_base64_floats)
{
    STATUS(200,
           ask("POST", "/v1/models/vec@1/compress", "{\"input\":{\"vector\":[1,1,1,1,1,1]}}"));
    keep_reply();
    STATUS(200, ask("POST", "/v1/models/vec@1/compress",
                    "{\"encoding\":\"base64\","
                    "\"input\":{\"vector\":\"AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/\"}}"));
    cr_expect_eq(reply_len(), kept.len);
    cr_expect_eq(memcmp(reply(), kept.data, kept.len), 0, "the same bytes either way");
}

/* ---- collections that keep compressed inputs ---- */

static void store_waves(const char *id, const struct lat_buf *png)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/collections/kept/items/%s", id);
    STATUS(201, ask_as("PUT", path, PNG, png->data, png->len));
}

static double psnr_between(const struct lat_buf *png, const void *other, size_t other_len)
{
    struct lat_image before = {0}, after = {0};
    double sum = 0;
    cr_assert_eq(lat_image_decode(png->data, png->len, NULL, &before, NULL), LAT_OK);
    cr_assert_eq(lat_image_decode(other, other_len, NULL, &after, NULL), LAT_OK);
    cr_assert_eq(before.width, after.width);
    cr_assert_eq(before.height, after.height);
    const size_t n = (size_t)before.width * before.height * 3;
    for (size_t i = 0; i < n; i++)
        sum += pow((double)before.pixels[i] - (double)after.pixels[i], 2);
    lat_image_release(&before);
    lat_image_release(&after);
    return -10 * log10(sum / (double)n / 65025);
}

/* Noise that no model of waves can keep. */
static struct lat_buf noise(uint32_t width, uint32_t height)
{
    struct lat_buf png = {0};
    struct lat_rng rng;
    uint8_t *pixels = lat_alloc_raw((size_t)width * height, 3);
    lat_rng_seed(&rng, 4);
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        pixels[i] = (uint8_t)lat_rng_next(&rng);
    cr_assert_eq(lat_image_encode_png(pixels, width, height, 3, &png, NULL), LAT_OK);
    lat_free(pixels);
    return png;
}

static void picture_and_code_have_tags_of_their_own(const char *path)
{
    char picture[160], code[160];
    STATUS(200, ask("GET", path, NULL));
    cr_expect_str_eq(header("Vary"), "Accept");
    snprintf(picture, sizeof(picture), "If-None-Match: %s\r\n", header("ETag"));
    STATUS(200, ask_as("GET", path, "Accept: application/vnd.latentd.code\r\n", NULL, 0));
    cr_expect_str_eq(header("Vary"), "Accept");
    snprintf(code, sizeof(code),
             "Accept: application/vnd.latentd.code\r\nIf-None-Match: %s\r\n", header("ETag"));
    STATUS(304, ask_as("GET", path, picture, NULL, 0));
    STATUS(304, ask_as("GET", path, code, NULL, 0));
    STATUS(200, ask_as("GET", path, strchr(code, '\n') + 1, NULL, 0));
    cr_expect_str_eq(header("Content-Type"), "image/png",
                     "the code's tag is not the picture's");
}

Test(compress, an_original_is_dropped_only_where_its_code_is_within_the_bound, .timeout = 300)
{
    struct server server;
    char models[512];
    train_waves();
    snprintf(models, sizeof(models), "%s", test_path("models"));
    server_start(&server, test_path("data"), models, NULL);
    api_use(&server);
    struct lat_buf easy = waves(200, 120), hard = noise(64, 48);
    const char *spec = "{\"model\":\"waves\",\"keep_inputs\":\"compressed\",\"psnr\":14}";
    STATUS(201, ask("PUT", "/v1/collections/kept", spec));
    cr_expect_str_eq(text_of("keep_inputs"), "compressed");
    cr_expect_float_eq(number_of("max_error"), pow(10, -1.4), 1e-6);
    STATUS(200, ask("PUT", "/v1/collections/kept", spec));
    ask("PUT", "/v1/collections/kept",
        "{\"model\":\"waves\",\"keep_inputs\":\"compressed\",\"psnr\":15}");
    PROBLEM(409, "exists");
    store_waves("easy", &easy);
    store_waves("hard", &hard);
    STATUS(200, ask("GET", "/v1/collections/kept/items/easy/input", NULL));
    cr_expect_str_eq(header("X-Input-Kept"), "compressed");
    cr_expect_str_eq(header("Content-Type"), "image/png");
    const double psnr = psnr_between(&easy, reply(), reply_len());
    cr_expect(psnr >= 14, "%g dB", psnr);
    STATUS(200, ask_as("GET", "/v1/collections/kept/items/easy/input",
                       "Accept: application/vnd.latentd.code\r\n", NULL, 0));
    cr_expect_lt(reply_len(), easy.len);
    keep_reply();
    STATUS(200, ask_as("POST", "/v1/models/waves/decompress", CODE, kept.data, kept.len));
    picture_and_code_have_tags_of_their_own("/v1/collections/kept/items/easy/input");
    STATUS(200, ask("GET", "/v1/collections/kept/items/hard/input", NULL));
    cr_expect_str_eq(header("X-Input-Kept"), "");
    cr_expect_eq(reply_len(), hard.len);
    cr_expect_eq(memcmp(reply(), hard.data, hard.len), 0, "the original, byte for byte");
    STATUS(200, ask("GET", "/v1/collections/kept/export", NULL));
    cr_expect_null(strstr(reply(), "vnd.latentd"));
    STATUS(200, ask_as("POST", "/v1/collections/kept/import",
                       "Content-Type: application/x-ndjson\r\n", reply(), reply_len()));
    lat_buf_release(&easy);
    lat_buf_release(&hard);
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 30000), 0);
}

static void put_picture(const char *id, const struct lat_buf *bytes)
{
    char below[64];
    snprintf(below, sizeof(below), "/items/%s", id);
    STATUS(201, ask_as("PUT", coll(below), PNG, bytes->data, bytes->len));
    snprintf(below, sizeof(below), "/items/%s/input", id);
    STATUS(200, ask("GET", coll(below), NULL));
}

Test(compress, a_picture_that_the_model_sees_scaled_or_without_its_colours_stays_as_it_came)
{
    enum { PIXELS = 16 };
    uint8_t pixels[3 * PIXELS];
    struct lat_buf own = tiny_png(10, 0), large = black_png(40, 24), gray = {0}, coloured = {0};
    memset(pixels, 10, sizeof(pixels));
    cr_assert_eq(lat_image_encode_png(pixels, 4, 4, 3, &gray, NULL), LAT_OK);
    pixels[0] = 12; /* well within the bound */
    cr_assert_eq(lat_image_encode_png(pixels, 4, 4, 3, &coloured, NULL), LAT_OK);
    STATUS(201, ask("PUT", coll(""),
                    "{\"model\":\"tiny@1\",\"keep_inputs\":\"compressed\",\"max_error\":0.5}"));
    put_picture("own", &own);
    cr_expect_str_eq(header("X-Input-Kept"), "compressed");
    put_picture("gray", &gray);
    cr_expect_str_eq(header("X-Input-Kept"), "compressed");
    put_picture("large", &large);
    cr_expect_str_eq(header("X-Input-Kept"), "");
    cr_assert_eq(reply_len(), large.len);
    cr_expect_eq(memcmp(reply(), large.data, large.len), 0, "byte for byte");
    put_picture("coloured", &coloured);
    cr_expect_str_eq(header("X-Input-Kept"), "");
    cr_assert_eq(reply_len(), coloured.len);
    cr_expect_eq(memcmp(reply(), coloured.data, coloured.len), 0, "byte for byte");
    lat_buf_release(&own);
    lat_buf_release(&large);
    lat_buf_release(&gray);
    lat_buf_release(&coloured);
}

Test(compress, what_a_collection_cannot_keep_is_said)
{
    ask("PUT", coll(""), "{\"model\":\"tiny@1\",\"keep_inputs\":\"compressed\"}");
    PROBLEM(422, "missing_field");
    POINTER("/max_error");
    ask("PUT", coll(""), "{\"model\":\"tiny@1\",\"max_error\":0.1}");
    PROBLEM(422, "wrong_option");
    ask("PUT", coll(""), "{\"model\":\"tiny@1\",\"keep_inputs\":\"squashed\"}");
    PROBLEM(422, "unknown_value");
    ask("PUT", coll(""), "{\"dimension\":4,\"keep_inputs\":\"compressed\",\"psnr\":30}");
    PROBLEM(422, "no_model");
    ask("PUT", coll(""),
        "{\"model\":\"mute@1\",\"keep_inputs\":\"compressed\",\"max_error\":0.1}");
    PROBLEM(422, "capability_missing");
    ask("PUT", coll(""), "{\"model\":\"vec\",\"keep_inputs\":\"compressed\",\"psnr\":30}");
    PROBLEM(422, "wrong_option");
    POINTER("/psnr");
    ask("PUT", coll(""), "{\"model\":\"nobody\",\"keep_inputs\":\"compressed\",\"psnr\":30}");
    PROBLEM(404, "model_not_found");
}
