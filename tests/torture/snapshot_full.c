/* A disk without room for a snapshot: the job fails with words, nothing but the word of it is
 * left, and the server goes on.
 *
 * Where no small disk may be mounted the test is skipped, loudly. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/support/disk.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { DISK_MB = 32, D = 512, BATCH = 100, BATCHES = 60 }; /* 12 MB of codes */

static struct server server;
static struct wire wire = {.fd = -1};

static bool say(const char *words)
{
    fprintf(stderr, "snapshot_full: %s: %d %s\n", words, wire.status,
            wire.body ? wire.body : "");
    return false;
}

static bool fill(void)
{
    struct lat_buf body = {0};
    bool fine = wire_json(&wire, "PUT", "/v1/collections/c", "{\"dimension\":512}") == 201;
    for (unsigned b = 0; fine && b < BATCHES; b++) {
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"items\":[");
        for (unsigned i = 0; i < BATCH; i++) {
            lat_buf_printf(&body, "%s{\"id\":\"%u-%u\",\"code\":[", i ? "," : "", b, i);
            for (unsigned j = 0; j < D; j++)
                lat_buf_printf(&body, "%s%u", j ? "," : "", (b * 7 + i * 3 + j) % 50);
            lat_buf_text(&body, "]}");
        }
        lat_buf_text(&body, "]}");
        fine = wire_request(&wire, "PUT", "/v1/collections/c/items", NULL, body.data,
                            body.len) == 200;
    }
    lat_buf_release(&body);
    return fine || say("filling");
}

/* The job's events to its end: whether the words are in them. */
static bool make_one(const char *words)
{
    char path[96];
    const char *id = wire_json(&wire, "POST", "/v1/snapshots", NULL) == 202
                         ? strstr(wire.body, "\"id\":\"")
                         : NULL;
    if (!id)
        return say("asking for one");
    snprintf(path, sizeof(path), "/v1/jobs/%.32s/events", id + 6);
    return (wire_json(&wire, "GET", path, NULL) == 200 && strstr(wire.body, words)) ||
           say("its end");
}

static bool run(const char *disk)
{
    char data[600], folder[700], path[96];
    snprintf(data, sizeof(data), "%s/data", disk);
    snprintf(folder, sizeof(folder), "%s/snapshots", data);
    server_start(&server, data, test_path("models"), NULL);
    wire.port = server.port;
    if (!fill() || !make_one("disk_full"))
        return false;
    if (test_folder_count(folder) != 1)
        return say("something is left");
    if (wire_json(&wire, "GET", "/v1/snapshots", NULL) != 200 ||
        !strstr(wire.body, "\"state\":\"failed\"") || !strstr(wire.body, "\"sha256\":null") ||
        !strstr(wire.body, "\"reason\":\""))
        return say("the list");
    snprintf(path, sizeof(path), "/v1/snapshots/%.32s", strstr(wire.body, "\"id\":\"") + 6);
    if (wire_json(&wire, "GET", path, NULL) != 409 ||
        wire_json(&wire, "DELETE", path, NULL) != 204 || test_folder_count(folder) != 0)
        return say("the failed one");
    if (wire_json(&wire, "PUT", "/v1/collections/d", "{\"dimension\":2}") != 201)
        return say("writing goes on");
    const bool stopped = server_stop(&server, 20000) == 0;
    return stopped || say("the end");
}

int main(void)
{
    return test_disk_main(DISK_MB, run);
}
