/* The settings of the server, a row each. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "service/app.h"
#include "service/keys.h"
#include "service/socket.h"

#include "base/banned.h"

#define TEXT(field, def, arg, help)                                                            \
    LAT_SETTING_ROW(lat_config, field, LAT_SETTING_TEXT, def, 0, 0, arg, help)
#define COUNT(field, def, lo, hi, arg, help)                                                   \
    LAT_SETTING_ROW(lat_config, field, LAT_SETTING_INT, def, lo, hi, arg, help)
#define BYTES(field, def, lo, hi, help)                                                        \
    LAT_SETTING_ROW(lat_config, field, LAT_SETTING_BYTES, def, lo, hi, "BYTES", help)

const struct lat_setting lat_config_rows[] = {
    TEXT(config, "", "FILE", "read settings from FILE, 'name = value' lines"),
    TEXT(data, "data", "DIR", "the collections' folder, created when absent"),
    TEXT(models, "models", "DIR", "the models' folder: NAME/VERSION/model.json"),
    TEXT(listen, "127.0.0.1:8080", "ADDR:PORT", "where to listen; port 0 picks a free one"),
    TEXT(api_keys, "", "LIST", "SCOPE:KEY[,SCOPE:KEY]; scopes read, write, admin"),
    TEXT(api_keys_file, "", "FILE",
         "lines 'SCOPE[,SCOPE] KEY', KEY in the clear or blake2b:HEX; see 'latentd keys'"),
    LAT_SETTING_ROW(lat_config, rate_limit, LAT_SETTING_REAL, "0", 0, 1e6, "N",
                    "requests a second of a key without its own limit; 0: any number"),
    LAT_SETTING_ROW(lat_config, rate_burst, LAT_SETTING_REAL, "0", 0, 1e6, "N",
                    "how many of them may come at once; 0: those of one second"),
    TEXT(tls_certificate, "", "FILE", "answer over TLS with this certificate chain (PEM)"),
    TEXT(tls_key, "", "FILE", "its private key (PEM)"),
    LAT_SETTING_ROW(lat_config, allow_anonymous, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "listen beyond loopback without keys"),
    BYTES(max_body, "64MiB", 1024, 0x1p34, "longest body of a request; import has no limit"),
    COUNT(max_batch, "1000", 1, 100000, "N", "items of a batch"),
    COUNT(max_k, "10000", 1, 1000000, "N", "results of a search"),
    COUNT(max_pixels, "50000000", 1, 1e9, "N", "pixels of a picture"),
    COUNT(max_depth, "64", 1, 1000, "N", "nesting of JSON"),
    COUNT(workers, "64", 1, 1024, "N", "threads that wait for commits and batches"),
    COUNT(queue, "1024", 1, 1000000, "N", "calls that may wait for a worker"),
    COUNT(network_threads, "0", 0, 64, "N", "threads that read and send; 0: a CPU each"),
    COUNT(inference_threads, "0", 0, 256, "N", "runs of a model at once; 0: a CPU each"),
    COUNT(max_connections, "4096", 8, 1000000, "N", "connections at once"),
    COUNT(timeout_ms, "30000", 10, 3600000, "MS",
          "a request's deadline, and the longest silence of a sender"),
    COUNT(drain_ms, "30000", 0, 3600000, "MS", "how long running calls may take at the end"),
    COUNT(max_encode_batch, "64", 1, 4096, "N", "rows that are joined into one run of a model"),
    COUNT(training_threads, "0", 0, 256, "N", "threads of a training; 0: half the CPUs"),
    TEXT(data_root, "", "DIR", "trainings may read files below DIR; none: only collections"),
    TEXT(log_level, "info", "LEVEL", "debug, info, warning, error or off"),
    TEXT(log_format, "json", "FORMAT", "json or text"),
};
const size_t lat_n_config_rows = LAT_ARRAY_LEN(lat_config_rows);

/* A copy of argv to be packed: reading arguments moves what is no option to the front. */
static char **copy_words(int argc, char **argv)
{
    char **words = lat_alloc((size_t)argc + 1, sizeof(*words));
    if (words && argc)
        memcpy(words, argv, (size_t)argc * sizeof(*words));
    return words;
}

