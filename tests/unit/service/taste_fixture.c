#include "taste_fixture.h"

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/log.h"
#include "model/graph/build.h"
#include "model/graph/onnx_file.h"
#include "model/graph/ops.h"
#include "tests/support/support.h"

static void put(struct lat_graph *g, struct lat_value *out, const char *name, const char *path)
{
    const struct lat_onnx_options options = {.name = "g", .dynamic_batch = true};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf bytes = {0};
    lat_graph_output(g, out, name);
    cr_assert_eq(lat_onnx_write(g, &options, &bytes, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_file_write(path, bytes.data, bytes.len, NULL), LAT_OK);
    lat_buf_release(&bytes);
    lat_graph_release(g);
}

static void put_encoder(const float *vectors, int64_t n, int64_t d)
{
    struct lat_graph g;
    const int64_t axis = 1;
    lat_graph_init(&g);
    struct lat_value *x =
        lat_graph_input(&g, "input", LAT_FLOAT32, &(struct lat_shape){2, {1, n}});
    struct lat_value *squares = lat_graph_sum(&g, lat_graph_square(&g, x), &axis, 1, true);
    x = lat_graph_div(&g, x, lat_graph_sqrt(&g, lat_graph_shift(&g, squares, 1e-9F)));
    struct lat_value *w = lat_graph_constant(&g, NULL, &(struct lat_shape){2, {n, d}}, vectors);
    put(&g, lat_graph_matmul(&g, x, w), "code", test_path("models/taste/1/encoder.onnx"));
}

static void put_decoder(const float *vectors, const float *biases, int64_t n, int64_t d)
{
    struct lat_graph g;
    lat_graph_init(&g);
    struct lat_value *x =
        lat_graph_input(&g, "code", LAT_FLOAT32, &(struct lat_shape){2, {1, d}});
    struct lat_value *w = lat_graph_constant(&g, NULL, &(struct lat_shape){2, {n, d}}, vectors);
    struct lat_value *b = lat_graph_constant(&g, NULL, &(struct lat_shape){1, {n}}, biases);
    put(&g, lat_graph_softmax(&g, lat_graph_gemm(&g, x, false, w, true, b)), "output",
        test_path("models/taste/1/decoder.onnx"));
}

void taste_fixture_start(struct taste_fixture *fixture, const float *vectors,
                         const float *biases, size_t n, size_t d)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf json = {0};
    *fixture = (struct taste_fixture){0};
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    lat_buf_text(&json, "{\"input\":{\"kind\":\"interactions\",\"items\":[");
    for (size_t i = 0; i < n; i++)
        lat_buf_printf(&json, "%s\"i%zu\"", i ? "," : "", i);
    lat_buf_text(&json, "]}}");
    cr_assert_eq(lat_file_make_folder(test_path("models/taste/1"), NULL), LAT_OK);
    cr_assert_eq(
        lat_file_write(test_path("models/taste/1/model.json"), json.data, json.len, NULL),
        LAT_OK);
    lat_buf_release(&json);
    put_encoder(vectors, (int64_t)n, (int64_t)d);
    put_decoder(vectors, biases, (int64_t)n, (int64_t)d);
    const struct lat_registry_options options = {.folder = test_path("models"), .threads = 1};
    cr_assert_eq(lat_engine_new(&fixture->engine, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_registry_open(fixture->engine, &options, &fixture->registry, &err), LAT_OK,
                 "%s", err.message);
    lat_registry_load_all(fixture->registry);
    cr_assert_eq(lat_registry_acquire(fixture->registry, "taste", &fixture->model, &err),
                 LAT_OK, "%s", err.message);
}

void taste_fixture_stop(struct taste_fixture *fixture)
{
    lat_model_release(fixture->model);
    lat_registry_close(fixture->registry);
    lat_engine_free(fixture->engine);
}
