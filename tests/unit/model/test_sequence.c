/* Sequences in a package: what the manifest says of them, and how it goes with an ONNX file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "model/autoencoder.h"
#include "model/model_internal.h"
#include "model/package.h"
#include "model/signature.h"

static const char whole[] =
    "{\"input\":{\"kind\":\"sequence\",\"length\":60,\"features\":2,\"names\":[\"a\",\"b\"],"
    "\"mean\":[1.5,-2],\"std\":[2,0.25]},\"code\":{\"dimension\":3}}";

static enum lat_status parse(const char *text, struct lat_manifest *manifest,
                             struct lat_error *err)
{
    return lat_manifest_parse(text, strlen(text), manifest, err);
}

Test(model, a_sequence_says_its_length_features_names_means_and_deviations)
{
    static struct lat_manifest manifest;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(parse(whole, &manifest, &err), LAT_OK, "%s", err.message);
    const struct lat_input_spec *input = &manifest.input;
    cr_assert_eq(input->kind, LAT_INPUT_SEQUENCE);
    cr_assert_eq(input->length, 60);
    cr_assert_eq(input->features, 2);
    cr_assert_eq(lat_input_elements(input), 120);
    cr_assert_str_eq(input->feature_names[1], "b");
    cr_assert_float_eq(input->feature_mean[1], -2, 0);
    cr_assert_float_eq(input->feature_std[0], 2, 0);
}

Test(model, what_a_sequence_says_is_read_back_as_it_was_written)
{
    static struct lat_manifest manifest, again;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf text = {0};
    char folder[] = "/tmp/latentd-sequence-XXXXXX", path[64];
    cr_assert_eq(parse(whole, &manifest, &err), LAT_OK);
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_manifest_write(folder, &manifest, NULL, &err), LAT_OK, "%s", err.message);
    snprintf(path, sizeof(path), "%s/model.json", folder);
    cr_assert_eq(lat_file_read(path, 1 << 20, &text, &err), LAT_OK);
    unlink(path);
    rmdir(folder);
    cr_assert_eq(lat_manifest_parse(text.data, text.len, &again, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_arr_eq(&again.input, &manifest.input, sizeof(again.input));
    lat_buf_release(&text);
}

Test(model, what_a_sequence_cannot_be_is_refused_with_its_place)
{
    static const struct {
        const char *input, *pointer;
    } rows[] = {
        {"\"length\":0", "/input/length"},
        {"\"features\":129", "/input/features"},
        {"\"width\":3", "/input/width"},
        {"\"std\":[1,0]", "/input/std/1"},
        {"\"mean\":[1,\"x\"]", "/input/mean/1"},
        {"\"names\":[7]", "/input/names/0"},
        {"\"names\":[\"a\"],\"mean\":[1,2]", "/input/"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        static struct lat_manifest manifest;
        struct lat_error err = LAT_ERROR_INIT;
        char text[256];
        snprintf(text, sizeof(text), "{\"input\":{\"kind\":\"sequence\",%s}}", rows[i].input);
        cr_expect_eq(parse(text, &manifest, &err), LAT_INVALID, "accepted: %s", text);
        cr_expect(strncmp(err.pointer, rows[i].pointer, strlen(rows[i].pointer)) == 0,
                  "%s: at %s", text, err.pointer);
    }
}

/* An encoder of one input of that shape, against a manifest of 60 x 2 or one that is silent. */
static enum lat_status hold(struct lat_manifest *manifest, size_t rank, int64_t first,
                            int64_t second, struct lat_signature *out, struct lat_error *err)
{
    struct lat_tensor_info input = {.name = "x", .rank = rank, .dims = {-1, first, second}};
    struct lat_tensor_info code = {.name = "code", .rank = 2, .dims = {-1, 3}};
    const struct lat_graph_face face = {.file = "encoder.onnx",
                                        .inputs = &input,
                                        .n_inputs = 1,
                                        .outputs = &code,
                                        .n_outputs = 1};
    return lat_signature_encoder(&face, manifest, out, err);
}

Test(model, the_sizes_of_a_sequence_are_taken_from_the_file_or_held_against_it)
{
    static struct lat_manifest manifest;
    struct lat_signature signature = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(parse("{\"input\":{\"kind\":\"sequence\"}}", &manifest, &err), LAT_OK);
    cr_assert_eq(hold(&manifest, 3, 12, 4, &signature, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(manifest.input.length, 12);
    cr_assert_eq(manifest.input.features, 4);
    cr_assert_eq(manifest.input.dimension, 48);
    cr_assert_eq(parse(whole, &manifest, &err), LAT_OK);
    cr_assert_eq(hold(&manifest, 3, -1, 2, &signature, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(signature.input.dims[1], 60);
    cr_assert_eq(hold(&manifest, 2, 120, 0, &signature, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(hold(&manifest, 3, 59, 2, &signature, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/input/length");
}

Test(model, a_value_no_float_can_hold_once_standardised_is_refused)
{
    static struct lat_model model;
    static const float fine[] = {3, -2}, too_far[] = {3, 3e38F};
    struct lat_error err = LAT_ERROR_INIT;
    float row[2];
    cr_assert_eq(parse("{\"input\":{\"kind\":\"sequence\",\"length\":1,\"features\":2,"
                       "\"mean\":[1,0],\"std\":[2,0.25]}}",
                       &model.manifest, &err),
                 LAT_OK, "%s", err.message);
    cr_assert_eq(lat_model_row_from_sequence(&model, fine, 1, 2, row, &err), LAT_OK);
    cr_assert_float_eq(row[0], 1, 1e-6);
    cr_assert_float_eq(row[1], -8, 1e-6);
    cr_assert_eq(lat_model_row_from_sequence(&model, too_far, 1, 2, row, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "out_of_range");
    cr_assert_not_null(strstr(err.message, "feature 1 of step 0"), "%s", err.message);
}
