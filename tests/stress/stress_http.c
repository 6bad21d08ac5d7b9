/* The transport under everything at once: clients that are kind, hasty, gone in the middle, and
 * streams both ways, while the server is stopped and started under them. Meant for
 * ThreadSanitizer; a plain program, because Criterion does not survive it. Exit status 0 when
 * every reply that came whole was the right one and every handler that began has ended. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/rng.h"
#include "service/http.h"
#include "tests/support/wire.h"

enum { ROUNDS = 6, CLIENTS = 8, REQUESTS = 150, FLOW_BYTES = 600000, UPLOAD_BYTES = 700000 };

static atomic_int begun, finished, wrong, whole, lost;
static atomic_bool stopping; /* under the clients: cut off replies are to be expected */

static enum lat_status answer(struct lat_call *call, struct lat_error *err)
{
    (void)err;
    atomic_fetch_add(&begun, 1);
    lat_buf_append(&call->response.body, call->body, call->body_len);
    lat_buf_text(&call->response.body, "!");
    atomic_fetch_add(&finished, 1);
    return LAT_OK;
}

static enum lat_status answer_later(struct lat_call *call, struct lat_error *err)
{
    call->defer = !call->on_worker;
    return call->on_worker ? answer(call, err) : LAT_OK;
}

static enum lat_status take_upload(struct lat_call *call, struct lat_error *err)
{
    char part[5000];
    size_t n = call->body_pipe ? 1 : 0, total = 0;
    atomic_fetch_add(&begun, 1);
    enum lat_status status = lat_spool_new("/tmp", 100, &call->response.spool, err);
    while (status == LAT_OK && n) {
        status = lat_pipe_read(call->body_pipe, part, sizeof(part), UINT64_MAX, &n, err);
        total += status == LAT_OK ? n : 0;
    }
    const int len = snprintf(part, sizeof(part), "%zu", total);
    if (status == LAT_OK)
        status = lat_spool_write(call->response.spool, part, (size_t)len, err);
    atomic_fetch_add(&finished, 1);
    return status;
}

static enum lat_status give_flow(struct lat_call *call, struct lat_error *err)
{
    struct lat_pipe *pipe = NULL;
    char part[3000];
    memset(part, 'f', sizeof(part));
    atomic_fetch_add(&begun, 1);
    enum lat_status status = lat_call_stream(call, &pipe, err);
    for (int sent = 0; status == LAT_OK && sent < FLOW_BYTES; sent += (int)sizeof(part))
        status = lat_pipe_write(pipe, part, sizeof(part), err);
    atomic_fetch_add(&finished, 1);
    return status;
}

static void write_problem(struct lat_call *call, const struct lat_error *err)
{
    call->response.status = err->status == LAT_BUSY ? 429 : 503;
    lat_buf_text(&call->response.body, err->code);
}

static const struct lat_route rows[] = {
    {LAT_POST, "/inline", answer, LAT_SCOPE_NONE, LAT_ROUTE_INLINE, ""},
    {LAT_POST, "/worker", answer, LAT_SCOPE_NONE, 0, ""},
    {LAT_POST, "/later", answer_later, LAT_SCOPE_NONE, LAT_ROUTE_INLINE, ""},
    {LAT_POST, "/upload", take_upload, LAT_SCOPE_NONE, LAT_ROUTE_STREAM, ""},
    {LAT_GET, "/flow", give_flow, LAT_SCOPE_NONE, LAT_ROUTE_STREAM, ""},
};

