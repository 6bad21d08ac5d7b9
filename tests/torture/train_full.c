/* A training whose checkpoint does not fit on the disk: the job fails and says so, nothing
 * half-written stays, items are found and stored as before, and the job is still listed as
 * failed after a restart. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { DISK_MB = 16, N = 200, PATIENCE = 30000 };

static struct server server;
static struct wire wire = {.fd = -1};

static void want(const char *method, const char *path, const char *body, int status,
                 const char *words)
{
    const int got = wire_json(&wire, method, path, body);
    if (got == status && (!words || strstr(wire.body, words)))
        return;
    test_wrong("%s %s: %d instead of %d, or no '%s': %.600s", method, path, got, status,
               words ? words : "", got ? wire.body : "");
}

static void fill(void)
{
    struct lat_buf body = {0};
    want("PUT", "/v1/collections/codes", "{\"dimension\":64}", 201, NULL);
    lat_buf_text(&body, "{\"items\":[");
    for (int i = 0; i < N; i++) {
        lat_buf_printf(&body, "%s{\"id\":\"%d\",\"code\":[%d", i ? "," : "", i, i + 1);
        for (int j = 1; j < 64; j++)
            lat_buf_printf(&body, ",%d", (i * j) % 7);
        lat_buf_text(&body, "]}");
    }
    lat_buf_text(&body, "]}");
    want("PUT", "/v1/collections/codes/items", body.data, 200, "\"failed\":0");
    lat_buf_release(&body);
}

/* Waits for the end of the job at `path`; the reply about it is in the wire. */
static void await(const char *path)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (wire_json(&wire, "GET", path, NULL) != 200 || !strstr(wire.body, "\"ended\":null"))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static bool run(const char *disk)
{
    char data[600], models[600], path[128];
    snprintf(data, sizeof(data), "%s/data", disk);
    snprintf(models, sizeof(models), "%s/models", disk);
    server_start(&server, data, models, NULL);
    wire.port = server.port;
    fill();
    want("POST", "/v1/jobs",
         "{\"type\":\"train\",\"spec\":{\"name\":\"large\",\"data\":{\"collection\":\"codes\"},"
         "\"network\":{\"encoder\":{\"hidden\":[2000,600]}},"
         "\"optimizer\":{\"epochs\":1000,\"batch\":32}}}",
         202, "\"train\"");
    wire_header(&wire, "Location", path, sizeof(path));
    await(path);
    want("GET", path, NULL, 200, "\"state\":\"failed\"");
    want("GET", path, NULL, 200, "\"code\":\"disk_full\"");
    want("POST", "/v1/collections/codes/search", "{\"id\":\"7\",\"k\":1}", 200, "\"7\"");
    want("PUT", "/v1/collections/codes/items/0", "{\"code\":[1]}", 422, NULL);
    want("PATCH", "/v1/collections/codes/items/0", "{\"hidden\":true}", 200, NULL);
    want("GET", "/v1/models/large", NULL, 404, NULL);
    if (test_folder_count(test_path("disk/data/jobs")) != 0)
        test_wrong("half a checkpoint stays");
    server_kill(&server);
    server_start(&server, data, models, NULL);
    wire_close(&wire);
    wire.port = server.port;
    want("GET", path, NULL, 200, "\"code\":\"disk_full\"");
    server_kill(&server);
    wire_release(&wire);
    return test_n_wrong() == 0;
}

int main(void)
{
    return test_disk_main(DISK_MB, run);
}
