/* Training specs: defaults, ranges, words of refusal, overrides. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "model/train/parts.h"
#include "model/train/spec.h"
#include "tests/support/support.h"

TestSuite(train_spec, .init = test_folder_enter, .fini = test_folder_leave);

#define DATA "\"data\":{\"format\":\"idx\",\"path\":\"x-idx3-ubyte\"}"

static struct lat_spec parsed(const char *json)
{
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = lat_spec_parse(json, strlen(json), &spec, &err);
    cr_assert_eq(status, LAT_OK, "%s: %s", json, err.message);
    return spec;
}

static struct lat_error refused(const char *json)
{
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_neq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "accepted: %s",
                  json);
    return err;
}

Test(train_spec, defaults_are_those_of_the_documentation)
{
    struct lat_spec spec = parsed("{\"name\":\"m\"," DATA "}");
    cr_assert_eq(spec.method, LAT_METHOD_AUTOENCODER);
    cr_assert_float_eq(spec.data.validation, 0.1, 0);
    cr_assert_eq(spec.encoder.type, LAT_NETWORK_DENSE);
    cr_assert_eq(spec.encoder.activation, LAT_RELU);
    cr_assert_eq(spec.encoder.n_hidden, 1);
    cr_assert_eq(spec.encoder.hidden[0], 256);
    cr_assert(spec.decoder_is_mirror);
    cr_assert_eq(spec.code.dimension, 32);
    cr_assert_eq(spec.code.type, LAT_CODE_DETERMINISTIC);
    cr_assert(!spec.likelihood_given);
    cr_assert_eq(spec.corruption[0], '\0');
    cr_assert_float_eq(spec.penalties.l2 + spec.penalties.l1 + spec.penalties.contractive, 0,
                       0);
    cr_assert_float_eq(spec.penalties.beta, 1, 0);
    cr_assert_eq(spec.optimizer.type, LAT_OPTIMIZER_ADAM);
    cr_assert_float_eq(spec.optimizer.rate, 0.001, 0);
    cr_assert_eq(spec.optimizer.batch, 256);
    cr_assert_eq(spec.optimizer.epochs, 20);
    cr_assert_eq(spec.optimizer.schedule, LAT_SCHEDULE_COSINE);
    cr_assert_eq(spec.optimizer.early_stopping, 0);
    cr_assert_eq(spec.seed, 1);
    lat_spec_release(&spec);
}

Test(train_spec, the_documented_example_is_read)
{
    struct lat_spec spec = parsed(
        "{\"name\":\"fashion-deep\",\"method\":\"autoencoder\","
        "\"data\":{\"format\":\"idx\",\"path\":\"train-images-idx3-ubyte.gz\",\"validation\":0."
        "1},"
        "\"network\":{\"encoder\":{\"type\":\"dense\",\"hidden\":[1000,500,250],"
        "\"activation\":\"sigmoid\",\"tied\":false},\"decoder\":\"mirror\"},"
        "\"code\":{\"dimension\":30,\"type\":\"deterministic\"},\"likelihood\":\"bernoulli\","
        "\"corruption\":{\"type\":\"masking\",\"level\":0.3},"
        "\"penalties\":{\"l2\":0,\"l1\":0,\"kl_sparsity\":{\"target\":0.05,\"weight\":0},"
        "\"k_sparse\":0,\"contractive\":0,\"beta\":1},"
        "\"optimizer\":{\"type\":\"adam\",\"rate\":0.001,\"batch\":256,\"epochs\":40,"
        "\"schedule\":\"cosine\",\"early_stopping\":5},\"pretraining\":\"none\",\"seed\":1}");
    cr_assert_eq(spec.encoder.n_hidden, 3);
    cr_assert_eq(spec.decoder.hidden[0], 250, "a mirrored decoder runs the other way");
    cr_assert_eq(spec.decoder.hidden[2], 1000);
    cr_assert_str_eq(spec.corruption, "masking");
    cr_assert_eq(spec.optimizer.early_stopping, 5);
    lat_spec_release(&spec);
}

Test(train_spec, an_unknown_key_is_refused_with_its_path_and_the_nearest)
{
    struct lat_error err = refused("{\"name\":\"m\"," DATA ",\"optimiser\":{}}");
    cr_assert_str_eq(err.pointer, "/optimiser");
    cr_assert_str_eq(err.code, "unknown_field");
    cr_assert(strstr(err.message, "'optimizer'"), "%s", err.message);
    err = refused("{\"name\":\"m\"," DATA ",\"optimizer\":{\"epoch\":3}}");
    cr_assert_str_eq(err.pointer, "/optimizer/epoch");
    cr_assert(strstr(err.message, "'epochs'"), "%s", err.message);
}

/* Every row: what is wrong, where, and a word the message must have. */
static const struct {
    const char *json, *pointer, *word;
} refusals[] = {
    {"[]", "", "object"},
    {"{\"name\":\"m\"", "", "line 1"},
    {"{\"name\":\"m\",\"name\":\"n\"," DATA "}", "", "duplicate"},
    {"{" DATA "}", "/name", "name"},
    {"{\"name\":\"M\"," DATA "}", "/name", "'M'"},
    {"{\"name\":7," DATA "}", "/name", "not 7"},
    {"{\"name\":\"m\"}", "/data", "data"},
    {"{\"name\":\"m\",\"data\":{\"path\":\"x\"}}", "/data/format", "format"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"idx\"}}", "/data/path", "path"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"idz\",\"path\":\"x\"}}", "/data/format", "'idx'"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"interactions\",\"path\":\"x\",\"user\":0}}",
     "/data/user", "from 1 on"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"csv\",\"path\":\"x\",\"columns\":[{\"name\":\"a\","
     "\"type\":"
     "\"numbers\"}]}}",
     "/data/columns/0/type", "one of numeric"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"idx\",\"path\":\"x\",\"size\":[8,8]}}",
     "/data/size", "unknown"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"images\",\"path\":\"x\",\"size\":[8]}}",
     "/data/size", "height"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"images\",\"path\":\"x\",\"channels\":2}}",
     "/data/channels", "1 or 3"},
    {"{\"name\":\"m\"," DATA ",\"method\":\"ease\",\"code\":{\"dimension\":8}}", "/code",
     "ease"},
    {"{\"name\":\"m\"," DATA ",\"method\":\"ease\",\"ridge\":0}", "/ridge", "0"},
    {"{\"name\":\"m\"," DATA ",\"ridge\":500}", "/ridge", "unknown"},
    {"{\"name\":\"m\"," DATA ",\"method\":\"pca\",\"optimizer\":{}}", "/optimizer", "pca"},
    {"{\"name\":\"m\"," DATA
     ",\"network\":{\"encoder\":{\"type\":\"recurrent\",\"cell\":\"gur\"}}}",
     "/network/encoder/cell", "'gru'"},
    {"{\"name\":\"m\"," DATA
     ",\"network\":{\"encoder\":{\"type\":\"recurrent\",\"activation\":\"relu\"}}}",
     "/network/encoder/activation", "cells have their own"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"cell\":\"gru\"}}}",
     "/network/encoder/cell", "unknown"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"channels\":[8]}}}",
     "/network/encoder/channels", "unknown"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"activation\":\"rellu\"}}}",
     "/network/encoder/activation", "'relu'"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"type\":\"convolutional\","
     "\"channels\":[8,8],\"strides\":[2]}}}",
     "/network/encoder/strides", "expected 2"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"type\":\"convolutional\","
     "\"kernel\":4}}}",
     "/network/encoder/kernel", "odd"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"decoder\":\"miror\"}}", "/network/decoder",
     "'mirror'"},
    {"{\"name\":\"m\"," DATA ",\"network\":{\"encoder\":{\"tied\":true},\"decoder\":{}}}",
     "/network/decoder", "mirror"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"dimension\":0}}", "/code/dimension", "1 to 65536"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"type\":\"normal\"}}", "/code/type", "gaussian"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"type\":\"gaussian\",\"activation\":\"tanh\"}}",
     "/code/activation", "linear"},
    {"{\"name\":\"m\"," DATA ",\"method\":\"factors\",\"penalties\":{}}", "/penalties",
     "factors"},
    {"{\"name\":\"m\",\"method\":\"pca\"," DATA ",\"code\":{\"type\":\"gaussian\"}}",
     "/code/type", "pca"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"samples\":5}}", "/code/samples", "gaussian"},
    {"{\"name\":\"m\"," DATA ",\"penalties\":{\"beta\":2}}", "/penalties/beta", "gaussian"},
    {"{\"name\":\"m\"," DATA ",\"penalties\":{\"beta_warmup\":2}}", "/penalties/beta_warmup",
     "gaussian"},
    {"{\"name\":\"m\"," DATA ",\"likelihood\":\"student\"}", "/likelihood", "student_t"},
    {"{\"name\":\"m\"," DATA ",\"corruption\":{\"type\":\"masking\",\"level\":1.5}}",
     "/corruption/level", "0 to 1"},
    {"{\"name\":\"m\"," DATA ",\"optimizer\":{\"keep\":\"last\",\"early_stopping\":3}}",
     "/optimizer/keep", "best"},
    {"{\"name\":\"m\"," DATA ",\"augmentation\":{\"type\":\"masking\"}}", "/augmentation/type",
     "none, affine"},
    {"{\"name\":\"m\",\"method\":\"pca\"," DATA ",\"augmentation\":{\"type\":\"affine\"}}",
     "/augmentation", "pca"},
    {"{\"name\":\"m\"," DATA ",\"penalties\":{\"contractive\":-0.1}}", "/penalties/contractive",
     "0 to"},
    {"{\"name\":\"m\"," DATA ",\"penalties\":{\"kl_sparsity\":{\"target\":1,\"weight\":1}}}",
     "/penalties/kl_sparsity/target", "0.999999"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"activation\":\"tanh\"},"
     "\"penalties\":{\"kl_sparsity\":{\"weight\":1}}}",
     "/code/activation", "kl_sparsity wants a code in (0,1)"},
    {"{\"name\":\"m\"," DATA ",\"method\":\"pca\",\"code\":{\"activation\":\"tanh\"}}",
     "/code/activation", "pca"},
    {"{\"name\":\"m\"," DATA ",\"code\":{\"type\":\"gaussian\"},"
     "\"penalties\":{\"k_sparse\":4}}",
     "/penalties/k_sparse", "deterministic"},
    {"{\"name\":\"m\"," DATA ",\"optimizer\":{\"rate\":0}}", "/optimizer/rate", "above 0"},
    {"{\"name\":\"m\"," DATA ",\"optimizer\":{\"rate\":\"fast\"}}", "/optimizer/rate",
     "not \"fast\""},
    {"{\"name\":\"m\"," DATA ",\"optimizer\":{\"momentum\":0.9}}", "/optimizer/momentum",
     "unknown"},
    {"{\"name\":\"m\"," DATA ",\"optimizer\":{\"type\":\"sgd\",\"nesterov\":true}}",
     "/optimizer/nesterov", "momentum"},
    {"{\"name\":\"m\",\"data\":{\"format\":\"idx\",\"path\":\"x\",\"validation\":0},"
     "\"optimizer\":{\"early_stopping\":2}}",
     "/optimizer/early_stopping", "validation"},
    {"{\"name\":\"m\"," DATA ",\"pretraining\":\"layerwise\","
     "\"network\":{\"encoder\":{\"type\":\"convolutional\"}}}",
     "/pretraining", "dense"},
    {"{\"name\":\"m\"," DATA ",\"pretraining\":\"layerwise\","
     "\"network\":{\"decoder\":{\"hidden\":[9]}}}",
     "/pretraining", "mirror"},
    {"{\"name\":\"m\"," DATA ",\"pretraining\":{\"type\":\"layerwise\",\"epoch\":3}}",
     "/pretraining/epoch", "'epochs'"},
    {"{\"name\":\"m\"," DATA ",\"pretraining\":\"greedy\"}", "/pretraining", "layerwise"},
    {"{\"name\":\"m\"," DATA ",\"seed\":-1}", "/seed", "whole number"},
};