/* One request; what is wrong with its reply is counted. */
static void ask(struct wire *wire, struct lat_rng *rng, char *body)
{
    static const char *const small[] = {"/inline", "/worker", "/later"};
    const uint64_t kind = lat_rng_below(rng, 10);
    const bool upload = kind == 8, flow = kind == 9;
    const size_t len = upload ? UPLOAD_BYTES : lat_rng_below(rng, 3000);
    const int status = flow ? wire_request(wire, "GET", "/flow", NULL, NULL, 0)
                            : wire_request(wire, "POST", upload ? "/upload" : small[kind % 3],
                                           NULL, body, len);
    if (status == 0 && !atomic_load(&stopping))
        atomic_fetch_add(&lost, 1);
    if (status != 200)
        return;
    atomic_fetch_add(&whole, 1);
    const bool right = flow     ? wire->body_len == FLOW_BYTES
                       : upload ? strtoull(wire->body, NULL, 10) == len
                                : wire->body_len == len + 1 && wire->body[len] == '!';
    if (!right) {
        fprintf(stderr, "kind %d: %zu bytes for %zu\n", (int)kind, wire->body_len, len);
        atomic_fetch_add(&wrong, 1);
    }
}

/* Sends some of a request, perhaps reads some of the reply, and goes. */
static void leave_early(struct wire *wire, struct lat_rng *rng)
{
    static const char *const texts[] = {
        "GET /flow HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nsome of it",
        "POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc",
        "POST /worker HTTP/1.1\r\nHo",
        "POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc",
    };
    const char *text = texts[lat_rng_below(rng, LAT_ARRAY_LEN(texts))];
    char some[500];
    wire_close(wire);
    if (!wire_connect(wire) || !wire_send(wire, text, strlen(text)))
        return;
    if (lat_rng_below(rng, 2))
        (void)!recv(wire->fd, some, sizeof(some), MSG_DONTWAIT);
    wire_close(wire);
}

struct client {
    pthread_t thread;
    uint16_t port;
    uint64_t seed;
};

static void *run_client(void *argument)
{
    const struct client *client = argument;
    struct wire wire = {.fd = -1, .port = client->port, .timeout_ms = 20000};
    struct lat_rng rng;
    char *body = lat_alloc(UPLOAD_BYTES, 1);
    lat_rng_seed(&rng, client->seed);
    for (int i = 0; body && i < REQUESTS; i++) {
        if (lat_rng_below(&rng, 8) == 0)
            leave_early(&wire, &rng);
        else
            ask(&wire, &rng, body);
    }
    wire_release(&wire);
    lat_free(body);
    return NULL;
}

static int run_round(int round)
{
    static const struct lat_routes routes = {
        .rows = rows, .n = LAT_ARRAY_LEN(rows), .problem = write_problem};
    const struct lat_http_options options = {
        .listen = "127.0.0.1:0",
        .network_threads = 2,
        .workers = 6,
        .queue = 4,
        .max_body = 1 << 20,
        .max_connections = 100,
        .timeout_ms = 2000,
    };
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_http *http = NULL;
    struct client clients[CLIENTS];
    if (lat_http_start(NULL, &options, &routes, &http, &err) != LAT_OK) {
        fprintf(stderr, "start: %s\n", err.message);
        return 1;
    }
    const uint16_t port = (uint16_t)strtoul(strrchr(lat_http_address(http), ':') + 1, NULL, 10);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].port = port;
        clients[i].seed = (uint64_t)(round * CLIENTS + i);
        if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
            abort();
    }
    /* Odd rounds stop under full load: some replies have come, many have not. */
    atomic_store(&stopping, false);
    const int before = atomic_load(&whole);
    while (round % 2 && atomic_load(&whole) < before + CLIENTS * REQUESTS / 10)
        sched_yield();
    atomic_store(&stopping, round % 2);
    if (round % 2)
        lat_http_stop(http);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    if (round % 2 == 0) {
        lat_http_drain(http, 10000);
        lat_http_stop(http);
    }
    return 0;
}

int main(void)
{
    int status = 0;
    for (int round = 0; round < ROUNDS && status == 0; round++)
        status = run_round(round);
    printf("%d replies, %d wrong, %d lost, %d handlers, %d ended\n", whole, wrong, lost, begun,
           finished);
    return status || wrong || lost || begun != finished || whole == 0;
}
