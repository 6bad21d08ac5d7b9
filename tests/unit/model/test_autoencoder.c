#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "model/autoencoder.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"
#include "tests/unit/model/pictures.h"

static struct lat_engine *engine;
static struct lat_registry *registry;

static void enter(void)
{
    test_folder_enter();
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
}

static void leave(void)
{
    lat_registry_close(registry);
    lat_engine_free(engine);
    registry = NULL;
    test_folder_leave();
}

TestSuite(autoencoder, .init = enter, .fini = leave);

/* Writes a package, opens a registry over it, loads and acquires it. */
static struct lat_model *load(const struct tiny_model *model, const char *manifest)
{
    struct lat_model *loaded = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_registry_options options = {.folder = test_path("models"), .threads = 1};
    tiny_package(test_path("models"), "tiny", 1, model, manifest);
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    lat_registry_load_all(registry);
    cr_assert(lat_registry_acquire(registry, "tiny", &loaded, &err) == LAT_OK, "%s",
              err.message);
    return loaded;
}

static const struct tiny_model vectors = {.rank = 2, .dims = {-1, 5}, .code = 3, .scale = 2};

Test(autoencoder, a_vector_goes_there_and_back)
{
    struct lat_model *model = load(&vectors, "{\"input\":{\"kind\":\"vector\"}}");
    const float rows[2][5] = {{1, 2, 3, 4, 5}, {-1, 0, 1, 0, 7}};
    float codes[2][3], back[2][5], errors[2];
    cr_assert_str_eq(lat_model_reference(model), "tiny@1");
    cr_assert_eq(lat_model_manifest(model)->code_dimension, 3u);
    cr_assert_eq(lat_model_encode(model, rows[0], 2, codes[0], NULL, NULL), LAT_OK);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++)
            cr_assert_float_eq(codes[i][k], 2 * rows[i][k], 1e-6);
    cr_assert_eq(lat_model_decode(model, codes[0], 2, back[0], NULL), LAT_OK);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 5; k++)
            cr_assert_float_eq(back[i][k], k < 3 ? rows[i][k] : 0.0F, 1e-6);
    lat_model_errors(model, rows[0], back[0], 2, errors);
    cr_assert_float_eq(errors[0], (16.0 + 25.0) / 5.0, 1e-5);
    cr_assert_float_eq(errors[1], 49.0 / 5.0, 1e-5);
    lat_model_release(model);
}

Test(autoencoder, an_empty_batch_is_fine)
{
    struct lat_model *model = load(&vectors, "{\"input\":{\"kind\":\"vector\"}}");
    float nothing[1];
    cr_assert_eq(lat_model_encode(model, nothing, 0, nothing, NULL, NULL), LAT_OK);
    cr_assert_eq(lat_model_decode(model, nothing, 0, nothing, NULL), LAT_OK);
    lat_model_release(model);
}

