/* Another generation of a collection, built beside it and switched to. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/generations.h"
#include "tests/support/support.h"
#include "tests/unit/index/fixture.h"

TestSuite(generations, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 2, D_NEXT = 3 };

static struct lat_store *open_with(const char *model)
{
    struct lat_store *store = fixture_open();
    struct lat_collection_spec spec = fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    snprintf(spec.model, sizeof(spec.model), "%s", model);
    fixture_create(store, &spec);
    return store;
}

static enum lat_status begin(struct lat_store *store, const char *model, uint32_t d,
                             struct lat_generation *out)
{
    struct lat_collection_spec spec = {.dimension = d};
    snprintf(spec.model, sizeof(spec.model), "%s", model);
    return lat_store_generation_begin(store, "c", &spec, out, NULL);
}

static enum lat_status put(struct lat_store *store, const char *name, const char *id,
                           const float *code, const char *model)
{
    struct lat_write_result result;
    const struct lat_write write = {
        .kind = LAT_WRITE_PUT, .id = id, .code = code, .model = model, .hidden = 0};
    const enum lat_status status = lat_store_write(store, name, &write, 1, true, &result, NULL);
    return status;
}

static struct lat_collection_info describe(struct lat_store *store)
{
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
    return info;
}

static const float code[D] = {1, 2}, code_next[D_NEXT] = {3, 4, 5};

Test(generations, take_the_name_and_can_be_gone_back_from)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    cr_assert_eq(put(store, "c", "a", code, "m@1"), LAT_OK);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert(!next.former && next.synced == 0 && next.dimension == D_NEXT);
    cr_assert_eq(put(store, next.name, "a", code_next, "m@2"), LAT_OK);
    cr_assert_eq(put(store, next.name, "ghost", code_next, "m@2"), LAT_OK);
    cr_assert_eq(lat_store_generation_prune(store, "c", NULL), LAT_OK);
    const uint64_t sequence = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence - 1, NULL), LAT_BUSY);
    cr_assert_str_eq(describe(store).spec.model, "m@1");
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence, NULL), LAT_OK);
    cr_assert_str_eq(describe(store).spec.model, "m@2");
    cr_assert_eq(describe(store).items, 1u);
    cr_assert_gt(describe(store).sequence, sequence);

    /* Codes of the one are kept out of the other. */
    cr_assert_eq(put(store, "c", "b", code, "m@1"), LAT_CONFLICT);
    struct lat_search_result found = {0};
    struct lat_query query = fixture_query(code, 1);
    query.model = "m@1";
    cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_CONFLICT);

    store = fixture_reopen(store);
    cr_assert_str_eq(describe(store).spec.model, "m@2");
    cr_assert_eq(lat_store_generation(store, "c", &next, NULL), LAT_OK);
    cr_assert(next.former && strcmp(next.model, "m@1") == 0);
    cr_assert_eq(begin(store, "m@1", D, &next), LAT_OK);
    const uint64_t later = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", later, NULL), LAT_OK);
    cr_assert_str_eq(describe(store).spec.model, "m@1");
    cr_assert_gt(describe(store).sequence, later);
    query = fixture_query(code, 1);
    cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_OK);
    cr_assert(found.n == 1 && strcmp(found.hits[0].id, "a") == 0);
    lat_search_result_release(&found);
    lat_store_close(store);
}

Test(generations, a_list_is_read_on_across_the_switch)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    struct lat_item_list first = {0}, rest = {0};
    cr_assert_eq(put(store, "c", "a", code, "m@1"), LAT_OK);
    cr_assert_eq(put(store, "c", "b", code, "m@1"), LAT_OK);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(put(store, next.name, "a", code_next, "m@2"), LAT_OK);
    cr_assert_eq(put(store, next.name, "b", code_next, "m@2"), LAT_OK);
    cr_assert_eq(lat_store_list(store, "c", NULL, NULL, 1, 0, &first, NULL), LAT_OK);
    cr_assert_not_null(first.next_cursor);
    const uint64_t sequence = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence, NULL), LAT_OK);
    cr_assert_eq(lat_store_list(store, "c", NULL, first.next_cursor, 1, 0, &rest, NULL),
                 LAT_OK);
    cr_assert(rest.n == 1 && strcmp(rest.items[0].id, "b") == 0 && !rest.next_cursor);
    lat_item_list_release(&first);
    lat_item_list_release(&rest);
    lat_store_close(store);
}

Test(generations, are_in_no_list_and_go_with_their_collection)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    struct lat_collection_info *infos = NULL;
    size_t n = 0;
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(lat_store_collections(store, "", 10, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    lat_free(infos);
    cr_assert_eq(begin(store, "m@3", D, &next), LAT_OK); /* in place of the other */
    cr_assert_str_eq(next.model, "m@3");
    cr_assert_eq(lat_store_generation_drop(store, "c", NULL), LAT_OK);
    cr_assert_eq(lat_store_generation_drop(store, "c", NULL), LAT_NOT_FOUND);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(lat_store_drop(store, "c", NULL), LAT_OK);
    struct lat_collection_spec spec;
    cr_assert_eq(lat_store_spec(store, next.name, &spec, NULL), LAT_NOT_FOUND);
    lat_store_close(store);
}

Test(generations, items_without_a_stored_input_are_counted)
{
    struct lat_store *store = open_with("m@1");
    uint64_t n = 7;
    char id[LAT_ID_MAX + 1];
    cr_assert_eq(lat_store_without_input(store, "c", &n, id, NULL), LAT_OK);
    cr_assert_eq(n, 0u);
    cr_assert_eq(put(store, "c", "bare", code, NULL), LAT_OK);
    cr_assert_eq(lat_store_without_input(store, "c", &n, id, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    cr_assert_str_eq(id, "bare");
    lat_store_close(store);
}
