#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "service/pipe.h"
#include "tests/support/support.h"

TestSuite(pipe);

static void count(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

Test(pipe, bytes_come_out_in_order_across_the_ring)
{
    struct lat_pipe *pipe = lat_pipe_new(8, NULL, NULL);
    char out[8];
    size_t n = 0;
    unsigned char next_in = 0, next_out = 0;
    for (int round = 0; round < 100; round++) {
        char in[5];
        for (size_t i = 0; i < sizeof(in); i++)
            in[i] = (char)(next_in + i);
        next_in = (unsigned char)(next_in + lat_pipe_offer(pipe, in, sizeof(in)));
        cr_assert_eq(lat_pipe_read(pipe, out, 3, UINT64_MAX, &n, NULL), LAT_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq((unsigned char)out[i], next_out++);
    }
    lat_pipe_free(pipe);
}

Test(pipe, the_network_side_moves_what_fits)
{
    struct lat_pipe *pipe = lat_pipe_new(4, NULL, NULL);
    bool ended = true;
    char out[8];
    cr_assert_eq(lat_pipe_offer(pipe, "abcdef", 6), 4u);
    cr_assert_eq(lat_pipe_offer(pipe, "ef", 2), 0u);
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 4u);
    cr_assert(memcmp(out, "abcd", 4) == 0);
    cr_assert_not(ended);
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 0u);
    lat_pipe_end(pipe);
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 0u);
    cr_assert(ended);
    lat_pipe_free(pipe);
}

Test(pipe, the_end_comes_after_the_last_byte)
{
    struct lat_pipe *pipe = lat_pipe_new(16, NULL, NULL);
    char out[16];
    size_t n = 9;
    cr_assert_eq(lat_pipe_offer(pipe, "xyz", 3), 3u);
    lat_pipe_end(pipe);
    cr_assert_eq(lat_pipe_offer(pipe, "more", 4), 0u, "nothing after the end");
    cr_assert_eq(lat_pipe_read(pipe, out, sizeof(out), UINT64_MAX, &n, NULL), LAT_OK);
    cr_assert_eq(n, 3u);
    cr_assert_eq(lat_pipe_read(pipe, out, sizeof(out), UINT64_MAX, &n, NULL), LAT_OK);
    cr_assert_eq(n, 0u);
    lat_pipe_free(pipe);
}

Test(pipe, a_full_pipe_wakes_its_writer_once_half_is_free)
{
    atomic_int woken = 0;
    struct lat_pipe *pipe = lat_pipe_new(8, count, &woken);
    char out[8];
    size_t n;
    cr_assert_eq(lat_pipe_offer(pipe, "12345678", 8), 8u);
    cr_assert_eq(lat_pipe_offer(pipe, "9", 1), 0u);
    cr_assert_eq(lat_pipe_read(pipe, out, 2, UINT64_MAX, &n, NULL), LAT_OK);
    cr_assert_eq(woken, 0);
    cr_assert_eq(lat_pipe_read(pipe, out, 2, UINT64_MAX, &n, NULL), LAT_OK);
    cr_assert_eq(woken, 1);
    cr_assert_eq(lat_pipe_read(pipe, out, 2, UINT64_MAX, &n, NULL), LAT_OK);
    cr_assert_eq(woken, 1, "once for each wait");
    lat_pipe_free(pipe);
}

Test(pipe, what_is_written_wakes_a_waiting_reader)
{
    atomic_int woken = 0;
    struct lat_pipe *pipe = lat_pipe_new(64, count, &woken);
    char out[8];
    bool ended;
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 0u);
    cr_assert_eq(lat_pipe_write(pipe, "a", 1, NULL), LAT_OK);
    cr_assert_eq(woken, 1);
    cr_assert_eq(lat_pipe_write(pipe, "b", 1, NULL), LAT_OK);
    cr_assert_eq(woken, 1, "nobody waited");
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 2u);
    lat_pipe_free(pipe);
}

