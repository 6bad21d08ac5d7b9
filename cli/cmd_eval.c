/* latentd eval: a model and data in, numbers out. What takes long (--samples) shows a line of
 * progress on a terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/sync.h"
#include "base/text.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/models.h"
#include "model/train/evaluate.h"

#include "base/banned.h"

enum { DATA_MAX = 4096 };

struct eval_settings {
    char models[LAT_PATH_MAX], data[DATA_MAX], errors[LAT_PATH_MAX], labels[LAT_PATH_MAX],
        train_data[DATA_MAX], split[16], database[DATA_MAX], database_labels[LAT_PATH_MAX],
        codes[LAT_PATH_MAX], corrupt[64];
    bool pca, json;
    int64_t threads, queries, items, samples, pca_width, seed;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(eval_settings, models, LAT_SETTING_TEXT, "models", 0, 0, "DIR",
                    "folder of packages"),
    LAT_SETTING_ROW(
        eval_settings, data, LAT_SETTING_TEXT, "", 0, 0, "JSON-or-FILE",
        "what to measure on: a file or folder, or a data object as in a training spec"),
    LAT_SETTING_ROW(eval_settings, split, LAT_SETTING_TEXT, "all", 0, 0, "PART",
                    "all, or of the very data trained on: train, validation"),
    LAT_SETTING_ROW(eval_settings, items, LAT_SETTING_INT, "0", 0, INT32_MAX, "N",
                    "measure only N items, evenly spread; 0 = all"),
    LAT_SETTING_ROW(eval_settings, samples, LAT_SETTING_INT, "0", 0, 10000000, "N",
                    "of a gaussian code: the likelihood by N importance samples an item"),
    LAT_SETTING_ROW(eval_settings, pca, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "beside it PCA of equal width, fitted on the training data"),
    LAT_SETTING_ROW(eval_settings, pca_width, LAT_SETTING_INT, "0", 0, 65536, "N",
                    "components of that PCA, 0 = as many as the code has numbers"),
    LAT_SETTING_ROW(
        eval_settings, corrupt, LAT_SETTING_TEXT, "", 0, 0, "TYPE:LEVEL",
        "give the model pictures with noise, as in gaussian:0.5, and measure how near "
        "it comes to the clean ones"),
    LAT_SETTING_ROW(eval_settings, seed, LAT_SETTING_INT, "1", 0, INT32_MAX, "N",
                    "of that noise"),
    LAT_SETTING_ROW(eval_settings, codes, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "write all codes to it, as NPY [items, numbers]"),
    LAT_SETTING_ROW(eval_settings, train_data, LAT_SETTING_TEXT, "", 0, 0, "JSON-or-FILE",
                    "what PCA is fitted on, instead of what the package's record names"),
    LAT_SETTING_ROW(eval_settings, errors, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "write every item's error to it, as CSV"),
    LAT_SETTING_ROW(eval_settings, labels, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "labels (IDX, NPY, or one a line): measures search by them"),
    LAT_SETTING_ROW(eval_settings, database, LAT_SETTING_TEXT, "", 0, 0, "JSON-or-FILE",
                    "what is searched, instead of all other items"),
    LAT_SETTING_ROW(eval_settings, database_labels, LAT_SETTING_TEXT, "", 0, 0, "FILE",
                    "labels of the database"),
    LAT_SETTING_ROW(eval_settings, queries, LAT_SETTING_INT, "0", 0, INT32_MAX, "N",
                    "only the first N items are searched for, in the database; 0 = all"),
    LAT_SETTING_ROW(eval_settings, threads, LAT_SETTING_INT, "0", 0, 1024, "N",
                    "threads of a run, 0 = one a CPU"),
    LAT_SETTING_ROW(eval_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print the result as JSON"),
};

/* ---- results ---- */

static void member(struct lat_buf *out, const char *prefix, double value)
{
    lat_buf_text(out, prefix);
    lat_buf_json_double(out, value);
}

static void likeness_member(struct lat_buf *out, const char *prefix,
                            const struct lat_likeness *likeness)
{
    lat_buf_text(out, prefix);
    member(out, "{\"squared_error\":", likeness->squared_error);
    member(out, ",\"psnr\":", likeness->psnr);
    lat_buf_char(out, '}');
}

