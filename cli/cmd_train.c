/* latentd train: a spec in, a package out. Ctrl-C asks the training to stop after the step
 * under way; a second one ends the program as usual. On a terminal one line shows where it is,
 * elsewhere a line is written an epoch; results go to stdout, everything else to stderr. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/settings.h"
#include "base/sync.h"
#include "base/text.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "model/train/trainer.h"

#include "base/banned.h"

enum { MAX_OVERRIDES = 128 };

struct train_settings {
    char models[LAT_PATH_MAX], checkpoint[LAT_PATH_MAX];
    bool resume, json;
    int64_t threads;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(train_settings, models, LAT_SETTING_TEXT, "models", 0, 0, "DIR",
                    "folder the package goes to, as DIR/NAME/VERSION"),
    LAT_SETTING_ROW(train_settings, resume, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "go on from the checkpoint of an interrupted training"),
    LAT_SETTING_ROW(train_settings, checkpoint, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "the checkpoint, instead of DIR/NAME/training.checkpoint"),
    LAT_SETTING_ROW(train_settings, threads, LAT_SETTING_INT, "0", 0, 1024, "N",
                    "threads of a step, 0 = one a CPU"),
    LAT_SETTING_ROW(train_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print the result as JSON"),
};

/* What the command line asks for. */
struct request {
    struct train_settings settings;
    const char *spec;
    const char *overrides[MAX_OVERRIDES];
    size_t n_overrides;
};

/* What the progress line knows. */
struct screen {
    const char *name;
    struct lat_bar bar;
};

static atomic_bool stop_wanted;

static void on_interrupt(int number)
{
    (void)number;
    atomic_store(&stop_wanted, true);
}

/* SIGINT and SIGTERM once; the second time they do what they always do. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- progress ---- */

static void format_number(double value, char *out, size_t size)
{
    if (isfinite(value))
        snprintf(out, size, "%.5g", value);
    else
        snprintf(out, size, "-");
}

static void format_duration(double seconds, char *out, size_t size)
{
    const unsigned long all = (unsigned long)fmin(fmax(seconds, 0), 359999) + 1;
    if (all >= 3600)
        snprintf(out, size, "%lu:%02lu:%02lu", all / 3600, all / 60 % 60, all % 60);
    else
        snprintf(out, size, "%lu:%02lu", all / 60, all % 60);
}

static void draw_bar(struct lat_bar *bar, const char *name,
                     const struct lat_train_progress *progress, const char *numbers)
{
    char label[LAT_NAME_MAX + 64];
    snprintf(label, sizeof(label), "%s %u/%u", name, progress->epoch, progress->epochs);
    bar->label = label;
    lat_bar_line(bar, (double)progress->step / (double)progress->steps, "%s", numbers);
    bar->label = NULL;
}

static void on_progress(void *context, const struct lat_train_progress *progress)
{
    struct screen *screen = context;
    char loss[32], validation[32], eta[32], numbers[192], name[LAT_NAME_MAX + 40];
    if (progress->past || (!progress->epoch_done && !lat_bar_is_due(&screen->bar)))
        return;
    if (progress->layer)
        snprintf(name, sizeof(name), "%s layer %u of %u", screen->name, progress->layer,
                 progress->layers);
    else
        snprintf(name, sizeof(name), "%s", screen->name);
    format_number(progress->loss, loss, sizeof(loss));
    format_number(progress->validation, validation, sizeof(validation));
    format_duration(progress->eta_s, eta, sizeof(eta));
    snprintf(numbers, sizeof(numbers),
             "loss %s  validation %s  rate %.3g  %.0f items/s  ETA %s", loss, validation,
             progress->rate, progress->items_per_second, eta);
    if (!progress->epoch_done) {
        draw_bar(&screen->bar, name, progress, numbers);
        return;
    }
    lat_bar_end(&screen->bar);
    fprintf(stderr, "%s %u/%u  %s\n", name, progress->epoch, progress->epochs, numbers);
}

static void on_note(void *context, const char *words)
{
    struct screen *screen = context;
    lat_bar_end(&screen->bar);
    fprintf(stderr, "%s: %s\n", screen->name, words);
}

/* ---- results ---- */

static void print_json(const struct lat_train_result *result)
{
    struct lat_buf out = {0};
    lat_buf_char(&out, '{');
    lat_train_result_members(result, &out);
    lat_buf_text(&out, ",\"folder\":");
    lat_buf_json_string(&out, result->folder, strlen(result->folder));
    lat_buf_text(&out, "}\n");
    if (lat_buf_check(&out, NULL) == LAT_OK)
        fwrite(out.data, 1, out.len, stdout);
    lat_buf_release(&out);
}

