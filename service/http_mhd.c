/* libmicrohttpd: its callbacks turned into the stages of an exchange, and replies into its
 * responses. Nothing here blocks; what must wait is parked (suspended) and comes back through
 * the same callback, so every path looks at the exchange as it is.
 *
 * What the library does not do, and how it is made up for:
 * - it cannot reply while a body comes in: a reply that is due earlier waits for the end of the
 *   body, which is thrown away; a body over the limit, or a late one, gets its reply straight
 * on the socket, which is then closed (and lingers, service/watch.h);
 * - it closes connections of slow senders without a word: the watch says 408;
 * - it must not be stopped while a connection is parked: the workers are stopped before it, and
 *   what is pushed after that is refused;
 * - its threads, when they accept for themselves, take what they happen to get: an acceptor
 *   (service/acceptor.h) deals connections to as many single-threaded daemons instead. */
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/urgency.h"
#include "service/acceptor.h"
#include "service/exchange.h"
#include "service/gather.h"

#include "base/banned.h"

enum {
    POOL_BYTES = 64 * 1024,     /* the library's memory of a connection: head and read buffer */
    BLOCK_BYTES = 32 * 1024,    /* of a streamed reply */
    FIRST_BODY_BYTES = 1 << 20, /* reserved on a client's word; more as it comes */
    IDLE_S = 60,                /* keep-alive, beyond the timeout of a request */
    UNEVEN_MAX = 16,            /* connections one network thread may have over another */
};

void lat_mhd_suspend(void *connection)
{
    MHD_suspend_connection(connection);
}

void lat_mhd_resume(void *connection)
{
    MHD_resume_connection(connection);
}

const char *lat_mhd_reason(int status)
{
    return MHD_get_reason_phrase_for((unsigned)status);
}

const char *lat_http_library_version(void)
{
    return MHD_get_version();
}

/* A network thread: a daemon of one thread, and the connections that were dealt to it. */
struct network_thread {
    struct lat_http *http;
    struct MHD_Daemon *daemon;
    atomic_uint connections;
    struct lat_gathering gathering;
};

struct lat_network {
    struct lat_acceptor *acceptor;
    unsigned n_threads;
    unsigned turn; /* the acceptor's */
    struct network_thread threads[];
};

static struct lat_conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* -- replies -- */

