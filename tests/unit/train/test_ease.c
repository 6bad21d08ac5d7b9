/* The method "ease": its weights against plain arithmetic, and packages that recommend. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/autoencoder.h"
#include "model/recommender.h"
#include "model/train/ease.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"

enum { USERS = 60, ITEMS = 12 };

static struct lat_engine *engine;
static double histories[USERS][ITEMS];

/* Users like the items of one half more than those of the other. */
static void put_histories(const char *name)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            const bool same = (u % 2) == (i < ITEMS / 2);
            histories[u][i] = u < ITEMS && u == i ? 1 : 0; /* the vocabulary in order */
            if (u >= ITEMS || i > u)
                histories[u][i] = lat_rng_uniform(&rng) < (same ? 0.6 : 0.1);
            if (histories[u][i] > 0)
                lat_buf_printf(&text, "u%d\ti%02d\n", u, i);
        }
    cr_assert_eq(lat_file_write(test_path(name), text.data, text.len, NULL), LAT_OK);
    lat_buf_release(&text);
}

static void enter(void)
{
    test_folder_enter();
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
    put_histories("pairs.tsv");
}

static void leave(void)
{
    lat_engine_free(engine);
    test_folder_leave();
}

TestSuite(train_ease, .init = enter, .fini = leave);

static struct lat_spec spec_of(const char *members)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"linear\",\"method\":\"ease\",\"data\":{\"format\":\"interactions\","
             "\"path\":\"%s\",\"header\":false,\"validation\":0}%s}",
             test_path("pairs.tsv"), members);
    const enum lat_status status = lat_spec_parse(json, strlen(json), &spec, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    return spec;
}

/* (G + ridge I)⁻¹ by Gauss and Jordan. */
static void invert(double a[ITEMS][ITEMS], double out[ITEMS][ITEMS])
{
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            out[i][j] = i == j;
    for (int k = 0; k < ITEMS; k++) {
        const double pivot = a[k][k];
        for (int j = 0; j < ITEMS; j++) {
            a[k][j] /= pivot;
            out[k][j] /= pivot;
        }
        for (int i = 0; i < ITEMS; i++) {
            const double factor = a[i][k];
            for (int j = 0; i != k && j < ITEMS; j++) {
                a[i][j] -= factor * a[k][j];
                out[i][j] -= factor * out[k][j];
            }
        }
    }
}

static void plain_weights(double ridge, double out[ITEMS][ITEMS])
{
    double gram[ITEMS][ITEMS] = {{0}}, inverse[ITEMS][ITEMS];
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++) {
            for (int u = 0; u < USERS; u++)
                gram[i][j] += histories[u][i] * histories[u][j];
            gram[i][j] += i == j ? ridge : 0;
        }
    invert(gram, inverse);
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            out[i][j] = i == j ? 0 : -inverse[i][j] / inverse[j][j];
}

/* Which number of the vocabulary the item "iNN" has. */
static size_t number_of(const struct lat_words *items, int item)
{
    char name[8];
    uint32_t number = 0;
    const int len = snprintf(name, sizeof(name), "i%02d", item);
    cr_assert(lat_words_find(items, name, (size_t)len, &number));
    return number;
}

