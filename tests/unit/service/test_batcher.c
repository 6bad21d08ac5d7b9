#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "service/batcher.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct app_fixture fixture;
static struct lat_model *model;
static struct lat_batcher *batcher;

static void enter(void)
{
    test_folder_enter();
    app_fixture_start(&fixture);
    cr_assert_eq(lat_registry_acquire(fixture.app->registry, "tiny", &model, NULL), LAT_OK);
}

static void leave(void)
{
    lat_batcher_free(batcher);
    lat_model_release(model);
    app_fixture_stop(&fixture);
    test_folder_leave();
}

TestSuite(batcher, .init = enter, .fini = leave);

static double runs(void)
{
    return lat_metric_value(LAT_METRIC_INFER_BATCH, "tiny@1");
}

static void fill(float *rows, size_t n, float base)
{
    for (size_t i = 0; i < n * 5; i++)
        rows[i] = base + (float)i;
}

static bool right(const float *rows, const float *codes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            if (codes[i * 3 + k] != 2 * rows[i * 5 + k])
                return false;
    return true;
}

Test(batcher, a_lone_call_is_one_run)
{
    float rows[4 * 5], codes[4 * 3], back[4 * 5];
    struct lat_call call = {.deadline_ns = UINT64_MAX};
    cr_assert_eq(lat_batcher_new(1, 64, &batcher, NULL), LAT_OK);
    fill(rows, 4, 1);
    cr_assert_eq(lat_batcher_encode(batcher, model, rows, 4, codes, NULL, &call, NULL), LAT_OK);
    cr_assert(right(rows, codes, 4));
    cr_assert_eq(runs(), 1.0);
    cr_assert_gt(call.timing_ns[LAT_TIMING_INFER], 0u);
    cr_assert_eq(lat_batcher_decode(batcher, model, codes, 4, back, NULL, NULL), LAT_OK);
    for (size_t i = 0; i < 20; i++)
        cr_assert_eq(back[i], i % 5 < 3 ? rows[i] : 0.0f);
}

Test(batcher, more_rows_than_fit_are_run_in_parts)
{
    float rows[10 * 5], codes[10 * 3];
    cr_assert_eq(lat_batcher_new(1, 4, &batcher, NULL), LAT_OK);
    fill(rows, 10, 7);
    cr_assert_eq(lat_batcher_encode(batcher, model, rows, 10, codes, NULL, NULL, NULL), LAT_OK);
    cr_assert(right(rows, codes, 10));
    cr_assert_eq(runs(), 3.0);
}

Test(batcher, no_rows_are_no_run)
{
    cr_assert_eq(lat_batcher_new(1, 4, &batcher, NULL), LAT_OK);
    cr_assert_eq(lat_batcher_encode(batcher, model, NULL, 0, NULL, NULL, NULL, NULL), LAT_OK);
    cr_assert_eq(runs(), 0.0);
}

Test(batcher, what_a_model_refuses_its_callers_get)
{
    float rows[5] = {0}, codes[3], variances[3];
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_batcher_new(1, 4, &batcher, NULL), LAT_OK);
    cr_assert_eq(lat_batcher_encode(batcher, model, rows, 1, codes, variances, NULL, &err),
                 LAT_CAPABILITY);
    cr_assert_eq(err.status, LAT_CAPABILITY);
    cr_assert_eq(lat_batcher_encode(batcher, model, rows, 1, codes, NULL, NULL, NULL), LAT_OK,
                 "the slot came back");
}

static atomic_bool enough;
static atomic_int calls, bad;

static void *hammer(void *argument)
{
    const float base = (float)*(const int *)argument;
    float rows[3 * 5], codes[3 * 3];
    for (size_t i = 0; !atomic_load(&enough); i++) {
        const size_t n = 1 + i % 3;
        fill(rows, n, base + (float)i);
        if (lat_batcher_encode(batcher, model, rows, n, codes, NULL, NULL, NULL) != LAT_OK ||
            !right(rows, codes, n))
            atomic_fetch_add(&bad, 1);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

/* Eight threads on one slot until `seen` says so. */
static void under_load(bool (*seen)(void))
{
    pthread_t threads[8];
    int bases[8];
    cr_assert_eq(lat_batcher_new(1, 64, &batcher, NULL), LAT_OK);
    for (int i = 0; i < 8; i++) {
        bases[i] = i * 1000;
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, &bases[i]), 0);
    }
    while (!seen())
        ;
    atomic_store(&enough, true);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(bad, 0);
}

