#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "service/collection.h"
#include "tests/support/support.h"
#include "tests/unit/service/app_fixture.h"

static struct app_fixture fixture;
static struct lat_call *call = &fixture.call;

static void enter(void)
{
    test_folder_enter();
    app_fixture_start(&fixture);
}

static void leave(void)
{
    app_fixture_stop(&fixture);
    test_folder_leave();
}

TestSuite(collection, .init = enter, .fini = leave);

Test(collection, a_model_settles_name_dimension_and_metric)
{
    struct lat_collection_spec spec = {.name = "c", .model = "tiny"};
    cr_assert_eq(lat_collection_complete(call, &spec, false, NULL), LAT_OK);
    cr_assert_str_eq(spec.model, "tiny@1");
    cr_assert_eq(spec.dimension, 3u);
    struct lat_error err = LAT_ERROR_INIT;
    spec.dimension = 4;
    cr_assert_eq(lat_collection_complete(call, &spec, false, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_dimension");
    cr_assert_str_eq(err.expected, "3");
    cr_assert_str_eq(err.got, "4");
    snprintf(spec.model, sizeof(spec.model), "absent");
    cr_assert_eq(lat_collection_complete(call, &spec, false, NULL), LAT_NOT_FOUND);
}

Test(collection, the_same_again_is_no_conflict_another_is)
{
    struct lat_collection_spec spec = {.name = "things", .model = "tiny", .keep_inputs = true};
    bool created = false;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_collection_create(call, &spec, false, &created, NULL), LAT_OK);
    cr_assert(created);
    struct lat_collection_spec again = {.name = "things", .model = "tiny", .keep_inputs = true};
    cr_assert_eq(lat_collection_create(call, &again, false, &created, NULL), LAT_OK);
    cr_assert_not(created);
    struct lat_collection_spec other = {.name = "things", .dimension = 3, .keep_inputs = true};
    cr_assert_eq(lat_collection_create(call, &other, false, &created, &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "exists");
}

static const float one[3] = {1, 0, 0}, two[3] = {0, 1, 0};
static const float row[5] = {1, 2, 3, 4, 5};
static const struct lat_input input = {.kind = LAT_INPUT_VECTOR, .values = row, .n_values = 5};

static struct lat_ingest_item code_item(const char *id, const float *code, size_t n)
{
    return (struct lat_ingest_item){.id = id, .code = code, .n_code = n, .hidden = -1};
}

static uint64_t stored(void)
{
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(fixture.app->store, "things", &info, NULL), LAT_OK);
    return info.items;
}

Test(collection, inputs_are_encoded_and_kept)
{
    struct lat_ingest_item items[2] = {{.id = "in", .input = &input, .hidden = -1},
                                       code_item("code", one, 3)};
    struct lat_ingest_result results[2];
    struct lat_item item;
    app_fixture_collection(&fixture, true);
    cr_assert_eq(lat_collection_ingest(call, "things", items, 2, false, results, NULL, NULL),
                 LAT_OK);
    cr_assert(!results[0].error && !results[1].error);
    cr_assert(results[0].created && results[0].version > 0);
    cr_assert_eq(results[0].code[1], 4.0f);
    cr_assert_eq(results[1].code[0], 1.0f);
    cr_assert_eq(lat_store_get(fixture.app->store, "things", "in",
                               LAT_ITEM_CODE | LAT_ITEM_INPUT, &item, NULL),
                 LAT_OK);
    cr_assert_eq(item.code[2], 6.0f);
    cr_assert_eq(item.input_len, sizeof(row));
    cr_assert(memcmp(item.input, row, sizeof(row)) == 0);
    cr_assert_str_eq(item.input_type, "application/octet-stream");
    lat_item_release(&item);
}

Test(collection, each_bad_item_gets_its_own_error)
{
    static const float bad_code[3] = {1, INFINITY, 0};
    const struct lat_error refused = {.status = LAT_INVALID, .code = "missing_field"};
    struct lat_ingest_item items[] = {
        code_item("a", one, 3),          code_item("b", one, 2), code_item("c", bad_code, 3),
        {.refused = &refused},           code_item("a", two, 3), {.id = "i", .input = &input},
        {.id = "nothing", .hidden = -1}, code_item("d", two, 3),
    };
    static const char *const codes[] = {
        NULL,           "wrong_dimension", "not_finite",    "missing_field",
        "duplicate_id", "no_model",        "missing_field", NULL};
    struct lat_ingest_result results[8];
    app_fixture_collection(&fixture, false);
    cr_assert_eq(lat_collection_ingest(call, "things", items, 8, false, results, NULL, NULL),
                 LAT_OK);
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(!results[i].error, !codes[i], "item %zu", i);
        if (codes[i])
            cr_assert_str_eq(results[i].error->code, codes[i]);
    }
    cr_assert_eq(stored(), 2u);
    struct lat_item item;
    cr_assert_eq(lat_store_get(fixture.app->store, "things", "a", LAT_ITEM_CODE, &item, NULL),
                 LAT_OK);
    cr_assert_eq(item.code[0], 1.0f, "the earlier one of two was stored");
    lat_item_release(&item);
}

