/* Items a model does not know, by hand: the model knows i0 to i3, at (0,0), (1,0), (0,1) and
 * (5,5) of a collection with codes of 2. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "service/cold.h"
#include "taste_fixture.h"
#include "tests/support/support.h"

enum { KNOWN = 4, MANY = 1000 };

static const float places[KNOWN][2] = {{0, 0}, {1, 0}, {0, 1}, {5, 5}};

static struct taste_fixture taste;
static struct lat_store *store;
static struct lat_cold *cold;

static void put(const char *id, float x, float y)
{
    const float code[2] = {x, y};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_write_result result;
    const struct lat_write write = {
        .kind = LAT_WRITE_PUT, .id = id, .code = code, .error = NAN, .hidden = -1};
    cr_assert_eq(lat_store_write(store, "things", &write, 1, true, &result, &err), LAT_OK, "%s",
                 err.message);
}

static void put_known(size_t i)
{
    char id[8];
    snprintf(id, sizeof(id), "i%zu", i);
    put(id, places[i][0], places[i][1]);
}

static struct lat_collection_info describe(void)
{
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "things", &info, NULL), LAT_OK);
    return info;
}

static void open_with(enum lat_distance metric)
{
    const float vectors[KNOWN] = {0}, biases[KNOWN] = {0};
    struct lat_error err = LAT_ERROR_INIT;
    bool created;
    test_folder_enter();
    taste_fixture_start(&taste, vectors, biases, KNOWN, 1);
    const struct lat_store_options options = {.folder = test_path("data")};
    const struct lat_collection_spec spec = {
        .name = "things", .dimension = 2, .metric = metric, .keep_inputs = true};
    cr_assert_eq(lat_store_open(&options, &store, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_load(store, NULL, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_store_create(store, &spec, &created, &err), LAT_OK, "%s", err.message);
}

static void begin(void)
{
    const struct lat_collection_info info = describe();
    cr_assert_eq(lat_cold_new(taste.model, &info, &cold, NULL), LAT_OK);
}

static void enter(void)
{
    open_with(LAT_DISTANCE_L2);
    for (size_t i = 0; i < KNOWN; i++)
        put_known(i);
    begin();
}

static void leave(void)
{
    lat_cold_unref(cold);
    lat_store_close(store);
    taste_fixture_stop(&taste);
    test_folder_leave();
}

TestSuite(cold, .init = enter, .fini = leave);

/* Takes in what is stored, at most so much at a time; whether there is more. */
static bool catch_up(size_t most, bool background)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_collection_info info = describe();
    bool more;
    cr_assert_eq(lat_cold_catch_up(cold, store, &info, most, background, &more, &err), LAT_OK,
                 "%s", err.message);
    return more;
}

/* ---- a list ---- */

static const float scores[KNOWN] = {10, 20, 40, 80};
static const char *excluded;

static float score_of(const void *context, uint32_t item)
{
    return ((const float *)context)[item];
}

static bool is_excluded(const void *context, const char *id)
{
    (void)context;
    return excluded && strcmp(excluded, id) == 0;
}

static struct lat_cold_item items[MANY];

static size_t best(size_t m)
{
    const struct lat_cold_query query = {score_of, is_excluded, scores};
    return lat_cold_best(cold, &query, m, items);
}

#define IS(i, name, value)                                                                     \
    do {                                                                                       \
        cr_assert_str_eq(items[i].id, name);                                                   \
        cr_assert_float_eq(items[i].score, value, 1e-3, "%s: %g", name,                        \
                           (double)items[i].score);                                            \
    } while (0)

/* ---- tests ---- */

Test(cold, without_unknown_items_there_is_nothing)
{
    cr_assert_not(catch_up(64, false));
    cr_assert_eq(best(5), 0);
    cr_assert_eq(best(0), 0);
}

Test(cold, a_new_item_is_there_at_once)
{
    cr_assert_not(catch_up(64, false));
    put("new", 5, 5);
    cr_assert_not(catch_up(64, false));
    cr_assert_eq(best(5), 1);
    IS(0, "new", 80); /* i3's twin */
    put("other", 0, 1);
    cr_assert_not(catch_up(64, false));
    cr_assert_eq(best(5), 2);
    IS(0, "new", 80);
    IS(1, "other", 40);
    cr_assert_eq(best(1), 1);
    IS(0, "new", 80);
    cr_assert_eq(best(0), 0);
}

