/* latentd bench: searches of a running server's collection from several connections at once,
 * each a thread that sends its next request when the last one is answered. What the client
 * itself costs is in the figures; the ratios to what the machine could do at best are measured
 * by scripts/bench. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/sync.h"
#include "base/text.h"
#include "cli/bench_queries.h"
#include "cli/command.h"
#include "cli/commands.h"

#include "base/banned.h"

enum { CONNECTIONS_MAX = 256 };

struct bench_settings {
    char server[512], key[520], by[16], filter[4096];
    int64_t k, connections, queries;
    double seconds;
    bool json;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(bench_settings, server, LAT_SETTING_TEXT, "http://127.0.0.1:8080", 0, 0,
                    "URL", "the server"),
    LAT_SETTING_ROW(bench_settings, key, LAT_SETTING_TEXT, "", 0, 0, "KEY",
                    "its key, if it wants one (scope read)"),
    LAT_SETTING_ROW(bench_settings, by, LAT_SETTING_TEXT, "id", 0, 0, "KIND",
                    "what is searched by: id, code (raw float32) or input (stored pictures)"),
    LAT_SETTING_ROW(bench_settings, k, LAT_SETTING_INT, "10", 1, 10000, "N",
                    "results of a search"),
    LAT_SETTING_ROW(bench_settings, filter, LAT_SETTING_TEXT, "", 0, 0, "JSON",
                    "of every search"),
    LAT_SETTING_ROW(bench_settings, queries, LAT_SETTING_INT, "200", 1, 1000, "N",
                    "different searches, made of the first items; they are sent in turn"),
    LAT_SETTING_ROW(bench_settings, connections, LAT_SETTING_INT, "16", 1, CONNECTIONS_MAX, "N",
                    "requests under way at once"),
    LAT_SETTING_ROW(bench_settings, seconds, LAT_SETTING_REAL, "5", 0.1, 3600, "S",
                    "how long to ask"),
    LAT_SETTING_ROW(bench_settings, json, LAT_SETTING_BOOL, "false", 0, 0, NULL,
                    "print the result as JSON"),
};

struct bench {
    struct bench_settings settings;
    const char *collection;
    enum lat_bench_kind kind;
    struct lat_bench_queries queries;
    uint64_t until_ns;
    atomic_size_t next;
};

/* One connection; only its own thread touches it while that runs. */
struct sender {
    struct bench *bench;
    struct lat_client *client;
    pthread_t thread;
    bool started;
    float *ms; /* of each answered request */
    size_t n, capacity, failed;
    char words[512]; /* of the first failure, "" for none */
};

struct result {
    float *ms; /* ascending */
    size_t n, failed;
    double seconds;
    const char *words;
};

/* ---- asking ---- */

static bool note(struct sender *sender, uint64_t ns)
{
    if (sender->n == sender->capacity) {
        const size_t capacity = sender->capacity ? 2 * sender->capacity : 1024;
        float *ms = lat_realloc(sender->ms, capacity, sizeof(*ms));
        if (!ms)
            return false;
        sender->ms = ms;
        sender->capacity = capacity;
    }
    sender->ms[sender->n++] = (float)((double)ns / (double)LAT_NS_PER_MS);
    return true;
}

static void *run_sender(void *argument)
{
    struct sender *sender = argument;
    struct bench *bench = sender->bench;
    struct lat_buf reply = {0};
    while (lat_clock_ns() < bench->until_ns) {
        struct lat_error err = LAT_ERROR_INIT;
        const size_t i = atomic_fetch_add(&bench->next, 1) % bench->queries.n;
        const struct lat_bench_query *query = &bench->queries.list[i];
        const uint64_t start = lat_clock_ns();
        long http = 0;
        const enum lat_status status =
            lat_client_send(sender->client, "POST", bench->queries.path, query->type,
                            &query->body, &reply, &http, &err);
        if (status != LAT_OK || http != 200) {
            sender->failed++;
            if (!sender->words[0] && status != LAT_OK)
                snprintf(sender->words, sizeof(sender->words), "%s", err.message);
            else if (!sender->words[0])
                lat_client_words(&reply, http, sender->words, sizeof(sender->words));
            if (status != LAT_OK)
                break; /* nobody is there */
        } else if (!note(sender, lat_clock_ns() - start)) {
            snprintf(sender->words, sizeof(sender->words), "out of memory");
            sender->failed++;
            break;
        }
    }
    lat_buf_release(&reply);
    return NULL;
}

static int ascending(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

/* What all senders have seen, in one. */
static enum lat_status gather(const struct sender *senders, size_t n, struct result *result,
                              struct lat_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += senders[i].n;
        result->failed += senders[i].failed;
        if (senders[i].words[0])
            result->words = senders[i].words;
    }
    result->ms = lat_alloc_raw(total ? total : 1, sizeof(*result->ms));
    if (!result->ms)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (senders[i].n)
            memcpy(result->ms + result->n, senders[i].ms, senders[i].n * sizeof(*result->ms));
        result->n += senders[i].n;
    }
    if (total > 1)
        qsort(result->ms, total, sizeof(*result->ms), ascending);
    return LAT_OK;
}

