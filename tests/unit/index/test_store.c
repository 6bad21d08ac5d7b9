/* What store.h promises of items and searches, whatever the index. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "index/distance.h"
#include "tests/support/support.h"

TestSuite(store, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 8 };

static struct lat_store *open_with(enum lat_distance metric, uint64_t n)
{
    return fixture_open_with(D, metric, LAT_INDEX_FLAT, n);
}

Test(store, a_written_item_is_found_at_once_and_after_reopening)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 300);
    for (int round = 0; round < 2; round++) {
        float code[D];
        fixture_code(123, D, code);
        struct lat_query query = fixture_query(code, 5);
        query.parts = LAT_ITEM_METADATA | LAT_ITEM_CODE;
        struct lat_search_result result = fixture_search(store, &query);
        cr_assert_eq(result.n, 5);
        cr_assert_str_eq(result.hits[0].id, "item-000123");
        cr_assert_float_eq(result.hits[0].distance, 0, 1e-9);
        cr_assert_arr_eq(result.hits[0].code, code, sizeof(code));
        cr_assert(strstr(result.hits[0].metadata, "\"n\":123"));
        lat_search_result_release(&result);
        store = fixture_reopen(store);
    }
    lat_store_close(store);
}

static double cosine(const float *a, const float *b)
{
    return 1 - lat_dot_plain(a, b, D) / sqrt(lat_dot_plain(a, a, D) * lat_dot_plain(b, b, D));
}

Test(store, distances_are_those_of_the_metric_and_ascend)
{
    for (int metric = 0; metric < 3; metric++) {
        struct lat_store *store = open_with((enum lat_distance)metric, 200);
        float query_code[D];
        fixture_code(7777, D, query_code);
        struct lat_query query = fixture_query(query_code, 200);
        query.parts = LAT_ITEM_CODE;
        struct lat_search_result result = fixture_search(store, &query);
        cr_assert_eq(result.n, 200);
        for (size_t i = 0; i < result.n; i++) {
            const float *code = result.hits[i].code;
            const double want =
                metric == LAT_DISTANCE_L2   ? sqrt(lat_l2sq_plain(query_code, code, D))
                : metric == LAT_DISTANCE_IP ? -lat_dot_plain(query_code, code, D)
                                            : cosine(query_code, code);
            cr_assert_float_eq(result.hits[i].distance, want, 1e-5 * (1 + fabs(want)));
            if (i)
                cr_assert(result.hits[i - 1].distance <= result.hits[i].distance);
        }
        lat_search_result_release(&result);
        lat_store_close(store);
        test_folder_leave();
        test_folder_enter();
    }
}

Test(store, equal_distances_come_in_order_of_ids)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 0);
    static const char *const ids[] = {"m", "b", "z", "a", "k", "\xC3\xA9", "B"};
    static const char *const sorted[] = {"B", "a", "b", "k", "m", "z", "\xC3\xA9"};
    const float code[D] = {1, 2, 3};
    for (size_t i = 0; i < LAT_ARRAY_LEN(ids); i++)
        fixture_put_one(store, "c", ids[i], code);
    for (size_t k = 1; k <= LAT_ARRAY_LEN(ids); k++) {
        struct lat_query query = fixture_query(code, k);
        struct lat_search_result result = fixture_search(store, &query);
        cr_assert_eq(result.n, k);
        for (size_t i = 0; i < k; i++)
            cr_assert_str_eq(result.hits[i].id, sorted[i]);
        lat_search_result_release(&result);
    }
    struct lat_query query = fixture_query_by_id("m", 3);
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_str_eq(result.hits[0].id, "m", "an item searched by id is its own first hit");
    cr_assert_str_eq(result.hits[1].id, "B");
    lat_search_result_release(&result);
    lat_store_close(store);
}

Test(store, an_item_searched_by_id_can_leave_itself_out)
{
    struct lat_store *store = open_with(LAT_DISTANCE_COSINE, 50);
    struct lat_query query = fixture_query_by_id("item-000010", 50);
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_eq(result.n, 50);
    cr_assert_str_eq(result.hits[0].id, "item-000010");
    cr_assert_float_eq(result.hits[0].distance, 0, 1e-12);
    lat_search_result_release(&result);
    query.exclude_self = true;
    result = fixture_search(store, &query);
    cr_assert_eq(result.n, 49);
    for (size_t i = 0; i < result.n; i++)
        cr_assert(strcmp(result.hits[i].id, "item-000010") != 0);
    lat_search_result_release(&result);
    lat_store_close(store);
}

Test(store, excluded_ids_make_room_for_others)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 100);
    float code[D];
    fixture_code(5, D, code);
    struct lat_query query = fixture_query(code, 10);
    struct lat_search_result all = fixture_search(store, &query);
    const char *out[3] = {all.hits[0].id, all.hits[4].id, "nobody"};
    query.exclude_ids = out;
    query.n_exclude = 3;
    struct lat_search_result rest = fixture_search(store, &query);
    cr_assert_eq(rest.n, 10);
    cr_assert_str_eq(rest.hits[0].id, all.hits[1].id);
    cr_assert_str_eq(rest.hits[3].id, all.hits[5].id);
    lat_search_result_release(&all);
    lat_search_result_release(&rest);
    lat_store_close(store);
}

Test(store, max_distance_cuts_including_its_bound)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 0);
    for (int i = 0; i < 10; i++) {
        char id[16];
        const float code[D] = {(float)i};
        snprintf(id, sizeof(id), "%d", i);
        fixture_put_one(store, "c", id, code);
    }
    const float zero[D] = {0};
    struct lat_query query = fixture_query(zero, 10);
    query.max_distance = 3;
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_eq(result.n, 4);
    lat_search_result_release(&result);
    lat_store_close(store);
}

Test(store, a_list_goes_through_all_ids_in_order)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 105);
    char last[LAT_ID_MAX + 1] = "";
    char *cursor = NULL;
    size_t n = 0, pages = 0;
    do {
        struct lat_item_list list;
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_store_list(store, "c", NULL, cursor, 20,
                                    LAT_ITEM_METADATA | LAT_ITEM_CODE, &list, &err),
                     LAT_OK, "%s", err.message);
        for (size_t i = 0; i < list.n; i++) {
            cr_assert(strcmp(last, list.items[i].id) < 0);
            cr_assert(list.items[i].code && list.items[i].metadata);
            snprintf(last, sizeof(last), "%s", list.items[i].id);
        }
        n += list.n;
        pages++;
        free(cursor);
        cursor = list.next_cursor ? strdup(list.next_cursor) : NULL;
        lat_item_list_release(&list);
    } while (cursor);
    cr_assert_eq(n, 105);
    cr_assert_eq(pages, 6);
    lat_store_close(store);
}

Test(store, a_foreign_cursor_is_told)
{
    static const char *const cursors[] = {"x", "0011223344", "zzzzzzzzzz", "00112233445566"};
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 30);
    const struct lat_collection_spec other =
        fixture_spec("d", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &other);
    struct lat_item_list list;
    for (size_t i = 0; i < LAT_ARRAY_LEN(cursors); i++)
        cr_assert_eq(lat_store_list(store, "c", NULL, cursors[i], 5, 0, &list, NULL),
                     LAT_INVALID);
    struct lat_item_list first;
    cr_assert_eq(lat_store_list(store, "c", NULL, NULL, 5, 0, &first, NULL), LAT_OK);
    cr_assert_eq(lat_store_list(store, "d", NULL, first.next_cursor, 5, 0, &list, NULL),
                 LAT_INVALID);
    lat_item_list_release(&first);
    lat_store_close(store);
}

Test(store, a_second_opener_is_told)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 1), *second;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("data")};
    cr_assert_eq(lat_store_open(&options, &second, &err), LAT_CONFLICT);
    cr_assert(strstr(err.message, "in use by another process"), "%s", err.message);
    uint64_t faults;
    cr_assert_eq(lat_store_check(test_path("data"), NULL, NULL, &faults, NULL), LAT_CONFLICT);
    lat_store_close(store);
}

Test(store, a_dropped_collection_is_gone_and_its_name_is_free)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 5000);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_drop(store, "c", &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_drop(store, "c", NULL), LAT_NOT_FOUND);
    struct lat_item item;
    cr_assert_eq(lat_store_get(store, "c", "item-000001", 0, &item, NULL), LAT_NOT_FOUND);
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_IP, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
    fixture_put(store, "c", D, 0, 10);
    store = fixture_reopen(store);
    uint64_t n;
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, NULL), LAT_OK);
    cr_assert_eq(n, 10);
    lat_store_close(store);
}

Test(store, a_collection_without_codes_keeps_items)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", 0, LAT_DISTANCE_L2, LAT_INDEX_AUTO);
    fixture_create(store, &spec);
    const struct lat_write put = {
        .id = "a", .metadata = "{\"x\":1}", .error = NAN, .hidden = -1};
    cr_assert_eq(fixture_write(store, &put).status, LAT_OK);
    const float code[D] = {1};
    const struct lat_query query = fixture_query(code, 1);
    struct lat_search_result result;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, NULL), LAT_INVALID);
    store = fixture_reopen(store);
    struct lat_item item;
    cr_assert_eq(lat_store_get(store, "c", "a", LAT_ITEM_METADATA | LAT_ITEM_CODE, &item, NULL),
                 LAT_OK);
    cr_assert_null(item.code);
    lat_item_release(&item);
    lat_store_close(store);
}

Test(store, k_may_be_more_than_there_is)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 700);
    float code[D];
    fixture_code(1, D, code);
    struct lat_query query = fixture_query(code, 10000);
    struct lat_search_result result = fixture_search(store, &query);
    cr_assert_eq(result.n, 700);
    lat_search_result_release(&result);
    query.k = 0;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, NULL), LAT_INVALID);
    lat_store_close(store);
}

Test(store, settings_of_an_index_can_be_changed)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 2500);
    struct lat_collection_info info;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_index_spec graph = {.type = LAT_INDEX_HNSW, .m = 8};
    cr_assert_eq(lat_store_reindex(store, "c", &graph, NULL, NULL, &err), LAT_OK, "%s",
                 err.message);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
        cr_assert_eq(info.spec.index.type, LAT_INDEX_HNSW);
        cr_assert_eq(info.spec.index.m, 8);
        cr_assert_str_eq(info.index_kind, "HNSW8,Flat");
        cr_assert(fixture_recall(store, "c", D, 20, 10, NULL) >= 0.95);
        store = fixture_reopen(store);
    }
    struct lat_index_spec bad = {.type = LAT_INDEX_FACTORY, .factory = "Nonsense7"};
    cr_assert_eq(lat_store_reindex(store, "c", &bad, NULL, NULL, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "Nonsense7"), "%s", err.message);
    lat_store_close(store);
}

static bool stop_at_half(void *context, double done)
{
    *(double *)context = done;
    return done < 0.5;
}

Test(store, a_rebuild_can_be_cancelled)
{
    struct lat_store *store = open_with(LAT_DISTANCE_L2, 2500);
    const struct lat_index_spec graph = {.type = LAT_INDEX_HNSW};
    double last = 0;
    cr_assert_eq(lat_store_reindex(store, "c", &graph, stop_at_half, &last, NULL),
                 LAT_CANCELLED);
    cr_assert(last >= 0.5 && last < 1);
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
    cr_assert_str_eq(info.index_kind, "Flat");
    cr_assert_str_eq(info.index_state, "ready");
    lat_store_close(store);
}

Test(store, a_cheap_search_is_one_without_rows)
{
    const float code[D] = {1};
    struct lat_query query = fixture_query(code, 10);
    cr_assert(lat_store_search_is_cheap(&query));
    query.parts = LAT_ITEM_METADATA;
    cr_assert(!lat_store_search_is_cheap(&query));
    query = fixture_query(code, 5000);
    cr_assert(!lat_store_search_is_cheap(&query));
}
