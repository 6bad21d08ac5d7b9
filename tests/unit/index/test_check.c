/* What `latentd check` must find: each row below breaks one invariant behind the store's back.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <sqlite3.h>

#include "base/file.h"
#include "fixture.h"
#include "tests/support/support.h"

enum { D = 8, N = 50 };

struct breach {
    char sql[200];
    char words[64]; /* part of a finding */
};

static struct breach breaches[] = {
    {"UPDATE codes SET code=x'00' WHERE slot=3", "bytes, not 32"},
    {"UPDATE codes SET crc=crc+1 WHERE slot=3", "checksum of its code"},
    {"DELETE FROM codes WHERE slot=3", "without its code"},
    {"INSERT INTO codes VALUES(9999,1,x'00')", "a code of no item"},
    {"INSERT INTO inputs VALUES(9999,'',0,x'')", "an input of no item"},
    {"INSERT INTO inputs VALUES(4,'',7,x'0102')", "checksum of its input"},
    {"UPDATE items SET metadata='{' WHERE slot=3", "no JSON"},
    {"UPDATE items SET metadata='[]' WHERE slot=3", "no object"},
    {"UPDATE items SET id='' WHERE slot=3", "id is not valid"},
    {"UPDATE items SET collection=77 WHERE slot=3", "an item of no collection"},
    {"UPDATE items SET version=9999 WHERE slot=3", "newer than"},
    {"UPDATE items SET version=5 WHERE slot=3", "several items of one version"},
    {"UPDATE collections SET items=items+1", "number of items"},
    {"UPDATE collections SET hidden=1", "number of hidden items"},
    {"UPDATE store SET next_slot=10", "given already"},
    {"INSERT INTO tombstones VALUES(1,49,3)", "a living item with a tombstone"},
    {"UPDATE collections SET sequence=20", "index file is at change"},
    {"UPDATE items SET hidden=1 WHERE slot=3; UPDATE collections SET hidden=1",
     "is not in the index as it is in the rows"},
    {"DELETE FROM items WHERE slot=3", "a code of no item"},
    {"DROP TABLE tombstones", "schema"},
    {"PRAGMA user_version=99", "version 99"},
};

static void close_with_items(void)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_HNSW);
    fixture_create(store, &spec);
    fixture_put(store, "c", D, 0, N);
    lat_store_close(store);
}

struct findings {
    const char *wanted;
    bool found;
    char last[256];
};

static void report(void *context, const char *line)
{
    struct findings *findings = context;
    findings->found = findings->found || strstr(line, findings->wanted);
    snprintf(findings->last, sizeof(findings->last), "%.255s", line);
}

ParameterizedTestParameters(check, finds_each_breach)
{
    return cr_make_param_array(struct breach, breaches, LAT_ARRAY_LEN(breaches));
}

ParameterizedTest(struct breach *breach, check, finds_each_breach, .init = test_folder_enter,
                  .fini = test_folder_leave)
{
    sqlite3 *db;
    uint64_t faults = 0;
    struct lat_error err = LAT_ERROR_INIT;
    struct findings findings = {.wanted = breach->words};
    close_with_items();
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, breach->sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    sqlite3_close(db);
    cr_assert_eq(lat_store_check(test_path("data"), report, &findings, &faults, &err), LAT_OK,
                 "%s", err.message);
    cr_assert(faults > 0);
    cr_assert(findings.found, "%s: found only: %s", breach->sql, findings.last);
}

Test(check, is_silent_about_a_sound_directory_and_a_missing_index, .init = test_folder_enter,
     .fini = test_folder_leave)
{
    struct findings findings = {.wanted = "-"};
    uint64_t faults = 1;
    close_with_items();
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(lat_store_check(test_path("data"), report, &findings, &faults, NULL),
                     LAT_OK);
        cr_assert_eq(faults, 0, "%s", findings.last);
        unlink(test_path("data/index/c-1.index"));
    }
}

Test(check, tells_a_damaged_index_file_and_a_file_that_is_no_database,
     .init = test_folder_enter, .fini = test_folder_leave)
{
    struct findings findings = {.wanted = "checksum"};
    uint64_t faults = 0;
    struct lat_buf bytes = {0};
    close_with_items();
    const char *path = test_path("data/index/c-1.index");
    cr_assert_eq(lat_file_read(path, SIZE_MAX, &bytes, NULL), LAT_OK);
    bytes.data[bytes.len / 2] ^= 1;
    cr_assert_eq(lat_file_write(path, bytes.data, bytes.len, NULL), LAT_OK);
    lat_buf_release(&bytes);
    cr_assert_eq(lat_store_check(test_path("data"), report, &findings, &faults, NULL), LAT_OK);
    cr_assert_eq(faults, 1);
    cr_assert(findings.found, "%s", findings.last);
    static char junk[8192];
    memset(junk, 'x', sizeof(junk));
    cr_assert_eq(lat_file_write(test_path("data/latentd.db"), junk, sizeof(junk), NULL),
                 LAT_OK);
    cr_assert_eq(lat_store_check(test_path("data"), report, &findings, &faults, NULL), LAT_OK);
    cr_assert(faults > 0);
}

Test(check, of_a_folder_without_data_says_so, .init = test_folder_enter,
     .fini = test_folder_leave)
{
    uint64_t faults;
    cr_assert_eq(lat_store_check(test_path("nothing"), report, NULL, &faults, NULL),
                 LAT_NOT_FOUND);
}
