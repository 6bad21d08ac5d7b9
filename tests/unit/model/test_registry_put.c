/* Versions put into a registry and deleted from it, by several at once and without memory. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "model/autoencoder.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

static struct lat_engine *engine;
static struct lat_registry *registry;
static char models[256];
static struct lat_buf encoder, decoder;
static const char manifest[] = "{\"input\":{\"kind\":\"vector\"}}";

static void enter(void)
{
    const struct tiny_model tiny = {.rank = 2, .dims = {-1, 5}, .code = 3};
    test_folder_enter();
    snprintf(models, sizeof(models), "%s", test_path("models"));
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
    const struct lat_registry_options options = {.folder = models, .threads = 1};
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    tiny_encoder(&tiny, &encoder);
    tiny_decoder(&tiny, &decoder);
}

static void leave(void)
{
    lat_buf_release(&encoder);
    lat_buf_release(&decoder);
    lat_registry_close(registry);
    lat_engine_free(engine);
    test_folder_leave();
}

TestSuite(registry_put, .init = enter, .fini = leave);

static enum lat_status put(const char *reference, bool *out_created, struct lat_error *err)
{
    const struct lat_package_part parts[3] = {
        {.name = "decoder", .bytes = decoder.data, .len = decoder.len},
        {.name = "manifest", .bytes = manifest, .len = sizeof(manifest) - 1},
        {.name = "file",
         .filename = "encoder.onnx",
         .bytes = encoder.data,
         .len = encoder.len}};
    return lat_registry_put(registry, reference, parts, 3, out_created, err);
}

static atomic_int n_created, n_same;

static void *put_it(void *unused)
{
    bool created = false;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(put("m@1", &created, &err), LAT_OK, "%s", err.message);
    atomic_fetch_add(created ? &n_created : &n_same, 1);
    return unused;
}

Test(registry_put, of_several_at_once_one_creates_and_the_others_find_it)
{
    enum { N = 6 };
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, put_it, NULL), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&n_created), 1);
    cr_assert_eq(atomic_load(&n_same), N - 1);
    char folder[300];
    snprintf(folder, sizeof(folder), "%s/m", models);
    cr_assert_eq(test_folder_count(folder), 1);
}

Test(registry_put, a_handle_outlives_the_deletion)
{
    bool created;
    struct lat_model *model = NULL;
    float row[5] = {1, 2, 3, 4, 5}, code[3];
    cr_assert_eq(put("m@1", &created, NULL), LAT_OK);
    cr_assert(created);
    cr_assert_eq(lat_registry_acquire(registry, "m", &model, NULL), LAT_OK);
    cr_assert_eq(lat_registry_delete(registry, "m@1", NULL), LAT_OK);
    cr_assert_eq(lat_model_encode(model, row, 1, code, NULL, NULL), LAT_OK);
    cr_assert_eq(code[2], 3);
    lat_model_release(model);
    cr_assert_eq(lat_registry_acquire(registry, "m", &model, NULL), LAT_NOT_FOUND);
    cr_assert_eq(test_folder_count(models), 0, "the last version takes its folder with it");
    cr_assert_eq(lat_registry_delete(registry, "m@1", NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_registry_delete(registry, "m", NULL), LAT_INVALID, "which version?");
}

static enum lat_status put_and_delete(void *unused, struct lat_error *err)
{
    bool created;
    (void)unused;
    enum lat_status status = put("m@1", &created, err);
    if (status == LAT_OK) {
        status = lat_registry_delete(registry, "m@1", err);
        if (status != LAT_OK) /* as it was, for the next round */
            (void)!lat_registry_delete(registry, "m@1", NULL);
    } else {
        struct lat_error ignored = LAT_ERROR_INIT;
        (void)!lat_registry_delete(registry, "m@1", &ignored);
    }
    return status;
}

Test(registry_put, every_allocation_may_fail)
{
    bool created;
    cr_assert_eq(put("n@1", &created, NULL), LAT_OK); /* the table has grown */
    TEST_TORTURE(put_and_delete, NULL);
    cr_assert_eq(test_folder_count(models), 1);
}
