/* Thin wrappers over pthreads. A lock call that fails is a bug of ours (destroyed or recursive
 * lock): there is nothing to return it to, the process aborts with the lock's name.
 *
 * In debug builds each thread keeps the locks it holds on a small stack; the highest rank on it
 * must be lower than that of the lock to take. Waiting on a condition keeps its mutex on the
 * stack: it must be the highest one held, for it is taken anew when the wait ends. */
#include "base/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#include "base/banned.h"

static _Noreturn void die(const char *what, const char *name, const char *why)
{
    fprintf(stderr, "latentd: %s '%s': %s\n", what, name, why);
    abort();
}

static void must(int result, const char *what, const char *name)
{
    if (result != 0)
        die(what, name, strerrordesc_np(result));
}

#ifndef NDEBUG
enum { HELD_MAX = 16 };

struct held {
    const void *lock;
    enum lat_rank rank;
    const char *name;
};

static _Thread_local struct held held[HELD_MAX];
static _Thread_local int n_held;

static const struct held *highest_held(void)
{
    const struct held *highest = NULL;
    for (int i = 0; i < n_held; i++)
        if (!highest || held[i].rank > highest->rank)
            highest = &held[i];
    return highest;
}

static void rank_before_lock(enum lat_rank rank, const char *name)
{
    const struct held *highest = highest_held();
    if (highest && highest->rank >= rank) {
        fprintf(stderr, "latentd: lock order: '%s' (rank %d) while holding '%s' (rank %d)\n",
                name, (int)rank, highest->name, (int)highest->rank);
        abort();
    }
}

static void rank_locked(const void *lock, enum lat_rank rank, const char *name)
{
    if (n_held == HELD_MAX)
        die("too many locks held at", name, "a leak of locks");
    held[n_held++] = (struct held){lock, rank, name};
}

static void rank_unlocked(const void *lock, const char *name)
{
    for (int i = n_held - 1; i >= 0; i--) {
        if (held[i].lock != lock)
            continue;
        memmove(&held[i], &held[i + 1], (size_t)(n_held - i - 1) * sizeof(held[0]));
        n_held--;
        return;
    }
    die("unlock", name, "this thread does not hold it");
}

static void rank_before_wait(const struct lat_mutex *mutex)
{
    const struct held *highest = highest_held();
    if (!highest || highest->lock != mutex)
        die("wait", mutex->name, "not the innermost lock this thread holds");
}
#else
static void rank_before_lock(enum lat_rank rank, const char *name)
{
    (void)rank;
    (void)name;
}

static void rank_locked(const void *lock, enum lat_rank rank, const char *name)
{
    (void)lock;
    (void)rank;
    (void)name;
}

static void rank_unlocked(const void *lock, const char *name)
{
    (void)lock;
    (void)name;
}

static void rank_before_wait(const struct lat_mutex *mutex)
{
    (void)mutex;
}
#endif

void lat_mutex_init(struct lat_mutex *mutex, enum lat_rank rank, const char *name)
{
    mutex->rank = rank;
    mutex->name = name;
    must(pthread_mutex_init(&mutex->raw, NULL), "init", name);
}

void lat_mutex_release(struct lat_mutex *mutex)
{
    must(pthread_mutex_destroy(&mutex->raw), "release", mutex->name);
}

void lat_mutex_lock(struct lat_mutex *mutex)
{
    rank_before_lock(mutex->rank, mutex->name);
    must(pthread_mutex_lock(&mutex->raw), "lock", mutex->name);
    rank_locked(mutex, mutex->rank, mutex->name);
}

void lat_mutex_unlock(struct lat_mutex *mutex)
{
    rank_unlocked(mutex, mutex->name);
    must(pthread_mutex_unlock(&mutex->raw), "unlock", mutex->name);
}

void lat_cond_init(struct lat_cond *cond)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes), "init", "condition");
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "init", "condition");
    must(pthread_cond_init(&cond->raw, &attributes), "init", "condition");
    pthread_condattr_destroy(&attributes);
}

void lat_cond_release(struct lat_cond *cond)
{
    must(pthread_cond_destroy(&cond->raw), "release", "condition");
}

void lat_cond_signal(struct lat_cond *cond)
{
    must(pthread_cond_signal(&cond->raw), "signal", "condition");
}

void lat_cond_broadcast(struct lat_cond *cond)
{
    must(pthread_cond_broadcast(&cond->raw), "broadcast", "condition");
}

void lat_cond_wait(struct lat_cond *cond, struct lat_mutex *mutex)
{
    rank_before_wait(mutex);
    must(pthread_cond_wait(&cond->raw, &mutex->raw), "wait", mutex->name);
}

bool lat_cond_wait_until(struct lat_cond *cond, struct lat_mutex *mutex, uint64_t deadline_ns)
{
    rank_before_wait(mutex);
    const struct timespec until = {
        .tv_sec = (time_t)(deadline_ns / LAT_NS_PER_S),
        .tv_nsec = (long)(deadline_ns % LAT_NS_PER_S),
    };
    const int result = pthread_cond_timedwait(&cond->raw, &mutex->raw, &until);
    if (result == ETIMEDOUT)
        return false;
    must(result, "wait", mutex->name);
    return true;
}

void lat_rwlock_init(struct lat_rwlock *lock, enum lat_rank rank, const char *name)
{
    lock->rank = rank;
    lock->name = name;
    pthread_rwlockattr_t attributes;
    must(pthread_rwlockattr_init(&attributes), "init", name);
    must(pthread_rwlockattr_setkind_np(&attributes,
                                       PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP),
         "init", name);
    must(pthread_rwlock_init(&lock->raw, &attributes), "init", name);
    pthread_rwlockattr_destroy(&attributes);
}

void lat_rwlock_release(struct lat_rwlock *lock)
{
    must(pthread_rwlock_destroy(&lock->raw), "release", lock->name);
}

void lat_rwlock_read(struct lat_rwlock *lock)
{
    rank_before_lock(lock->rank, lock->name);
    must(pthread_rwlock_rdlock(&lock->raw), "read lock", lock->name);
    rank_locked(lock, lock->rank, lock->name);
}

void lat_rwlock_write(struct lat_rwlock *lock)
{
    rank_before_lock(lock->rank, lock->name);
    must(pthread_rwlock_wrlock(&lock->raw), "write lock", lock->name);
    rank_locked(lock, lock->rank, lock->name);
}

void lat_rwlock_unlock(struct lat_rwlock *lock)
{
    rank_unlocked(lock, lock->name);
    must(pthread_rwlock_unlock(&lock->raw), "unlock", lock->name);
}

enum lat_status lat_thread_start(pthread_t *out_thread, const char *name, void *(*run)(void *),
                                 void *argument, struct lat_error *err)
{
    pthread_t thread;
    const int result = pthread_create(&thread, NULL, run, argument);
    if (result != 0)
        return lat_fail(err, LAT_UNAVAILABLE, "no_thread", "cannot start thread '%s': %s", name,
                        strerrordesc_np(result));
    char cut[16];
    snprintf(cut, sizeof(cut), "%.15s", name);
    pthread_setname_np(thread, cut); /* only for the eye: a failure does not matter */
    *out_thread = thread;
    return LAT_OK;
}
