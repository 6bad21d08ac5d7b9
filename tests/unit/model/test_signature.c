#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "model/signature.h"

/* One tensor of a file. */
static struct lat_tensor_info tensor(const char *name, size_t rank, int64_t a, int64_t b,
                                     int64_t c)
{
    struct lat_tensor_info info = {.dtype = LAT_FLOAT32, .rank = rank, .dims = {-1, a, b, c}};
    snprintf(info.name, sizeof(info.name), "%s", name);
    return info;
}

static struct lat_manifest image_manifest(uint32_t width, uint32_t height, uint32_t channels)
{
    struct lat_manifest m;
    lat_manifest_init(&m);
    m.input.width = width;
    m.input.height = height;
    m.input.channels = channels;
    return m;
}

static enum lat_status encoder(struct lat_tensor_info input, struct lat_manifest *m,
                               struct lat_signature *out, struct lat_error *err)
{
    const struct lat_tensor_info code = tensor("z", 2, 8, 0, 0);
    const struct lat_graph_face face = {"encoder.onnx", &input, &code, 1, 1};
    *out = (struct lat_signature){0};
    return lat_signature_encoder(&face, m, out, err);
}

Test(signature, shapes_and_layout_are_read_from_the_file)
{
    static const struct {
        size_t rank;
        int64_t dims[3];
        uint32_t said[3]; /* width, height, channels; 0: not said */
        enum lat_layout layout;
        uint32_t want[3];
    } cases[] = {
        {4, {3, 32, 48}, {0, 0, 0}, LAT_LAYOUT_NCHW, {48, 32, 3}},
        {4, {32, 48, 3}, {0, 0, 0}, LAT_LAYOUT_NHWC, {48, 32, 3}},
        {4, {1, 28, 28}, {0, 0, 0}, LAT_LAYOUT_NCHW, {28, 28, 1}},
        {4, {28, 28, 1}, {28, 28, 1}, LAT_LAYOUT_NHWC, {28, 28, 1}},
        {4, {-1, -1, 3}, {20, 10, 0}, LAT_LAYOUT_NHWC, {20, 10, 3}},
        {4, {3, -1, -1}, {20, 10, 0}, LAT_LAYOUT_NCHW, {20, 10, 3}},
        {3, {28, 30, 0}, {0, 0, 0}, LAT_LAYOUT_NHWC, {30, 28, 1}},
        {2, {784, 0, 0}, {28, 28, 0}, LAT_LAYOUT_FLAT, {28, 28, 1}},
        {2, {2352, 0, 0}, {28, 28, 0}, LAT_LAYOUT_FLAT, {28, 28, 3}},
        {2, {-1, 0, 0}, {4, 2, 3}, LAT_LAYOUT_FLAT, {4, 2, 3}},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_manifest m =
            image_manifest(cases[i].said[0], cases[i].said[1], cases[i].said[2]);
        struct lat_signature s;
        struct lat_error err = LAT_ERROR_INIT;
        const int64_t *d = cases[i].dims;
        cr_assert(encoder(tensor("x", cases[i].rank, d[0], d[1], d[2]), &m, &s, &err) == LAT_OK,
                  "case %zu: %s", i, err.message);
        cr_expect_eq(m.input.width, cases[i].want[0], "case %zu", i);
        cr_expect_eq(m.input.height, cases[i].want[1], "case %zu", i);
        cr_expect_eq(m.input.channels, cases[i].want[2], "case %zu", i);
        cr_expect_eq(m.input.layout, cases[i].layout, "case %zu", i);
        cr_expect_eq(m.code_dimension, 8u);
        cr_expect_str_eq(s.input.name, "x");
        cr_expect_str_eq(s.code.name, "z");
        size_t product = 1;
        for (size_t k = 1; k < s.input.rank; k++)
            product *= (size_t)s.input.dims[k];
        cr_expect_eq(product, lat_input_elements(&m.input), "case %zu", i);
        cr_expect_eq(m.input.dimension, product);
    }
}

Test(signature, disagreements_name_the_path_and_both_numbers)
{
    static const struct {
        size_t rank;
        int64_t dims[3];
        uint32_t said[3];
        const char *pointer, *expected, *got;
    } cases[] = {
        {4, {1, 28, 28}, {32, 28, 1}, "/input/width", "28", "32"},
        {4, {1, 28, 28}, {28, 32, 1}, "/input/height", "28", "32"},
        {4, {1, 28, 28}, {28, 28, 3}, "/input/channels", "1", "3"},
        {4, {28, 28, 3}, {28, 30, 3}, "/input/height", "28", "30"},
        {2, {784, 0, 0}, {32, 32, 1}, "/input", "784", "1024"},
        {4, {3, 32, 3}, {0, 0, 0}, "/input/layout", "", ""},
        {4, {-1, -1, -1}, {28, 28, 1}, "/input/layout", "", ""},
        {4, {3, -1, 32}, {0, 0, 0}, "/input/height", "", ""},
        {2, {784, 0, 0}, {0, 0, 0}, "/input/width", "", ""},
        {2, {700, 0, 0}, {28, 28, 0}, "/input/channels", "", ""},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_manifest m =
            image_manifest(cases[i].said[0], cases[i].said[1], cases[i].said[2]);
        struct lat_signature s;
        struct lat_error err = LAT_ERROR_INIT;
        const int64_t *d = cases[i].dims;
        cr_expect(encoder(tensor("x", cases[i].rank, d[0], d[1], d[2]), &m, &s, &err) ==
                      LAT_INVALID,
                  "case %zu", i);
        cr_expect_str_eq(err.pointer, cases[i].pointer, "case %zu: %s", i, err.message);
        cr_expect_str_eq(err.expected, cases[i].expected, "case %zu: %s", i, err.message);
        cr_expect_str_eq(err.got, cases[i].got, "case %zu: %s", i, err.message);
        cr_expect_not_null(strstr(err.message, "'x' of encoder.onnx"));
    }
}

