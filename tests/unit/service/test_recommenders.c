/* What recommending keeps of a model lets go of it when it is told to. */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "service/recommenders.h"
#include "taste_fixture.h"
#include "tests/support/support.h"

enum { N = LAT_RETRIEVAL_LEAST, D = 8 };

static struct taste_fixture taste;
static struct lat_store *store;
static struct lat_recommenders *recommenders;

static void enter(void)
{
    static float vectors[N * D], biases[N];
    struct lat_rng rng;
    struct lat_error err = LAT_ERROR_INIT;
    test_folder_enter();
    lat_rng_seed(&rng, 7);
    for (size_t i = 0; i < N * D; i++)
        vectors[i] = (float)lat_rng_normal(&rng);
    taste_fixture_start(&taste, vectors, biases, N, D);
    const struct lat_store_options options = {.folder = test_path("data")};
    cr_assert_eq(lat_store_open(&options, &store, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_recommenders_new(store, &recommenders, &err), LAT_OK, "%s", err.message);
}

static void leave(void)
{
    lat_recommenders_free(recommenders);
    lat_store_close(store);
    taste_fixture_stop(&taste);
    test_folder_leave();
}

TestSuite(recommenders, .init = enter, .fini = leave);

/* Who holds the model, the fixture among them. */
static unsigned count_users(void)
{
    struct lat_model_info info;
    cr_assert_eq(lat_registry_describe(taste.registry, "taste@1", &info, NULL, NULL), LAT_OK);
    return info.users;
}

Test(recommenders, a_model_whose_index_is_being_built_is_let_go_of, .timeout = 120)
{
    enum { FIXTURE = 1, SLOT = 1, INDEX = 1 };
    cr_assert_null(lat_recommenders_retrieval(recommenders, taste.model), "not built yet");
    while (count_users() < FIXTURE + SLOT + INDEX)
        ;
    lat_recommenders_forget(recommenders, "taste");
    while (count_users() > FIXTURE)
        ;
    cr_assert_null(lat_recommenders_retrieval(recommenders, taste.model), "it begins anew");
    cr_assert_geq(count_users(), FIXTURE + SLOT);
}
