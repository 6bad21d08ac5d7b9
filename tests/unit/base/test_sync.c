#include <criterion/criterion.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/queue.h"
#include "base/sync.h"
#include "tests/support/support.h"

Test(sync, locks_nest_by_rank)
{
    struct lat_mutex registry, queue;
    struct lat_rwlock index;
    lat_mutex_init(&registry, LAT_RANK_REGISTRY, "registry");
    lat_rwlock_init(&index, LAT_RANK_INDEX, "index");
    lat_mutex_init(&queue, LAT_RANK_QUEUE, "queue");
    lat_mutex_lock(&registry);
    lat_rwlock_read(&index);
    lat_mutex_lock(&queue);
    lat_mutex_unlock(&registry); /* out of order is fine */
    lat_mutex_unlock(&queue);
    lat_rwlock_unlock(&index);
    lat_mutex_lock(&registry);
    lat_rwlock_write(&index);
    lat_rwlock_unlock(&index);
    lat_mutex_unlock(&registry);
    lat_mutex_release(&registry);
    lat_mutex_release(&queue);
    lat_rwlock_release(&index);
}

#ifndef NDEBUG
Test(sync, a_lower_rank_under_a_higher_aborts, .signal = SIGABRT)
{
    struct lat_mutex low, high;
    lat_mutex_init(&low, LAT_RANK_MODEL, "model");
    lat_mutex_init(&high, LAT_RANK_INDEX, "index");
    lat_mutex_lock(&high);
    lat_mutex_lock(&low);
}

Test(sync, a_rank_held_twice_aborts, .signal = SIGABRT)
{
    struct lat_rwlock a, b;
    lat_rwlock_init(&a, LAT_RANK_INDEX, "one");
    lat_rwlock_init(&b, LAT_RANK_INDEX, "two");
    lat_rwlock_read(&a);
    lat_rwlock_read(&b);
}

Test(sync, unlocking_what_is_not_held_aborts, .signal = SIGABRT)
{
    struct lat_mutex mutex;
    lat_mutex_init(&mutex, LAT_RANK_LEAF, "leaf");
    lat_mutex_unlock(&mutex);
}

Test(sync, waiting_with_an_inner_lock_held_aborts, .signal = SIGABRT)
{
    struct lat_mutex outer, inner;
    struct lat_cond cond;
    lat_mutex_init(&outer, LAT_RANK_MODEL, "outer");
    lat_mutex_init(&inner, LAT_RANK_LEAF, "inner");
    lat_cond_init(&cond);
    lat_mutex_lock(&outer);
    lat_mutex_lock(&inner);
    (void)lat_cond_wait_until(&cond, &outer, lat_clock_ns());
}
#endif

Test(sync, a_wait_ends_at_its_deadline)
{
    struct lat_mutex mutex;
    struct lat_cond cond;
    lat_mutex_init(&mutex, LAT_RANK_LEAF, "leaf");
    lat_cond_init(&cond);
    lat_mutex_lock(&mutex);
    const uint64_t deadline = lat_clock_ns() + 2 * LAT_NS_PER_MS;
    while (lat_cond_wait_until(&cond, &mutex, deadline))
        ;
    cr_assert_geq(lat_clock_ns(), deadline);
    cr_assert_not(lat_cond_wait_until(&cond, &mutex, 0));
    lat_mutex_unlock(&mutex);
    lat_cond_release(&cond);
    lat_mutex_release(&mutex);
}

struct baton {
    struct lat_mutex mutex;
    struct lat_cond cond;
    int turn;
    char name[16];
};

static void *answer(void *argument)
{
    struct baton *baton = argument;
    lat_mutex_lock(&baton->mutex);
    for (int i = 0; i < 100; i++) {
        while (baton->turn % 2 == 0)
            lat_cond_wait(&baton->cond, &baton->mutex);
        baton->turn++;
        lat_cond_broadcast(&baton->cond);
    }
    pthread_getname_np(pthread_self(), baton->name, sizeof(baton->name));
    lat_mutex_unlock(&baton->mutex);
    return baton;
}

Test(sync, threads_wake_each_other)
{
    struct baton baton = {0};
    lat_mutex_init(&baton.mutex, LAT_RANK_LEAF, "baton");
    lat_cond_init(&baton.cond);
    pthread_t thread;
    lat_mutex_lock(&baton.mutex); /* so that the name is set before the thread gets through */
    cr_assert_eq(lat_thread_start(&thread, "a-name-that-is-too-long", answer, &baton, NULL),
                 LAT_OK);
    for (int i = 0; i < 100; i++) {
        baton.turn++;
        lat_cond_signal(&baton.cond);
        while (baton.turn % 2)
            cr_assert(lat_cond_wait_until(&baton.cond, &baton.mutex, UINT64_MAX));
    }
    lat_mutex_unlock(&baton.mutex);
    void *result;
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq(result, &baton);
    cr_assert_eq(baton.turn, 200);
    cr_assert_str_eq(baton.name, "a-name-that-is-");
    lat_cond_release(&baton.cond);
    lat_mutex_release(&baton.mutex);
}

