/* From a checked request to a finished reply: on this thread, on a worker, or as a stream.
 *
 * Who touches what. The network thread has the exchange until it hands it over: after
 * lat_workers_push the worker has the call, until it is DONE. The network thread reads the
 * reply only after it has seen DONE or `download`. */
#include "base/mem.h"
#include "base/metrics.h"
#include "service/exchange.h"

#include "base/banned.h"

enum { AWAKE, PARKED, TOKEN, DONE };

void lat_exchange_park(struct lat_exchange *exchange)
{
    lat_mhd_suspend(exchange->connection);
    int state = AWAKE;
    if (atomic_compare_exchange_strong(&exchange->parked, &state, PARKED))
        return;
    int token = TOKEN; /* somebody was first: go on at once */
    atomic_compare_exchange_strong(&exchange->parked, &token, AWAKE);
    lat_mhd_resume(exchange->connection);
}

void lat_exchange_unpark(struct lat_exchange *exchange)
{
    int state = atomic_load(&exchange->parked);
    while (state == AWAKE || state == PARKED) {
        const int next = state == AWAKE ? TOKEN : AWAKE;
        if (!atomic_compare_exchange_weak(&exchange->parked, &state, next))
            continue;
        if (state == PARKED)
            lat_mhd_resume(exchange->connection);
        return;
    }
}

void lat_exchange_yield(struct lat_exchange *exchange)
{
    lat_mhd_suspend(exchange->connection);
    lat_mhd_resume(exchange->connection); /* takes effect in the next round */
}

bool lat_exchange_is_done(struct lat_exchange *exchange)
{
    return atomic_load(&exchange->parked) == DONE;
}

/* The worker's last touch of an exchange it has no reference to: one step, for when the network
 * thread sees DONE the exchange may go at any moment. A parked one stays until it is resumed.
 */
static void done(struct lat_exchange *exchange)
{
    void *connection = exchange->connection;
    if (atomic_exchange(&exchange->parked, DONE) == PARKED)
        lat_mhd_resume(connection);
}

/* ---- running ---- */

static void run_handler(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = call->route->handler(call, &err);
    if (!call->defer && !call->again)
        lat_exchange_finish(exchange, status, &err);
}

static void check_deadline_and_run(struct lat_exchange *exchange, uint64_t now_ns)
{
    if (now_ns <= exchange->call.deadline_ns) {
        run_handler(exchange);
        return;
    }
    struct lat_error err = LAT_ERROR_INIT;
    lat_fail(&err, LAT_UNAVAILABLE, "deadline_exceeded",
             "the server was too busy to begin in time");
    lat_exchange_finish(exchange, err.status, &err);
}

static void unlist(struct lat_exchange *exchange)
{
    struct lat_http *http = exchange->http;
    lat_mutex_lock(&http->mutex);
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        http->streams = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    lat_mutex_unlock(&http->mutex);
}

static bool list(struct lat_exchange *exchange)
{
    struct lat_http *http = exchange->http;
    lat_mutex_lock(&http->mutex);
    const bool open = !http->stopping;
    if (open) {
        exchange->previous = NULL;
        exchange->next = http->streams;
        if (http->streams)
            http->streams->previous = exchange;
        http->streams = exchange;
    }
    lat_mutex_unlock(&http->mutex);
    return open;
}

void lat_exchange_stop_streams(struct lat_http *http)
{
    lat_mutex_lock(&http->mutex);
    http->stopping = true;
    for (struct lat_exchange *exchange = http->streams; exchange; exchange = exchange->next) {
        atomic_store(&exchange->gone, true); /* a reply that begins now breaks off at once */
        struct lat_pipe *download = atomic_load(&exchange->download);
        if (exchange->upload)
            lat_pipe_abort(exchange->upload);
        if (download)
            lat_pipe_abort(download);
    }
    lat_mutex_unlock(&http->mutex);
}

/* A streaming handler on its worker. The end of the reply is told through the pipe once it has
 * begun; the client sees a reply broken off as such. */
static void run_stream(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = call->route->handler(call, &err);
    if (exchange->detached) {
        /* Its holder may have ended it already; the reference keeps the memory. */
        if (exchange->upload)
            lat_pipe_abort(exchange->upload);
        lat_exchange_release(exchange, NULL);
        return;
    }
    unlist(exchange);
    struct lat_pipe *download = atomic_load(&exchange->download);
    if (!download) {
        lat_exchange_finish(exchange, status, &err);
    } else if (status == LAT_OK) {
        lat_pipe_end(download);
    } else {
        lat_pipe_abort(download);
        if (status != LAT_CANCELLED)
            lat_exchange_log(exchange, &err);
    }
    if (exchange->upload)
        lat_pipe_abort(exchange->upload); /* what still comes in is not wanted */
    done(exchange);
    lat_exchange_release(exchange, NULL);
}

