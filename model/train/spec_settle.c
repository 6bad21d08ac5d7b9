/* What a spec leaves to the data, and the rules that tie the two together. */
#include "model/train/parts.h"

#include "base/banned.h"

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
        return LAT_LIKELIHOOD_MULTINOMIAL;
    case LAT_INPUT_VECTOR:
    case LAT_INPUT_SEQUENCE:
        break;
    }
    return LAT_LIKELIHOOD_GAUSSIAN;
}

static enum lat_status check_likelihood(const struct lat_spec *spec,
                                        const struct lat_input_spec *input, float lowest,
                                        float highest, struct lat_error *err)
{
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
    return LAT_OK;
}

/* Only a scale of a bell has a spread, and only a dense layer has room for one an element. */
static enum lat_status check_spread(const struct lat_spec *spec,
                                    const struct lat_input_spec *input, struct lat_error *err)
{
    if (!spec->learned_spread)
        return LAT_OK;
    if (spec->likelihood != LAT_LIKELIHOOD_GAUSSIAN &&
        spec->likelihood != LAT_LIKELIHOOD_STUDENT_T &&
        spec->likelihood != LAT_LIKELIHOOD_MIXED)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood/spread: learned goes with gaussian, student_t or mixed, "
                        "not '%s'",
                        lat_likelihood_names[spec->likelihood]);
    if (input->kind != LAT_INPUT_TABLE && input->kind != LAT_INPUT_VECTOR)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/likelihood/spread: learned is for tables and vectors, the data are "
                        "of kind '%s'",
                        lat_input_kind_names[input->kind]);
    if (spec->method != LAT_METHOD_AUTOENCODER || spec->encoder.tied || spec->layerwise)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood/spread: learned wants an autoencoder whose decoder has "
                        "weights of its own, and no layer-wise pretraining");
    return LAT_OK;
}

/* The code is the transform's maps, and their picture must come out even. */
static enum lat_status settle_quantised(struct lat_spec *spec,
                                        const struct lat_input_spec *input,
                                        struct lat_error *err)
{
    struct lat_shape shape = {0};
    if (input->kind != LAT_INPUT_IMAGE)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/network: a transform wants pictures, the data are of kind '%s'",
                        lat_input_kind_names[input->kind]);
    if (spec->likelihood != LAT_LIKELIHOOD_GAUSSIAN)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/likelihood: a quantised code goes with gaussian, not '%s'",
                        lat_likelihood_names[spec->likelihood]);
    const enum lat_status status = lat_transform_code_shape(&spec->encoder, input, &shape, err);
    if (status == LAT_OK)
        spec->code.dimension = (size_t)(shape.dims[0] * shape.dims[1] * shape.dims[2]);
    return status;
}

enum lat_status lat_spec_settle(struct lat_spec *spec, const struct lat_input_spec *input,
                                float lowest, float highest, struct lat_error *err)
{
    const bool quantised = spec->code.type == LAT_CODE_QUANTISED;
    if (!spec->likelihood_given)
        spec->likelihood = quantised ? LAT_LIKELIHOOD_GAUSSIAN : usual_likelihood(input->kind);
    enum lat_status status = check_likelihood(spec, input, lowest, highest, err);
    if (status == LAT_OK)
        status = check_spread(spec, input, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/likelihood");
        return status;
    }
    status = check_networks(spec, input, err);
    if (status == LAT_OK && quantised)
        status = settle_quantised(spec, input, err);
    if (status != LAT_OK)
        lat_error_at(err, "/network");
    return status;
}
