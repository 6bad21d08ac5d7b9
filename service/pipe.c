/* A ring of bytes under one mutex (rank LAT_RANK_QUEUE, held for a copy).
 *
 * Invariants: count <= capacity; `network_waits` is set only by the network's side after it
 * moved nothing, and cleared by whoever calls on_ready for it, so on_ready runs once for each
 * wait. on_ready is called after the mutex is released, so that it may take locks of its own.
 * The network's side is woken when half of the ring is free (or filled, or the end is near),
 * not at the first byte: a wake costs more than a copy. */
#include "service/pipe.h"

#include <string.h>

#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

struct lat_pipe {
    struct lat_mutex mutex;
    struct lat_cond changed; /* the blocking side waits here */
    void (*on_ready)(void *context);
    void *context;
    char *bytes; /* ring of `capacity` */
    size_t capacity, head, count;
    bool ended, broken, network_waits;
};

struct lat_pipe *lat_pipe_new(size_t capacity, void (*on_ready)(void *context), void *context)
{
    struct lat_pipe *pipe = lat_alloc(1, sizeof(*pipe));
    char *bytes = pipe ? lat_alloc_raw(capacity ? capacity : 1, 1) : NULL;
    if (!bytes) {
        lat_free(pipe);
        return NULL;
    }
    *pipe = (struct lat_pipe){
        .on_ready = on_ready,
        .context = context,
        .bytes = bytes,
        .capacity = capacity ? capacity : 1,
    };
    lat_mutex_init(&pipe->mutex, LAT_RANK_QUEUE, "pipe");
    lat_cond_init(&pipe->changed);
    return pipe;
}

void lat_pipe_free(struct lat_pipe *pipe)
{
    if (!pipe)
        return;
    lat_cond_release(&pipe->changed);
    lat_mutex_release(&pipe->mutex);
    lat_free(pipe->bytes);
    lat_free(pipe);
}

static size_t put(struct lat_pipe *pipe, const char *bytes, size_t n)
{
    const size_t room = pipe->capacity - pipe->count;
    if (n > room)
        n = room;
    const size_t tail = (pipe->head + pipe->count) % pipe->capacity;
    const size_t first = n < pipe->capacity - tail ? n : pipe->capacity - tail;
    memcpy(pipe->bytes + tail, bytes, first);
    memcpy(pipe->bytes, bytes + first, n - first);
    pipe->count += n;
    return n;
}

static size_t get(struct lat_pipe *pipe, char *bytes, size_t n)
{
    if (n > pipe->count)
        n = pipe->count;
    const size_t first = n < pipe->capacity - pipe->head ? n : pipe->capacity - pipe->head;
    memcpy(bytes, pipe->bytes + pipe->head, first);
    memcpy(bytes + first, pipe->bytes, n - first);
    pipe->head = (pipe->head + n) % pipe->capacity;
    pipe->count -= n;
    return n;
}

/* Releases the mutex, then wakes the network's side when it waits and `due`. */
static void unlock_and_wake(struct lat_pipe *pipe, bool due)
{
    const bool wake = due && pipe->network_waits;
    if (wake)
        pipe->network_waits = false;
    lat_mutex_unlock(&pipe->mutex);
    if (wake && pipe->on_ready)
        pipe->on_ready(pipe->context);
}

enum lat_status lat_pipe_write(struct lat_pipe *pipe, const void *bytes, size_t n,
                               struct lat_error *err)
{
    const char *from = bytes;
    while (n) {
        lat_mutex_lock(&pipe->mutex);
        while (pipe->count == pipe->capacity && !pipe->broken)
            lat_cond_wait(&pipe->changed, &pipe->mutex);
        if (pipe->broken) {
            lat_mutex_unlock(&pipe->mutex);
            return lat_fail(err, LAT_CANCELLED, NULL, "the reader has gone");
        }
        const size_t moved = put(pipe, from, n);
        from += moved;
        n -= moved;
        /* What is written in one call is sent soon, even if it is little: it may be all there
         * is for a while (server-sent events). */
        unlock_and_wake(pipe, n == 0 || pipe->count == pipe->capacity);
    }
    return LAT_OK;
}

bool lat_pipe_try_write(struct lat_pipe *pipe, const void *bytes, size_t n)
{
    lat_mutex_lock(&pipe->mutex);
    const bool room = !pipe->broken && !pipe->ended && pipe->capacity - pipe->count >= n;
    if (room)
        put(pipe, bytes, n);
    unlock_and_wake(pipe, room);
    return room;
}

enum lat_status lat_pipe_read(struct lat_pipe *pipe, void *bytes, size_t capacity,
                              uint64_t deadline_ns, size_t *out_n, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_mutex_lock(&pipe->mutex);
    while (!pipe->count && !pipe->ended && !pipe->broken && status == LAT_OK) {
        if (deadline_ns == UINT64_MAX)
            lat_cond_wait(&pipe->changed, &pipe->mutex);
        else if (!lat_cond_wait_until(&pipe->changed, &pipe->mutex, deadline_ns) &&
                 !pipe->count && !pipe->ended && !pipe->broken)
            status = lat_fail(err, LAT_TIMEOUT, NULL, "the sender has been silent too long");
    }
    if (pipe->broken)
        status = lat_fail(err, LAT_CANCELLED, NULL, "the sender broke off");
    if (status == LAT_OK)
        *out_n = get(pipe, bytes, capacity);
    unlock_and_wake(pipe, pipe->count <= pipe->capacity / 2);
    return status;
}

size_t lat_pipe_offer(struct lat_pipe *pipe, const void *bytes, size_t n)
{
    lat_mutex_lock(&pipe->mutex);
    const bool open = !pipe->broken && !pipe->ended;
    const size_t moved = open ? put(pipe, bytes, n) : 0;
    pipe->network_waits = open && !moved && n;
    if (moved)
        lat_cond_signal(&pipe->changed);
    lat_mutex_unlock(&pipe->mutex);
    return moved;
}

size_t lat_pipe_take(struct lat_pipe *pipe, void *bytes, size_t capacity, bool *out_ended)
{
    lat_mutex_lock(&pipe->mutex);
    const size_t moved = pipe->broken ? 0 : get(pipe, bytes, capacity);
    *out_ended = !pipe->broken && pipe->ended && !pipe->count;
    pipe->network_waits = !moved && !pipe->ended && !pipe->broken;
    if (moved)
        lat_cond_signal(&pipe->changed);
    lat_mutex_unlock(&pipe->mutex);
    return moved;
}

void lat_pipe_end(struct lat_pipe *pipe)
{
    lat_mutex_lock(&pipe->mutex);
    pipe->ended = true;
    lat_cond_broadcast(&pipe->changed);
    unlock_and_wake(pipe, true);
}

void lat_pipe_abort(struct lat_pipe *pipe)
{
    lat_mutex_lock(&pipe->mutex);
    pipe->broken = true;
    lat_cond_broadcast(&pipe->changed);
    unlock_and_wake(pipe, true);
}

bool lat_pipe_broken(struct lat_pipe *pipe)
{
    lat_mutex_lock(&pipe->mutex);
    const bool broken = pipe->broken;
    lat_mutex_unlock(&pipe->mutex);
    return broken;
}