static bool joined(void)
{
    /* The calls counted first: those still under way only make the difference smaller. */
    const int done = atomic_load(&calls);
    return done - (int)runs() > 100;
}

Test(batcher, waiting_calls_are_joined_and_each_gets_its_own_rows)
{
    under_load(joined);
}

static bool late_refused(void)
{
    float rows[5] = {1}, codes[3];
    struct lat_call call = {.deadline_ns = 1}; /* long past: only a free slot helps */
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_batcher_encode(batcher, model, rows, 1, codes, NULL, &call, &err) == LAT_OK)
        return false;
    cr_assert_eq(err.status, LAT_UNAVAILABLE);
    cr_assert_str_eq(err.code, "deadline_exceeded");
    return true;
}

Test(batcher, a_call_past_its_deadline_does_not_wait)
{
    under_load(late_refused);
}

static void *encode_once(void *argument)
{
    float rows[5], codes[3];
    enum lat_status *status = argument;
    fill(rows, 1, 3);
    *status = lat_batcher_encode(batcher, model, rows, 1, codes, NULL, NULL, NULL);
    if (*status == LAT_OK && !right(rows, codes, 1))
        *status = LAT_INTERNAL;
    return NULL;
}

/* What holds the only slot sees that somebody waits to encode, and not before. */
Test(batcher, who_holds_a_slot_sees_that_a_run_is_waited_for)
{
    pthread_t thread;
    enum lat_status status = LAT_INTERNAL;
    cr_assert_eq(lat_batcher_new(1, 4, &batcher, NULL), LAT_OK);
    cr_assert_eq(lat_batcher_hold(batcher, NULL, NULL), LAT_OK);
    cr_assert_not(lat_batcher_is_wanted(batcher));
    cr_assert_eq(pthread_create(&thread, NULL, encode_once, &status), 0);
    while (!lat_batcher_is_wanted(batcher))
        sched_yield();
    cr_assert_eq(runs(), 0.0);
    lat_batcher_let_go(batcher);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(status, LAT_OK);
    cr_assert_not(lat_batcher_is_wanted(batcher));
}

struct waiter {
    pthread_t thread;
    atomic_int tid;
    void (*ask)(struct waiter *waiter);
    double runs_before; /* when a slot was given */
    bool wanted;
    enum lat_status status;
};

static void *wait_in_line(void *argument)
{
    struct waiter *waiter = argument;
    atomic_store(&waiter->tid, (int)syscall(SYS_gettid));
    waiter->ask(waiter);
    return NULL;
}

static void ask_to_hold(struct waiter *waiter)
{
    waiter->status = lat_batcher_hold(batcher, NULL, NULL);
    waiter->runs_before = runs();
    waiter->wanted = lat_batcher_is_wanted(batcher);
    lat_batcher_let_go(batcher);
}

static void ask_to_encode(struct waiter *waiter)
{
    encode_once(&waiter->status);
}

static bool sleeps(int tid)
{
    char path[64], state = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const bool read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    fclose(file);
    return read && state == 'S';
}

/* Starts it, and returns once it waits: nothing else could make it sleep. */
static void line_up(struct waiter *waiter)
{
    cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_in_line, waiter), 0);
    while (!atomic_load(&waiter->tid) || !sleeps(atomic_load(&waiter->tid)))
        sched_yield();
}

/* In line: one that wants to hold the slot, then two runs that are too large to be joined. */
Test(batcher, a_run_goes_ahead_of_who_wants_to_hold_but_not_twice_in_a_row)
{
    struct waiter line[3] = {
        {.ask = ask_to_hold}, {.ask = ask_to_encode}, {.ask = ask_to_encode}};
    cr_assert_eq(lat_batcher_new(1, 1, &batcher, NULL), LAT_OK);
    cr_assert_eq(lat_batcher_hold(batcher, NULL, NULL), LAT_OK);
    for (size_t i = 0; i < LAT_ARRAY_LEN(line); i++)
        line_up(&line[i]);
    lat_batcher_let_go(batcher);
    for (size_t i = 0; i < LAT_ARRAY_LEN(line); i++) {
        cr_assert_eq(pthread_join(line[i].thread, NULL), 0);
        cr_expect_eq(line[i].status, LAT_OK);
    }
    cr_expect_eq(line[0].runs_before, 1.0, "one run went ahead, not %g", line[0].runs_before);
    cr_expect(line[0].wanted, "the other run waits still");
    cr_expect_eq(runs(), 2.0);
}