/* Defaults and the two sources that may name a file. */
static enum lat_status read_outer(struct lat_config *config, int *inout_argc, char **argv,
                                  struct lat_error *err)
{
    enum lat_status status =
        lat_settings_environment(lat_config_rows, lat_n_config_rows, config, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(lat_config_rows, lat_n_config_rows, config, inout_argc,
                                        argv, err);
    return status;
}

static const char *const log_levels[] = {"debug", "info", "warning", "error", "off"};
static const char *const log_formats[] = {"json", "text"};

static enum lat_status read_log(const struct lat_config *config, size_t *out_level,
                                size_t *out_format, struct lat_error *err)
{
    const enum lat_status status = lat_setting_choice(
        "log_level", config->log_level, log_levels, LAT_ARRAY_LEN(log_levels), out_level, err);
    return status == LAT_OK ? lat_setting_choice("log_format", config->log_format, log_formats,
                                                 LAT_ARRAY_LEN(log_formats), out_format, err)
                            : status;
}

/* What the types of the rows do not say. */
static enum lat_status check(const struct lat_config *config, struct lat_error *err)
{
    struct lat_keys *keys = NULL;
    size_t level, format;
    enum lat_status status = lat_socket_check(config->listen, err);
    if (status == LAT_OK)
        status = read_log(config, &level, &format, err);
    const struct lat_keys_options options = {.inline_keys = config->api_keys};
    if (status == LAT_OK)
        status = lat_keys_new(&options, &keys, err);
    lat_keys_free(keys);
    if (status == LAT_OK && !config->tls_certificate[0] != !config->tls_key[0])
        status = lat_fail(err, LAT_INVALID, NULL,
                          "tls_certificate and tls_key: expected both or neither");
    return status;
}

/* What is wrong with the file is told apart from what is wrong with the call. */
static enum lat_status read_file(struct lat_config *config, const char *path,
                                 struct lat_error *err)
{
    struct lat_error failure = LAT_ERROR_INIT;
    enum lat_status status =
        lat_settings_defaults(lat_config_rows, lat_n_config_rows, config, &failure);
    if (status == LAT_OK)
        status = lat_settings_file(lat_config_rows, lat_n_config_rows, config, path, &failure);
    if (status == LAT_OK) {
        status = check(config, &failure);
        lat_error_prefix(&failure, "%s", path);
    }
    if (status != LAT_OK)
        lat_fail(err, status, "config_file", "%s", failure.message);
    return status;
}

enum lat_status lat_config_read(struct lat_config *config, int *inout_argc, char **argv,
                                struct lat_error *err)
{
    int argc = *inout_argc;
    char **words = copy_words(argc, argv);
    if (!words)
        return lat_fail_memory(err);
    char file[LAT_PATH_MAX];
    enum lat_status status =
        lat_settings_defaults(lat_config_rows, lat_n_config_rows, config, err);
    if (status == LAT_OK)
        status = read_outer(config, &argc, words, err);
    if (status == LAT_OK && config->config[0]) {
        memcpy(file, config->config, sizeof(file));
        status = read_file(config, file, err);
    }
    if (status == LAT_OK)
        status = read_outer(config, inout_argc, argv, err);
    if (status == LAT_OK)
        status = check(config, err);
    lat_free(words);
    return status;
}

enum lat_status lat_config_apply_log(const struct lat_config *config, struct lat_error *err)
{
    size_t level = 0, format = 0;
    const enum lat_status status = read_log(config, &level, &format, err);
    if (status == LAT_OK)
        lat_log_configure((enum lat_log_level)level, (enum lat_log_format)format);
    return status;
}
