/* A training spec: defaults first, then every axis read by its own function, then the rules
 * that tie two axes together. Whatever the grammar knows is read and checked; words this
 * version cannot train are marked `false` in the tables below and refused by name, so making
 * one trainable is changing its row. */
#include "model/train/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/formats.h"
#include "model/train/fields.h"
#include "model/train/parts.h"

#include "base/banned.h"

enum {
    SPEC_MAX_LEN = 1 << 20,
    MAX_WIDTH = 65536,
    MAX_MAPS = 4096,
    MAX_BATCH = 65536,
    DEFAULT_CELLS = 64
};

static const struct lat_choice methods[] = {{"autoencoder", LAT_METHOD_AUTOENCODER, true},
                                            {"pca", LAT_METHOD_PCA, true},
                                            {"ease", LAT_METHOD_EASE, true}};
static const struct lat_choice networks[] = {{"dense", LAT_NETWORK_DENSE, true},
                                             {"convolutional", LAT_NETWORK_CONVOLUTIONAL, true},
                                             {"recurrent", LAT_NETWORK_RECURRENT, true}};
static const struct lat_choice cells[] = {{"lstm", LAT_CELL_LSTM, true},
                                          {"gru", LAT_CELL_GRU, true}};
static const struct lat_choice activations[] = {
    {"sigmoid", LAT_SIGMOID, true}, {"tanh", LAT_TANH, true}, {"relu", LAT_RELU, true},
    {"elu", LAT_ELU, true},         {"gelu", LAT_GELU, true}, {"silu", LAT_SILU, true},
    {"linear", LAT_LINEAR, true}};
static const struct lat_choice code_types[] = {{"deterministic", LAT_CODE_DETERMINISTIC, true},
                                               {"gaussian", LAT_CODE_GAUSSIAN, true}};
static const struct lat_choice likelihoods[] = {
    {"gaussian", LAT_LIKELIHOOD_GAUSSIAN, true},
    {"bernoulli", LAT_LIKELIHOOD_BERNOULLI, true},
    {"student_t", LAT_LIKELIHOOD_STUDENT_T, true},
    {"multinomial", LAT_LIKELIHOOD_MULTINOMIAL, true},
    {"mixed", LAT_LIKELIHOOD_MIXED, true},
    {"codean", LAT_LIKELIHOOD_CODEAN, true}};
static const struct lat_choice corruptions[] = {{"none", 0, true},
                                                {"gaussian", 1, true},
                                                {"masking", 2, true},
                                                {"salt_and_pepper", 3, true},
                                                {"affine", 4, true}};
static const struct lat_choice augmentations[] = {{"none", 0, true}, {"affine", 1, true}};
static const struct lat_choice optimizers[] = {{"adam", LAT_OPTIMIZER_ADAM, true},
                                               {"sgd", LAT_OPTIMIZER_SGD, true}};
static const struct lat_choice schedules[] = {{"constant", LAT_SCHEDULE_CONSTANT, true},
                                              {"step", LAT_SCHEDULE_STEP, true},
                                              {"cosine", LAT_SCHEDULE_COSINE, true},
                                              {"plateau", LAT_SCHEDULE_PLATEAU, true}};
static const struct lat_choice keeps[] = {{"best", 0, true}, {"last", 1, true}};
static const struct lat_choice pretrainings[] = {{"none", 0, true}, {"layerwise", 1, true}};

#define CHOICE(fields, key, table, target)                                                     \
    do {                                                                                       \
        int word_ = (int)(target);                                                             \
        lat_fields_choice(fields, key, table, LAT_ARRAY_LEN(table), &word_);                   \
        (target) = word_;                                                                      \
    } while (0)

static void set_defaults(struct lat_spec *spec)
{
    *spec = (struct lat_spec){0};
    spec->method = LAT_METHOD_AUTOENCODER;
    spec->ridge = 500;
    spec->data.validation = 0.1;
    spec->encoder.activation = LAT_RELU;
    spec->encoder.kernel = 3;
    spec->encoder.hidden[0] = 256;
    spec->encoder.n_hidden = 1;
    spec->decoder_is_mirror = true;
    spec->code.dimension = 32;
    spec->code.samples = 1;
    spec->likelihood = LAT_LIKELIHOOD_BERNOULLI;
    spec->penalties.kl_sparsity_target = 0.05;
    spec->penalties.beta = 1;
    spec->optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM,
                                                  .rate = 0.001,
                                                  .batch = 256,
                                                  .epochs = 20,
                                                  .schedule = LAT_SCHEDULE_COSINE};
    spec->pretraining_epochs = 10;
    spec->seed = 1;
}

