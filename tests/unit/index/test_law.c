/* The law at the head of local_store.c, a test a number. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/file.h"
#include "base/metrics.h"
#include "fixture.h"
#include "tests/support/support.h"

TestSuite(law, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 8 };

static struct lat_store *open_with(enum lat_index_type type, uint64_t n)
{
    return fixture_open_with(D, LAT_DISTANCE_L2, type, n);
}

static const char *index_file(void)
{
    return test_path("data/index/c-1.index");
}

static bool finds(struct lat_store *store, uint64_t i)
{
    return fixture_finds(store, "c", D, i, 0);
}

static sqlite3 *open_rows(void)
{
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000); /* the keeper may be writing */
    return db;
}

static long long number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    const long long value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static long long number_of_rows(const char *sql)
{
    sqlite3 *db = open_rows();
    const long long value = number(db, sql);
    sqlite3_close(db);
    return value;
}

struct opened {
    uint64_t items, replayed;
    bool rebuilt;
};

static void remember(void *context, const char *collection, uint64_t items, uint64_t replayed,
                     bool rebuilt)
{
    (void)collection;
    *(struct opened *)context = (struct opened){items, replayed, rebuilt};
}

static struct lat_store *reopen(struct lat_store *store, struct opened *opened)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("data")};
    const struct lat_store_progress progress = {remember, opened};
    lat_store_close(store);
    cr_assert_eq(lat_store_open(&options, &store, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_load(store, &progress, &err), LAT_OK, "%s", err.message);
    return store;
}

Test(law, one_the_index_file_may_be_deleted_at_any_time)
{
    struct opened opened;
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 2000);
    store = reopen(store, &opened);
    cr_assert(!(opened.rebuilt));
    lat_store_close(store);
    cr_assert_eq(unlink(index_file()), 0);
    store = fixture_open();
    cr_assert(finds(store, 1234));
    store = reopen(store, &opened);
    cr_assert(!(opened.rebuilt), "closing wrote the file anew");
    cr_assert(finds(store, 1234));
    lat_store_close(store);
}

Test(law, two_slots_are_never_reused)
{
    struct lat_store *store = open_with(LAT_INDEX_FLAT, 100);
    for (uint64_t i = 50; i < 100; i++) {
        char id[32];
        fixture_id(i, id);
        cr_assert_eq(fixture_delete(store, "c", id), LAT_OK);
    }
    store = fixture_reopen(store);
    fixture_put(store, "c", D, 40, 60); /* ten are replaced, ten are new */
    lat_store_close(store);
    cr_assert_eq(number_of_rows("SELECT count(*) FROM items WHERE slot<=100"), 40);
    cr_assert_eq(number_of_rows("SELECT min(slot) FROM items WHERE slot>40"), 101);
    cr_assert_eq(number_of_rows("SELECT next_slot FROM store"), 121);
}

Test(law, three_a_write_is_durable_and_found_once_it_is_acknowledged)
{
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 0);
    const double commits = lat_metric_value(LAT_METRIC_COMMITS, NULL);
    for (uint64_t i = 0; i < 200; i++) {
        fixture_put(store, "c", D, i, i + 1);
        cr_assert(finds(store, i));
        /* A reader of its own sees the row, so it is committed. */
        if (i % 50 == 0)
            cr_assert_eq(number_of_rows("SELECT count(*) FROM items"), (long long)i + 1);
    }
    cr_assert_float_eq(lat_metric_value(LAT_METRIC_COMMITS, NULL) - commits, 200, 1e-9);
    lat_store_close(store);
}

