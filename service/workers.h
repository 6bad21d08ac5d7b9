/* Worker threads over one bounded queue. Any thread may push. */
#ifndef LAT_SERVICE_WORKERS_H
#define LAT_SERVICE_WORKERS_H

#include <stddef.h>

#include "base/status.h"

struct lat_workers;

/* Starts `n` threads which call `run(item)` for what is pushed, oldest first; at most
 * `capacity` items wait. Workers may block for long: there are many of them, and what computes
 * is bounded elsewhere (service/batcher.h). */
enum lat_status lat_workers_new(unsigned n, size_t capacity, void (*run)(void *item),
                                struct lat_workers **out_workers,
                                struct lat_error *err) LAT_MUST_USE;

/* False at once when the queue is full or stopped: `item` stays the caller's. */
bool lat_workers_push(struct lat_workers *workers, void *item) LAT_MUST_USE;

/* Runs what waits and joins the threads; pushes fail from now on. NULL is fine. */
void lat_workers_stop(struct lat_workers *workers);
/* Stops if need be, and frees: nobody may push any more. NULL is fine. */
void lat_workers_free(struct lat_workers *workers);

#endif