/* ---- networks ---- */

static void read_convolutional(struct lat_fields *fields, struct lat_network_spec *network)
{
    static const uint32_t default_channels[] = {32, 64};
    if (!lat_fields_counts(fields, "channels", network->channels, LAT_MAX_LAYERS,
                           &network->n_channels, 1, MAX_MAPS)) {
        network->n_channels = LAT_ARRAY_LEN(default_channels);
        memcpy(network->channels, default_channels, sizeof(default_channels));
    }
    if (network->n_channels == 0)
        lat_fields_fail(fields, "channels", "out_of_range", "expected at least one layer");
    lat_fields_count(fields, "kernel", &network->kernel, 1, 31);
    if (network->kernel % 2 == 0)
        lat_fields_fail(fields, "kernel", "out_of_range", "expected an odd number, not %u",
                        network->kernel);
    for (size_t i = 0; i < network->n_channels; i++)
        network->strides[i] = 2;
    size_t n_strides = network->n_channels;
    if (lat_fields_counts(fields, "strides", network->strides, LAT_MAX_LAYERS, &n_strides, 1,
                          8) &&
        n_strides != network->n_channels)
        lat_fields_fail(fields, "strides", "wrong_length",
                        "expected %zu strides, one a layer of channels, not %zu",
                        network->n_channels, n_strides);
    lat_fields_flag(fields, "residual", &network->residual);
}

/* Cells have activations of their own: sigmoid gates and tanh. */
static void read_recurrent(struct lat_fields *fields, struct lat_network_spec *network)
{
    CHOICE(fields, "cell", cells, network->cell);
    if (network->n_hidden == 0)
        lat_fields_fail(fields, "hidden", "out_of_range", "expected at least one layer");
    if (lat_fields_has(fields, "activation") && network->activation != LAT_TANH)
        lat_fields_fail(fields, "activation", "out_of_range",
                        "cells have their own: expected tanh or nothing");
}

/* The object of one side. Keys of another type are unknown here, and so refused by name. */
static void read_network(struct lat_fields *fields, struct lat_network_spec *network)
{
    CHOICE(fields, "type", networks, network->type);
    CHOICE(fields, "activation", activations, network->activation);
    if (network->type == LAT_NETWORK_RECURRENT)
        network->hidden[0] = DEFAULT_CELLS;
    if (network->type == LAT_NETWORK_CONVOLUTIONAL)
        network->n_hidden = 0;
    lat_fields_counts(fields, "hidden", network->hidden, LAT_MAX_LAYERS, &network->n_hidden, 1,
                      MAX_WIDTH);
    if (network->type == LAT_NETWORK_DENSE)
        lat_fields_flag(fields, "tied", &network->tied);
    if (network->type == LAT_NETWORK_CONVOLUTIONAL)
        read_convolutional(fields, network);
    if (network->type == LAT_NETWORK_RECURRENT)
        read_recurrent(fields, network);
    lat_fields_end(fields);
}

static void reverse(uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const uint32_t kept = values[i];
        values[i] = values[n - 1 - i];
        values[n - 1 - i] = kept;
    }
}

static void read_networks(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields both, side;
    lat_fields_object(root, "network", &both);
    const struct lat_network_spec plain = spec->encoder;
    if (lat_fields_object(&both, "encoder", &side))
        read_network(&side, &spec->encoder);
    spec->decoder = spec->encoder;
    reverse(spec->decoder.hidden, spec->decoder.n_hidden);
    reverse(spec->decoder.channels, spec->decoder.n_channels);
    reverse(spec->decoder.strides, spec->decoder.n_channels);
    if (lat_fields_is_text(&both, "decoder")) {
        static const struct lat_choice mirror[] = {{"mirror", 0, true}};
        int word = 0;
        lat_fields_choice(&both, "decoder", mirror, 1, &word);
    } else if (lat_fields_object(&both, "decoder", &side)) {
        spec->decoder_is_mirror = false;
        spec->decoder = plain;
        read_network(&side, &spec->decoder);
        if (spec->decoder.tied)
            lat_fields_fail(&side, "tied", "out_of_range", "tied is said at the encoder");
        if (spec->encoder.tied)
            lat_fields_fail(&side, NULL, "out_of_range",
                            "a tied encoder wants the decoder \"mirror\"");
    }
    lat_fields_end(&both);
}

