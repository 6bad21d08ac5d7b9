/* A variational model through the commands and the server: trained, its likelihood sampled, its
 * means and variances served. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/command.h"

TestSuite(variational, .init = test_folder_enter, .fini = test_folder_leave);

/* Trains "halves" of test_path("models"). */
static void train(const char *members)
{
    char models[512], spec[1024];
    put_halves("train-idx3-ubyte", NULL, 40, 0);
    put_halves("test-idx3-ubyte", NULL, 10, 0);
    snprintf(spec, sizeof(spec),
             "{\"name\":\"halves\",\"data\":{\"path\":\"train-idx3-ubyte\",\"validation\":0.1,"
             "\"binarise\":\"stochastic\"},%s}",
             members);
    put_text("spec.json", spec);
    snprintf(models, sizeof(models), "%s", test_path("models"));
    cr_assert_eq(RUN("train", test_path("spec.json"), "--models", models), 0, "%s", output());
}

static void train_variational(void)
{
    train("\"code\":{\"dimension\":2,\"type\":\"gaussian\",\"samples\":3},"
          "\"penalties\":{\"beta_warmup\":5},"
          "\"network\":{\"encoder\":{\"hidden\":[16],\"activation\":\"tanh\"}},"
          "\"optimizer\":{\"rate\":0.02,\"batch\":8,\"epochs\":40}");
}

Test(variational, the_likelihood_of_a_variational_model_is_sampled)
{
    char models[512];
    snprintf(models, sizeof(models), "%s", test_path("models"));
    train_variational();
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--samples", "400",
                     "--data", test_path("test-idx3-ubyte")),
                 0, "%s", output());
    const double all = member("negative_log_likelihood");
    cr_assert_eq(member("items"), 10);
    cr_assert_eq(member("samples"), 400);
    cr_assert_not_null(strstr(output(), "\"binarised\":true"), "%s", output());
    cr_assert(all > 0 && all < 20, "%g: far better than 36 coins (25)", all);
    cr_assert_lt(member("elbo"), -all, "the bound is below: %s", output());
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--samples", "400",
                     "--data", test_path("test-idx3-ubyte"), "--threads", "3"),
                 0, "%s", output());
    cr_assert_eq(member("negative_log_likelihood"), all, "again the same: %s", output());
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--json", "--items", "4", "--data",
                     test_path("test-idx3-ubyte")),
                 0, "%s", output());
    cr_assert_eq(member("items"), 4);
    cr_assert_null(strstr(output(), "elbo"), "%s", output());
}

Test(variational, a_variational_model_serves_means_and_variances)
{
    char models[512], body[1024] = "{\"with_variance\":true,\"inputs\":[{\"image\":\"";
    struct server server;
    snprintf(models, sizeof(models), "%s", test_path("models"));
    train_variational();
    server_start(&server, test_path("data"), models, NULL);
    api_use(&server);
    STATUS(200, ask("GET", "/v1/models/halves", NULL));
    cr_assert_not_null(strstr(reply(), "\"generate\""), "%s", reply());
    cr_assert_not_null(strstr(reply(), "\"log_variance\""), "%s", reply());
    snprintf(body + strlen(body), sizeof(body) - strlen(body), "%s\"}]}", tiny_png64(10, 9));
    STATUS(200, ask("POST", "/v1/models/halves/encode", body));
    cr_assert_eq(count_of("codes.0"), 2);
    cr_assert_eq(count_of("variances.0"), 2);
    cr_assert(number_of("variances.0.0") > 0 && number_of("variances.0.0") < 3, "%s", reply());
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 30000), 0);
}

Test(variational, samples_of_a_deterministic_code_are_refused)
{
    char models[512];
    snprintf(models, sizeof(models), "%s", test_path("models"));
    train("\"method\":\"pca\",\"code\":{\"dimension\":2}");
    cr_assert_eq(RUN("eval", "halves", "--models", models, "--samples", "9", "--data",
                     test_path("test-idx3-ubyte")),
                 1);
    cr_assert_not_null(strstr(output(), "deterministic"), "%s", output());
}
