/* Every kind of index under every metric against the exact answer, filtered and not. */
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "fixture.h"
#include "tests/support/support.h"

enum { D = 24, N = 6000 };

#define FLOOR 0.95

struct kind {
    enum lat_index_type type;
    char factory[32];
    enum lat_distance metric;
};

static struct kind kinds[] = {
    {LAT_INDEX_FLAT, "", LAT_DISTANCE_L2},
    {LAT_INDEX_FLAT, "", LAT_DISTANCE_COSINE},
    {LAT_INDEX_FLAT, "", LAT_DISTANCE_IP},
    {LAT_INDEX_HNSW, "", LAT_DISTANCE_L2},
    {LAT_INDEX_HNSW, "", LAT_DISTANCE_COSINE},
    {LAT_INDEX_HNSW, "", LAT_DISTANCE_IP},
    {LAT_INDEX_IVF, "", LAT_DISTANCE_L2},
    {LAT_INDEX_IVF, "", LAT_DISTANCE_COSINE},
    {LAT_INDEX_IVF, "", LAT_DISTANCE_IP},
    {LAT_INDEX_AUTO, "", LAT_DISTANCE_L2},
    {LAT_INDEX_FACTORY, "HNSW32,SQ8", LAT_DISTANCE_L2},
    {LAT_INDEX_FACTORY, "IVF32,PQ12", LAT_DISTANCE_L2},
    {LAT_INDEX_FACTORY, "PCA16,IVF32,Flat", LAT_DISTANCE_COSINE},
    {LAT_INDEX_FACTORY, "SQ8", LAT_DISTANCE_IP},
    {LAT_INDEX_FACTORY, "Flat", LAT_DISTANCE_L2},
};

ParameterizedTestParameters(recall, reaches_the_floor_at_every_selectivity)
{
    return cr_make_param_array(struct kind, kinds, LAT_ARRAY_LEN(kinds));
}

/* Items whose "mod" (0 to 999) is below `limit`. */
static double filtered(struct lat_store *store, long long limit)
{
    static const char *const path[] = {"mod"};
    const struct lat_value value = {.kind = LAT_VALUE_INTEGER, .integer = limit};
    const struct lat_filter filter = {
        .op = LAT_FILTER_LT, .path = path, .n_path = 1, .values = &value, .n_values = 1};
    return fixture_recall(store, "c", D, 25, 10, &filter);
}

ParameterizedTest(struct kind *kind, recall, reaches_the_floor_at_every_selectivity,
                  .init = test_folder_enter, .fini = test_folder_leave)
{
    static const long long limits[] = {500, 100, 10, 1}; /* of 1000 */
    struct lat_store *store = fixture_open();
    struct lat_collection_spec spec = fixture_spec("c", D, kind->metric, kind->type);
    snprintf(spec.index.factory, sizeof(spec.index.factory), "%s", kind->factory);
    fixture_create(store, &spec);
    fixture_put(store, "c", D, 0, N);
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_reindex(store, "c", NULL, NULL, NULL, &err), LAT_OK, "%s",
                 err.message);
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "c", &info, &err), LAT_OK);
    const double all = fixture_recall(store, "c", D, 50, 10, NULL);
    cr_log_info("%s/%s: recall %.3f", info.index_kind, lat_distance_names[kind->metric], all);
    cr_expect(all >= FLOOR, "%s: recall %.3f", info.index_kind, all);
    for (size_t i = 0; i < LAT_ARRAY_LEN(limits); i++) {
        const double some = filtered(store, limits[i]);
        cr_expect(some >= FLOOR, "%s, %lld of 1000: recall %.3f", info.index_kind, limits[i],
                  some);
    }
    lat_store_close(store);
}
