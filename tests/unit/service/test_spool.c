#include <criterion/criterion.h>
#include <string.h>

#include "service/spool.h"
#include "tests/support/support.h"

TestSuite(spool, .init = test_folder_enter, .fini = test_folder_leave);

static void fill(unsigned char *bytes, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)((from + i) * 31 % 251);
}

/* Writes `total` bytes in pieces of `piece`, reads them back in pieces of 100. */
static void there_and_back(size_t limit, size_t total, size_t piece)
{
    struct lat_spool *spool = NULL;
    unsigned char bytes[4096], expected[4096];
    cr_assert_eq(lat_spool_new(test_folder(), limit, &spool, NULL), LAT_OK);
    for (size_t done = 0; done < total; done += piece) {
        fill(bytes, piece, done);
        cr_assert_eq(lat_spool_write(spool, bytes, piece, NULL), LAT_OK);
    }
    cr_assert_eq(lat_spool_size(spool), total);
    size_t done = 0, n = 1;
    while (n) {
        cr_assert_eq(lat_spool_read(spool, bytes, 100, &n, NULL), LAT_OK);
        fill(expected, n, done);
        cr_assert(memcmp(bytes, expected, n) == 0);
        done += n;
    }
    cr_assert_eq(done, total);
    lat_spool_free(spool);
}

Test(spool, little_stays_in_memory)
{
    there_and_back(10000, 5000, 1000);
    cr_assert_eq(test_folder_count(test_folder()), 0);
}

Test(spool, much_goes_through_a_file_without_a_name)
{
    there_and_back(1000, 100 * 777, 777);
    there_and_back(0, 4096, 4096);
    cr_assert_eq(test_folder_count(test_folder()), 0);
}

Test(spool, an_empty_one_reads_as_ended)
{
    there_and_back(10, 0, 1);
}

Test(spool, a_folder_that_is_not_there_fails_and_keeps_what_was_written)
{
    struct lat_spool *spool = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    char out[16];
    size_t n;
    cr_assert_eq(lat_spool_new(test_path("absent"), 4, &spool, NULL), LAT_OK);
    cr_assert_eq(lat_spool_write(spool, "abc", 3, NULL), LAT_OK);
    cr_assert_eq(lat_spool_write(spool, "defgh", 5, &err), LAT_IO);
    cr_assert_eq(lat_spool_size(spool), 3u);
    cr_assert_eq(lat_spool_read(spool, out, sizeof(out), &n, NULL), LAT_OK);
    cr_assert_eq(n, 3u);
    cr_assert(memcmp(out, "abc", 3) == 0);
    lat_spool_free(spool);
}

static enum lat_status use(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_spool *spool = NULL;
    enum lat_status status = lat_spool_new(test_folder(), 300, &spool, err);
    for (int i = 0; status == LAT_OK && i < 10; i++)
        status = lat_spool_write(spool, "0123456789012345678901234567890123456789", 40, err);
    lat_spool_free(spool);
    return status;
}

Test(spool, survives_every_failed_allocation)
{
    TEST_TORTURE(use, NULL);
}
