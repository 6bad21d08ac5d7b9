/* A bounded byte pipe between a network thread, which never blocks on it, and a worker, which
 * does. One writer and one reader, on different threads; one of them is the network's, and
 * `on_ready` wakes it. */
#ifndef LAT_SERVICE_PIPE_H
#define LAT_SERVICE_PIPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct lat_pipe;

/* A pipe that holds at most `capacity` bytes; NULL when out of memory. `on_ready` (may be NULL)
 * is called without a lock held, from the worker's side, after a moved 0 bytes on the network's
 * side has become worth trying again: once for each time that it was told to wait. */
struct lat_pipe *lat_pipe_new(size_t capacity, void (*on_ready)(void *context),
                              void *context) LAT_MUST_USE;
void lat_pipe_free(struct lat_pipe *pipe);

/* The blocking side. Write returns when all is in: LAT_CANCELLED when the reader has gone. */
enum lat_status lat_pipe_write(struct lat_pipe *pipe, const void *bytes, size_t n,
                               struct lat_error *err) LAT_MUST_USE;
/* All of it now, or nothing: false when there is no room, or no reader. Never waits. */
bool lat_pipe_try_write(struct lat_pipe *pipe, const void *bytes, size_t n) LAT_MUST_USE;
/* At least one byte, or *out_n == 0 at the end; LAT_CANCELLED when the writer broke off,
 * LAT_TIMEOUT past the deadline (lat_clock_ns, UINT64_MAX for none). */
enum lat_status lat_pipe_read(struct lat_pipe *pipe, void *bytes, size_t capacity,
                              uint64_t deadline_ns, size_t *out_n,
                              struct lat_error *err) LAT_MUST_USE;

/* The network's side: bytes moved, 0 when it must wait for on_ready (or the pipe is broken or
 * ended, then there is nothing to wait for: *out_ended, lat_pipe_broken). */
size_t lat_pipe_offer(struct lat_pipe *pipe, const void *bytes, size_t n);
size_t lat_pipe_take(struct lat_pipe *pipe, void *bytes, size_t capacity, bool *out_ended);

/* Writer: no more bytes. */
void lat_pipe_end(struct lat_pipe *pipe);
/* Either side: broken off; both sides learn it at their next step. What was not read is lost.
 */
void lat_pipe_abort(struct lat_pipe *pipe);
bool lat_pipe_broken(struct lat_pipe *pipe);

#endif
