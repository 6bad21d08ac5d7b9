/* latentd import: files into a collection of a running server. What the collection has already
 * is not sent again, so a run that was cut short is taken up by running it once more. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/text.h"
#include "base/text_set.h"
#include "base/urgency.h"
#include "cli/bar.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/import_collection.h"
#include "cli/import_known.h"
#include "cli/import_metadata.h"
#include "cli/import_prefix.h"
#include "cli/import_send.h"
#include "cli/import_source.h"
#include "index/store.h"

#include "base/banned.h"

enum { BATCH_BYTES = 16 << 20, PREFIX_SIZE = 256, EXCLUDE_MAX = 64 };

struct import_settings {
    char server[512], key[520], format[16], prefix[PREFIX_SIZE], metadata[4096], exclude[4096],
        model[80], metric[16], group[512];
    bool codes, create, overwrite, json, quiet;
    int64_t dimension, stride, connections, batch;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(import_settings, server, LAT_SETTING_TEXT, "http://127.0.0.1:8080", 0, 0,
                    "URL", "the server"),
    LAT_SETTING_ROW(import_settings, key, LAT_SETTING_TEXT, "", 0, 0, "KEY",
                    "its key, if it wants one (scope write)"),
    LAT_SETTING_ROW(import_settings, format, LAT_SETTING_TEXT, "", 0, 0, "FORMAT",
                    "images, idx, npy, npz, csv or ndjson; told from the path without it"),
    LAT_SETTING_ROW(import_settings, metadata, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "metadata by id: a JSON object, or CSV with a column id"),
    LAT_SETTING_ROW(import_settings, exclude, LAT_SETTING_TEXT, "", 0, 0, "NAME,...",
                    "columns of a table that are left out"),
    LAT_SETTING_ROW(import_settings, prefix, LAT_SETTING_TEXT, "", 0, 0, "TEXT",
                    "before the row numbers that are the ids of arrays and tables"),
    LAT_SETTING_ROW(
        import_settings, group, LAT_SETTING_TEXT, "", 0, 0, "NAME",
        "for sequences: rows that share a cell of this column are one, named by it"),
    LAT_SETTING_ROW(
        import_settings, stride, LAT_SETTING_INT, "0", 0, 65535, "N",
        "for sequences: rows from one window to the next, 0 = one behind the other"),
    LAT_SETTING_ROW(import_settings, codes, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "rows of numbers are codes, not inputs of the collection's model"),
    LAT_SETTING_ROW(import_settings, create, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "make the collection if it is not there, with --model or --dimension"),
    LAT_SETTING_ROW(import_settings, model, LAT_SETTING_TEXT, "", 0, 0, "MODEL",
                    "with --create: name or name@version"),
    LAT_SETTING_ROW(import_settings, dimension, LAT_SETTING_INT, "0", 0, 65536, "N",
                    "with --create: floats of a code, for collections without a model"),
    LAT_SETTING_ROW(import_settings, metric, LAT_SETTING_TEXT, "", 0, 0, "METRIC",
                    "with --create: l2, cosine or ip"),
    LAT_SETTING_ROW(import_settings, overwrite, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "send also what is there already"),
    LAT_SETTING_ROW(import_settings, connections, LAT_SETTING_INT, "4", 1, 32, "N",
                    "requests under way at once"),
    LAT_SETTING_ROW(import_settings, batch, LAT_SETTING_INT, "256", 1, 1000, "N",
                    "items of a request"),
    LAT_SETTING_ROW(import_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print the summary as JSON"),
    LAT_SETTING_ROW(import_settings, quiet, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "no progress bar"),
};

struct import {
    struct import_settings settings;
    const char *collection;
    struct lat_import_metadata *metadata;
    struct lat_import_known *known;
    struct lat_import_sender *sender;
    struct lat_import_model model;    /* what the collection takes */
    const char *exclude[EXCLUDE_MAX]; /* into settings.exclude */
    size_t n_exclude;
    uint64_t expected, present, skipped, unreadable;
    bool several;              /* paths, whose files may have the same names */
    struct lat_text_set given; /* with several: the ids given so far, their texts in `ids` */
    struct lat_arena ids;
    struct lat_bar bar; /* its clock is that of the import */
};

