/* latentd impute: a CSV file with holes in, the same file with them filled out. With --server a
 * running server does the work, block by block; else a model of the folder here. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/sync.h"
#include "base/text.h"
#include "cli/bar.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/impute_blocks.h"
#include "cli/models.h"
#include "model/impute_csv.h"

#include "base/banned.h"

enum { READ_AT_ONCE = 64 << 10, WORD_MAX = 64 };

struct impute_settings {
    char model[128], models[LAT_PATH_MAX], server[512], key[256], out[LAT_PATH_MAX],
        method[WORD_MAX], collection[LAT_NAME_MAX], on_invalid[WORD_MAX],
        min_confidence[WORD_MAX], missing[WORD_MAX];
    int64_t samples, seed, threads;
    bool quiet, json;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(impute_settings, model, LAT_SETTING_TEXT, "", 0, 0, "NAME",
                    "the model, or NAME@VERSION"),
    LAT_SETTING_ROW(impute_settings, out, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "where the result goes; standard output if not said"),
    LAT_SETTING_ROW(impute_settings, models, LAT_SETTING_TEXT, "models", 0, 0, "DIR",
                    "folder of packages"),
    LAT_SETTING_ROW(impute_settings, server, LAT_SETTING_TEXT, "", 0, 0, "URL",
                    "let a running server do it instead"),
    LAT_SETTING_ROW(impute_settings, key, LAT_SETTING_TEXT, "", 0, 0, "KEY",
                    "API key of that server"),
    LAT_SETTING_ROW(impute_settings, method, LAT_SETTING_TEXT, "", 0, 0, "WORD",
                    "reconstruction, importance or (with --server) neighbours; importance if "
                    "the model has a gaussian code"),
    LAT_SETTING_ROW(impute_settings, collection, LAT_SETTING_TEXT, "", 0, 0, "NAME",
                    "neighbours: where they are looked for"),
    LAT_SETTING_ROW(impute_settings, samples, LAT_SETTING_INT, "0", 0, LAT_IMPUTE_SAMPLES_MAX,
                    "N", "importance: codes drawn a row, 0 = 500"),
    LAT_SETTING_ROW(impute_settings, seed, LAT_SETTING_INT, "1", 0, INT32_MAX, "N",
                    "of what is drawn"),
    LAT_SETTING_ROW(impute_settings, min_confidence, LAT_SETTING_TEXT, "0", 0, 0, "X",
                    "holes that are less sure than this, from 0 to 1, stay holes"),
    LAT_SETTING_ROW(impute_settings, on_invalid, LAT_SETTING_TEXT, "error", 0, 0, "WORD",
                    "a cell the model cannot take: error, or flag, which leaves it as it is"),
    LAT_SETTING_ROW(impute_settings, missing, LAT_SETTING_TEXT, "", 0, 0, "MARK",
                    "one more mark of a hole, beside the empty cell, NA and ?"),
    LAT_SETTING_ROW(impute_settings, threads, LAT_SETTING_INT, "0", 0, 1024, "N",
                    "threads of a run here, 0 = one a CPU"),
    LAT_SETTING_ROW(impute_settings, quiet, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "no progress bar"),
    LAT_SETTING_ROW(impute_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print what was done as JSON; wants --out"),
};

/* One run of the command. */
struct job {
    const struct impute_settings *settings;
    const char *path;
    FILE *in, *out;
    char part[LAT_PATH_MAX + 8]; /* the result until it is whole; "" for standard output */
    uint64_t total, read;        /* bytes of the file; 0 where that cannot be told */
    struct lat_bar bar;          /* its clock is that of the run */
    char model[160];
    uint64_t n_rows, n_holes, n_filled;
    bool counted; /* holes, too */
};

/* ---- progress ---- */

static void draw_bar(struct job *job)
{
    if (!job->total || !lat_bar_is_due(&job->bar))
        return;
    const double seconds = lat_bar_seconds(&job->bar);
    lat_bar_line(&job->bar, (double)job->read / (double)job->total, "%" PRIu64 " rows, %.0f/s",
                 job->n_rows, seconds > 0 ? (double)job->n_rows / seconds : 0);
}

