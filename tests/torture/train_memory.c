/* A training and an evaluation with every allocation failing in turn: nothing leaks (under a
 * leak checker), every failure is said, and no half-written package is left. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/train/evaluate.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"

enum { SIDE = 8, ITEMS = 60, HEADER = 16 };

static struct lat_engine *engine;

/* Pictures of noise, as IDX. */
static enum lat_status put_pictures(const char *path, struct lat_error *err)
{
    static uint8_t file[HEADER + ITEMS * SIDE * SIDE] = {0, 0, 8, 3,    0, 0, 0, ITEMS,
                                                         0, 0, 0, SIDE, 0, 0, 0, SIDE};
    struct lat_rng rng;
    lat_rng_seed(&rng, 1);
    for (size_t i = HEADER; i < sizeof(file); i++)
        file[i] = (uint8_t)lat_rng_below(&rng, 256);
    return lat_file_write(path, file, sizeof(file), err);
}

static enum lat_status train(void *context, struct lat_error *err)
{
    const struct lat_spec *spec = context;
    const struct lat_train_options how = {.models = test_path("models"), .threads = 1};
    struct lat_train_result result;
    return lat_train(engine, spec, &how, &result, err);
}

static enum lat_status evaluate(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_evaluation evaluation;
    struct lat_registry *registry = NULL;
    const struct lat_registry_options where = {.folder = test_path("models"), .threads = 1};
    const struct lat_eval_options options = {
        .model = "noise", .data = test_path("noise-idx3-ubyte"), .pca = true};
    enum lat_status status = lat_registry_open(engine, &where, &registry, err);
    if (status == LAT_OK)
        status = lat_evaluate(registry, &options, &evaluation, err);
    if (registry)
        lat_registry_close(registry);
    return status;
}

/* Every version that any of the runs left behind must load. */
static int all_ready(void)
{
    const struct lat_registry_options where = {.folder = test_path("models"), .threads = 1};
    struct lat_registry *registry = NULL;
    struct lat_model_info *infos = NULL;
    size_t n = 0, ready = 0;
    if (lat_registry_open(engine, &where, &registry, NULL) != LAT_OK)
        return 0;
    lat_registry_load_all(registry);
    if (lat_registry_list(registry, &infos, &n, NULL) == LAT_OK)
        for (size_t i = 0; i < n; i++)
            ready += infos[i].state == LAT_MODEL_READY;
    lat_free(infos);
    lat_registry_close(registry);
    if (ready != n || n == 0)
        fprintf(stderr, "%zu of %zu packages load\n", ready, n);
    return ready == n && n > 0;
}

static int run(void)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"noise\",\"data\":{\"path\":\"%s\"},\"code\":{\"dimension\":4},"
             "\"network\":{\"encoder\":{\"hidden\":[]}},"
             "\"optimizer\":{\"epochs\":1,\"batch\":27}}",
             test_path("noise-idx3-ubyte"));
    if (put_pictures(test_path("noise-idx3-ubyte"), &err) != LAT_OK ||
        lat_engine_new(&engine, &err) != LAT_OK ||
        lat_spec_parse(json, strlen(json), &spec, &err) != LAT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    /* One after the other: every training that gets through adds a version, which every
     * evaluation would find. */
    const char *words = test_torture(train, &spec, true);
    if (!words)
        words = test_torture(evaluate, NULL, true);
    if (words)
        fprintf(stderr, "%s\n", words);
    const int good = !words && all_ready();
    lat_spec_release(&spec);
    lat_engine_free(engine);
    return !good;
}

int main(void)
{
    test_folder_enter();
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    const int failed = run();
    test_folder_leave();
    return failed;
}