Test(train_spec, every_refusal_names_the_path_and_says_why)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(refusals); i++) {
        const struct lat_error err = refused(refusals[i].json);
        cr_expect_str_eq(err.pointer, refusals[i].pointer, "%s: %s", refusals[i].json,
                         err.pointer);
        cr_expect(strstr(err.message, refusals[i].word), "%s: %s", refusals[i].json,
                  err.message);
    }
}

Test(train_spec, kl_sparsity_makes_the_code_a_sigmoid)
{
    struct lat_spec spec = parsed(
        "{\"name\":\"m\"," DATA ",\"penalties\":{\"kl_sparsity\":{\"weight\":1},\"k_sparse\":5,"
        "\"contractive\":0.1,\"l1\":0.2,\"l2\":0.3}}");
    cr_assert_eq(spec.code.activation, LAT_SIGMOID);
    cr_assert_float_eq(spec.penalties.kl_sparsity_target, 0.05, 0);
    cr_assert_eq(spec.penalties.k_sparse, 5);
    lat_spec_release(&spec);
    spec = parsed("{\"name\":\"m\"," DATA "}");
    cr_assert_eq(spec.code.activation, LAT_LINEAR);
    lat_spec_release(&spec);
}

Test(train_spec, multinomial_wants_counts)
{
    const struct lat_input_spec vector = {.kind = LAT_INPUT_VECTOR};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_spec spec = parsed("{\"name\":\"m\"," DATA ",\"likelihood\":\"multinomial\"}");
    cr_assert_eq(lat_spec_settle(&spec, &vector, 0, 9, &err), LAT_OK);
    cr_assert_eq(lat_spec_settle(&spec, &vector, -1, 9, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "counts"), "%s", err.message);
    cr_assert_str_eq(err.pointer, "/likelihood");
    lat_spec_release(&spec);
}

