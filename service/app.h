/* The application: owns everything, opens in order, closes in reverse. */
#ifndef LAT_SERVICE_APP_H
#define LAT_SERVICE_APP_H

#include "base/settings.h"
#include "index/store.h"
#include "model/autoencoder.h"
#include "service/http.h"

/* One field a row of lat_config_rows. */
struct lat_config {
    char data[LAT_PATH_MAX];
    char models[LAT_PATH_MAX];
    char listen[128];
    char api_keys[4096];     /* "scope:KEY[,scope:KEY]", hashed at start and wiped */
    char api_keys_file[LAT_PATH_MAX]; /* lines "scope[,scope] KEY-or-hash" */
    bool allow_anonymous;    /* without keys, listen beyond loopback */
    int64_t max_body, max_batch, max_k, max_pixels, max_depth;
    int64_t workers, queue, network_threads, inference_threads, max_connections;
    int64_t timeout_ms, drain_ms, batch_window_us, max_encode_batch;
    char log_level[16], log_format[16];
};
extern const struct lat_setting lat_config_rows[];
extern const size_t lat_n_config_rows;

enum lat_app_state { LAT_APP_LOADING, LAT_APP_READY, LAT_APP_DRAINING };

/* Everything a handler may need. Pointers are set once at start. */
struct lat_app {
    struct lat_config config;
    struct lat_engine *engine;
    struct lat_registry *registry;
    struct lat_store *store;
    struct lat_batcher *batcher;
    struct lat_keys *keys;       /* NULL when none are configured */
    struct lat_http *http;
    struct lat_lifecycle *lifecycle;
    int64_t started_ms;
};

/* Opens data directory, models, network. The listener answers /livez at once; models and indexes load
 * on a thread of their own and /readyz turns 200 when they are done. */
enum lat_status lat_app_open(const struct lat_config *config, const struct lat_route *routes,
                             size_t n_routes, struct lat_app **out_app, struct lat_error *err) LAT_MUST_USE;
/* Blocks until ready (LAT_OK) or failed. */
enum lat_status lat_app_wait_ready(struct lat_app *app, struct lat_error *err) LAT_MUST_USE;
/* State and, while not ready, the reason into `out_reason` (may be NULL). */
enum lat_app_state lat_app_state(struct lat_app *app, char *out_reason, size_t size);
/* Drains (503 for new requests, running ones finish, at most config.drain_ms) and closes everything. */
void lat_app_close(struct lat_app *app);

/* ---- use cases: service/batcher.c, embed.c, ... none of them knows HTTP ---- */

/* Encodes through the model's batch queue: waiting calls are joined into one engine run, a lone one
 * starts at once. rows [n][elements] -> out_codes [n][dimension]; out_variances may be NULL.
 * *out_queue_ns and *out_infer_ns (may be NULL) say where the time went. */
struct lat_batcher;
enum lat_status lat_batcher_new(unsigned slots, size_t max_batch, struct lat_batcher **out_batcher,
                                struct lat_error *err) LAT_MUST_USE;
void lat_batcher_free(struct lat_batcher *batcher);
enum lat_status lat_batcher_encode(struct lat_batcher *batcher, struct lat_model *model, const float *rows,
                                   size_t n, float *out_codes, float *out_variances,
                                   struct lat_call *call, struct lat_error *err) LAT_MUST_USE;

/* API keys: stored as hashes, compared in constant time. */
struct lat_keys;
enum lat_status lat_keys_new(const struct lat_config *config, struct lat_keys **out_keys,
                             struct lat_error *err) LAT_MUST_USE;
void lat_keys_free(struct lat_keys *keys);
/* LAT_UNAUTHORIZED for no or an unknown key, LAT_FORBIDDEN without the scope. */
enum lat_status lat_keys_check(const struct lat_keys *keys, const char *key, enum lat_scope scope,
                               struct lat_error *err) LAT_MUST_USE;

#endif
