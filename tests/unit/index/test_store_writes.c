/* What store.h promises of writes: replaced, hidden, guarded by versions, alone or together. */
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "index/distance.h"
#include "tests/support/support.h"

TestSuite(store_writes, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 8 };

static struct lat_store *open_with(enum lat_distance metric, uint64_t n)
{
    return fixture_open_with(D, metric, LAT_INDEX_FLAT, n);
}

Test(store_writes, a_put_replaces_and_keeps_the_time_of_creation)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 10);
    struct lat_item before, after;
    const float code[D] = {100};
    const struct lat_write put = {.id = "item-000003",
                                  .code = code,
                                  .metadata = "{\"new\":true}",
                                  .input = "bytes",
                                  .input_len = 5,
                                  .input_type = "text/plain",
                                  .error = 0.5F,
                                  .hidden = -1};
    const unsigned all = LAT_ITEM_METADATA | LAT_ITEM_CODE | LAT_ITEM_INPUT;
    cr_assert_eq(lat_store_get(store, "c", "item-000003", all, &before, NULL), LAT_OK);
    const struct lat_write_result result = fixture_write(store, &put);
    cr_assert_eq(result.status, LAT_OK);
    cr_assert(!result.created);
    cr_assert(result.version > before.version);
    store = fixture_reopen(store);
    cr_assert_eq(lat_store_get(store, "c", "item-000003", all, &after, NULL), LAT_OK);
    cr_assert_eq(after.version, result.version);
    cr_assert_eq(after.created_ms, before.created_ms);
    cr_assert_str_eq(after.metadata, "{\"new\":true}");
    cr_assert_arr_eq(after.code, code, sizeof(code));
    cr_assert(after.has_input);
    cr_assert_eq(after.input_len, 5);
    cr_assert_arr_eq(after.input, "bytes", 5);
    cr_assert_str_eq(after.input_type, "text/plain");
    cr_assert_float_eq(after.error, 0.5, 1e-9);
    cr_assert(!before.has_input);
    cr_assert(isnan(before.error));
    struct lat_query query = fixture_query(code, 1);
    struct lat_search_result found = fixture_search(store, &query);
    cr_assert_str_eq(found.hits[0].id, "item-000003");
    lat_search_result_release(&found);
    lat_item_release(&before);
    lat_item_release(&after);
    lat_store_close(store);
}

Test(store_writes, a_hidden_item_is_in_no_result_but_is_there)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 20);
    float code[D];
    fixture_code(4, D, code);
    for (int hidden = 1; hidden >= 0; hidden--) {
        const struct lat_write patch = {
            .kind = LAT_WRITE_PATCH, .id = "item-000004", .hidden = hidden};
        cr_assert_eq(fixture_write(store, &patch).status, LAT_OK);
        for (int round = 0; round < 2; round++) {
            struct lat_query query = fixture_query(code, 20);
            struct lat_search_result result = fixture_search(store, &query);
            struct lat_item item;
            struct lat_collection_info info;
            cr_assert_eq(result.n, hidden ? 19 : 20);
            cr_assert_eq(strcmp(result.hits[0].id, "item-000004") == 0, !hidden);
            lat_search_result_release(&result);
            cr_assert_eq(
                lat_store_get(store, "c", "item-000004", LAT_ITEM_METADATA, &item, NULL),
                LAT_OK);
            cr_assert_eq(item.hidden, hidden);
            cr_assert(strstr(item.metadata, "\"n\":4"), "metadata stay as they were");
            lat_item_release(&item);
            cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
            cr_assert_eq(info.items, 20);
            cr_assert_eq(info.hidden, (uint64_t)hidden);
            store = fixture_reopen(store);
        }
    }
    struct lat_query query = fixture_query_by_id("item-000004", 1);
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_str_eq(result.hits[0].id, "item-000004");
    lat_search_result_release(&result);
    lat_store_close(store);
}

Test(store_writes, if_match_asks_for_a_version)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 2);
    const float code[D] = {1};
    struct lat_item item;
    cr_assert_eq(lat_store_get(store, "c", "item-000001", 0, &item, NULL), LAT_OK);
    struct lat_write put = {.id = "item-000001", .code = code, .error = NAN, .hidden = -1};
    put.if_match = item.version + 1;
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    put.if_match = item.version;
    cr_assert_eq(fixture_write(store, &put).status, LAT_OK);
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    put.if_match = UINT64_MAX;
    cr_assert_eq(fixture_write(store, &put).status, LAT_OK);
    put.id = "nobody";
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    const struct lat_write gone = {
        .kind = LAT_WRITE_DELETE, .id = "item-000001", .if_match = item.version};
    cr_assert_eq(fixture_write(store, &gone).status, LAT_PRECONDITION);
    lat_item_release(&item);
    lat_store_close(store);
}

