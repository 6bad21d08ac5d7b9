/* latentd check: every invariant of a stopped server's data directory, one line a finding. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/settings.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "index/store.h"

#include "base/banned.h"

struct check_settings {
    bool json;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(check_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print {folder, faults, findings} as JSON"),
};

/* Where findings go: printed as they come, or gathered for --json. */
struct findings {
    bool json;
    struct lat_buf list;
};

static void report(void *context, const char *line)
{
    struct findings *findings = context;
    if (!findings->json) {
        printf("%s\n", line);
        return;
    }
    if (findings->list.len)
        lat_buf_char(&findings->list, ',');
    lat_buf_json_string(&findings->list, line, strlen(line));
}

static void print_json(const char *folder, uint64_t faults, const struct findings *findings)
{
    struct lat_buf out = {0};
    lat_buf_text(&out, "{\"folder\":");
    lat_buf_json_string(&out, folder, strlen(folder));
    lat_buf_printf(&out, ",\"faults\":%llu,\"findings\":[", (unsigned long long)faults);
    lat_buf_append(&out, findings->list.data ? findings->list.data : "", findings->list.len);
    lat_buf_text(&out, "]}\n");
    fputs(out.data ? out.data : "{}\n", stdout);
    lat_buf_release(&out);
}

static int check(const char *folder, const struct check_settings *settings)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct findings findings = {.json = settings->json};
    uint64_t faults = 0;
    const enum lat_status status = lat_store_check(folder, report, &findings, &faults, &err);
    if (status != LAT_OK)
        fprintf(stderr, "latentd: check: %s\n", err.message);
    else if (settings->json)
        print_json(folder, faults, &findings);
    else if (faults == 0)
        printf("%s: every invariant holds\n", folder);
    if (status == LAT_OK && faults > 0)
        fprintf(stderr, "latentd: check: %s: %llu fault%s found\n", folder,
                (unsigned long long)faults, faults == 1 ? "" : "s");
    lat_buf_release(&findings.list);
    return status == LAT_OK && faults == 0 ? 0 : 1;
}

int lat_cmd_check(int argc, char **argv)
{
    struct check_settings settings;
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = LAT_ARRAY_LEN(rows);
    if (lat_command_wants_help(argc, argv)) {
        printf(
            "usage: latentd check DIR [OPTIONS]\n\n"
            "Verifies every invariant of the data directory of a stopped server. Exit status "
            "0 when all\nhold, 1 when one does not or the directory cannot be read.\n\n");
        lat_settings_help(rows, n, stdout);
        return 0;
    }
    enum lat_status status = lat_settings_defaults(rows, n, &settings, &err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, &settings, &argc, argv, &err);
    if (status == LAT_OK && argc != 2)
        status =
            lat_fail(&err, LAT_INVALID, NULL, "expected one data directory, not %d", argc - 1);
    if (status != LAT_OK)
        return lat_command_misused("check", &err);
    return check(argv[1], &settings);
}
