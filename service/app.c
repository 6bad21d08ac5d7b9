/* Opening: what can refuse comes first (the data directory's lock, the models' folder, keys,
 * the address), so that a server which cannot serve never listens; what takes long (models,
 * indexes) comes last, on the loader's thread, while probes are answered already.
 *
 * Closing, in reverse: draining lets running calls finish; the network stops, and with it every
 * thread that calls into what follows; jobs, scorer, recommenders, batcher, models,
 * store, engine. */
#include "service/app.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/text.h"
#include "service/crypto.h"
#include "service/events.h"
#include "service/lifecycle.h"
#include "service/recommenders.h"
#include "service/score_reference.h"
#include "service/snapshots.h"
#include "service/scorer.h"
#include "service/socket.h"
#include "service/windows.h"
#include "service/version.h"
#include "service/tls.h"

#include "base/banned.h"

struct owner {
    struct lat_app app; /* first */
    pthread_t loader;
    bool loader_started;
    char address[LAT_ADDRESS_SIZE];       /* the network may be stopped before it has loaded */
    unsigned opened;                      /* collections, the loader's */
    const struct lat_job_kind *kinds[16]; /* of the service and of the interface */
};

static void note_opened(void *context, const char *collection, uint64_t items,
                        uint64_t replayed, bool rebuilt)
{
    struct owner *owner = context;
    owner->opened++;
    lat_lifecycle_say(owner->app.lifecycle, "loading indexes: %u collections ready",
                      owner->opened);
    lat_log(LAT_LOG_INFO, "collection opened",
            "\"collection\":\"%s\",\"items\":%llu,\"replayed\":%llu,\"rebuilt\":%s", collection,
            (unsigned long long)items, (unsigned long long)replayed,
            rebuilt ? "true" : "false");
}

static void *load(void *argument)
{
    struct owner *owner = argument;
    struct lat_app *app = &owner->app;
    struct lat_error err = LAT_ERROR_INIT;
    const uint64_t begin_ns = lat_clock_ns();
    const struct lat_store_progress progress = {note_opened, owner};
    lat_lifecycle_say(app->lifecycle, "loading models");
    lat_registry_load_all(app->registry);
    lat_lifecycle_say(app->lifecycle, "loading indexes");
    if (lat_store_load(app->store, &progress, &err) != LAT_OK) {
        lat_lifecycle_fail(app->lifecycle, &err);
        return NULL;
    }
    lat_lifecycle_ready(app->lifecycle);
    lat_jobs_begin(app->jobs);
    lat_log(LAT_LOG_INFO, "ready", "\"address\":\"%s\",\"collections\":%u,\"ms\":%llu",
            owner->address, owner->opened,
            (unsigned long long)((lat_clock_ns() - begin_ns) / LAT_NS_PER_MS));
    return NULL;
}

static struct lat_keys_options keys_options(const struct lat_config *config)
{
    return (struct lat_keys_options){.inline_keys = config->api_keys,
                                     .file = config->api_keys_file,
                                     .rate = config->rate_limit,
                                     .burst = config->rate_burst};
}

/* Keys first: whether there are any decides where it may listen. */
static enum lat_status open_keys(struct lat_app *app, struct lat_error *err)
{
    struct lat_config *config = &app->config;
    bool loopback = false;
    const struct lat_keys_options options = keys_options(config);
    enum lat_status status = lat_keys_new(&options, &app->keys, err);
    lat_wipe(config->api_keys, sizeof(config->api_keys));
    if (status != LAT_OK || app->keys || config->allow_anonymous)
        return status;
    status = lat_socket_is_loopback(config->listen, &loopback, err);
    if (status != LAT_OK || loopback)
        return status;
    return lat_fail(err, LAT_INVALID, "keys_needed",
                    "listen: '%s' is not loopback only: configure api_keys or api_keys_file, "
                    "or say --allow-anonymous",
                    config->listen);
}

/* Packages that a restore put into the data directory are found without a word: the default
 * folder counts only when it is there. */
static void choose_models(struct lat_config *config)
{
    char beside[LAT_PATH_MAX];
    const int len = snprintf(beside, sizeof(beside), "%s/models", config->data);
    if (strcmp(config->models, "models") != 0 || lat_file_exists(config->models))
        return;
    if (len > 0 && (size_t)len < sizeof(beside) && lat_file_exists(beside))
        memcpy(config->models, beside, (size_t)len + 1);
}

/* What `latentd backup` wants to know of a data directory whose server may have stopped. */
static void note_server(const struct lat_config *config)
{
    char path[LAT_PATH_MAX + 32], models[PATH_MAX];
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/" LAT_SERVER_NOTE, config->data);
    if (!realpath(config->models, models) || !lat_utf8_valid(models, strlen(models)))
        return;
    lat_buf_printf(&text, "{\"latentd\":\"%s\",\"models\":", lat_version());
    lat_buf_json_string(&text, models, strlen(models));
    lat_buf_text(&text, "}\n");
    if (lat_buf_check(&text, &err) != LAT_OK ||
        lat_file_write(path, text.data, text.len, &err) != LAT_OK)
        lat_log_error("models folder not noted", &err);
    lat_buf_release(&text);
}

/* Every kind that resumes; the rest is the interface's mistake, and asserted in its tests. */
static size_t gather_kinds(struct owner *owner, const struct lat_routes *routes)
{
    size_t n = 0;
    for (size_t i = 0; i < lat_n_job_kinds && n < LAT_ARRAY_LEN(owner->kinds); i++)
        owner->kinds[n++] = lat_job_kinds[i];
    for (size_t i = 0; i < routes->n_jobs && n < LAT_ARRAY_LEN(owner->kinds); i++)
        owner->kinds[n++] = routes->jobs[i];
    return n;
}