Test(store_writes, if_none_match_refuses_a_version_or_any)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 2);
    const float code[D] = {1};
    struct lat_write put = {.id = "item-000001", .code = code, .error = NAN, .hidden = -1};
    put.if_none_match = UINT64_MAX;
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    put.id = "new";
    const struct lat_write_result made = fixture_write(store, &put);
    cr_assert(made.status == LAT_OK && made.created);
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    put.if_none_match = made.version;
    cr_assert_eq(fixture_write(store, &put).status, LAT_PRECONDITION);
    put.if_none_match = made.version + 1000;
    cr_assert_eq(fixture_write(store, &put).status, LAT_OK);
    lat_store_close(store);
}

Test(store_writes, one_failed_write_does_not_touch_the_others)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 3);
    const float good[D] = {1}, bad[D] = {1, NAN};
    struct lat_write_result results[5];
    const struct lat_write writes[5] = {
        {.id = "new", .code = good, .error = NAN, .hidden = -1},
        {.id = "nan", .code = bad, .error = NAN, .hidden = -1},
        {.kind = LAT_WRITE_DELETE, .id = "nobody"},
        {.kind = LAT_WRITE_PATCH, .id = "item-000000", .metadata = "[1]", .hidden = -1},
        {.kind = LAT_WRITE_DELETE, .id = "item-000001"},
    };
    cr_assert_eq(lat_store_write(store, "c", writes, 5, false, results, NULL), LAT_OK);
    cr_assert_eq(results[0].status, LAT_OK);
    cr_assert(results[0].created);
    cr_assert_eq(results[1].status, LAT_INVALID);
    cr_assert_eq(results[2].status, LAT_NOT_FOUND);
    cr_assert_eq(results[3].status, LAT_INVALID);
    cr_assert_eq(results[4].status, LAT_OK);
    uint64_t n;
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, 3);
    lat_store_close(store);
}

Test(store_writes, an_atomic_call_does_all_or_nothing)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 3);
    const float good[D] = {1};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_write_result results[3];
    const struct lat_write writes[3] = {
        {.id = "new", .code = good, .error = NAN, .hidden = -1},
        {.kind = LAT_WRITE_DELETE, .id = "item-000001"},
        {.kind = LAT_WRITE_PATCH, .id = "nobody", .hidden = 1},
    };
    cr_assert_eq(lat_store_write(store, "c", writes, 3, true, results, &err), LAT_NOT_FOUND);
    cr_assert_str_eq(err.pointer, "/items/2");
    uint64_t n;
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, 3);
    struct lat_item item;
    cr_assert_eq(lat_store_get(store, "c", "new", 0, &item, NULL), LAT_NOT_FOUND);
    struct lat_query query = fixture_query_by_id("item-000001", 1);
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_eq(result.n, 1);
    lat_search_result_release(&result);
    cr_assert_eq(lat_store_write(store, "c", writes, 2, true, results, &err), LAT_OK);
    store = fixture_reopen(store);
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, 3);
    lat_store_close(store);
}

Test(store_writes, codes_without_a_distance_are_refused)
{
    struct lat_store *store = open_with(LAT_DISTANCE_COSINE, 1);
    const float codes[][D] = {{0}, {NAN}, {INFINITY}, {1e20F}};
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t i = 0; i < LAT_ARRAY_LEN(codes); i++) {
        struct lat_write_result result;
        struct lat_search_result found;
        const struct lat_write put = {.id = "x", .code = codes[i], .error = NAN};
        lat_error_clear(&err);
        cr_assert_eq(lat_store_write(store, "c", &put, 1, true, &result, &err), LAT_INVALID);
        cr_assert(strstr(err.message, "x"), "%s", err.message);
        const struct lat_query query = fixture_query(codes[i], 1);
        cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_INVALID);
    }
    lat_store_close(store);
}

Test(store_writes, delete_where_counts_and_deletes)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 1000);
    static const char *const path[] = {"label"};
    const struct lat_value value = {.kind = LAT_VALUE_TEXT, .text = "odd"};
    const struct lat_filter odd = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &value, .n_values = 1};
    uint64_t n = 0;
    cr_assert_eq(lat_store_delete_where(store, "c", &odd, true, &n, NULL), LAT_OK);
    cr_assert_eq(n, 500);
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1000);
    cr_assert_eq(lat_store_delete_where(store, "c", &odd, false, &n, NULL), LAT_OK);
    cr_assert_eq(n, 500);
    for (int round = 0; round < 2; round++) {
        float code[D];
        fixture_code(501, D, code);
        struct lat_query query = fixture_query(code, 1000);
        struct lat_search_result result = fixture_search(store, &query);
        cr_assert_eq(result.n, 500);
        for (size_t i = 0; i < result.n; i++)
            cr_assert((result.hits[i].id[10] - '0') % 2 == 0);
        lat_search_result_release(&result);
        store = fixture_reopen(store);
    }
    lat_store_close(store);
}
