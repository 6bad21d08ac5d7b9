/* The watch: one thread that looks after connections whose other side is slow.
 *
 * Late senders. A sender that stays silent in the middle of a head or a body for longer than
 * the timeout, or trickles, is cut off, so that it gets its 408 and holds nothing.
 *
 * Lingering. After a reply that was sent before the whole body had come in, closing the socket
 * would reset the connection, and the client might lose the reply. The watch keeps a duplicate
 * of such a socket, reads what still comes and throws it away until the client has finished,
 * for a few seconds at most. */
#ifndef LAT_SERVICE_WATCH_H
#define LAT_SERVICE_WATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

enum lat_phase {
    LAT_PHASE_IDLE, /* between requests: the network library's own timeout */
    LAT_PHASE_HEAD, /* request line seen, headers coming in */
    LAT_PHASE_BODY, /* body coming in */
    LAT_PHASE_BUSY, /* it is our turn */
    LAT_PHASE_LATE  /* cut off by the watch: nothing more is read */
};

/* What the watch knows of a connection. The network thread moves it from phase to phase and
 * counts; the watch reads, and moves HEAD and BODY to LATE. */
struct lat_watched {
    struct lat_watched *next, *previous; /* the watch's list, under its mutex */
    int fd;                              /* borrowed; valid until lat_watch_remove */
    atomic_int phase;                    /* enum lat_phase */
    _Atomic uint64_t since_ns;           /* when the head or the body began */
    _Atomic uint64_t moved_ns;           /* when the last bytes came */
    _Atomic uint64_t received;           /* bytes of the body */
};

struct lat_watch;

/* `late_head` is called on the watch's thread for a connection cut off in its head, to send it
 * words; one cut off in its body ends as the network library ends a broken upload. */
enum lat_status lat_watch_new(unsigned timeout_ms, void (*late_head)(void *context, int fd),
                              void *context, struct lat_watch **out_watch,
                              struct lat_error *err) LAT_MUST_USE;
/* Joins the thread, closes what lingers. NULL is fine. */
void lat_watch_free(struct lat_watch *watch);

void lat_watch_add(struct lat_watch *watch, struct lat_watched *watched, int fd);
/* After it returns the watch does not touch `watched` or its fd any more. */
void lat_watch_remove(struct lat_watch *watch, struct lat_watched *watched);

/* Moves from whatever phase to `phase`, unless it is LATE: then false. */
bool lat_watched_enter(struct lat_watched *watched, enum lat_phase phase, uint64_t now_ns);

/* Keeps a duplicate of `fd` open for a while after the caller has closed it. Best effort. */
void lat_watch_linger(struct lat_watch *watch, int fd);

#endif
