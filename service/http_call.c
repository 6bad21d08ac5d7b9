/* What a handler asks of its call. Headers and query were collected before it ran, so any
 * thread that has the call may look. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "service/exchange.h"

#include "base/banned.h"

const char *lat_call_query(const struct lat_call *call, const char *name)
{
    const struct lat_exchange *exchange = call->exchange;
    for (size_t i = 0; exchange && i < exchange->n_parameters; i++)
        if (strcmp(exchange->parameters[i].name, name) == 0)
            return exchange->parameters[i].value;
    return NULL;
}

void lat_call_each_query(const struct lat_call *call,
                         void (*visit)(void *context, const struct lat_parameter *parameter),
                         void *context)
{
    const struct lat_exchange *exchange = call->exchange;
    for (size_t i = 0; exchange && i < exchange->n_parameters; i++)
        visit(context, &exchange->parameters[i]);
}

const char *lat_call_header(const struct lat_call *call, const char *name)
{
    const struct lat_exchange *exchange = call->exchange;
    for (size_t i = 0; exchange && i < exchange->n_headers; i++)
        if (strcasecmp(exchange->headers[i].name, name) == 0)
            return exchange->headers[i].value;
    return NULL;
}

enum lat_status lat_call_check_deadline(const struct lat_call *call, struct lat_error *err)
{
    if (!call->deadline_ns || lat_clock_ns() <= call->deadline_ns)
        return LAT_OK;
    return lat_fail(err, LAT_UNAVAILABLE, "deadline_exceeded",
                    "this took longer than a request may: ask for less at once");
}

void lat_call_respond_header(struct lat_call *call, const char *name, const char *fmt, ...)
{
    struct lat_response *response = &call->response;
    char value[1024];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(value) || response->n_headers == LAT_RESPONSE_HEADERS)
        return;
    const struct lat_header header = {
        .name = lat_arena_strdup(&call->arena, name),
        .value = lat_arena_strndup(&call->arena, value, (size_t)len),
    };
    if (header.name && header.value)
        response->headers[response->n_headers++] = header;
}

static void on_room(void *context)
{
    lat_exchange_unpark(context);
}

enum lat_status lat_call_stream(struct lat_call *call, struct lat_pipe **out_pipe,
                                struct lat_error *err)
{
    struct lat_exchange *exchange = call->exchange;
    if (!(call->route->flags & LAT_ROUTE_STREAM) || atomic_load(&exchange->download))
        return lat_fail(err, LAT_INTERNAL, NULL, "this call does not stream its reply");
    struct lat_pipe *pipe = lat_pipe_new(LAT_PIPE_BYTES, on_room, exchange);
    if (!pipe)
        return lat_fail_memory(err);
    if (!call->response.status)
        call->response.status = 200;
    atomic_store(&exchange->download, pipe);
    if (atomic_load(&exchange->gone))
        lat_pipe_abort(pipe);
    lat_exchange_unpark(exchange);
    *out_pipe = pipe;
    return LAT_OK;
}

/* A stream is its exchange, under another name for those outside. */
enum lat_status lat_call_detach(struct lat_call *call, struct lat_stream **out_stream,
                                struct lat_error *err)
{
    struct lat_pipe *pipe = NULL;
    struct lat_exchange *exchange = call->exchange;
    atomic_fetch_add(&exchange->references, 1);
    const enum lat_status status = lat_call_stream(call, &pipe, err);
    if (status != LAT_OK) {
        atomic_fetch_sub(&exchange->references, 1); /* the worker has one, too */
        return status;
    }
    exchange->detached = true;
    *out_stream = (struct lat_stream *)exchange;
    return LAT_OK;
}

enum lat_sent lat_stream_send(struct lat_stream *stream, const void *bytes, size_t n)
{
    struct lat_pipe *pipe = atomic_load(&((struct lat_exchange *)stream)->download);
    if (lat_pipe_broken(pipe))
        return LAT_SENT_GONE;
    return lat_pipe_try_write(pipe, bytes, n) ? LAT_SENT_ALL : LAT_SENT_FULL;
}

void lat_stream_end(struct lat_stream *stream)
{
    lat_exchange_end_stream((struct lat_exchange *)stream);
}
