#include "tests/unit/service/http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "tests/support/support.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static unsigned waiting;
static bool ended;
static enum lat_status ended_with;

static void note_end(enum lat_status status)
{
    pthread_mutex_lock(&mutex);
    ended = true;
    ended_with = status;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

enum lat_status fixture_stream_ended(void)
{
    pthread_mutex_lock(&mutex);
    while (!ended)
        pthread_cond_wait(&changed, &mutex);
    ended = false;
    const enum lat_status status = ended_with;
    pthread_mutex_unlock(&mutex);
    return status;
}

void fixture_open_gate(void)
{
    pthread_mutex_lock(&mutex);
    gate_open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

void fixture_close_gate(void)
{
    pthread_mutex_lock(&mutex);
    gate_open = false;
    pthread_mutex_unlock(&mutex);
}

void fixture_await_waiting(unsigned n)
{
    pthread_mutex_lock(&mutex);
    while (waiting < n)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static enum lat_status answer_where(struct lat_call *call, struct lat_error *err)
{
    (void)err;
    lat_buf_printf(&call->response.body, "{\"on_worker\":%s}",
                   call->on_worker ? "true" : "false");
    return LAT_OK;
}

static enum lat_status answer_defer(struct lat_call *call, struct lat_error *err)
{
    call->defer = !call->on_worker;
    return call->on_worker ? answer_where(call, err) : LAT_OK;
}

static enum lat_status answer_echo(struct lat_call *call, struct lat_error *err)
{
    (void)err;
    call->response.content_type = "application/octet-stream";
    lat_buf_append(&call->response.body, call->body, call->body_len);
    return LAT_OK;
}

static void count_pair(void *context, const struct lat_parameter *parameter)
{
    (void)parameter;
    (*(int *)context)++;
}

static enum lat_status answer_params(struct lat_call *call, struct lat_error *err)
{
    (void)err;
    int pairs = 0;
    const char *q = lat_call_query(call, "q");
    lat_call_each_query(call, count_pair, &pairs);
    struct lat_buf *out = &call->response.body;
    lat_buf_char(out, '[');
    lat_buf_json_string(out, call->params[0], call->param_lens[0]);
    lat_buf_char(out, ',');
    lat_buf_json_string(out, call->params[1], call->param_lens[1]);
    lat_buf_printf(out, ",%d,", pairs);
    lat_buf_json_string(out, q ? q : "(none)", strlen(q ? q : "(none)"));
    lat_buf_char(out, ']');
    lat_call_respond_header(call, "X-Sent", "%s",
                            lat_call_header(call, "x-SENT") ? "yes" : "no");
    return LAT_OK;
}

static enum lat_status answer_fail(struct lat_call *call, struct lat_error *err)
{
    lat_buf_text(&call->response.body, "must not be seen");
    return lat_fail(err, (enum lat_status)strtol(call->params[0], NULL, 10), NULL, "asked for");
}

static enum lat_status count_upload(struct lat_call *call, struct lat_error *err)
{
    unsigned long long bytes = 0, sum = 0;
    unsigned char part[1000];
    char line[96];
    size_t n = call->body_pipe ? 1 : 0;
    enum lat_status status = lat_spool_new(test_folder(), 1000, &call->response.spool, err);
    while (status == LAT_OK && n) {
        status = lat_pipe_read(call->body_pipe, part, sizeof(part), UINT64_MAX, &n, err);
        for (size_t i = 0; status == LAT_OK && i < n; i++)
            sum += part[i];
        bytes += status == LAT_OK ? n : 0;
        if (status == LAT_OK && n && bytes % 7 == 0)
            status = lat_spool_write(call->response.spool, "line\n", 5, err);
    }
    snprintf(line, sizeof(line), "bytes %llu sum %llu\n", bytes, sum);
    if (status == LAT_OK)
        status = lat_spool_write(call->response.spool, line, strlen(line), err);
    note_end(status);
    return status;
}

static enum lat_status refuse_upload(struct lat_call *call, struct lat_error *err)
{
    (void)call;
    note_end(LAT_INVALID);
    return lat_fail(err, LAT_INVALID, NULL, "refused at once");
}

static enum lat_status flow(struct lat_call *call, struct lat_error *err)
{
    long n = strtol(call->params[0], NULL, 10);
    const bool breaks = n < 0;
    struct lat_pipe *pipe = NULL;
    char part[4096];
    call->response.content_type = "application/octet-stream";
    enum lat_status status = lat_call_stream(call, &pipe, err);
    for (n = labs(n); status == LAT_OK && n > 0; n -= (long)sizeof(part)) {
        memset(part, 'a' + (int)(n % 26), sizeof(part));
        const size_t len = n < (long)sizeof(part) ? (size_t)n : sizeof(part);
        status = lat_pipe_write(pipe, part, len, err);
    }
    if (status == LAT_OK && breaks)
        status = lat_fail(err, LAT_IO, NULL, "asked to break off");
    note_end(status);
    return status;
}

static enum lat_status answer_wait(struct lat_call *call, struct lat_error *err)
{
    pthread_mutex_lock(&mutex);
    waiting++;
    pthread_cond_broadcast(&changed);
    while (!gate_open)
        pthread_cond_wait(&changed, &mutex);
    waiting--;
    pthread_mutex_unlock(&mutex);
    return answer_where(call, err);
}

static void write_problem(struct lat_call *call, const struct lat_error *err)
{
    static const int statuses[LAT_STATUS_COUNT] = {
        [LAT_BAD_SYNTAX] = 400,  [LAT_INVALID] = 422,   [LAT_UNAUTHORIZED] = 401,
        [LAT_FORBIDDEN] = 403,   [LAT_NOT_FOUND] = 404, [LAT_NOT_ALLOWED] = 405,
        [LAT_TIMEOUT] = 408,     [LAT_TOO_LARGE] = 413, [LAT_BUSY] = 429,
        [LAT_UNAVAILABLE] = 503,
    };
    const int status = statuses[err->status];
    call->response.status = status ? status : 500;
    call->response.content_type = "application/problem+json";
    lat_buf_printf(&call->response.body, "{\"code\":\"%s\",\"request_id\":\"%s\"}", err->code,
                   call->request_id);
}

static const struct lat_route rows[] = {
    {LAT_GET, "/inline", answer_where, LAT_SCOPE_READ, LAT_ROUTE_INLINE, ""},
    {LAT_GET, "/worker", answer_where, LAT_SCOPE_READ, 0, ""},
    {LAT_GET, "/defer", answer_defer, LAT_SCOPE_READ, LAT_ROUTE_INLINE, ""},
    {LAT_POST, "/echo", answer_echo, LAT_SCOPE_WRITE, 0, ""},
    {LAT_POST, "/echo-inline", answer_echo, LAT_SCOPE_WRITE, LAT_ROUTE_INLINE, ""},
    {LAT_GET, "/params/{a}/{b}", answer_params, LAT_SCOPE_READ, LAT_ROUTE_INLINE, ""},
    {LAT_GET, "/fail/{status}", answer_fail, LAT_SCOPE_READ, 0, ""},
    {LAT_POST, "/count", count_upload, LAT_SCOPE_WRITE, LAT_ROUTE_STREAM, ""},
    {LAT_POST, "/refuse", refuse_upload, LAT_SCOPE_WRITE, LAT_ROUTE_STREAM, ""},
    {LAT_GET, "/flow/{n}", flow, LAT_SCOPE_READ, LAT_ROUTE_STREAM, ""},
    {LAT_GET, "/wait", answer_wait, LAT_SCOPE_READ, 0, ""},
    {LAT_GET, "/probe", answer_where, LAT_SCOPE_NONE, LAT_ROUTE_PROBE | LAT_ROUTE_INLINE, ""},
    {LAT_GET, "/admin", answer_where, LAT_SCOPE_ADMIN, 0, ""},
};
const struct lat_routes fixture_routes = {
    .rows = rows, .n = LAT_ARRAY_LEN(rows), .problem = write_problem};

static uint16_t port_of(const struct fixture *fixture)
{
    return (uint16_t)strtoul(strrchr(lat_http_address(fixture->http), ':') + 1, NULL, 10);
}

void fixture_start(struct fixture *fixture, void (*change)(struct lat_http_options *options))
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_http_options options = {
        .listen = "127.0.0.1:0",
        .network_threads = 2,
        .workers = 4,
        .queue = 16,
        .max_body = 100000,
        .max_connections = 64,
        .timeout_ms = 30000,
    };
    if (change)
        change(&options);
    gate_open = true;
    if (lat_http_start(NULL, &options, &fixture_routes, &fixture->http, &err) != LAT_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    fixture->wire = (struct wire){.fd = -1, .port = port_of(fixture)};
}

void fixture_stop(struct fixture *fixture)
{
    wire_release(&fixture->wire);
    lat_http_stop(fixture->http);
    fixture->http = NULL;
}