/* ---- the other axes ---- */

static void read_code(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields code;
    lat_fields_object(root, "code", &code);
    uint32_t dimension = (uint32_t)spec->code.dimension;
    lat_fields_count(&code, "dimension", &dimension, 1, MAX_WIDTH);
    spec->code.dimension = dimension;
    CHOICE(&code, "type", code_types, spec->code.type);
    spec->code.activation_given = lat_fields_has(&code, "activation");
    CHOICE(&code, "activation", activations, spec->code.activation);
    lat_fields_count(&code, "samples", &spec->code.samples, 1, 1000);
    if (spec->code.samples > 1 && spec->code.type != LAT_CODE_GAUSSIAN)
        lat_fields_fail(&code, "samples", "out_of_range",
                        "expected 1: several samples need a code of the type \"gaussian\"");
    if (spec->code.type == LAT_CODE_GAUSSIAN && spec->code.activation != LAT_LINEAR)
        lat_fields_fail(&code, "activation", "out_of_range",
                        "expected \"linear\" or nothing: the mean of a gaussian code may lie "
                        "anywhere");
    lat_fields_end(&code);
}

static void read_corruption(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields corruption;
    if (!lat_fields_object(root, "corruption", &corruption))
        return;
    int type = 0;
    CHOICE(&corruption, "type", corruptions, type);
    lat_fields_real(&corruption, "level", &spec->corruption_level, 0, type == 1 ? 100 : 1);
    if (type)
        snprintf(spec->corruption, sizeof(spec->corruption), "%s", corruptions[type].name);
    lat_fields_end(&corruption);
}

static void read_augmentation(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields augmentation;
    if (!lat_fields_object(root, "augmentation", &augmentation))
        return;
    int type = 0;
    CHOICE(&augmentation, "type", augmentations, type);
    lat_fields_real(&augmentation, "level", &spec->augmentation_level, 0, 1);
    if (type)
        snprintf(spec->augmentation, sizeof(spec->augmentation), "%s",
                 augmentations[type].name);
    lat_fields_end(&augmentation);
}

/* Only a distribution has a divergence to weigh. */
static void read_beta(struct lat_fields *fields, struct lat_spec *spec)
{
    struct lat_penalties *penalties = &spec->penalties;
    lat_fields_real(fields, "beta", &penalties->beta, 0, 1e6);
    lat_fields_count(fields, "beta_warmup", &penalties->beta_warmup, 0, 1000000);
    if (spec->code.type == LAT_CODE_GAUSSIAN)
        return;
    if (fabs(penalties->beta - 1) > 0)
        lat_fields_fail(fields, "beta", "out_of_range",
                        "expected 1 or nothing, not %g: it weighs the divergence of a code of "
                        "the type \"gaussian\"",
                        penalties->beta);
    if (penalties->beta_warmup)
        lat_fields_fail(fields, "beta_warmup", "out_of_range",
                        "expected 0 or nothing, not %u: it needs a code of the type "
                        "\"gaussian\"",
                        penalties->beta_warmup);
}

static void read_penalties(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_penalties *penalties = &spec->penalties;
    struct lat_fields fields, sparsity;
    if (!lat_fields_object(root, "penalties", &fields))
        return;
    const double big = 1e6;
    lat_fields_real(&fields, "l2", &penalties->l2, 0, big);
    lat_fields_real(&fields, "l1", &penalties->l1, 0, big);
    if (lat_fields_object(&fields, "kl_sparsity", &sparsity)) {
        lat_fields_real(&sparsity, "target", &penalties->kl_sparsity_target, 1e-6, 1 - 1e-6);
        lat_fields_real(&sparsity, "weight", &penalties->kl_sparsity_weight, 0, big);
        lat_fields_end(&sparsity);
    }
    lat_fields_count(&fields, "k_sparse", &penalties->k_sparse, 0, MAX_WIDTH);
    lat_fields_real(&fields, "contractive", &penalties->contractive, 0, big);
    read_beta(&fields, spec);
    lat_fields_end(&fields);
}

