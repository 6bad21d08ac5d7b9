#include "tests/unit/service/app_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/collection.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"
#include "tests/unit/service/http_fixture.h"

static void must(enum lat_status status, const struct lat_error *err, const char *what)
{
    if (status == LAT_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, err->message);
    abort();
}

void app_fixture_prepare(struct lat_config *config)
{
    static const struct tiny_model tiny = {.rank = 2, .dims = {-1, 5}, .code = 3, .scale = 2};
    char *no_words[] = {NULL, NULL};
    int argc = 0;
    struct lat_error err = LAT_ERROR_INIT;
    must(lat_config_read(config, &argc, no_words, &err), &err, "settings");
    snprintf(config->data, sizeof(config->data), "%s", test_path("data"));
    snprintf(config->models, sizeof(config->models), "%s", test_path("models"));
    snprintf(config->listen, sizeof(config->listen), "127.0.0.1:0");
    config->workers = 4;
    config->network_threads = 2;
    lat_log_configure(LAT_LOG_ERROR, LAT_LOG_JSON);
    tiny_package(test_path("models"), "tiny", 1, &tiny, "{\"input\":{\"kind\":\"vector\"}}");
}

void app_fixture_start(struct app_fixture *fixture)
{
    struct lat_error err = LAT_ERROR_INIT;
    memset(fixture, 0, sizeof(*fixture));
    app_fixture_prepare(&fixture->config);
    must(lat_app_open(&fixture->config, &fixture_routes, &fixture->app, &err), &err, "open");
    must(lat_app_wait_ready(fixture->app, &err), &err, "ready");
    fixture->call.app = fixture->app;
    fixture->call.deadline_ns = UINT64_MAX;
}

void app_fixture_stop(struct app_fixture *fixture)
{
    lat_app_close(fixture->app);
    lat_arena_release(&fixture->call.arena);
    fixture->app = NULL;
}

void app_fixture_collection(struct app_fixture *fixture, bool with_model)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_collection_spec spec = {.name = "things", .dimension = 3, .keep_inputs = true};
    bool created;
    if (with_model)
        snprintf(spec.model, sizeof(spec.model), "tiny");
    must(lat_collection_create(&fixture->call, &spec, true, &created, &err), &err, "create");
}
