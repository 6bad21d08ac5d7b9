/* One request and its reply inside the transport: the call the handler sees, and what the
 * network side keeps beside it. Internal to service/http*.c and exchange*.c; knows no
 * libmicrohttpd.
 *
 * Life. The network thread opens an exchange when the head is in and releases its reference
 * when the reply is sent or the client is gone. A streaming worker has a reference of its own,
 * because the client may go while it runs. Otherwise the connection stays parked while a worker
 * runs, and the network's reference is enough.
 *
 * Parking. The network thread parks a connection that must wait for a worker (suspends it); any
 * thread unparks it. An unpark that comes first is kept as a token, so none is lost; a wake too
 * many is harmless, for the network side looks at everything anew. */
#ifndef LAT_SERVICE_EXCHANGE_H
#define LAT_SERVICE_EXCHANGE_H

#include <stdatomic.h>

#include "base/sync.h"
#include "service/http.h"
#include "service/keys.h"
#include "service/router.h"
#include "service/watch.h"
#include "service/workers.h"

enum {
    LAT_REPLY_HEADERS = LAT_RESPONSE_HEADERS + 8,
    LAT_REQUEST_HEADERS_MAX = 128,    /* fields of a request */
    LAT_HEADER_BYTES_MAX = 32 * 1024, /* bytes of a request's head */
    LAT_QUERY_MAX = 256,              /* parameters of a query */
    LAT_PIPE_BYTES = 256 * 1024,      /* what waits in a stream */
    LAT_KEEP_BYTES = 64 * 1024,       /* buffers up to this size stay with the connection */
    LAT_COUNTED_STATUSES = 4
};

enum lat_stage {
    LAT_STAGE_READING,    /* the body is collected */
    LAT_STAGE_UPLOADING,  /* the body goes through call.body_pipe to a worker */
    LAT_STAGE_DISCARDING, /* the reply is made; what still comes in is thrown away */
    LAT_STAGE_AGAIN,      /* the handler is to be run once more, see call.again */
    LAT_STAGE_RUNNING,    /* a worker has it */
    LAT_STAGE_ANSWERED    /* the reply is made */
};

/* One connection: an exchange at a time. */
struct lat_conn {
    struct lat_watched watched;      /* first: the watch gets a pointer to it */
    struct lat_exchange *spare;      /* the last exchange, for the next request */
    struct lat_gathering *gathering; /* its thread's */
    const atomic_uint *neighbours;   /* connections its thread has, this one included */
};

struct lat_route_series {
    struct lat_series *seconds;
    struct {
        atomic_int status;
        _Atomic(struct lat_series *) series;
    } counted[LAT_COUNTED_STATUSES];
};

struct lat_http {
    struct lat_app *app;
    struct lat_http_options options;
    struct lat_routes routes;
    struct lat_router *router;
    struct lat_workers *workers;
    struct lat_watch *watch;
    struct lat_network *network; /* http_mhd.c's own */
    int listen_fd;
    char address[80];
    struct lat_route_series *series; /* one a route */
    struct lat_series *active_series;
    atomic_size_t active; /* exchanges open */
    atomic_bool draining; /* somebody waits for active == 0 */
    struct lat_mutex mutex;
    struct lat_cond idle;
    struct lat_exchange *streams; /* under mutex */
    bool stopping;                /* under mutex: no new streams */
    struct lat_series *unmatched_seconds;
};

struct lat_exchange {
    struct lat_call call; /* first */
    struct lat_http *http;
    struct lat_conn *conn; /* the network thread's, as is `connection`: */
    void *connection;      /* the library's handle, valid until the network's reference goes */
    size_t route_index;
    struct lat_header *headers; /* of the request */
    size_t n_headers;
    struct lat_header *query; /* as sent */
    size_t n_query;
    struct lat_parameter *parameters; /* the query decoded; as many */
    size_t n_parameters;              /* 0 until that is done */
    struct lat_buf body;
    uint64_t declared; /* Content-Length, UINT64_MAX when chunked */
    uint64_t discarded;
    bool has_body, waits_for_continue, close;
    bool unread;          /* the reply went out before the body had come in */
    enum lat_stage stage; /* the network thread's */
    struct lat_pipe *upload;
    _Atomic(struct lat_pipe *) download; /* the reply's body, once the worker has begun it */
    uint64_t queued_ns;
    atomic_int references;
    atomic_int parked; /* enum in exchange_run.c */
    bool with_worker;  /* a worker was given it: lat_exchange_is_done will come true */
    bool detached;     /* the worker's: the reply is somebody else's now */
    atomic_bool gone;  /* a streamed reply is not wanted any more */
    bool replied;      /* the library has the reply */
    struct lat_exchange *next, *previous; /* http->streams */
};

/* ---- exchange.c: opening, checking, releasing ---- */

/* A cleared exchange with one reference; NULL when out of memory. */
struct lat_exchange *lat_exchange_open(struct lat_http *http, struct lat_conn *conn,
                                       void *connection) LAT_MUST_USE;
