/* Older and later databases: docs/upgrading.md says what becomes of them. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/file.h"
#include "fixture.h"
#include "index/local_rows.h"
#include "index/sqlite/schema.h"
#include "tests/support/support.h"

TestSuite(migrate, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 2, SLOT = 1 };

static const float code[D] = {3, 4};

static void execute(sqlite3 *db, const char *sql)
{
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(db));
}

static sqlite3 *open_file(void)
{
    sqlite3 *db;
    cr_assert_eq(lat_file_make_folder(test_path("data"), NULL), LAT_OK);
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    return db;
}

/* latentd.db as the program of that version left it, with a collection and an item. */
static sqlite3 *write_version(int version)
{
    sqlite3 *db = open_file();
    char sql[512], hex[2 * sizeof(code) + 1];
    for (int i = 0; i < version; i++)
        execute(db, lat_schema_steps[i]);
    for (size_t i = 0; i < sizeof(code); i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)code)[i]);
    execute(db,
            "INSERT INTO collections(name, model, dimension, metric, index_type, factory, m,"
            " ef_construction, ef_search, nlist, nprobe, keep_inputs, created_ms, sequence,"
            " pruned, items, hidden)"
            " VALUES('c', '', 2, 'l2', 'flat', '', 32, 200, 64, 0, 0, 1, 1, 1, 0, 1, 0)");
    execute(db,
            "INSERT INTO items(slot, collection, id, version, hidden, created_ms, updated_ms,"
            " metadata) VALUES(1, 1, 'a', 1, 0, 1, 1, '{\"n\":7}')");
    snprintf(sql, sizeof(sql), "INSERT INTO codes(slot, crc, code) VALUES(%d, %u, x'%s')", SLOT,
             lat_code_crc(SLOT, code, sizeof(code)), hex);
    execute(db, sql);
    snprintf(sql, sizeof(sql), "UPDATE store SET next_slot=2; PRAGMA user_version=%d", version);
    execute(db, sql);
    return db;
}

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *stmt;
    cr_assert_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    const int version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return version;
}

static enum lat_status open_store(struct lat_error *err)
{
    struct lat_store *store = NULL;
    const struct lat_store_options options = {.folder = test_path("data")};
    const enum lat_status status = lat_store_open(&options, &store, err);
    if (status == LAT_OK)
        lat_store_close(store);
    return status;
}

static void no_finding(void *context, const char *line)
{
    cr_expect_fail("schema %d: %s", *(const int *)context, line);
}

Test(migrate, every_earlier_schema_is_brought_up_with_its_rows)
{
    for (int version = 1; version <= lat_schema_version; version++) {
        uint64_t faults = 1;
        test_folder_leave();
        test_folder_enter();
        sqlite3_close(write_version(version));
        struct lat_store *store = fixture_open();
        struct lat_search_result found = {0};
        const struct lat_query query = fixture_query(code, 1);
        cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_OK);
        cr_expect(found.n == 1 && strcmp(found.hits[0].id, "a") == 0, "schema %d", version);
        lat_search_result_release(&found);
        fixture_put_one(store, "c", "b", code);
        lat_store_close(store);
        cr_expect_eq(lat_store_check(test_path("data"), no_finding, &version, &faults, NULL),
                     LAT_OK);
        cr_expect_eq(faults, 0);
    }
}

Test(migrate, a_later_schema_is_refused_and_left_as_it_is)
{
    struct lat_error err = LAT_ERROR_INIT;
    sqlite3 *db = write_version(lat_schema_version);
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", lat_schema_version + 1);
    execute(db, sql);
    cr_assert_eq(open_store(&err), LAT_INVALID);
    cr_expect_str_eq(err.code, "newer_data");
    cr_expect_eq(version_of(db), lat_schema_version + 1);
    sqlite3_close(db);
}

Test(migrate, a_step_that_fails_leaves_the_version_before)
{
    struct lat_error err = LAT_ERROR_INIT;
    sqlite3 *db = write_version(1);
    execute(db, "CREATE TABLE aliases(in_the_way INTEGER)");
    cr_assert_neq(open_store(&err), LAT_OK);
    cr_expect(strstr(err.message, "migrating latentd.db to version 5"), "%s", err.message);
    cr_expect_eq(version_of(db), 4);
    execute(db, "DROP TABLE aliases");
    sqlite3_close(db);
    cr_assert_eq(open_store(NULL), LAT_OK);
}