Test(train_ease, weights_are_those_of_the_formula)
{
    struct lat_spec spec = spec_of("");
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    uint32_t all[USERS];
    float *weights = NULL;
    double expected[ITEMS][ITEMS];
    for (uint32_t u = 0; u < USERS; u++)
        all[u] = u;
    cr_assert_eq(lat_dataset_open(&spec.data, &dataset, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(dataset.n, USERS);
    cr_assert_eq(lat_ease_fit(&dataset, all, USERS, 2.5, NULL, &weights, &err), LAT_OK, "%s",
                 err.message);
    plain_weights(2.5, expected);
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            cr_assert_float_eq(
                weights[number_of(dataset.items, i) * ITEMS + number_of(dataset.items, j)],
                expected[i][j], 1e-6);
    lat_free(weights);
    lat_dataset_close(&dataset);
    lat_spec_release(&spec);
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
    cr_assert_str_eq(result.reference, "linear@1");
    cr_assert_eq(lat_registry_open(engine, &where, out_registry, &err), LAT_OK);
    lat_registry_load_all(*out_registry);
    cr_assert_eq(lat_registry_acquire(*out_registry, "linear", &model, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    return model;
}

Test(train_ease, a_package_of_it_recommends_and_reconstructs_alike)
{
    static const struct lat_event history[] = {{"i01", 3, NAN}, {"i04", 3, NAN}};
    struct lat_registry *registry = NULL;
    struct lat_model *model = trained(",\"ridge\":4", &registry);
    float row[ITEMS] = {0}, code[ITEMS], decoded[ITEMS], scores[ITEMS], drop = 0;
    double expected[ITEMS][ITEMS];
    plain_weights(4, expected);
    cr_assert_eq(lat_model_n_items(model), ITEMS);
    cr_assert_eq(lat_model_manifest(model)->code_dimension, ITEMS);
    cr_assert_eq(lat_model_row_from_history(model, history, 2, row, NULL), LAT_OK);
    cr_assert_eq(lat_model_encode(model, row, 1, code, NULL, NULL), LAT_OK);
    cr_assert_arr_eq(code, row, sizeof(row));
    cr_assert_eq(lat_model_decode(model, code, 1, decoded, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, history, 2, scores, NULL), LAT_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const int item = atoi(lat_model_item_name(model, i) + 1);
        cr_assert_float_eq(scores[i], expected[1][item] + expected[4][item], 1e-5);
        cr_assert_float_eq(decoded[i], scores[i], 1e-5);
        cr_assert_eq(lat_model_because(model, history, 2, &i, 1, (float[2]){0}, NULL), LAT_OK);
    }
    const uint32_t target = (uint32_t)number_of(lat_model_manifest(model)->input.items, 2);
    float drops[2];
    cr_assert_eq(lat_model_because(model, history, 2, &target, 1, drops, NULL), LAT_OK);
    drop = drops[1];
    cr_assert_float_eq(drop, expected[4][2], 1e-6);
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_ease, what_is_liked_together_comes_first)
{
    static const struct lat_event history[] = {{"i00", 3, NAN}, {"i02", 3, NAN}};
    struct lat_registry *registry = NULL;
    struct lat_model *model = trained("", &registry);
    float scores[ITEMS], same = 0, other = 0;
    cr_assert_eq(lat_model_recommend(model, history, 2, scores, NULL), LAT_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const int item = atoi(lat_model_item_name(model, i) + 1);
        *(item < ITEMS / 2 ? &same : &other) += item == 0 || item == 2 ? 0 : scores[i];
    }
    cr_assert_gt(same / (ITEMS / 2 - 2), other / (ITEMS / 2));
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_ease, data_that_are_no_histories_are_refused)
{
    char json[512];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_train_result result;
    const struct lat_train_options options = {.models = test_path("models"), .threads = 1};
    static const char csv[] = "a,b\n1,2\n3,4\n5,6\n";
    cr_assert_eq(lat_file_write(test_path("t.csv"), csv, sizeof(csv) - 1, NULL), LAT_OK);
    const int len = snprintf(json, sizeof(json),
                             "{\"name\":\"linear\",\"method\":\"ease\",\"data\":{\"path\":"
                             "\"%s\"}}",
                             test_path("t.csv"));
    cr_assert_eq(lat_spec_parse(json, (size_t)len, &spec, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_train(engine, &spec, &options, &result, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "wrong_input_kind");
    lat_spec_release(&spec);
}

Test(train_ease, a_wish_to_stop_is_granted)
{
    struct lat_spec spec = spec_of("");
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_train_result result;
    atomic_bool abandon = true;
    const struct lat_train_options options = {
        .models = test_path("models"), .threads = 1, .abandon = &abandon};
    cr_assert_eq(lat_train(engine, &spec, &options, &result, &err), LAT_CANCELLED);
    cr_assert_not(lat_file_exists(test_path("models/linear/1")));
    lat_spec_release(&spec);
}