/* Puts the index file of an earlier state back under newer rows. */
static void set_back(struct lat_store **store, void (*change)(struct lat_store *store))
{
    struct lat_buf old = {0};
    struct lat_error err = LAT_ERROR_INIT;
    lat_store_close(*store);
    cr_assert_eq(lat_file_read(index_file(), SIZE_MAX, &old, &err), LAT_OK, "%s", err.message);
    *store = fixture_open();
    change(*store);
    /* The file of now would prune the tombstones: what counts is a crash, so leave it unsaved.
     */
    sqlite3 *db = open_rows();
    char *kept = NULL;
    cr_assert_eq(
        sqlite3_exec(db, "CREATE TABLE kept AS SELECT * FROM tombstones", NULL, NULL, &kept),
        SQLITE_OK);
    const long long pruned = number(db, "SELECT pruned FROM collections");
    sqlite3_close(db);
    lat_store_close(*store);
    db = open_rows();
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE collections SET pruned=%lld", pruned);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "INSERT INTO tombstones SELECT * FROM kept; DROP TABLE kept",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(db);
    cr_assert_eq(lat_file_write(index_file(), old.data, old.len, &err), LAT_OK);
    lat_buf_release(&old);
}

static void change_some(struct lat_store *store)
{
    struct lat_write_result result;
    const struct lat_write hide = {.kind = LAT_WRITE_PATCH, .id = "item-000007", .hidden = 1};
    fixture_put(store, "c", D, 1000, 1100);
    fixture_put(store, "c", D, 0, 5); /* replaced: new slots */
    cr_assert_eq(fixture_delete(store, "c", "item-000500"), LAT_OK);
    cr_assert_eq(lat_store_write(store, "c", &hide, 1, true, &result, NULL), LAT_OK);
}

Test(law, four_opening_replays_what_the_file_does_not_contain)
{
    struct opened opened;
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 1000);
    set_back(&store, change_some);
    const struct lat_store_options options = {.folder = test_path("data")};
    const struct lat_store_progress progress = {remember, &opened};
    cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
    cr_assert_eq(lat_store_load(store, &progress, NULL), LAT_OK);
    cr_assert(!(opened.rebuilt));
    cr_assert_eq(opened.items, 1099);
    cr_assert(opened.replayed >= 107);
    cr_assert(finds(store, 1050));
    cr_assert(finds(store, 3));
    cr_assert(!(finds(store, 500)));
    cr_assert(!(finds(store, 7)));
    lat_store_close(store);
}

static void change_all(struct lat_store *store)
{
    fixture_put(store, "c", D, 1000, 22000);
}

Test(law, four_a_larger_gap_rebuilds)
{
    struct opened opened = {0};
    struct lat_store *store = open_with(LAT_INDEX_FLAT, 1000);
    set_back(&store, change_all);
    const struct lat_store_options options = {.folder = test_path("data")};
    const struct lat_store_progress progress = {remember, &opened};
    cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
    cr_assert_eq(lat_store_load(store, &progress, NULL), LAT_OK);
    cr_assert(opened.rebuilt);
    cr_assert_eq(opened.items, 22000);
    cr_assert(finds(store, 17000));
    lat_store_close(store);
}

Test(law, five_a_deleted_item_is_never_found)
{
    static const enum lat_index_type types[] = {LAT_INDEX_FLAT, LAT_INDEX_HNSW, LAT_INDEX_IVF};
    for (size_t t = 0; t < LAT_ARRAY_LEN(types); t++) {
        struct lat_store *store = open_with(types[t], 3000);
        cr_assert_eq(lat_store_reindex(store, "c", NULL, NULL, NULL, NULL), LAT_OK);
        for (uint64_t i = 0; i < 500; i++) {
            char id[32];
            fixture_id(i, id);
            cr_assert_eq(fixture_delete(store, "c", id), LAT_OK);
            cr_assert(!(finds(store, i)));
        }
        store = fixture_reopen(store);
        for (uint64_t i = 0; i < 500; i += 7)
            cr_assert(!(finds(store, i)));
        cr_assert(finds(store, 600));
        lat_store_close(store);
        test_folder_leave();
        test_folder_enter();
    }
}

Test(law, five_dead_slots_are_reclaimed_by_a_rebuild)
{
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 3000);
    struct lat_collection_info info;
    fixture_put(store, "c", D, 0, 1000); /* 1000 dead of 4000: as many as ask for a rebuild */
    fixture_settle(store, "c");
    cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
    cr_assert_eq(info.dead, 0);
    cr_assert_eq(info.items, 3000);
    cr_assert(finds(store, 10));
    cr_assert(finds(store, 2900));
    lat_store_close(store);
}

