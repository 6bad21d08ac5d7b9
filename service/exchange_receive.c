/* A request as it comes in: its head, its body, and what is done when they are there. The
 * network thread calls these in that order, and does what they say (enum lat_next); none of
 * them blocks. */
#include "base/mem.h"
#include "service/exchange.h"

#include "base/banned.h"

enum { FIRST_BODY_BYTES = 1 << 20 }; /* reserved on a client's word; more as it comes */

/* Past the network side's ability to answer: the words go straight to the socket, which closes.
 */
static enum lat_next break_off(struct lat_exchange *exchange, const struct lat_error *err)
{
    struct lat_conn *conn = exchange->conn;
    lat_exchange_send_problem(exchange->http, exchange, conn->watched.fd, err);
    lat_exchange_count(exchange, 413); /* all that comes here went over a limit */
    exchange->unread = true;
    exchange->replied = true;
    return LAT_NEXT_CLOSE;
}

/* ---- the head ---- */

/* A failure that the head alone shows. The reply goes out at once only when the client would
 * otherwise send a body in vain, or when where the body ends is not known; else after the body,
 * so that the connection can be used again. */
static enum lat_next refuse(struct lat_exchange *exchange, const struct lat_error *err)
{
    lat_exchange_finish(exchange, err->status, err);
    exchange->stage = LAT_STAGE_DISCARDING;
    const bool too_large = exchange->declared != UINT64_MAX &&
                           exchange->declared > exchange->http->options.max_body;
    if (!exchange->close && !exchange->waits_for_continue && !too_large)
        return LAT_NEXT_WAIT;
    exchange->unread = exchange->has_body;
    exchange->close = true;
    return LAT_NEXT_REPLY;
}

enum lat_next lat_exchange_begin(struct lat_exchange *exchange, const char *method,
                                 const char *url, size_t header_bytes, bool whole)
{
    struct lat_conn *conn = exchange->conn;
    const struct lat_http *http = exchange->http;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_call *call = &exchange->call;
    call->started_ns = atomic_load_explicit(&conn->watched.since_ns, memory_order_relaxed);
    call->deadline_ns = call->started_ns + http->options.timeout_ms * LAT_NS_PER_MS;
    const enum lat_status status =
        whole ? lat_exchange_check(exchange, method, url, header_bytes, &err)
              : lat_fail_memory(&err);
    if (!lat_watched_enter(&conn->watched, exchange->has_body ? LAT_PHASE_BODY : LAT_PHASE_BUSY,
                           exchange->has_body ? lat_clock_ns() : 0))
        return LAT_NEXT_CLOSE;
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
    return LAT_NEXT_WAIT;
}

/* ---- the body ---- */

/* The body went over the limit, or there is no memory for it. */
static enum lat_next refuse_body(struct lat_exchange *exchange)
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
    return LAT_NEXT_WAIT;
}

static enum lat_next discard(struct lat_exchange *exchange, size_t n)
{
    exchange->discarded += n;
    if (exchange->discarded <= exchange->http->options.max_body)
        return LAT_NEXT_WAIT;
    struct lat_error err = LAT_ERROR_INIT;
    lat_fail(&err, LAT_TOO_LARGE, NULL, "the request was refused and its body did not end");
    return break_off(exchange, &err);
}

enum lat_next lat_exchange_receive(struct lat_exchange *exchange, const char *bytes,
                                   size_t *inout_left)
{
    struct lat_watched *watched = &exchange->conn->watched;
    const size_t n = *inout_left;
    if (!lat_watched_enter(watched, LAT_PHASE_BODY, lat_clock_ns()))
        return LAT_NEXT_CLOSE;
    atomic_fetch_add_explicit(&watched->received, n, memory_order_relaxed);
    *inout_left = 0;
    if (exchange->stage == LAT_STAGE_READING) {
        lat_buf_append(&exchange->body, bytes, n);
        return exchange->body.status == LAT_OK ? LAT_NEXT_WAIT : refuse_body(exchange);
    }
    if (exchange->stage == LAT_STAGE_UPLOADING) {
        size_t moved = 0, step = 1;
        while (step && moved < n) /* until it says 0: only then does it know somebody waits */
            moved += step = lat_pipe_offer(exchange->upload, bytes + moved, n - moved);
        if (moved == n)
            return LAT_NEXT_WAIT;
        if (!lat_pipe_broken(exchange->upload)) {
            *inout_left = n - moved;
            lat_watched_enter(watched, LAT_PHASE_BUSY, 0); /* it waits for us */
            lat_exchange_park(exchange);
            return LAT_NEXT_WAIT;
        }
        exchange->stage = LAT_STAGE_DISCARDING; /* the handler wants no more of it */
    }
    return discard(exchange, n);
}

enum lat_next lat_exchange_proceed(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    if (!lat_watched_enter(&exchange->conn->watched, LAT_PHASE_BUSY, 0))
        return LAT_NEXT_CLOSE;
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
        return LAT_NEXT_WAIT;
    }
    if (exchange->with_worker && !lat_exchange_is_done(exchange) &&
        !atomic_load(&exchange->download)) {
        lat_exchange_park(exchange);
        return LAT_NEXT_WAIT;
    }
    return LAT_NEXT_REPLY;
}

/* ---- the end ---- */

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

void lat_exchange_complete(struct lat_exchange *exchange, bool broken)
{
    struct lat_conn *conn = exchange->conn;
    struct lat_watch *watch = exchange->http->watch;
    atomic_store(&exchange->gone, true);
    struct lat_pipe *download = atomic_load(&exchange->download);
    if (!exchange->replied && exchange->has_body && broken)
        lat_exchange_count(exchange, say_incomplete(exchange));
    else if (!exchange->replied)
        lat_exchange_count(exchange, 499); /* the client went before there was a reply */
    if (exchange->upload)
        lat_pipe_abort(exchange->upload);
    if (download)
        lat_pipe_abort(download);
    if (exchange->unread)
        lat_watch_linger(watch, conn->watched.fd);
    lat_watched_enter(&conn->watched, LAT_PHASE_IDLE, 0);
    lat_exchange_release(exchange, conn);
}
