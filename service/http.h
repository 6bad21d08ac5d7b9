/* HTTP as the rest of the house sees it. http_mhd.c is the only file that knows libmicrohttpd.
 *
 * A handler gets a whole request (body read, capped) and fills a response; it never sees a socket.
 * Three ways to run, a flag of the route:
 *   inline  on the network thread: bounded, cheap, never blocks (probes, a search from memory);
 *           it may answer LAT_BUSY-free "not here" by returning with call->defer set, and is then run
 *           again on a worker;
 *   worker  on a worker thread, the connection suspended meanwhile (the default);
 *   stream  on a worker, while the body is still coming in (import) or going out (export, events),
 *           through a bounded pipe.
 *
 * Memory of a call lives in its arena and dies with the call. */
#ifndef LAT_SERVICE_HTTP_H
#define LAT_SERVICE_HTTP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"

struct lat_app;
struct lat_pipe;
struct lat_call;

enum lat_method_bits { LAT_GET = 1, LAT_HEAD = 2, LAT_PUT = 4, LAT_POST = 8, LAT_PATCH = 16, LAT_DELETE = 32 };
enum lat_scope { LAT_SCOPE_NONE, LAT_SCOPE_READ, LAT_SCOPE_WRITE, LAT_SCOPE_ADMIN };
enum lat_route_flags { LAT_ROUTE_INLINE = 1, LAT_ROUTE_STREAM = 2, LAT_ROUTE_PROBE = 4 /* no key, also while draining */ };
enum lat_timing { LAT_TIMING_PARSE, LAT_TIMING_DECODE, LAT_TIMING_QUEUE, LAT_TIMING_INFER, LAT_TIMING_INDEX,
                  LAT_TIMING_DB, LAT_TIMING_COUNT };

/* A handler fills call->response and returns LAT_OK, or returns a failure, which becomes a problem
 * body (RFC 9457). */
typedef enum lat_status lat_handler(struct lat_call *call, struct lat_error *err);

/* One row of the route table (api/routes.c). Segments in braces match one percent-decoded path
 * segment and are read by lat_call_param in order. HEAD is answered by the GET row. */
struct lat_route {
    unsigned method;      /* one of lat_method_bits */
    const char *path;     /* "/v1/collections/{c}/items/{id}" */
    lat_handler *handler;
    enum lat_scope scope;
    unsigned flags;
    const char *summary;  /* for the OpenAPI document and the tests that compare the two */
};

struct lat_header { const char *name, *value; }; /* in the call's arena */

struct lat_response {
    int status;                  /* 200 when left 0 and a body is there, else 204 */
    const char *content_type;    /* static or arena; NULL = application/json */
    struct lat_buf body;         /* owned; handed to the network without a copy */
    struct lat_pipe *pipe;       /* stream routes: the body comes from here instead */
    struct lat_header headers[16];
    size_t n_headers;
};

struct lat_call {
    struct lat_app *app;
    const struct lat_route *route;
    struct lat_arena arena;
    unsigned method;
    const char *path;            /* as sent, still encoded */
    const char *params[4];       /* decoded path segments, NUL-terminated, checked UTF-8 without NUL */
    size_t param_lens[4];
    size_t n_params;
    const char *body;            /* whole body, NUL-terminated; "" if none */
    size_t body_len;
    struct lat_pipe *body_pipe;  /* stream routes: the body as it comes in; NULL otherwise */
    char request_id[132];
    uint64_t started_ns, deadline_ns;
    uint64_t timing_ns[LAT_TIMING_COUNT];
    bool defer;                  /* an inline handler asks to be run on a worker */
    bool on_worker;
    char model[160];             /* "name@version" for X-Model, "" if no model took part */
    struct lat_response response;
    void *transport;             /* http_mhd.c's own */
};

/* Borrowed; NULL when absent. Query values are percent-decoded; names are matched exactly. */
const char *lat_call_query(const struct lat_call *call, const char *name);
/* Calls `visit` for each query parameter, so that unknown ones can be refused. */
void lat_call_each_query(const struct lat_call *call,
                         void (*visit)(void *context, const char *name, const char *value), void *context);
const char *lat_call_header(const struct lat_call *call, const char *name); /* case-insensitive */

/* Adds a response header; both are copied into the arena. */
void lat_call_respond_header(struct lat_call *call, const char *name, const char *fmt, ...) LAT_PRINTF(3, 4);

/* A bounded byte pipe between a network thread (which never blocks on it) and a worker (which does).
 * Reading side and writing side may be on different threads; `on_ready` of the network side resumes
 * its connection. */
struct lat_pipe *lat_pipe_new(size_t capacity, void (*on_ready)(void *context), void *context) LAT_MUST_USE;
void lat_pipe_free(struct lat_pipe *pipe);
/* Blocking side. Write: LAT_CANCELLED when the reader has gone. Read: *out_n == 0 at the end;
 * LAT_CANCELLED when the writer broke off, LAT_TIMEOUT past the deadline. */
enum lat_status lat_pipe_write(struct lat_pipe *pipe, const void *bytes, size_t n, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_pipe_read(struct lat_pipe *pipe, void *bytes, size_t capacity, uint64_t deadline_ns,
                              size_t *out_n, struct lat_error *err) LAT_MUST_USE;
/* Non-blocking side: bytes moved, 0 when it must wait for on_ready. */
size_t lat_pipe_offer(struct lat_pipe *pipe, const void *bytes, size_t n);
size_t lat_pipe_take(struct lat_pipe *pipe, void *bytes, size_t capacity, bool *out_ended);
void lat_pipe_end(struct lat_pipe *pipe);    /* writer: no more bytes */
void lat_pipe_abort(struct lat_pipe *pipe);  /* either side: broken off */

struct lat_http;
struct lat_http_options {
    const char *listen;          /* "127.0.0.1:8080", "[::1]:0", port 0 picks one */
    unsigned network_threads;    /* 0 = CPUs */
    unsigned workers;            /* threads that may wait for commits and batches */
    unsigned queue;              /* calls waiting for a worker before 429 */
    size_t max_body;
    unsigned max_connections;
    unsigned timeout_ms;         /* a request's deadline, and the longest silence of a sender: 408 */
};
enum lat_status lat_http_start(struct lat_app *app, const struct lat_http_options *options,
                               const struct lat_route *routes, size_t n_routes,
                               struct lat_http **out_http, struct lat_error *err) LAT_MUST_USE;
/* "127.0.0.1:43211": the address really listened on. */
const char *lat_http_address(const struct lat_http *http);
/* Stops accepting; running calls finish (at most `timeout_ms`); then everything closes. */
void lat_http_drain(struct lat_http *http, unsigned timeout_ms);
void lat_http_stop(struct lat_http *http);

/* Supplied by api/: turns a failure into a problem body in call->response. */
typedef void lat_problem_writer(struct lat_call *call, const struct lat_error *err);
void lat_http_set_problem_writer(lat_problem_writer *writer);

#endif