static void print_json(const struct lat_evaluation *evaluation)
{
    const struct lat_evaluation *e = evaluation;
    struct lat_buf out = {0};
    lat_buf_text(&out, "{\"model\":");
    lat_buf_json_string(&out, e->reference, strlen(e->reference));
    lat_buf_printf(&out, ",\"items\":%zu", e->n);
    if (e->decoded) {
        member(&out, ",\"squared_error\":{\"sum\":", e->squared_error_sum);
        member(&out, ",\"mean\":", e->squared_error_mean);
        member(&out, "},\"negative_log_likelihood\":", e->negative_log_likelihood);
    } else {
        lat_buf_text(&out, ",\"squared_error\":null,\"negative_log_likelihood\":null");
    }
    if (e->samples) {
        member(&out, ",\"elbo\":", e->elbo);
        lat_buf_printf(&out, ",\"samples\":%u", e->samples);
    }
    if (e->binarised > LAT_BINARISE_NONE)
        lat_buf_text(&out, ",\"binarised\":true");
    if (e->has_pca) {
        member(&out, ",\"pca\":{\"squared_error\":", e->pca_squared_error);
        lat_buf_char(&out, '}');
    }
    if (e->has_denoising) {
        likeness_member(&out, ",\"denoising\":{\"noisy\":", &e->noisy);
        likeness_member(&out, ",\"denoised\":", &e->denoised);
        if (e->has_pca)
            likeness_member(&out, ",\"pca\":", &e->pca_denoised);
        lat_buf_char(&out, '}');
    }
    if (e->has_retrieval) {
        member(&out, ",\"retrieval\":{\"map_at_1000\":", e->retrieval.map_at_1000);
        member(&out, ",\"precision_at_10\":", e->retrieval.precision_at_10);
        lat_buf_char(&out, '}');
    }
    lat_buf_text(&out, "}\n");
    if (lat_buf_check(&out, NULL) == LAT_OK)
        fwrite(out.data, 1, out.len, stdout);
    lat_buf_release(&out);
}

static void print_text(const struct lat_evaluation *evaluation)
{
    const struct lat_evaluation *e = evaluation;
    printf("model                    %s\n", e->reference);
    printf("items                    %zu\n", e->n);
    if (e->decoded) {
        printf("squared error            %.5g an item, %.5g an element\n", e->squared_error_sum,
               e->squared_error_mean);
        if (isfinite(e->negative_log_likelihood))
            printf("negative log-likelihood  %.5g an item%s\n", e->negative_log_likelihood,
                   e->samples ? "" : ", decoded from the code");
        if (e->samples)
            printf("  by importance samples  %u an item; lower bound (ELBO) %.5g\n", e->samples,
                   e->elbo);
        if (e->binarised > LAT_BINARISE_NONE)
            printf("items are                zeroes and ones drawn from the data\n");
    } else {
        printf("squared error            none: the model has no decoder\n");
    }
    if (e->has_pca)
        printf("PCA of %-4zu components   %.5g an item\n", e->pca_width, e->pca_squared_error);
    if (e->has_denoising) {
        printf("noisy                    %.2f dB\n", e->noisy.psnr);
        printf("denoised                 %.2f dB\n", e->denoised.psnr);
        if (e->has_pca)
            printf("by PCA                   %.2f dB\n", e->pca_denoised.psnr);
    }
    if (e->has_retrieval) {
        printf("mAP@1000                 %.4f\n", e->retrieval.map_at_1000);
        printf("precision@10             %.4f\n", e->retrieval.precision_at_10);
    }
}

/* ---- progress ---- */

static void on_progress(void *context, size_t done, size_t n)
{
    struct lat_bar *bar = context;
    if (!lat_bar_is_due(bar))
        return;
    lat_bar_line(bar, (double)done / (double)n, "%zu/%zu items  ETA %.0f s", done, n,
                 lat_bar_seconds(bar) / (double)done * (double)(n - done));
}

/* ---- the command ---- */