struct crowd {
    struct lat_rwlock lock;
    atomic_int readers;
    atomic_bool stop;
};

static void *read_without_pause(void *argument)
{
    struct crowd *crowd = argument;
    while (!atomic_load(&crowd->stop)) {
        lat_rwlock_read(&crowd->lock);
        atomic_fetch_add(&crowd->readers, 1);
        sched_yield();
        lat_rwlock_unlock(&crowd->lock);
    }
    return NULL;
}

Test(sync, readers_without_pause_do_not_starve_a_writer, .timeout = 60)
{
    struct crowd crowd = {0};
    lat_rwlock_init(&crowd.lock, LAT_RANK_INDEX, "index");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(lat_thread_start(&threads[i], "reader", read_without_pause, &crowd, NULL),
                     LAT_OK);
    for (int i = 0; i < 50; i++) {
        lat_rwlock_write(&crowd.lock);
        const int before = atomic_load(&crowd.readers);
        sched_yield();
        cr_assert_eq(atomic_load(&crowd.readers), before);
        lat_rwlock_unlock(&crowd.lock);
    }
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    lat_rwlock_release(&crowd.lock);
}

Test(sync, there_is_a_cpu)
{
    cr_assert_geq(lat_cpu_count(), 1u);
    cpu_set_t one;
    CPU_ZERO(&one);
    cr_assert_eq(sched_getaffinity(0, sizeof(one), &one), 0);
    cr_assert_leq(lat_cpu_count(), (unsigned)CPU_COUNT(&one));
}

Test(queue, is_first_in_first_out_and_bounded)
{
    struct lat_queue queue;
    int items[5];
    cr_assert_eq(lat_queue_init(&queue, 3, NULL), LAT_OK);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 3; i++)
            cr_assert(lat_queue_try_push(&queue, &items[i]));
        cr_assert_not(lat_queue_try_push(&queue, &items[3]));
        cr_assert_eq(lat_queue_pop(&queue), &items[0]);
        cr_assert(lat_queue_try_push(&queue, &items[4]));
        cr_assert_eq(lat_queue_pop(&queue), &items[1]);
        cr_assert_eq(lat_queue_pop(&queue), &items[2]);
        cr_assert_eq(lat_queue_pop(&queue), &items[4]);
    }
    lat_queue_release(&queue);
    lat_queue_release(&queue);
}

Test(queue, closed_it_drains_and_then_gives_nothing)
{
    struct lat_queue queue;
    int item;
    cr_assert_eq(lat_queue_init(&queue, 3, NULL), LAT_OK);
    cr_assert(lat_queue_try_push(&queue, &item));
    lat_queue_close(&queue);
    cr_assert_not(lat_queue_try_push(&queue, &item));
    cr_assert_eq(lat_queue_pop(&queue), &item);
    cr_assert_null(lat_queue_pop(&queue));
    lat_queue_release(&queue);
}

enum { ROOM = 7 };
static struct lat_queue shared;
static sem_t room; /* places of the queue that are free for sure */

static void *consume(void *argument)
{
    uintptr_t sum = 0;
    (void)argument;
    for (void *item = lat_queue_pop(&shared); item; item = lat_queue_pop(&shared)) {
        sum += (uintptr_t)item;
        sem_post(&room);
    }
    return (void *)sum;
}

Test(queue, every_item_reaches_one_consumer)
{
    enum { ITEMS = 20000, CONSUMERS = 3 };
    sem_init(&room, 0, ROOM);
    cr_assert_eq(lat_queue_init(&shared, ROOM, NULL), LAT_OK);
    pthread_t threads[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        cr_assert_eq(lat_thread_start(&threads[i], "consumer", consume, NULL, NULL), LAT_OK);
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        sem_wait(&room);
        cr_assert(lat_queue_try_push(&shared, (void *)i));
    }
    lat_queue_close(&shared);
    uintptr_t sum = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        void *part;
        pthread_join(threads[i], &part);
        sum += (uintptr_t)part;
    }
    cr_assert_eq(sum, (uintptr_t)ITEMS * (ITEMS + 1) / 2);
    lat_queue_release(&shared);
}

static enum lat_status open_queue(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_queue queue;
    const enum lat_status status = lat_queue_init(&queue, 4, err);
    if (status == LAT_OK)
        lat_queue_release(&queue);
    return status;
}

Test(queue, survives_every_failing_allocation)
{
    TEST_TORTURE(open_queue, NULL);
}

Test(clock, the_monotonic_clock_does_not_go_back)
{
    uint64_t last = lat_clock_ns();
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = lat_clock_ns();
        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, times_are_written_in_utc)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {1767323045678, "2026-01-02T03:04:05.678Z"},
                 {951782400001, "2000-02-29T00:00:00.001Z"},
                 {-1, "1969-12-31T23:59:59.999Z"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char text[25];
        lat_clock_format(cases[i].ms, text, sizeof(text));
        cr_expect_str_eq(text, cases[i].text);
    }
    cr_assert_gt(lat_clock_wall_ms(), 1700000000000);
}