/* ---- the file ---- */

static enum lat_status open_files(struct job *job, struct lat_error *err)
{
    struct stat info;
    job->in = strcmp(job->path, "-") == 0 ? stdin : fopen(job->path, "rbe");
    if (!job->in)
        return lat_fail_errno(err, errno, "opening '%s'", job->path);
    if (fstat(fileno(job->in), &info) == 0 && S_ISREG(info.st_mode))
        job->total = (uint64_t)info.st_size;
    job->out = stdout;
    if (!job->settings->out[0])
        return LAT_OK;
    snprintf(job->part, sizeof(job->part), "%s.part", job->settings->out);
    job->out = fopen(job->part, "wbe");
    if (job->out)
        return LAT_OK;
    const int errnum = errno;
    snprintf(job->part, sizeof(job->part), "%s", "");
    return lat_fail_errno(err, errnum, "creating '%s.part'", job->settings->out);
}

static enum lat_status write_out(void *context, const char *bytes, size_t len,
                                 struct lat_error *err)
{
    struct job *job = context;
    if (fwrite(bytes, 1, len, job->out) != len)
        return lat_fail_errno(err, errno, "writing the result");
    draw_bar(job);
    return LAT_OK;
}

static enum lat_status close_files(struct job *job, enum lat_status status,
                                   struct lat_error *err)
{
    if (job->in && job->in != stdin)
        fclose(job->in);
    if (job->out && job->out == stdout && fflush(stdout) != 0 && status == LAT_OK)
        return lat_fail_errno(err, errno, "writing the result");
    if (!job->part[0])
        return status;
    if (fclose(job->out) != 0 && status == LAT_OK)
        status = lat_fail_errno(err, errno, "writing '%s'", job->part);
    if (status == LAT_OK)
        return lat_file_publish(job->part, job->settings->out, err);
    unlink(job->part);
    return status;
}

/* Gives the file to `feed`, a piece at a time. */
static enum lat_status read_in(struct job *job,
                               enum lat_status (*feed)(void *context, const char *bytes,
                                                       size_t len, struct lat_error *err),
                               void *context, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    char *bytes = lat_alloc_raw(READ_AT_ONCE, 1);
    if (!bytes)
        return lat_fail_memory(err);
    for (size_t n = 1; status == LAT_OK && n;) {
        n = fread(bytes, 1, READ_AT_ONCE, job->in);
        job->read += n;
        if (n)
            status = feed(context, bytes, n, err);
        else if (ferror(job->in))
            status = lat_fail_errno(err, errno, "reading '%s'", job->path);
    }
    lat_free(bytes);
    return status;
}

/* ---- here ---- */

struct local {
    struct job *job;
    struct lat_model *model;
    struct lat_impute_options options;
    struct lat_impute_csv *csv;
    uint64_t first;
};

static enum lat_status impute_here(void *context, const float *values, size_t n,
                                   struct lat_imputed *out, struct lat_error *err)
{
    struct local *local = context;
    const struct lat_impute_engine engine = lat_impute_engine_of(local->model);
    local->options.first = local->first;
    local->first += n;
    local->job->n_rows += n;
    return lat_impute(local->model, &engine, values, n, &local->options, out, err);
}

static enum lat_status write_here(void *context, const char *bytes, size_t len,
                                  struct lat_error *err)
{
    const struct local *local = context;
    return write_out(local->job, bytes, len, err);
}

static enum lat_status feed_here(void *context, const char *bytes, size_t len,
                                 struct lat_error *err)
{
    const struct local *local = context;
    return lat_impute_csv_feed(local->csv, bytes, len, err);
}

