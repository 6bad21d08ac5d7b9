/* Manifest and ONNX file, each number from whoever says it.
 *
 * One rule throughout: a number said by both must agree (or both are named in the refusal),
 * said by one is taken from that one, said by neither is asked for. Pictures come as [N,C,H,W],
 * [N,H,W,C], [N,H,W] (gray) or [N,D]; the layout is inferred when only one reading has 1 or 3
 * channels and the sizes the manifest says. Sequences come as [N,length,features] or flat.
 * Pure functions. */
#include "model/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* Guards the product of sides and every buffer made from it: floats of one row. */
static const int64_t elements_max = 1 << 27;

/* LAT_INVALID: the manifest says one number at `pointer`, the file has another. */
static enum lat_status mismatch(const char *pointer, int64_t said, const char *file,
                                const struct lat_tensor_info *info, int64_t has,
                                struct lat_error *err)
{
    char expected[32], got[32];
    lat_fail(err, LAT_INVALID, "shape_mismatch",
             "model.json: %s: %" PRId64 ", but '%s' of %s has %" PRId64, pointer, said,
             info->name, file, has);
    snprintf(expected, sizeof(expected), "%" PRId64, has);
    snprintf(got, sizeof(got), "%" PRId64, said);
    lat_error_at(err, "%s", pointer);
    lat_error_expected(err, expected, got);
    return LAT_INVALID;
}

/* LAT_INVALID: neither says it. */
static enum lat_status unsaid(const char *pointer, const char *file,
                              const struct lat_tensor_info *info, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "missing_key",
             "model.json: %s: missing, and '%s' of %s does not say it", pointer, info->name,
             file);
    lat_error_at(err, "%s", pointer);
    return LAT_INVALID;
}

