/* latentd backup: a server in one file, read from its data directory whether it runs or not, or
 * fetched from one that runs elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/settings.h"
#include "base/text.h"
#include "cli/backup_remote.h"
#include "cli/bar.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "model/train/fields.h"
#include "service/backup.h"

#include "base/banned.h"

enum { NOTE_MAX = 1 << 16 };

struct backup_settings {
    char data[1024], models[1024], server[512], key[512];
    bool incomplete, json, quiet;
};

#define TEXT(field, arg, help)                                                                 \
    LAT_SETTING_ROW(backup_settings, field, LAT_SETTING_TEXT, "", 0, 0, arg, help)
#define FLAG(field, help)                                                                      \
    LAT_SETTING_ROW(backup_settings, field, LAT_SETTING_BOOL, "false", 0, 0, NULL, help)

static const struct lat_setting rows[] = {
    TEXT(data, "DIR", "the data directory of a server, running or not"),
    TEXT(models, "DIR", "the models' folder; none: the one its server used last"),
    TEXT(server, "URL", "instead of a directory: fetch it from the server at URL"),
    TEXT(key, "KEY", "an admin key of that server"),
    FLAG(incomplete, "go on when a model that a collection uses cannot be found"),
    FLAG(json, "print {file, bytes, sha256} as JSON"),
    FLAG(quiet, "no progress bar"),
};

static void print_help(void)
{
    printf("usage: latentd backup --data DIR FILE [OPTIONS]\n"
           "       latentd backup --server URL FILE [OPTIONS]\n\n"
           "Puts items, interactions, jobs, indexes and models into one file, as they are at "
           "one moment;\na server that runs goes on serving and writing meanwhile. A FILE that "
           "is there is replaced\nonce the new one is whole. 'latentd restore' is the way "
           "back.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

/* The models' folder that the server of this directory noted, or the default of `serve`. */
static void find_models(struct backup_settings *settings)
{
    char path[sizeof(settings->data) + 32];
    struct lat_buf text = {0};
    struct lat_document *document = NULL;
    struct lat_fields root;
    struct lat_error err = LAT_ERROR_INIT;
    if (settings->models[0])
        return;
    snprintf(path, sizeof(path), "%s/" LAT_SERVER_NOTE, settings->data);
    if (lat_file_read(path, NOTE_MAX, &text, NULL) == LAT_OK &&
        lat_document_parse(text.data, text.len, &document, NULL) == LAT_OK) {
        lat_fields_root(document, &root, &err);
        lat_fields_text(&root, "models", settings->models, sizeof(settings->models));
    }
    lat_document_free(document);
    lat_buf_release(&text);
    const int len = snprintf(path, sizeof(path), "%s/models", settings->data);
    if (settings->models[0])
        return;
    if (len > 0 && (size_t)len < sizeof(settings->models) && lat_file_exists(path))
        memcpy(settings->models, path, (size_t)len + 1);
    else
        snprintf(settings->models, sizeof(settings->models), "models");
}

static void print_result(const char *file, bool json, const struct lat_backup_result *result)
{
    struct lat_buf out = {0};
    char size[32];
    if (json) {
        lat_buf_text(&out, "{\"file\":");
        lat_buf_json_string(&out, file, strlen(file));
        lat_buf_printf(&out, ",\"bytes\":%llu,\"sha256\":\"%s\"}\n",
                       (unsigned long long)result->bytes, result->sha256);
    } else {
        lat_format_bytes(result->bytes, size, sizeof(size));
        lat_buf_printf(&out, "%s: %s, sha256 %s\n", file, size, result->sha256);
    }
    fputs(out.data ? out.data : "", stdout);
    lat_buf_release(&out);
}

static int run(const char *file, struct backup_settings *settings)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_backup_result result;
    struct lat_bar bar = {.label = "backup", .quiet = settings->quiet};
    enum lat_status status;
    if (settings->server[0]) {
        status = lat_backup_fetch(settings->server, settings->key, file, &bar, &result, &err);
    } else {
        find_models(settings);
        const struct lat_backup backup = {.data = settings->data,
                                          .models = settings->models,
                                          .to = file,
                                          .complete = !settings->incomplete,
                                          .progress = lat_bar_draw,
                                          .context = &bar};
        status = lat_backup_write(&backup, &result, &err);
    }
    lat_bar_end(&bar);
    if (status == LAT_OK)
        print_result(file, settings->json, &result);
    else
        fprintf(stderr, "latentd: backup: %s%s\n", err.message,
                strcmp(err.code, "model_not_found") == 0
                    ? ": name the folder with --models, or say --incomplete"
                    : "");
    return status == LAT_OK ? 0 : 1;
}

int lat_cmd_backup(int argc, char **argv)
{
    struct backup_settings settings;
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
        status =
            lat_fail(&err, LAT_INVALID, NULL, "expected one file to write, not %d", argc - 1);
    if (status == LAT_OK && !settings.data[0] && !settings.server[0])
        status = lat_fail(&err, LAT_INVALID, NULL, "--data or --server is missing");
    if (status == LAT_OK && settings.server[0])
        status = lat_client_check(settings.server, &err);
    if (status != LAT_OK)
        return lat_command_misused("backup", &err);
    return run(argv[1], &settings);
}
