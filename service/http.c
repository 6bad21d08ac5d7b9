/* The server as an object: what it is made of, and how it ends.
 *
 * The end, in this order: streams are broken off, so that no worker waits for a client; the
 * workers run what is queued and are joined, which unparks every connection; then the library
 * can stop, for it must not while a connection is parked; the watch goes last, because closing
 * connections leave its list. */
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "service/exchange.h"
#include "service/socket.h"

#include "base/banned.h"

static void late_head(void *context, int fd)
{
    struct lat_http *http = context;
    struct lat_error err = LAT_ERROR_INIT;
    lat_fail(&err, LAT_TIMEOUT, NULL, "the head of the request did not come within %u ms",
             http->options.timeout_ms);
    lat_exchange_send_problem(http, NULL, fd, &err);
}

static enum lat_status prepare_series(struct lat_http *http, struct lat_error *err)
{
    http->series = lat_alloc(http->routes.n, sizeof(*http->series));
    if (!http->series)
        return lat_fail_memory(err);
    for (size_t i = 0; i < http->routes.n; i++) {
        char label[160];
        lat_exchange_label(&http->routes.rows[i], label, sizeof(label));
        http->series[i].seconds = lat_metric_series(LAT_METRIC_REQUEST_SECONDS, label);
    }
    http->unmatched_seconds = lat_metric_series(LAT_METRIC_REQUEST_SECONDS, "unmatched");
    http->active_series = lat_metric_series(LAT_METRIC_REQUESTS_ACTIVE, NULL);
    return LAT_OK;
}

static enum lat_status start(struct lat_http *http, struct lat_error *err)
{
    const struct lat_http_options *options = &http->options;
    enum lat_status status =
        lat_router_new(http->routes.rows, http->routes.n, &http->router, err);
    if (status == LAT_OK)
        status = prepare_series(http, err);
    if (status == LAT_OK)
        status = lat_socket_listen(options->listen, &http->listen_fd, http->address, err);
    if (status == LAT_OK)
        status = lat_workers_new(options->workers, options->queue, lat_exchange_work,
                                 &http->workers, err);
    if (status == LAT_OK)
        status = lat_watch_new(options->timeout_ms, late_head, http, &http->watch, err);
    if (status == LAT_OK)
        status = lat_mhd_start(http, err);
    return status;
}

enum lat_status lat_http_start(struct lat_app *app, const struct lat_http_options *options,
                               const struct lat_routes *routes, struct lat_http **out_http,
                               struct lat_error *err)
{
    struct lat_http *http = lat_alloc(1, sizeof(*http));
    if (!http)
        return lat_fail_memory(err);
    http->app = app;
    http->options = *options;
    http->routes = *routes;
    http->listen_fd = -1;
    if (!http->options.network_threads)
        http->options.network_threads = lat_cpu_count();
    lat_mutex_init(&http->mutex, LAT_RANK_APP, "http");
    lat_cond_init(&http->idle);
    const enum lat_status status = start(http, err);
    if (status != LAT_OK) {
        lat_http_stop(http);
        return status;
    }
    *out_http = http;
    return LAT_OK;
}

const char *lat_http_address(const struct lat_http *http)
{
    return http->address;
}

size_t lat_http_drain(struct lat_http *http, unsigned timeout_ms)
{
    const uint64_t until_ns = lat_clock_ns() + timeout_ms * LAT_NS_PER_MS;
    bool in_time = true;
    atomic_store(&http->draining, true);
    lat_mutex_lock(&http->mutex);
    while (atomic_load(&http->active) && in_time)
        in_time = lat_cond_wait_until(&http->idle, &http->mutex, until_ns);
    lat_mutex_unlock(&http->mutex);
    return atomic_load(&http->active);
}

void lat_http_stop(struct lat_http *http)
{
    if (!http)
        return;
    lat_exchange_stop_streams(http);
    lat_workers_stop(http->workers);
    lat_mhd_stop(http);
    lat_workers_free(http->workers);
    lat_watch_free(http->watch);
    if (http->listen_fd >= 0)
        close(http->listen_fd);
    lat_router_free(http->router);
    lat_free(http->series);
    lat_cond_release(&http->idle);
    lat_mutex_release(&http->mutex);
    lat_free(http);
}