/* ---- progress ---- */

static void draw_bar(struct import *import)
{
    if (!lat_bar_is_due(&import->bar))
        return;
    uint64_t stored, failed;
    lat_import_sender_counts(import->sender, &stored, &failed);
    const double seconds = lat_bar_seconds(&import->bar);
    const uint64_t sent = stored + failed;
    const uint64_t done = sent + import->present + import->skipped + import->unreadable;
    const double rate = seconds > 0 ? (double)sent / seconds : 0;
    const double share = import->expected ? (double)done / (double)import->expected : 0;
    char left[32] = "";
    if (rate > 0 && import->expected > done)
        snprintf(left, sizeof(left), ", %.0f s left", (double)(import->expected - done) / rate);
    lat_bar_line(&import->bar, share, "%" PRIu64 " of %" PRIu64 ", %.0f/s%s", done,
                 import->expected, rate, left);
}

/* ---- the sink ---- */

static void complain(void *context, const char *origin, const char *why)
{
    struct import *import = context;
    lat_bar_end(&import->bar);
    fprintf(stderr, "latentd: import: %s: %s\n", origin, why);
}

static void unreadable(void *context, const char *origin, const char *why)
{
    struct import *import = context;
    import->unreadable++;
    complain(context, origin, why);
}

static void skip(void *context, const char *origin)
{
    struct import *import = context;
    (void)origin;
    import->skipped++;
}

static void expect(void *context, uint64_t n)
{
    struct import *import = context;
    import->expected += n;
}

static bool wants(void *context, const char *id)
{
    struct import *import = context;
    if (!lat_import_known_has(import->known, id))
        return true;
    import->present++;
    return false;
}

/* Whether another path has given an item of this id: then the later one would replace it. */
static enum lat_status note_id(struct import *import, const char *id, bool *out_again,
                               struct lat_error *err)
{
    size_t first = 0;
    *out_again = lat_text_set_has(&import->given, id);
    if (*out_again)
        return LAT_OK;
    const char *copy = lat_arena_strdup(&import->ids, id);
    return copy && lat_text_set_add(&import->given, copy, 1, &first) ? LAT_OK
                                                                     : lat_fail_memory(err);
}

static enum lat_status give(void *context, const struct lat_import_item *item,
                            struct lat_error *err)
{
    struct import *import = context;
    bool again = false;
    enum lat_status status = LAT_OK;
    if (import->several && item->kind != LAT_IMPORT_LINE)
        status = note_id(import, item->id, &again, err);
    if (status != LAT_OK)
        return status;
    if (again) {
        unreadable(context, item->origin,
                   "an earlier path gave an item of the same id; import the folder above both");
        return LAT_OK;
    }
    const char *metadata = item->kind == LAT_IMPORT_LINE
                               ? NULL
                               : lat_import_metadata_find(import->metadata, item->id);
    draw_bar(import);
    return lat_import_sender_give(import->sender, item, metadata, err);
}

/* ---- before and after ---- */

/* The names between the commas, cut in place. */
static enum lat_status split_exclude(struct import *import, struct lat_error *err)
{
    char *rest = import->settings.exclude;
    while (*rest) {
        char *comma = strchr(rest, ',');
        if (import->n_exclude == EXCLUDE_MAX)
            return lat_fail(err, LAT_INVALID, NULL, "--exclude: more than %d columns",
                            EXCLUDE_MAX);
        import->exclude[import->n_exclude++] = rest;
        if (!comma)
            break;
        *comma = '\0';
        rest = comma + 1;
    }
    return LAT_OK;
}

