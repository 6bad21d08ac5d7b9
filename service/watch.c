/* One mutex (rank LAT_RANK_QUEUE) over the list of connections and the lingering sockets. It is
 * taken once when a connection opens and once when it closes, never for a request: what changes
 * with requests are the atomics of struct lat_watched.
 *
 * The fd of a listed connection is valid, because lat_watch_remove is called before it is
 * closed; so everything that touches it happens under the mutex. The phase decides who speaks
 * on the socket: the watch may only after it has moved HEAD or BODY to LATE, and the network
 * thread sees LATE before it would answer (lat_watched_enter fails).
 *
 * A body whose sender has closed its side is ended at the next tick; one is late after
 * `timeout` of silence, or when it is slower than SLOWEST bytes a second after the first
 * `timeout`. */
#include "service/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

enum {
    LINGER_MAX = 64,         /* sockets at once; more are closed at once */
    LINGER_MS = 5000,        /* how long one is kept */
    LINGER_SILENT_MS = 1000, /* how long it may be silent */
    SLOWEST = 1024,          /* bytes a second */
    TICK_MIN_MS = 20,
    TICK_MAX_MS = 1000,
};

struct lingering {
    int fd;
    uint64_t until_ns, moved_ns;
};

struct lat_watch {
    struct lat_mutex mutex;
    struct lat_watched *first;
    struct lingering lingering[LINGER_MAX];
    size_t n_lingering;
    bool stopping;
    uint64_t timeout_ns;
    int tick_ms;
    int wake_fd;
    void (*late_head)(void *context, int fd);
    void *context;
    pthread_t thread;
};

bool lat_watched_enter(struct lat_watched *watched, enum lat_phase phase, uint64_t now_ns)
{
    int old = atomic_load_explicit(&watched->phase, memory_order_relaxed);
    if (old == LAT_PHASE_LATE)
        return false;
    if (phase == LAT_PHASE_HEAD || phase == LAT_PHASE_BODY) {
        if (old != (int)phase) {
            atomic_store_explicit(&watched->since_ns, now_ns, memory_order_relaxed);
            atomic_store_explicit(&watched->received, 0, memory_order_relaxed);
        }
        atomic_store_explicit(&watched->moved_ns, now_ns, memory_order_relaxed);
    }
    return old == (int)phase ||
           atomic_compare_exchange_strong(&watched->phase, &old, (int)phase);
}

static bool is_late(const struct lat_watch *watch, struct lat_watched *watched, int phase,
                    uint64_t now_ns)
{
    const uint64_t since = atomic_load(&watched->since_ns);
    const uint64_t moved = atomic_load(&watched->moved_ns);
    const uint64_t received = atomic_load(&watched->received);
    if (phase == LAT_PHASE_HEAD)
        return now_ns > since && now_ns - since > watch->timeout_ns;
    if (now_ns > moved && now_ns - moved > watch->timeout_ns)
        return true;
    const uint64_t allowed = watch->timeout_ns + received * (LAT_NS_PER_S / SLOWEST);
    return now_ns > since && now_ns - since > allowed;
}

/* The other side has closed and everything it sent was read. The network library may have
 * missed it, when the end came together with the last bytes. */
