/* Ratings: rows with gaps through a training, a package and back to the users' own units. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "model/autoencoder.h"
#include "model/recommender.h"
#include "model/row_nll.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"

enum { USERS = 120, ITEMS = 16 };

static struct lat_engine *engine;

/* Two kinds of users and of items; a user gives items of the own kind 5 or 4, others 2 or 1. */
static double rating_of(int user, int item)
{
    const bool same = user % 2 == item % 2;
    return (same ? 4 : 1) + (user / 2 + item / 2) % 2;
}

static void put_ratings(const char *name)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 11);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (lat_rng_uniform(&rng) < 0.7)
                lat_buf_printf(&text, "u%d\ti%02d\t%g\n", u, i, rating_of(u, i));
    cr_assert_eq(lat_file_write(test_path(name), text.data, text.len, NULL), LAT_OK);
    lat_buf_release(&text);
}

static void enter(void)
{
    test_folder_enter();
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
    put_ratings("ratings.tsv");
}

static void leave(void)
{
    lat_engine_free(engine);
    test_folder_leave();
}

TestSuite(train_ratings, .init = enter, .fini = leave);

static struct lat_spec spec_of(const char *members)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"stars\",\"data\":{\"format\":\"interactions\",\"path\":\"%s\","
             "\"header\":false,\"weight\":3,\"validation\":0.1},\"likelihood\":\"gaussian\","
             "\"optimizer\":{\"batch\":16,\"epochs\":120,\"rate\":0.01}%s}",
             test_path("ratings.tsv"), members);
    const enum lat_status status = lat_spec_parse(json, strlen(json), &spec, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    return spec;
}

static struct lat_model *trained(const char *members, struct lat_registry **out_registry)
{
    struct lat_spec spec = spec_of(members);
    const struct lat_train_options options = {.models = test_path("models"), .threads = 1};
    const struct lat_registry_options where = {.folder = test_path("models"), .threads = 1};
    struct lat_train_result result = {0};
    struct lat_model *model = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_train(engine, &spec, &options, &result, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_registry_open(engine, &where, out_registry, &err), LAT_OK);
    lat_registry_load_all(*out_registry);
    cr_assert_eq(lat_registry_acquire(*out_registry, "stars", &model, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    return model;
}

#define SMALL                                                                                  \
    ",\"network\":{\"encoder\":{\"hidden\":[]}},\"code\":{\"dimension\":4},"                   \
    "\"corruption\":{\"type\":\"masking\",\"level\":0.5}"

Test(train_ratings, what_was_not_rated_is_foretold_in_stars)
{
    struct lat_registry *registry = NULL;
    struct lat_model *model = trained(SMALL, &registry);
    double squares = 0;
    int n = 0;
    cr_assert(lat_model_is_explicit(model));
    for (int user = 0; user < 40; user++) {
        char names[6][8];
        struct lat_event events[6];
        float scores[ITEMS];
        for (int e = 0; e < 6; e++) {
            const int item = (user + 2 * e + e % 2) % ITEMS;
            const int len = snprintf(names[e], sizeof(names[e]), "i%02d", item);
            events[e] = (struct lat_event){names[e], (size_t)len, rating_of(user, item)};
        }
        cr_assert_eq(lat_model_recommend(model, events, 6, scores, NULL), LAT_OK);
        for (uint32_t i = 0; i < ITEMS; i++) {
            int item = 0;
            cr_assert_eq(sscanf(lat_model_item_name(model, i), "i%d", &item), 1);
            const double rest = (double)scores[i] - rating_of(user, item);
            squares += rest * rest;
            n++;
        }
    }
    /* The mean of all ratings is off by 1.6, of the items by as much. */
    cr_assert_lt(sqrt(squares / n), 1, "%g", sqrt(squares / n));
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_ratings, an_item_that_is_not_there_is_no_rating_of_nought)
{
    struct lat_registry *registry = NULL;
    struct lat_model *model = trained(SMALL, &registry);
    static const struct lat_event one[] = {{"i03", 3, 4}};
    const struct lat_event disliked[] = {{"i03", 3, 4}, {"i04", 3, -1}};
    float row[ITEMS], filled[ITEMS], codes[2][4], scores[ITEMS], again[ITEMS], errors[1];
    uint32_t item = 0;
    size_t n_gaps = 0;
    cr_assert_eq(lat_model_row_from_history(model, one, 1, row, NULL), LAT_OK);
    cr_assert(lat_model_item_index(model, "i03", 3, &item));
    for (uint32_t i = 0; i < ITEMS; i++) {
        n_gaps += isnan(row[i]);
        filled[i] = isnan(row[i]) ? 0 : row[i];
    }
    cr_assert_eq(n_gaps, ITEMS - 1);
    cr_assert_eq(lat_model_encode(model, row, 1, codes[0], NULL, NULL), LAT_OK);
    cr_assert_eq(lat_model_encode(model, filled, 1, codes[1], NULL, NULL), LAT_OK);
    cr_assert_arr_eq(codes[0], codes[1], sizeof(codes[0]));
    cr_assert_eq(lat_model_decode(model, codes[0], 1, scores, NULL), LAT_OK);
    lat_model_errors(model, row, scores, 1, errors);
    cr_assert_float_eq(errors[0], (scores[item] - 4) * (scores[item] - 4), 1e-5);
    cr_assert_eq(lat_model_recommend(model, one, 1, scores, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, disliked, 2, again, NULL), LAT_OK);
    cr_assert_arr_eq(scores, again, sizeof(scores));
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_ratings, the_reason_is_the_drop_of_the_rating)
{
    struct lat_registry *registry = NULL;
    struct lat_model *model = trained(SMALL, &registry);
    static const struct lat_event three[] = {{"i01", 3, 5}, {"i02", 3, 1}, {"i05", 3, 4}};
    static const struct lat_event two[] = {{"i01", 3, 5}, {"i05", 3, 4}};
    const uint32_t target = 7;
    float drops[3], whole[ITEMS], without[ITEMS];
    cr_assert_eq(lat_model_because(model, three, 3, &target, 1, drops, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, three, 3, whole, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, two, 2, without, NULL), LAT_OK);
    cr_assert_float_eq(drops[1], whole[7] - without[7], 1e-4);
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_ratings, the_loss_counts_what_is_rated_alone)
{
    const struct lat_input_spec input = {
        .kind = LAT_INPUT_INTERACTIONS, .dimension = 4, .ratings = true};
    const float target[4] = {1, NAN, -1, NAN}, output[4] = {0, 50, 1, -50};
    cr_assert_float_eq(lat_input_nll(&input, LAT_LIKELIHOOD_GAUSSIAN, target, output), 2.5,
                       1e-9);
}

Test(train_ratings, a_network_that_cannot_see_them_is_refused)
{
    struct lat_spec spec = spec_of(",\"network\":{\"encoder\":{\"hidden\":[],\"tied\":true}}");
    const struct lat_train_options options = {.models = test_path("models"), .threads = 1};
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_train(engine, &spec, &options, &result, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "/network/encoder/tied"), "%s", err.message);
    lat_spec_release(&spec);
}