/* What is said of sequences makes sense for them alone. */
static enum lat_status check_sequences(const struct import *import, struct lat_error *err)
{
    const struct import_settings *settings = &import->settings;
    const bool sequences =
        import->model.known && import->model.kind == LAT_INPUT_SEQUENCE && !settings->codes;
    if (sequences || (!settings->group[0] && !settings->stride))
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, NULL,
                    "--group and --stride are for a collection whose model takes sequences");
}

static enum lat_status prepare(struct import *import, struct lat_error *err)
{
    const struct import_settings *settings = &import->settings;
    struct lat_client *client = NULL;
    struct lat_import_sender_options options = {.server = settings->server,
                                                .key = settings->key,
                                                .collection = import->collection,
                                                .connections = (unsigned)settings->connections,
                                                .batch_items = (size_t)settings->batch,
                                                .batch_bytes = BATCH_BYTES,
                                                .failed = complain,
                                                .context = import};
    enum lat_status status = split_exclude(import, err);
    if (status == LAT_OK && settings->metadata[0])
        status = lat_import_metadata_read(settings->metadata, &import->metadata, err);
    if (status == LAT_OK)
        status = lat_client_new(settings->server, settings->key, &client, err);
    if (status == LAT_OK && settings->create)
        status = lat_import_create(client, import->collection, settings->model,
                                   (uint64_t)settings->dimension, settings->metric, err);
    if (status == LAT_OK)
        status = lat_import_model_read(client, import->collection, &import->model, err);
    if (status == LAT_OK)
        status = check_sequences(import, err);
    if (status == LAT_OK)
        status = lat_import_known_read(client, import->collection, &import->known, err);
    if (status == LAT_OK && settings->overwrite) {
        lat_import_known_free(import->known);
        import->known = NULL;
    }
    if (status == LAT_OK) {
        lat_import_limits(client, &options.batch_items, &options.batch_bytes);
        status = lat_import_sender_new(&options, &import->sender, err);
    }
    lat_client_free(client);
    return status;
}

static enum lat_status read_paths(struct import *import, char **paths, int n_paths,
                                  struct lat_error *err)
{
    const struct lat_import_sink sink = {.context = import,
                                         .expect = expect,
                                         .wants = wants,
                                         .give = give,
                                         .bad = unreadable,
                                         .pass = skip};
    enum lat_status status = LAT_OK;
    import->several = n_paths > 1;
    for (int i = 0; status == LAT_OK && i < n_paths; i++)
        status = lat_import_check(paths[i], import->settings.format, err);
    for (int i = 0; status == LAT_OK && i < n_paths; i++) {
        char prefix[LAT_IMPORT_PREFIX_SIZE];
        lat_import_prefix(import->settings.prefix, paths, (size_t)n_paths, (size_t)i,
                          import->settings.format, prefix);
        const struct lat_import_source source = {.path = paths[i],
                                                 .format = import->settings.format,
                                                 .prefix = prefix,
                                                 .codes = import->settings.codes,
                                                 .exclude = import->exclude,
                                                 .n_exclude = import->n_exclude,
                                                 .model = &import->model,
                                                 .group = import->settings.group,
                                                 .stride = (size_t)import->settings.stride};
        status = lat_import_read(&source, &sink, err);
    }
    return status == LAT_OK ? lat_import_sender_finish(import->sender, err) : status;
}

static uint64_t print_summary(struct import *import)
{
    uint64_t stored, failed;
    lat_import_sender_counts(import->sender, &stored, &failed);
    failed += import->unreadable;
    const double seconds = lat_bar_seconds(&import->bar);
    const double rate = seconds > 0 ? (double)stored / seconds : 0;
    const unsigned long long n[] = {stored, import->present, import->skipped, failed};
    lat_bar_end(&import->bar);
    if (import->settings.json) {
        printf("{\"collection\":\"%s\",\"imported\":%llu,\"present\":%llu,\"skipped\":%llu,"
               "\"failed\":%llu,\"seconds\":%.3f,\"per_second\":%.1f}\n",
               import->collection, n[0], n[1], n[2], n[3], seconds, rate);
    } else {
        printf("%s: %llu imported, %llu there already, %llu failed, ", import->collection, n[0],
               n[1], n[3]);
        if (n[2])
            printf("%llu skipped (no pictures), ", n[2]);
        printf("in %.1f s (%.0f a second)\n", seconds, rate);
    }
    fflush(stdout);
    return failed;
}

