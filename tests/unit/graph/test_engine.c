/* The engine: what it says of a graph, what it refuses, and that it gives everything back. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "run.h"

/* y = x * 2 + x, [batch, 3]. */
static void build(struct lat_graph *graph)
{
    lat_graph_init(graph);
    struct lat_value *x =
        lat_graph_input(graph, "x", LAT_FLOAT32, &(struct lat_shape){2, {1, 3}});
    lat_graph_output(graph, lat_graph_add(graph, lat_graph_scale(graph, x, 2), x), "y");
}

static struct lat_session *open_small(void)
{
    struct lat_graph graph;
    build(&graph);
    struct lat_session *session = test_open(&graph, true);
    lat_graph_release(&graph);
    return session;
}

static struct lat_tensor floats(const char *name, int64_t rows, int64_t columns, float *data)
{
    return (struct lat_tensor){
        .name = name, .dtype = LAT_FLOAT32, .rank = 2, .dims = {rows, columns}, .data = data};
}

Test(engine, a_session_tells_its_inputs_and_outputs)
{
    struct lat_session *session = open_small();
    size_t n = 0;
    const struct lat_tensor_info *in = lat_session_inputs(session, &n);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(in->name, "x");
    cr_assert_eq(in->dtype, LAT_FLOAT32);
    cr_assert_eq(in->rank, 2);
    cr_assert_eq(in->dims[0], -1);
    cr_assert_eq(in->dims[1], 3);
    cr_assert_str_eq(lat_session_outputs(session, &n)->name, "y");
    cr_assert_eq(n, 1);
    lat_session_close(session);
    cr_assert_gt(strlen(lat_engine_version()), 3);
}

