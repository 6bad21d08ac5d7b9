/* A ring under one mutex. The mutex has the rank LAT_RANK_QUEUE and is held for a few
 * instructions; consumers wait on `not_empty`, producers never wait. */
#include "base/queue.h"

#include "base/mem.h"

#include "base/banned.h"

enum lat_status lat_queue_init(struct lat_queue *queue, size_t capacity, struct lat_error *err)
{
    void **items = lat_alloc(capacity, sizeof(*items));
    if (!items)
        return lat_fail_memory(err);
    *queue = (struct lat_queue){.items = items, .capacity = capacity};
    lat_mutex_init(&queue->mutex, LAT_RANK_QUEUE, "queue");
    lat_cond_init(&queue->not_empty);
    return LAT_OK;
}

void lat_queue_release(struct lat_queue *queue)
{
    if (!queue->items)
        return;
    lat_cond_release(&queue->not_empty);
    lat_mutex_release(&queue->mutex);
    lat_free(queue->items);
    queue->items = NULL;
}

bool lat_queue_try_push(struct lat_queue *queue, void *item)
{
    lat_mutex_lock(&queue->mutex);
    const bool fits = !queue->closed && queue->count < queue->capacity;
    if (fits) {
        queue->items[(queue->head + queue->count) % queue->capacity] = item;
        queue->count++;
        lat_cond_signal(&queue->not_empty);
    }
    lat_mutex_unlock(&queue->mutex);
    return fits;
}

void *lat_queue_pop(struct lat_queue *queue)
{
    void *item = NULL;
    lat_mutex_lock(&queue->mutex);
    while (!queue->count && !queue->closed)
        lat_cond_wait(&queue->not_empty, &queue->mutex);
    if (queue->count) {
        item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
    }
    lat_mutex_unlock(&queue->mutex);
    return item;
}

void lat_queue_close(struct lat_queue *queue)
{
    lat_mutex_lock(&queue->mutex);
    queue->closed = true;
    lat_cond_broadcast(&queue->not_empty);
    lat_mutex_unlock(&queue->mutex);
}
