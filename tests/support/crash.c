/* Lines are shorter than PIPE_BUF: a kill leaves whole lines or none. */
#include "tests/support/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

bool crash_once(const struct crash *crash, struct lat_rng *rng)
{
    _Alignas(max_align_t) char line[CRASH_LINE_MAX];
    int ends[2];
    if (pipe(ends) != 0)
        exit(1);
    const pid_t pid = fork();
    if (pid < 0)
        exit(1);
    if (pid == 0) {
        close(ends[0]);
        crash->child(ends[1], lat_rng_next(rng), crash->context);
        _exit(0);
    }
    close(ends[1]);
    const uint64_t life = lat_rng_below(rng, crash->life_ms) * LAT_NS_PER_MS;
    const struct timespec pause = {.tv_sec = (time_t)(life / LAT_NS_PER_S),
                                   .tv_nsec = (long)(life % LAT_NS_PER_S)};
    bool killed = false;
    while (read(ends[0], line, crash->line_len) == (ssize_t)crash->line_len) {
        crash->hear(line);
        if (!killed) { /* a life counted from its first word; any moment will do */
            nanosleep(&pause, NULL);
            kill(pid, SIGKILL);
            killed = true;
        }
    }
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    lat_rng_next(rng);
    if (!WIFSIGNALED(status))
        fprintf(stderr, "%s: the child ended by itself\n", crash->name);
    return WIFSIGNALED(status);
}

void crash_say(int pipe, const void *lines, size_t n, size_t line_len)
{
    if (write(pipe, lines, n * line_len) != (ssize_t)(n * line_len))
        _exit(4);
}

uint64_t crash_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}
