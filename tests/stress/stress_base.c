/* The shared parts of base/ under ThreadSanitizer: queue, reader-writer lock, metrics and log
 * used by several threads at once. A plain program; it ends with status 1 when a count is
 * wrong. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/sync.h"

#include "base/banned.h"

enum { THREADS = 4, ITEMS = 20000, LABELS = 40 };

struct shared {
    struct lat_queue queue;
    struct lat_rwlock lock;
    uint64_t guarded; /* by `lock` */
};

static void *consume(void *argument)
{
    struct shared *shared = argument;
    uintptr_t n = 0;
    for (void *item = lat_queue_pop(&shared->queue); item;
         item = lat_queue_pop(&shared->queue)) {
        char label[16];
        snprintf(label, sizeof(label), "c%d", (int)((uintptr_t)item % LABELS));
        lat_metric_add(LAT_METRIC_ITEMS, label, 1);
        lat_metric_observe(LAT_METRIC_SEARCH_SECONDS, label, 0.001);
        if (n % 8 == 0) {
            lat_rwlock_write(&shared->lock);
            shared->guarded++;
            lat_rwlock_unlock(&shared->lock);
        } else {
            lat_rwlock_read(&shared->lock);
            const uint64_t seen = shared->guarded;
            lat_rwlock_unlock(&shared->lock);
            lat_log(LAT_LOG_DEBUG, "seen", "\"n\":%llu", (unsigned long long)seen);
        }
        n++;
    }
    return (void *)n;
}

static double metric_sum(void)
{
    double sum = 0;
    for (int i = 0; i < LABELS; i++) {
        char label[16];
        snprintf(label, sizeof(label), "c%d", i);
        sum += lat_metric_value(LAT_METRIC_ITEMS, label);
    }
    return sum;
}

/* Feeds the queue from this thread and writes the metrics meanwhile. */
static void produce(struct shared *shared)
{
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        while (!lat_queue_try_push(&shared->queue, (void *)i))
            sched_yield();
        if (i % 2000 == 0) {
            struct lat_buf text = {0};
            lat_metrics_write(&text);
            lat_buf_release(&text);
        }
    }
    lat_queue_close(&shared->queue);
}

int main(void)
{
    struct shared shared = {0};
    struct lat_error err = LAT_ERROR_INIT;
    pthread_t threads[THREADS];
    lat_rwlock_init(&shared.lock, LAT_RANK_INDEX, "guarded");
    if (lat_queue_init(&shared.queue, 16, &err) != LAT_OK)
        return 1;
    for (int i = 0; i < THREADS; i++)
        if (lat_thread_start(&threads[i], "consumer", consume, &shared, &err) != LAT_OK)
            return 1;
    produce(&shared);
    uintptr_t n = 0;
    for (int i = 0; i < THREADS; i++) {
        void *part;
        pthread_join(threads[i], &part);
        n += (uintptr_t)part;
    }
    const double counted = metric_sum();
    lat_queue_release(&shared.queue);
    lat_rwlock_release(&shared.lock);
    printf("%ju items taken, %.0f counted, of %d\n", (uintmax_t)n, counted, (int)ITEMS);
    return n == ITEMS && counted == ITEMS ? 0 : 1;
}
