/* Memory and restart of a large collection: 1,000,000 codes of 32 floats.
 *
 * Memory: the resident set of the whole server over what nobody can do without, the raw vectors
 * and the links of the graph (2M of 4 bytes a row on the lowest level, and M / (M - 1) on
 * average above it); the larger figure of after filling and after a restart counts.
 *
 * Restart: from exec to the first 200 of /livez and of /readyz, after a clean stop and after
 * kill -9, the data in the page cache as after any deployment. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/bench.h"
#include "tests/bench/codes.h"

#include "base/banned.h"

enum { D = 32, K = 10, M = 32, CHUNK = 50000, QUERIES = 200, READY_S = 300 };

#define READY_S_PER_MILLION 3.0
#define LIVE_S              0.2

static double link_bytes(size_t n)
{
    return (double)n * 4 * (2 * M + (double)M / (M - 1));
}

/* Seconds from the launch to the first 200. */
static double wait_for(const struct server *server, const char *path)
{
    const struct timespec pause = {.tv_nsec = (long)LAT_NS_PER_MS};
    struct wire wire = {.fd = -1, .port = server->port};
    while (wire_json(&wire, "GET", path, NULL) != 200) {
        if (lat_clock_ns() - server->launched_ns > READY_S * LAT_NS_PER_S)
            bench_die("%s: no 200 within %d s", path, READY_S);
        nanosleep(&pause, NULL);
    }
    wire_release(&wire);
    return (double)(lat_clock_ns() - server->launched_ns) / 1e9;
}

/* Every query's nearest code must be the stored one it was made from. */
static void search_all(struct wire *wire, const float *rows, size_t n)
{
    for (size_t i = 0; i < QUERIES; i++) {
        const size_t row = i * (n / QUERIES);
        char want[32];
        bench_ask(wire, "POST", "/v1/collections/bench/search?k=10", "application/octet-stream",
                  rows + row * D, D * sizeof(float), 200);
        snprintf(want, sizeof(want), "{\"id\":\"%09zu\"", row);
        if (!strstr(wire->body, want))
            bench_die("item %zu is not found: %.200s", row, wire->body);
    }
}

struct restart {
    double live_s, ready_s;
    size_t rss;
};

static struct restart restart(struct server *server, const char *data, const float *rows,
                              size_t n)
{
    struct restart result;
    struct wire wire = {.fd = -1};
    server_launch(server, data, test_path("models"), NULL);
    wire.port = server->port;
    result.live_s = wait_for(server, "/livez");
    result.ready_s = wait_for(server, "/readyz");
    search_all(&wire, rows, n);
    result.rss = server_rss(server);
    wire_release(&wire);
    return result;
}

static json_t *restart_row(const struct restart *r, size_t n)
{
    json_t *row = bench_row(r->ready_s / ((double)n / 1e6), READY_S_PER_MILLION, true);
    bench_set(row, "ready_s", r->ready_s);
    return row;
}

int main(void)
{
    struct server server;
    const size_t n = bench_size(1000000, 20000);
    float *rows = codes_make(n, D, 0);
    bench_begin(&server, NULL, NULL);
    char data[512];
    snprintf(data, sizeof(data), "%s", test_path("data"));
    struct wire wire = {.fd = -1, .port = server.port};
    bench_collection(&wire, "bench",
                     "{\"dimension\":32,\"index\":{\"type\":\"hnsw\",\"m\":32}}");
    const size_t before = server_rss(&server);
    const uint64_t from = lat_clock_ns();
    for (size_t done = 0; done < n; done += CHUNK) {
        const size_t chunk = n - done < CHUNK ? n - done : CHUNK;
        bench_put_codes(&wire, "bench", rows + done * D, chunk, D, done);
        bench_say("%zu stored, %.0f s", done + chunk, (double)(lat_clock_ns() - from) / 1e9);
    }
    const double stored_s = (double)(lat_clock_ns() - from) / 1e9;
    bench_settle(&server, &wire, "bench");
    const double linked_s = (double)(lat_clock_ns() - from) / 1e9;
    search_all(&wire, rows, n);
    const size_t filled = server_rss(&server);
    bench_say("linked after %.0f s, %zu MB", linked_s, filled >> 20);
    wire_release(&wire);
    if (server_stop(&server, 120000) != 0)
        bench_die("the server does not stop cleanly");
    const struct restart clean = restart(&server, data, rows, n);
    server_kill(&server);
    const struct restart killed = restart(&server, data, rows, n);
    bench_end(&server);

    json_t *results = json_object();
    const double needed = (double)n * D * sizeof(float) + link_bytes(n);
    size_t most = filled > clean.rss ? filled : clean.rss;
    if (killed.rss > most)
        most = killed.rss;
    json_t *memory = bench_row((double)most / needed, 2, true);
    bench_set(memory, "rss_mb", (double)most / 1e6);
    bench_set(memory, "after_filling_mb", (double)filled / 1e6);
    bench_set(memory, "after_restart_mb", (double)clean.rss / 1e6);
    bench_set(memory, "empty_server_mb", (double)before / 1e6);
    bench_set(memory, "vectors_and_links_mb", needed / 1e6);
    json_object_set_new(results, "codes", json_integer((json_int_t)n));
    bench_set(results, "stored_s", stored_s);
    bench_set(results, "linked_s", linked_s);
    json_object_set_new(results, "memory", memory);
    json_object_set_new(results, "ready_after_stop", restart_row(&clean, n));
    json_object_set_new(results, "ready_after_kill", restart_row(&killed, n));
    json_object_set_new(
        results, "live",
        bench_row(clean.live_s > killed.live_s ? clean.live_s : killed.live_s, LIVE_S, true));
    bench_print(results);
    lat_free(rows);
    return 0;
}