Test(pipe, breaking_off_is_seen_by_both_sides)
{
    atomic_int woken = 0;
    struct lat_pipe *pipe = lat_pipe_new(4, count, &woken);
    struct lat_error err = LAT_ERROR_INIT;
    char out[4];
    size_t n;
    bool ended;
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 0u);
    lat_pipe_abort(pipe);
    cr_assert_eq(woken, 1);
    cr_assert(lat_pipe_broken(pipe));
    cr_assert_eq(lat_pipe_write(pipe, "abc", 3, &err), LAT_CANCELLED);
    cr_assert_eq(lat_pipe_read(pipe, out, 4, UINT64_MAX, &n, NULL), LAT_CANCELLED);
    cr_assert_eq(lat_pipe_offer(pipe, "abc", 3), 0u);
    cr_assert_eq(lat_pipe_take(pipe, out, sizeof(out), &ended), 0u);
    cr_assert_not(ended);
    lat_pipe_free(pipe);
}

Test(pipe, a_deadline_in_the_past_times_out)
{
    struct lat_pipe *pipe = lat_pipe_new(4, NULL, NULL);
    char out[4];
    size_t n;
    cr_assert_eq(lat_pipe_read(pipe, out, 4, lat_clock_ns(), &n, NULL), LAT_TIMEOUT);
    cr_assert_eq(lat_pipe_offer(pipe, "a", 1), 1u);
    cr_assert_eq(lat_pipe_read(pipe, out, 4, 1, &n, NULL), LAT_OK, "what is there is read");
    lat_pipe_free(pipe);
}

static void *write_much(void *context)
{
    unsigned char bytes[997];
    for (int round = 0; round < 200; round++) {
        memset(bytes, round, sizeof(bytes));
        if (lat_pipe_write(context, bytes, sizeof(bytes), NULL) != LAT_OK)
            return context;
    }
    lat_pipe_end(context);
    return NULL;
}

Test(pipe, a_blocked_writer_goes_on_when_the_network_takes)
{
    struct lat_pipe *pipe = lat_pipe_new(64, NULL, NULL);
    pthread_t thread;
    size_t total = 0;
    bool ended = false;
    cr_assert_eq(pthread_create(&thread, NULL, write_much, pipe), 0);
    while (!ended) {
        unsigned char out[50];
        const size_t n = lat_pipe_take(pipe, out, sizeof(out), &ended);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(out[i], (unsigned char)((total + i) / 997));
        total += n;
    }
    void *failed;
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert_eq(total, 200u * 997u);
    lat_pipe_free(pipe);
}

Test(pipe, a_blocked_writer_learns_that_the_reader_has_gone)
{
    struct lat_pipe *pipe = lat_pipe_new(64, NULL, NULL);
    pthread_t thread;
    char out[8];
    bool ended;
    cr_assert_eq(pthread_create(&thread, NULL, write_much, pipe), 0);
    while (lat_pipe_take(pipe, out, sizeof(out), &ended) == 0)
        ;
    lat_pipe_abort(pipe);
    void *failed;
    pthread_join(thread, &failed);
    cr_assert_not_null(failed);
    lat_pipe_free(pipe);
}

static enum lat_status make(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_pipe *pipe = lat_pipe_new(100, NULL, NULL);
    const bool made = pipe != NULL;
    lat_pipe_free(pipe);
    return made ? LAT_OK : lat_fail(err, LAT_NO_MEMORY, NULL, "no pipe");
}

Test(pipe, trying_writes_all_or_nothing_and_never_waits)
{
    struct lat_pipe *pipe = lat_pipe_new(8, NULL, NULL);
    bool ended;
    char out[8];
    cr_assert(lat_pipe_try_write(pipe, "abcde", 5));
    cr_assert_not(lat_pipe_try_write(pipe, "fghi", 4));
    cr_assert_eq(lat_pipe_take(pipe, out, 8, &ended), 5u, "nothing of the second is there");
    cr_assert(lat_pipe_try_write(pipe, "fghi", 4));
    lat_pipe_abort(pipe);
    cr_assert_not(lat_pipe_try_write(pipe, "j", 1));
    lat_pipe_free(pipe);
}

Test(pipe, survives_every_failed_allocation)
{
    TEST_TORTURE(make, NULL);
}