static void read_optimizer(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_optimizer_spec *optimizer = &spec->optimizer;
    struct lat_fields fields;
    if (!lat_fields_object(root, "optimizer", &fields))
        return;
    CHOICE(&fields, "type", optimizers, optimizer->type);
    lat_fields_above(&fields, "rate", &optimizer->rate, 0, 1000);
    if (optimizer->type == LAT_OPTIMIZER_SGD) {
        lat_fields_real(&fields, "momentum", &optimizer->momentum, 0, 0.99999);
        lat_fields_flag(&fields, "nesterov", &optimizer->nesterov);
        if (optimizer->nesterov && !(optimizer->momentum > 0))
            lat_fields_fail(&fields, "nesterov", "out_of_range", "needs a momentum above 0");
    }
    lat_fields_real(&fields, "clip", &optimizer->clip, 0, 1e9);
    lat_fields_count(&fields, "batch", &optimizer->batch, 1, MAX_BATCH);
    lat_fields_count(&fields, "epochs", &optimizer->epochs, 1, 1000000);
    lat_fields_count(&fields, "early_stopping", &optimizer->early_stopping, 0, 1000000);
    CHOICE(&fields, "schedule", schedules, optimizer->schedule);
    CHOICE(&fields, "keep", keeps, optimizer->keep_last);
    lat_fields_end(&fields);
    if (optimizer->early_stopping && optimizer->keep_last)
        lat_fields_fail(&fields, "keep", "out_of_range",
                        "early stopping keeps the best: expected \"best\"");
    if (optimizer->early_stopping && !(spec->data.validation > 0))
        lat_fields_fail(&fields, "early_stopping", "out_of_range",
                        "needs a part held out: data.validation above 0");
}

/* Layers are trained one by one where a layer of the decoder undoes one of the encoder. */
static bool mirrored(const struct lat_spec *spec)
{
    const struct lat_network_spec *encoder = &spec->encoder, *decoder = &spec->decoder;
    bool same = encoder->type == LAT_NETWORK_DENSE && decoder->type == LAT_NETWORK_DENSE &&
                encoder->activation == decoder->activation &&
                encoder->n_hidden == decoder->n_hidden;
    for (size_t i = 0; same && i < encoder->n_hidden; i++)
        same = encoder->hidden[i] == decoder->hidden[encoder->n_hidden - 1 - i];
    return same;
}

/* A word, or an object with the word as its type. */
static void read_pretraining(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields fields;
    if (lat_fields_is_text(root, "pretraining")) {
        CHOICE(root, "pretraining", pretrainings, spec->layerwise);
    } else if (lat_fields_object(root, "pretraining", &fields)) {
        CHOICE(&fields, "type", pretrainings, spec->layerwise);
        lat_fields_count(&fields, "epochs", &spec->pretraining_epochs, 1, 1000000);
        lat_fields_end(&fields);
    }
    if (spec->layerwise && !mirrored(spec))
        lat_fields_fail(root, "pretraining", "out_of_range",
                        "layerwise wants dense networks and the decoder \"mirror\"");
}

/* What is solved in closed form has no network, no loss and no steps: keys about them would be
 * ignored, so they are refused. */
static void refuse_keys(struct lat_fields *fields, const char *const *keys, size_t n,
                        const char *method)
{
    for (size_t i = 0; i < n; i++)
        if (lat_fields_has(fields, keys[i]))
            lat_fields_fail(fields, keys[i], "out_of_range",
                            "has no meaning for the method '%s'", method);
}

static void refuse_for_closed_form(struct lat_fields *root, const struct lat_spec *spec)
{
    static const char *const meaningless[] = {"network",     "likelihood", "corruption",
                                              "penalties",   "optimizer",  "pretraining",
                                              "augmentation"};
    static const char *const of_code[] = {"activation", "samples", "type"};
    static const char *const code[] = {"code"};
    const char *method = spec->method == LAT_METHOD_PCA ? "pca" : "ease";
    struct lat_fields fields;
    refuse_keys(root, meaningless, LAT_ARRAY_LEN(meaningless), method);
    if (spec->method == LAT_METHOD_EASE) { /* its code is the history */
        refuse_keys(root, code, 1, method);
        return;
    }
    lat_fields_object(root, "code", &fields);
    refuse_keys(&fields, of_code, LAT_ARRAY_LEN(of_code), method);
}

