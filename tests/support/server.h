/* The real server as a child process, for tests and measurements.
 *
 * The program is $LATENTD_BIN, or build/latentd below the sources. It listens on a free port of
 * 127.0.0.1 that was chosen before, so that it can be asked while it is still loading. Its log
 * goes to `log` in the folder given. Not for two threads at once. Needs no Criterion. */
#ifndef LAT_TESTS_SERVER_H
#define LAT_TESTS_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

enum { SERVER_OPTIONS_MAX = 24 };

struct server {
    pid_t pid; /* 0 while not running */
    uint16_t port;
    int out;              /* its stdout, -1 when closed */
    char log[1024];       /* the path of its log */
    char url[64];         /* http://127.0.0.1:PORT */
    uint64_t launched_ns; /* lat_clock_ns of the exec */
};

/* Starts it on `data` (a folder; the log is DATA.log beside it) with further options, a
 * NULL-terminated list ("--workers", "8", NULL) or NULL. Does not wait. Aborts when it cannot
 * fork. */
void server_launch(struct server *server, const char *data, const char *models,
                   const char *const *options);
/* Starts it and waits for the ready line; aborts with the end of the log when it does not get
 * ready within a minute. */
void server_start(struct server *server, const char *data, const char *models,
                  const char *const *options);

/* Still there. */
bool server_alive(const struct server *server);
/* SIGKILL, and its end awaited. */
void server_kill(struct server *server);
/* SIGTERM, and its end awaited: the exit status, 128 + signal when one ended it, -1 after
 * `timeout_ms` (then it has been killed). */
int server_stop(struct server *server, unsigned timeout_ms);
/* Awaits an end that was asked for otherwise; as server_stop. */
int server_wait_end(struct server *server, unsigned timeout_ms);

/* Bytes of resident memory now; 0 when it has ended. */
size_t server_rss(const struct server *server);
/* Seconds of processor time used so far, user and system. */
double server_cpu(const struct server *server);
/* The value of one line of /metrics ("latentd_commits_total"), 0 when it is not there. */
double server_metric(const struct server *server, const char *series);

/* Runs latentd with the arguments (NULL-terminated, without the program), both streams
 * appended to `log` (NULL: thrown away). The exit status, 128 + signal. */
int server_run(const char *const *arguments, const char *log);
/* The same without waiting. */
pid_t server_spawn(const char *const *arguments, const char *log);
int server_reap(pid_t pid);

/* The path of the program. */
const char *server_program(void);

#endif
