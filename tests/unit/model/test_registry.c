#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "model/autoencoder.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

static struct lat_engine *engine;
static struct lat_registry *registry;
static const char *models;
static const struct tiny_model tiny = {.rank = 2, .dims = {-1, 5}, .code = 3};
static const char *const plain = "{\"input\":{\"kind\":\"vector\"}}";

static void enter(void)
{
    static char path[256];
    test_folder_enter();
    snprintf(path, sizeof(path), "%s", test_path("models"));
    models = path;
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
}

static void leave(void)
{
    lat_registry_close(registry);
    lat_engine_free(engine);
    registry = NULL;
    test_folder_leave();
}

TestSuite(registry, .init = enter, .fini = leave);

static void open_all(void)
{
    const struct lat_registry_options options = {.folder = models, .threads = 1};
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    lat_registry_load_all(registry);
}

static struct lat_model_info describe(const char *reference)
{
    struct lat_model_info info;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert(lat_registry_describe(registry, reference, &info, NULL, &err) == LAT_OK, "%s",
              err.message);
    return info;
}

/* Which version a reference leads to; 0 when to none, with the status. */
static uint32_t version_of(const char *reference, enum lat_status *out_status)
{
    struct lat_model *model = NULL;
    *out_status = lat_registry_acquire(registry, reference, &model, NULL);
    if (*out_status != LAT_OK)
        return 0;
    const uint32_t version = lat_model_manifest(model)->version;
    lat_model_release(model);
    return version;
}

