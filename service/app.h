/* The application: owns everything, opens in order, closes in reverse. */
#ifndef LAT_SERVICE_APP_H
#define LAT_SERVICE_APP_H

#include "base/settings.h"
#include "index/store.h"
#include "model/autoencoder.h"
#include "service/batcher.h"
#include "service/http.h"
#include "service/jobs.h"
#include "service/keys.h"

/* One field a row of lat_config_rows: what each means is said there. */
struct lat_config {
    char config[LAT_PATH_MAX]; /* the file the others were read from */
    char data[LAT_PATH_MAX];
    char models[LAT_PATH_MAX];
    char listen[128];
    char api_keys[4096]; /* wiped once the hashes are made */
    char api_keys_file[LAT_PATH_MAX];
    double rate_limit, rate_burst;
    char tls_certificate[LAT_PATH_MAX], tls_key[LAT_PATH_MAX];
    bool allow_anonymous;
    int64_t max_body, max_batch, max_k, max_pixels, max_depth;
    int64_t workers, queue, network_threads, inference_threads, max_connections;
    int64_t timeout_ms, drain_ms, max_encode_batch, training_threads;
    char data_root[LAT_PATH_MAX];
    char log_level[16], log_format[16];
};
extern const struct lat_setting lat_config_rows[];
extern const size_t lat_n_config_rows;

/* Defaults, then the file the command line or the environment names, then the environment, then
 * the command line. What is no option stays in argv, as in lat_settings_arguments. LAT_INVALID
 * names the setting; what is wrong with the file has the code config_file. */
enum lat_status lat_config_read(struct lat_config *config, int *inout_argc, char **argv,
                                struct lat_error *err) LAT_MUST_USE;

/* Level and format of the log as configured. */
enum lat_status lat_config_apply_log(const struct lat_config *config,
                                     struct lat_error *err) LAT_MUST_USE;

enum lat_app_state { LAT_APP_LOADING, LAT_APP_READY, LAT_APP_DRAINING };

/* Everything a handler may need. Pointers are set once at start. */
struct lat_app {
    struct lat_config config;
    struct lat_engine *engine;
    struct lat_registry *registry;
    struct lat_store *store;
    struct lat_batcher *batcher;
    struct lat_jobs *jobs;
    struct lat_recommenders *recommenders;
    struct lat_score_references *score_references;
    struct lat_scorer *scorer;
    struct lat_windows *windows;
    struct lat_keys *keys; /* NULL when none are configured */
    struct lat_tls *tls;   /* NULL: in the clear */
    struct lat_http *http;
    struct lat_lifecycle *lifecycle;
    int64_t started_ms;
};

/* Opens data directory, models, network. The listener answers probes at once; models and
 * indexes load on a thread of their own, and /readyz turns 200 when they are done. LAT_INVALID
 * for a listener beyond loopback without keys or allow_anonymous; LAT_CONFLICT when another
 * process has the data directory. `routes` is borrowed. */
enum lat_status lat_app_open(const struct lat_config *config, const struct lat_routes *routes,
                             struct lat_app **out_app, struct lat_error *err) LAT_MUST_USE;
/* Blocks until ready (LAT_OK), failed, or draining (LAT_CANCELLED). */
enum lat_status lat_app_wait_ready(struct lat_app *app, struct lat_error *err) LAT_MUST_USE;
/* State and, while not ready, the reason into `out_reason` (may be NULL). Any thread, cheap. */
enum lat_app_state lat_app_state(struct lat_app *app, char *out_reason, size_t size);
/* From now on every new request but probes is 503. Any thread. */
void lat_app_drain(struct lat_app *app);
/* Whether lat_app_reload takes a change of that setting over; any other wants a restart. */
bool lat_config_is_live(const struct lat_setting *row);

/* Takes over what may change while serving: keys, rate limits, the certificate's files, the
 * log. Each is tried, whatever becomes of the others, and what is not taken over is logged:
 * settings that want a restart by name. LAT_OK when everything was. One thread at a time. */
enum lat_status lat_app_reload(struct lat_app *app, const struct lat_config *config,
                               struct lat_error *err) LAT_MUST_USE;
/* Drains (running calls finish, at most config.drain_ms) and closes everything. */
void lat_app_close(struct lat_app *app);

#endif
