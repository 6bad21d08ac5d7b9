#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/package.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

TestSuite(manifest, .init = test_folder_enter, .fini = test_folder_leave);

static const char *const ten_lines = "{\n"
                                     "  \"name\": \"faces\",\n"
                                     "  \"version\": 3,\n"
                                     "  \"input\": {\n"
                                     "    \"kind\": \"image\",\n"
                                     "    \"mean\": [0.485, 0.456, 0.406],\n"
                                     "    \"std\": [0.229, 0.224, 0.225]\n"
                                     "  },\n"
                                     "  \"code\": {\"metric\": \"cosine\"}\n"
                                     "}\n";

static enum lat_status parse(const char *json, struct lat_manifest *out, struct lat_error *err)
{
    return lat_manifest_parse(json, strlen(json), out, err);
}

Test(manifest, ten_lines_are_enough)
{
    struct lat_manifest m;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert(parse(ten_lines, &m, &err) == LAT_OK, "%s", err.message);
    cr_assert_str_eq(m.name, "faces");
    cr_assert_eq(m.version, 3u);
    cr_assert_eq(m.input.kind, LAT_INPUT_IMAGE);
    cr_assert_eq(m.input.channels, 3u, "three means say three channels");
    cr_assert_eq(m.input.width, 0u);
    cr_assert_not(m.input.layout_known);
    cr_assert_float_eq(m.input.mean[1], 0.456, 1e-6);
    cr_assert_float_eq(m.input.std[2], 0.225, 1e-6);
    cr_assert_eq(m.code_dimension, 0u);
    cr_assert_eq(m.metric, LAT_CODE_COSINE);
    cr_assert_str_eq(m.encoder, "encoder.onnx");
    cr_assert_str_eq(m.decoder, "");
    cr_assert_eq(m.capabilities, (unsigned)LAT_CAN_ENCODE);
}

Test(manifest, the_least_manifest_is_a_kind)
{
    struct lat_manifest m;
    cr_assert_eq(parse("{\"input\":{\"kind\":\"vector\"}}", &m, NULL), LAT_OK);
    cr_assert_eq(m.input.kind, LAT_INPUT_VECTOR);
    cr_assert_eq(m.name[0], '\0');
    cr_assert_eq(m.version, 0u);
    cr_assert_eq(m.input.std[0], 1.0F);
}

Test(manifest, null_is_the_key_left_out)
{
    struct lat_manifest m;
    cr_assert_eq(parse("{\"name\":null,\"calibration\":null,\"input\":{\"kind\":\"image\","
                       "\"width\":null}}",
                       &m, NULL),
                 LAT_OK);
    cr_assert_not(m.calibration.present);
}

