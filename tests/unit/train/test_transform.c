/* Transforms: every gradient of rate and distortion against finite differences, and pictures of
 * any size without seams. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/train/parts.h"
#include "model/transform.h"
#include "step_fixture.h"

enum {
    BATCH = 2,
    SIZE = 8,
    CHANNELS = 3,
    ELEMENTS = CHANNELS * SIZE * SIZE,
    MAX_WEIGHTS = 8192
};

static const struct lat_input_spec pictures = {.kind = LAT_INPUT_IMAGE,
                                               .width = SIZE,
                                               .height = SIZE,
                                               .channels = CHANNELS,
                                               .dimension = ELEMENTS,
                                               .std = {1, 1, 1}};

static struct lat_spec transform_spec(bool gdn)
{
    struct lat_network_spec down = {.type = LAT_NETWORK_TRANSFORM,
                                    .activation = LAT_GELU,
                                    .gdn = gdn,
                                    .n_channels = 2,
                                    .channels = {5, 4},
                                    .kernels = {5, 3},
                                    .strides = {2, 2}};
    struct lat_network_spec up = down;
    up.channels[0] = 4;
    up.channels[1] = 5;
    up.kernels[0] = 3;
    up.kernels[1] = 5;
    struct lat_spec spec = {.seed = 3, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = down;
    spec.decoder = up;
    spec.code.type = LAT_CODE_QUANTISED;
    spec.code.dimension = 4 * 2 * 2;
    spec.penalties.rate = 0.3;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = BATCH};
    return spec;
}

static struct lat_step *new_step(const struct lat_spec *spec)
{
    struct lat_step *step = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_step_new(step_engine(), spec, &pictures, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    step_fill_input(step, BATCH * ELEMENTS, 7);
    return step;
}

static void stir(struct lat_step *step)
{
    static float values[MAX_WEIGHTS];
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    struct lat_rng rng;
    lat_rng_seed(&rng, 9);
    for (size_t i = 0; i < n; i++) {
        cr_assert_leq(infos[i].n, MAX_WEIGHTS);
        lat_step_get_parameter(step, i, values);
        for (size_t k = 0; k < infos[i].n; k++)
            values[k] += (float)(0.2 * lat_rng_uniform(&rng) - 0.1);
        lat_step_set_parameter(step, i, values);
    }
}

/* The loss of the noise that the next step would draw is not what an evaluation draws: so the
 * loss is taken of a step that changes nothing. */
static double loss_moved(struct lat_step *step, size_t i, size_t k, float by)
{
    static float values[MAX_WEIGHTS];
    struct lat_error err = LAT_ERROR_INIT;
    const size_t len = lat_step_state_len(step);
    void *kept = lat_alloc_raw(len, 1);
    double loss = 0;
    lat_step_get_state(step, kept);
    lat_step_get_parameter(step, i, values);
    values[k] += by;
    lat_step_set_parameter(step, i, values);
    cr_assert_eq(lat_step_run(step, 0, &loss, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_step_set_state(step, kept, len, &err), LAT_OK, "%s", err.message);
    lat_free(kept);
    return loss;
}

static void check_gradients(bool gdn)
{
    const float h = 0.01F;
    const struct lat_spec spec = transform_spec(gdn);
    struct lat_step *step = new_step(&spec);
    struct lat_error err = LAT_ERROR_INIT;
    size_t n = 0;
    stir(step);
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; i++) {
        static float gradient[MAX_WEIGHTS];
        cr_assert_eq(lat_step_gradient(step, i, gradient, &err), LAT_OK, "%s", err.message);
        for (size_t k = 0; k < infos[i].n; k += infos[i].n / 5 + 1) {
            const double near = loss_moved(step, i, k, h) - loss_moved(step, i, k, -h);
            const double far = loss_moved(step, i, k, 2 * h) - loss_moved(step, i, k, -2 * h);
            const double expected = (8 * near - far) / (12 * (double)h);
            cr_expect_float_eq((double)gradient[k], expected, 1e-2 * (1 + fabs(expected)),
                               "%s[%zu]: %g, by differences %g", infos[i].name, k,
                               (double)gradient[k], expected);
        }
    }
    lat_step_free(step);
}

Test(train, the_gradients_of_a_normalised_transform_agree_with_finite_differences)
{
    check_gradients(true);
}

Test(train, the_gradients_of_a_transform_with_activations_agree_with_finite_differences)
{
    check_gradients(false);
}

Test(train, a_transform_survives_every_failing_allocation)
{
    const struct lat_spec spec = transform_spec(true);
    step_survives_failing_allocations(&spec, &pictures);
}

Test(train, pictures_that_do_not_divide_by_the_strides_are_refused)
{
    struct lat_spec spec = transform_spec(true);
    struct lat_input_spec odd = pictures;
    struct lat_shape shape;
    struct lat_error err = LAT_ERROR_INIT;
    odd.width = 10;
    cr_assert_eq(lat_transform_code_shape(&spec.encoder, &odd, &shape, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "10 x 8"), "%s", err.message);
}