void lat_exchange_end_stream(struct lat_exchange *exchange)
{
    unlist(exchange);
    lat_pipe_end(atomic_load(&exchange->download));
    done(exchange);
    lat_exchange_release(exchange, NULL);
}

void lat_exchange_work(void *item)
{
    struct lat_exchange *exchange = item;
    struct lat_call *call = &exchange->call;
    const uint64_t now_ns = lat_clock_ns();
    call->timing_ns[LAT_TIMING_QUEUE] += now_ns - exchange->queued_ns;
    call->on_worker = true;
    call->defer = false;
    if (call->route->flags & LAT_ROUTE_STREAM) {
        run_stream(exchange);
        return;
    }
    check_deadline_and_run(exchange, now_ns);
    done(exchange);
}

static enum lat_status push(struct lat_exchange *exchange, struct lat_error *err)
{
    exchange->queued_ns = lat_clock_ns();
    if (lat_workers_push(exchange->http->workers, exchange))
        return LAT_OK;
    lat_metric_add(LAT_METRIC_QUEUE_REJECTED, NULL, 1);
    return lat_fail(err, LAT_BUSY, NULL, "%u calls are waiting already",
                    exchange->http->options.queue);
}

static void note_parse(struct lat_call *call)
{
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - call->started_ns;
}

void lat_exchange_run(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    if (exchange->stage != LAT_STAGE_AGAIN)
        note_parse(call);
    exchange->stage = LAT_STAGE_ANSWERED;
    if (call->route->flags & LAT_ROUTE_INLINE) {
        call->again = false;
        run_handler(exchange);
        if (call->again)
            exchange->stage = LAT_STAGE_AGAIN;
        if (!call->defer)
            return;
    }
    struct lat_error err = LAT_ERROR_INIT;
    exchange->stage = LAT_STAGE_RUNNING;
    exchange->with_worker = true;
    if (push(exchange, &err) == LAT_OK)
        return;
    exchange->with_worker = false;
    exchange->stage = LAT_STAGE_ANSWERED;
    call->defer = false;
    lat_exchange_finish(exchange, err.status, &err);
}

static void on_room(void *context)
{
    lat_exchange_unpark(context);
}

/* The worker may outlive the connection, whose memory these point into. */
static enum lat_status own_texts(struct lat_exchange *exchange, struct lat_error *err)
{
    struct lat_arena *arena = &exchange->call.arena;
    for (size_t i = 0; i < exchange->n_headers; i++) {
        struct lat_header *header = &exchange->headers[i];
        header->name = lat_arena_strdup(arena, header->name);
        header->value = lat_arena_strdup(arena, header->value);
        if (!header->name || !header->value)
            return lat_fail_memory(err);
    }
    for (size_t i = 0; i < exchange->n_parameters; i++) {
        struct lat_parameter *parameter = &exchange->parameters[i];
        parameter->name = lat_arena_strdup(arena, parameter->name);
        parameter->value = lat_arena_strdup(arena, parameter->value);
        parameter->raw = lat_arena_strdup(arena, parameter->raw);
        if (!parameter->name || !parameter->value || !parameter->raw)
            return lat_fail_memory(err);
    }
    return LAT_OK;
}

void lat_exchange_stream(struct lat_exchange *exchange)
{
    struct lat_call *call = &exchange->call;
    struct lat_error err = LAT_ERROR_INIT;
    call->deadline_ns = UINT64_MAX;
    note_parse(call);
    enum lat_status status = own_texts(exchange, &err);
    if (status == LAT_OK && exchange->has_body) {
        exchange->upload = lat_pipe_new(LAT_PIPE_BYTES, on_room, exchange);
        call->body_pipe = exchange->upload;
        status = exchange->upload ? LAT_OK : lat_fail_memory(&err);
    }
    if (status == LAT_OK && !list(exchange))
        status = lat_fail(&err, LAT_UNAVAILABLE, "draining", "the server is shutting down");
    if (status == LAT_OK) {
        atomic_fetch_add(&exchange->references, 1);
        exchange->stage = LAT_STAGE_UPLOADING;
        exchange->with_worker = true;
        status = push(exchange, &err);
        if (status == LAT_OK)
            return;
        exchange->with_worker = false;
        atomic_fetch_sub(&exchange->references, 1);
        unlist(exchange);
    }
    exchange->stage = LAT_STAGE_DISCARDING;
    lat_exchange_finish(exchange, status, &err);
}