static bool has_ended(const struct lat_watched *watched)
{
    char byte;
    return recv(watched->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void look_at(struct lat_watch *watch, struct lat_watched *watched, uint64_t now_ns)
{
    int phase = atomic_load(&watched->phase);
    if (phase == LAT_PHASE_BODY && has_ended(watched)) {
        shutdown(watched->fd, SHUT_RD); /* wakes the library, and takes nothing away */
        return;
    }
    if ((phase != LAT_PHASE_HEAD && phase != LAT_PHASE_BODY) ||
        !is_late(watch, watched, phase, now_ns))
        return;
    const bool head = phase == LAT_PHASE_HEAD;
    if (!atomic_compare_exchange_strong(&watched->phase, &phase, LAT_PHASE_LATE))
        return;
    if (head)
        watch->late_head(watch->context, watched->fd);
    shutdown(watched->fd, head ? SHUT_RDWR : SHUT_RD);
}

/* Reads and throws away. False when there is nothing more to wait for. */
static bool drain(struct lingering *socket, uint64_t now_ns)
{
    char bytes[16384];
    for (int i = 0; i < 64; i++) {
        const ssize_t n = recv(socket->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n == 0)
            return false;
        if (n < 0)
            break;
        socket->moved_ns = now_ns;
    }
    return now_ns < socket->until_ns &&
           now_ns - socket->moved_ns < LINGER_SILENT_MS * LAT_NS_PER_MS;
}

static void drain_all(struct lat_watch *watch, uint64_t now_ns)
{
    for (size_t i = 0; i < watch->n_lingering;) {
        if (drain(&watch->lingering[i], now_ns)) {
            i++;
            continue;
        }
        close(watch->lingering[i].fd);
        watch->lingering[i] = watch->lingering[--watch->n_lingering];
    }
}

/* Fills `polled` with the wake-up descriptor and what lingers; how long to wait. */
static int prepare(struct lat_watch *watch, struct pollfd polled[LINGER_MAX + 1], nfds_t *out_n)
{
    polled[0] = (struct pollfd){.fd = watch->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < watch->n_lingering; i++)
        polled[i + 1] = (struct pollfd){.fd = watch->lingering[i].fd, .events = POLLIN};
    *out_n = watch->n_lingering + 1;
    return watch->tick_ms;
}

static void *run(void *argument)
{
    struct lat_watch *watch = argument;
    uint64_t next_ns = 0;
    for (;;) {
        struct pollfd polled[LINGER_MAX + 1];
        nfds_t n;
        lat_mutex_lock(&watch->mutex);
        const bool stopping = watch->stopping;
        const uint64_t now_ns = lat_clock_ns();
        drain_all(watch, now_ns);
        if (now_ns >= next_ns) {
            for (struct lat_watched *watched = watch->first; watched; watched = watched->next)
                look_at(watch, watched, now_ns);
            next_ns = now_ns + (uint64_t)watch->tick_ms * LAT_NS_PER_MS;
        }
        const int wait_ms = prepare(watch, polled, &n);
        lat_mutex_unlock(&watch->mutex);
        if (stopping)
            return NULL;
        if (poll(polled, n, wait_ms) > 0 && polled[0].revents) {
            eventfd_t value;
            eventfd_read(watch->wake_fd, &value);
        }
    }
}

enum lat_status lat_watch_new(unsigned timeout_ms, void (*late_head)(void *context, int fd),
                              void *context, struct lat_watch **out_watch,
                              struct lat_error *err)
{
    struct lat_watch *watch = lat_alloc(1, sizeof(*watch));
    if (!watch)
        return lat_fail_memory(err);
    const int tick_ms = (int)(timeout_ms / 8);
    watch->timeout_ns = timeout_ms * LAT_NS_PER_MS;
    watch->tick_ms = tick_ms < TICK_MIN_MS   ? TICK_MIN_MS
                     : tick_ms > TICK_MAX_MS ? TICK_MAX_MS
                                             : tick_ms;
    watch->late_head = late_head;
    watch->context = context;
    watch->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (watch->wake_fd < 0) {
        lat_free(watch);
        return lat_fail(err, LAT_IO, NULL, "no descriptor for the watch on connections");
    }
    lat_mutex_init(&watch->mutex, LAT_RANK_QUEUE, "watch");
    const enum lat_status status = lat_thread_start(&watch->thread, "watch", run, watch, err);
    if (status != LAT_OK) {
        lat_mutex_release(&watch->mutex);
        close(watch->wake_fd);
        lat_free(watch);
        return status;
    }
    *out_watch = watch;
    return LAT_OK;
}

static void wake(struct lat_watch *watch)
{
    eventfd_write(watch->wake_fd, 1);
}

void lat_watch_free(struct lat_watch *watch)
{
    if (!watch)
        return;
    lat_mutex_lock(&watch->mutex);
    watch->stopping = true;
    lat_mutex_unlock(&watch->mutex);
    wake(watch);
    pthread_join(watch->thread, NULL);
    for (size_t i = 0; i < watch->n_lingering; i++)
        close(watch->lingering[i].fd);
    lat_mutex_release(&watch->mutex);
    close(watch->wake_fd);
    lat_free(watch);
}

void lat_watch_add(struct lat_watch *watch, struct lat_watched *watched, int fd)
{
    lat_mutex_lock(&watch->mutex);
    watched->fd = fd;
    watched->previous = NULL;
    watched->next = watch->first;
    if (watch->first)
        watch->first->previous = watched;
    watch->first = watched;
    lat_mutex_unlock(&watch->mutex);
}

void lat_watch_remove(struct lat_watch *watch, struct lat_watched *watched)
{
    lat_mutex_lock(&watch->mutex);
    if (watched->previous)
        watched->previous->next = watched->next;
    else
        watch->first = watched->next;
    if (watched->next)
        watched->next->previous = watched->previous;
    lat_mutex_unlock(&watch->mutex);
}

void lat_watch_linger(struct lat_watch *watch, int fd)
{
    const uint64_t now_ns = lat_clock_ns();
    lat_mutex_lock(&watch->mutex);
    const int copy = watch->n_lingering < LINGER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0)
        watch->lingering[watch->n_lingering++] = (struct lingering){
            .fd = copy,
            .until_ns = now_ns + LINGER_MS * LAT_NS_PER_MS,
            .moved_ns = now_ns,
        };
    lat_mutex_unlock(&watch->mutex);
    if (copy >= 0) {
        shutdown(fd, SHUT_WR); /* the reply is in the kernel: this only adds its end */
        wake(watch);
    }
}
