/* Opening, checking and releasing. One exchange stays with its connection when it is done, with
 * its arena's first block and small buffers, so that a keep-alive request allocates next to
 * nothing. */
#include "service/exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "service/app.h"
#include "service/crypto.h"
#include "service/gather.h"

#include "base/banned.h"

struct lat_exchange *lat_exchange_open(struct lat_http *http, struct lat_conn *conn,
                                       void *connection)
{
    struct lat_exchange *exchange = conn->spare;
    conn->spare = NULL;
    if (!exchange)
        exchange = lat_alloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->http = http;
    exchange->conn = conn;
    exchange->connection = connection;
    exchange->call.app = http->app;
    exchange->call.exchange = exchange;
    exchange->call.body = "";
    atomic_init(&exchange->references, 1);
    atomic_init(&exchange->parked, 0);
    atomic_init(&exchange->gone, false);
    atomic_fetch_add(&http->active, 1);
    lat_series_add(http->active_series, 1);
    return exchange;
}

static void trim(struct lat_buf *buf)
{
    if (buf->capacity > LAT_KEEP_BYTES)
        lat_buf_release(buf);
    lat_buf_clear(buf);
    buf->limit = 0;
}

/* Back to zeroes, but for the memory worth keeping. */
static void reset(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    lat_gather_drop(call);
    lat_pipe_free(exchange->upload);
    lat_pipe_free(exchange->download);
    lat_spool_free(call->response.spool);
    trim(&exchange->body);
    trim(&call->response.body);
    if (call->arena.used > LAT_KEEP_BYTES)
        lat_arena_release(&call->arena);
    lat_arena_clear(&call->arena);
    const struct lat_arena arena = call->arena;
    const struct lat_buf body = exchange->body, reply = call->response.body;
    memset(exchange, 0, sizeof(*exchange));
    call->arena = arena;
    exchange->body = body;
    call->response.body = reply;
}

static void destroy(struct lat_exchange *exchange)
{
    if (!exchange)
        return;
    reset(exchange);
    lat_arena_release(&exchange->call.arena);
    lat_buf_release(&exchange->body);
    lat_buf_release(&exchange->call.response.body);
    lat_free(exchange);
}

void lat_exchange_release(struct lat_exchange *exchange, struct lat_conn *conn)
{
    struct lat_http *http = exchange->http;
    if (atomic_fetch_sub(&exchange->references, 1) != 1)
        return;
    if (conn && !conn->spare) {
        reset(exchange);
        conn->spare = exchange;
    } else {
        destroy(exchange);
    }
    lat_series_add(http->active_series, -1);
    if (atomic_fetch_sub(&http->active, 1) == 1 && atomic_load(&http->draining)) {
        lat_mutex_lock(&http->mutex);
        lat_cond_broadcast(&http->idle);
        lat_mutex_unlock(&http->mutex);
    }
}

void lat_conn_release(struct lat_conn *conn)
{
    destroy(conn->spare);
    lat_free(conn);
}

/* The client's request id if it is 1 to 128 visible ASCII characters, else a new one. */
static void choose_request_id(struct lat_call *call)
{
    const char *sent = lat_call_header(call, "X-Request-Id");
    size_t len = 0;
    while (sent && sent[len] > ' ' && sent[len] <= '~' && len <= 128)
        len++;
    if (sent && len >= 1 && len <= 128 && sent[len] == '\0')
        memcpy(call->request_id, sent, len + 1);
    else
        lat_random_id(call->request_id);
}

/* The trace a request belongs to (W3C Trace Context, level 1): version-trace-parent-flags, in
 * lower-case hexadecimal, ids not all zero. The reply and the log carry the trace on, with an
 * id of our own in the parent's place. Anything else is as if it were absent. */