Test(autoencoder, wrong_inputs_say_what_was_expected)
{
    struct lat_model *model = load(&vectors, "{\"input\":{\"kind\":\"vector\"}}");
    const float values[6] = {1, 2, 3, NAN, 5, 6};
    float row[5];
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_model_row_from_vector(model, values, 6, row, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_dimension");
    cr_assert_str_eq(err.expected, "5");
    cr_assert_str_eq(err.got, "6");
    cr_assert_not_null(strstr(err.message, "tiny@1"));
    lat_error_clear(&err);
    cr_assert_eq(lat_model_row_from_vector(model, values, 5, row, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "not_finite");
    lat_error_clear(&err);
    cr_assert_eq(lat_model_row_from_image(model, "x", 1, NULL, row, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_input_kind");
    lat_model_release(model);
}

Test(autoencoder, capabilities_follow_from_the_package)
{
    struct tiny_model bare = vectors;
    bare.no_decoder = true;
    struct lat_model *model = load(&bare, "{\"input\":{\"kind\":\"vector\"}}");
    struct lat_error err = LAT_ERROR_INIT;
    float row[5], code[3] = {0};
    cr_assert_eq(lat_model_require(model, LAT_CAN_ENCODE, NULL), LAT_OK);
    cr_assert_eq(lat_model_decode(model, code, 1, row, &err), LAT_CAPABILITY);
    cr_assert_str_eq(err.message,
                     "model 'tiny@1' cannot decode: it has no decoder; it can encode");
    lat_error_clear(&err);
    cr_assert_eq(lat_model_encode(model, row, 1, code, code, &err), LAT_CAPABILITY);
    cr_assert(isnan(lat_model_p_value(model, 1.0F)));
    lat_model_release(model);
}

Test(autoencoder, variances_are_exponentials_and_logits_become_shares)
{
    struct tiny_model gaussian = vectors;
    gaussian.log_variance = true;
    struct lat_model *model =
        load(&gaussian, "{\"input\":{\"kind\":\"vector\"},\"output_is_logit\":true}");
    const float row[5] = {0, 0.5F, -1, 0, 0};
    float code[3], variance[3], back[5];
    cr_assert_eq(lat_model_require(model, LAT_CAN_GENERATE, NULL), LAT_OK,
                 "a log-variance that the manifest does not mention is a prior all the same");
    cr_assert_eq(lat_model_encode(model, row, 1, code, variance, NULL), LAT_OK);
    for (int k = 0; k < 3; k++)
        cr_assert_float_eq(variance[k], exp(code[k]), 1e-5);
    cr_assert_eq(lat_model_decode(model, code, 1, back, NULL), LAT_OK);
    for (int k = 0; k < 5; k++)
        cr_assert_float_eq(back[k], 1.0 / (1.0 + exp(k < 3 ? -(double)row[k] : 0.0)), 1e-6);
    lat_model_release(model);
}

Test(autoencoder, a_refusal_names_the_fact_that_is_missing)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_model *model = load(&vectors, "{\"input\":{\"kind\":\"vector\"}}");
    cr_assert_eq(lat_model_require(model, LAT_CAN_GENERATE, &err), LAT_CAPABILITY);
    cr_assert_not_null(strstr(err.message, "its code is deterministic"), "%s", err.message);
    lat_error_clear(&err);
    cr_assert_eq(lat_model_require(model, LAT_CAN_DENOISE, &err), LAT_CAPABILITY);
    cr_assert_not_null(strstr(err.message, "not trained on corrupted"), "%s", err.message);
    lat_model_release(model);
}

/* A 3 x 2 picture of three channels, code wide enough to keep everything. */
static void picture_round_trip(size_t rank, const int64_t dims[4], const char *layout)
{
    uint8_t pixels[18] = {0,   20,  40,  60,  80,  100, 120, 140, 160,
                          180, 200, 220, 240, 255, 1,   2,   3,   4};
    struct tiny_model tiny = {.rank = rank, .code = 18, .scale = 0.5F};
    memcpy(tiny.dims, dims, sizeof(tiny.dims));
    char manifest[256];
    snprintf(manifest, sizeof(manifest),
             "{\"input\":{\"kind\":\"image\",\"width\":3,\"height\":2,\"mean\":[0.5,0.4,0.3],"
             "\"std\":[0.5,2,0.25]%s}}",
             layout);
    struct lat_model *model = load(&tiny, manifest);
    struct lat_buf png = {0}, back = {0};
    float row[18], code[18], decoded[18], error;
    cr_assert_eq(lat_image_encode_png(pixels, 3, 2, 3, &png, NULL), LAT_OK);
    cr_assert_eq(lat_model_row_from_image(model, png.data, png.len, NULL, row, NULL), LAT_OK);
    cr_assert_eq(lat_model_encode(model, row, 1, code, NULL, NULL), LAT_OK);
    cr_assert_eq(lat_model_decode(model, code, 1, decoded, NULL), LAT_OK);
    lat_model_errors(model, row, decoded, 1, &error);
    cr_expect_float_eq(error, 0.0, 1e-10);
    cr_assert_eq(lat_model_row_to_png(model, decoded, &back, NULL), LAT_OK);
    struct lat_image image = {0}, want = {3, 2, 3, pixels};
    cr_assert_eq(lat_image_decode(back.data, back.len, NULL, &image, NULL), LAT_OK);
    cr_expect_eq(picture_distance(&want, &image), 0);
    /* An error counts in pixels of [0,1], not in what standardising made of them. */
    memcpy(decoded, row, sizeof(row));
    size_t green = lat_model_manifest(model)->input.layout == LAT_LAYOUT_NHWC ? 1 : 6;
    decoded[green] += 0.1F / 2.0F; /* a tenth of full scale at a std of 2 */
    lat_model_errors(model, row, decoded, 1, &error);
    cr_expect_float_eq(error, 0.01 / 18.0, 1e-7);
    lat_image_release(&image);
    lat_buf_release(&back);
    lat_buf_release(&png);
    lat_model_release(model);
}

Test(autoencoder, pictures_survive_pytorchs_layout)
{
    picture_round_trip(4, (const int64_t[4]){-1, 3, 2, 3}, ",\"layout\":\"nchw\"");
}

Test(autoencoder, pictures_survive_keras_layout)
{
    picture_round_trip(4, (const int64_t[4]){-1, 2, 3, 3}, "");
}

Test(autoencoder, pictures_survive_flat_rows)
{
    picture_round_trip(2, (const int64_t[4]){-1, 18, 0, 0}, "");
}

Test(autoencoder, p_values_come_from_the_packages_calibration)
{
    struct lat_model *model =
        load(&vectors, "{\"input\":{\"kind\":\"vector\"},\"calibration\":{\"id\":\"c\",\"n\":9,"
                       "\"quantiles\":[0,1,2]}}");
    cr_assert_eq(lat_model_require(model, LAT_CAN_SCORE, NULL), LAT_OK);
    cr_assert_float_eq(lat_model_p_value(model, 1.0F), (1 + 5) / 10.0, 1e-9);
    lat_model_release(model);
}

Test(autoencoder, runs_are_counted_by_model)
{
    struct lat_model *model = load(&vectors, "{\"input\":{\"kind\":\"vector\"}}");
    const float rows[5] = {0};
    float codes[3];
    cr_assert_eq(lat_metric_value(LAT_METRIC_INFER_BATCH, "tiny@1"), 0.0,
                 "the trial run does not count");
    cr_assert_eq(lat_model_encode(model, rows, 1, codes, NULL, NULL), LAT_OK);
    cr_assert_eq(lat_metric_value(LAT_METRIC_INFER_BATCH, "tiny@1"), 1.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_INFER_SECONDS, "tiny@1"), 1.0);
    lat_model_release(model);
}
