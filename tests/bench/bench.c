#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/floats.h"
#include "base/clock.h"

#include "base/banned.h"

enum { BATCH = 1000, SETTLE_S = 600, STOP_MS = 120000, QUIET_ROUNDS = 5 };

static struct server *running; /* for bench_die */

size_t bench_size(size_t full, size_t quick)
{
    const char *wish = getenv("BENCH_QUICK");
    return wish && *wish && *wish != '0' ? quick : full;
}

double bench_seconds(double full, double quick)
{
    return bench_size(1, 0) ? full : quick;
}

void bench_say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

_Noreturn void bench_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    if (running)
        server_kill(running);
    test_folder_leave();
    exit(1);
}

void bench_begin(struct server *server, const char *models, const char *const *options)
{
    if (access(server_program(), X_OK) != 0)
        bench_die("no program %s", server_program());
    test_folder_enter();
    server_start(server, test_path("data"), models ? models : test_path("models"), options);
    running = server;
}

void bench_end(struct server *server)
{
    const int status = server_stop(server, STOP_MS);
    running = NULL;
    if (status != 0)
        bench_die("the server ends with status %d", status);
    test_folder_leave();
}

void bench_ask(struct wire *wire, const char *method, const char *path, const char *type,
               const void *body, size_t len, int want)
{
    const int status = wire_request(wire, method, path, type, body, len);
    if (status != want)
        bench_die("%s %s: %d, not %d: %.600s", method, path, status, want,
                  status ? wire->body : "");
}

json_t *bench_get(struct wire *wire, const char *path)
{
    bench_ask(wire, "GET", path, NULL, NULL, 0, 200);
    json_t *reply = json_loadb(wire->body, wire->body_len, 0, NULL);
    if (!reply)
        bench_die("GET %s: no JSON", path);
    return reply;
}

void bench_collection(struct wire *wire, const char *name, const char *settings)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/collections/%s", name);
    bench_ask(wire, "PUT", path, NULL, settings, strlen(settings), 201);
}

void bench_train(struct wire *wire, const char *body)
{
    char path[160];
    bench_ask(wire, "POST", "/v1/jobs", "application/json", body, strlen(body), 202);
    json_t *job = json_loadb(wire->body, wire->body_len, 0, NULL);
    snprintf(path, sizeof(path), "/v1/jobs/%s", json_string_value(json_object_get(job, "id")));
    json_decref(job);
    char events[176];
    snprintf(events, sizeof(events), "%s/events", path);
    bench_ask(wire, "GET", events, NULL, NULL, 0, 200); /* this reply ends with the job */
    job = bench_get(wire, path);
    const char *state = json_string_value(json_object_get(job, "state"));
    if (strcmp(state, "done") != 0)
        bench_die("the training is %s", state);
    json_decref(job);
}

void bench_must(enum lat_status status, const struct lat_error *err)
{
    if (status != LAT_OK)
        bench_die("%s", err->message);
}

void bench_put_codes(struct wire *wire, const char *collection, const float *rows, size_t n,
                     size_t d, size_t first)
{
    struct lat_buf body = {0};
    char path[128];
    snprintf(path, sizeof(path), "/v1/collections/%s/items", collection);
    for (size_t done = 0; done < n;) {
        const size_t end = n - done < BATCH ? n : done + BATCH;
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"encoding\":\"base64\",\"items\":[");
        for (size_t i = done; i < end; i++) {
            lat_buf_printf(&body, "%s{\"id\":\"%09zu\",\"code\":\"", i > done ? "," : "",
                           first + i);
            lat_base64_encode(&body, rows + i * d, d * sizeof(float));
            lat_buf_text(&body, "\"}");
        }
        lat_buf_text(&body, "]}");
        bench_ask(wire, "PUT", path, NULL, body.data, body.len, 200);
        done = end;
    }
    lat_buf_release(&body);
}

static bool index_ready(struct wire *wire, const char *collection)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/collections/%s", collection);
    json_t *reply = bench_get(wire, path);
    const char *state =
        json_string_value(json_object_get(json_object_get(reply, "index"), "state"));
    const bool ready = state && strcmp(state, "ready") == 0;
    json_decref(reply);
    return ready;
}

/* Rows that are searchable already may still be on their way into the graph: that is over when
 * the server does nothing any more. */
void bench_settle(const struct server *server, struct wire *wire, const char *collection)
{
    const struct timespec pause = {.tv_nsec = 100 * (long)LAT_NS_PER_MS};
    const uint64_t deadline = lat_clock_ns() + SETTLE_S * LAT_NS_PER_S;
    for (int quiet = 0; quiet < QUIET_ROUNDS;) {
        const double before = server_cpu(server);
        nanosleep(&pause, NULL);
        const bool idle = server_cpu(server) - before < 0.015;
        quiet = idle && index_ready(wire, collection) ? quiet + 1 : 0;
        if (lat_clock_ns() > deadline)
            bench_die("the index of %s does not come to rest", collection);
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return values[n / 2];
}

/* Five digits are more than any of this is good for. */
static json_t *number(double value)
{
    if (value == 0 || !isfinite(value))
        return json_real(0);
    const double unit = pow(10, floor(log10(fabs(value))) - 4);
    return json_real(round(value / unit) * unit);
}

void bench_set(json_t *object, const char *name, double value)
{
    json_object_set_new(object, name, number(value));
}

json_t *bench_row(double ratio, double limit, bool at_most)
{
    json_t *row = json_object();
    bench_set(row, "ratio", ratio);
    bench_set(row, "limit", limit);
    if (at_most)
        json_object_set_new(row, "at_most", json_true());
    return row;
}

void bench_print(json_t *results)
{
    if (json_dumpf(results, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0)
        abort();
    putchar('\n');
    json_decref(results);
    fflush(stdout);
}