Test(registry, an_absent_folder_is_made_and_empty)
{
    struct lat_model_info *infos = NULL;
    size_t n = 9;
    open_all();
    cr_assert(lat_file_exists(models));
    cr_assert_eq(lat_registry_list(registry, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 0u);
    lat_free(infos);
}

Test(registry, only_folders_of_names_and_versions_are_packages)
{
    struct lat_model_info *infos = NULL;
    size_t n = 0;
    static const char *const strange[] = {"Upper/1", "ok/0",   "ok/01",         "ok/v1",
                                          "ok/.2",   ".tmp/1", "ok/99999999999"};
    tiny_package(models, "ok", 2, &tiny, plain);
    tiny_package(models, "ok", 10, &tiny, plain);
    tiny_package(models, "a.b-c_d", 1, &tiny, plain);
    for (size_t i = 0; i < LAT_ARRAY_LEN(strange); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", models, strange[i]);
        cr_assert_eq(lat_file_make_folder(path, NULL), LAT_OK);
    }
    open_all();
    cr_assert_eq(lat_registry_list(registry, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 3u);
    cr_assert_str_eq(infos[0].name, "a.b-c_d");
    cr_assert_eq(infos[1].version, 2u);
    cr_assert_eq(infos[2].version, 10u, "versions sort as numbers");
    for (size_t i = 0; i < n; i++) {
        cr_assert(infos[i].state == LAT_MODEL_READY, "%s", infos[i].reason);
        cr_assert_eq(infos[i].manifest.code_dimension, 3u);
        cr_assert_eq(infos[i].manifest.input.dimension, 5u);
        cr_assert_str_eq(infos[i].manifest.name, infos[i].name);
    }
    cr_assert_eq(lat_metric_value(LAT_METRIC_MODELS, "ready"), 3.0);
    lat_free(infos);
}

Test(registry, a_name_means_its_newest_ready_version)
{
    enum lat_status status;
    tiny_package(models, "m", 1, &tiny, plain);
    tiny_package(models, "m", 2, &tiny, plain);
    tiny_package(models, "m", 3, &tiny, "{\"input\":");
    open_all();
    cr_assert_eq(version_of("m", &status), 2u);
    cr_assert_eq(version_of("m@1", &status), 1u);
    cr_assert_eq(version_of("m@3", &status), 0u);
    cr_assert_eq(status, LAT_UNAVAILABLE);
    cr_assert_eq(version_of("m@4", &status), 0u);
    cr_assert_eq(status, LAT_NOT_FOUND);
    cr_assert_eq(version_of("n", &status), 0u);
    cr_assert_eq(status, LAT_NOT_FOUND);
    static const char *const bad[] = {"",      "M",    "m@", "m@0",          "m@01", "m@x",
                                      "m@1@2", "m@-1", "@1", "m@4294967296", "m/1",  "m 1"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        version_of(bad[i], &status);
        cr_expect(status == LAT_INVALID, "'%s'", bad[i]);
    }
}

Test(registry, a_broken_package_is_unavailable_with_its_reason_and_harms_nothing)
{
    struct tiny_model broken = tiny;
    struct lat_model *model;
    struct lat_error err = LAT_ERROR_INIT;
    enum lat_status status;
    tiny_package(models, "good", 1, &tiny, plain);
    tiny_package(models, "syntax", 1, &tiny, "{\"input\"");
    tiny_package(models, "width", 1, &tiny,
                 "{\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    tiny_package(models, "other-name", 1, &tiny,
                 "{\"name\":\"other\",\"input\":{\"kind\":\"vector\"}}");
    tiny_package(models, "other-version", 1, &tiny,
                 "{\"version\":2,\"input\":{\"kind\":\"vector\"}}");
    broken.dims[0] = 1;
    tiny_package(models, "fixed", 1, &broken, plain);
    broken = tiny;
    broken.fixed_reshape = true;
    tiny_package(models, "reshape", 1, &broken, plain);
    tiny_package(models, "garbage", 1, &tiny, plain);
    cr_assert_eq(truncate(test_path("models/garbage/1/encoder.onnx"), 60), 0);
    tiny_package(models, "missing", 1, &tiny, plain);
    cr_assert_eq(unlink(test_path("models/missing/1/encoder.onnx")), 0);
    tiny_package(models, "empty", 1, &tiny, plain);
    cr_assert_eq(unlink(test_path("models/empty/1/model.json")), 0);
    tiny_package(models, "infinite", 1,
                 &(struct tiny_model){.rank = 2, .dims = {-1, 5}, .code = 3, .scale = 1e-42F},
                 plain);
    open_all();
    static const struct {
        const char *name, *reason;
    } cases[] = {{"syntax", "line 1"},
                 {"width", "/input/dimension: 6, but 'input' of encoder.onnx has 5"},
                 {"other-name", "/name: 'other' in the folder of 'other-name'"},
                 {"other-version", "/version: 2 in the folder of version 1"},
                 {"fixed", "dynamic first axis"},
                 {"reshape", "trial run"},
                 {"garbage", "encoder.onnx: "},
                 {"missing", "no file 'encoder.onnx'"},
                 {"empty", "model.json"},
                 {"infinite", "no numbers"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        const struct lat_model_info info = describe(cases[i].name);
        cr_expect(info.state == LAT_MODEL_UNAVAILABLE, "%s", cases[i].name);
        cr_expect(strstr(info.reason, cases[i].reason) != NULL, "%s: %s", cases[i].name,
                  info.reason);
    }
    cr_assert_eq(version_of("good", &status), 1u);
    cr_assert_eq(lat_registry_acquire(registry, "width", &model, &err), LAT_UNAVAILABLE);
    cr_assert_str_eq(err.code, "model_unavailable");
    cr_assert_not_null(strstr(err.message, "/input/dimension"));
    cr_assert_eq(lat_metric_value(LAT_METRIC_MODELS, "unavailable"), 10.0);
}

Test(registry, loading_finds_what_was_put_there_while_serving)
{
    enum lat_status status;
    struct lat_error err = LAT_ERROR_INIT;
    open_all();
    cr_assert_eq(lat_registry_load(registry, "late", &err), LAT_NOT_FOUND);
    cr_assert_str_eq(err.code, "model_not_found");
    tiny_package(models, "late", 1, &tiny, plain);
    cr_assert_eq(lat_registry_load(registry, "late", NULL), LAT_OK);
    cr_assert_eq(version_of("late", &status), 1u);
    tiny_package(models, "late", 2, &tiny, plain);
    cr_assert_eq(version_of("late", &status), 1u, "nobody has looked yet");
    cr_assert_eq(lat_registry_load(registry, "late", NULL), LAT_OK);
    cr_assert_eq(version_of("late", &status), 2u, "the name alone loads the newest");
}

Test(registry, unloading_waits_for_nobody_and_pulls_nothing_away)
{
    enum lat_status status;
    struct lat_model *model;
    const float rows[5] = {1, 2, 3, 4, 5};
    float codes[3];
    tiny_package(models, "m", 1, &tiny, plain);
    tiny_package(models, "m", 2, &tiny, plain);
    open_all();
    cr_assert_eq(lat_registry_acquire(registry, "m@2", &model, NULL), LAT_OK);
    cr_assert_eq(describe("m@2").users, 1u);
    cr_assert_eq(lat_registry_unload(registry, "m@2", NULL), LAT_OK);
    cr_assert_eq(lat_model_encode(model, rows, 1, codes, NULL, NULL), LAT_OK);
    cr_assert_eq(codes[2], 3.0F);
    lat_model_release(model);
    cr_assert_eq(version_of("m", &status), 1u, "the older one takes over");
    version_of("m@2", &status);
    cr_assert_eq(status, LAT_UNAVAILABLE);
    cr_assert_str_eq(describe("m@2").reason, "unloaded");
    cr_assert_eq(describe("m@2").state, LAT_MODEL_UNLOADED);
    cr_assert_eq(describe("m@2").manifest.code_dimension, 3u);
    cr_assert_eq(lat_registry_unload(registry, "m", NULL), LAT_OK);
    version_of("m", &status);
    cr_assert_eq(status, LAT_UNAVAILABLE);
    cr_assert_eq(lat_registry_unload(registry, "m", NULL), LAT_OK, "again is no error");
    cr_assert_eq(lat_registry_unload(registry, "m@9", NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_registry_load(registry, "m@1", NULL), LAT_OK);
    cr_assert_eq(version_of("m", &status), 1u);
}

Test(registry, a_repaired_package_loads_and_a_broken_reload_keeps_serving)
{
    enum lat_status status;
    struct lat_model *model;
    struct tiny_model wider = tiny;
    wider.code = 4;
    tiny_package(models, "m", 1, &tiny, "{");
    open_all();
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_BAD_SYNTAX);
    tiny_package(models, "m", 1, &tiny, plain);
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    cr_assert_eq(lat_registry_acquire(registry, "m", &model, NULL), LAT_OK);
    tiny_package(models, "m", 1, &tiny, "{ broken again");
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_BAD_SYNTAX);
    cr_assert_eq(version_of("m", &status), 1u);
    cr_assert_eq(describe("m").state, LAT_MODEL_READY);
    tiny_package(models, "m", 1, &wider, "{\"input\":{\"kind\":\"vector\"} }");
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    cr_assert_eq(describe("m").manifest.code_dimension, 4u);
    cr_assert_eq(lat_model_manifest(model)->code_dimension, 3u, "the old handle is as it was");
    lat_model_release(model);
}

Test(registry, loading_what_is_loaded_changes_nothing)
{
    struct lat_model *before, *after;
    tiny_package(models, "m", 1, &tiny, plain);
    open_all();
    cr_assert_eq(lat_registry_acquire(registry, "m", &before, NULL), LAT_OK);
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    cr_assert_eq(lat_registry_acquire(registry, "m", &after, NULL), LAT_OK);
    cr_assert_eq(before, after);
    lat_model_release(before);
    lat_model_release(after);
}

Test(registry, a_removed_folder_is_forgotten_once_nothing_is_loaded)
{
    struct lat_model_info info;
    enum lat_status status;
    tiny_package(models, "m", 1, &tiny, plain);
    open_all();
    cr_assert_eq(rename(test_path("models/m"), test_path("away")), 0);
    cr_assert_eq(lat_registry_load(registry, "x", NULL), LAT_NOT_FOUND);
    cr_assert_eq(version_of("m", &status), 1u, "what is loaded goes on serving");
    cr_assert_eq(lat_registry_unload(registry, "m", NULL), LAT_OK);
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_registry_describe(registry, "m", &info, NULL, NULL), LAT_NOT_FOUND);
}

Test(registry, manifests_are_listed_before_anything_is_loaded)
{
    struct lat_model_info *infos = NULL;
    struct lat_buf json = {0};
    size_t n = 0;
    const char *manifest =
        "{\"input\": {\"kind\": \"vector\"},  \"training\": {\"seed\": 5}}\n";
    const struct lat_registry_options options = {.folder = models, .threads = 1};
    tiny_package(models, "m", 1, &tiny, manifest);
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    cr_assert_eq(lat_registry_list(registry, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    cr_assert_eq(infos[0].state, LAT_MODEL_LOADING);
    cr_assert_eq(infos[0].manifest.input.kind, LAT_INPUT_VECTOR);
    cr_assert_eq(infos[0].manifest.version, 1u);
    cr_assert_eq(lat_registry_describe(registry, "m", &infos[0], &json, NULL), LAT_OK);
    cr_assert_str_eq(json.data, manifest, "the text is the file's own");
    lat_buf_release(&json);
    lat_free(infos);
}

/* Handles are taken and used while the model is unloaded and loaded again. */
static atomic_bool stop;
static atomic_long n_encoded;

static void *use(void *unused)
{
    const float rows[5] = {1, 2, 3, 4, 5};
    float codes[3];
    while (!atomic_load(&stop)) {
        struct lat_model *model;
        const enum lat_status status = lat_registry_acquire(registry, "m", &model, NULL);
        if (status != LAT_OK) {
            cr_assert_eq(status, LAT_UNAVAILABLE);
            continue;
        }
        cr_assert_eq(lat_model_encode(model, rows, 1, codes, NULL, NULL), LAT_OK);
        cr_assert_eq(codes[1], 2.0F);
        lat_model_release(model);
        atomic_fetch_add(&n_encoded, 1);
    }
    return unused;
}

Test(registry, models_come_and_go_under_their_users)
{
    pthread_t threads[3];
    tiny_package(models, "m", 1, &tiny, plain);
    open_all();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use, NULL), 0);
    for (int i = 0; i < 30; i++) {
        const long before = atomic_load(&n_encoded);
        while (atomic_load(&n_encoded) == before)
            sched_yield();
        cr_assert_eq(lat_registry_unload(registry, "m", NULL), LAT_OK);
        cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(describe("m").users, 0u);
}

static void *load_it(void *unused)
{
    cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    return unused;
}

Test(registry, two_loads_of_one_model_make_one)
{
    pthread_t threads[4];
    tiny_package(models, "m", 1, &tiny, plain);
    const struct lat_registry_options options = {.folder = models, .threads = 1};
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, load_it, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(describe("m").state, LAT_MODEL_READY);
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The sanitizers keep freed memory on purpose: there the growth says nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWTH_KB = 1 << 20 };
#else
enum { GROWTH_KB = 2048 };
#endif

Test(registry, memory_is_flat_over_a_hundred_rounds)
{
    const struct tiny_model large = {.rank = 2, .dims = {-1, 784}, .code = 256}; /* 1.6 MB */
    enum lat_status status;
    tiny_package(models, "m", 1, &large, plain);
    open_all();
    long before = 0;
    for (int round = 0; round < 110; round++) {
        cr_assert_eq(version_of("m", &status), 1u);
        cr_assert_eq(lat_registry_unload(registry, "m", NULL), LAT_OK);
        if (round == 9)
            before = resident_kb();
        if (round == 109)
            cr_assert_lt(resident_kb() - before, GROWTH_KB, "grew by %ld kB",
                         resident_kb() - before);
        cr_assert_eq(lat_registry_load(registry, "m", NULL), LAT_OK);
    }
}

static enum lat_status open_and_load_once(void *context, struct lat_error *err)
{
    const struct lat_registry_options options = {.folder = models, .threads = 1};
    struct lat_registry *mine = NULL;
    struct lat_model *model = NULL;
    struct lat_model_info *infos = NULL;
    size_t n;
    (void)context;
    enum lat_status status = lat_registry_open(engine, &options, &mine, err);
    if (status == LAT_OK)
        status = lat_registry_load(mine, "m", err);
    if (status == LAT_OK)
        status = lat_registry_acquire(mine, "m", &model, err);
    if (status == LAT_OK)
        status = lat_registry_list(mine, &infos, &n, err);
    lat_free(infos);
    lat_model_release(model);
    lat_registry_close(mine);
    return status;
}

Test(registry, every_allocation_may_fail)
{
    tiny_package(models, "m", 1, &tiny, plain);
    TEST_TORTURE(open_and_load_once, NULL);
}
