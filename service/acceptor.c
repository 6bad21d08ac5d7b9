/* Waits on the listening socket and on an eventfd that says it is over. Failures of accept are
 * of two kinds: the connection's own (it has gone again), which are passed over, and those of
 * the process (no descriptors, no memory) or unheard of, after which there is a short rest,
 * because the socket stays readable. One line is logged until a connection gets through. */
#include "service/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

enum { REST_MS = 20 };

struct lat_acceptor {
    int listen_fd, stop_fd;
    struct lat_acceptor_callbacks callbacks;
    pthread_t thread;
    bool started;
    bool complained; /* its thread's */
};

/* True when it is over; waits for a connection, or with `resting` for a short while. */
static bool wait_for_more(const struct lat_acceptor *acceptor, bool resting)
{
    struct pollfd fds[] = {{.fd = acceptor->stop_fd, .events = POLLIN},
                           {.fd = acceptor->listen_fd, .events = POLLIN}};
    (void)poll(fds, resting ? 1 : 2, resting ? REST_MS : -1);
    return fds[0].revents != 0;
}

/* Of connections, not of this process: accept(2) hands on what befell one in the backlog. */
static bool is_its_own(int errnum)
{
    return errnum == EINTR || errnum == ECONNABORTED || errnum == EPROTO || errnum == EPERM ||
           errnum == ENETDOWN || errnum == ENOPROTOOPT || errnum == EHOSTDOWN ||
           errnum == ENONET || errnum == EHOSTUNREACH || errnum == ENETUNREACH;
}

/* Everything that waits, as long as there is room; true when a rest is due. */
static bool accept_all(struct lat_acceptor *acceptor)
{
    const struct lat_acceptor_callbacks *callbacks = &acceptor->callbacks;
    while (callbacks->has_room(callbacks->context)) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        const int fd = accept4(acceptor->listen_fd, (struct sockaddr *)&address, &len,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            acceptor->complained = false;
            callbacks->take(callbacks->context, fd, (const struct sockaddr *)&address, len);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        if (is_its_own(errno))
            continue;
        if (!acceptor->complained)
            lat_log(LAT_LOG_WARNING, "a connection is not accepted", "\"errno\":%d", errno);
        acceptor->complained = true;
        return true;
    }
    return true;
}

static void *accept_connections(void *argument)
{
    struct lat_acceptor *acceptor = argument;
    bool resting = false;
    while (!wait_for_more(acceptor, resting))
        resting = accept_all(acceptor);
    return NULL;
}

enum lat_status lat_acceptor_new(int listen_fd, const struct lat_acceptor_callbacks *callbacks,
                                 struct lat_acceptor **out_acceptor, struct lat_error *err)
{
    struct lat_acceptor *acceptor = lat_alloc(1, sizeof(*acceptor));
    if (!acceptor) {
        close(listen_fd);
        return lat_fail_memory(err);
    }
    acceptor->listen_fd = listen_fd;
    acceptor->callbacks = *callbacks;
    acceptor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum lat_status status =
        acceptor->stop_fd < 0 ? lat_fail_errno(err, errno, "cannot make an event") : LAT_OK;
    if (status == LAT_OK)
        status =
            lat_thread_start(&acceptor->thread, "acceptor", accept_connections, acceptor, err);
    acceptor->started = status == LAT_OK;
    if (status != LAT_OK) {
        lat_acceptor_free(acceptor);
        return status;
    }
    *out_acceptor = acceptor;
    return LAT_OK;
}

void lat_acceptor_free(struct lat_acceptor *acceptor)
{
    if (!acceptor)
        return;
    if (acceptor->started) {
        const uint64_t one = 1;
        (void)!write(acceptor->stop_fd, &one, sizeof(one));
        pthread_join(acceptor->thread, NULL);
    }
    if (acceptor->stop_fd >= 0)
        close(acceptor->stop_fd);
    close(acceptor->listen_fd);
    lat_free(acceptor);
}
