#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/urgency.h"

#include "base/banned.h"

enum { CONNECTIONS = 16, EVENTS = 64, WAIT_MS = 100, IN_SIZE = 64 * 1024, FINENESS = 32 };

struct connection {
    int fd;
    const char *out; /* what is left to send */
    size_t out_len;
    char *in; /* the reply so far: its head, until that is whole */
    size_t in_len;
    size_t rest; /* bytes of the body still to come */
    bool in_body;
    int status;
    uint64_t sent_ns;
};

struct run {
    const struct load_requests *requests;
    const struct load_options *options;
    struct load_result *result;
    struct load_histogram histogram;
    int epoll;
    size_t next;
    uint64_t started, count_from, until;
    uint64_t issued;
    double max_us;
};

void load_add(struct load_requests *requests, const char *method, const char *path,
              const char *type, const void *body, size_t len)
{
    if (requests->n + 2 > requests->capacity) {
        const size_t capacity = requests->capacity ? requests->capacity * 2 : 64;
        size_t *starts = lat_realloc(requests->starts, capacity, sizeof(*starts));
        if (!starts)
            abort();
        requests->starts = starts;
        requests->capacity = capacity;
    }
    requests->starts[requests->n++] = requests->bytes.len;
    lat_buf_printf(&requests->bytes, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path);
    if (type)
        lat_buf_printf(&requests->bytes, "Content-Type: %s\r\n", type);
    if (body)
        lat_buf_printf(&requests->bytes, "Content-Length: %zu\r\n", len);
    lat_buf_text(&requests->bytes, "\r\n");
    lat_buf_append(&requests->bytes, body ? body : "", len);
    requests->starts[requests->n] = requests->bytes.len;
    if (requests->bytes.status != LAT_OK)
        abort();
}

void load_release(struct load_requests *requests)
{
    lat_buf_release(&requests->bytes);
    lat_free(requests->starts);
    *requests = (struct load_requests){0};
}

/* ---- latencies ---- */

static void observe(struct run *run, uint64_t ns)
{
    const double us = (double)ns / 1e3;
    const double place = us <= 1 ? 0 : log2(us) * FINENESS;
    run->histogram.counts[place < LOAD_BUCKETS - 1 ? (size_t)place : LOAD_BUCKETS - 1]++;
    run->histogram.n++;
    if (us > run->max_us)
        run->max_us = us;
}

/* The middle, in the geometric sense, of the bucket that the quantile falls into. */
static double quantile(const struct load_histogram *histogram, double q)
{
    const uint64_t want = (uint64_t)ceil(q * (double)histogram->n);
    uint64_t seen = 0;
    for (size_t i = 0; i < LOAD_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= want && seen > 0)
            return exp2(((double)i + 0.5) / FINENESS);
    }
    return 0;
}

/* ---- one connection ---- */

static void watch(struct run *run, struct connection *c, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    (void)epoll_ctl(run->epoll, how, c->fd, &event);
}

static bool begin(struct run *run, struct connection *c)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(run->options->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        run->result->broken++;
        return false;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(run, c, EPOLL_CTL_ADD, EPOLLIN);
    return true;
}

