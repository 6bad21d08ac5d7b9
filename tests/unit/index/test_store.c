/* What store.h promises of one collection, whatever its index. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "tests/support/support.h"

TestSuite(store, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 8 };

Test(store, a_written_item_is_found_at_once_and_after_reopening)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
    fixture_put(store, "c", D, 0, 300);
    for (int round = 0; round < 2; round++) {
        float code[D];
        struct lat_search_result result;
        struct lat_error err = LAT_ERROR_INIT;
        fixture_code(123, D, code);
        struct lat_query query = fixture_query(code, 5);
        query.parts = LAT_ITEM_METADATA | LAT_ITEM_CODE;
        cr_assert_eq(lat_store_search(store, "c", &query, &result, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(result.n, 5);
        cr_assert_str_eq(result.hits[0].id, "item-000123");
        cr_assert_float_eq(result.hits[0].distance, 0, 1e-9);
        cr_assert_arr_eq(result.hits[0].code, code, sizeof(code));
        cr_assert(strstr(result.hits[0].metadata, "\"n\":123"));
        for (size_t i = 1; i < result.n; i++)
            cr_assert(result.hits[i - 1].distance <= result.hits[i].distance);
        lat_search_result_release(&result);
        store = fixture_reopen(store);
    }
    lat_store_close(store);
}