static void carry_trace(struct lat_call *call)
{
    static const size_t trace = 3, parent = 36, flags = 53, end = 55;
    const char *sent = lat_call_header(call, "traceparent");
    char id[LAT_RANDOM_ID_SIZE];
    if (!sent || strlen(sent) < end || strspn(sent, "0123456789abcdef") != 2 ||
        memcmp(sent, "ff", 2) == 0 || (memcmp(sent, "00", 2) == 0 && sent[end]) ||
        (sent[end] && sent[end] != '-') || sent[trace - 1] != '-' || sent[parent - 1] != '-' ||
        sent[flags - 1] != '-' || strspn(sent + trace, "0123456789abcdef") != 32 ||
        strspn(sent + parent, "0123456789abcdef") != 16 ||
        strspn(sent + flags, "0123456789abcdef") < 2 || strspn(sent + trace, "0") >= 32 ||
        strspn(sent + parent, "0") >= 16)
        return;
    lat_random_id(id);
    memcpy(call->traceparent, "00-", trace);
    memcpy(call->traceparent + trace, sent + trace, end - trace);
    memcpy(call->traceparent + parent, id, 16);
    call->traceparent[end] = '\0';
}

/* How the body is framed. What intermediaries could read in two ways is refused. */
static enum lat_status check_framing(struct lat_exchange *exchange, struct lat_error *err)
{
    const char *length = NULL, *encoding = NULL, *expect = NULL;
    for (size_t i = 0; i < exchange->n_headers; i++) {
        const struct lat_header *header = &exchange->headers[i];
        const bool is_length = strcasecmp(header->name, "Content-Length") == 0;
        const bool is_encoding = strcasecmp(header->name, "Transfer-Encoding") == 0;
        const char *before = is_length ? length : is_encoding ? encoding : NULL;
        if (before && strcmp(before, header->value) != 0)
            return lat_fail(err, LAT_BAD_SYNTAX, "bad_framing", "%s is there twice",
                            header->name);
        if (is_length)
            length = header->value;
        if (is_encoding)
            encoding = header->value;
        if (strcasecmp(header->name, "Expect") == 0)
            expect = header->value;
    }
    if (length && encoding)
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_framing",
                        "Content-Length and Transfer-Encoding in one request");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_framing",
                        "the only Transfer-Encoding taken is chunked");
    uint64_t declared = encoding ? UINT64_MAX : 0;
    if (length && !lat_parse_u64(length, UINT64_MAX - 1, &declared))
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_framing", "Content-Length is no number");
    exchange->declared = declared;
    exchange->has_body = declared > 0;
    exchange->waits_for_continue =
        declared > 0 && expect && strcasecmp(expect, "100-continue") == 0;
    return LAT_OK;
}

static enum lat_status decode_text(struct lat_call *call, const char **inout_text,
                                   struct lat_error *err)
{
    const char *text = *inout_text ? *inout_text : "";
    size_t len = strlen(text);
    if (memchr(text, '%', len)) {
        char *decoded = lat_arena_alloc_raw(&call->arena, len + 1, 1);
        if (!decoded)
            return lat_fail_memory(err);
        if (!lat_percent_decode(text, len, false, decoded, &len))
            return lat_fail(err, LAT_BAD_SYNTAX, "bad_query",
                            "the query has a '%%' without two hexadecimal digits");
        text = decoded;
    }
    if (!lat_utf8_valid(text, len))
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_utf8", "the query is not UTF-8");
    if (strnlen(text, len) < len)
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_query", "the query contains a NUL byte");
    *inout_text = text;
    return LAT_OK;
}

static enum lat_status decode_query(struct lat_exchange *exchange, struct lat_error *err)
{
    struct lat_call *call = &exchange->call;
    const size_t n = exchange->n_query;
    enum lat_status status = LAT_OK;
    if (!n)
        return LAT_OK;
    exchange->parameters = lat_arena_alloc(&call->arena, n, sizeof(*exchange->parameters));
    if (!exchange->parameters)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        struct lat_parameter *parameter = &exchange->parameters[i];
        parameter->name = exchange->query[i].name;
        parameter->value = parameter->raw = exchange->query[i].value;
        status = decode_text(call, &parameter->name, err);
        if (status == LAT_OK)
            status = decode_text(call, &parameter->value, err);
    }
    exchange->n_parameters = n;
    return status;
}

/* "http://host/path" -> "/path": a client may write the whole address (RFC 9112, 3.2.2). */
static const char *path_of(const char *url)
{
    const char *rest = strncasecmp(url, "http://", 7) == 0    ? url + 7
                       : strncasecmp(url, "https://", 8) == 0 ? url + 8
                                                              : NULL;
    if (!rest)
        return url;
    rest += strcspn(rest, "/");
    return *rest ? rest : "/";
}

