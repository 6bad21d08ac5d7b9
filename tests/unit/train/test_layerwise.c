/* Layer-wise pretraining: what a stage is, that its weights end where they belong, that it can
 * be interrupted anywhere. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/train/layerwise.h"
#include "model/train/trainer.h"
#include "tests/support/support.h"
#include "train_fixture.h"

enum { SIDE = 6, ITEMS = 160, STAGES = 3, ROWS = 3, ELEMENTS = 6, UNITS = 4 };

TestSuite(train_layerwise, .init = train_enter, .fini = train_leave);

/* Pictures of two bright bars, one each way. */
static void put_pictures(void)
{
    static uint8_t pixels[ITEMS * SIDE * SIDE];
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (size_t i = 0; i < ITEMS; i++) {
        const size_t column = lat_rng_below(&rng, SIDE), row = lat_rng_below(&rng, SIDE);
        for (size_t k = 0; k < SIDE * SIDE; k++)
            pixels[i * SIDE * SIDE + k] =
                k % SIDE == column || k / SIDE == row ? 230 : (uint8_t)lat_rng_below(&rng, 30);
    }
    train_put_pictures("bars-idx3-ubyte", ITEMS, SIDE, pixels);
}

/* Three stages: 36 -> 20 -> 12 -> code 5. */
static struct lat_spec spec_of(const char *encoder, const char *rest)
{
    char json[1024];
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(json, sizeof(json),
             "{\"name\":\"bars\",\"data\":{\"path\":\"%s\",\"validation\":0.2},"
             "\"network\":{\"encoder\":{\"hidden\":[20,12],%s}},\"code\":{\"dimension\":5},"
             "\"pretraining\":{\"type\":\"layerwise\",\"epochs\":4}%s}",
             test_path("bars-idx3-ubyte"), encoder, rest);
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_OK, "%s", err.message);
    return spec;
}

/* A wish to stop after `epoch` epochs of `layer` (0: of the whole network). */
struct watch {
    atomic_bool stop;
    uint32_t layer, epoch;
    uint32_t seen; /* layers, a bit each; bit 0: the whole network */
    double first[STAGES + 1], last[STAGES + 1]; /* losses by layer */
    uint32_t past[STAGES + 1];                  /* epochs told again, by layer */
};

static void on_progress(void *context, const struct lat_train_progress *progress)
{
    struct watch *watch = context;
    if (!progress->epoch_done)
        return;
    watch->seen |= 1U << progress->layer;
    watch->past[progress->layer] += progress->past;
    if (progress->epoch == 1)
        watch->first[progress->layer] = progress->loss;
    watch->last[progress->layer] = progress->loss;
    if (progress->layer == watch->layer && progress->epoch == watch->epoch)
        atomic_store(&watch->stop, true);
}

static enum lat_status train(const struct lat_spec *spec, const char *models, bool resume,
                             struct watch *watch, struct lat_error *err)
{
    struct lat_train_result result = {0};
    const struct lat_train_options options = {.models = models,
                                              .resume = resume,
                                              .threads = 1,
                                              .stop = &watch->stop,
                                              .progress = on_progress,
                                              .context = watch};
    return lat_train(train_engine, spec, &options, &result, err);
}

Test(train_layerwise, a_stage_takes_in_what_the_layer_below_gives_out)
{
    struct lat_spec spec = spec_of("\"activation\":\"tanh\"",
                                   ",\"corruption\":{\"type\":\"masking\",\"level\":0.25},"
                                   "\"likelihood\":\"bernoulli\",\"penalties\":{\"l1\":0.1}");
    const struct lat_input_spec images = {
        .kind = LAT_INPUT_IMAGE, .channels = 1, .width = SIDE, .height = SIDE};
    static const size_t in[] = {36, 20, 12}, out[] = {20, 12, 5};
    cr_assert_eq(lat_layerwise_stages(&spec), STAGES);
    for (size_t i = 0; i < STAGES; i++) {
        struct lat_spec stage;
        struct lat_input_spec input;
        lat_layerwise_spec(&spec, &images, i, &stage, &input);
        cr_assert_eq(lat_input_elements(&input), in[i]);
        cr_assert_eq(stage.code.dimension, out[i]);
        cr_assert_eq(stage.encoder.n_hidden, 0);
        cr_assert_eq(stage.optimizer.epochs, 4);
        cr_assert_eq(stage.code.activation, i < 2 ? LAT_TANH : LAT_LINEAR);
        cr_assert_eq(stage.output_activation, i > 0 ? LAT_TANH : LAT_LINEAR);
        cr_assert_eq(stage.likelihood,
                     i > 0 ? LAT_LIKELIHOOD_GAUSSIAN : LAT_LIKELIHOOD_BERNOULLI);
        cr_assert_float_eq(stage.penalties.l1, i == 2 ? 0.1 : 0, 0);
        cr_assert_str_eq(stage.corruption, "masking");
    }
    lat_spec_release(&spec);
}