Test(signature, shapes_no_picture_has_are_refused)
{
    static const int64_t shapes[][3] = {{2, 28, 28}, {5, 5, 5}, {0, 28, 28}, {3, 70000, 28}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(shapes); i++) {
        struct lat_manifest m = image_manifest(0, 0, 0);
        struct lat_signature s;
        cr_expect_eq(
            encoder(tensor("x", 4, shapes[i][0], shapes[i][1], shapes[i][2]), &m, &s, NULL),
            LAT_INVALID, "shape %zu", i);
    }
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s;
    cr_expect_eq(encoder(tensor("x", 1, 0, 0, 0), &m, &s, NULL), LAT_INVALID);
    cr_expect_eq(encoder(tensor("x", 5, 1, 2, 3), &m, &s, NULL), LAT_INVALID);
}

Test(signature, a_fixed_batch_says_how_to_export)
{
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_tensor_info input = tensor("x", 4, 3, 32, 32);
    input.dims[0] = 1;
    cr_assert_eq(encoder(input, &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "fixed_batch");
    cr_assert_not_null(strstr(err.message, "dynamic first axis"));
}

Test(signature, only_float32_is_served)
{
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_tensor_info input = tensor("x", 4, 3, 32, 32);
    input.dtype = LAT_UINT8;
    cr_assert_eq(encoder(input, &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_type");
}

Test(signature, one_of_several_tensors_is_chosen_by_name)
{
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_tensor_info input = tensor("x", 4, 3, 32, 32);
    struct lat_tensor_info outputs[3] = {tensor("features", 2, 99, 0, 0),
                                         tensor("z", 2, 8, 0, 0),
                                         tensor("log_variance", 2, 8, 0, 0)};
    const struct lat_graph_face face = {"encoder.onnx", &input, outputs, 1, 3};
    cr_assert_eq(lat_signature_encoder(&face, &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/tensors/code");
    cr_assert_not_null(strstr(err.message, "'features', 'z', 'log_variance'"));
    snprintf(m.code_tensor, sizeof(m.code_tensor), "z");
    cr_assert_eq(lat_signature_encoder(&face, &m, &s, NULL), LAT_OK);
    cr_assert_str_eq(s.code.name, "z");
    cr_assert_str_eq(s.log_variance.name, "log_variance");
    outputs[2].dims[1] = 9;
    lat_error_clear(&err);
    cr_assert_eq(lat_signature_encoder(&face, &m, &s, &err), LAT_INVALID);
    snprintf(m.code_tensor, sizeof(m.code_tensor), "y");
    lat_error_clear(&err);
    cr_assert_eq(lat_signature_encoder(&face, &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "unknown_tensor");
}

Test(signature, a_code_of_another_width_names_both)
{
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s;
    struct lat_error err = LAT_ERROR_INIT;
    m.code_dimension = 16;
    cr_assert_eq(encoder(tensor("x", 4, 3, 32, 32), &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/code/dimension");
    cr_assert_str_eq(err.expected, "8");
    cr_assert_str_eq(err.got, "16");
}

Test(signature, vectors_are_of_rank_two)
{
    struct lat_manifest m;
    struct lat_signature s;
    struct lat_error err = LAT_ERROR_INIT;
    lat_manifest_init(&m);
    m.input.kind = LAT_INPUT_VECTOR;
    cr_assert_eq(encoder(tensor("x", 2, 17, 0, 0), &m, &s, NULL), LAT_OK);
    cr_assert_eq(m.input.dimension, 17u);
    m.input.dimension = 18;
    cr_assert_eq(encoder(tensor("x", 2, 17, 0, 0), &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/input/dimension");
    cr_assert_eq(encoder(tensor("x", 3, 17, 2, 0), &m, &s, NULL), LAT_INVALID);
}

static enum lat_status decoder(int64_t code_width, struct lat_tensor_info output,
                               const struct lat_manifest *m, struct lat_signature *s,
                               struct lat_error *err)
{
    const struct lat_tensor_info code = tensor("z", 2, code_width, 0, 0);
    const struct lat_graph_face face = {"decoder.onnx", &code, &output, 1, 1};
    return lat_signature_decoder(&face, m, s, err);
}

Test(signature, the_decoder_leads_back_to_the_input)
{
    struct lat_manifest m = image_manifest(0, 0, 0);
    struct lat_signature s;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(encoder(tensor("x", 4, 3, 30, 32), &m, &s, NULL), LAT_OK);
    cr_assert_eq(decoder(8, tensor("y", 4, 3, 30, 32), &m, &s, NULL), LAT_OK);
    cr_assert_eq(decoder(8, tensor("y", 4, -1, -1, -1), &m, &s, NULL), LAT_OK);
    cr_assert_eq(s.output.dims[2], 30);
    cr_assert_eq(decoder(8, tensor("y", 2, 2880, 0, 0), &m, &s, NULL), LAT_OK);
    cr_assert_eq(decoder(8, tensor("y", 4, 30, 32, 3), &m, &s, &err), LAT_INVALID);
    lat_error_clear(&err);
    cr_assert_eq(decoder(8, tensor("y", 2, 784, 0, 0), &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/input");
    cr_assert_str_eq(err.expected, "784");
    cr_assert_str_eq(err.got, "2880");
    lat_error_clear(&err);
    cr_assert_eq(decoder(9, tensor("y", 2, 2880, 0, 0), &m, &s, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/code/dimension");
}
