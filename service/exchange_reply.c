/* The reply as the network gets it: problems, headers, the count of it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "service/crypto.h"
#include "service/exchange.h"

#include "base/banned.h"

/* Adds a header unless the handler has set it. */
static void default_header(struct lat_call *call, const char *name, const char *value)
{
    for (size_t i = 0; i < call->response.n_headers; i++)
        if (strcmp(call->response.headers[i].name, name) == 0)
            return;
    lat_call_respond_header(call, name, "%s", value);
}

/* "trace_id" and "span_id" of a line, after a comma. */
static void write_trace(const struct lat_call *call, struct lat_buf *out)
{
    if (call->traceparent[0])
        lat_buf_printf(out, ",\"trace_id\":\"%.32s\",\"span_id\":\"%.16s\"",
                       call->traceparent + 3, call->traceparent + 36);
}

/* The client chose the id and may have chosen some of the words, so both are escaped. */
void lat_exchange_log(const struct lat_exchange *exchange, const struct lat_error *err)
{
    const struct lat_call *call = &exchange->call;
    struct lat_buf text = {0};
    lat_buf_text(&text, "\"request_id\":");
    lat_buf_json_string(&text, call->request_id, strlen(call->request_id));
    write_trace(call, &text);
    lat_buf_text(&text, ",\"route\":");
    const char *route = call->route ? call->route->path : "";
    lat_buf_json_string(&text, route, strlen(route));
    lat_buf_printf(&text, ",\"code\":\"%s\",\"detail\":", err->code);
    lat_buf_json_string(&text, err->message, strlen(err->message));
    if (text.status == LAT_OK)
        lat_log(LAT_LOG_ERROR, "request failed", "%s", text.data);
    lat_buf_release(&text);
}

/* The reply becomes the problem for `err`. */
static void fail(struct lat_exchange *exchange, const struct lat_error *err)
{
    struct lat_call *call = &exchange->call;
    struct lat_response *response = &call->response;
    lat_spool_free(response->spool);
    response->spool = NULL;
    lat_buf_clear(&response->body);
    response->content_type = NULL;
    response->status = 0;
    if (exchange->http->routes.problem)
        exchange->http->routes.problem(call, err);
    if (response->body.status != LAT_OK)
        lat_buf_clear(&response->body);
    if (!response->status)
        response->status = 500;
    if (response->status == 429 || response->status == 503)
        default_header(call, "Retry-After", "1");
    if (response->status == 401)
        default_header(call, "WWW-Authenticate", "Bearer");
    if (response->status >= 500 && response->status != 503 && err->status != LAT_CANCELLED)
        lat_exchange_log(exchange, err);
}

void lat_exchange_finish(struct lat_exchange *exchange, enum lat_status status,
                         const struct lat_error *err)
{
    struct lat_response *response = &exchange->call.response;
    if (status != LAT_OK) {
        fail(exchange, err);
    } else if (response->body.status != LAT_OK) {
        struct lat_error late = LAT_ERROR_INIT;
        if (lat_buf_check(&response->body, &late) != LAT_OK)
            fail(exchange, &late);
    }
    if (!response->status)
        response->status = response->body.len || response->spool ? 200 : 204;
}

static void server_timing(const struct lat_call *call, char *out, size_t size)
{
    static const char *const names[LAT_TIMING_COUNT] = {"parse", "decode", "queue",
                                                        "infer", "index",  "db"};
    size_t len = 0;
    for (size_t i = 0; i < LAT_TIMING_COUNT; i++) {
        if (!call->timing_ns[i] && (i != LAT_TIMING_PARSE))
            continue;
        const uint64_t us = call->timing_ns[i] / 1000;
        const int n = snprintf(out + len, size - len, "%s%s;dur=%u.%03u", len ? ", " : "",
                               names[i], (unsigned)(us / 1000), (unsigned)(us % 1000));
        if (n < 0 || (size_t)n >= size - len)
            break;
        len += (size_t)n;
    }
    out[len] = '\0';
}

size_t lat_exchange_headers(struct lat_exchange *exchange,
                            struct lat_header out[LAT_REPLY_HEADERS])
{
    struct lat_call *call = &exchange->call;
    const struct lat_response *response = &call->response;
    size_t n = 0;
    char timing[192];
    server_timing(call, timing, sizeof(timing));
    const char *timing_copy = lat_arena_strdup(&call->arena, timing);
    if (response->body.len || response->spool || atomic_load(&exchange->download) ||
        response->content_type)
        out[n++] =
            (struct lat_header){"Content-Type", response->content_type ? response->content_type
                                                                       : "application/json"};
    for (size_t i = 0; i < response->n_headers; i++)
        out[n++] = response->headers[i];
    out[n++] = (struct lat_header){"X-Request-Id", call->request_id};
    if (call->traceparent[0])
        out[n++] = (struct lat_header){"traceparent", call->traceparent};
    if (timing_copy)
        out[n++] = (struct lat_header){"Server-Timing", timing_copy};
    if (call->model[0])
        out[n++] = (struct lat_header){"X-Model", call->model};
    if (exchange->close)
        out[n++] = (struct lat_header){"Connection", "close"};
    return n;
}

