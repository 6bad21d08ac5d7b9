/* getaddrinfo does the parsing of hosts, so that names ("localhost") work, too; the first
 * address that can be bound is taken. */
#include "service/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#include "base/banned.h"

enum { HOST_SIZE = 256, PORT_SIZE = 8, BACKLOG = 1024 };

static enum lat_status refuse(const char *text, struct lat_error *err)
{
    static const char expected[] = "ADDR:PORT";
    lat_fail(err, LAT_INVALID, NULL,
             "listen: expected ADDR:PORT (127.0.0.1:8080, [::1]:8080, :8080), not '%s'", text);
    lat_error_expected(err, expected, text);
    return LAT_INVALID;
}

static enum lat_status split(const char *text, char host[HOST_SIZE], char port[PORT_SIZE],
                             struct lat_error *err)
{
    const char *colon = strrchr(text, ':');
    const char *from = text, *end = colon;
    uint64_t number;
    if (!colon || strlen(colon + 1) >= PORT_SIZE || !lat_parse_u64(colon + 1, 65535, &number))
        return refuse(text, err);
    if (*from == '[' && end > from && end[-1] == ']') {
        from++;
        end--;
    }
    if ((size_t)(end - from) >= HOST_SIZE || (from == text && memchr(text, ':', end - text)))
        return refuse(text, err);
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    if (strcmp(host, "*") == 0)
        host[0] = '\0';
    snprintf(port, PORT_SIZE, "%s", colon + 1);
    return LAT_OK;
}

enum lat_status lat_socket_check(const char *text, struct lat_error *err)
{
    char host[HOST_SIZE], port[PORT_SIZE];
    return split(text, host, port, err);
}

static enum lat_status resolve(const char *text, struct addrinfo **out_list,
                               struct lat_error *err)
{
    char host[HOST_SIZE], port[PORT_SIZE];
    const enum lat_status status = split(text, host, port, err);
    if (status != LAT_OK)
        return status;
    const struct addrinfo hints = {
        .ai_family = host[0] ? AF_UNSPEC : AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    const int result = getaddrinfo(host[0] ? host : NULL, port, &hints, out_list);
    if (result != 0)
        return lat_fail(err, LAT_INVALID, NULL, "listen: '%s': %s", text, gai_strerror(result));
    return LAT_OK;
}

static int bind_one(const struct addrinfo *address)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

static enum lat_status describe(int fd, char out_address[LAT_ADDRESS_SIZE],
                                struct lat_error *err)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char host[INET6_ADDRSTRLEN + 16], port[PORT_SIZE];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return lat_fail_errno(err, errno, "listen");
    const int result = getnameinfo((const struct sockaddr *)&address, len, host, sizeof(host),
                                   port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    if (result != 0)
        return lat_fail(err, LAT_IO, NULL, "listen: %s", gai_strerror(result));
    const bool v6 = address.ss_family == AF_INET6;
    snprintf(out_address, LAT_ADDRESS_SIZE, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
             port);
    return LAT_OK;
}

enum lat_status lat_socket_listen(const char *text, int *out_fd,
                                  char out_address[LAT_ADDRESS_SIZE], struct lat_error *err)
{
    struct addrinfo *list = NULL;
    enum lat_status status = resolve(text, &list, err);
    if (status != LAT_OK)
        return status;
    int fd = -1, errnum = EADDRNOTAVAIL;
    for (const struct addrinfo *entry = list; entry && fd < 0; entry = entry->ai_next) {
        fd = bind_one(entry);
        if (fd < 0)
            errnum = errno;
    }
    freeaddrinfo(list);
    if (fd < 0 && errnum == EADDRINUSE)
        return lat_fail(err, LAT_CONFLICT, "address_in_use", "listen: '%s' is in use", text);
    if (fd < 0)
        return lat_fail_errno(err, errnum, "listen: '%s'", text);
    status = describe(fd, out_address, err);
    if (status != LAT_OK) {
        close(fd);
        return status;
    }
    *out_fd = fd;
    return LAT_OK;
}

static bool loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

enum lat_status lat_socket_is_loopback(const char *text, bool *out_loopback,
                                       struct lat_error *err)
{
    struct addrinfo *list = NULL;
    const enum lat_status status = resolve(text, &list, err);
    if (status != LAT_OK)
        return status;
    bool all = list != NULL;
    for (const struct addrinfo *entry = list; entry; entry = entry->ai_next)
        all = all && loopback(entry->ai_addr);
    freeaddrinfo(list);
    *out_loopback = all;
    return LAT_OK;
}