static ssize_t read_download(void *context, uint64_t position, char *bytes, size_t capacity)
{
    struct lat_exchange *exchange = context;
    struct lat_pipe *pipe = atomic_load(&exchange->download);
    bool ended = false;
    (void)position;
    const size_t n = lat_pipe_take(pipe, bytes, capacity, &ended);
    if (n)
        return (ssize_t)n;
    if (ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (lat_pipe_broken(pipe))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    lat_exchange_park(exchange);
    return 0;
}

static ssize_t read_spool(void *context, uint64_t position, char *bytes, size_t capacity)
{
    struct lat_exchange *exchange = context;
    struct lat_error err = LAT_ERROR_INIT;
    size_t n = 0;
    (void)position; /* a response is read once, from its start */
    if (lat_spool_read(exchange->call.response.spool, bytes, capacity, &n, &err) != LAT_OK) {
        lat_exchange_log(exchange, &err);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *make_response(struct lat_exchange *exchange)
{
    struct lat_response *reply = &exchange->call.response;
    if (atomic_load(&exchange->download))
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_download,
                                                 exchange, NULL);
    if (reply->spool)
        return MHD_create_response_from_callback(lat_spool_size(reply->spool), BLOCK_BYTES,
                                                 read_spool, exchange, NULL);
    /* The buffer stays the exchange's, which outlives the sending of it. */
    return MHD_create_response_from_buffer(reply->body.len, reply->body.data,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_reply(struct lat_exchange *exchange)
{
    struct lat_header headers[LAT_REPLY_HEADERS];
    struct MHD_Response *response = make_response(exchange);
    if (!response)
        return MHD_NO;
    lat_exchange_count(exchange, exchange->call.response.status);
    const size_t n = lat_exchange_headers(exchange, headers);
    for (size_t i = 0; i < n; i++)
        MHD_add_response_header(response, headers[i].name, headers[i].value);
    const enum MHD_Result result = MHD_queue_response(
        exchange->connection, (unsigned)exchange->call.response.status, response);
    MHD_destroy_response(response);
    exchange->replied = result == MHD_YES;
    return result;
}

/* Past the library's ability to answer: the words go straight to the socket, which closes. */
static enum MHD_Result break_off(struct lat_exchange *exchange, const struct lat_error *err)
{
    struct lat_conn *conn = exchange->conn;
    lat_exchange_send_problem(exchange->http, exchange, conn->watched.fd, err);
    lat_exchange_count(exchange, 413); /* all that comes here went over a limit */
    exchange->unread = true;
    exchange->replied = true;
    return MHD_NO;
}

/* -- the request as it comes in -- */

struct collector {
    struct lat_header *rows;
    size_t n, capacity;
};

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *value)
{
    struct collector *collector = context;
    (void)kind;
    if (collector->n == collector->capacity)
        return MHD_NO;
    if (!*name && !value)
        return MHD_YES; /* nothing between two '&' */
    collector->rows[collector->n++] = (struct lat_header){name, value ? value : ""};
    return MHD_YES;
}

static bool collect_all(struct lat_exchange *exchange, enum MHD_ValueKind kind,
                        struct lat_header **out_rows, size_t *out_n)
{
    const int n = MHD_get_connection_values(exchange->connection, kind, NULL, NULL);
    struct collector collector = {.capacity = n > 0 ? (size_t)n : 0};
    if (!collector.capacity)
        return true;
    collector.rows =
        lat_arena_alloc_raw(&exchange->call.arena, collector.capacity, sizeof(*collector.rows));
    if (!collector.rows)
        return false;
    MHD_get_connection_values(exchange->connection, kind, collect, &collector);
    *out_rows = collector.rows;
    *out_n = collector.n;
    return true;
}

static enum lat_status look_at_head(struct lat_exchange *exchange, const char *method,
                                    const char *url, struct lat_error *err)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!collect_all(exchange, MHD_HEADER_KIND, &exchange->headers, &exchange->n_headers) ||
        !collect_all(exchange, MHD_GET_ARGUMENT_KIND, &exchange->query, &exchange->n_query))
        return lat_fail_memory(err);
    return lat_exchange_check(exchange, method, url, info ? info->header_size : 0, err);
}

/* A failure that the head alone shows. The reply goes out at once only when the client would
 * otherwise send a body in vain, or when where the body ends is not known; else after the body,
 * so that the connection can be used again. */
static enum MHD_Result refuse(struct lat_exchange *exchange, const struct lat_error *err)
{
    lat_exchange_finish(exchange, err->status, err);
    exchange->stage = LAT_STAGE_DISCARDING;
    const bool too_large = exchange->declared != UINT64_MAX &&
                           exchange->declared > exchange->http->options.max_body;
    if (!exchange->close && !exchange->waits_for_continue && !too_large)
        return MHD_YES;
    exchange->unread = exchange->has_body;
    exchange->close = true;
    return send_reply(exchange);
}

static enum MHD_Result begin(struct lat_http *http, struct MHD_Connection *connection,
                             const char *method, const char *url, void **context)
{
    struct lat_conn *conn = conn_of(connection);
    struct lat_exchange *exchange = conn ? lat_exchange_open(http, conn, connection) : NULL;
    if (!exchange)
        return MHD_NO;
    *context = exchange;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_call *call = &exchange->call;
    call->started_ns = atomic_load_explicit(&conn->watched.since_ns, memory_order_relaxed);
    call->deadline_ns = call->started_ns + http->options.timeout_ms * LAT_NS_PER_MS;
    const enum lat_status status = look_at_head(exchange, method, url, &err);
    if (!lat_watched_enter(&conn->watched, exchange->has_body ? LAT_PHASE_BODY : LAT_PHASE_BUSY,
                           exchange->has_body ? lat_clock_ns() : 0))
        return MHD_NO;
    if (status != LAT_OK)
        return refuse(exchange, &err);
    if (exchange->has_body && (call->route->flags & LAT_ROUTE_STREAM)) {
        lat_exchange_stream(exchange);
    } else if (exchange->has_body) {
        lat_buf_clear(&exchange->body);
        exchange->body.limit = http->options.max_body;
        uint64_t expected = exchange->declared;
        if (expected > FIRST_BODY_BYTES)
            expected = FIRST_BODY_BYTES;
        if (expected > http->options.max_body)
            expected = http->options.max_body;
        lat_buf_reserve(&exchange->body, (size_t)expected);
    }
    return MHD_YES;
}

/* The body went over the limit, or there is no memory for it. */
static enum MHD_Result refuse_body(struct lat_exchange *exchange)
{
    struct lat_error err = LAT_ERROR_INIT;
    const bool too_large = exchange->body.status == LAT_TOO_LARGE;
    lat_buf_release(&exchange->body);
    if (too_large) {
        lat_fail(&err, LAT_TOO_LARGE, NULL, "the body has more than the limit of %zu bytes",
                 exchange->http->options.max_body);
        return break_off(exchange, &err);
    }
    lat_fail_memory(&err);
    lat_exchange_finish(exchange, err.status, &err);
    exchange->stage = LAT_STAGE_DISCARDING;
    return MHD_YES;
}

static enum MHD_Result discard(struct lat_exchange *exchange, size_t n)
{
    exchange->discarded += n;
    if (exchange->discarded <= exchange->http->options.max_body)
        return MHD_YES;
    struct lat_error err = LAT_ERROR_INIT;
    lat_fail(&err, LAT_TOO_LARGE, NULL, "the request was refused and its body did not end");
    return break_off(exchange, &err);
}

static enum MHD_Result receive(struct lat_exchange *exchange, const char *bytes,
                               size_t *inout_left)
{
    struct lat_watched *watched = &exchange->conn->watched;
    const size_t n = *inout_left;
    if (!lat_watched_enter(watched, LAT_PHASE_BODY, lat_clock_ns()))
        return MHD_NO;
    atomic_fetch_add_explicit(&watched->received, n, memory_order_relaxed);
    *inout_left = 0;
    if (exchange->stage == LAT_STAGE_READING) {
        lat_buf_append(&exchange->body, bytes, n);
        return exchange->body.status == LAT_OK ? MHD_YES : refuse_body(exchange);
    }
    if (exchange->stage == LAT_STAGE_UPLOADING) {
        size_t moved = 0, step = 1;
        while (step && moved < n) /* until it says 0: only then does it know somebody waits */
            moved += step = lat_pipe_offer(exchange->upload, bytes + moved, n - moved);
        if (moved == n)
            return MHD_YES;
        if (!lat_pipe_broken(exchange->upload)) {
            *inout_left = n - moved;
            lat_watched_enter(watched, LAT_PHASE_BUSY, 0); /* it waits for us */
            lat_exchange_park(exchange);
            return MHD_YES;
        }
        exchange->stage = LAT_STAGE_DISCARDING; /* the handler wants no more of it */
    }
    return discard(exchange, n);
}

/* The request is in. Also called again after each unpark. */
static enum MHD_Result proceed(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    if (!lat_watched_enter(&exchange->conn->watched, LAT_PHASE_BUSY, 0))
        return MHD_NO;
    if (exchange->stage == LAT_STAGE_UPLOADING && exchange->upload)
        lat_pipe_end(exchange->upload);
    if (exchange->stage == LAT_STAGE_AGAIN)
        lat_exchange_run(exchange);
    if (exchange->stage == LAT_STAGE_READING) {
        const struct lat_conn *conn = exchange->conn;
        if (atomic_load_explicit(conn->neighbours, memory_order_relaxed) > 1)
            call->gathering = conn->gathering;
        if (exchange->body.len) {
            call->body = exchange->body.data;
            call->body_len = exchange->body.len;
        }
        if (call->route->flags & LAT_ROUTE_STREAM)
            lat_exchange_stream(exchange);
        else
            lat_exchange_run(exchange);
    }
    if (exchange->stage == LAT_STAGE_AGAIN) {
        lat_exchange_yield(exchange);
        return MHD_YES;
    }
    if (exchange->with_worker && !lat_exchange_is_done(exchange) &&
        !atomic_load(&exchange->download)) {
        lat_exchange_park(exchange);
        return MHD_YES;
    }
    return send_reply(exchange);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **exchange)
{
    (void)version;
    if (!*exchange)
        return begin(context, connection, method, url, exchange);
    return *upload_size ? receive(*exchange, upload, upload_size) : proceed(*exchange);
}

/* -- the end of requests and connections -- */

/* A body that will not come to its end: late, or the client has closed its side. The status
 * that is counted. */
static int say_incomplete(struct lat_exchange *exchange)
{
    struct lat_error err = LAT_ERROR_INIT;
    const bool late = atomic_load(&exchange->conn->watched.phase) == LAT_PHASE_LATE;
    if (late)
        lat_fail(&err, LAT_TIMEOUT, NULL, "the body did not come within %u ms",
                 exchange->http->options.timeout_ms);
    else
        lat_fail(&err, LAT_BAD_SYNTAX, "incomplete_body", "the body ended before its length");
    lat_exchange_send_problem(exchange->http, exchange, exchange->conn->watched.fd, &err);
    return late ? 408 : 400;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **handle,
                         enum MHD_RequestTerminationCode why)
{
    struct lat_http *http = context;
    struct lat_exchange *exchange = *handle;
    (void)connection;
    if (!exchange)
        return;
    *handle = NULL;
    struct lat_conn *conn = exchange->conn;
    atomic_store(&exchange->gone, true);
    struct lat_pipe *download = atomic_load(&exchange->download);
    const bool broken = why == MHD_REQUEST_TERMINATED_CLIENT_ABORT ||
                        why == MHD_REQUEST_TERMINATED_READ_ERROR ||
                        why == MHD_REQUEST_TERMINATED_WITH_ERROR;
    if (!exchange->replied && exchange->has_body && broken)
        lat_exchange_count(exchange, say_incomplete(exchange));
    else if (!exchange->replied)
        lat_exchange_count(exchange, 499); /* the client went before there was a reply */
    if (exchange->upload)
        lat_pipe_abort(exchange->upload);
    if (download)
        lat_pipe_abort(download);
    if (exchange->unread)
        lat_watch_linger(http->watch, conn->watched.fd);
    lat_watched_enter(&conn->watched, LAT_PHASE_IDLE, 0);
    lat_exchange_release(exchange, conn);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **handle,
                          enum MHD_ConnectionNotificationCode what)
{
    struct network_thread *thread = context;
    struct lat_http *http = thread->http;
    struct lat_conn *conn = *handle;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        atomic_fetch_sub(&thread->connections, 1);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        conn = lat_alloc(1, sizeof(*conn)); /* NULL: its requests are closed in begin() */
        *handle = conn;
        if (conn) {
            conn->gathering = &thread->gathering;
            conn->neighbours = &thread->connections;
            lat_watch_add(http->watch, &conn->watched, info ? info->connect_fd : -1);
        }
    } else if (conn) {
        *handle = NULL;
        lat_watch_remove(http->watch, &conn->watched);
        lat_conn_release(conn);
    }
}