static enum lat_status open_stores(struct lat_app *app, const struct lat_routes *routes,
                                   struct lat_error *err)
{
    struct owner *owner = (struct owner *)app;
    const struct lat_config *config = &app->config;
    const struct lat_store_options store = {.folder = config->data};
    const struct lat_registry_options registry = {.folder = config->models, .threads = 1};
    const unsigned slots =
        config->inference_threads ? (unsigned)config->inference_threads : lat_cpu_count();
    choose_models(&app->config);
    enum lat_status status = lat_store_open(&store, &app->store, err);
    if (status == LAT_OK)
        status = lat_engine_new(&app->engine, err);
    if (status == LAT_OK)
        status = lat_registry_open(app->engine, &registry, &app->registry, err);
    if (status == LAT_OK) {
        note_server(config);
        lat_snapshots_sweep(config->data);
    }
    if (status == LAT_OK)
        status = lat_batcher_new(slots, (size_t)config->max_encode_batch, &app->batcher, err);
    if (status == LAT_OK)
        status = lat_recommenders_new(app->store, &app->recommenders, err);
    if (status == LAT_OK)
        status = lat_score_references_new(&app->score_references, err);
    if (status == LAT_OK)
        status = lat_windows_new(&app->windows, err);
    if (status == LAT_OK)
        status = lat_scorer_new(app, &app->scorer, err);
    const struct lat_jobs_options jobs = {.app = app,
                                          .store = app->store,
                                          .kinds = owner->kinds,
                                          .n_kinds = gather_kinds(owner, routes)};
    if (status == LAT_OK)
        status = lat_jobs_new(&jobs, &app->jobs, err);
    return status;
}

static enum lat_status open_network(struct lat_app *app, const struct lat_routes *routes,
                                    struct lat_error *err)
{
    const struct lat_config *config = &app->config;
    const struct lat_http_options options = {
        .listen = config->listen,
        .network_threads = (unsigned)config->network_threads,
        .workers = (unsigned)config->workers,
        .queue = (unsigned)config->queue,
        .max_body = (size_t)config->max_body,
        .max_connections = (unsigned)config->max_connections,
        .timeout_ms = (unsigned)config->timeout_ms,
        .keys = app->keys,
        .tls = app->tls,
    };
    return lat_http_start(app, &options, routes, &app->http, err);
}

enum lat_status lat_app_open(const struct lat_config *config, const struct lat_routes *routes,
                             struct lat_app **out_app, struct lat_error *err)
{
    struct owner *owner = lat_alloc(1, sizeof(*owner));
    if (!owner)
        return lat_fail_memory(err);
    struct lat_app *app = &owner->app;
    app->config = *config;
    app->started_ms = lat_clock_wall_ms();
    enum lat_status status = lat_lifecycle_new(&app->lifecycle, err);
    if (status == LAT_OK)
        status = open_keys(app, err);
    if (status == LAT_OK && config->tls_certificate[0])
        status = lat_tls_new(config->tls_certificate, config->tls_key, &app->tls, err);
    if (status == LAT_OK)
        status = open_stores(app, routes, err);
    if (status == LAT_OK)
        status = open_network(app, routes, err);
    if (status == LAT_OK) {
        snprintf(owner->address, sizeof(owner->address), "%s", lat_http_address(app->http));
        status = lat_thread_start(&owner->loader, "loader", load, owner, err);
    }
    owner->loader_started = status == LAT_OK;
    if (status != LAT_OK) {
        lat_app_close(app);
        return status;
    }
    *out_app = app;
    return LAT_OK;
}

enum lat_status lat_app_wait_ready(struct lat_app *app, struct lat_error *err)
{
    return lat_lifecycle_wait(app->lifecycle, err);
}

enum lat_app_state lat_app_state(struct lat_app *app, char *out_reason, size_t size)
{
    return lat_lifecycle_state(app->lifecycle, out_reason, size);
}

void lat_app_drain(struct lat_app *app)
{
    lat_lifecycle_drain(app->lifecycle);
}

static void stop_network(struct lat_app *app)
{
    if (!app->http)
        return;
    lat_events_close(lat_jobs_events(app->jobs)); /* they would last as long as their jobs */
    const size_t left = lat_http_drain(app->http, (unsigned)app->config.drain_ms);
    if (left)
        lat_log(LAT_LOG_WARNING, "calls cut off", "\"calls\":%zu", left);
    lat_http_stop(app->http);
}

void lat_app_close(struct lat_app *app)
{
    if (!app)
        return;
    struct owner *owner = (struct owner *)app;
    if (app->lifecycle)
        lat_lifecycle_drain(app->lifecycle);
    stop_network(app);
    if (owner->loader_started)
        pthread_join(owner->loader, NULL);
    lat_jobs_free(app->jobs);
    lat_scorer_free(app->scorer);
    lat_windows_free(app->windows);
    lat_recommenders_free(app->recommenders);
    lat_score_references_free(app->score_references);
    lat_batcher_free(app->batcher);
    if (app->registry)
        lat_registry_close(app->registry);
    if (app->store)
        lat_store_close(app->store);
    lat_engine_free(app->engine);
    lat_tls_free(app->tls);
    lat_keys_free(app->keys);
    lat_lifecycle_free(app->lifecycle);
    lat_free(owner);
}
