/* Reads until the head is whole, then as much as Content-Length says, or chunks, which are
 * joined in place. */
#include "tests/support/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/banned.h"

enum { READ_SIZE = 64 * 1024, TIMEOUT_MS = 30000 };

bool wire_connect(struct wire *wire)
{
    if (wire->fd >= 0)
        return true;
    const unsigned ms = wire->timeout_ms ? wire->timeout_ms : TIMEOUT_MS;
    const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(wire->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return false;
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(wire->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(wire->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    wire_close(wire);
    return false;
}

bool wire_send(struct wire *wire, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        const ssize_t n = send(wire->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* One more piece of the reply; false at the end of the connection. */
static bool more(struct wire *wire)
{
    if (!lat_buf_reserve(&wire->in, READ_SIZE))
        return false;
    const ssize_t n = recv(wire->fd, wire->in.data + wire->in.len, READ_SIZE, 0);
    if (n <= 0)
        return false;
    wire->in.len += (size_t)n;
    wire->in.data[wire->in.len] = '\0';
    return true;
}

void wire_header(const struct wire *wire, const char *name, char *out, size_t size)
{
    const size_t len = strlen(name);
    out[0] = '\0';
    if (!wire->in.data)
        return;
    const char *end = wire->in.data + wire->head_len;
    for (const char *line = strstr(wire->in.data, "\r\n"); line && line + 2 < end;
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, len) != 0 || at[len] != ':')
            continue;
        at += len + 1;
        at += strspn(at, " \t");
        snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
        return;
    }
}

/* Joins the chunks that begin at head_len; reads on as needed. */
static bool read_chunks(struct wire *wire)
{
    size_t at = wire->head_len, to = wire->head_len;
    for (;;) {
        char *line;
        while (!(line = strstr(wire->in.data + at, "\r\n")))
            if (!more(wire))
                return false;
        const size_t n = strtoul(wire->in.data + at, NULL, 16);
        at = (size_t)(line - wire->in.data) + 2;
        while (wire->in.len < at + n + 2)
            if (!more(wire))
                return false;
        memmove(wire->in.data + to, wire->in.data + at, n);
        to += n;
        at += n + 2;
        if (n == 0)
            break;
    }
    wire->body_len = to - wire->head_len;
    wire->in.data[to] = '\0';
    return true;
}

static bool read_reply(struct wire *wire)
{
    char value[32], *end = NULL;
    while (!wire->in.data || !(end = strstr(wire->in.data, "\r\n\r\n")))
        if (!more(wire))
            return false;
    wire->head_len = (size_t)(end - wire->in.data) + 4;
    if (strncmp(wire->in.data, "HTTP/1.1 ", 9) != 0)
        return false;
    wire->status = (int)strtol(wire->in.data + 9, NULL, 10);
    if (wire->status == 100) { /* "go on": the reply proper follows */
        memmove(wire->in.data, wire->in.data + wire->head_len,
                wire->in.len - wire->head_len + 1);
        wire->in.len -= wire->head_len;
        return read_reply(wire);
    }
    wire_header(wire, "Transfer-Encoding", value, sizeof(value));
    if (strcasecmp(value, "chunked") == 0)
        return read_chunks(wire);
    wire_header(wire, "Content-Length", value, sizeof(value));
    wire->body_len = strtoul(value, NULL, 10);
    while (wire->in.len < wire->head_len + wire->body_len)
        if (!more(wire))
            return false;
    return true;
}

int wire_receive(struct wire *wire)
{
    char connection[16];
    lat_buf_clear(&wire->in);
    wire->status = 0;
    wire->body = "";
    wire->body_len = 0;
    if (wire->in.data)
        wire->in.data[0] = '\0';
    if (!read_reply(wire)) {
        wire_close(wire);
        return wire->status = 0;
    }
    wire->body = wire->in.data + wire->head_len;
    wire_header(wire, "Connection", connection, sizeof(connection));
    if (strcasecmp(connection, "close") == 0)
        wire_close(wire);
    return wire->status;
}

int wire_request(struct wire *wire, const char *method, const char *path, const char *type,
                 const void *body, size_t len)
{
    char head[1024];
    const int n = snprintf(head, sizeof(head),
                           "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           method, path, type ? type : "application/json", len);
    wire->status = 0;
    if (n < 0 || (size_t)n >= sizeof(head) || !wire_connect(wire))
        return 0;
    if (!wire_send(wire, head, (size_t)n) || (len && !wire_send(wire, body, len))) {
        wire_close(wire);
        return 0;
    }
    return wire_receive(wire);
}

int wire_json(struct wire *wire, const char *method, const char *path, const char *json)
{
    return wire_request(wire, method, path, NULL, json, json ? strlen(json) : 0);
}

void wire_shut(struct wire *wire)
{
    if (wire->fd >= 0)
        shutdown(wire->fd, SHUT_WR);
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}

void wire_release(struct wire *wire)
{
    wire_close(wire);
    lat_buf_release(&wire->in);
}
