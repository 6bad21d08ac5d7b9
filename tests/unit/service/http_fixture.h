/* A small server for the tests of the transport: routes of every kind, a plain problem writer.
 */
#ifndef LAT_TESTS_HTTP_FIXTURE_H
#define LAT_TESTS_HTTP_FIXTURE_H

#include "service/http.h"
#include "tests/support/wire.h"

/* The rows:
 *   GET  /inline /worker /defer        {"on_worker":…}
 *   POST /echo (worker) /echo-inline   the body, as octet-stream
 *   GET  /params/{a}/{b}               [a,b,n of query pairs, value of ?q=]
 *   GET  /fail/{status}                fails with that enum lat_status
 *   POST /count                        stream: bytes and the sum of them, through a spool
 *   POST /refuse                       stream: fails without reading
 *   GET  /flow/{n}                     stream: n bytes; negative n: breaks off after -n
 *   GET  /wait                         worker: blocks until fixture_open_gate
 *   GET  /probe                        PROBE | INLINE
 *   GET  /admin                        scope admin */
extern const struct lat_routes fixture_routes;

struct fixture {
    struct lat_http *http;
    struct wire wire;
};

/* `change` may alter the options before the start; NULL for none. Aborts on failure. */
void fixture_start(struct fixture *fixture, void (*change)(struct lat_http_options *options));
void fixture_stop(struct fixture *fixture);

/* Lets every call of /wait go on; how many are waiting now. */
void fixture_open_gate(void);
void fixture_close_gate(void);
void fixture_await_waiting(unsigned n);

/* How the last streaming handler ended; blocks until one has ended since the last call. */
enum lat_status fixture_stream_ended(void);

#endif
