/* The two sides of a spec and the code between them. */
#include <string.h>

#include "model/train/spec_internal.h"

#include "base/banned.h"

enum { MAX_MAPS = 4096, DEFAULT_CELLS = 64 };

static const struct lat_choice networks[] = {{"dense", LAT_NETWORK_DENSE, true},
                                             {"convolutional", LAT_NETWORK_CONVOLUTIONAL, true},
                                             {"recurrent", LAT_NETWORK_RECURRENT, true},
                                             {"transform", LAT_NETWORK_TRANSFORM, true}};
static const struct lat_choice cells[] = {{"lstm", LAT_CELL_LSTM, true},
                                          {"gru", LAT_CELL_GRU, true}};
static const struct lat_choice activations[] = {
    {"sigmoid", LAT_SIGMOID, true}, {"tanh", LAT_TANH, true}, {"relu", LAT_RELU, true},
    {"elu", LAT_ELU, true},         {"gelu", LAT_GELU, true}, {"silu", LAT_SILU, true},
    {"linear", LAT_LINEAR, true}};
static const struct lat_choice code_types[] = {{"deterministic", LAT_CODE_DETERMINISTIC, true},
                                               {"gaussian", LAT_CODE_GAUSSIAN, true},
                                               {"quantised", LAT_CODE_QUANTISED, true}};

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
    if (network->type == LAT_NETWORK_CONVOLUTIONAL)
        lat_fields_flag(fields, "residual", &network->residual);
}

/* Without an activation it has its own: divisive normalisation. */
static void read_transform(struct lat_fields *fields, struct lat_network_spec *network)
{
    read_convolutional(fields, network);
    network->gdn = !lat_fields_has(fields, "activation");
    for (size_t i = 0; i < network->n_channels; i++)
        network->kernels[i] = network->kernel;
    size_t n = network->n_channels;
    if (lat_fields_counts(fields, "kernels", network->kernels, LAT_MAX_LAYERS, &n, 1, 31) &&
        n != network->n_channels)
        lat_fields_fail(fields, "kernels", "wrong_length",
                        "expected %zu kernels, one a layer of channels, not %zu",
                        network->n_channels, n);
    for (size_t i = 0; i < network->n_channels; i++)
        if (network->kernels[i] % 2 == 0)
            lat_fields_fail(fields, "kernels", "out_of_range", "expected odd numbers, not %u",
                            network->kernels[i]);
}

/* Cells have activations of their own: sigmoid gates and tanh. */
static void read_recurrent(struct lat_fields *fields, struct lat_network_spec *network)
{
    LAT_SPEC_CHOICE(fields, "cell", cells, network->cell);
    if (network->n_hidden == 0)
        lat_fields_fail(fields, "hidden", "out_of_range", "expected at least one layer");
    if (lat_fields_has(fields, "activation") && network->activation != LAT_TANH)
        lat_fields_fail(fields, "activation", "out_of_range",
                        "cells have their own: expected tanh or nothing");
}

/* The object of one side. Keys of another type are unknown here, and so refused by name. */
static void read_network(struct lat_fields *fields, struct lat_network_spec *network)
{
    LAT_SPEC_CHOICE(fields, "type", networks, network->type);
    LAT_SPEC_CHOICE(fields, "activation", activations, network->activation);
    if (network->type == LAT_NETWORK_RECURRENT)
        network->hidden[0] = DEFAULT_CELLS;
    if (network->type == LAT_NETWORK_CONVOLUTIONAL || network->type == LAT_NETWORK_TRANSFORM)
        network->n_hidden = 0;
    if (network->type != LAT_NETWORK_TRANSFORM)
        lat_fields_counts(fields, "hidden", network->hidden, LAT_MAX_LAYERS, &network->n_hidden,
                          1, LAT_SPEC_MAX_WIDTH);
    if (network->type == LAT_NETWORK_DENSE)
        lat_fields_flag(fields, "tied", &network->tied);
    if (network->type == LAT_NETWORK_CONVOLUTIONAL)
        read_convolutional(fields, network);
    if (network->type == LAT_NETWORK_RECURRENT)
        read_recurrent(fields, network);
    if (network->type == LAT_NETWORK_TRANSFORM)
        read_transform(fields, network);
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

void lat_spec_read_networks(struct lat_fields *root, struct lat_spec *spec)
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
    reverse(spec->decoder.kernels, spec->decoder.n_channels);
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

/* A quantised code is what a transform's last maps hold, and a transform's maps are one. */
static void read_quantised(struct lat_fields *code, const struct lat_spec *spec, bool dimension)
{
    const bool quantised = spec->code.type == LAT_CODE_QUANTISED;
    const bool encoder = spec->encoder.type == LAT_NETWORK_TRANSFORM;
    const bool decoder = spec->decoder.type == LAT_NETWORK_TRANSFORM;
    if (encoder != decoder || encoder != quantised)
        lat_fields_fail(code, "type", "out_of_range",
                        "a code of the type \"quantised\" goes with an encoder and a decoder "
                        "of the type \"transform\", and they with it");
    if (quantised && dimension)
        lat_fields_fail(code, "dimension", "out_of_range",
                        "a quantised code has the size of the encoder's last maps");
    if (quantised && lat_fields_has(code, "activation"))
        lat_fields_fail(code, "activation", "out_of_range", "a quantised code has none");
}

void lat_spec_read_code(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields code;
    lat_fields_object(root, "code", &code);
    uint32_t dimension = (uint32_t)spec->code.dimension;
    const bool given = lat_fields_has(&code, "dimension");
    lat_fields_count(&code, "dimension", &dimension, 1, LAT_SPEC_MAX_WIDTH);
    spec->code.dimension = dimension;
    LAT_SPEC_CHOICE(&code, "type", code_types, spec->code.type);
    read_quantised(&code, spec, given);
    spec->code.activation_given = lat_fields_has(&code, "activation");
    LAT_SPEC_CHOICE(&code, "activation", activations, spec->code.activation);
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