static void drop(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* Sends what is left; false when the peer is gone. A full socket is watched until it drains. */
static bool push(struct run *run, struct connection *c)
{
    while (c->out_len > 0) {
        const ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(run, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return true;
        }
        if (n <= 0)
            return false;
        c->out += n;
        c->out_len -= (size_t)n;
    }
    return true;
}

/* The next request; false when the run is over for this connection. */
static bool issue(struct run *run, struct connection *c)
{
    const struct load_options *o = run->options;
    const struct load_requests *r = run->requests;
    if ((o->limit && run->issued >= o->limit) || (o->stop && atomic_load(o->stop)))
        return false;
    const size_t i = run->next++ % r->n;
    run->issued++;
    c->out = r->bytes.data + r->starts[i];
    c->out_len = r->starts[i + 1] - r->starts[i];
    c->in_len = 0;
    c->in_body = false;
    c->sent_ns = lat_clock_ns();
    return push(run, c);
}

/* The head in `in`, if it is whole: status and the bytes still to come. */
static bool read_head(struct connection *c)
{
    char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    size_t len = 0;
    if (!end)
        return false;
    *end = '\0';
    c->status = c->in_len > 12 ? (int)strtol(c->in + 9, NULL, 10) : 0;
    for (const char *line = strstr(c->in, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0)
            len = strtoul(line + 17, NULL, 10);
    const size_t got = c->in_len - (size_t)(end + 4 - c->in);
    c->rest = len > got ? len - got : 0;
    c->in_body = true;
    return true;
}

static void finish(struct run *run, struct connection *c)
{
    const uint64_t now = lat_clock_ns();
    if (c->sent_ns < run->count_from)
        return;
    run->result->n++;
    if (c->status < 200 || c->status > 299) {
        run->result->failed++;
        if (!run->result->first_status)
            run->result->first_status = c->status;
    }
    observe(run, now - c->sent_ns);
}

/* Reads what is there; true when a reply is whole. *out_gone: the connection has ended. */
static bool pull(struct connection *c, bool *out_gone)
{
    static _Thread_local char sink[IN_SIZE];
    for (;;) {
        char *to = c->in_body ? sink : c->in + c->in_len;
        const size_t room =
            c->in_body ? (c->rest < IN_SIZE ? c->rest : IN_SIZE) : IN_SIZE - 1 - c->in_len;
        if (c->in_body && c->rest == 0)
            return true;
        const ssize_t n = recv(c->fd, to, room, 0);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            *out_gone = true;
            return false;
        }
        if (c->in_body) {
            c->rest -= (size_t)n;
        } else {
            c->in_len += (size_t)n;
            (void)read_head(c);
        }
    }
}

/* True while the connection has a request under way. */
static bool step(struct run *run, struct connection *c, uint32_t events)
{
    bool gone = false;
    if (events & EPOLLOUT) {
        watch(run, c, EPOLL_CTL_MOD, EPOLLIN);
        gone = !push(run, c);
    }
    if (!gone && pull(c, &gone)) {
        finish(run, c);
        if (issue(run, c))
            return true;
        drop(c);
        return false;
    }
    if (!gone)
        return true;
    run->result->broken++;
    drop(c);
    return begin(run, c) && issue(run, c);
}

/* ---- the run ---- */

static void loop(struct run *run, unsigned active)
{
    struct epoll_event events[EVENTS];
    while (active > 0) {
        const int n = epoll_wait(run->epoll, events, EVENTS, WAIT_MS);
        for (int i = 0; i < n; i++)
            if (!step(run, events[i].data.ptr, events[i].events))
                active--;
        const bool stopped = run->options->stop && atomic_load(run->options->stop);
        if (stopped || (run->until && lat_clock_ns() >= run->until))
            return;
    }
}

void load_run(const struct load_requests *requests, const struct load_options *options,
              struct load_result *out_result)
{
    const unsigned n = options->connections ? options->connections : CONNECTIONS;
    struct connection *connections = lat_alloc(n, sizeof(*connections));
    struct run run = {.requests = requests,
                      .options = options,
                      .result = out_result,
                      .epoll = epoll_create1(EPOLL_CLOEXEC),
                      .started = lat_clock_ns()};
    unsigned active = 0;
    lat_urgency_set(LAT_PROMPT); /* what waits for this thread is no latency of the server's */
    if (!connections || run.epoll < 0)
        abort();
    *out_result = (struct load_result){0};
    run.count_from = run.started + (uint64_t)(options->warmup * 1e9);
    if (options->seconds > 0)
        run.until = run.count_from + (uint64_t)(options->seconds * 1e9);
    for (unsigned i = 0; i < n; i++) {
        connections[i].fd = -1;
        connections[i].in = lat_alloc_raw(1, IN_SIZE);
        if (!connections[i].in)
            abort();
        if (begin(&run, &connections[i]) && issue(&run, &connections[i]))
            active++;
    }
    loop(&run, active);
    out_result->seconds = (double)(lat_clock_ns() - run.count_from) / 1e9;
    out_result->rate = (double)out_result->n / out_result->seconds;
    out_result->p50_us = quantile(&run.histogram, 0.5);
    out_result->p99_us = quantile(&run.histogram, 0.99);
    out_result->max_us = run.max_us;
    for (unsigned i = 0; i < n; i++) {
        drop(&connections[i]);
        lat_free(connections[i].in);
    }
    close(run.epoll);
    lat_free(connections);
}
