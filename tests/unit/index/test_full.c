/* A full disk under the store: writes say so and do nothing, reads go on, and when space
 * returns writing works again by itself. Where no small disk may be mounted the test is
 * skipped. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/disk.h"
#include "tests/support/support.h"

TestSuite(full, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 16, DISK_MB = 10, BATCHES_MAX = 3000, BALLAST = 3 << 20 };

static void put_ballast(void)
{
    static const char zeros[4096];
    const int fd = open(test_path("data/ballast"), O_CREAT | O_WRONLY, 0644);
    cr_assert(fd >= 0);
    for (size_t i = 0; i < BALLAST; i += sizeof(zeros))
        cr_assert_eq(write(fd, zeros, sizeof(zeros)), (ssize_t)sizeof(zeros));
    close(fd);
}

static enum lat_status put_batch(struct lat_store *store, unsigned batch, struct lat_error *err)
{
    enum { SIZE = 40 };
    struct lat_write writes[SIZE];
    struct lat_write_result results[SIZE];
    static char ids[SIZE][32], input[300];
    static float codes[SIZE][D];
    for (size_t i = 0; i < SIZE; i++) {
        fixture_id(batch * SIZE + i, ids[i]);
        fixture_code(batch * SIZE + i, D, codes[i]);
        writes[i] = (struct lat_write){.id = ids[i],
                                       .code = codes[i],
                                       .input = input,
                                       .input_len = sizeof(input),
                                       .error = NAN,
                                       .hidden = -1};
    }
    return lat_store_write(store, "c", writes, SIZE, false, results, err);
}

/* Through the database as well: what else an item has is read there. */
static void finds(struct lat_store *store, uint64_t i)
{
    cr_assert(fixture_finds(store, "c", D, i, LAT_ITEM_METADATA), "item %llu",
              (unsigned long long)i);
}

static void report(void *context, const char *line)
{
    (void)context;
    cr_expect_fail("%s", line);
}

Test(full, a_full_disk_refuses_writes_and_lets_reads_go_on)
{
    if (!test_disk_mount(test_path("data"), DISK_MB))
        cr_skip("no tmpfs may be mounted here");
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_HNSW);
    fixture_create(store, &spec);
    put_ballast();
    unsigned batch = 0;
    enum lat_status status = LAT_OK;
    while (batch < BATCHES_MAX) {
        struct lat_error err = LAT_ERROR_INIT;
        status = put_batch(store, batch, &err);
        if (status != LAT_OK)
            break;
        batch++;
    }
    cr_assert_eq(status, LAT_DISK_FULL, "%s", lat_status_code(status));
    cr_assert(batch > 2);
    uint64_t n;
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, batch * 40, "nothing of the refused batch is there");
    finds(store, 7);
    finds(store, batch * 40 - 1);
    cr_assert_eq(unlink(test_path("data/ballast")), 0);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(put_batch(store, batch, &err), LAT_OK, "%s", err.message);
    finds(store, batch * 40 + 39);
    store = fixture_reopen(store);
    finds(store, batch * 40 + 39);
    lat_store_close(store);
    uint64_t faults = 1;
    cr_assert_eq(lat_store_check(test_path("data"), report, NULL, &faults, NULL), LAT_OK);
    cr_assert_eq(faults, 0);
    test_disk_unmount(test_path("data"));
}

enum { CALL = 500 };

/* Calls of new users, each with the items i0, i1, ... */
static enum lat_status say_batch(struct lat_store *store, unsigned batch, struct lat_error *err)
{
    static struct lat_interaction all[CALL];
    static char users[CALL][32], items[CALL][32];
    for (unsigned i = 0; i < CALL; i++) {
        snprintf(users[i], sizeof(users[i]), "user-%u-%u", batch, i / 5);
        snprintf(items[i], sizeof(items[i]), "i%u", i % 5);
        all[i] = (struct lat_interaction){users[i], items[i], "", 1, i};
    }
    return lat_store_interact(store, "c", all, CALL, err);
}

Test(full, a_full_disk_refuses_interactions_and_lets_histories_be_read)
{
    if (!test_disk_mount(test_path("data"), DISK_MB))
        cr_skip("no tmpfs may be mounted here");
    struct lat_store *store = people_open(0);
    put_ballast();
    unsigned batch = 0;
    enum lat_status status = LAT_OK;
    while (batch < BATCHES_MAX && (status = say_batch(store, batch, NULL)) == LAT_OK)
        batch++;
    cr_assert_eq(status, LAT_DISK_FULL, "%s", lat_status_code(status));
    cr_assert(batch > 2);
    cr_expect_eq(people_info(store).interactions, (uint64_t)batch * CALL);
    cr_expect_str_eq(people_history(store, "user-1-0"), "i4::1@4 i3::1@3 i2::1@2 i1::1@1 "
                                                        "i0::1@0");
    char top[40], last[32];
    snprintf(top, sizeof(top), "i0:%u", batch * CALL / 5);
    snprintf(last, sizeof(last), "user-%u-0", batch);
    cr_expect_str_eq(people_top(store, 1), top);
    cr_expect_str_eq(people_history(store, last), "", "nothing of the refused call is there");
    cr_assert_eq(unlink(test_path("data/ballast")), 0);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(say_batch(store, batch, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_user_delete(store, "c", "user-1-0", &err), LAT_OK, "%s",
                 err.message);
    store = fixture_reopen(store);
    snprintf(top, sizeof(top), "i0:%u", (batch + 1) * CALL / 5 - 1);
    cr_expect_str_eq(people_top(store, 1), top);
    people_close(store);
    test_disk_unmount(test_path("data"));
}
