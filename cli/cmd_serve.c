/* latentd serve: open, say when ready, wait for a signal, drain, close.
 *
 * Signals are blocked in every thread and taken by one. SIGHUP reads the settings again. Of the
 * others the first begins the draining (new calls get 503 at once, also while models still
 * load), the second ends the process on the spot. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/routes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "service/app.h"
#include "service/crypto.h"
#include "service/version.h"

#include "base/banned.h"

struct stopper {
    sigset_t signals;
    int argc; /* of the command, as the person wrote them: to read the settings again */
    char **argv;
    struct lat_mutex mutex;
    struct lat_cond asked;
    bool stop;           /* under the mutex, as is: */
    struct lat_app *app; /* NULL before it is open */
};

/* The environment is the one the process was started with, so it is the file that matters. */
static void reload(struct stopper *stopper)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_config *config = lat_alloc(1, sizeof(*config));
    char **words = lat_alloc((size_t)stopper->argc + 1, sizeof(*words));
    int argc = stopper->argc;
    enum lat_status status = config && words ? LAT_OK : lat_fail_memory(&err);
    if (words)
        memcpy(words, stopper->argv, (size_t)argc * sizeof(*words));
    if (status == LAT_OK)
        status = lat_config_read(config, &argc, words, &err);
    if (status != LAT_OK) {
        lat_log_error("settings not reloaded", &err);
    } else {
        lat_mutex_lock(&stopper->mutex);
        if (stopper->app)
            status = lat_app_reload(stopper->app, config, &err);
        lat_mutex_unlock(&stopper->mutex);
        lat_log(LAT_LOG_INFO, "settings reloaded", "\"whole\":%s",
                status == LAT_OK ? "true" : "false");
    }
    if (config)
        lat_wipe(config->api_keys, sizeof(config->api_keys));
    lat_free(config);
    lat_free(words);
}

static void *take_signals(void *argument)
{
    struct stopper *stopper = argument;
    for (int taken = 0;;) {
        int number = 0;
        if (sigwait(&stopper->signals, &number) != 0)
            continue;
        if (number == SIGHUP) {
            reload(stopper);
            continue;
        }
        if (taken++)
            _exit(1);
        lat_log(LAT_LOG_INFO, "stopping", "\"signal\":%d", number);
        lat_mutex_lock(&stopper->mutex);
        stopper->stop = true;
        if (stopper->app)
            lat_app_drain(stopper->app);
        lat_cond_broadcast(&stopper->asked);
        lat_mutex_unlock(&stopper->mutex);
    }
    return NULL;
}

static int fail(const struct lat_error *err)
{
    fprintf(stderr, "latentd: %s\n", err->message);
    return 1;
}

static int start_stopper(struct stopper *stopper, struct lat_error *err)
{
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stopper->signals);
    sigaddset(&stopper->signals, SIGTERM);
    sigaddset(&stopper->signals, SIGINT);
    sigaddset(&stopper->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &stopper->signals, NULL);
    lat_mutex_init(&stopper->mutex, LAT_RANK_APP, "stopper");
    lat_cond_init(&stopper->asked);
    if (lat_thread_start(&thread, "signals", take_signals, stopper, err) != LAT_OK)
        return fail(err);
    pthread_detach(thread); /* it waits for signals as long as the process lives */
    return 0;
}

/* As many open files as this process may have: every connection is one. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* glibc gives threads up to eight heaps a CPU, and each keeps what its busiest moment took. A
 * heap a CPU is enough for as many threads as can run, and the resident set stays flat. The
 * threshold is fixed so that glibc does not raise it: arrays that grow by copying go back to
 * the system instead of leaving holes. */
static void limit_heaps(void)
{
#ifdef M_ARENA_MAX
    const unsigned cpus = lat_cpu_count();
    mallopt(M_ARENA_MAX, cpus < 2 ? 2 : (int)cpus);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

static int serve(const struct lat_config *config, struct stopper *stopper)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_app *app = NULL;
    if (lat_app_open(config, &lat_api_routes, &app, &err) != LAT_OK)
        return fail(&err);
    lat_mutex_lock(&stopper->mutex);
    stopper->app = app;
    if (stopper->stop)
        lat_app_drain(app);
    lat_mutex_unlock(&stopper->mutex);
    const enum lat_status status = lat_app_wait_ready(app, &err);
    if (status == LAT_OK) {
        printf("latentd listening on %s://%s\n", app->tls ? "https" : "http",
               lat_http_address(app->http));
        fflush(stdout);
    }
    lat_mutex_lock(&stopper->mutex);
    while (status == LAT_OK && !stopper->stop)
        lat_cond_wait(&stopper->asked, &stopper->mutex);
    stopper->app = NULL;
    lat_mutex_unlock(&stopper->mutex);
    lat_app_close(app);
    lat_log(LAT_LOG_INFO, "stopped", NULL);
    return status == LAT_OK || status == LAT_CANCELLED ? 0 : fail(&err);
}

static void print_help(void)
{
    printf("usage: latentd serve [OPTIONS]\n\n"
           "Answers HTTP requests. Prints 'latentd listening on http://ADDR:PORT' when ready;\n"
           "SIGTERM and SIGINT end it once running calls are done; SIGHUP makes it read keys, "
           "rate\n"
           "limits, certificate and log settings again. Every option can also be\n"
           "set as LATENTD_<NAME> in the environment or as 'name = value' in the --config "
           "file.\n\n");
    lat_settings_help(lat_config_rows, lat_n_config_rows, stdout);
}

int lat_cmd_serve(int argc, char **argv)
{
    static struct lat_config config; /* several kB; read once */
    static struct stopper stopper;   /* outlives this function: the signals' thread has it */
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    stopper.argc = argc;
    stopper.argv = lat_alloc((size_t)argc + 1, sizeof(*argv)); /* argv is packed below */
    if (!stopper.argv) {
        lat_fail_memory(&err);
        return fail(&err);
    }
    memcpy(stopper.argv, argv, (size_t)argc * sizeof(*argv));
    if (lat_config_read(&config, &argc, argv, &err) != LAT_OK)
        return strcmp(err.code, "config_file") == 0 ? fail(&err)
                                                    : lat_command_misused("serve", &err);
    if (argc > 1) {
        lat_fail(&err, LAT_INVALID, NULL, "unexpected '%s'", argv[1]);
        return lat_command_misused("serve", &err);
    }
    if (lat_config_apply_log(&config, &err) != LAT_OK)
        return lat_command_misused("serve", &err);
    raise_file_limit();
    limit_heaps();
    if (start_stopper(&stopper, &err) != 0)
        return 1;
    lat_log(LAT_LOG_INFO, "starting", "\"version\":\"%s\"", lat_version());
    const int status = serve(&config, &stopper);
    lat_wipe(config.api_keys, sizeof(config.api_keys));
    return status;
}
