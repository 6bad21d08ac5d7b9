/* Whole trainings on small data: packages that serve, resuming, stopping, diverging. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/autoencoder.h"
#include "model/registry.h"
#include "model/train/checkpoint.h"
#include "model/train/evaluate.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"
#include "train_fixture.h"

enum { SIDE = 8, ITEMS = 200 };

TestSuite(train_trainer, .init = train_enter, .fini = train_leave);

/* Pictures of one bright bar each, its place and direction drawn by chance. */
static void put_pictures(const char *name, uint64_t seed)
{
    static uint8_t pixels[ITEMS * SIDE * SIDE];
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < ITEMS; i++) {
        const size_t place = (size_t)lat_rng_below(&rng, SIDE);
        const bool upright = lat_rng_below(&rng, 2) == 1;
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++)
                pixels[(i * SIDE + y) * SIDE + x] =
                    (uint8_t)((upright ? x : y) == place ? 200 + lat_rng_below(&rng, 56)
                                                         : lat_rng_below(&rng, 30));
    }
    train_put_pictures(name, ITEMS, SIDE, pixels);
}

static struct lat_spec spec_of(const char *members)
{
    const char *network =
        strstr(members, "\"network\"") ? "" : "\"network\":{\"encoder\":{\"hidden\":[24]}},";
    const char *drawn = strstr(members, "\"samples\"") ? ",\"binarise\":\"stochastic\"" : "";
    const char *code = strstr(members, "\"code\"") ? "" : "\"code\":{\"dimension\":6},";
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"bars\",\"data\":{\"path\":\"%s\",\"validation\":0.2%s},%s%s%s}",
             test_path("bars-idx3-ubyte"), drawn, network, code, members);
    const enum lat_status status = lat_spec_parse(json, strlen(json), &spec, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    return spec;
}

/* A wish to stop that is granted after `epochs` whole epochs. */
struct watch {
    atomic_bool stop;
    uint32_t epochs;
};

static void on_progress(void *context, const struct lat_train_progress *progress)
{
    struct watch *watch = context;
    if (progress->epoch_done && progress->epoch == watch->epochs)
        atomic_store(&watch->stop, true);
}

static enum lat_status train(const struct lat_spec *spec, const char *models, bool resume,
                             uint32_t stop_after, struct lat_train_result *out_result,
                             struct lat_error *err)
{
    struct watch watch = {.epochs = stop_after};
    const struct lat_train_options options = {.models = models,
                                              .resume = resume,
                                              .threads = 1,
                                              .stop = &watch.stop,
                                              .progress = on_progress,
                                              .context = &watch};
    return lat_train(train_engine, spec, &options, out_result, err);
}