/* The request line is in: the earliest moment at which the application hears of a request. */
static void *on_request_line(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct lat_conn *conn = conn_of(connection);
    static _Thread_local bool is_prompt; /* the library does not tell when a thread starts */
    (void)context;
    (void)uri;
    if (!is_prompt)
        lat_urgency_set(LAT_PROMPT);
    is_prompt = true;
    if (conn)
        lat_watched_enter(&conn->watched, LAT_PHASE_HEAD, lat_clock_ns());
    return NULL;
}

/* The path stays as sent: service/router.c decodes it, after it has been cut at slashes. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static void LAT_PRINTF(2, 0) on_log(void *context, const char *fmt, va_list args)
{
    char text[512];
    struct lat_buf line = {0};
    (void)context;
    if (!lat_log_enabled(LAT_LOG_DEBUG))
        return;
    const int n = vsnprintf(text, sizeof(text), fmt, args);
    size_t len = n < 0 ? 0 : strnlen(text, sizeof(text));
    while (len && text[len - 1] == '\n')
        len--;
    lat_buf_json_string(&line, text, len);
    if (line.status == LAT_OK)
        lat_log(LAT_LOG_DEBUG, "libmicrohttpd", "\"text\":%s", line.data);
    lat_buf_release(&line);
}

/* -- threads and connections -- */

