/* The gauge of the queue's length follows pushes and pops; it is approximate by the moment
 * between the two. */
#include "service/workers.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/urgency.h"

#include "base/banned.h"

struct lat_workers {
    struct lat_queue queue;
    void (*run)(void *item);
    struct lat_series *waiting;
    pthread_t *threads;
    unsigned n;
};

static void *work(void *argument)
{
    struct lat_workers *workers = argument;
    void *item;
    lat_urgency_set(LAT_BULK);
    while ((item = lat_queue_pop(&workers->queue))) {
        lat_series_add(workers->waiting, -1);
        workers->run(item);
    }
    return NULL;
}

enum lat_status lat_workers_new(unsigned n, size_t capacity, void (*run)(void *item),
                                struct lat_workers **out_workers, struct lat_error *err)
{
    struct lat_workers *workers = lat_alloc(1, sizeof(*workers));
    if (!workers)
        return lat_fail_memory(err);
    workers->run = run;
    workers->waiting = lat_metric_series(LAT_METRIC_QUEUE_LENGTH, NULL);
    workers->threads = lat_alloc(n, sizeof(*workers->threads));
    enum lat_status status = workers->threads ? lat_queue_init(&workers->queue, capacity, err)
                                              : lat_fail_memory(err);
    if (status != LAT_OK) {
        lat_free(workers->threads);
        lat_free(workers);
        return status;
    }
    while (workers->n < n && status == LAT_OK) {
        status = lat_thread_start(&workers->threads[workers->n], "worker", work, workers, err);
        workers->n += status == LAT_OK;
    }
    if (status != LAT_OK) {
        lat_workers_free(workers);
        return status;
    }
    *out_workers = workers;
    return LAT_OK;
}

bool lat_workers_push(struct lat_workers *workers, void *item)
{
    lat_series_add(workers->waiting, 1);
    if (lat_queue_try_push(&workers->queue, item))
        return true;
    lat_series_add(workers->waiting, -1);
    return false;
}

void lat_workers_stop(struct lat_workers *workers)
{
    if (!workers)
        return;
    lat_queue_close(&workers->queue);
    while (workers->n)
        pthread_join(workers->threads[--workers->n], NULL);
}

void lat_workers_free(struct lat_workers *workers)
{
    if (!workers)
        return;
    lat_workers_stop(workers);
    lat_queue_release(&workers->queue);
    lat_free(workers->threads);
    lat_free(workers);
}
