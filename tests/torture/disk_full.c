/* A disk that fills up: writes are refused with 507 and a problem body, nothing acknowledged is
 * lost, reads and searches go on, and writing works again by itself once there is space.
 *
 * Where no small disk may be mounted the test is skipped, loudly. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { D = 64, BATCH = 100, BATCHES_MAX = 4000, DISK_MB = 24, BALLAST_MB = 8, FAR = 900000 };

static struct server server;
static struct wire wire = {.fd = -1};

static bool write_ballast(const char *path)
{
    static char zeroes[1 << 20];
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool fine = fd >= 0;
    for (int i = 0; fine && i < BALLAST_MB; i++)
        fine = write(fd, zeroes, sizeof(zeroes)) == (ssize_t)sizeof(zeroes);
    if (fd >= 0)
        close(fd);
    return fine;
}

/* ---- items ---- */

static void code_of(size_t i, float code[D])
{
    struct lat_rng rng;
    lat_rng_seed(&rng, i);
    for (size_t j = 0; j < D; j++)
        code[j] = (float)lat_rng_normal(&rng);
}

static int put_batch(size_t first)
{
    static struct lat_buf body;
    float code[D];
    lat_buf_clear(&body);
    lat_buf_text(&body, "{\"items\":[");
    for (size_t i = first; i < first + BATCH; i++) {
        code_of(i, code);
        lat_buf_printf(&body, "%s{\"id\":\"%06zu\",\"code\":", i > first ? "," : "", i);
        lat_buf_json_floats(&body, code, D);
        lat_buf_char(&body, '}');
    }
    lat_buf_text(&body, "]}");
    return wire_request(&wire, "PUT", "/v1/collections/codes/items", NULL, body.data, body.len);
}

static int put_one(size_t i)
{
    struct lat_buf body = {0};
    float code[D];
    char path[64];
    code_of(i, code);
    lat_buf_text(&body, "{\"code\":");
    lat_buf_json_floats(&body, code, D);
    lat_buf_char(&body, '}');
    snprintf(path, sizeof(path), "/v1/collections/codes/items/%06zu", i);
    const int status = wire_request(&wire, "PUT", path, NULL, body.data, body.len);
    lat_buf_release(&body);
    return status;
}

static size_t n_stored(void)
{
    const char *key = "\"items\":";
    if (wire_json(&wire, "GET", "/v1/collections/codes", NULL) != 200)
        return 0;
    const char *at = strstr(wire.body, key);
    return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* Each stored item is its own first hit, checked for every `step`-th; and nothing is there but
 * what was acknowledged: the first n and `others`. */
static void verify(size_t n, size_t others, size_t step)
{
    const size_t stored = n_stored();
    if (stored != n + others)
        test_wrong("%zu items, and %zu were acknowledged", stored, n + others);
    float code[D];
    char want[64];
    for (size_t i = 0; i < n; i += step) {
        code_of(i, code);
        snprintf(want, sizeof(want), "{\"results\":[{\"id\":\"%06zu\"", i);
        if (wire_request(&wire, "POST", "/v1/collections/codes/search?k=3",
                         "application/octet-stream", code, sizeof(code)) != 200)
            test_wrong("search on a full disk: %d: %s", wire.status, wire.body);
        else if (strncmp(wire.body, want, strlen(want)) != 0)
            test_wrong("%06zu was acknowledged and is not found: %.200s", i, wire.body);
        snprintf(want, sizeof(want), "/v1/collections/codes/items/%06zu", i);
        if (wire_json(&wire, "GET", want, NULL) != 200)
            test_wrong("GET on a full disk: %d: %s", wire.status, wire.body);
        if (test_n_wrong() > 5)
            return;
    }
}

static void expect_507(int status, const char *what)
{
    char type[64];
    wire_header(&wire, "Content-Type", type, sizeof(type));
    if (status != 507 || strcmp(type, "application/problem+json") != 0 ||
        !strstr(wire.body, "\"code\":\"disk_full\""))
        test_wrong("%s on a full disk: %d, %s: %.400s", what, status, type, wire.body);
}

/* Fills the disk; the number of items acknowledged before it was full. */
static size_t fill(size_t first)
{
    for (size_t batch = 0; batch < BATCHES_MAX; batch++) {
        const int status = put_batch(first);
        if (status != 200) {
            expect_507(status, "a batch");
            return first;
        }
        first += BATCH;
    }
    test_wrong("the disk does not fill up");
    return first;
}

/* The last bits of space go by single items; then every kind of write must say the same. */
static size_t fill_to_the_brim(size_t n)
{
    for (int status; (status = put_one(n)) == 201; n++)
        if (n > (size_t)BATCH * BATCHES_MAX)
            break;
    expect_507(wire.status, "an item");
    expect_507(put_batch(FAR + BATCH), "a batch");
    return n;
}

static void check_folder(const char *data)
{
    const char *arguments[] = {"check", data, NULL};
    const int status = server_run(arguments, NULL);
    if (status != 0)
        test_wrong("latentd check: %d", status);
}

static void fill_twice(const char *data, const char *ballast)
{
    server_start(&server, data, test_path("models"), NULL);
    wire.port = server.port;
    if (wire_json(&wire, "PUT", "/v1/collections/codes",
                  "{\"dimension\":64,\"index\":{\"type\":\"hnsw\"}}") != 201)
        test_wrong("create: %d: %s", wire.status, wire.body);
    size_t n = fill_to_the_brim(fill(0));
    verify(n, 0, 97);
    if (unlink(ballast) != 0)
        test_wrong("ballast: %s", strerror(errno));
    const int again = put_one(n);
    if (again != 201)
        test_wrong("with space again: %d: %s", again, wire.body);
    n += again == 201;
    if (put_batch(FAR) != 200)
        test_wrong("a batch with space again: %d: %s", wire.status, wire.body);
    verify(n, BATCH, 97);
    n = fill_to_the_brim(n); /* full once more: what is there survives an end and a start */
    (void)server_stop(&server, 30000);
    server_start(&server, data, test_path("models"), NULL);
    wire_close(&wire);
    wire.port = server.port;
    verify(n, BATCH, 97);
    printf("%zu items on %d MB\n", n, DISK_MB);
    if (server_stop(&server, 30000) != 0)
        test_wrong("the server does not stop cleanly");
    check_folder(data);
}

static bool run(const char *disk)
{
    char data[600], ballast[600];
    snprintf(data, sizeof(data), "%s/data", disk);
    snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
    if (!write_ballast(ballast))
        test_wrong("ballast: %s", strerror(errno));
    fill_twice(data, ballast);
    server_kill(&server);
    wire_release(&wire);
    return test_n_wrong() == 0;
}

int main(void)
{
    return test_disk_main(DISK_MB, run);
}
