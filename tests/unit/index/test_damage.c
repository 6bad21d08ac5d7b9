/* Rows damaged from outside: told, not served, and no harm to the others. */

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "fixture.h"
#include "index/filter.h"
#include "tests/support/support.h"

enum { D = 8, N = 20 };

TestSuite(damage, .init = test_folder_enter, .fini = test_folder_leave);

/* N items of which the fourth has metadata that are no JSON. */
static struct lat_store *open_damaged(void)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    sqlite3 *db;
    fixture_create(store, &spec);
    fixture_put(store, "c", D, 0, N);
    lat_store_close(store);
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE items SET metadata='{bad' WHERE id='item-000003'",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(db);
    return fixture_open();
}

Test(damage, metadata_that_are_no_json_are_told_not_served)
{
    struct lat_store *store = open_damaged();
    struct lat_item item = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_get(store, "c", "item-000003", LAT_ITEM_METADATA, &item, &err),
                 LAT_CORRUPT);
    cr_assert_str_eq(err.code, "corrupt_metadata");
    struct lat_item_list list;
    cr_assert_eq(lat_store_list(store, "c", NULL, NULL, 100, LAT_ITEM_METADATA, &list, NULL),
                 LAT_OK);
    cr_assert_eq(list.n, N - 1);
    lat_item_list_release(&list);
    float code[D];
    fixture_code(3, D, code);
    struct lat_query query = fixture_query(code, N);
    query.parts = LAT_ITEM_METADATA;
    struct lat_search_result result;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, NULL), LAT_OK);
    for (size_t i = 0; i < result.n; i++)
        cr_expect_str_neq(result.hits[i].id, "item-000003");
    cr_expect_eq(result.n, N - 1);
    lat_search_result_release(&result);
    lat_store_close(store);
}

Test(damage, a_filter_passes_over_a_row_without_readable_metadata)
{
    struct lat_store *store = open_damaged();
    static const char *const path[] = {"n"};
    static const struct lat_value zero[] = {{.kind = LAT_VALUE_INTEGER, .integer = 0}};
    const struct lat_filter filter = {
        .op = LAT_FILTER_GTE, .path = path, .n_path = 1, .values = zero, .n_values = 1};
    float code[D];
    fixture_code(3, D, code);
    struct lat_query query = fixture_query(code, N);
    query.filter = &filter;
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, &err), LAT_OK, "%s",
                 err.message);
    cr_expect_eq(result.n, N - 1);
    lat_search_result_release(&result);
    lat_store_close(store);
}