/* The whole reply as bytes. */
static void print(struct lat_exchange *exchange, struct lat_buf *out)
{
    struct lat_header headers[LAT_REPLY_HEADERS];
    const struct lat_response *response = &exchange->call.response;
    exchange->close = true;
    const size_t n = lat_exchange_headers(exchange, headers);
    lat_buf_printf(out, "HTTP/1.1 %d %s\r\n", response->status,
                   lat_mhd_reason(response->status));
    for (size_t i = 0; i < n; i++)
        lat_buf_printf(out, "%s: %s\r\n", headers[i].name, headers[i].value);
    lat_buf_printf(out, "Content-Length: %zu\r\n\r\n", response->body.len);
    lat_buf_append(out, response->body.data, response->body.len);
}

void lat_exchange_send_problem(struct lat_http *http, const struct lat_exchange *about, int fd,
                               const struct lat_error *err)
{
    struct lat_exchange *exchange = lat_alloc(1, sizeof(*exchange));
    struct lat_buf text = {0};
    if (!exchange)
        return;
    exchange->http = http;
    exchange->call.app = http->app;
    exchange->call.exchange = exchange;
    exchange->call.route = about ? about->call.route : NULL;
    if (about)
        memcpy(exchange->call.request_id, about->call.request_id, LAT_REQUEST_ID_SIZE);
    else
        lat_random_id(exchange->call.request_id);
    fail(exchange, err);
    print(exchange, &text);
    if (text.status == LAT_OK)
        lat_mhd_send(http, about ? about->connection : NULL, fd, text.data, text.len);
    lat_buf_release(&text);
    lat_buf_release(&exchange->call.response.body);
    lat_arena_release(&exchange->call.arena);
    lat_free(exchange);
}

void lat_exchange_label(const struct lat_route *route, char *out, size_t size)
{
    if (route)
        snprintf(out, size, "%s %s", lat_method_name(route->method), route->path);
    else
        snprintf(out, size, "unmatched");
}

/* The series of (route, status). The first few statuses of a route are remembered, so that a
 * request looks no label up. */
static struct lat_series *counter(struct lat_exchange *exchange, int status)
{
    struct lat_http *http = exchange->http;
    struct lat_route_series *row =
        exchange->call.route ? &http->series[exchange->route_index] : NULL;
    for (size_t i = 0; row && i < LAT_COUNTED_STATUSES; i++) {
        if (atomic_load_explicit(&row->counted[i].status, memory_order_acquire) == status)
            return atomic_load_explicit(&row->counted[i].series, memory_order_relaxed);
    }
    char label[160], text[192];
    lat_exchange_label(exchange->call.route, label, sizeof(label));
    snprintf(text, sizeof(text), "%s %d", label, status);
    struct lat_series *series = lat_metric_series(LAT_METRIC_REQUESTS, text);
    for (size_t i = 0; row && series && i < LAT_COUNTED_STATUSES; i++) {
        struct lat_series *none = NULL;
        if (!atomic_compare_exchange_strong(&row->counted[i].series, &none, series))
            continue;
        atomic_store_explicit(&row->counted[i].status, status, memory_order_release);
        break;
    }
    return series;
}

void lat_exchange_count(struct lat_exchange *exchange, int status)
{
    const struct lat_call *call = &exchange->call;
    const struct lat_http *http = exchange->http;
    struct lat_series *seconds =
        call->route ? http->series[exchange->route_index].seconds : http->unmatched_seconds;
    const double elapsed = (double)(lat_clock_ns() - call->started_ns) / (double)LAT_NS_PER_S;
    lat_series_add(counter(exchange, status), 1);
    lat_series_observe(seconds, elapsed);
    if (!lat_log_enabled(LAT_LOG_DEBUG))
        return;
    struct lat_buf text = {0};
    char label[160];
    lat_exchange_label(call->route, label, sizeof(label));
    lat_buf_text(&text, "\"request_id\":");
    lat_buf_json_string(&text, call->request_id, strlen(call->request_id));
    write_trace(call, &text);
    lat_buf_printf(&text, ",\"route\":\"%s\",\"status\":%d,\"ms\":%.3f", label, status,
                   elapsed * 1e3);
    if (text.status == LAT_OK)
        lat_log(LAT_LOG_DEBUG, "request", "%s", text.data);
    lat_buf_release(&text);
}
