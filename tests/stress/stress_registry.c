/* The registry under ThreadSanitizer: threads that acquire, encode, list and describe while
 * others load and unload the same versions. A plain program; it ends with status 1 when a code
 * is wrong or a status is one that cannot be. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/autoencoder.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

enum { USERS = 3, ROUNDS = 60 };

static struct lat_registry *registry;
static atomic_bool stop;
static atomic_long n_encoded, n_wrong;

static void wrong(const char *words)
{
    fprintf(stderr, "%s\n", words);
    atomic_fetch_add(&n_wrong, 1);
}

static void encode_once(void)
{
    const float rows[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    float codes[6];
    struct lat_model *model;
    const enum lat_status status = lat_registry_acquire(registry, "m", &model, NULL);
    if (status != LAT_OK) {
        if (status != LAT_UNAVAILABLE)
            wrong("acquire: a status that cannot be");
        return;
    }
    if (lat_model_encode(model, rows, 2, codes, NULL, NULL) != LAT_OK || codes[0] != 1.0F ||
        codes[5] != 8.0F)
        wrong("encode: a wrong code");
    lat_model_release(model);
    atomic_fetch_add(&n_encoded, 1);
}

static void *use(void *argument)
{
    while (!atomic_load(&stop)) {
        struct lat_model_info *infos = NULL, info;
        size_t n = 0;
        encode_once();
        if (lat_registry_list(registry, &infos, &n, NULL) != LAT_OK || n != 2)
            wrong("list: not two versions");
        lat_free(infos);
        if (lat_registry_describe(registry, "m@1", &info, NULL, NULL) != LAT_OK)
            wrong("describe failed");
    }
    return argument;
}

static void *load_and_unload(void *argument)
{
    const char *reference = argument;
    for (int round = 0; round < ROUNDS; round++) {
        const long before = atomic_load(&n_encoded);
        if (lat_registry_load(registry, reference, NULL) != LAT_OK)
            wrong("load failed");
        while (atomic_load(&n_encoded) == before)
            sched_yield();
        if (lat_registry_unload(registry, reference, NULL) != LAT_OK)
            wrong("unload failed");
    }
    /* Loaded in the end, so that the other thread's users always have a model to go on with. */
    if (lat_registry_load(registry, reference, NULL) != LAT_OK)
        wrong("load failed");
    return NULL;
}

static void run(void)
{
    static char first[] = "m@1", second[] = "m@2";
    pthread_t users[USERS], loaders[2];
    for (int i = 0; i < USERS; i++)
        pthread_create(&users[i], NULL, use, NULL);
    pthread_create(&loaders[0], NULL, load_and_unload, first);
    pthread_create(&loaders[1], NULL, load_and_unload, second);
    pthread_join(loaders[0], NULL);
    pthread_join(loaders[1], NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < USERS; i++)
        pthread_join(users[i], NULL);
}

int main(void)
{
    const struct tiny_model tiny = {.rank = 2, .dims = {-1, 5}, .code = 3};
    struct lat_engine *engine = NULL;
    test_folder_enter();
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    tiny_package(test_folder(), "m", 1, &tiny, "{\"input\":{\"kind\":\"vector\"}}");
    tiny_package(test_folder(), "m", 2, &tiny, "{\"input\":{\"kind\":\"vector\"}}");
    const struct lat_registry_options options = {.folder = test_folder(), .threads = 1};
    if (lat_engine_new(&engine, NULL) == LAT_OK &&
        lat_registry_open(engine, &options, &registry, NULL) == LAT_OK) {
        lat_registry_load_all(registry);
        run();
    } else {
        wrong("cannot open the registry");
    }
    printf("%ld encoded, %ld wrong\n", atomic_load(&n_encoded), atomic_load(&n_wrong));
    lat_registry_close(registry);
    lat_engine_free(engine);
    test_folder_leave();
    return atomic_load(&n_wrong) ? 1 : 0;
}