Test(train_spec, an_explicit_null_is_the_key_left_out)
{
    struct lat_spec spec =
        parsed("{\"name\":\"m\"," DATA ",\"seed\":null,\"code\":null,\"nobody\":null}");
    cr_assert_eq(spec.seed, 1);
    cr_assert_eq(spec.code.dimension, 32);
    lat_spec_release(&spec);
}

static struct lat_spec read_with(const char *const *overrides, size_t n)
{
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    const char *text = "{\"name\":\"m\"," DATA "}";
    cr_assert_eq(lat_file_write(test_path("spec.json"), text, strlen(text), &err), LAT_OK);
    const enum lat_status status =
        lat_spec_read(test_path("spec.json"), overrides, n, &spec, &err);
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    return spec;
}

Test(train_spec, overrides_reach_into_the_spec_and_make_what_is_not_there)
{
    const char *overrides[] = {"optimizer.rate=0.01", "name=other",
                               "network.encoder.hidden=[9,8]", "likelihood=gaussian"};
    struct lat_spec spec = read_with(overrides, LAT_ARRAY_LEN(overrides));
    cr_assert_float_eq(spec.optimizer.rate, 0.01, 0);
    cr_assert_str_eq(spec.name, "other");
    cr_assert_eq(spec.encoder.hidden[1], 8);
    cr_assert_eq(spec.likelihood, LAT_LIKELIHOOD_GAUSSIAN);
    cr_assert(strstr(spec.json, "\"rate\":0.01"), "%s", spec.json);
    lat_spec_release(&spec);
}

