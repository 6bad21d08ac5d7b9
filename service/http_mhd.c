/* libmicrohttpd: its callbacks turned into the stages of an exchange (exchange_receive.c), and
 * replies into its responses. Nothing here blocks; what must wait is parked (suspended) and
 * comes back through the same callback, so every path looks at the exchange as it is.
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
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/urgency.h"
#include "service/acceptor.h"
#include "service/exchange.h"
#include "service/gather.h"
#include "service/tls.h"

#include "base/banned.h"

enum {
    POOL_BYTES = 64 * 1024,  /* the library's memory of a connection: head and read buffer */
    BLOCK_BYTES = 32 * 1024, /* of a streamed reply */
    IDLE_S = 60,             /* keep-alive, beyond the timeout of a request */
    UNEVEN_MAX = 16,         /* connections one network thread may have over another */
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

/* ---- replies ---- */

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

/* ---- the request as it comes in ---- */

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

static enum MHD_Result carry_out(struct lat_exchange *exchange, enum lat_next next)
{
    switch (next) {
    case LAT_NEXT_WAIT:
        return MHD_YES;
    case LAT_NEXT_REPLY:
        return send_reply(exchange);
    case LAT_NEXT_CLOSE:
        break;
    }
    return MHD_NO;
}

static enum MHD_Result begin(struct lat_http *http, struct MHD_Connection *connection,
                             const char *method, const char *url, void **context)
{
    struct lat_conn *conn = conn_of(connection);
    struct lat_exchange *exchange = conn ? lat_exchange_open(http, conn, connection) : NULL;
    if (!exchange)
        return MHD_NO;
    *context = exchange;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const bool whole =
        collect_all(exchange, MHD_HEADER_KIND, &exchange->headers, &exchange->n_headers) &&
        collect_all(exchange, MHD_GET_ARGUMENT_KIND, &exchange->query, &exchange->n_query);
    return carry_out(exchange, lat_exchange_begin(exchange, method, url,
                                                  info ? info->header_size : 0, whole));
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **exchange)
{
    (void)version;
    if (!*exchange)
        return begin(context, connection, method, url, exchange);
    return carry_out(*exchange, *upload_size
                                    ? lat_exchange_receive(*exchange, upload, upload_size)
                                    : lat_exchange_proceed(*exchange));
}

/* ---- the end of requests and connections ---- */

static void on_completed(void *context, struct MHD_Connection *connection, void **handle,
                         enum MHD_RequestTerminationCode why)
{
    struct lat_exchange *exchange = *handle;
    (void)context;
    (void)connection;
    if (!exchange)
        return;
    *handle = NULL;
    lat_exchange_complete(exchange, why == MHD_REQUEST_TERMINATED_CLIENT_ABORT ||
                                        why == MHD_REQUEST_TERMINATED_READ_ERROR ||
                                        why == MHD_REQUEST_TERMINATED_WITH_ERROR);
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

/* ---- threads and connections ---- */

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

void lat_mhd_send(struct lat_http *http, void *connection, int fd, const void *bytes,
                  size_t len)
{
    if (!http->options.tls) {
        (void)!send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    const union MHD_ConnectionInfo *info =
        connection ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
                   : NULL;
    if (info && info->tls_session)
        lat_tls_send(info->tls_session, bytes, len);
}

/* TLS 1.2 and 1.3, whatever the machine's default is. */
static char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static enum lat_status start_thread(struct network_thread *thread, struct lat_error *err)
{
    struct lat_http *http = thread->http;
    const struct lat_http_options *options = &http->options;
    const unsigned idle_s = options->timeout_ms / 1000 + IDLE_S;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(intptr_t)lat_tls_retriever},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities},
        {MHD_OPTION_END, 0, NULL}};
    if (!options->tls)
        tls[0] = tls[2];
    thread->daemon = MHD_start_daemon(
        (options->tls ? MHD_USE_TLS : MHD_NO_FLAG) | MHD_USE_EPOLL_INTERNAL_THREAD |
            MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, thread, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
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
