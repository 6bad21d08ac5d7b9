/* latentd restore: a data directory, and packages, out of a snapshot. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/settings.h"
#include "base/text.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "service/backup.h"

#include "base/banned.h"

struct restore_settings {
    char data[1024], models[1024];
    bool json, quiet;
};

#define TEXT(field, arg, help)                                                                 \
    LAT_SETTING_ROW(restore_settings, field, LAT_SETTING_TEXT, "", 0, 0, arg, help)
#define FLAG(field, help)                                                                      \
    LAT_SETTING_ROW(restore_settings, field, LAT_SETTING_BOOL, "false", 0, 0, NULL, help)

static const struct lat_setting rows[] = {
    TEXT(data, "DIR", "where to; absent or empty"),
    TEXT(models, "DIR", "the models' folder to put packages into; none: DATA/models"),
    FLAG(json, "print {file, data, models, bytes, files, packages, present, sha256} as JSON"),
    FLAG(quiet, "no progress bar"),
};

static void print_help(void)
{
    printf(
        "usage: latentd restore FILE --data DIR [OPTIONS]\n\n"
        "Makes a data directory out of a snapshot ('latentd backup', GET /v1/snapshots/ID).\n"
        "Every byte is checked before anything is put in its place: a damaged file is\n"
        "refused whole. Packages that --models has already are left alone if they are the\n"
        "same.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

static void print_json(const char *file, const struct restore_settings *settings,
                       const char *models, const struct lat_restore_result *result)
{
    struct lat_buf out = {0};
    const char *const texts[][2] = {
        {"file", file}, {"data", settings->data}, {"models", models}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(texts); i++) {
        lat_buf_printf(&out, "%c\"%s\":", i ? ',' : '{', texts[i][0]);
        lat_buf_json_string(&out, texts[i][1], strlen(texts[i][1]));
    }
    lat_buf_printf(&out,
                   ",\"bytes\":%llu,\"files\":%llu,\"packages\":%llu,\"present\":%llu,"
                   "\"sha256\":\"%s\"}\n",
                   (unsigned long long)result->bytes, (unsigned long long)result->files,
                   (unsigned long long)result->packages, (unsigned long long)result->present,
                   result->sha256);
    fputs(out.data ? out.data : "{}\n", stdout);
    lat_buf_release(&out);
}

static int run(const char *file, const struct restore_settings *settings)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_restore_result result;
    struct lat_bar bar = {.label = "restore", .quiet = settings->quiet};
    char models[sizeof(settings->models) + 16], size[32];
    const struct lat_restore restore = {.from = file,
                                        .data = settings->data,
                                        .models = settings->models,
                                        .progress = lat_bar_draw,
                                        .context = &bar};
    const enum lat_status status = lat_restore_run(&restore, &result, &err);
    lat_bar_end(&bar);
    if (status != LAT_OK)
        return lat_command_failed("restore", &err);
    if (settings->models[0])
        snprintf(models, sizeof(models), "%s", settings->models);
    else
        snprintf(models, sizeof(models), "%s/models", settings->data);
    if (settings->json) {
        print_json(file, settings, models, &result);
        return 0;
    }
    lat_format_bytes(result.bytes, size, sizeof(size));
    printf("%s: %s in %llu files, %llu models in %s\n", settings->data, size,
           (unsigned long long)result.files,
           (unsigned long long)result.packages + result.present, models);
    return 0;
}

int lat_cmd_restore(int argc, char **argv)
{
    struct restore_settings settings;
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = LAT_ARRAY_LEN(rows);
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    enum lat_status status = lat_settings_defaults(rows, n, &settings, &err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, &settings, &argc, argv, &err);
    if (status == LAT_OK && argc != 2)
        status = lat_fail(&err, LAT_INVALID, NULL, "expected one snapshot, not %d", argc - 1);
    if (status == LAT_OK && !settings.data[0])
        status = lat_fail(&err, LAT_INVALID, NULL, "--data is missing: where to restore to");
    if (status != LAT_OK)
        return lat_command_misused("restore", &err);
    return run(argv[1], &settings);
}