static void print_help(void)
{
    printf("usage: latentd eval MODEL --data JSON-or-FILE [OPTIONS]\n\n"
           "Measures how well a model (name or name@version) reconstructs and finds.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

/* "gaussian:0.5" in place: the type, and the level behind the colon. */
static enum lat_status read_corrupt(char *text, struct lat_eval_options *out_options,
                                    struct lat_error *err)
{
    char *colon = strchr(text, ':');
    double level = 0;
    if (!text[0])
        return LAT_OK;
    if (!colon || !lat_parse_double(colon + 1, &level) || !(level >= 0) || !isfinite(level))
        return lat_fail(err, LAT_INVALID, NULL,
                        "--corrupt: expected TYPE:LEVEL, as in gaussian:0.5, not '%s'", text);
    *colon = '\0';
    out_options->corruption = text;
    out_options->corruption_level = level;
    return LAT_OK;
}

static enum lat_status read_split(const char *word, enum lat_eval_split *out_split,
                                  struct lat_error *err)
{
    size_t split = 0;
    const enum lat_status status =
        lat_setting_choice("--split", word, lat_eval_split_names,
                           LAT_ARRAY_LEN(lat_eval_split_names), &split, err);
    *out_split = (enum lat_eval_split)split;
    return status;
}

static enum lat_status check_search(const struct eval_settings *settings, struct lat_error *err)
{
    const bool database = settings->database[0] != '\0';
    if (database && !settings->labels[0])
        return lat_fail(err, LAT_INVALID, NULL, "--database needs --labels FILE");
    if (database != (settings->database_labels[0] != '\0'))
        return lat_fail(err, LAT_INVALID, NULL,
                        "--database and --database-labels need each other");
    if (settings->queries && !database)
        return lat_fail(err, LAT_INVALID, NULL, "--queries needs --database");
    return LAT_OK;
}

static enum lat_status read_request(int argc, char **argv, struct eval_settings *settings,
                                    struct lat_eval_options *out_options, struct lat_error *err)
{
    const size_t n = LAT_ARRAY_LEN(rows);
    enum lat_status status = lat_settings_defaults(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_environment(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, settings, &argc, argv, err);
    if (status == LAT_OK && argc != 2)
        status = lat_fail(err, LAT_INVALID, NULL, "expected one MODEL");
    if (status == LAT_OK && !settings->data[0])
        status = lat_fail(err, LAT_INVALID, NULL, "expected --data JSON-or-FILE");
    if (status == LAT_OK)
        status = check_search(settings, err);
    if (status == LAT_OK)
        status = read_split(settings->split, &out_options->split, err);
    if (status == LAT_OK)
        status = read_corrupt(settings->corrupt, out_options, err);
    if (status != LAT_OK)
        return status;
    out_options->codes = settings->codes[0] ? settings->codes : NULL;
    out_options->seed = (uint64_t)settings->seed;
    out_options->pca_width = (size_t)settings->pca_width;
    out_options->model = argv[1];
    out_options->data = settings->data;
    out_options->errors = settings->errors[0] ? settings->errors : NULL;
    out_options->labels = settings->labels[0] ? settings->labels : NULL;
    out_options->train_data = settings->train_data[0] ? settings->train_data : NULL;
    out_options->database = settings->database[0] ? settings->database : NULL;
    out_options->database_labels = settings->database_labels;
    out_options->n_queries = (size_t)settings->queries;
    out_options->pca = settings->pca;
    out_options->n_items = (size_t)settings->items;
    out_options->samples = (uint32_t)settings->samples;
    out_options->threads = settings->threads ? (int)settings->threads : (int)lat_cpu_count();
    return LAT_OK;
}

static enum lat_status evaluate(const struct eval_settings *settings,
                                const struct lat_eval_options *options,
                                struct lat_evaluation *out_evaluation, struct lat_error *err)
{
    /* Importance samples keep the CPUs busy item by item: better than within a run. */
    const int threads = options->samples ? 1 : options->threads;
    struct lat_models models;
    enum lat_status status = lat_models_open(settings->models, threads, &models, err);
    if (status == LAT_OK)
        status = lat_evaluate(models.registry, options, out_evaluation, err);
    lat_models_close(&models);
    return status;
}

int lat_cmd_eval(int argc, char **argv)
{
    static struct eval_settings settings; /* 30 KB; the command runs once a process */
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_eval_options options = {0};
    struct lat_evaluation evaluation = {0};
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    if (read_request(argc, argv, &settings, &options, &err) != LAT_OK)
        return lat_command_misused("eval", &err);
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    struct lat_bar bar = {.label = "importance samples", .start_ns = lat_clock_ns()};
    options.progress = on_progress;
    options.context = &bar;
    const enum lat_status status = evaluate(&settings, &options, &evaluation, &err);
    lat_bar_end(&bar);
    if (status != LAT_OK)
        return lat_command_failed("eval", &err);
    if (evaluation.n_skipped)
        fprintf(stderr, "latentd: eval: %zu item(s) skipped; the first: %s\n",
                evaluation.n_skipped, evaluation.first_skipped);
    if (settings.json)
        print_json(&evaluation);
    else
        print_text(&evaluation);
    return 0;
}
