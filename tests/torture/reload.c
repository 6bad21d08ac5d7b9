/* Memory over load and unload: 100 rounds of a model that goes and comes, used in between,
 * leave the resident set where it was. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { WARM_UP = 100, ROUNDS = 100, WIDTH = 1024, CODE = 256 };

#define GROWTH_MAX ((size_t)4 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false /* sanitizers keep what was freed */
#else
#define MEASURED true
#endif

static struct server server;
static struct wire wire = {.fd = -1};

static int fail(const char *what)
{
    fprintf(stderr, "%s: %d: %.400s\n", what, wire.status, wire.status ? wire.body : "");
    server_kill(&server);
    test_folder_leave();
    return 1;
}

static void write_model(const char *models)
{
    const struct tiny_model model = {.rank = 2, .dims = {-1, WIDTH}, .code = CODE};
    tiny_package(
        models, "wide", 1, &model,
        "{\"name\":\"wide\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":1024},"
        "\"code\":{\"dimension\":256,\"metric\":\"l2\"}}");
}

static const char *inputs(void)
{
    static struct lat_buf body;
    if (body.len == 0) {
        float row[WIDTH];
        for (size_t i = 0; i < WIDTH; i++)
            row[i] = (float)i / WIDTH;
        lat_buf_text(&body, "{\"inputs\":[{\"vector\":");
        lat_buf_json_floats(&body, row, WIDTH);
        lat_buf_text(&body, "}]}");
    }
    return body.data;
}

/* NULL, or what went wrong. */
static const char *round_trip(void)
{
    if (wire_json(&wire, "POST", "/v1/models/wide/unload", NULL) / 100 != 2)
        return "unload";
    if (wire_json(&wire, "POST", "/v1/models/wide/encode", inputs()) != 503)
        return "encode without the model";
    if (wire_json(&wire, "POST", "/v1/models/wide/load", NULL) / 100 != 2)
        return "load";
    if (wire_json(&wire, "POST", "/v1/models/wide/encode", inputs()) != 200)
        return "encode";
    if (wire_json(&wire, "POST", "/v1/models/wide/reconstruct", inputs()) != 200)
        return "reconstruct";
    return NULL;
}

int main(void)
{
    test_folder_enter();
    write_model(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), NULL);
    wire.port = server.port;
    size_t before = 0, most = 0;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        const char *what = round_trip();
        if (what)
            return fail(what);
        const size_t rss = server_rss(&server);
        if (round == WARM_UP - 1)
            before = rss;
        most = rss > most ? rss : most;
    }
    const size_t after = server_rss(&server);
    printf("%.1f MB before, %.1f MB after %d rounds, at most %.1f MB\n", (double)before / 1e6,
           (double)after / 1e6, ROUNDS, (double)most / 1e6);
    if (MEASURED && after > before + GROWTH_MAX)
        return fail("the resident set grows");
    if (server_stop(&server, 30000) != 0)
        return fail("the server does not stop cleanly");
    wire_release(&wire);
    test_folder_leave();
    return 0;
}
