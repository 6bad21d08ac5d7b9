#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/version.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"
#include "tests/unit/service/app_fixture.h"
#include "tests/unit/service/http_fixture.h"

static struct app_fixture fixture;

TestSuite(app, .init = test_folder_enter, .fini = test_folder_leave);

static struct wire connect_to(struct lat_app *app)
{
    const char *port = strrchr(lat_http_address(app->http), ':') + 1;
    return (struct wire){.fd = -1, .port = (uint16_t)strtoul(port, NULL, 10)};
}

Test(app, opens_serves_and_closes)
{
    app_fixture_start(&fixture);
    struct wire wire = connect_to(fixture.app);
    cr_assert_eq(lat_app_state(fixture.app, NULL, 0), LAT_APP_READY);
    cr_assert_eq(wire_request(&wire, "GET", "/worker", NULL, NULL, 0), 200);
    app_fixture_stop(&fixture);
    cr_assert_eq(wire_request(&wire, "GET", "/worker", NULL, NULL, 0), 0);
    wire_release(&wire);
}

Test(app, a_second_one_on_the_same_data_is_refused)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_app *second = NULL;
    app_fixture_start(&fixture);
    cr_assert_eq(lat_app_open(&fixture.config, &fixture_routes, &second, &err), LAT_CONFLICT);
    cr_assert_null(second);
    app_fixture_stop(&fixture);
    cr_assert_eq(lat_app_open(&fixture.config, &fixture_routes, &second, NULL), LAT_OK);
    lat_app_close(second);
}

Test(app, may_be_closed_while_it_is_still_loading)
{
    struct lat_config config;
    struct lat_error err = LAT_ERROR_INIT;
    app_fixture_prepare(&config);
    lat_log_configure(LAT_LOG_INFO, LAT_LOG_JSON); /* what it says last names its address */
    for (int i = 0; i < 5; i++) {
        struct lat_app *app = NULL;
        cr_assert_eq(lat_app_open(&config, &fixture_routes, &app, &err), LAT_OK, "%s",
                     err.message);
        lat_app_close(app);
    }
}

Test(app, beyond_loopback_it_wants_keys_or_a_word)
{
    struct lat_config config;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_app *app = NULL;
    app_fixture_prepare(&config);
    snprintf(config.listen, sizeof(config.listen), "0.0.0.0:0");
    cr_assert_eq(lat_app_open(&config, &fixture_routes, &app, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "keys_needed");
    config.allow_anonymous = true;
    cr_assert_eq(lat_app_open(&config, &fixture_routes, &app, NULL), LAT_OK);
    cr_assert_null(app->keys);
    lat_app_close(app);
    config.allow_anonymous = false;
    snprintf(config.api_keys, sizeof(config.api_keys), "read:reader-key");
    cr_assert_eq(lat_app_open(&config, &fixture_routes, &app, NULL), LAT_OK);
    cr_assert_not_null(app->keys);
    cr_assert_str_eq(app->config.api_keys, "", "the keys themselves are wiped");
    lat_app_close(app);
}

Test(app, draining_refuses_calls_but_not_probes)
{
    app_fixture_start(&fixture);
    struct wire wire = connect_to(fixture.app);
    char text[64];
    cr_assert_eq(wire_request(&wire, "GET", "/inline", NULL, NULL, 0), 200);
    lat_app_drain(fixture.app);
    cr_assert_eq(lat_app_state(fixture.app, text, sizeof(text)), LAT_APP_DRAINING);
    cr_assert_str_neq(text, "");
    cr_assert_eq(wire_request(&wire, "GET", "/probe", NULL, NULL, 0), 200);
    cr_assert_eq(wire_request(&wire, "GET", "/inline", NULL, NULL, 0), 503);
    wire_header(&wire, "Retry-After", text, sizeof(text));
    cr_assert_str_eq(text, "1");
    wire_header(&wire, "Connection", text, sizeof(text));
    cr_assert_str_eq(text, "close");
    cr_assert_not_null(strstr(wire.body, "draining"));
    wire_release(&wire);
    app_fixture_stop(&fixture);
}

static void *ask_slowly(void *argument)
{
    struct wire *wire = argument;
    cr_assert_eq(wire_request(wire, "GET", "/wait", NULL, NULL, 0), 200);
    return NULL;
}

static void *close_app(void *argument)
{
    lat_app_close(argument);
    return NULL;
}

Test(app, closing_lets_a_running_call_finish)
{
    pthread_t asking, closing;
    app_fixture_start(&fixture);
    struct wire wire = connect_to(fixture.app), probe = wire;
    fixture_close_gate();
    cr_assert_eq(pthread_create(&asking, NULL, ask_slowly, &wire), 0);
    fixture_await_waiting(1);
    cr_assert_eq(pthread_create(&closing, NULL, close_app, fixture.app), 0);
    int status;
    while ((status = wire_request(&probe, "GET", "/inline", NULL, NULL, 0)) == 200)
        ; /* until the draining has begun */
    cr_assert_eq(status, 503);
    fixture_open_gate();
    pthread_join(asking, NULL);
    pthread_join(closing, NULL);
    wire_release(&wire);
    wire_release(&probe);
    lat_arena_release(&fixture.call.arena);
}

Test(app, the_libraries_are_named_with_versions)
{
    struct lat_library_version rows[LAT_LIBRARY_MAX];
    const size_t n = lat_library_versions(rows);
    cr_assert_geq(n, 5u);
    for (size_t i = 0; i < n; i++)
        cr_assert(rows[i].name[0] && rows[i].version && rows[i].version[0], "%zu", i);
}