static enum lat_status run_model(struct job *job, struct lat_model *model,
                                 const struct lat_impute_options *options, double confidence,
                                 struct lat_error *err)
{
    const struct impute_settings *settings = job->settings;
    struct local local = {.job = job, .model = model, .options = *options};
    if (!settings->method[0])
        local.options.method = lat_impute_usual(model);
    enum lat_status status = lat_impute_check(model, local.options.method, err);
    if (status != LAT_OK)
        return status;
    const struct lat_impute_csv_options csv = {
        .table = lat_model_manifest(model)->input.table,
        .policy =
            strcmp(settings->on_invalid, "flag") == 0 ? LAT_IMPUTE_FLAG : LAT_IMPUTE_REFUSE,
        .missing = settings->missing[0] ? settings->missing : NULL,
        .min_confidence = confidence,
        .impute = impute_here,
        .write = write_here,
        .context = &local};
    status = lat_impute_csv_new(&csv, &local.csv, err);
    if (status == LAT_OK)
        status = read_in(job, feed_here, &local, err);
    if (status == LAT_OK)
        status = lat_impute_csv_end(local.csv, err);
    if (status == LAT_OK) {
        lat_impute_csv_count(local.csv, &job->n_rows, &job->n_holes, &job->n_filled);
        job->counted = true;
        snprintf(job->model, sizeof(job->model), "%s", lat_model_reference(model));
    }
    lat_impute_csv_free(local.csv);
    return status;
}

static enum lat_status run_here(struct job *job, const struct lat_impute_options *options,
                                double confidence, struct lat_error *err)
{
    const struct impute_settings *settings = job->settings;
    const int threads = settings->threads ? (int)settings->threads : (int)lat_cpu_count();
    struct lat_models models;
    struct lat_model *model = NULL;
    enum lat_status status = lat_models_open(settings->models, threads, &models, err);
    if (status == LAT_OK)
        status = lat_registry_load(models.registry, settings->model, err);
    if (status == LAT_OK)
        status = lat_registry_acquire(models.registry, settings->model, &model, err);
    if (status == LAT_OK)
        status = run_model(job, model, options, confidence, err);
    if (model)
        lat_model_release(model);
    lat_models_close(&models);
    return status;
}

/* ---- there ---- */

static enum lat_status sent_out(void *context, const char *bytes, size_t len, size_t n_rows,
                                struct lat_error *err)
{
    struct job *job = context;
    job->n_rows += n_rows;
    return write_out(job, bytes, len, err);
}

static enum lat_status run_there(struct job *job, struct lat_error *err)
{
    const struct impute_settings *settings = job->settings;
    struct lat_client *client = NULL;
    struct lat_buf path = {0};
    lat_buf_text(&path, "/v1/models/");
    lat_client_segment(&path, settings->model);
    lat_buf_printf(&path, "/impute?seed=%lld&on_invalid=%s&min_confidence=%s",
                   (long long)settings->seed, settings->on_invalid, settings->min_confidence);
    if (settings->samples)
        lat_buf_printf(&path, "&samples=%lld", (long long)settings->samples);
    const char *const names[] = {"method", "collection", "missing"};
    const char *const values[] = {settings->method, settings->collection, settings->missing};
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++) {
        if (!values[i][0])
            continue;
        lat_buf_printf(&path, "&%s=", names[i]);
        lat_client_segment(&path, values[i]);
    }
    lat_buf_char(&path, '\0');
    enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status = lat_client_new(settings->server, settings->key, &client, err);
    if (status == LAT_OK) {
        struct lat_impute_blocks blocks = {
            .client = client, .path = path.data, .write = sent_out, .context = job};
        status = read_in(job, lat_impute_blocks_feed, &blocks, err);
        if (status == LAT_OK)
            status = lat_impute_blocks_end(&blocks, err);
        lat_impute_blocks_release(&blocks);
    }
    snprintf(job->model, sizeof(job->model), "%s", settings->model);
    lat_client_free(client);
    lat_buf_release(&path);
    return status;
}

/* ---- the command ---- */

