/* latentd train and latentd eval: from a spec to a package to numbers, with their exit status.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/command.h"

TestSuite(train_command, .init = test_folder_enter, .fini = test_folder_leave);

/* Trains "halves" of test_path("models"). */
static void train(const char *spec)
{
    char models[512];
    put_halves("train-idx3-ubyte", "train.txt", 40, 0);
    put_halves("test-idx3-ubyte", "test.txt", 10, 1);
    put_text("spec.json", spec);
    snprintf(models, sizeof(models), "%s", test_path("models"));
    cr_assert_eq(RUN("train", test_path("spec.json"), "--models", models), 0, "%s", output());
}

#define DATA "\"data\":{\"path\":\"train-idx3-ubyte\",\"validation\":0.1}"

Test(train_command, a_search_is_judged_against_a_database_of_its_own)
{
    char models[512], database[512], labels[512];
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(database, sizeof(database), "%s", test_path("train-idx3-ubyte"));
    snprintf(labels, sizeof(labels), "%s", test_path("train.txt"));
    train("{\"name\":\"halves\",\"method\":\"pca\"," DATA ",\"code\":{\"dimension\":2}}");
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--data",
                     test_path("test-idx3-ubyte"), "--labels", test_path("test.txt"),
                     "--database", database, "--database-labels", labels, "--queries", "7"),
                 0, "%s", output());
    cr_assert_eq(member("items"), 10);
    cr_assert_eq(member("map_at_1000"), 1, "the halves are far apart: %s", output());
    cr_assert_eq(member("precision_at_10"), 1);
    /* For a part held out the database is the part learned from. */
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--data", database,
                     "--split", "validation", "--labels", labels, "--database", database,
                     "--database-labels", labels),
                 0, "%s", output());
    cr_assert_eq(member("items"), 4);
    cr_assert_eq(member("precision_at_10"), 1);
}

Test(train_command, what_a_search_needs_is_asked_for)
{
    cr_assert_eq(RUN("eval", "m", "--data", "x", "--queries", "3"), 2);
    cr_assert(strstr(output(), "--queries needs --database"), "%s", output());
    cr_assert_eq(RUN("eval", "m", "--data", "x", "--labels", "l", "--database", "d"), 2);
    cr_assert(strstr(output(), "need each other"), "%s", output());
    cr_assert_eq(RUN("eval", "m", "--data", "x", "--database", "d"), 2);
    cr_assert(strstr(output(), "--labels"), "%s", output());
}

Test(train_command, pictures_moved_by_chance_train_a_denoising_model)
{
    char models[512];
    snprintf(models, sizeof(models), "%s", test_path("models"));
    train("{\"name\":\"halves\"," DATA ",\"code\":{\"dimension\":2},"
          "\"network\":{\"encoder\":{\"hidden\":[16],\"activation\":\"tanh\"}},"
          "\"augmentation\":{\"type\":\"affine\",\"level\":0.05},"
          "\"corruption\":{\"type\":\"affine\",\"level\":0.2},"
          "\"optimizer\":{\"rate\":0.02,\"batch\":8,\"epochs\":30}}");
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--data",
                     test_path("test-idx3-ubyte"), "--pca"),
                 0, "%s", output());
    const double error = member("squared_error\":{\"sum");
    cr_assert(error >= 0 && error < 2, "%g of %d elements", error, HALVES_SIDE * HALVES_SIDE);
}

Test(train_command, pca_says_what_to_pass_when_the_training_data_are_not_where_they_were)
{
    char models[512], moved[512];
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(moved, sizeof(moved), "%s", test_path("moved-idx3-ubyte"));
    train("{\"name\":\"halves\",\"method\":\"pca\"," DATA ",\"code\":{\"dimension\":2}}");
    cr_assert_eq(rename(test_path("train-idx3-ubyte"), moved), 0);
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--pca", "--data",
                     test_path("test-idx3-ubyte")),
                 1);
    cr_assert_not_null(strstr(output(), "--train-data"), "%s", output());
    cr_assert_not_null(strstr(output(), "train-idx3-ubyte"), "%s", output());
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--pca", "--data",
                     test_path("test-idx3-ubyte"), "--train-data", moved, "--json"),
                 0, "%s", output());
    cr_assert(member("squared_error\":{\"sum") >= 0);
}

Test(train_command, eval_measures_what_is_left_of_noise_and_writes_the_codes)
{
    char models[512], data[512], codes[512];
    struct lat_buf file = {0};
    train("{\"name\":\"halves\",\"data\":{\"path\":\"train-idx3-ubyte\"},"
          "\"network\":{\"encoder\":{\"hidden\":[8]}},\"code\":{\"dimension\":3},"
          "\"corruption\":{\"type\":\"gaussian\",\"level\":0.4},"
          "\"optimizer\":{\"epochs\":60,\"batch\":8,\"rate\":0.01}}");
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(data, sizeof(data), "%s", test_path("test-idx3-ubyte"));
    snprintf(codes, sizeof(codes), "%s", test_path("codes.npy"));
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--data", data,
                     "--corrupt", "gaussian:0.4", "--pca", "--pca-width", "30", "--codes",
                     codes),
                 0, "%s", output());
    cr_assert_not_null(strstr(output(), "\"denoising\":{\"noisy\":{"), "%s", output());
    const double given = member("squared_error\":{\"sum"),
                 noisy = member("noisy\":{\"squared_error");
    const double pca = member("pca\":{\"squared_error");
    cr_assert_float_eq(noisy / (HALVES_SIDE * HALVES_SIDE), 0.16, 0.05, "%g", noisy);
    cr_assert_float_eq(member("psnr"), -10 * log10(noisy / (HALVES_SIDE * HALVES_SIDE)), 1e-6);
    cr_assert_lt(given, noisy / 3, "%g of %g are left", given, noisy);
    cr_assert_lt(given, pca, "thirty components keep most of the noise: %g", pca);
    cr_assert_eq(lat_file_read(codes, 1 << 20, &file, NULL), LAT_OK);
    cr_assert_eq(file.len, 128 + 10 * 3 * 4);
    cr_assert_not_null(strstr(file.data + 10, "'shape': (10, 3)"));
    lat_buf_release(&file);
    cr_assert_eq(
        RUN("eval", "halves", "--models", models, "--data", data, "--corrupt", "rain:1"), 1);
    cr_assert_not_null(strstr(output(), "salt_and_pepper"), "%s", output());
    cr_assert_eq(
        RUN("eval", "halves", "--models", models, "--data", data, "--corrupt", "gaussian"), 2);
    cr_assert_not_null(strstr(output(), "TYPE:LEVEL"), "%s", output());
}