Test(train_layerwise, what_a_stage_learns_has_its_place_on_both_sides)
{
    struct lat_spec plain = spec_of("\"activation\":\"relu\"", "");
    struct lat_spec tied = spec_of("\"tied\":true", "");
    static const struct {
        size_t stage;
        const char *name, *plain, *tied;
    } rows[] = {{0, "code.weight", "encoder.0.weight", "encoder.0.weight"},
                {1, "code.bias", "encoder.1.bias", "encoder.1.bias"},
                {2, "code.weight", "code.weight", "code.weight"},
                {0, "output.bias", "output.bias", "decoder.2.bias"},
                {1, "output.bias", "decoder.1.bias", "decoder.1.bias"},
                {2, "output.bias", "decoder.0.bias", "decoder.0.bias"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        char name[64];
        lat_layerwise_name(&plain, rows[i].stage, rows[i].name, name, sizeof(name));
        cr_assert_str_eq(name, rows[i].plain);
        lat_layerwise_name(&tied, rows[i].stage, rows[i].name, name, sizeof(name));
        cr_assert_str_eq(name, rows[i].tied);
    }
    lat_spec_release(&plain);
    lat_spec_release(&tied);
}

Test(train_layerwise, every_layer_learns_and_the_whole_begins_better_than_untrained)
{
    static const char *const encoders[] = {"\"activation\":\"sigmoid\"",
                                           "\"activation\":\"tanh\"", "\"tied\":true",
                                           "\"activation\":\"gelu\""};
    static const char rest[] =
        ",\"optimizer\":{\"epochs\":2,\"batch\":16,\"rate\":0.01,\"schedule\":\"constant\"}";
    put_pictures();
    for (size_t i = 0; i < LAT_ARRAY_LEN(encoders); i++) {
        struct lat_spec spec = spec_of(encoders[i], rest);
        struct watch with = {.layer = 99}, without = {.layer = 99};
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(train(&spec, test_path("m"), false, &with, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(with.seen, 15, "three layers and the whole");
        for (size_t k = 1; k <= STAGES; k++)
            cr_assert_lt(with.last[k], with.first[k], "%s: layer %zu", encoders[i], k);
        spec.layerwise = false;
        cr_assert_eq(train(&spec, test_path("m"), false, &without, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(without.seen, 1);
        cr_assert_lt(with.first[0], without.first[0], "%s: %g, untrained %g", encoders[i],
                     with.first[0], without.first[0]);
        lat_spec_release(&spec);
    }
}

/* What sigmoid units behind weights [n][UNITS] and biases give for a row. */
static void by_hand(const struct lat_step *step, const double *row, size_t n, double *out)
{
    float weight[ELEMENTS * UNITS], bias[UNITS];
    size_t n_parameters = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n_parameters);
    cr_assert_str_eq(infos[0].name, "encoder.0.weight");
    cr_assert_str_eq(infos[1].name, "encoder.0.bias");
    lat_step_get_parameter(step, 0, weight);
    lat_step_get_parameter(step, 1, bias);
    for (size_t j = 0; j < UNITS; j++) {
        double sum = (double)bias[j];
        for (size_t k = 0; k < n; k++)
            sum += row[k] * (double)weight[k * UNITS + j];
        out[j] = 1 / (1 + exp(-sum));
    }
}

/* The layer above is given what the whole network computes there. */
static void check_below(const struct lat_input_spec *input, bool to_length_one)
{
    struct lat_spec spec = {.seed = 4, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_SIGMOID, .n_hidden = 1, .hidden = {UNITS}};
    spec.decoder = spec.encoder;
    spec.code.dimension = 2;
    spec.optimizer.batch = ROWS;
    struct lat_step *step = NULL;
    struct lat_below *below = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    float activations[ROWS * UNITS];
    cr_assert_eq(lat_step_new(train_engine, &spec, input, 1, &step, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_below_new(step, 1, activations, &below, &err), LAT_OK, "%s", err.message);
    for (size_t i = 0; i < ROWS * ELEMENTS; i++)
        lat_below_input(below)[i] = (float)(i % 5) + 1;
    cr_assert_eq(lat_below_run(below, &err), LAT_OK, "%s", err.message);
    for (size_t i = 0; i < ROWS; i++) {
        double row[ELEMENTS], squares = 0, expected[UNITS];
        for (size_t k = 0; k < ELEMENTS; k++) {
            row[k] = (double)lat_below_input(below)[i * ELEMENTS + k];
            squares += row[k] * row[k];
        }
        for (size_t k = 0; k < ELEMENTS && to_length_one; k++)
            row[k] /= sqrt(squares);
        by_hand(step, row, ELEMENTS, expected);
        for (size_t j = 0; j < UNITS; j++)
            cr_assert_float_eq((double)activations[i * UNITS + j], expected[j], 1e-5);
    }
    lat_below_free(below);
    lat_step_free(step);
}

Test(train_layerwise, histories_reach_the_layers_above_over_their_length)
{
    const struct lat_input_spec histories = {.kind = LAT_INPUT_INTERACTIONS,
                                             .dimension = ELEMENTS};
    check_below(&histories, true);
}

Test(train_layerwise, sequences_reach_the_layers_above_flat)
{
    const struct lat_input_spec sequences = {
        .kind = LAT_INPUT_SEQUENCE, .length = ELEMENTS / 2, .features = 2};
    check_below(&sequences, false);
}

Test(train_layerwise, without_a_layer_to_train_the_spec_is_refused)
{
    static const char json[] = "{\"name\":\"m\",\"data\":{\"path\":\"a.csv\"},"
                               "\"network\":{\"encoder\":{\"hidden\":[]}},"
                               "\"code\":{\"type\":\"gaussian\"},"
                               "\"pretraining\":\"layerwise\"}";
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_spec_parse(json, strlen(json), &spec, &err), LAT_INVALID);
    cr_assert_str_eq(err.pointer, "/pretraining");
}

Test(train_layerwise, interrupted_in_any_layer_it_ends_with_the_very_same_weights)
{
    static const char rest[] = ",\"corruption\":{\"type\":\"masking\",\"level\":0.2},"
                               "\"optimizer\":{\"epochs\":3,\"batch\":16,\"rate\":0.01}";
    put_pictures();
    struct lat_spec spec = spec_of("\"activation\":\"sigmoid\"", rest);
    struct watch watch = {.layer = 99};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(train(&spec, test_path("whole"), false, &watch, &err), LAT_OK, "%s",
                 err.message);
    for (uint32_t layer = 1; layer <= STAGES; layer++) {
        char encoder[LAT_PATH_MAX];
        const bool first = layer == 1;
        watch = (struct watch){.layer = layer, .epoch = layer == 2 ? 4 : 2};
        lat_error_clear(&err);
        cr_assert_eq(train(&spec, test_path("parts"), !first, &watch, &err), LAT_CANCELLED);
        cr_assert_not_null(strstr(err.message, "layer"), "%s", err.message);
        cr_assert_eq(watch.past[0], 0, "epochs of a layer are not of the whole");
        cr_assert_eq(watch.past[1], layer == 2 ? 2 : 0);
        snprintf(encoder, sizeof(encoder), "%s", test_path("parts/bars/training.checkpoint"));
        cr_assert(lat_file_exists(encoder));
    }
    watch = (struct watch){.layer = 99};
    lat_error_clear(&err);
    cr_assert_eq(train(&spec, test_path("parts"), true, &watch, &err), LAT_OK, "%s",
                 err.message);
    train_assert_same_file(test_path("whole/bars/1/encoder.onnx"),
                           test_path("parts/bars/1/encoder.onnx"));
    train_assert_same_file(test_path("whole/bars/1/decoder.onnx"),
                           test_path("parts/bars/1/decoder.onnx"));
    lat_spec_release(&spec);
}

Test(train_layerwise, a_gaussian_code_starts_untrained_behind_pretrained_layers)
{
    put_pictures();
    struct lat_spec spec = spec_of("\"activation\":\"tanh\"",
                                   ",\"optimizer\":{\"epochs\":1,\"batch\":16},\"seed\":2");
    struct watch watch = {.layer = 99};
    struct lat_error err = LAT_ERROR_INIT;
    spec.code.type = LAT_CODE_GAUSSIAN;
    cr_assert_eq(lat_layerwise_stages(&spec), STAGES - 1);
    cr_assert_eq(train(&spec, test_path("m"), false, &watch, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(watch.seen, 7);
    lat_spec_release(&spec);
}

Test(train_layerwise, every_failing_allocation_is_survived)
{
    put_pictures();
    struct lat_spec spec =
        spec_of("\"activation\":\"sigmoid\"", ",\"optimizer\":{\"epochs\":1,\"batch\":64}");
    spec.pretraining_epochs = 1;
    spec.penalties.contractive = 0.1;
    spec.penalties.k_sparse = 3;
    for (long n = 1; n < 1000000; n += 1 + n / 5) {
        struct watch watch = {.layer = 99};
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        const enum lat_status status = train(&spec, test_path("m"), false, &watch, &err);
        const bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        cr_assert(status == LAT_OK || (reached && status == LAT_NO_MEMORY),
                  "allocation %ld: %s", n, err.message);
        if (!reached) {
            lat_spec_release(&spec);
            return;
        }
    }
    cr_assert_fail("never got through");
}