/* KL sparsity takes the units of a code for chances. */
static void settle_code(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields code;
    lat_fields_object(root, "code", &code);
    if (spec->code.type != LAT_CODE_DETERMINISTIC) {
        if (spec->code.activation != LAT_LINEAR)
            lat_fields_fail(&code, "activation", "out_of_range",
                            "a code that is drawn is linear");
        return;
    }
    if (!(spec->penalties.kl_sparsity_weight > 0))
        return;
    if (!spec->code.activation_given)
        spec->code.activation = LAT_SIGMOID;
    if (spec->code.activation != LAT_SIGMOID)
        lat_fields_fail(&code, "activation", "out_of_range",
                        "the penalty kl_sparsity wants a code in (0,1): expected sigmoid");
}

static void read_root(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields data;
    lat_fields_text(root, "name", spec->name, sizeof(spec->name));
    CHOICE(root, "method", methods, spec->method);
    if (spec->method == LAT_METHOD_EASE)
        lat_fields_above(root, "ridge", &spec->ridge, 0, 1e12);
    const bool has_data = lat_fields_object(root, "data", &data);
    if (has_data)
        lat_data_spec_read(&data, &spec->data);
    read_networks(root, spec);
    read_code(root, spec);
    spec->likelihood_given = lat_fields_has(root, "likelihood");
    CHOICE(root, "likelihood", likelihoods, spec->likelihood);
    read_corruption(root, spec);
    read_augmentation(root, spec);
    read_penalties(root, spec);
    settle_code(root, spec);
    read_optimizer(root, spec);
    read_pretraining(root, spec);
    lat_fields_u64(root, "seed", &spec->seed);
    lat_fields_end(root);
    if (!spec->name[0])
        lat_fields_fail(root, "name", "missing_field", "expected the model's name");
    if (!lat_name_valid(spec->name))
        lat_fields_fail(root, "name", "bad_name",
                        "expected [a-z0-9][a-z0-9._-]{0,62}, not '%s'", spec->name);
    if (!has_data)
        lat_fields_fail(root, "data", "missing_field", "expected the data to train on");
    if (spec->method != LAT_METHOD_AUTOENCODER)
        refuse_for_closed_form(root, spec);
}

/* ---- spec.h ---- */

static enum lat_status keep_texts(struct lat_document *document, struct lat_spec *spec,
                                  struct lat_error *err)
{
    struct lat_buf whole = {0}, data = {0};
    struct lat_fields root;
    enum lat_status status = lat_document_write(document, &whole, err);
    if (status == LAT_OK) {
        lat_fields_root(document, &root, err);
        lat_fields_write(&root, "data", &data);
        status = lat_buf_check(&data, err);
    }
    if (status == LAT_OK) {
        spec->json = lat_buf_take(&whole, NULL);
        spec->data.options_json = lat_buf_take(&data, NULL);
    }
    lat_buf_release(&whole);
    lat_buf_release(&data);
    return status;
}

static enum lat_status parse_document(struct lat_document *document, struct lat_spec *out_spec,
                                      struct lat_error *err)
{
    struct lat_spec spec;
    struct lat_fields root;
    set_defaults(&spec);
    lat_fields_root(document, &root, err);
    read_root(&root, &spec);
    enum lat_status status = lat_document_status(document);
    if (status == LAT_OK)
        status = keep_texts(document, &spec, err);
    if (status == LAT_OK)
        *out_spec = spec;
    return status;
}

enum lat_status lat_spec_parse(const char *json, size_t len, struct lat_spec *out_spec,
                               struct lat_error *err)
{
    struct lat_document *document = NULL;
    enum lat_status status = lat_document_parse(json, len, &document, err);
    if (status == LAT_OK)
        status = parse_document(document, out_spec, err);
    lat_document_free(document);
    return status;
}

static bool overrides_path(const char *const *overrides, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || strncmp(overrides[i], "data.path=", 10) == 0;
    return found;
}

/* Puts the folder of `spec_path` before a relative data path. */
static enum lat_status resolve_data_path(const char *spec_path, struct lat_data_spec *data,
                                         struct lat_error *err)
{
    const char *slash = strrchr(spec_path, '/');
    if (data->path[0] == '/' || !slash)
        return LAT_OK;
    char joined[sizeof(data->path)];
    const int len = snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - spec_path),
                             spec_path, data->path);
    if (len < 0 || (size_t)len >= sizeof(joined))
        return lat_fail(err, LAT_INVALID, "out_of_range", "/data/path: the path is too long");
    memcpy(data->path, joined, sizeof(joined));
    return LAT_OK;
}