static bool has_room(void *context)
{
    const struct lat_http *http = context;
    unsigned n = 0;
    for (unsigned i = 0; i < http->network->n_threads; i++)
        n += atomic_load(&http->network->threads[i].connections);
    return n < http->options.max_connections;
}

/* In turn, but none that has many more than another: what was closed a moment ago is still
 * counted, so the numbers by themselves would deal a burst unevenly. */
static struct network_thread *whose_turn(struct lat_network *network)
{
    unsigned least = UINT_MAX;
    for (unsigned i = 0; i < network->n_threads; i++) {
        const unsigned n = atomic_load(&network->threads[i].connections);
        least = n < least ? n : least;
    }
    for (;;) {
        struct network_thread *thread = &network->threads[network->turn++ % network->n_threads];
        if (atomic_load(&thread->connections) <= least + UNEVEN_MAX)
            return thread;
    }
}

static void take(void *context, int fd, const struct sockaddr *address, socklen_t len)
{
    struct network_thread *thread = whose_turn(((struct lat_http *)context)->network);
    /* Counted here, because the thread itself comes to the connection later than the next is
     * dealt. The library closes a socket it does not take. */
    atomic_fetch_add(&thread->connections, 1);
    if (MHD_add_connection(thread->daemon, fd, address, len) != MHD_YES)
        atomic_fetch_sub(&thread->connections, 1);
}

