#include "tests/support/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { READY_MS = 60000, LOG_TAIL = 2000, POLL_MS = 2 };

const char *server_program(void)
{
    const char *program = getenv("LATENTD_BIN");
    return program && *program ? program : LAT_SOURCE_DIR "/build/latentd";
}

static void give_up(const char *words)
{
    fprintf(stderr, "server: %s: %s\n", words, strerror(errno));
    abort();
}

/* A port nobody has now. Another process might take it before the server does: then the server
 * does not start, and says so. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        give_up("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: streams put in place, then the program. The parent's death is its own, so that
 * a broken test leaves nothing behind. */
static void become(char *const *argv, int out, const char *log)
{
    const int null = open("/dev/null", O_RDWR);
    const int err = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : null;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(out >= 0 ? out : err, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

void server_launch(struct server *server, const char *data, const char *models,
                   const char *const *options)
{
    char listen[32];
    char *argv[10 + SERVER_OPTIONS_MAX];
    int pipe_fds[2];
    size_t n = 0;
    *server = (struct server){.port = free_port()};
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", server->port);
    snprintf(server->url, sizeof(server->url), "http://%s", listen);
    snprintf(server->log, sizeof(server->log), "%s.log", data);
    const char *fixed[] = {server_program(), "serve", "--data",   data,
                           "--models",       models,  "--listen", listen};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        argv[n++] = (char *)(uintptr_t)fixed[i];
    for (size_t i = 0; options && options[i] && i < SERVER_OPTIONS_MAX; i++)
        argv[n++] = (char *)(uintptr_t)options[i];
    argv[n] = NULL;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        give_up("pipe");
    server->launched_ns = lat_clock_ns();
    server->pid = fork();
    if (server->pid < 0)
        give_up("fork");
    if (server->pid == 0)
        become(argv, pipe_fds[1], server->log);
    close(pipe_fds[1]);
    server->out = pipe_fds[0];
}

/* False when the process ended or `timeout_ms` passed before the ready line. */
static bool wait_ready(struct server *server, unsigned timeout_ms)
{
    const uint64_t deadline = lat_clock_ns() + timeout_ms * LAT_NS_PER_MS;
    char line[512];
    size_t len = 0;
    while (len < sizeof(line) - 1) {
        const uint64_t now = lat_clock_ns();
        struct pollfd poll_fd = {.fd = server->out, .events = POLLIN};
        if (now >= deadline ||
            poll(&poll_fd, 1, (int)((deadline - now) / LAT_NS_PER_MS) + 1) <= 0)
            return false;
        const ssize_t n = read(server->out, line + len, sizeof(line) - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        line[len] = '\0';
        if (strstr(line, "latentd listening on http://"))
            return true;
    }
    return false;
}

static void show_log(const char *path)
{
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_file_read(path, 1 << 20, &text, &err) == LAT_OK)
        fprintf(stderr, "%s\n", text.data + (text.len > LOG_TAIL ? text.len - LOG_TAIL : 0));
    lat_buf_release(&text);
}

void server_start(struct server *server, const char *data, const char *models,
                  const char *const *options)
{
    server_launch(server, data, models, options);
    if (wait_ready(server, READY_MS))
        return;
    fprintf(stderr, "the server does not get ready; the end of %s:\n", server->log);
    show_log(server->log);
    server_kill(server);
    abort();
}

/* The end of it: 128 + signal, the exit status, or -1 while it runs. */
static int ended(pid_t pid, int flags)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(pid, &status, flags);
    while (got < 0 && errno == EINTR);
    if (got != pid)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void forget(struct server *server)
{
    server->pid = 0;
    if (server->out >= 0)
        close(server->out);
    server->out = -1;
}

bool server_alive(const struct server *server)
{
    siginfo_t info = {0};
    return server->pid > 0 &&
           waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void server_kill(struct server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    (void)ended(server->pid, 0);
    forget(server);
}

int server_wait_end(struct server *server, unsigned timeout_ms)
{
    const uint64_t deadline = lat_clock_ns() + timeout_ms * LAT_NS_PER_MS;
    const struct timespec pause = {.tv_nsec = POLL_MS * (long)LAT_NS_PER_MS};
    int status;
    if (server->pid <= 0)
        return -1;
    while ((status = ended(server->pid, WNOHANG)) < 0) {
        if (lat_clock_ns() >= deadline) {
            server_kill(server);
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    forget(server);
    return status;
}

int server_stop(struct server *server, unsigned timeout_ms)
{
    if (server->pid <= 0)
        return -1;
    kill(server->pid, SIGTERM);
    return server_wait_end(server, timeout_ms);
}

/* A file of /proc/PID, at most size - 1 bytes of it. */
static bool read_proc(const struct server *server, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)server->pid, name);
    const int fd = server->pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

size_t server_rss(const struct server *server)
{
    char text[4096];
    if (!read_proc(server, "status", text, sizeof(text)))
        return 0;
    const char *at = strstr(text, "VmRSS:");
    return at ? strtoul(at + 6, NULL, 10) * 1024 : 0;
}

double server_cpu(const struct server *server)
{
    char text[2048];
    if (!read_proc(server, "stat", text, sizeof(text)))
        return 0;
    /* Fields 14 and 15, counted behind the name in parentheses, which is field 2. */
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    const unsigned long user = strtoul(at, &at, 10), sys = strtoul(at, NULL, 10);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

double server_metric(const struct server *server, const char *series)
{
    struct wire wire = {.fd = -1, .port = server->port};
    const size_t len = strlen(series);
    double value = 0;
    if (wire_json(&wire, "GET", "/metrics", NULL) == 200)
        for (const char *line = wire.body; line && *line; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (strncmp(line, series, len) == 0 && line[len] == ' ') {
                value = strtod(line + len, NULL);
                break;
            }
        }
    wire_release(&wire);
    return value;
}

pid_t server_spawn(const char *const *arguments, const char *log)
{
    char *argv[SERVER_OPTIONS_MAX + 2] = {(char *)(uintptr_t)server_program()};
    for (size_t i = 0; arguments[i] && i < SERVER_OPTIONS_MAX; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    const pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0)
        become(argv, -1, log);
    return pid;
}

int server_reap(pid_t pid)
{
    return ended(pid, 0);
}

int server_run(const char *const *arguments, const char *log)
{
    return server_reap(server_spawn(arguments, log));
}
