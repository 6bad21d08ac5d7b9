/* Every allocation of the store fails once: each call says so, gives back what it took, and the
 * store goes on. Threads behind the store allocate as well; that theirs fail must harm nobody.
 */
#include <math.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "fixture.h"
#include "tests/support/support.h"

TestSuite(index_torture, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 8, N = 1600, TRIES = 400 };

static struct lat_store *store;

static struct lat_store *open_graph(void)
{
    struct lat_store *opened = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_HNSW);
    fixture_create(opened, &spec);
    fixture_put(opened, "c", D, 0, N);
    fixture_settle(opened, "c");
    return opened;
}

/* Runs `body` with its first, second, ... allocation failing, until one run meets no failure.
 */
static void torture(enum lat_status (*body)(struct lat_error *err))
{
    for (long n = 1; n <= TRIES; n++) {
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        const enum lat_status status = body(&err);
        const bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        cr_assert(status == LAT_OK || status == LAT_NO_MEMORY, "allocation %ld: %s: %s", n,
                  lat_status_code(status), err.message);
        if (!reached) {
            cr_assert_eq(status, LAT_OK);
            return;
        }
    }
    cr_assert_fail("it does not come to an end");
}

static enum lat_status search_plainly(struct lat_error *err)
{
    float code[D];
    struct lat_search_result result;
    fixture_code(3, D, code);
    struct lat_query query = fixture_query(code, 5);
    query.parts = LAT_ITEM_METADATA | LAT_ITEM_CODE;
    const enum lat_status status = lat_store_search(store, "c", &query, &result, err);
    if (status == LAT_OK) {
        cr_assert_eq(result.n, 5);
        lat_search_result_release(&result);
    }
    return status;
}

static enum lat_status search_filtered(struct lat_error *err)
{
    static const char *const path[] = {"label"}, *const weird[] = {"a\"b"};
    const struct lat_value odd = {.kind = LAT_VALUE_TEXT, .text = "odd"};
    const struct lat_filter first = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &odd, .n_values = 1};
    const struct lat_filter second = {
        .op = LAT_FILTER_NE, .path = weird, .n_path = 1, .values = &odd, .n_values = 1};
    const struct lat_filter *both[] = {&first, &second};
    const struct lat_filter filter = {.op = LAT_FILTER_AND, .children = both, .n_children = 2};
    float code[D];
    struct lat_search_result result;
    fixture_code(3, D, code);
    struct lat_query query = fixture_query(code, 5);
    query.filter = &filter;
    const enum lat_status status = lat_store_search(store, "c", &query, &result, err);
    if (status == LAT_OK) {
        cr_assert_eq(result.n, 5);
        lat_search_result_release(&result);
    }
    return status;
}

static enum lat_status list_items(struct lat_error *err)
{
    struct lat_item_list list;
    const enum lat_status status = lat_store_list(
        store, "c", NULL, NULL, 20, LAT_ITEM_METADATA | LAT_ITEM_CODE, &list, err);
    if (status == LAT_OK) {
        cr_assert_eq(list.n, 20);
        cr_assert(list.next_cursor);
        lat_item_list_release(&list);
    }
    return status;
}

static enum lat_status write_items(struct lat_error *err)
{
    struct lat_write_result results[3];
    const float code[D] = {1, 2, 3};
    const struct lat_write writes[3] = {
        {.id = "x", .code = code, .metadata = "{\"a\":1}", .error = NAN, .hidden = -1},
        {.id = "item-000001", .code = code, .error = NAN, .hidden = -1},
        {.kind = LAT_WRITE_PATCH, .id = "item-000002", .hidden = 1},
    };
    return lat_store_write(store, "c", writes, 3, true, results, err);
}

static enum lat_status rebuild(struct lat_error *err)
{
    const struct lat_index_spec spec = {.type = LAT_INDEX_HNSW, .m = 4};
    return lat_store_reindex(store, "c", &spec, NULL, NULL, err);
}

static enum lat_status create_and_drop(struct lat_error *err)
{
    bool created;
    const struct lat_collection_spec spec =
        fixture_spec("d", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    const enum lat_status status = lat_store_create(store, &spec, &created, err);
    return status == LAT_OK ? lat_store_drop(store, "d", err) : status;
}

/* What it was before goes on being true. */
static void still_well(void)
{
    uint64_t n;
    struct lat_error err = LAT_ERROR_INIT;
    store = fixture_reopen(store);
    cr_assert_eq(lat_store_count(store, "c", NULL, &n, &err), LAT_OK, "%s", err.message);
    cr_assert(n >= N);
    cr_assert_eq(search_plainly(&err), LAT_OK, "%s", err.message);
}

static void report(void *context, const char *line)
{
    (void)context;
    cr_expect_fail("%s", line);
}

static void close_well(void)
{
    uint64_t faults = 1;
    still_well();
    lat_store_close(store);
    cr_assert_eq(lat_store_check(test_path("data"), report, NULL, &faults, NULL), LAT_OK);
    cr_assert_eq(faults, 0);
}

Test(index_torture, reading_survives_every_failed_allocation)
{
    store = open_graph();
    torture(search_plainly);
    torture(search_filtered);
    torture(list_items);
    close_well();
}

Test(index_torture, writing_survives_every_failed_allocation)
{
    store = open_graph();
    torture(write_items);
    torture(create_and_drop);
    close_well();
}

Test(index_torture, rebuilding_survives_every_failed_allocation)
{
    store = open_graph();
    torture(rebuild);
    close_well();
}

static enum lat_status open_all(struct lat_error *err)
{
    struct lat_store *opened;
    const struct lat_store_options options = {.folder = test_path("data")};
    enum lat_status status = lat_store_open(&options, &opened, err);
    if (status != LAT_OK)
        return status;
    status = lat_store_load(opened, NULL, err);
    lat_store_close(opened);
    return status;
}

Test(index_torture, opening_survives_every_failed_allocation)
{
    store = open_graph();
    lat_store_close(store);
    torture(open_all);
    store = fixture_open();
    close_well();
}