Test(engine, a_wrong_shape_a_wrong_name_and_a_wrong_type_are_invalid)
{
    struct lat_session *session = open_small();
    float x[6] = {1, 2, 3, 4, 5, 6};
    float y[8] = {0, 0, 0, 0, 0, 0, 42, 42};
    struct lat_tensor in = floats("x", 2, 3, x);
    struct lat_tensor out = floats("y", 2, 3, y);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_session_run(session, &in, 1, &out, 1, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(y[5], 18);

    struct lat_tensor narrow = floats("y", 1, 3, y);
    cr_assert_eq(lat_session_run(session, &in, 1, &narrow, 1, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "{1,3}"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "{2,3}"), "%s", err.message);
    cr_assert_eq(y[6], 42, "nothing is written past the buffer");

    struct lat_tensor wide = floats("x", 1, 6, x);
    lat_error_clear(&err);
    cr_assert_eq(lat_session_run(session, &wide, 1, &out, 1, &err), LAT_INVALID);
    struct lat_tensor other = floats("z", 2, 3, x);
    lat_error_clear(&err);
    cr_assert_eq(lat_session_run(session, &other, 1, &out, 1, &err), LAT_INVALID);
    struct lat_tensor integer = in;
    integer.dtype = LAT_INT64;
    integer.rank = 1;
    integer.dims[0] = 3;
    lat_error_clear(&err);
    cr_assert_eq(lat_session_run(session, &integer, 1, &out, 1, &err), LAT_INVALID);
    struct lat_tensor unknown = in;
    unknown.dtype = LAT_DTYPE_OTHER;
    cr_assert_eq(lat_session_run(session, &unknown, 1, &out, 1, NULL), LAT_INVALID);
    lat_session_close(session);
}

Test(engine, broken_graphs_and_missing_files_are_refused_with_words)
{
    struct lat_session *session = NULL;
    struct lat_session_options options = {.optimize = true};
    struct lat_error err = LAT_ERROR_INIT;
    static const char junk[] = "this is no graph";
    cr_assert_eq(
        lat_session_open_bytes(test_engine(), junk, sizeof(junk), &options, &session, &err),
        LAT_INVALID);
    cr_assert_gt(strlen(err.message), 20, "%s", err.message);
    lat_error_clear(&err);
    cr_assert_eq(lat_session_open_bytes(test_engine(), junk, 0, &options, &session, &err),
                 LAT_INVALID);
    lat_error_clear(&err);
    cr_assert_eq(lat_session_open(test_engine(), "/nowhere/x.onnx", &options, &session, &err),
                 LAT_NOT_FOUND, "%s", err.message);
    cr_assert_null(session);
}

Test(engine, every_truncation_of_a_graph_is_refused_or_opens)
{
    struct lat_graph graph;
    struct lat_buf bytes = {0};
    struct lat_onnx_options file = {.name = "test"};
    struct lat_session_options options = {.optimize = true};
    build(&graph);
    cr_assert_eq(lat_onnx_write(&graph, &file, &bytes, NULL), LAT_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        struct lat_session *session = NULL;
        if (lat_session_open_bytes(test_engine(), bytes.data, len, &options, &session, NULL) ==
            LAT_OK) {
            lat_session_close(session);
        }
    }
    lat_buf_release(&bytes);
    lat_graph_release(&graph);
}

Test(engine, a_binding_reads_and_writes_the_callers_memory)
{
    struct lat_session *session = open_small();
    struct lat_binding *binding = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    float x[3] = {0};
    float y[3] = {0};
    struct lat_tensor in = floats("x", 1, 3, x);
    struct lat_tensor out = floats("y", 1, 3, y);
    cr_assert_eq(lat_binding_new(session, &in, 1, &out, 1, &binding, &err), LAT_OK, "%s",
                 err.message);
    for (int t = 1; t <= 3; t++) {
        x[2] = (float)t;
        cr_assert_eq(lat_binding_run(binding, &err), LAT_OK, "%s", err.message);
        cr_assert_eq(y[2], 3.0F * (float)t);
    }
    lat_binding_free(binding);
    struct lat_tensor wrong = floats("nope", 1, 3, x);
    cr_assert_eq(lat_binding_new(session, &wrong, 1, &out, 1, &binding, &err), LAT_INVALID);
    lat_session_close(session);
}

/* 1e-30 * 3e-10 is a denormal float32. */
Test(engine, denormals_count_as_zero_only_where_asked)
{
    struct lat_graph graph;
    struct lat_buf bytes = {0};
    struct lat_onnx_options file = {.name = "test"};
    struct lat_error err = LAT_ERROR_INIT;
    volatile float small = 1e-30F;
    float x[3] = {1e-30F, 1e-30F, 1e-30F};
    lat_graph_init(&graph);
    struct lat_value *in =
        lat_graph_input(&graph, "x", LAT_FLOAT32, &(struct lat_shape){2, {1, 3}});
    lat_graph_output(&graph, lat_graph_scale(&graph, in, 3e-10F), "y");
    cr_assert_eq(lat_onnx_write(&graph, &file, &bytes, &err), LAT_OK, "%s", err.message);
    for (int flush = 0; flush < 2; flush++) {
        struct lat_session_options options = {.optimize = true, .flush_denormals = flush == 1};
        struct lat_session *session = NULL;
        float y[3] = {1, 1, 1};
        struct lat_tensor a = floats("x", 1, 3, x);
        struct lat_tensor b = floats("y", 1, 3, y);
        cr_assert_eq(lat_session_open_bytes(test_engine(), bytes.data, bytes.len, &options,
                                            &session, &err),
                     LAT_OK, "%s", err.message);
        cr_assert_eq(lat_session_run(session, &a, 1, &b, 1, &err), LAT_OK, "%s", err.message);
        cr_assert_eq(y[1] > 0, flush == 0);
        cr_assert_gt(small * 3e-10F, 0, "the caller's own arithmetic is as before");
        lat_session_close(session);
    }
    lat_buf_release(&bytes);
    lat_graph_release(&graph);
}

struct worker {
    struct lat_session *session;
    float base;
    bool right;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    worker->right = true;
    for (int t = 0; t < 200; t++) {
        float x[6];
        float y[6] = {0};
        int64_t rows = 1 + t % 2;
        struct lat_tensor in = floats("x", rows, 3, x);
        struct lat_tensor out = floats("y", rows, 3, y);
        for (size_t i = 0; i < 6; i++) {
            x[i] = worker->base + (float)t;
        }
        worker->right = worker->right &&
                        lat_session_run(worker->session, &in, 1, &out, 1, NULL) == LAT_OK &&
                        !(y[3 * rows - 1] < 3 * x[0]) && !(y[3 * rows - 1] > 3 * x[0]);
    }
    return NULL;
}

Test(engine, many_threads_run_one_session)
{
    struct lat_session *session = open_small();
    struct worker workers[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){.session = session, .base = (float)(1000 * i)};
        cr_assert_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(workers[i].right, "thread %zu", i);
    }
    lat_session_close(session);
}

Test(engine, every_failing_allocation_is_survived)
{
    struct lat_graph graph;
    struct lat_buf bytes = {0};
    struct lat_onnx_options file = {.name = "test"};
    struct lat_session_options options = {.optimize = true};
    (void)test_engine();
    build(&graph);
    cr_assert_eq(lat_onnx_write(&graph, &file, &bytes, NULL), LAT_OK);
    for (long n = 1;; n++) {
        struct lat_session *session = NULL;
        struct lat_binding *binding = NULL;
        float x[3] = {0};
        struct lat_tensor in = floats("x", 1, 3, x);
        struct lat_tensor out = floats("y", 1, 3, x);
        lat_mem_fail_after(n);
        enum lat_status status = lat_session_open_bytes(test_engine(), bytes.data, bytes.len,
                                                        &options, &session, NULL);
        if (status == LAT_OK) {
            status = lat_binding_new(session, &in, 1, &out, 1, &binding, NULL);
        }
        bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        lat_binding_free(status == LAT_OK ? binding : NULL);
        lat_session_close(session);
        cr_assert_eq(status, reached ? LAT_NO_MEMORY : LAT_OK);
        if (!reached) {
            break;
        }
    }
    lat_buf_release(&bytes);
    lat_graph_release(&graph);
}