Test(train_spec, an_override_without_a_value_or_through_a_number_is_refused)
{
    static const char *const bad[] = {"optimizer", "=3", "a..b=1", "name.first=x"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_spec spec = {0};
        struct lat_error err = LAT_ERROR_INIT;
        const char *text = "{\"name\":\"m\"," DATA "}";
        cr_assert_eq(lat_file_write(test_path("spec.json"), text, strlen(text), &err), LAT_OK);
        cr_expect_eq(lat_spec_read(test_path("spec.json"), &bad[i], 1, &spec, &err),
                     LAT_INVALID, "%s", bad[i]);
        cr_expect(strstr(err.message, "path=value"), "%s", err.message);
    }
}

Test(train_spec, a_relative_data_path_is_relative_to_the_spec_an_overriding_one_is_not)
{
    struct lat_spec spec = read_with(NULL, 0);
    cr_assert_str_eq(spec.data.path, test_path("x-idx3-ubyte"));
    lat_spec_release(&spec);
    const char *override = "data.path=elsewhere";
    spec = read_with(&override, 1);
    cr_assert_str_eq(spec.data.path, "elsewhere");
    lat_spec_release(&spec);
}

Test(train_spec, the_likelihood_follows_the_data_and_bernoulli_wants_the_unit_interval)
{
    const struct lat_input_spec image = {.kind = LAT_INPUT_IMAGE},
                                vector = {.kind = LAT_INPUT_VECTOR};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_spec spec = parsed("{\"name\":\"m\"," DATA "}");
    cr_assert_eq(lat_spec_settle(&spec, &image, 0, 1, &err), LAT_OK);
    cr_assert_eq(spec.likelihood, LAT_LIKELIHOOD_BERNOULLI);
    cr_assert_eq(lat_spec_settle(&spec, &vector, -3, 3, &err), LAT_OK);
    cr_assert_eq(spec.likelihood, LAT_LIKELIHOOD_GAUSSIAN);
    spec.likelihood_given = true;
    spec.likelihood = LAT_LIKELIHOOD_BERNOULLI;
    cr_assert_eq(lat_spec_settle(&spec, &vector, -3, 3, &err), LAT_INVALID);
    cr_assert(strstr(err.message, "[0,1]"), "%s", err.message);
    spec.likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    spec.encoder.type = LAT_NETWORK_CONVOLUTIONAL;
    lat_error_clear(&err);
    cr_assert_eq(lat_spec_settle(&spec, &vector, -3, 3, &err), LAT_INVALID);
    lat_spec_release(&spec);
}

