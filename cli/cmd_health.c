/* latentd health: one GET /readyz, for a container's health check. Exit 0 when the answer is
 * 200. */
#include <stdio.h>

#include "base/mem.h"
#include "base/settings.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/commands.h"

#include "base/banned.h"

struct options {
    char server[512];
    int64_t timeout_ms;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(options, server, LAT_SETTING_TEXT, "http://127.0.0.1:8080", 0, 0, "URL",
                    "the server to ask"),
    LAT_SETTING_ROW(options, timeout_ms, LAT_SETTING_INT, "3000", 1, 600000, "MS",
                    "how long to wait for it"),
};

static int ask(const struct options *options)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf reply = {0};
    char words[512];
    long http = 0;
    const enum lat_status status = lat_client_probe(
        options->server, "/readyz", (long)options->timeout_ms, &reply, &http, &err);
    const bool ready = status == LAT_OK && http == 200;
    if (status != LAT_OK)
        fprintf(stderr, "latentd: health: %s: %s\n", options->server, err.message);
    else if (!ready) {
        lat_client_words(&reply, http, words, sizeof(words));
        fprintf(stderr, "latentd: health: %s: %ld: %s\n", options->server, http, words);
    }
    lat_buf_release(&reply);
    return ready ? 0 : 1;
}

int lat_cmd_health(int argc, char **argv)
{
    struct options options;
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = LAT_ARRAY_LEN(rows);
    if (lat_command_wants_help(argc, argv)) {
        printf(
            "usage: latentd health [OPTIONS]\n\nExit status 0 when the server is ready.\n\n");
        lat_settings_help(rows, n, stdout);
        return 0;
    }
    enum lat_status status = lat_settings_defaults(rows, n, &options, &err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, &options, &argc, argv, &err);
    if (status == LAT_OK && argc > 1)
        status = lat_fail(&err, LAT_INVALID, NULL, "unexpected '%s'", argv[1]);
    if (status == LAT_OK)
        status = lat_client_check(options.server, &err);
    if (status != LAT_OK)
        return lat_command_misused("health", &err);
    return ask(&options);
}
