/* HTTP as the rest of the house sees it. http_mhd.c is the only file that knows libmicrohttpd.
 *
 * A handler gets a whole request (body read, capped) and fills a response; it never sees a
 * socket. It runs in one of three ways, a flag of its route:
 *
 * - on a worker thread, the connection suspended meanwhile (no flag);
 * - LAT_ROUTE_INLINE: on the network thread. Bounded, cheap, never blocking: probes, a search
 *   in memory. It may find out that it needs more: it sets call->defer, returns LAT_OK having
 *   changed nothing, and is run again on a worker (call->on_worker);
 * - LAT_ROUTE_STREAM: on a worker, while the body is still coming in (call->body_pipe) or going
 *   out (lat_call_stream). Its deadline_ns is UINT64_MAX: the other side's silence is watched
 *   instead.
 *
 * Memory of a call lives in its arena and dies with the call. One thread at a time has a call.
 */
#ifndef LAT_SERVICE_HTTP_H
#define LAT_SERVICE_HTTP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"
#include "service/pipe.h"
#include "service/spool.h"

struct lat_app;
struct lat_keys;
struct lat_tls;
struct lat_call;

enum lat_method_bits {
    LAT_GET = 1,
    LAT_HEAD = 2,
    LAT_PUT = 4,
    LAT_POST = 8,
    LAT_PATCH = 16,
    LAT_DELETE = 32
};

/* What a key must allow; admin includes write, write includes read. */
enum lat_scope { LAT_SCOPE_NONE, LAT_SCOPE_READ, LAT_SCOPE_WRITE, LAT_SCOPE_ADMIN };

enum lat_route_flags {
    LAT_ROUTE_INLINE = 1,
    LAT_ROUTE_STREAM = 2,
    LAT_ROUTE_PROBE = 4, /* answered while loading and draining, too */
    LAT_ROUTE_SLASH = 8  /* the path may have a slash at its end */
};

/* The parts of Server-Timing. */
enum lat_timing {
    LAT_TIMING_PARSE,
    LAT_TIMING_DECODE,
    LAT_TIMING_QUEUE,
    LAT_TIMING_INFER,
    LAT_TIMING_INDEX,
    LAT_TIMING_DB,
    LAT_TIMING_COUNT
};

/* Fills call->response and returns LAT_OK, or returns a failure, which becomes a problem body
 * (RFC 9457). */
typedef enum lat_status lat_handler(struct lat_call *call, struct lat_error *err);

/* One row of the route table (api/routes.c). A segment in braces matches one non-empty segment
 * of the path, percent-decoded into call->params in order. HEAD is answered by the GET row. */
struct lat_route {
    unsigned method;  /* one of lat_method_bits */
    const char *path; /* "/v1/collections/{c}/items/{id}" */
    lat_handler *handler;
    enum lat_scope scope;
    unsigned flags;      /* enum lat_route_flags */
    const char *summary; /* for the OpenAPI document and the tests that compare the two */
};

/* Turns a failure into a problem body in call->response; call->route is NULL when none matched.
 */
typedef void lat_problem_writer(struct lat_call *call, const struct lat_error *err);

/* What api/ gives to the transport: borrowed, must outlive the server. */
struct lat_routes {
    const struct lat_route *rows;
    size_t n;
    lat_problem_writer *problem;            /* NULL: a bare 500 (tests) */
    const struct lat_job_kind *const *jobs; /* kinds that resume, beside those of the service */
    size_t n_jobs;
};

struct lat_header {
    const char *name, *value; /* in the call's arena */
};

/* One `name=value` of a query, in the call's arena. `raw` is the value before %XX was decoded:
 * where a list of ids is cut at commas, a comma inside an id comes as %2C. */
struct lat_parameter {
    const char *name, *value, *raw;
};

enum {
    LAT_RESPONSE_HEADERS = 16,
    LAT_PARAMS_MAX = 4,
    LAT_REQUEST_ID_SIZE = 132,
    LAT_TRACE_SIZE = 56
};

struct lat_response {
    int status;               /* 200 when left 0 and a body is there, else 204 */
    const char *content_type; /* static or arena; NULL = application/json */
    struct lat_buf body;      /* owned; handed to the network without a copy */
    struct lat_spool *spool;  /* the body instead, when set: owned, sent from its start */
    struct lat_header headers[LAT_RESPONSE_HEADERS];
    size_t n_headers;
};