Test(manifest, every_refusal_names_its_path)
{
    static const struct {
        const char *json, *pointer, *words;
    } cases[] = {
        {"{}", "/input", "missing"},
        {"[]", "", "expected an object, not a list"},
        {"{\"input\":7}", "/input", "expected an object, not 7"},
        {"{\"input\":{}}", "/input/kind", "missing"},
        {"{\"input\":{\"kind\":\"picture\"}}", "/input/kind", "one of image vector"},
        {"{\"input\":{\"kind\":\"table\"}}", "/input/columns", "missing"},
        {"{\"input\":{\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"type\":\"number\"}]}}",
         "/input/columns/0/type", "expected"},
        {"{\"input\":{\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"type\":\"categorical\","
         "\"categories\":[\"x\",\"x\"]}]}}",
         "/input/columns/0/categories/1", "twice"},
        {"{\"input\":{\"kind\":\"interactions\"}}", "/input/items", "missing"},
        {"{\"input\":{\"kind\":\"image\",\"widht\":28}}", "/input/widht",
         "did you mean 'width'?"},
        {"{\"inputs\":{\"kind\":\"image\"}}", "/inputs", "did you mean 'input'?"},
        {"{\"input\":{\"kind\":\"image\",\"width\":0}}", "/input/width",
         "a whole number from 1 to 65535, not 0"},
        {"{\"input\":{\"kind\":\"image\",\"width\":28.5}}", "/input/width", "not 28.5"},
        {"{\"input\":{\"kind\":\"image\",\"width\":\"28\"}}", "/input/width", "not \"28\""},
        {"{\"input\":{\"kind\":\"image\",\"width\":99999999999999}}", "/input/width",
         "not 99999999999999"},
        {"{\"input\":{\"kind\":\"image\",\"channels\":4}}", "/input/channels", "1 (gray) or 3"},
        {"{\"input\":{\"kind\":\"image\",\"layout\":\"chw\"}}", "/input/layout",
         "one of nchw nhwc flat"},
        {"{\"input\":{\"kind\":\"image\",\"std\":0}}", "/input/std", "a positive number"},
        {"{\"input\":{\"kind\":\"image\",\"mean\":[1,2]}}", "/input/mean",
         "one for each channel"},
        {"{\"input\":{\"kind\":\"image\",\"mean\":1e60}}", "/input/mean", "expected a number"},
        {"{\"input\":{\"kind\":\"image\",\"channels\":1,\"mean\":[1,2,3]}}", "/input/mean",
         "3 values for an input of 1 channels"},
        {"{\"input\":{\"kind\":\"image\",\"mean\":[1,2,3],\"channels\":1}}", "/input/channels",
         "1 channels, but 3 values"},
        {"{\"input\":{\"kind\":\"vector\",\"width\":3}}", "/input/width", "has no 'width'"},
        {"{\"input\":{\"kind\":\"image\",\"dimension\":3}}", "/input/dimension",
         "has no 'dimension'"},
        {"{\"input\":{\"kind\":\"image\"},\"name\":\"Faces\"}", "/name", "a name of a-z"},
        {"{\"input\":{\"kind\":\"image\"},\"version\":-1}", "/version", "from 1 to 4294967295"},
        {"{\"input\":{\"kind\":\"image\"},\"version\":4294967296}", "/version",
         "not 4294967296"},
        {"{\"input\":{\"kind\":\"image\"},\"code\":{\"metric\":\"l1\"}}", "/code/metric",
         "one of l2 cosine ip, not \"l1\""},
        {"{\"input\":{\"kind\":\"image\"},\"code\":{\"dimensions\":3}}", "/code/dimensions",
         "did you mean 'dimension'?"},
        {"{\"input\":{\"kind\":\"image\"},\"likelihood\":\"normal\"}", "/likelihood",
         "one of gaussian"},
        {"{\"input\":{\"kind\":\"image\"},\"output_is_logit\":1}", "/output_is_logit",
         "true or false, not 1"},
        {"{\"input\":{\"kind\":\"image\"},\"tensors\":{\"input\":\"\"}}", "/tensors/input",
         "a text of 1 to 127 bytes"},
        {"{\"input\":{\"kind\":\"image\"},\"tensors\":{\"code\":\"a\",\"mean\":\"b\"}}",
         "/tensors", "say one"},
        {"{\"input\":{\"kind\":\"image\"},\"training\":[]}", "/training", "an object"},
        {"{\"input\":{\"kind\":\"image\"},\"capabilities\":[\"encode\",\"fly\"]}",
         "/capabilities/1", "one of encode decode"},
        {"{\"input\":{\"kind\":\"image\"},\"capabilities\":[\"decode\"]}", "/capabilities",
         "'decode' needs"},
        {"{\"input\":{\"kind\":\"image\"},\"calibration\":{\"id\":\"c\",\"n\":3}}",
         "/calibration", "'quantiles'"},
        {"{\"input\":{\"kind\":\"image\"},\"calibration\":{\"quantiles\":[1,0.5]}}",
         "/calibration/quantiles/1", "ascending"},
        {"{\"input\":{\"kind\":\"image\"},\"calibration\":{\"quantiles\":[1]}}",
         "/calibration/quantiles", "2 to 4097"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_manifest m;
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect(parse(cases[i].json, &m, &err) == LAT_INVALID, "%s", cases[i].json);
        cr_expect_str_eq(err.pointer, cases[i].pointer, "%s: pointer %s", cases[i].json,
                         err.pointer);
        cr_expect(strstr(err.message, cases[i].words) != NULL, "%s: %s", cases[i].json,
                  err.message);
        cr_expect(strncmp(err.message, "model.json: ", 12) == 0 || err.pointer[0] == '\0' ||
                      strstr(err.message, "needs") != NULL,
                  "%s", err.message);
    }
}

Test(manifest, file_names_stay_in_the_package)
{
    static const char *const bad[] = {
        "/etc/passwd", "../encoder.onnx", "a/../../x", "a//b", ".", "..",
        "a/.",         "a\\\\b",          "",          "a/..", "x/"};
    char json[256];
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_manifest m;
        struct lat_error err = LAT_ERROR_INIT;
        snprintf(json, sizeof(json), "{\"input\":{\"kind\":\"image\"},\"encoder\":\"%s\"}",
                 bad[i]);
        cr_expect(parse(json, &m, &err) == LAT_INVALID, "'%s' passed", bad[i]);
        cr_expect_str_eq(err.pointer, "/encoder");
    }
    struct lat_manifest m;
    cr_assert_eq(
        parse("{\"input\":{\"kind\":\"image\"},\"encoder\":\"graphs/v2..x.onnx\"}", &m, NULL),
        LAT_OK);
}