/* ---- tiles ---- */

/* What the manifest of this transform says: kernels 5 and 3, strides 2 and 2. */
static struct lat_manifest manifest_of(void)
{
    struct lat_manifest manifest;
    lat_manifest_init(&manifest);
    manifest.input = pictures;
    manifest.code_stride = 4;
    manifest.analysis_reach = 4;
    manifest.synthesis_reach = 2;
    snprintf(manifest.analysis, sizeof(manifest.analysis), "analysis.onnx");
    snprintf(manifest.synthesis, sizeof(manifest.synthesis), "synthesis.onnx");
    return manifest;
}

/* One run over the whole picture, its last column and row repeated. */
static void run_whole(struct lat_session *session, const char *in, const char *out,
                      const int64_t from[3], const int64_t to[3], float *data, float *result)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_tensor input = {.name = in,
                                     .dtype = LAT_FLOAT32,
                                     .rank = 4,
                                     .dims = {1, from[0], from[1], from[2]},
                                     .data = data};
    const struct lat_tensor output = {.name = out,
                                      .dtype = LAT_FLOAT32,
                                      .rank = 4,
                                      .dims = {1, to[0], to[1], to[2]},
                                      .data = result};
    cr_assert_eq(lat_session_run(session, &input, 1, &output, 1, &err), LAT_OK, "%s",
                 err.message);
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void check_seams(const struct lat_transform *transform, uint32_t width, uint32_t height)
{
    const int64_t rows = (int64_t)lat_transform_places(transform, height);
    const int64_t columns = (int64_t)lat_transform_places(transform, width);
    const size_t n = (size_t)(4 * rows * columns), whole = (size_t)(3 * 16 * rows * columns);
    uint8_t *pixels = lat_alloc_raw((size_t)width * height, 3);
    uint8_t *shown = lat_alloc_raw((size_t)width * height, 3);
    float *planes = lat_alloc_raw(whole, sizeof(float)),
          *code = lat_alloc_raw(n, sizeof(float));
    float *expected = lat_alloc_raw(n, sizeof(float));
    struct lat_rng rng;
    struct lat_error err = LAT_ERROR_INIT;
    lat_rng_seed(&rng, width);
    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        pixels[i] = (uint8_t)lat_rng_next(&rng);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < 4 * rows; y++)
            for (uint32_t x = 0; x < 4 * columns; x++)
                planes[((size_t)c * 4 * rows + y) * 4 * columns + x] =
                    (float)pixels[((size_t)least_of(y, height - 1) * width +
                                   least_of(x, width - 1)) *
                                      3 +
                                  c] /
                    255.0F;
    cr_assert_eq(lat_transform_analyse(transform, pixels, width, height, 0, code, &err), LAT_OK,
                 "%s", err.message);
    const int64_t picture[3] = {3, 4 * rows, 4 * columns}, maps[3] = {4, rows, columns};
    run_whole(transform->analysis, "input", "code", picture, maps, planes, expected);
    for (size_t i = 0; i < n; i++)
        cr_assert_float_eq(code[i], expected[i], 1e-4, "number %zu of %u x %u", i, width,
                           height);
    cr_assert_eq(lat_transform_analyse(transform, pixels, width, height, 1, expected, &err),
                 LAT_UNAVAILABLE, "the deadline is over");
    cr_assert_str_eq(err.code, "deadline_exceeded");
    lat_error_clear(&err);
    cr_assert_eq(lat_transform_synthesise(transform, code, width, height, 0, shown, &err),
                 LAT_OK, "%s", err.message);
    run_whole(transform->synthesis, "code", "output", maps, picture, code, planes);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                const float value = planes[((size_t)c * 4 * rows + y) * 4 * columns + x];
                const double cut = value < 0 ? 0 : value > 1 ? 1 : (double)value;
                const int got = shown[((size_t)y * width + x) * 3 + c];
                cr_assert_float_eq(got, 255 * cut, 0.51, "pixel %u, %u of %u x %u", x, y, width,
                                   height);
            }
    lat_free(pixels);
    lat_free(shown);
    lat_free(planes);
    lat_free(code);
    lat_free(expected);
}

Test(train, tiles_of_a_picture_have_no_seams)
{
    char folder[] = "/tmp/latentd-transform-XXXXXX", path[128];
    static const char *const files[] = {"encoder", "decoder", "analysis", "synthesis"};
    const struct lat_spec spec = transform_spec(true);
    const struct lat_manifest manifest = manifest_of();
    struct lat_step *step = new_step(&spec);
    struct lat_transform transform = {0};
    struct lat_error err = LAT_ERROR_INIT;
    stir(step);
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(lat_step_export(step, folder, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_transform_open(step_engine(), folder, &manifest, 1, &transform, &err),
                 LAT_OK, "%s", err.message);
    check_seams(&transform, 530, 300); /* three tiles across, two down, none of them even */
    check_seams(&transform, 257, 3);
    check_seams(&transform, 1, 1);
    lat_transform_close(&transform);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s.onnx", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
    lat_step_free(step);
}