Test(law, six_a_file_cut_short_anywhere_is_not_believed)
{
    struct lat_buf whole = {0};
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 300);
    lat_store_close(store);
    cr_assert_eq(lat_file_read(index_file(), SIZE_MAX, &whole, NULL), LAT_OK);
    for (size_t len = 0; len < whole.len; len += whole.len / 23 + 1) {
        cr_assert_eq(lat_file_write(index_file(), whole.data, len, NULL), LAT_OK);
        store = fixture_open();
        cr_assert(finds(store, 17));
        struct lat_collection_info info;
        cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
        cr_assert_eq(info.items, 300);
        lat_store_close(store);
    }
    lat_buf_release(&whole);
    cr_assert_eq(test_folder_count(test_path("data/index")), 1, "no temporary files are left");
}

Test(law, six_a_flipped_bit_anywhere_is_not_believed)
{
    struct lat_buf whole = {0};
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 300);
    lat_store_close(store);
    cr_assert_eq(lat_file_read(index_file(), SIZE_MAX, &whole, NULL), LAT_OK);
    for (size_t at = 0; at < whole.len; at += whole.len / 29 + 1) {
        whole.data[at] = (char)(whole.data[at] ^ 0x10);
        cr_assert_eq(lat_file_write(index_file(), whole.data, whole.len, NULL), LAT_OK);
        whole.data[at] = (char)(whole.data[at] ^ 0x10);
        struct opened opened = {0};
        const struct lat_store_options options = {.folder = test_path("data")};
        const struct lat_store_progress progress = {remember, &opened};
        cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
        cr_assert_eq(lat_store_load(store, &progress, NULL), LAT_OK);
        cr_assert(opened.rebuilt, "byte %zu", at);
        cr_assert(finds(store, 17));
        lat_store_close(store);
    }
    lat_buf_release(&whole);
}

Test(law, seven_settings_of_a_collection_do_not_change)
{
    struct lat_store *store = open_with(LAT_INDEX_FLAT, 0);
    struct lat_collection_spec spec = fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    bool created = true;
    cr_assert_eq(lat_store_create(store, &spec, &created, NULL), LAT_OK);
    cr_assert(!(created));
    spec.dimension = D + 1;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_create(store, &spec, &created, &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "exists");
    cr_assert(strstr(err.message, "dimension"), "%s", err.message);
    spec = fixture_spec("c", D, LAT_DISTANCE_IP, LAT_INDEX_FLAT);
    lat_error_clear(&err);
    cr_assert_eq(lat_store_create(store, &spec, &created, &err), LAT_CONFLICT);
    cr_assert(strstr(err.message, "metric"), "%s", err.message);
    spec = fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    snprintf(spec.model, sizeof(spec.model), "m@2");
    lat_error_clear(&err);
    cr_assert_eq(lat_store_create(store, &spec, &created, &err), LAT_CONFLICT);
    cr_assert(strstr(err.message, "model"), "%s", err.message);
    lat_store_close(store);
}

Test(law, eight_few_passing_rows_are_scanned_exactly)
{
    static const char *const path[] = {"n"};
    static const char *const words[] = {"filtered", "index"};
    const struct lat_value value = {.kind = LAT_VALUE_INTEGER, .integer = 4321};
    const struct lat_filter filter = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &value, .n_values = 1};
    struct lat_store *store = open_with(LAT_INDEX_HNSW, 5000);
    float code[D];
    struct lat_search_result result;
    fixture_code(1, D, code); /* far from the one that passes: a graph would not get there */
    struct lat_query query = fixture_query(code, 10);
    query.filter = &filter;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, NULL), LAT_OK);
    cr_assert_eq(result.n, 1);
    cr_assert_str_eq(result.hits[0].id, "item-004321");
    lat_search_result_release(&result);
    cr_assert(lat_metric_value(LAT_METRIC_SEARCHES, words[0]) >= 1);
    lat_store_close(store);
}