Test(manifest, what_is_no_json_names_line_and_column)
{
    static const char *const bad[] = {"",     "{\"a\":", "{\"input\":{},\"input\":{}}",
                                      "\xff", "{}x",     "{\"name\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_manifest m;
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect(parse(bad[i], &m, &err) == LAT_BAD_SYNTAX, "%s", bad[i]);
        cr_expect_not_null(strstr(err.message, "line 1"));
    }
}

Test(manifest, a_long_unknown_key_does_not_fill_the_message)
{
    char json[4096], key[3001];
    struct lat_manifest m;
    struct lat_error err = LAT_ERROR_INIT;
    memset(key, 'k', sizeof(key) - 1);
    key[3000] = '\0';
    snprintf(json, sizeof(json), "{\"%s\":1}", key);
    cr_assert_eq(parse(json, &m, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "unknown key of 3000 bytes"));
}

static void a_full_manifest(struct lat_manifest *m)
{
    lat_manifest_init(m);
    snprintf(m->name, sizeof(m->name), "full");
    m->version = 7;
    m->input = (struct lat_input_spec){.kind = LAT_INPUT_IMAGE,
                                       .width = 32,
                                       .height = 24,
                                       .channels = 3,
                                       .layout = LAT_LAYOUT_NHWC,
                                       .layout_known = true,
                                       .mean = {0.1F, 0.2F, 0.3F},
                                       .std = {0.4F, 0.5F, 0.6F}};
    m->code_dimension = 64;
    m->metric = LAT_CODE_IP;
    snprintf(m->decoder, sizeof(m->decoder), "decoder.onnx");
    snprintf(m->input_tensor, sizeof(m->input_tensor), "in \"quoted\"");
    snprintf(m->code_tensor, sizeof(m->code_tensor), "z");
    snprintf(m->output_tensor, sizeof(m->output_tensor), "y");
    m->likelihood = LAT_LIKELIHOOD_BERNOULLI;
    m->output_is_logit = m->denoising = true;
    m->calibration = (struct lat_calibration){.present = true,
                                              .id = "c-1",
                                              .n = 100,
                                              .n_quantiles = 3,
                                              .quantiles = {0.1F, 1 / 3.0F, 2}};
    m->capabilities = lat_manifest_derive(m);
}

Test(manifest, what_is_written_is_read_back_the_same)
{
    struct lat_manifest m, back;
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    a_full_manifest(&m);
    tiny_package(test_folder(), "full", 7,
                 &(struct tiny_model){.rank = 2, .dims = {-1, 4}, .code = 2}, "{}");
    cr_assert(lat_manifest_write(test_path("full/7"), &m, "{\"seed\": 1}", &err) == LAT_OK,
              "%s", err.message);
    cr_assert(lat_manifest_read(test_path("full/7"), &back, &text, &err) == LAT_OK, "%s",
              err.message);
    cr_assert_not_null(strstr(text.data, "\"training\": {\"seed\": 1}"));
    cr_assert_str_eq(back.input_tensor, m.input_tensor);
    cr_assert_eq(memcmp(&back.calibration, &m.calibration, sizeof(m.calibration)), 0);
    cr_assert_eq(memcmp(back.input.mean, m.input.mean, 3 * sizeof(float)), 0);
    cr_assert_eq(memcmp(back.input.std, m.input.std, 3 * sizeof(float)), 0);
    cr_assert_eq(back.input.layout, m.input.layout);
    cr_assert_eq(back.capabilities,
                 (unsigned)(LAT_CAN_ENCODE | LAT_CAN_DECODE | LAT_CAN_RECONSTRUCT |
                            LAT_CAN_DENOISE | LAT_CAN_SCORE | LAT_CAN_COMPRESS));
    cr_assert(back.output_is_logit && back.denoising);
    cr_assert_eq(back.metric, m.metric);
    cr_assert_eq(back.likelihood, m.likelihood);
    cr_assert_eq(back.code_dimension, 64u);
    lat_buf_release(&text);
}

Test(manifest, a_broken_record_is_not_written)
{
    struct lat_manifest m;
    a_full_manifest(&m);
    cr_assert_neq(lat_manifest_write(test_folder(), &m, "{\"seed\":", NULL), LAT_OK);
    cr_assert_neq(lat_manifest_write(test_folder(), &m, "[1]", NULL), LAT_OK);
    cr_assert_eq(test_folder_count(test_folder()), 0);
}