enum lat_status lat_spec_read(const char *path, const char *const *overrides,
                              size_t n_overrides, struct lat_spec *out_spec,
                              struct lat_error *err)
{
    struct lat_buf text = {0};
    struct lat_document *document = NULL;
    enum lat_status status = lat_file_read(path, SPEC_MAX_LEN, &text, err);
    if (status == LAT_OK)
        status = lat_document_parse(text.data ? text.data : "", text.len, &document, err);
    for (size_t i = 0; status == LAT_OK && i < n_overrides; i++)
        status = lat_document_set(document, overrides[i], err);
    struct lat_spec spec = {0};
    if (status == LAT_OK)
        status = parse_document(document, &spec, err);
    if (status == LAT_OK && !overrides_path(overrides, n_overrides))
        status = resolve_data_path(path, &spec.data, err);
    if (status == LAT_OK) {
        *out_spec = spec;
    } else {
        lat_spec_release(&spec);
        lat_error_prefix(err, "spec '%s'", path);
    }
    lat_document_free(document);
    lat_buf_release(&text);
    return status;
}

void lat_spec_release(struct lat_spec *spec)
{
    lat_data_spec_release(&spec->data);
    lat_free(spec->json);
    spec->json = NULL;
}

static bool has_network(const struct lat_spec *spec, enum lat_network_type type)
{
    return spec->encoder.type == type || spec->decoder.type == type;
}

static enum lat_status check_networks(const struct lat_spec *spec,
                                      const struct lat_input_spec *input, struct lat_error *err)
{
    const bool sequence = input->kind == LAT_INPUT_SEQUENCE;
    if (!sequence && input->kind != LAT_INPUT_IMAGE &&
        has_network(spec, LAT_NETWORK_CONVOLUTIONAL))
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/network: a convolutional network wants pictures or sequences, the "
                        "data are of kind '%s'",
                        lat_input_kind_names[input->kind]);
    if (!sequence && has_network(spec, LAT_NETWORK_RECURRENT))
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/network: a recurrent network wants sequences, the data are of kind "
                        "'%s'",
                        lat_input_kind_names[input->kind]);
    return LAT_OK;
}

static enum lat_likelihood usual_likelihood(enum lat_input_kind kind)
{
    switch (kind) {
    case LAT_INPUT_IMAGE:
        return LAT_LIKELIHOOD_BERNOULLI;
    case LAT_INPUT_TABLE:
        return LAT_LIKELIHOOD_MIXED;
    case LAT_INPUT_INTERACTIONS:
        return lat_likelihood_find(LAT_LIKELIHOOD_MULTINOMIAL) ? LAT_LIKELIHOOD_MULTINOMIAL
                                                               : LAT_LIKELIHOOD_BERNOULLI;
    case LAT_INPUT_VECTOR:
    case LAT_INPUT_SEQUENCE:
        break;
    }
    return LAT_LIKELIHOOD_GAUSSIAN;
}

enum lat_status lat_spec_settle(struct lat_spec *spec, const struct lat_input_spec *input,
                                float lowest, float highest, struct lat_error *err)
{
    if (!spec->likelihood_given)
        spec->likelihood = usual_likelihood(input->kind);
    if (spec->likelihood == LAT_LIKELIHOOD_MIXED && input->kind != LAT_INPUT_TABLE)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/likelihood: mixed is for the columns of a table, the data are of "
                        "kind '%s'",
                        lat_input_kind_names[input->kind]);
    if (spec->likelihood == LAT_LIKELIHOOD_BERNOULLI && input->kind == LAT_INPUT_TABLE)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood: bernoulli wants values in [0,1], a table's numbers are "
                        "standardised; expected mixed, gaussian or student_t");
    if (input->kind == LAT_INPUT_TABLE && (spec->likelihood == LAT_LIKELIHOOD_MULTINOMIAL ||
                                           spec->likelihood == LAT_LIKELIHOOD_CODEAN))
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood: a table takes mixed, gaussian or student_t, not '%s'",
                        lat_likelihood_names[spec->likelihood]);
    if (spec->likelihood == LAT_LIKELIHOOD_BERNOULLI && (lowest < 0 || highest > 1))
        return lat_fail(
            err, LAT_INVALID, "out_of_range",
            "/likelihood: bernoulli wants values in [0,1], the data go from %g to %g",
            (double)lowest, (double)highest);
    if (spec->likelihood == LAT_LIKELIHOOD_MULTINOMIAL && lowest < 0)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood: multinomial wants counts, the data go down to %g",
                        (double)lowest);
    return check_networks(spec, input, err);
}