static void print_text(const struct lat_train_result *result)
{
    char bytes[32], loss[32], validation[32];
    lat_format_bytes(result->package_bytes, bytes, sizeof(bytes));
    format_number(result->loss, loss, sizeof(loss));
    format_number(result->validation, validation, sizeof(validation));
    printf("model          %s\n", result->reference);
    printf("folder         %s (%s)\n", result->folder, bytes);
    printf("items          %zu trained on, %zu held out, %zu skipped\n", result->n_train,
           result->n_validation, result->n_skipped);
    if (result->epochs) {
        printf("epochs         %u, best %u (%s), %.1f s\n", result->epochs, result->best_epoch,
               lat_train_end_names[result->end], result->seconds);
        printf("loss           %s, validation %s\n", loss, validation);
    }
    printf("squared error  %.5g an item, of %s\n", result->squared_error,
           result->n_validation ? "those held out" : "those trained on");
}

/* ---- the command ---- */

static void print_help(void)
{
    printf("usage: latentd train SPEC.json [--set PATH=VALUE]... [OPTIONS]\n\n"
           "Trains a model from a specification and writes it as a package.\n\n"
           "  --set PATH=VALUE  put VALUE into the spec, as in --set optimizer.rate=0.01\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

/* Takes --set out of argv, which packs the rest to the front. */
static enum lat_status take_overrides(int *inout_argc, char **argv, struct request *request,
                                      struct lat_error *err)
{
    int kept = 1;
    for (int i = 1; i < *inout_argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--set") == 0 && i + 1 < *inout_argc)
            value = argv[++i];
        else if (strncmp(argv[i], "--set=", 6) == 0)
            value = argv[i] + 6;
        else if (strcmp(argv[i], "--set") == 0)
            return lat_fail(err, LAT_INVALID, NULL, "--set wants PATH=VALUE");
        else
            argv[kept++] = argv[i];
        if (value && !strchr(value, '='))
            return lat_fail(err, LAT_INVALID, NULL, "--set: expected PATH=VALUE, not '%s'",
                            value);
        if (value && request->n_overrides == MAX_OVERRIDES)
            return lat_fail(err, LAT_INVALID, NULL, "more than %d --set", MAX_OVERRIDES);
        if (value)
            request->overrides[request->n_overrides++] = value;
    }
    argv[kept] = NULL;
    *inout_argc = kept;
    return LAT_OK;
}

static enum lat_status read_request(int argc, char **argv, struct request *out_request,
                                    struct lat_error *err)
{
    const size_t n = LAT_ARRAY_LEN(rows);
    enum lat_status status = take_overrides(&argc, argv, out_request, err);
    if (status == LAT_OK)
        status = lat_settings_defaults(rows, n, &out_request->settings, err);
    if (status == LAT_OK)
        status = lat_settings_environment(rows, n, &out_request->settings, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, &out_request->settings, &argc, argv, err);
    if (status == LAT_OK && argc != 2)
        status = lat_fail(err, LAT_INVALID, NULL, "expected one SPEC.json");
    if (status == LAT_OK)
        out_request->spec = argv[1];
    return status;
}

static enum lat_status train(const struct request *request, struct lat_train_result *out_result,
                             struct lat_error *err)
{
    const struct train_settings *settings = &request->settings;
    struct lat_engine *engine = NULL;
    struct lat_spec spec = {0};
    enum lat_status status =
        lat_spec_read(request->spec, request->overrides, request->n_overrides, &spec, err);
    if (status == LAT_OK)
        status = lat_engine_new(&engine, err);
    if (status == LAT_OK) {
        struct screen screen = {.name = spec.name};
        const struct lat_train_options options = {
            .models = settings->models,
            .checkpoint = settings->checkpoint[0] ? settings->checkpoint : NULL,
            .resume = settings->resume,
            .threads = settings->threads ? (int)settings->threads : (int)lat_cpu_count(),
            .stop = &stop_wanted,
            .progress = on_progress,
            .note = on_note,
            .context = &screen};
        catch_interrupts();
        status = lat_train(engine, &spec, &options, out_result, err);
        lat_bar_end(&screen.bar);
    }
    lat_engine_free(engine);
    lat_spec_release(&spec);
    return status;
}

int lat_cmd_train(int argc, char **argv)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct request request = {0};
    struct lat_train_result result = {0};
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    if (read_request(argc, argv, &request, &err) != LAT_OK)
        return lat_command_misused("train", &err);
    if (train(&request, &result, &err) != LAT_OK)
        return lat_command_failed("train", &err);
    if (request.settings.json)
        print_json(&result);
    else
        print_text(&result);
    return 0;
}