static struct lat_train_result trained(const char *members, const char *models, bool resume,
                                       uint32_t stop_after)
{
    struct lat_spec spec = spec_of(members);
    struct lat_train_result result = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = train(&spec, models, resume, stop_after, &result, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    lat_spec_release(&spec);
    return result;
}

static void assert_same_file(const char *folder_a, const char *folder_b, const char *name)
{
    char a[LAT_PATH_MAX + 64], b[LAT_PATH_MAX + 64];
    snprintf(a, sizeof(a), "%s/%s", folder_a, name);
    snprintf(b, sizeof(b), "%s/%s", folder_b, name);
    train_assert_same_file(a, b);
}

static struct lat_evaluation evaluated(const char *models,
                                       const struct lat_eval_options *options)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_registry *registry = NULL;
    struct lat_evaluation evaluation = {0};
    const struct lat_registry_options where = {.folder = models, .threads = 1};
    cr_assert_eq(lat_registry_open(train_engine, &where, &registry, &err), LAT_OK, "%s",
                 err.message);
    const enum lat_status status = lat_evaluate(registry, options, &evaluation, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    lat_registry_close(registry);
    return evaluation;
}

Test(train_trainer, a_training_learns_and_its_package_serves)
{
    put_pictures("bars-idx3-ubyte", 1);
    const struct lat_train_result result = trained(
        "\"optimizer\":{\"epochs\":60,\"batch\":20,\"rate\":0.01}", test_path("m"), false, 0);
    cr_assert_str_eq(result.reference, "bars@1");
    cr_assert_eq(result.n_validation, 40);
    cr_assert_eq(test_folder_count(test_path("m/bars")), 1, "one version and no checkpoint");
    const struct lat_eval_options options = {.model = "bars",
                                             .data = test_path("bars-idx3-ubyte"),
                                             .split = LAT_SPLIT_VALIDATION,
                                             .pca = true};
    const struct lat_evaluation evaluation = evaluated(test_path("m"), &options);
    cr_assert_eq(evaluation.n, 40);
    cr_assert_str_eq(evaluation.reference, "bars@1");
    cr_assert_float_eq(evaluation.squared_error_sum, result.squared_error,
                       1e-4 * result.squared_error);
    cr_assert_float_eq(evaluation.squared_error_mean * SIDE * SIDE,
                       evaluation.squared_error_sum, 1e-6);
    cr_assert_float_eq(evaluation.negative_log_likelihood, result.validation,
                       1e-3 * result.validation);
    cr_assert_lt(evaluation.squared_error_sum, evaluation.pca_squared_error,
                 "sixteen bars fit better into six numbers than PCA can do");
}

Test(train_trainer, the_next_training_writes_the_next_version)
{
    put_pictures("bars-idx3-ubyte", 1);
    cr_assert_str_eq(
        trained("\"optimizer\":{\"epochs\":1}", test_path("m"), false, 0).reference, "bars@1");
    cr_assert_str_eq(
        trained("\"optimizer\":{\"epochs\":1}", test_path("m"), false, 0).reference, "bars@2");
}

Test(train_trainer, what_a_killed_training_left_in_the_models_folder_goes_in_time)
{
    put_pictures("bars-idx3-ubyte", 1);
    const struct timeval long_ago[2] = {{.tv_sec = time(NULL) - 7 * 3600},
                                        {.tv_sec = time(NULL) - 7 * 3600}};
    struct stat st;
    mkdir(test_path("m"), 0755);
    mkdir(test_path("m/bars"), 0755);
    mkdir(test_path("m/bars/.new-old"), 0755);
    mkdir(test_path("m/bars/.new-young"), 0755);
    cr_assert_eq(utimes(test_path("m/bars/.new-old"), long_ago), 0);
    trained("\"optimizer\":{\"epochs\":1}", test_path("m"), false, 0);
    cr_assert_neq(stat(test_path("m/bars/.new-old"), &st), 0);
    cr_assert_eq(stat(test_path("m/bars/.new-young"), &st), 0, "another may be at work in it");
}

Test(train_trainer, the_same_spec_data_and_seed_give_the_same_weights)
{
    put_pictures("bars-idx3-ubyte", 1);
    static const char members[] = "\"optimizer\":{\"epochs\":3,\"batch\":16},\"corruption\":{"
                                  "\"type\":\"masking\",\"level\":0.2}";
    trained(members, test_path("a"), false, 0);
    trained(members, test_path("b"), false, 0);
    assert_same_file(test_path("a/bars/1"), test_path("b/bars/1"), "encoder.onnx");
    assert_same_file(test_path("a/bars/1"), test_path("b/bars/1"), "decoder.onnx");
}

Test(train_trainer, a_training_stopped_and_resumed_ends_with_the_very_same_weights)
{
    put_pictures("bars-idx3-ubyte", 1);
    static const char *const kinds[] = {
        "\"optimizer\":{\"epochs\":4,\"batch\":16},"
        "\"corruption\":{\"type\":\"gaussian\",\"level\":0.1}",
        "\"optimizer\":{\"epochs\":4,\"batch\":16},\"penalties\":{\"beta_warmup\":3},"
        "\"code\":{\"dimension\":6,\"type\":\"gaussian\",\"samples\":3}",
        "\"optimizer\":{\"type\":\"sgd\",\"momentum\":0.9,\"nesterov\":true,\"rate\":0.001,"
        "\"epochs\":4,\"batch\":16,\"schedule\":\"plateau\"}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(kinds); i++) {
        char version[8];
        snprintf(version, sizeof(version), "%zu", i + 1);
        trained(kinds[i], test_path("whole"), false, 0);
        const struct lat_train_result first = trained(kinds[i], test_path("parts"), false, 2);
        cr_assert_eq(first.end, LAT_TRAIN_STOPPED);
        cr_assert_eq(first.epochs, 2);
        cr_assert(lat_file_exists(test_path("parts/bars/training.checkpoint")));
        const struct lat_train_result second = trained(kinds[i], test_path("parts"), true, 0);
        cr_assert_eq(second.epochs, 4);
        cr_assert_eq(second.end, LAT_TRAIN_EPOCHS);
        char whole[512], parts[512];
        snprintf(whole, sizeof(whole), "%s/bars/%zu", test_path("whole"), i + 1);
        snprintf(parts, sizeof(parts), "%s/bars/%zu", test_path("parts"), 2 * i + 2);
        assert_same_file(whole, parts, "encoder.onnx");
        assert_same_file(whole, parts, "decoder.onnx");
    }
}

Test(train_trainer, a_gaussian_code_is_published_with_its_variance)
{
    put_pictures("bars-idx3-ubyte", 1);
    trained("\"code\":{\"dimension\":6,\"type\":\"gaussian\"},"
            "\"optimizer\":{\"epochs\":20,\"batch\":20,\"rate\":0.01}",
            test_path("m"), false, 0);
    static float rows[2][SIDE * SIDE], codes[2][6], variances[2][6];
    const struct lat_registry_options where = {.folder = test_path("m"), .threads = 1};
    struct lat_registry *registry = NULL;
    struct lat_model *model = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_registry_open(train_engine, &where, &registry, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_registry_load(registry, "bars", &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_registry_acquire(registry, "bars", &model, &err), LAT_OK);
    cr_assert_str_eq(lat_model_manifest(model)->log_variance_tensor, "log_variance");
    cr_assert_eq(lat_model_require(model, LAT_CAN_GENERATE | LAT_CAN_RECONSTRUCT, &err), LAT_OK,
                 "%s", err.message);
    for (size_t i = 0; i < SIDE; i++)
        rows[1][i] = 1;
    cr_assert_eq(lat_model_encode(model, rows[0], 2, codes[0], variances[0], &err), LAT_OK);
    for (size_t i = 0; i < 6; i++) {
        cr_assert_gt(variances[1][i], 0);
        cr_assert_lt(variances[1][i], 2, "a posterior is hardly wider than the prior");
    }
    lat_model_release(model);
    lat_registry_close(registry);
}

Test(train_trainer, a_checkpoint_of_another_spec_or_other_data_is_refused)
{
    put_pictures("bars-idx3-ubyte", 1);
    trained("\"optimizer\":{\"epochs\":3}", test_path("m"), false, 1);
    struct lat_spec spec = spec_of("\"optimizer\":{\"epochs\":4}");
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(train(&spec, test_path("m"), true, 0, &result, &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "other_spec");
    lat_spec_release(&spec);

    put_pictures("bars-idx3-ubyte", 2);
    spec = spec_of("\"optimizer\":{\"epochs\":3}");
    lat_error_clear(&err);
    cr_assert_eq(train(&spec, test_path("m"), true, 0, &result, &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "other_data");
    lat_spec_release(&spec);
    lat_error_clear(&err);
    spec = spec_of("\"optimizer\":{\"epochs\":3}");
    cr_assert_eq(train(&spec, test_path("fresh"), true, 0, &result, &err), LAT_NOT_FOUND);
    lat_spec_release(&spec);
}

Test(train_trainer, one_that_diverges_says_where_and_publishes_nothing)
{
    put_pictures("bars-idx3-ubyte", 1);
    struct lat_spec spec =
        spec_of("\"likelihood\":\"gaussian\",\"optimizer\":{\"type\":\"sgd\","
                "\"rate\":50,\"epochs\":20,\"batch\":16}");
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(train(&spec, test_path("m"), false, 0, &result, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "diverged");
    cr_assert(strstr(err.message, "step ") && strstr(err.message, "rate 50"), "%s",
              err.message);
    cr_assert(!lat_file_exists(test_path("m/bars/1")));
    lat_spec_release(&spec);
}

/* Twenty rows of four numbers; the last one is so far off that its squared error is no float.
 */
static void put_rows_one_far_off(void)
{
    enum { N = 20, WIDTH = 4, HEAD = 128 };
    static const char head[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': "
                               "False, 'shape': (20, 4), }";
    static struct {
        char head[HEAD];
        float rows[N][WIDTH];
    } file;
    memset(file.head, ' ', HEAD);
    memcpy(file.head, head, sizeof(head) - 1);
    file.head[HEAD - 1] = '\n';
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < WIDTH; j++)
            file.rows[i][j] = i + 1 < N ? (float)((i * j) % 5) / 5 : 1e30F;
    cr_assert_eq(lat_file_write(test_path("far.npy"), &file, sizeof(file), NULL), LAT_OK);
}

/* An epoch is one step of 12 of the 20 rows: which epoch meets the far one, the seed says. */
Test(train_trainer, one_that_diverges_late_keeps_the_checkpoint_of_its_last_good_epoch)
{
    uint32_t epochs = 0;
    put_rows_one_far_off();
    for (unsigned seed = 1; seed <= 20 && epochs == 0; seed++) {
        char json[512], words[64];
        struct lat_spec spec;
        struct lat_train_result result;
        struct lat_checkpoint kept = {0};
        struct lat_error err = LAT_ERROR_INIT;
        snprintf(json, sizeof(json),
                 "{\"name\":\"far\",\"data\":{\"path\":\"%s\",\"validation\":0},"
                 "\"network\":{\"encoder\":{\"hidden\":[3]}},\"code\":{\"dimension\":2},"
                 "\"optimizer\":{\"epochs\":50,\"batch\":12},\"seed\":%u}",
                 test_path("far.npy"), seed);
        cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(train(&spec, test_path("m"), false, 0, &result, &err), LAT_INVALID);
        cr_assert_str_eq(err.code, "diverged");
        lat_spec_release(&spec);
        if (!lat_file_exists(test_path("m/far/training.checkpoint")))
            continue; /* in its first epoch */
        cr_assert_eq(lat_checkpoint_read(test_path("m/far/training.checkpoint"), &kept, NULL),
                     LAT_OK);
        epochs = kept.epoch;
        snprintf(words, sizeof(words), "the checkpoint of epoch %u is kept", epochs);
        cr_assert_not_null(strstr(err.message, words), "%s", err.message);
        cr_assert(isfinite(kept.curve[epochs - 1].loss));
        lat_checkpoint_release(&kept);
    }
    cr_assert_gt(epochs, 0, "every seed met it first");
    cr_assert(!lat_file_exists(test_path("m/far/1")));
}

Test(train_trainer, early_stopping_ends_when_nothing_gets_better_and_keeps_the_best)
{
    put_pictures("bars-idx3-ubyte", 1);
    const struct lat_train_result result = trained(
        "\"optimizer\":{\"rate\":0.05,\"schedule\":\"constant\",\"epochs\":2000,\"batch\":40,"
        "\"early_stopping\":3}",
        test_path("m"), false, 0);
    cr_assert_eq(result.end, LAT_TRAIN_EARLY);
    cr_assert_eq(result.epochs, result.best_epoch + 3);
    const struct lat_eval_options options = {
        .model = "bars", .data = test_path("bars-idx3-ubyte"), .split = LAT_SPLIT_VALIDATION};
    cr_assert_float_eq(evaluated(test_path("m"), &options).negative_log_likelihood,
                       result.validation, 1e-3 * result.validation);
}

Test(train_trainer, the_weights_of_the_last_epoch_are_kept_where_they_are_wanted)
{
    put_pictures("bars-idx3-ubyte", 1);
    const struct lat_train_result result = trained(
        "\"optimizer\":{\"rate\":0.05,\"schedule\":\"constant\",\"epochs\":40,\"batch\":40,"
        "\"keep\":\"last\"}",
        test_path("m"), false, 0);
    cr_assert_eq(result.best_epoch, 40);
    const struct lat_eval_options options = {
        .model = "bars", .data = test_path("bars-idx3-ubyte"), .split = LAT_SPLIT_VALIDATION};
    cr_assert_float_eq(evaluated(test_path("m"), &options).negative_log_likelihood,
                       result.validation, 1e-3 * result.validation);
}

Test(train_trainer, stopped_before_the_first_epoch_nothing_is_written)
{
    put_pictures("bars-idx3-ubyte", 1);
    struct lat_spec spec = spec_of("\"optimizer\":{\"epochs\":3}");
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    atomic_bool stop = true;
    const struct lat_train_options options = {
        .models = test_path("m"), .threads = 1, .stop = &stop};
    cr_assert_eq(lat_train(train_engine, &spec, &options, &result, &err), LAT_CANCELLED);
    cr_assert_eq(test_folder_count(test_path("m/bars")), 0);
    lat_spec_release(&spec);
}

Test(train_trainer, a_package_that_cannot_be_written_leaves_nothing_half_done)
{
    put_pictures("bars-idx3-ubyte", 1);
    struct lat_spec spec = spec_of("\"optimizer\":{\"epochs\":1}");
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_write(test_path("occupied"), "", 0, NULL), LAT_OK);
    cr_assert_eq(train(&spec, test_path("occupied"), false, 0, &result, &err), LAT_IO);
    lat_spec_release(&spec);
}

Test(train_trainer, convolutions_train_and_are_laid_out_as_planes)
{
    put_pictures("bars-idx3-ubyte", 1);
    const struct lat_train_result result =
        trained("\"network\":{\"encoder\":{\"type\":\"convolutional\",\"channels\":[4,8]}},"
                "\"optimizer\":{\"epochs\":2,\"batch\":20}",
                test_path("m"), false, 0);
    cr_assert(isfinite(result.validation));
    struct lat_manifest *manifest = lat_alloc(1, sizeof(*manifest));
    cr_assert_eq(lat_manifest_read(test_path("m/bars/1"), manifest, NULL, NULL), LAT_OK);
    cr_assert_eq(manifest->input.layout, LAT_LAYOUT_NCHW);
    cr_assert(manifest->calibration.present);
    cr_assert_eq(manifest->calibration.n, 40);
    lat_free(manifest);
}

/* x, 10 x + 1000 with noise, and one constant column. */
static void put_table(void)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 5);
    lat_buf_text(&text, "a,b,c\n");
    for (int i = 0; i < 300; i++) {
        const double x = lat_rng_normal(&rng);
        lat_buf_printf(&text, "%.5f,%.5f,7\n", x, 10 * x + 1000 + 0.1 * lat_rng_normal(&rng));
    }
    cr_assert_eq(lat_file_write(test_path("t.csv"), text.data, text.len, NULL), LAT_OK);
    lat_buf_release(&text);
}

Test(train_trainer, a_table_is_standardised_inside_the_package_and_comes_back_in_its_own_units)
{
    put_table();
    char json[1024];
    struct lat_spec spec;
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(
        json, sizeof(json),
        "{\"name\":\"table\",\"data\":{\"path\":\"%s\"},\"network\":{\"encoder\":{\"hidden\":[]"
        "}},"
        "\"code\":{\"dimension\":1},\"optimizer\":{\"rate\":0.02,\"epochs\":60,\"batch\":32}}",
        test_path("t.csv"));
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(train(&spec, test_path("m"), false, 0, &result, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    const struct lat_eval_options options = {
        .model = "table", .data = test_path("t.csv"), .pca = true};
    const struct lat_evaluation evaluation = evaluated(test_path("m"), &options);
    cr_assert_lt(evaluation.squared_error_sum, 3, "column b varies by 100 squared: %g",
                 evaluation.squared_error_sum);
    cr_assert_lt(evaluation.pca_squared_error, evaluation.squared_error_sum + 1e-3);
}

Test(train_trainer, the_method_pca_exports_what_pca_promises)
{
    put_pictures("bars-idx3-ubyte", 1);
    char json[512];
    struct lat_spec spec;
    struct lat_train_result result;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(
        json, sizeof(json),
        "{\"name\":\"linear\",\"method\":\"pca\",\"data\":{\"path\":\"%s\",\"validation\":0},"
        "\"code\":{\"dimension\":6}}",
        test_path("bars-idx3-ubyte"));
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(train(&spec, test_path("m"), false, 0, &result, &err), LAT_OK, "%s",
                 err.message);
    lat_spec_release(&spec);
    const struct lat_eval_options options = {
        .model = "linear", .data = test_path("bars-idx3-ubyte"), .pca = true};
    const struct lat_evaluation evaluation = evaluated(test_path("m"), &options);
    cr_assert_float_eq(evaluation.squared_error_sum, evaluation.pca_squared_error,
                       1e-4 * evaluation.pca_squared_error);
}