static enum lat_status start_thread(struct network_thread *thread, struct lat_error *err)
{
    struct lat_http *http = thread->http;
    const struct lat_http_options *options = &http->options;
    const unsigned idle_s = options->timeout_ms / 1000 + IDLE_S;
    thread->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, thread, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_END);
    return thread->daemon ? LAT_OK
                          : lat_fail(err, LAT_INTERNAL, NULL, "libmicrohttpd %s does not start",
                                     MHD_get_version());
}

enum lat_status lat_mhd_start(struct lat_http *http, struct lat_error *err)
{
    const unsigned n = http->options.network_threads;
    struct lat_network *network =
        lat_alloc(1, sizeof(*network) + n * sizeof(network->threads[0]));
    enum lat_status status = network ? LAT_OK : lat_fail_memory(err);
    http->network = network;
    for (unsigned i = 0; status == LAT_OK && i < n; i++) {
        network->threads[i].http = http;
        status = start_thread(&network->threads[i], err);
        network->n_threads += status == LAT_OK;
    }
    if (status != LAT_OK)
        return status;
    const struct lat_acceptor_callbacks callbacks = {has_room, take, http};
    const int listen_fd = http->listen_fd;
    http->listen_fd = -1; /* the acceptor's from here on */
    return lat_acceptor_new(listen_fd, &callbacks, &network->acceptor, err);
}

void lat_mhd_stop(struct lat_http *http)
{
    struct lat_network *network = http->network;
    if (!network)
        return;
    lat_acceptor_free(network->acceptor);
    for (unsigned i = 0; i < network->n_threads; i++)
        MHD_stop_daemon(network->threads[i].daemon);
    lat_free(network);
    http->network = NULL;
}