/* Whether this server takes calls now. Probes are always answered. */
static enum lat_status check_gate(struct lat_call *call, struct lat_error *err)
{
    if ((call->route->flags & LAT_ROUTE_PROBE) || !call->app)
        return LAT_OK;
    char reason[256];
    switch (lat_app_state(call->app, NULL, 0)) {
    case LAT_APP_READY:
        return LAT_OK;
    case LAT_APP_LOADING:
        lat_app_state(call->app, reason, sizeof(reason));
        return lat_fail(err, LAT_UNAVAILABLE, "loading", "%s", reason);
    case LAT_APP_DRAINING:
        call->exchange->close = true;
        return lat_fail(err, LAT_UNAVAILABLE, "draining", "the server is shutting down");
    }
    return LAT_OK;
}

/* Without keys everybody on the machine may call, and a browser there may have a stranger's
 * page open. Such a page reads no answer and sends no JSON, but a request without a body needs
 * no leave; browsers say where one comes from. With keys they do not know the key. */
static enum lat_status check_site(const struct lat_call *call, struct lat_error *err)
{
    const char *site = lat_call_header(call, "Sec-Fetch-Site");
    if (call->method == LAT_GET || call->method == LAT_HEAD || !site ||
        strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
        return LAT_OK;
    return lat_fail(err, LAT_FORBIDDEN, "cross_site",
                    "a page of another site asks, and this server has no keys to tell who may");
}

static enum lat_status check_key(struct lat_call *call, struct lat_error *err)
{
    struct lat_keys *keys = call->exchange->http->options.keys;
    unsigned wait_s = 0;
    if (!keys)
        return check_site(call, err);
    const char *key = lat_call_header(call, "Authorization");
    if (key && strncasecmp(key, "Bearer ", 7) == 0)
        key += 7 + strspn(key + 7, " ");
    else
        key = lat_call_header(call, "X-API-Key");
    const enum lat_status status =
        lat_keys_check(keys, key, call->route->scope, call->started_ns, &wait_s, err);
    if (wait_s) {
        lat_call_respond_header(call, "Retry-After", "%u", wait_s);
        lat_metric_add(LAT_METRIC_RATE_LIMITED, NULL, 1);
    }
    return status;
}

static enum lat_status check_size(struct lat_exchange *exchange, struct lat_error *err)
{
    const size_t limit = exchange->http->options.max_body;
    if ((exchange->call.route->flags & LAT_ROUTE_STREAM) || exchange->declared == UINT64_MAX ||
        exchange->declared <= limit)
        return LAT_OK;
    char expected[32], got[32];
    snprintf(expected, sizeof(expected), "%zu", limit);
    snprintf(got, sizeof(got), "%llu", (unsigned long long)exchange->declared);
    lat_fail(err, LAT_TOO_LARGE, NULL, "the body has %s bytes, the limit is %s", got, expected);
    lat_error_expected(err, expected, got);
    return LAT_TOO_LARGE;
}

enum lat_status lat_exchange_check(struct lat_exchange *exchange, const char *method,
                                   const char *url, size_t header_bytes, struct lat_error *err)
{
    struct lat_call *call = &exchange->call;
    choose_request_id(call);
    carry_trace(call);
    call->method = lat_method_parse(method);
    call->path = lat_arena_strdup(&call->arena, path_of(url));
    if (!call->path)
        return lat_fail_memory(err);
    enum lat_status status = check_framing(exchange, err);
    if (status != LAT_OK) {
        exchange->close = true; /* nobody knows where the next request begins */
        return status;
    }
    if (header_bytes > LAT_HEADER_BYTES_MAX || exchange->n_headers > LAT_REQUEST_HEADERS_MAX ||
        exchange->n_query > LAT_QUERY_MAX) {
        exchange->close = true;
        return lat_fail(err, LAT_TOO_LARGE, "headers_too_large",
                        "at most %d header fields, %d query parameters and %d bytes",
                        (int)LAT_REQUEST_HEADERS_MAX, (int)LAT_QUERY_MAX,
                        (int)LAT_HEADER_BYTES_MAX);
    }
    status = lat_router_match(exchange->http->router, call, &exchange->route_index, err);
    if (status == LAT_OK)
        status = check_gate(call, err);
    if (status == LAT_OK)
        status = check_key(call, err);
    if (status == LAT_OK)
        status = decode_query(exchange, err);
    if (status == LAT_OK)
        status = check_size(exchange, err);
    return status;
}