struct lat_call {
    struct lat_app *app;
    const struct lat_route *route;
    struct lat_arena arena;
    unsigned method;                    /* as sent; LAT_HEAD comes to the GET row's handler */
    const char *path;                   /* as sent, still encoded, without the query */
    const char *params[LAT_PARAMS_MAX]; /* decoded segments, UTF-8 without NUL, terminated */
    size_t param_lens[LAT_PARAMS_MAX];
    size_t n_params;
    const char *body; /* whole body, NUL-terminated; "" if none */
    size_t body_len;
    struct lat_pipe *body_pipe; /* stream routes with a body: as it comes in; else NULL */
    char request_id[LAT_REQUEST_ID_SIZE];
    char traceparent[LAT_TRACE_SIZE]; /* of the reply, "" where the request has none */
    uint64_t started_ns, deadline_ns; /* lat_clock_ns */
    uint64_t timing_ns[LAT_TIMING_COUNT];
    bool defer;     /* an inline handler asks to be run on a worker */
    bool again;     /* … or once more here, after the other requests that are ready */
    bool on_worker; /* this is a worker's thread */
    struct lat_gathering *gathering; /* service/gather.h; NULL: the connection is alone */
    struct lat_gathered *gathered;
    char model[160]; /* "name@version" for X-Model, "" if no model took part */
    struct lat_response response;
    struct lat_exchange *exchange; /* the transport's own (service/exchange.h) */
};

/* Whether this is an inline handler on the network thread: what takes long, or would have to
 * wait, sets call->defer instead. */
static inline bool lat_call_must_be_brief(const struct lat_call *call)
{
    return !call->on_worker && call->route && (call->route->flags & LAT_ROUTE_INLINE);
}

/* Borrowed; NULL when absent. Query values are percent-decoded, `+` is a space; names are
 * matched exactly, of several the first counts. */
const char *lat_call_query(const struct lat_call *call, const char *name);
/* Calls `visit` for each query parameter, so that unknown ones can be refused. A parameter
 * without `=` has the value "". */
void lat_call_each_query(const struct lat_call *call,
                         void (*visit)(void *context, const struct lat_parameter *parameter),
                         void *context);
/* Of the request; `name` in any case. */
const char *lat_call_header(const struct lat_call *call, const char *name);

/* For loops that may take long: LAT_UNAVAILABLE deadline_exceeded once the call's time is over.
 */
enum lat_status lat_call_check_deadline(const struct lat_call *call,
                                        struct lat_error *err) LAT_MUST_USE;

/* Adds a response header, copied into the arena. One too many, or one without memory, is left
 * out. */
void lat_call_respond_header(struct lat_call *call, const char *name, const char *fmt, ...)
    LAT_PRINTF(3, 4);

/* From a stream handler: sends the head of the reply now (status, content type and headers as
 * they stand in call->response) and returns the pipe that the body is written to, borrowed.
 * After that the handler returns LAT_OK at the end of the body, or a failure, which breaks the
 * reply off so that the client sees that it is not whole. Not before the upload has been read
 * to its end (use a spool: it answers after it). */
enum lat_status lat_call_stream(struct lat_call *call, struct lat_pipe **out_pipe,
                                struct lat_error *err) LAT_MUST_USE;

/* A reply that goes on after its handler has returned, fed by whoever holds it. */
struct lat_stream;

enum lat_sent {
    LAT_SENT_ALL,
    LAT_SENT_FULL, /* nothing was taken: the client reads too slowly */
    LAT_SENT_GONE  /* nobody reads any more: end it */
};

/* As lat_call_stream, but the worker is free once the handler has returned LAT_OK: the holder
 * of *out_stream ends it, before lat_http_stop. The handler's last step. */
enum lat_status lat_call_detach(struct lat_call *call, struct lat_stream **out_stream,
                                struct lat_error *err) LAT_MUST_USE;
/* Never waits; whole or not at all. One thread at a time. */
enum lat_sent lat_stream_send(struct lat_stream *stream, const void *bytes,
                              size_t n) LAT_MUST_USE;
/* The reply ends here. Takes the network's lock (LAT_RANK_APP). */
void lat_stream_end(struct lat_stream *stream);

struct lat_http;

struct lat_http_options {
    const char *listen;       /* "127.0.0.1:8080", "[::1]:0", port 0 picks one */
    unsigned network_threads; /* 0 = CPUs */
    unsigned workers;         /* threads that may wait for commits and batches */
    unsigned queue;           /* calls waiting for a worker before 429 */
    size_t max_body;          /* bytes; stream routes have no limit */
    unsigned max_connections;
    unsigned timeout_ms;   /* a request's deadline, and the longest silence of a sender: 408 */
    struct lat_keys *keys; /* borrowed; NULL: every route is open */
    struct lat_tls *tls;   /* borrowed; NULL: in the clear */
};

/* Listens and answers. `app` (may be NULL in tests: then always ready) says through
 * lat_app_state whether calls other than probes are let in. */
enum lat_status lat_http_start(struct lat_app *app, const struct lat_http_options *options,
                               const struct lat_routes *routes, struct lat_http **out_http,
                               struct lat_error *err) LAT_MUST_USE;
/* "127.0.0.1:43211": the address really listened on. */
const char *lat_http_address(const struct lat_http *http);
/* Waits until no call is running, at most `timeout_ms`; new ones are the caller's to refuse
 * (lat_app_state draining). Returns the calls still running. */
size_t lat_http_drain(struct lat_http *http, unsigned timeout_ms);
/* Breaks off streams, waits for the handlers that still run, closes every connection. */
void lat_http_stop(struct lat_http *http);

/* "0.9.75" */
const char *lat_http_library_version(void);

#endif