/* Drops a reference. The network thread passes the connection, which keeps the memory for its
 * next request; a worker passes NULL. */
void lat_exchange_release(struct lat_exchange *exchange, struct lat_conn *conn);
void lat_conn_release(struct lat_conn *conn);

/* Everything that can be said of a request from its head alone; `headers` and `query` (raw)
 * must be there. A failure is what the client gets. */
enum lat_status lat_exchange_check(struct lat_exchange *exchange, const char *method,
                                   const char *url, size_t header_bytes,
                                   struct lat_error *err) LAT_MUST_USE;

/* ---- exchange_receive.c: the request as it comes in, on the network thread ---- */

/* What the network side is to do. */
enum lat_next {
    LAT_NEXT_WAIT,  /* nothing: more comes, or the exchange is parked */
    LAT_NEXT_REPLY, /* send the reply, which is made */
    LAT_NEXT_CLOSE  /* close the connection; what there was to say is said */
};

/* The head is in; `whole` is false when there was no memory for its headers and query. */
enum lat_next lat_exchange_begin(struct lat_exchange *exchange, const char *method,
                                 const char *url, size_t header_bytes, bool whole) LAT_MUST_USE;
/* Some of the body; *inout_left is what was not taken, to be offered again after an unpark. */
enum lat_next lat_exchange_receive(struct lat_exchange *exchange, const char *bytes,
                                   size_t *inout_left) LAT_MUST_USE;
/* The request is in. Also called again after each unpark. */
enum lat_next lat_exchange_proceed(struct lat_exchange *exchange) LAT_MUST_USE;
/* The library is through with it; `broken`: not because the reply was sent. Drops the network's
 * reference. */
void lat_exchange_complete(struct lat_exchange *exchange, bool broken);

/* ---- exchange_run.c, exchange_reply.c: the handler and the reply ---- */

/* Runs the handler here, or hands it to a worker (inline handlers that defer, and all others).
 * Afterwards the stage is ANSWERED, RUNNING: park, or AGAIN: yield. */
void lat_exchange_run(struct lat_exchange *exchange);
/* Comes back to the connection after all others that are ready now. */
void lat_exchange_yield(struct lat_exchange *exchange);
/* Starts a streaming handler on a worker, the body to come. Afterwards UPLOADING, or DISCARDING
 * with the failure as reply. */
void lat_exchange_stream(struct lat_exchange *exchange);

/* What a worker does with an exchange (lat_workers_new). */
void lat_exchange_work(void *exchange);

/* The reply is complete: settles its status, or makes it the problem for `err`. */
void lat_exchange_finish(struct lat_exchange *exchange, enum lat_status status,
                         const struct lat_error *err);
/* A failure at the top: one line in the log. */
void lat_exchange_log(const struct lat_exchange *exchange, const struct lat_error *err);
/* All headers of the reply, in the call's arena; their number. */
size_t lat_exchange_headers(struct lat_exchange *exchange,
                            struct lat_header out[LAT_REPLY_HEADERS]);
/* What a route is called in metrics: "GET /v1/models", "unmatched" for NULL. */
void lat_exchange_label(const struct lat_route *route, char *out, size_t size);
/* Metrics and log of an exchange that ended with `status`. */
void lat_exchange_count(struct lat_exchange *exchange, int status);

/* The network thread's; lat_exchange_unpark is any thread's. */
void lat_exchange_park(struct lat_exchange *exchange);
void lat_exchange_unpark(struct lat_exchange *exchange);
/* The worker has finished the reply and is through with the exchange. */
bool lat_exchange_is_done(struct lat_exchange *exchange);

/* The end of a detached reply; drops the reference of its holder. */
void lat_exchange_end_stream(struct lat_exchange *exchange);
/* Breaks off every stream and lets no new one begin. */
void lat_exchange_stop_streams(struct lat_http *http);

/* A problem for a client that the library cannot answer any more, straight to its socket.
 * `about` gives route and request id and may be NULL; it is only read. Best effort. */
void lat_exchange_send_problem(struct lat_http *http, const struct lat_exchange *about, int fd,
                               const struct lat_error *err);

/* ---- http_mhd.c ---- */

/* Starts answering on http->listen_fd, which it takes over. */
enum lat_status lat_mhd_start(struct lat_http *http, struct lat_error *err) LAT_MUST_USE;
/* Nothing may be parked any more. */
void lat_mhd_stop(struct lat_http *http);
void lat_mhd_suspend(void *connection);
/* Bytes past the library, straight to the client, as far as they fit; best effort. `connection`
 * may be NULL off the network thread: then an encrypted connection gets nothing. */
void lat_mhd_send(struct lat_http *http, void *connection, int fd, const void *bytes,
                  size_t len);
void lat_mhd_resume(void *connection);
const char *lat_mhd_reason(int status); /* "Not Found" */

#endif
