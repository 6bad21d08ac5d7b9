/* The pair of ONNX files that is written from a step. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "step_fixture.h"

static struct lat_session *open_file(const char *folder, const char *name)
{
    char path[256];
    struct lat_session *session = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_session_options options = {.threads = 1, .optimize = true};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(lat_session_open(step_engine(), path, &options, &session, &err), LAT_OK, "%s",
                 err.message);
    unlink(path);
    return session;
}

/* Input through the exported pair; the squared error against what evaluation says. */
static double exported_loss(struct lat_step *step, const float *rows, int64_t n,
                            const struct lat_tensor *row, size_t elements)
{
    char folder[] = "/tmp/latentd-step-XXXXXX";
    struct lat_error err = LAT_ERROR_INIT;
    float code[64];
    float *out = calloc((size_t)n * elements, sizeof(float));
    double sum = 0;
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_step_export(step, folder, &err), LAT_OK, "%s", err.message);
    struct lat_session *encoder = open_file(folder, "encoder.onnx");
    struct lat_session *decoder = open_file(folder, "decoder.onnx");
    rmdir(folder);
    size_t n_infos = 0;
    cr_assert_eq(lat_session_inputs(encoder, &n_infos)[0].dims[0], -1, "the batch is open");
    struct lat_tensor in = *row;
    in.dims[0] = n;
    struct lat_tensor image = in;
    struct lat_tensor latent = {
        .name = "code", .dtype = LAT_FLOAT32, .rank = 2, .dims = {n, 3}, .data = code};
    in.data = calloc((size_t)n * elements, sizeof(float));
    memcpy(in.data, rows, (size_t)n * elements * sizeof(float));
    image.name = "output";
    image.data = out;
    cr_assert_eq(lat_session_run(encoder, &in, 1, &latent, 1, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_session_run(decoder, &latent, 1, &image, 1, &err), LAT_OK, "%s",
                 err.message);
    for (size_t i = 0; i < (size_t)n * elements; i++) {
        sum += ((double)out[i] - (double)rows[i]) * ((double)out[i] - (double)rows[i]) / 2;
    }
    lat_session_close(encoder);
    lat_session_close(decoder);
    free(in.data);
    free(out);
    return sum;
}

Test(step, an_exported_pair_reconstructs_any_batch_as_training_does)
{
    struct lat_spec spec = step_conv_spec();
    struct lat_input_spec input = step_image_input();
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = step_new(&spec, &input);
    struct lat_tensor row = {
        .name = "input", .dtype = LAT_FLOAT32, .rank = 4, .dims = {0, 2, 7, 6}};
    step_run_many(step, 0, 5, 420);
    cr_assert_eq(lat_step_layout(step), LAT_LAYOUT_NCHW);
    for (int64_t n = 1; n <= 5; n += 2) {
        double expected = 0;
        cr_assert_eq(lat_step_evaluate(step, (size_t)n, &expected, &err), LAT_OK);
        double got = exported_loss(step, lat_step_input(step), n, &row, 84);
        cr_assert_float_eq(got, expected, 1e-5 * expected);
    }
    lat_step_free(step);
}

Test(step, an_exported_pair_does_and_undoes_the_scaling)
{
    struct lat_spec spec = step_dense_spec();
    struct lat_input_spec input = step_vector_input(12);
    struct lat_error err = LAT_ERROR_INIT;
    float shift[12], scale[12], raw[72];
    spec.likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    struct lat_step *step = step_new(&spec, &input);
    struct lat_tensor row = {.name = "input", .dtype = LAT_FLOAT32, .rank = 2, .dims = {0, 12}};
    step_run_many(step, 0, 5, 72);
    for (size_t i = 0; i < 12; i++) {
        shift[i] = (float)i - 4;
        scale[i] = 3;
    }
    for (size_t i = 0; i < 72; i++) {
        raw[i] = lat_step_input(step)[i] * scale[i % 12] + shift[i % 12];
    }
    cr_assert_eq(lat_step_set_scaling(step, shift, scale, &err), LAT_OK);
    double expected = 0;
    cr_assert_eq(lat_step_evaluate(step, 6, &expected, &err), LAT_OK);
    cr_assert_eq(lat_step_layout(step), LAT_LAYOUT_FLAT);
    double got = exported_loss(step, raw, 6, &row, 12);
    cr_assert_float_eq(got, 9 * expected, 1e-4 * 9 * expected);
    lat_step_free(step);
}
