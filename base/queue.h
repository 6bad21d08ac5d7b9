/* A bounded first-in first-out queue of pointers for many producers and consumers. Thread-safe.
 */
#ifndef LAT_BASE_QUEUE_H
#define LAT_BASE_QUEUE_H

#include <stddef.h>

#include "base/sync.h"

struct lat_queue {
    struct lat_mutex mutex;
    struct lat_cond not_empty;
    void **items; /* ring of `capacity` */
    size_t capacity, head, count;
    bool closed;
};

enum lat_status lat_queue_init(struct lat_queue *queue, size_t capacity,
                               struct lat_error *err) LAT_MUST_USE;
void lat_queue_release(struct lat_queue *queue);

/* false at once when full or closed: the producer says 429. The queue keeps the pointer. */
bool lat_queue_try_push(struct lat_queue *queue, void *item) LAT_MUST_USE;

/* Waits for an item; NULL once the queue is closed and empty. */
void *lat_queue_pop(struct lat_queue *queue) LAT_MUST_USE;

/* No more pushes; waiting consumers wake and drain what is left. */
void lat_queue_close(struct lat_queue *queue);

#endif