static enum lat_status read_request(int argc, char **argv, struct impute_settings *settings,
                                    struct lat_impute_options *out_options,
                                    double *out_confidence, struct lat_error *err)
{
    static const char *const policies[] = {"error", "flag"};
    const size_t n = LAT_ARRAY_LEN(rows);
    size_t choice = 0;
    enum lat_status status = lat_settings_defaults(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_environment(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, settings, &argc, argv, err);
    if (status == LAT_OK && argc != 2)
        status = lat_fail(err, LAT_INVALID, NULL, "expected one FILE");
    if (status == LAT_OK && !settings->model[0])
        status = lat_fail(err, LAT_INVALID, NULL, "expected --model NAME");
    if (status == LAT_OK && settings->json && !settings->out[0])
        status = lat_fail(err, LAT_INVALID, NULL, "--json wants --out FILE");
    if (status == LAT_OK && settings->server[0])
        status = lat_client_check(settings->server, err);
    if (status == LAT_OK)
        status =
            lat_setting_choice("--on-invalid", settings->on_invalid, policies, 2, &choice, err);
    if (status == LAT_OK && settings->method[0])
        status = lat_setting_choice("--method", settings->method, lat_impute_method_names,
                                    LAT_IMPUTE_METHODS, &choice, err);
    if (status != LAT_OK)
        return status;
    if (!lat_parse_double(settings->min_confidence, out_confidence) || *out_confidence < 0 ||
        *out_confidence > 1)
        return lat_fail(err, LAT_INVALID, NULL,
                        "--min-confidence: expected a number from 0 to 1, not '%s'",
                        settings->min_confidence);
    *out_options = (struct lat_impute_options){
        .method = (enum lat_impute_method)choice,
        .samples = settings->samples ? (uint32_t)settings->samples : LAT_IMPUTE_SAMPLES,
        .seed = (uint64_t)settings->seed,
        .interval = 0.9};
    if (settings->method[0] && choice != LAT_IMPUTE_IMPORTANCE && settings->samples)
        return lat_fail(err, LAT_INVALID, NULL, "--samples goes with --method importance");
    if (settings->method[0] && choice == LAT_IMPUTE_NEIGHBOURS && !settings->server[0])
        return lat_fail(err, LAT_INVALID, NULL,
                        "--method neighbours wants --server: collections are the server's");
    return LAT_OK;
}

static void print_summary(const struct job *job)
{
    const double seconds = lat_bar_seconds(&job->bar);
    struct lat_buf out = {0};
    lat_buf_text(&out, "{\"model\":");
    lat_buf_json_string(&out, job->model, strlen(job->model));
    lat_buf_printf(&out, ",\"rows\":%llu", (unsigned long long)job->n_rows);
    if (job->counted)
        lat_buf_printf(&out, ",\"holes\":%llu,\"filled\":%llu",
                       (unsigned long long)job->n_holes, (unsigned long long)job->n_filled);
    lat_buf_text(&out, ",\"out\":");
    lat_buf_json_string(&out, job->settings->out, strlen(job->settings->out));
    lat_buf_printf(&out, ",\"seconds\":%.3f}\n", seconds);
    if (lat_buf_check(&out, NULL) == LAT_OK)
        fwrite(out.data, 1, out.len, stdout);
    lat_buf_release(&out);
}

static void print_help(void)
{
    printf(
        "usage: latentd impute FILE --model NAME [OPTIONS]\n\n"
        "Fills in the missing cells of a CSV file. FILE (- for standard input) has a line of\n"
        "column names. What is not a hole comes out byte for byte as it went in.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

int lat_cmd_impute(int argc, char **argv)
{
    static struct impute_settings settings; /* the command runs once a process */
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_impute_options options = {0};
    double confidence = 0;
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    if (read_request(argc, argv, &settings, &options, &confidence, &err) != LAT_OK)
        return lat_command_misused("impute", &err);
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    struct job job = {
        .settings = &settings,
        .path = argv[1],
        .bar = {.label = "impute", .quiet = settings.quiet, .start_ns = lat_clock_ns()}};
    enum lat_status status = open_files(&job, &err);
    if (status == LAT_OK)
        status = settings.server[0] ? run_there(&job, &err)
                                    : run_here(&job, &options, confidence, &err);
    lat_bar_end(&job.bar);
    status = close_files(&job, status, &err);
    if (status != LAT_OK)
        return lat_command_failed("impute", &err);
    if (settings.json)
        print_summary(&job);
    return 0;
}