static enum lat_status parse_and_release(void *context, struct lat_error *err)
{
    const char *json = context;
    struct lat_spec spec = {0};
    const enum lat_status status = lat_spec_parse(json, strlen(json), &spec, err);
    lat_spec_release(&spec);
    return status;
}

Test(train_spec, running_out_of_memory_anywhere_leaks_nothing)
{
    char json[] =
        "{\"name\":\"m\",\"data\":{\"format\":\"csv\",\"path\":\"x\",\"exclude\":[\"a\"]}}";
    TEST_TORTURE(parse_and_release, json);
}

Test(train_spec, noise_takes_every_word_of_its_table_up_to_the_rows_own_level)
{
    for (size_t i = 0; i < lat_n_corruptions; i++) {
        const struct lat_corruption *row = &lat_corruptions[i];
        char json[256];
        snprintf(json, sizeof(json),
                 "{\"name\":\"m\"," DATA ",\"corruption\":{\"type\":\"%s\",\"level\":%g}}",
                 row->name, row->most);
        struct lat_spec spec = parsed(json);
        cr_expect_str_eq(spec.corruption, row->name);
        cr_expect_float_eq(spec.corruption_level, row->most, 0);
        lat_spec_release(&spec);
        snprintf(json, sizeof(json),
                 "{\"name\":\"m\"," DATA ",\"corruption\":{\"type\":\"%s\",\"level\":%g}}",
                 row->name, row->most + 1);
        cr_expect_str_eq(refused(json).pointer, "/corruption/level");
    }
}
