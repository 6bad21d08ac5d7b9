/* latentd health: one GET /readyz over a plain socket, for a container's health check. Exit 0
 * when the answer is 200. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "cli/commands.h"

#include "base/banned.h"

enum { HOST_SIZE = 256, REPLY_SIZE = 2048 };

struct options {
    char server[512];
    int64_t timeout_ms;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(options, server, LAT_SETTING_TEXT, "http://127.0.0.1:8080", 0, 0, "URL",
                    "the server to ask"),
    LAT_SETTING_ROW(options, timeout_ms, LAT_SETTING_INT, "3000", 1, 600000, "MS",
                    "how long to wait for it"),
};

static int fail(const struct options *options, const char *why)
{
    fprintf(stderr, "latentd: health: %s: %s\n", options->server, why);
    return 1;
}

/* "http://host:port[/...]" -> host and port ("80" when absent). */
static bool split_url(const char *url, char host[HOST_SIZE], char port[8])
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return false;
    const char *from = url + sizeof(scheme) - 1;
    const char *end = from + strcspn(from, "/");
    const char *bracket = *from == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL;
    const char *colon = bracket ? bracket + 1 : memchr(from, ':', (size_t)(end - from));
    if (!colon || colon >= end)
        colon = end;
    const char *host_end = bracket ? bracket : colon;
    from += bracket != NULL;
    if (host_end == from || host_end - from >= HOST_SIZE || end - colon > 6)
        return false;
    snprintf(host, HOST_SIZE, "%.*s", (int)(host_end - from), from);
    snprintf(port, 8, "%.*s", colon < end ? (int)(end - colon - 1) : 2,
             colon < end ? colon + 1 : "80");
    return port[0] != '\0';
}

static bool wait_for(int fd, short events, uint64_t until_ns)
{
    const uint64_t now_ns = lat_clock_ns();
    struct pollfd polled = {.fd = fd, .events = events};
    return now_ns < until_ns &&
           poll(&polled, 1, (int)((until_ns - now_ns) / LAT_NS_PER_MS) + 1) > 0;
}

static int connect_to(const char *host, const char *port, uint64_t until_ns)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *entry = list; entry && fd < 0; entry = entry->ai_next) {
        fd = socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            continue;
        int error = 0;
        socklen_t len = sizeof(error);
        const bool ok =
            (connect(fd, entry->ai_addr, entry->ai_addrlen) == 0 || errno == EINPROGRESS) &&
            wait_for(fd, POLLOUT, until_ns) &&
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
        if (!ok) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* Sends the request and reads what fits of the reply. */
static bool exchange(int fd, const char *host, uint64_t until_ns, char reply[REPLY_SIZE])
{
    char request[HOST_SIZE + 96];
    const int n =
        snprintf(request, sizeof(request),
                 "GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
    if (n < 0 || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return false;
    size_t len = 0;
    while (len < REPLY_SIZE - 1 && wait_for(fd, POLLIN, until_ns)) {
        const ssize_t got = recv(fd, reply + len, REPLY_SIZE - 1 - len, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    reply[len] = '\0';
    return len > 0;
}

static int ask(const struct options *options, const char *host, const char *port)
{
    char reply[REPLY_SIZE];
    const uint64_t until_ns = lat_clock_ns() + (uint64_t)options->timeout_ms * LAT_NS_PER_MS;
    const int fd = connect_to(host, port, until_ns);
    if (fd < 0)
        return fail(options, "cannot connect");
    const bool answered = exchange(fd, host, until_ns, reply);
    close(fd);
    if (!answered)
        return fail(options, "no answer");
    if (strncmp(reply, "HTTP/1.1 200", 12) == 0)
        return 0;
    reply[strcspn(reply, "\r\n")] = '\0';
    return fail(options, reply);
}

int lat_cmd_health(int argc, char **argv)
{
    struct options options;
    char host[HOST_SIZE], port[8];
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = LAT_ARRAY_LEN(rows);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf(
            "usage: latentd health [OPTIONS]\n\nExit status 0 when the server is ready.\n\n");
        lat_settings_help(rows, n, stdout);
        return 0;
    }
    enum lat_status status = lat_settings_defaults(rows, n, &options, &err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, n, &options, &argc, argv, &err);
    if (status == LAT_OK && argc > 1)
        status = lat_fail(&err, LAT_INVALID, NULL, "unexpected '%s'", argv[1]);
    if (status == LAT_OK && !split_url(options.server, host, port))
        status = lat_fail(&err, LAT_INVALID, NULL,
                          "--server: expected http://HOST:PORT, not '%s'", options.server);
    if (status != LAT_OK) {
        fprintf(stderr, "latentd: health: %s\n", err.message);
        return 2;
    }
    return ask(&options, host, port);
}