/* LAT_INVALID: the file has a shape no input or output of this kind can have. */
static enum lat_status unfit(const struct lat_graph_face *face,
                             const struct lat_tensor_info *info, const char *wanted,
                             struct lat_error *err)
{
    char shape[160];
    size_t at = 0;
    for (size_t i = 0; i < info->rank && at < sizeof(shape); i++) {
        const char *lead = i ? "," : "[";
        const int n = info->dims[i] < 0 ? snprintf(shape + at, sizeof(shape) - at, "%sN", lead)
                                        : snprintf(shape + at, sizeof(shape) - at, "%s%" PRId64,
                                                   lead, info->dims[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return lat_fail(err, LAT_INVALID, "shape_mismatch",
                    "%s: '%s' has the shape %s%s, expected %s", face->file, info->name,
                    info->rank ? shape : "[", "]", wanted);
}

/* *said is the manifest's number (0: not said), `dim` the file's (-1: open). */
static enum lat_status settle(const char *pointer, const struct lat_graph_face *face,
                              const struct lat_tensor_info *info, int64_t dim, int64_t *said,
                              struct lat_error *err)
{
    if (dim < 0)
        return *said ? LAT_OK : unsaid(pointer, face->file, info, err);
    if (*said && *said != dim)
        return mismatch(pointer, *said, face->file, info, dim, err);
    *said = dim;
    return LAT_OK;
}

/* --- choosing tensors ------------------------------------------------------------------- */

static const struct lat_tensor_info *by_name(const struct lat_tensor_info *infos, size_t n,
                                             const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    return NULL;
}

static void list_names(const struct lat_tensor_info *infos, size_t n, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < n && at < size; i++) {
        const int len = snprintf(out + at, size - at, "%s'%s'", i ? ", " : "", infos[i].name);
        at += len > 0 ? (size_t)len : 0;
    }
}

/* float32, with a batch that is open. Some exporters leave the batch of an output unsaid or
 * wrong; the trial run finds out what is true there. */
static enum lat_status check_tensor(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info, bool input,
                                    struct lat_error *err)
{
    if (info->dtype != LAT_FLOAT32)
        return lat_fail(err, LAT_INVALID, "wrong_type", "%s: '%s' is not of float32",
                        face->file, info->name);
    if (info->rank < 1)
        return unfit(face, info, "a batch as the first axis", err);
    if (input && info->dims[0] >= 0)
        return lat_fail(err, LAT_INVALID, "fixed_batch",
                        "%s: the batch of '%s' is fixed to %" PRId64
                        "; export it with a dynamic first axis",
                        face->file, info->name, info->dims[0]);
    return LAT_OK;
}

/* The tensor the manifest names, or the only one, or the first whose name is one of `usual`. */
static enum lat_status choose(const struct lat_graph_face *face, bool input, const char *named,
                              const char *pointer, const char *const usual[2],
                              const struct lat_tensor_info **out_info, struct lat_error *err)
{
    const struct lat_tensor_info *infos = input ? face->inputs : face->outputs;
    const size_t n = input ? face->n_inputs : face->n_outputs;
    const struct lat_tensor_info *chosen = NULL;
    if (named[0] != '\0')
        chosen = by_name(infos, n, named);
    else if (n == 1)
        chosen = infos;
    for (size_t i = 0; !chosen && named[0] == '\0' && i < 2 && usual[i]; i++)
        chosen = by_name(infos, n, usual[i]);
    if (!chosen) {
        char names[256];
        list_names(infos, n, names, sizeof(names));
        lat_fail(err, LAT_INVALID, named[0] ? "unknown_tensor" : "missing_key",
                 "model.json: %s: %s%s%s; %s has %s", pointer,
                 named[0] ? "no tensor '" : "missing", named, named[0] ? "'" : "", face->file,
                 names[0] ? names : "none");
        lat_error_at(err, "%s", pointer);
        return LAT_INVALID;
    }
    const enum lat_status status = check_tensor(face, chosen, input, err);
    if (status == LAT_OK)
        *out_info = chosen;
    return status;
}

static enum lat_status check_one_input(const struct lat_graph_face *face, struct lat_error *err)
{
    if (face->n_inputs == 1)
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "shape_mismatch", "%s has %zu inputs, a model takes one",
                    face->file, face->n_inputs);
}

static void set_port(struct lat_port *port, const struct lat_tensor_info *info)
{
    snprintf(port->name, sizeof(port->name), "%s", info->name);
    port->rank = info->rank;
    memcpy(port->dims, info->dims, sizeof(port->dims));
    port->dims[0] = -1;
}

/* --- the picture an encoder takes ------------------------------------------------------- */

static bool fits(int64_t dim, uint32_t said)
{
    return dim < 0 || said == 0 || dim == (int64_t)said;
}

static bool fits_channels(int64_t dim, uint32_t said)
{
    return fits(dim, said) && (dim < 0 || dim == 1 || dim == 3);
}

/* The layouts a rank-4 input may have, given what the manifest says. */
static enum lat_status infer_layout(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info,
                                    struct lat_input_spec *input, struct lat_error *err)
{
    const int64_t *d = info->dims;
    if (input->layout_known && input->layout == LAT_LAYOUT_FLAT)
        return unfit(face, info, "[N,D] for the layout 'flat'", err);
    if (input->layout_known)
        return LAT_OK;
    const bool nchw = fits_channels(d[1], input->channels) && fits(d[2], input->height) &&
                      fits(d[3], input->width);
    const bool nhwc = fits_channels(d[3], input->channels) && fits(d[1], input->height) &&
                      fits(d[2], input->width);
    if (nchw && nhwc) {
        lat_fail(
            err, LAT_INVALID, "missing_key",
            "model.json: /input/layout: missing: '%s' of %s can be read as nchw and as nhwc",
            info->name, face->file);
        lat_error_at(err, "/input/layout");
        return LAT_INVALID;
    }
    /* When neither fits, the likelier reading, for settle to name what disagrees. */
    const bool channels_last =
        nhwc || (!nchw && !fits_channels(d[1], 0) && fits_channels(d[3], 0));
    input->layout = channels_last ? LAT_LAYOUT_NHWC : LAT_LAYOUT_NCHW;
    return LAT_OK;
}

static enum lat_status settle_sides(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info, const int64_t sides[3],
                                    struct lat_input_spec *input, struct lat_error *err)
{
    int64_t channels = input->channels, height = input->height, width = input->width;
    enum lat_status status = settle("/input/channels", face, info, sides[0], &channels, err);
    if (status == LAT_OK)
        status = settle("/input/height", face, info, sides[1], &height, err);
    if (status == LAT_OK)
        status = settle("/input/width", face, info, sides[2], &width, err);
    if (status != LAT_OK)
        return status;
    if ((channels != 1 && channels != 3) || height < 1 || height > 65535 || width < 1 ||
        width > 65535 || channels * height * width > elements_max)
        return unfit(face, info, "1 or 3 channels and a size from 1 to 65535", err);
    input->channels = (uint32_t)channels;
    input->height = (uint32_t)height;
    input->width = (uint32_t)width;
    return LAT_OK;
}

/* [N,D]: the sizes are the manifest's; D must be their product, and gives the channels. */
static enum lat_status settle_flat(const struct lat_graph_face *face,
                                   const struct lat_tensor_info *info,
                                   struct lat_input_spec *input, struct lat_error *err)
{
    if (!input->layout_known)
        input->layout = LAT_LAYOUT_FLAT;
    if (input->width == 0 || input->height == 0)
        return unsaid(input->width ? "/input/height" : "/input/width", face->file, info, err);
    const int64_t area = (int64_t)input->width * input->height, dim = info->dims[1];
    if (input->channels == 0 && dim > 0 && (dim == area || dim == 3 * area))
        input->channels = (uint32_t)(dim / area);
    if (input->channels == 0)
        return unsaid("/input/channels", face->file, info, err);
    if (dim >= 0 && dim != area * (int64_t)input->channels)
        return mismatch("/input", area * (int64_t)input->channels, face->file, info, dim, err);
    const int64_t sides[3] = {-1, -1, -1};
    return settle_sides(face, info, sides, input, err);
}

static enum lat_status settle_image(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info,
                                    struct lat_input_spec *input, struct lat_error *err)
{
    const int64_t *d = info->dims;
    enum lat_status status;
    if (info->rank == 2)
        return settle_flat(face, info, input, err);
    if (info->rank == 3) {
        if (!input->layout_known)
            input->layout = LAT_LAYOUT_NHWC;
        return settle_sides(face, info, (const int64_t[3]){1, d[1], d[2]}, input, err);
    }
    if (info->rank != 4)
        return unfit(face, info, "[N,C,H,W], [N,H,W,C], [N,H,W] or [N,D]", err);
    status = infer_layout(face, info, input, err);
    if (status != LAT_OK)
        return status;
    if (input->layout == LAT_LAYOUT_NCHW)
        return settle_sides(face, info, (const int64_t[3]){d[1], d[2], d[3]}, input, err);
    return settle_sides(face, info, (const int64_t[3]){d[3], d[1], d[2]}, input, err);
}

static enum lat_status settle_vector(const struct lat_graph_face *face,
                                     const struct lat_tensor_info *info,
                                     struct lat_input_spec *input, struct lat_error *err)
{
    if (info->rank != 2)
        return unfit(face, info, "[N,D]", err);
    int64_t dimension = (int64_t)input->dimension;
    const enum lat_status status =
        settle("/input/dimension", face, info, info->dims[1], &dimension, err);
    if (status != LAT_OK)
        return status;
    if (dimension < 1 || dimension > elements_max)
        return unfit(face, info, "[N,D] with a D of at least 1", err);
    input->dimension = (size_t)dimension;
    return LAT_OK;
}

/* [N,length,features], or [N,D] with the manifest's sizes. */
static enum lat_status settle_sequence(const struct lat_graph_face *face,
                                       const struct lat_tensor_info *info,
                                       struct lat_input_spec *input, struct lat_error *err)
{
    const bool flat = info->rank == 2;
    if (!flat && info->rank != 3)
        return unfit(face, info, "[N,length,features] or [N,D]", err);
    int64_t length = input->length, features = input->features;
    enum lat_status status =
        settle("/input/length", face, info, flat ? -1 : info->dims[1], &length, err);
    if (status == LAT_OK)
        status =
            settle("/input/features", face, info, flat ? -1 : info->dims[2], &features, err);
    if (status != LAT_OK)
        return status;
    if (length < 1 || length > 65535 || features < 1 || features > LAT_MAX_FEATURES)
        return unfit(face, info, "1 to 65535 steps of 1 to 128 features", err);
    if (flat && info->dims[1] >= 0 && info->dims[1] != length * features)
        return mismatch("/input", length * features, face->file, info, info->dims[1], err);
    input->length = (uint32_t)length;
    input->features = (uint32_t)features;
    return LAT_OK;
}

/* The axes of a row, batch left out, in the order of the layout. */
static void row_dims(const struct lat_input_spec *input, size_t rank, int64_t out[3])
{
    const int64_t elements = (int64_t)lat_input_elements(input);
    if (input->kind == LAT_INPUT_SEQUENCE) {
        out[0] = rank == 2 ? elements : input->length;
        out[1] = input->features;
        return;
    }
    const int64_t c = input->channels, h = input->height, w = input->width;
    const bool last = input->layout == LAT_LAYOUT_NHWC;
    out[0] = rank == 2 ? elements : rank == 3 || last ? h : c;
    out[1] = rank == 3 || last ? w : h;
    out[2] = last ? c : w;
}

/* A port with its open axes filled: the row of `input` in a tensor of that rank. False where an
 * axis of the file says something else. */
static bool fill_row(struct lat_port *port, const struct lat_input_spec *input)
{
    int64_t dims[3];
    const bool image = input->kind == LAT_INPUT_IMAGE;
    const bool sequence = input->kind == LAT_INPUT_SEQUENCE;
    if (port->rank < 2 ||
        port->rank > (image      ? 4
                      : sequence ? 3
                                 : 2) ||
        (port->rank == 3 && !sequence && input->channels != 1))
        return false;
    row_dims(input, port->rank, dims);
    for (size_t i = 1; i < port->rank; i++) {
        if (port->dims[i] >= 0 && port->dims[i] != dims[i - 1])
            return false;
        port->dims[i] = dims[i - 1];
    }
    return true;
}

static enum lat_status settle_input(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info,
                                    struct lat_input_spec *input, struct lat_error *err)
{
    if (input->kind == LAT_INPUT_IMAGE)
        return settle_image(face, info, input, err);
    return input->kind == LAT_INPUT_SEQUENCE ? settle_sequence(face, info, input, err)
                                             : settle_vector(face, info, input, err);
}

/* --- codes ------------------------------------------------------------------------------- */

/* The width of a code tensor: the product of what is not the batch; -1 when an axis is open. */
static int64_t width_of(const struct lat_tensor_info *info)
{
    int64_t width = 1;
    for (size_t i = 1; i < info->rank; i++) {
        if (info->dims[i] < 0 || info->dims[i] > elements_max || width > elements_max)
            return -1;
        width *= info->dims[i];
    }
    return width;
}

/* Holds a code tensor against the manifest's dimension (0: not said), and makes its port. */
static enum lat_status settle_code(const struct lat_graph_face *face,
                                   const struct lat_tensor_info *info, size_t *dimension,
                                   struct lat_port *port, struct lat_error *err)
{
    int64_t said = (int64_t)*dimension;
    const int64_t width = width_of(info);
    if (width < 0 && info->rank != 2)
        return unfit(face, info, "[N,D]", err);
    const enum lat_status status = settle("/code/dimension", face, info, width, &said, err);
    if (status != LAT_OK)
        return status;
    if (said < 1 || said > 1 << 20)
        return unfit(face, info, "a code of 1 to 1048576 numbers", err);
    *dimension = (size_t)said;
    set_port(port, info);
    if (width < 0)
        port->dims[1] = said;
    return LAT_OK;
}

static enum lat_status settle_log_variance(const struct lat_graph_face *face,
                                           struct lat_manifest *manifest,
                                           struct lat_signature *out, struct lat_error *err)
{
    static const char *const usual[2] = {"log_variance", NULL};
    const char *named = manifest->log_variance_tensor;
    if (named[0] == '\0' && !by_name(face->outputs, face->n_outputs, usual[0]))
        return LAT_OK;
    const struct lat_tensor_info *info;
    enum lat_status status = choose(face, false, named[0] ? named : usual[0],
                                    "/tensors/log_variance", usual, &info, err);
    if (status == LAT_OK)
        status = settle_code(face, info, &manifest->code_dimension, &out->log_variance, err);
    return status;
}

enum lat_status lat_signature_encoder(const struct lat_graph_face *face,
                                      struct lat_manifest *manifest, struct lat_signature *out,
                                      struct lat_error *err)
{
    static const char *const none[2] = {NULL, NULL};
    static const char *const usual[2] = {"code", "mean"};
    const struct lat_tensor_info *input, *code;
    enum lat_status status = check_one_input(face, err);
    if (status == LAT_OK)
        status =
            choose(face, true, manifest->input_tensor, "/tensors/input", none, &input, err);
    if (status == LAT_OK)
        status = settle_input(face, input, &manifest->input, err);
    if (status != LAT_OK)
        return status;
    set_port(&out->input, input);
    if (!fill_row(&out->input, &manifest->input))
        return unfit(face, input, "the sizes and layout in model.json", err);
    manifest->input.dimension = lat_input_elements(&manifest->input);
    status = choose(face, false, manifest->code_tensor, "/tensors/code", usual, &code, err);
    if (status == LAT_OK)
        status = settle_code(face, code, &manifest->code_dimension, &out->code, err);
    if (status == LAT_OK)
        status = settle_log_variance(face, manifest, out, err);
    return status;
}

/* Said by the manifest alone. */
static enum lat_status settle_spread(const struct lat_graph_face *face,
                                     const struct lat_manifest *manifest,
                                     struct lat_signature *out, struct lat_error *err)
{
    static const char *const none[2] = {NULL, NULL};
    const struct lat_tensor_info *spread;
    if (manifest->spread_tensor[0] == '\0')
        return LAT_OK;
    const enum lat_status status =
        choose(face, false, manifest->spread_tensor, "/tensors/spread", none, &spread, err);
    if (status != LAT_OK)
        return status;
    set_port(&out->spread, spread);
    return fill_row(&out->spread, &manifest->input)
               ? LAT_OK
               : unfit(face, spread, "the shape of the decoder's output", err);
}

enum lat_status lat_signature_decoder(const struct lat_graph_face *face,
                                      const struct lat_manifest *manifest,
                                      struct lat_signature *out, struct lat_error *err)
{
    static const char *const none[2] = {NULL, NULL};
    static const char *const usual[2] = {"output", NULL};
    const struct lat_tensor_info *code, *output;
    size_t dimension = manifest->code_dimension;
    enum lat_status status = check_one_input(face, err);
    if (status == LAT_OK)
        status = choose(face, true, manifest->decoder_input_tensor, "/tensors/decoder_input",
                        none, &code, err);
    if (status == LAT_OK)
        status = settle_code(face, code, &dimension, &out->decoder_input, err);
    if (status == LAT_OK)
        status = choose(face, false, manifest->output_tensor, "/tensors/output", usual, &output,
                        err);
    if (status != LAT_OK)
        return status;
    set_port(&out->output, output);
    if (fill_row(&out->output, &manifest->input))
        return settle_spread(face, manifest, out, err);
    const int64_t has = width_of(output), wants = (int64_t)lat_input_elements(&manifest->input);
    if (has >= 0 && has != wants)
        return mismatch("/input", wants, face->file, output, has, err);
    return unfit(face, output, "the shape and layout of the encoder's input", err);
}