Test(collection, atomic_is_all_or_nothing)
{
    struct lat_ingest_item items[] = {code_item("a", one, 3), code_item("b", one, 2),
                                      code_item("c", two, 3)};
    struct lat_ingest_result results[3];
    struct lat_error err = LAT_ERROR_INIT;
    size_t bad = 99;
    app_fixture_collection(&fixture, false);
    cr_assert_eq(lat_collection_ingest(call, "things", items, 3, true, results, &bad, &err),
                 LAT_INVALID);
    cr_assert_eq(bad, 1u);
    cr_assert_str_eq(err.code, "wrong_dimension");
    cr_assert_eq(stored(), 0u);
    items[1].n_code = 3;
    items[1].if_match = 12345;
    cr_assert_eq(lat_collection_ingest(call, "things", items, 3, true, results, &bad, NULL),
                 LAT_PRECONDITION);
    cr_assert_eq(bad, 1u);
    cr_assert_eq(stored(), 0u);
    items[1].if_match = 0;
    cr_assert_eq(lat_collection_ingest(call, "things", items, 3, true, results, NULL, NULL),
                 LAT_OK);
    cr_assert_eq(stored(), 3u);
}

Test(collection, a_precondition_fails_its_item_alone)
{
    struct lat_ingest_item items[] = {code_item("a", one, 3), code_item("b", two, 3)};
    struct lat_ingest_result results[2];
    app_fixture_collection(&fixture, false);
    items[0].if_match = UINT64_MAX;
    cr_assert_eq(lat_collection_ingest(call, "things", items, 2, false, results, NULL, NULL),
                 LAT_OK);
    cr_assert_eq(results[0].error->status, LAT_PRECONDITION);
    cr_assert_null(results[1].error);
    cr_assert_eq(stored(), 1u);
}

Test(collection, many_ids_are_told_apart)
{
    enum { N = 1000 };
    static struct lat_ingest_item items[N];
    static struct lat_ingest_result results[N];
    static char ids[N][8];
    app_fixture_collection(&fixture, false);
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i % 990);
        items[i] = code_item(ids[i], one, 3);
    }
    cr_assert_eq(lat_collection_ingest(call, "things", items, N, false, results, NULL, NULL),
                 LAT_OK);
    for (int i = 0; i < N; i++)
        cr_assert_eq(results[i].error != NULL, i >= 990, "%d", i);
    cr_assert_eq(stored(), 990u);
}

Test(collection, an_unknown_one_is_not_found)
{
    struct lat_ingest_item item = code_item("a", one, 3);
    struct lat_ingest_result result;
    cr_assert_eq(lat_collection_ingest(call, "absent", &item, 1, false, &result, NULL, NULL),
                 LAT_NOT_FOUND);
}
