/* The acceptor: one thread that takes new connections off the listening socket and hands each
 * to whoever should have it. Network threads that accept for themselves divide a burst of
 * connections as the scheduler happens to wake them, often all to one; what is handed out can
 * be dealt evenly. */
#ifndef LAT_SERVICE_ACCEPTOR_H
#define LAT_SERVICE_ACCEPTOR_H

#include <sys/socket.h>

#include "base/status.h"

struct lat_acceptor;

struct lat_acceptor_callbacks {
    /* Whether one more connection is wanted now; while not, they wait in the backlog. */
    bool (*has_room)(void *context);
    /* A connection, non-blocking; the callee owns `fd`. */
    void (*take)(void *context, int fd, const struct sockaddr *address, socklen_t len);
    void *context;
};

/* Takes over listen_fd (also on failure). Callbacks run on the acceptor's thread. */
enum lat_status lat_acceptor_new(int listen_fd, const struct lat_acceptor_callbacks *callbacks,
                                 struct lat_acceptor **out_acceptor,
                                 struct lat_error *err) LAT_MUST_USE;
/* Joins the thread and closes the listening socket. NULL is fine. */
void lat_acceptor_free(struct lat_acceptor *acceptor);

#endif