Test(manifest, a_decoder_that_is_there_need_not_be_named)
{
    struct lat_manifest m;
    const struct tiny_model model = {.rank = 2, .dims = {-1, 4}, .code = 2};
    tiny_package(test_folder(), "m", 1, &model,
                 "{\"input\":{\"kind\":\"vector\"},\"capabilities\":[\"encode\",\"decode\"]}");
    cr_assert_eq(lat_manifest_read(test_path("m/1"), &m, NULL, NULL), LAT_OK);
    cr_assert_str_eq(m.decoder, "decoder.onnx");
    cr_assert_eq(m.capabilities, (unsigned)(LAT_CAN_ENCODE | LAT_CAN_DECODE));
    cr_assert_eq(unlink(test_path("m/1/decoder.onnx")), 0);
    cr_assert_eq(lat_manifest_read(test_path("m/1"), &m, NULL, NULL), LAT_INVALID);
}

Test(manifest, files_that_are_missing_or_lead_out_are_refused)
{
    struct lat_manifest m;
    struct lat_error err = LAT_ERROR_INIT;
    const struct tiny_model model = {.rank = 2, .dims = {-1, 4}, .code = 2};
    tiny_package(test_folder(), "m", 1, &model, "{\"input\":{\"kind\":\"vector\"}}");
    cr_assert_eq(rename(test_path("m/1/encoder.onnx"), test_path("outside.onnx")), 0);
    cr_assert_eq(lat_manifest_read(test_path("m/1"), &m, NULL, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "missing_file");
    cr_assert_str_eq(err.pointer, "/encoder");
    cr_assert_eq(symlink("../../outside.onnx", test_path("m/1/encoder.onnx")), 0);
    lat_error_clear(&err);
    cr_assert_eq(lat_manifest_read(test_path("m/1"), &m, NULL, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "file_outside");
    /* A link that stays inside, and a package that is itself a link, are fine. */
    cr_assert_eq(unlink(test_path("m/1/encoder.onnx")), 0);
    cr_assert_eq(rename(test_path("outside.onnx"), test_path("m/1/real.onnx")), 0);
    cr_assert_eq(symlink("real.onnx", test_path("m/1/encoder.onnx")), 0);
    cr_assert_eq(symlink("1", test_path("m/2")), 0);
    cr_assert_eq(lat_manifest_read(test_path("m/2"), &m, NULL, NULL), LAT_OK);
}

Test(manifest, a_folder_without_one_is_not_found)
{
    struct lat_manifest m;
    cr_assert_eq(lat_manifest_read(test_folder(), &m, NULL, NULL), LAT_NOT_FOUND);
}

static void *json_alloc(size_t size)
{
    return lat_alloc_raw(1, size);
}

/* jansson calls some of its failed allocations a syntax error: here that is what it can be. */
static enum lat_status starved(enum lat_status status, struct lat_error *err)
{
    if (status != LAT_BAD_SYNTAX)
        return status;
    lat_error_clear(err);
    return lat_fail_memory(err);
}

static enum lat_status parse_once(void *context, struct lat_error *err)
{
    struct lat_manifest m;
    return starved(parse(context, &m, err), err);
}

Test(manifest, every_allocation_of_parsing_may_fail)
{
    static char text[] = "{\"name\":\"a\",\"input\":{\"kind\":\"image\",\"mean\":[1,2,3]},"
                         "\"calibration\":{\"id\":\"c\",\"n\":3,\"quantiles\":[1,2]}}";
    json_set_alloc_funcs(json_alloc, lat_free);
    TEST_TORTURE(parse_once, text);
}

static enum lat_status write_and_read_once(void *context, struct lat_error *err)
{
    struct lat_manifest back;
    struct lat_buf text = {0};
    enum lat_status status = lat_manifest_write(test_path("m/1"), context, "{}", err);
    if (status == LAT_OK)
        status = lat_manifest_read(test_path("m/1"), &back, &text, err);
    lat_buf_release(&text);
    return starved(status, err);
}

Test(manifest, every_allocation_of_writing_and_reading_may_fail)
{
    struct lat_manifest m;
    const struct tiny_model model = {.rank = 2, .dims = {-1, 4}, .code = 2};
    tiny_package(test_folder(), "m", 1, &model, "{}");
    a_full_manifest(&m);
    json_set_alloc_funcs(json_alloc, lat_free);
    TEST_TORTURE(write_and_read_once, &m);
}