Test(cold, a_score_is_that_of_the_neighbours_by_the_square_of_their_distance)
{
    put("between", 0.5, 0); /* of i0 and i1, at 0.5; i2 at the root of 1.25, i3 far away */
    catch_up(64, false);
    cr_assert_eq(best(1), 1);
    const double w[KNOWN] = {4, 4, 1 / 1.25, 1 / (4.5 * 4.5 + 25)};
    double sum = 0, score = 0;
    for (int i = 0; i < KNOWN; i++) {
        sum += w[i];
        score += w[i] * (double)scores[i];
    }
    IS(0, "between", score / sum);
    cr_assert_eq(items[0].n_near, KNOWN);
}

Test(cold, what_is_left_out_makes_room)
{
    put("a", 5, 5);
    put("b", 0, 1);
    put("c", 1, 0);
    catch_up(64, false);
    excluded = "a";
    cr_assert_eq(best(2), 2);
    IS(0, "b", 40);
    IS(1, "c", 20);
    excluded = NULL;
}

Test(cold, equal_ones_come_by_id)
{
    const char *const ids[] = {"d", "b", "e", "a", "c"};
    for (size_t i = 0; i < 5; i++)
        put(ids[i], 5, 5);
    catch_up(64, false);
    cr_assert_eq(best(3), 3);
    IS(0, "a", 80);
    IS(1, "b", 80);
    IS(2, "c", 80);
}

Test(cold, one_that_moves_is_where_it_went_last)
{
    put("new", 5, 5);
    catch_up(64, false);
    put("new", 0, 1);
    catch_up(64, false);
    cr_assert_eq(best(5), 1);
    IS(0, "new", 40);
    put("new", 1, 0);
    catch_up(64, false);
    cr_assert_eq(best(5), 1);
    IS(0, "new", 20);
}

Test(cold, a_known_item_that_comes_later_is_a_nearer_neighbour)
{
    struct lat_write_result result;
    const struct lat_write write = {.kind = LAT_WRITE_DELETE, .id = "i3"};
    cr_assert_eq(lat_store_write(store, "things", &write, 1, true, &result, NULL), LAT_OK);
    lat_cold_unref(cold);
    begin();
    put("new", 5, 5);
    while (catch_up(64, true))
        ;
    cr_assert_eq(best(1), 1);
    cr_assert_lt(items[0].score, 41);
    put_known(3);
    while (catch_up(64, true))
        ;
    cr_assert_eq(best(1), 1);
    IS(0, "new", 80);
}

Test(cold, many_are_taken_in_by_and_by_and_the_newest_first)
{
    char id[16];
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "n%03d", i);
        put(id, 1, 0);
    }
    lat_cold_unref(cold);
    begin(); /* those are older than it */
    cr_assert(catch_up(16, true), "the background has begun");
    put("newest", 5, 5);
    cr_assert(catch_up(16, false));
    cr_assert_eq(best(MANY), 17);
    IS(0, "newest", 80);
    for (int rounds = 0; catch_up(16, true); rounds++)
        cr_assert_lt(rounds, 30);
    cr_assert_eq(best(MANY), 201);
    cr_assert_not(catch_up(0, false), "nothing is left");
}

Test(cold, it_is_about_one_model_and_one_collection)
{
    struct lat_collection_info info = describe();
    cr_assert(lat_cold_is_of(cold, taste.model, &info));
    cr_assert_eq(lat_cold_model(cold), taste.model);
    info.created_ms++;
    cr_assert_not(lat_cold_is_of(cold, taste.model, &info));
    info = describe();
    strcpy(info.spec.name, "thongs");
    cr_assert_not(lat_cold_is_of(cold, taste.model, &info));
}

static void enter_empty(void)
{
    open_with(LAT_DISTANCE_COSINE);
    begin();
}

TestSuite(cold_empty, .init = enter_empty, .fini = leave);

Test(cold_empty, nobody_near_is_no_score)
{
    cr_assert_not(catch_up(64, false));
    put("new", 1, 1);
    put("newer", 1, 2);
    cr_assert_not(catch_up(64, false));
    cr_assert_eq(best(5), 0, "no neighbour is known to the model");
}

Test(cold_empty, cosine_weighs_by_the_angle)
{
    put("i0", 1, 0);
    put("i1", 0, 1);
    put("new", 1, 1); /* 1 - cos is the same to both */
    catch_up(64, false);
    cr_assert_eq(best(5), 1);
    IS(0, "new", 15);
}