static enum lat_status run_senders(struct bench *bench, struct sender *senders,
                                   struct result *result, struct lat_error *err)
{
    const size_t n = (size_t)bench->settings.connections;
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        senders[i].bench = bench;
        status = lat_client_new(bench->settings.server, bench->settings.key, &senders[i].client,
                                err);
    }
    const uint64_t start = lat_clock_ns();
    bench->until_ns = start + (uint64_t)(bench->settings.seconds * (double)LAT_NS_PER_S);
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        status = lat_thread_start(&senders[i].thread, "bench", run_sender, &senders[i], err);
        senders[i].started = status == LAT_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (senders[i].started)
            pthread_join(senders[i].thread, NULL);
    result->seconds = (double)(lat_clock_ns() - start) / (double)LAT_NS_PER_S;
    return status == LAT_OK ? gather(senders, n, result, err) : status;
}

/* ---- what came of it ---- */

static double quantile(const struct result *result, double share)
{
    if (!result->n)
        return 0;
    const size_t at = (size_t)(share * (double)(result->n - 1) + 0.5);
    return (double)result->ms[at];
}

static void print_result(const struct bench *bench, const struct result *result)
{
    const double rate = (double)result->n / result->seconds;
    const double p50 = quantile(result, 0.5), p99 = quantile(result, 0.99);
    const char *by = lat_bench_kind_names[bench->kind];
    const int connections = (int)bench->settings.connections;
    if (bench->settings.json)
        printf("{\"collection\":\"%s\",\"by\":\"%s\",\"k\":%d,\"connections\":%d,"
               "\"queries\":%zu,\"seconds\":%.3f,\"searches\":%zu,\"failed\":%zu,"
               "\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
               bench->collection, by, (int)bench->settings.k, connections, bench->queries.n,
               result->seconds, result->n, result->failed, rate, p50, p99, quantile(result, 1));
    else
        printf(
            "%s: %zu searches by %s in %.1f s on %d connections: %.0f a second, half of them "
            "within %.2f ms, 99 %% within %.2f ms, %zu failed\n",
            bench->collection, result->n, by, result->seconds, connections, rate, p50, p99,
            result->failed);
    fflush(stdout);
}

static enum lat_status prepare(struct bench *bench, struct lat_error *err)
{
    struct lat_client *client = NULL;
    const struct lat_bench_subject subject = {.collection = bench->collection,
                                              .kind = bench->kind,
                                              .n = (size_t)bench->settings.queries,
                                              .k = (size_t)bench->settings.k,
                                              .filter = bench->settings.filter};
    enum lat_status status =
        lat_client_new(bench->settings.server, bench->settings.key, &client, err);
    if (status == LAT_OK)
        status = lat_bench_queries_read(client, &subject, &bench->queries, err);
    lat_client_free(client);
    return status;
}

static int run(struct bench *bench)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct result result = {.words = ""};
    const size_t n = (size_t)bench->settings.connections;
    struct sender *senders = lat_alloc(n, sizeof(*senders));
    enum lat_status status = senders ? prepare(bench, &err) : lat_fail_memory(&err);
    if (status == LAT_OK)
        status = run_senders(bench, senders, &result, &err);
    if (status == LAT_OK)
        print_result(bench, &result);
    if (status != LAT_OK)
        lat_command_failed("bench", &err);
    else if (result.failed)
        fprintf(stderr, "latentd: bench: %zu searches failed: %s\n", result.failed,
                result.words);
    for (size_t i = 0; senders && i < n; i++) {
        lat_client_free(senders[i].client);
        lat_free(senders[i].ms);
    }
    lat_free(senders);
    lat_free(result.ms);
    lat_bench_queries_release(&bench->queries);
    return status == LAT_OK && !result.failed ? 0 : 1;
}

/* ---- the command ---- */

static void print_help(void)
{
    printf(
        "usage: latentd bench COLLECTION [OPTIONS]\n\n"
        "Searches a collection of a running server from several connections at once and says\n"
        "how many searches a second it answers, and how long they take. Nothing is changed.\n"
        "The client's own cost is in the figures; a search that is refused because the server\n"
        "is busy is sent again, and its waiting counted.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

static enum lat_status read_arguments(struct bench *bench, int argc, char **argv,
                                      struct lat_error *err)
{
    const size_t n = LAT_ARRAY_LEN(rows);
    struct bench_settings *settings = &bench->settings;
    size_t kind = 0;
    enum lat_status status = lat_settings_defaults(rows, n, settings, err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, settings, &argc, argv, err);
    if (status == LAT_OK && argc != 2)
        status = lat_fail(err, LAT_INVALID, NULL, "expected one COLLECTION, not %d", argc - 1);
    if (status == LAT_OK && !lat_name_valid(argv[1]))
        status =
            lat_fail(err, LAT_INVALID, NULL, "'%.64s' is no name of a collection", argv[1]);
    if (status == LAT_OK)
        status = lat_setting_choice("--by", settings->by, lat_bench_kind_names,
                                    LAT_ARRAY_LEN(lat_bench_kind_names), &kind, err);
    if (status == LAT_OK)
        status = lat_client_check(settings->server, err);
    bench->kind = (enum lat_bench_kind)kind;
    bench->collection = argv[1];
    return status;
}

int lat_cmd_bench(int argc, char **argv)
{
    struct bench bench = {.collection = ""};
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    if (read_arguments(&bench, argc, argv, &err) != LAT_OK)
        return lat_command_misused("bench", &err);
    return run(&bench);
}
