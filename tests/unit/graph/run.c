#include "run.h"

#include <criterion/criterion.h>
#include <string.h>

struct lat_engine *test_engine(void)
{
    static struct lat_engine *engine;
    struct lat_error err = LAT_ERROR_INIT;
    if (engine == NULL) {
        cr_assert_eq(lat_engine_new(&engine, &err), LAT_OK, "%s", err.message);
    }
    return engine;
}

struct lat_session *test_open(const struct lat_graph *graph, bool dynamic_batch)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf bytes = {0};
    struct lat_session *session = NULL;
    struct lat_onnx_options file = {.name = "test", .dynamic_batch = dynamic_batch};
    struct lat_session_options options = {.threads = 1, .optimize = true};
    cr_assert_eq(lat_onnx_write(graph, &file, &bytes, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(
        lat_session_open_bytes(test_engine(), bytes.data, bytes.len, &options, &session, &err),
        LAT_OK, "%s", err.message);
    lat_buf_release(&bytes);
    return session;
}

struct lat_tensor test_tensor(const char *name, const struct lat_value *value, void *data)
{
    struct lat_tensor tensor = {
        .name = name, .dtype = value->dtype, .rank = value->shape.rank, .data = data};
    memcpy(tensor.dims, value->shape.dims, sizeof(tensor.dims));
    return tensor;
}

void test_run(const struct lat_graph *graph, const struct lat_tensor *inputs, size_t n_inputs,
              const struct lat_tensor *outputs, size_t n_outputs)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_session *session = test_open(graph, false);
    cr_assert_eq(lat_session_run(session, inputs, n_inputs, outputs, n_outputs, &err), LAT_OK,
                 "%s", err.message);
    lat_session_close(session);
}