/* ---- the command ---- */

static void print_help(void)
{
    printf(
        "usage: latentd import COLLECTION PATH... [OPTIONS]\n\n"
        "Puts items into a collection of a running server. A PATH is a folder of pictures (an\n"
        "item's id is its path below the folder), a picture, an IDX, NPY, NPZ or CSV file "
        "(ids\n"
        "are row numbers) or NDJSON as the server exports it. Rows of a CSV file become what\n"
        "the collection's model takes: rows of its columns, sequences, or vectors; an NPY of\n"
        "[items][steps][features] becomes sequences where it takes those, else pictures. What\n"
        "is there already is not sent again: run it once more to take up what was cut short.\n"
        "Files of a folder that are no pictures are skipped; a PATH that cannot be imported "
        "is\n"
        "an error.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

static enum lat_status check_settings(const struct import_settings *settings,
                                      struct lat_error *err)
{
    size_t place;
    enum lat_status status = lat_client_check(settings->server, err);
    if (status == LAT_OK && settings->format[0])
        status = lat_setting_choice("--format", settings->format, lat_import_formats,
                                    lat_n_import_formats, &place, err);
    if (status == LAT_OK && settings->metric[0])
        status = lat_setting_choice("--metric", settings->metric, lat_distance_names,
                                    LAT_ARRAY_LEN(lat_distance_names), &place, err);
    if (status != LAT_OK)
        return status;
    if (settings->create && !settings->model[0] == !settings->dimension)
        return lat_fail(err, LAT_INVALID, NULL,
                        "--create wants one of --model and --dimension");
    if (!settings->create && (settings->model[0] || settings->dimension || settings->metric[0]))
        return lat_fail(err, LAT_INVALID, NULL,
                        "--model, --dimension and --metric go with --create");
    return LAT_OK;
}

static enum lat_status read_settings(int *inout_argc, char **argv,
                                     struct import_settings *settings, struct lat_error *err)
{
    const size_t n = LAT_ARRAY_LEN(rows);
    enum lat_status status = lat_settings_defaults(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_environment(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, settings, inout_argc, argv, err);
    if (status == LAT_OK && *inout_argc < 3)
        status = lat_fail(err, LAT_INVALID, NULL, "expected COLLECTION and at least one PATH");
    if (status == LAT_OK && !lat_name_valid(argv[1]))
        status =
            lat_fail(err, LAT_INVALID, NULL, "'%.80s' is no name of a collection", argv[1]);
    return status == LAT_OK ? check_settings(settings, err) : status;
}

int lat_cmd_import(int argc, char **argv)
{
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    struct import *import = lat_alloc(1, sizeof(*import));
    if (!import)
        return 1;
    int exit_status = 2;
    if (read_settings(&argc, argv, &import->settings, &err) == LAT_OK) {
        import->collection = argv[1];
        import->bar.label = import->collection;
        import->bar.quiet = import->settings.quiet;
        import->bar.start_ns = lat_clock_ns();
        lat_urgency_set(LAT_BULK);
        enum lat_status status = prepare(import, &err);
        if (status == LAT_OK)
            status = read_paths(import, argv + 2, argc - 2, &err);
        const uint64_t failed = import->sender ? print_summary(import) : 0;
        exit_status = status == LAT_OK && !failed ? 0 : 1;
    }
    if (err.status != LAT_OK)
        exit_status = exit_status == 2 ? lat_command_misused("import", &err)
                                       : lat_command_failed("import", &err);
    lat_import_sender_free(import->sender);
    lat_import_known_free(import->known);
    lat_text_set_release(&import->given);
    lat_arena_release(&import->ids);
    lat_import_metadata_free(import->metadata);
    lat_import_model_release(&import->model);
    lat_free(import);
    return exit_status;
}
