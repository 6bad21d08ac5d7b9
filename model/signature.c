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

#include "model/signature_internal.h"

#include "base/banned.h"

enum lat_status lat_signature_mismatch(const char *pointer, int64_t said, const char *file,
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

enum lat_status lat_signature_unsaid(const char *pointer, const char *file,
                                     const struct lat_tensor_info *info, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "missing_key",
             "model.json: %s: missing, and '%s' of %s does not say it", pointer, info->name,
             file);
    lat_error_at(err, "%s", pointer);
    return LAT_INVALID;
}

enum lat_status lat_signature_unfit(const struct lat_graph_face *face,
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

enum lat_status lat_signature_settle(const char *pointer, const struct lat_graph_face *face,
                                     const struct lat_tensor_info *info, int64_t dim,
                                     int64_t *said, struct lat_error *err)
{
    if (dim < 0)
        return *said ? LAT_OK : lat_signature_unsaid(pointer, face->file, info, err);
    if (*said && *said != dim)
        return lat_signature_mismatch(pointer, *said, face->file, info, dim, err);
    *said = dim;
    return LAT_OK;
}

/* ---- choosing tensors ---- */

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
        return lat_signature_unfit(face, info, "a batch as the first axis", err);
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

/* ---- codes ---- */

/* The width of a code tensor: the product of what is not the batch; -1 when an axis is open. */
static int64_t width_of(const struct lat_tensor_info *info)
{
    int64_t width = 1;
    for (size_t i = 1; i < info->rank; i++) {
        if (info->dims[i] < 0 || info->dims[i] > LAT_SIGNATURE_ELEMENTS_MAX ||
            width > LAT_SIGNATURE_ELEMENTS_MAX)
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
        return lat_signature_unfit(face, info, "[N,D]", err);
    const enum lat_status status =
        lat_signature_settle("/code/dimension", face, info, width, &said, err);
    if (status != LAT_OK)
        return status;
    if (said < 1 || said > 1 << 20)
        return lat_signature_unfit(face, info, "a code of 1 to 1048576 numbers", err);
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
        status = lat_signature_input(face, input, &manifest->input, err);
    if (status != LAT_OK)
        return status;
    set_port(&out->input, input);
    if (!lat_signature_row(&out->input, &manifest->input))
        return lat_signature_unfit(face, input, "the sizes and layout in model.json", err);
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
    return lat_signature_row(&out->spread, &manifest->input)
               ? LAT_OK
               : lat_signature_unfit(face, spread, "the shape of the decoder's output", err);
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
    if (lat_signature_row(&out->output, &manifest->input))
        return settle_spread(face, manifest, out, err);
    const int64_t has = width_of(output), wants = (int64_t)lat_input_elements(&manifest->input);
    if (has >= 0 && has != wants)
        return lat_signature_mismatch("/input", wants, face->file, output, has, err);
    return lat_signature_unfit(face, output, "the shape and layout of the encoder's input",
                               err);
}
