/* Locks with ranks. A thread may take a lock only while every lock it holds has a lower rank;
 * debug builds (no NDEBUG) abort with both names when it does otherwise. A rank is held at most
 * once by a thread. The order, lowest first, is the order in which they nest. */
#ifndef LAT_BASE_SYNC_H
#define LAT_BASE_SYNC_H

#include <pthread.h>
#include <stdint.h>

#include "base/status.h"

enum lat_rank {
    LAT_RANK_APP = 1,    /* start-up, shutdown, draining */
    LAT_RANK_JOBS,       /* the list of background jobs */
    LAT_RANK_REGISTRY,   /* which models exist, which version is newest */
    LAT_RANK_MODEL,      /* one model's state and batch queue */
    LAT_RANK_COLLECTION, /* the table of open collections */
    LAT_RANK_INDEX,      /* one collection's index (readers: searches) */
    LAT_RANK_DATABASE,   /* the writer's connection, the pool of readers */
    LAT_RANK_QUEUE,      /* a bounded queue, a pipe */
    LAT_RANK_LEAF        /* counters, logs: nothing is taken below */
};

struct lat_mutex {
    pthread_mutex_t raw;
    enum lat_rank rank;
    const char *name; /* borrowed, a literal */
};

struct lat_cond {
    pthread_cond_t raw; /* on CLOCK_MONOTONIC */
};

/* Writers are not starved: a waiting writer holds back new readers. */
struct lat_rwlock {
    pthread_rwlock_t raw;
    enum lat_rank rank;
    const char *name;
};

void lat_mutex_init(struct lat_mutex *mutex, enum lat_rank rank, const char *name);
void lat_mutex_release(struct lat_mutex *mutex);
void lat_mutex_lock(struct lat_mutex *mutex);
void lat_mutex_unlock(struct lat_mutex *mutex);

void lat_cond_init(struct lat_cond *cond);
void lat_cond_release(struct lat_cond *cond);
void lat_cond_signal(struct lat_cond *cond);
void lat_cond_broadcast(struct lat_cond *cond);
void lat_cond_wait(struct lat_cond *cond, struct lat_mutex *mutex);

/* false when `deadline_ns` (lat_clock_ns) has passed. */
bool lat_cond_wait_until(struct lat_cond *cond, struct lat_mutex *mutex, uint64_t deadline_ns);

void lat_rwlock_init(struct lat_rwlock *lock, enum lat_rank rank, const char *name);
void lat_rwlock_release(struct lat_rwlock *lock);
void lat_rwlock_read(struct lat_rwlock *lock);
void lat_rwlock_write(struct lat_rwlock *lock);
void lat_rwlock_unlock(struct lat_rwlock *lock);

/* Starts a named thread (name at most 15 bytes, shown by ps and gdb); joined by pthread_join.
 */
enum lat_status lat_thread_start(pthread_t *out_thread, const char *name, void *(*run)(void *),
                                 void *argument, struct lat_error *err) LAT_MUST_USE;

/* CPUs this process may use: the smaller of its affinity mask and its cgroup's quota, at
 * least 1. */
unsigned lat_cpu_count(void);

#endif
