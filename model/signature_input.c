/* The input: its sizes and layout out of the manifest and the shape of the file's tensor, by
 * the rule at the head of signature.c. A layout is inferred when only one reading has 1 or 3
 * channels and the sizes the manifest says. Pure functions. */

#include "model/signature_internal.h"

#include "base/banned.h"

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
        return lat_signature_unfit(face, info, "[N,D] for the layout 'flat'", err);
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
    enum lat_status status =
        lat_signature_settle("/input/channels", face, info, sides[0], &channels, err);
    if (status == LAT_OK)
        status = lat_signature_settle("/input/height", face, info, sides[1], &height, err);
    if (status == LAT_OK)
        status = lat_signature_settle("/input/width", face, info, sides[2], &width, err);
    if (status != LAT_OK)
        return status;
    if ((channels != 1 && channels != 3) || height < 1 || height > 65535 || width < 1 ||
        width > 65535 || channels * height * width > LAT_SIGNATURE_ELEMENTS_MAX)
        return lat_signature_unfit(face, info, "1 or 3 channels and a size from 1 to 65535",
                                   err);
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
        return lat_signature_unsaid(input->width ? "/input/height" : "/input/width", face->file,
                                    info, err);
    const int64_t area = (int64_t)input->width * input->height, dim = info->dims[1];
    if (input->channels == 0 && dim > 0 && (dim == area || dim == 3 * area))
        input->channels = (uint32_t)(dim / area);
    if (input->channels == 0)
        return lat_signature_unsaid("/input/channels", face->file, info, err);
    if (dim >= 0 && dim != area * (int64_t)input->channels)
        return lat_signature_mismatch("/input", area * (int64_t)input->channels, face->file,
                                      info, dim, err);
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
        return lat_signature_unfit(face, info, "[N,C,H,W], [N,H,W,C], [N,H,W] or [N,D]", err);
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
        return lat_signature_unfit(face, info, "[N,D]", err);
    int64_t dimension = (int64_t)input->dimension;
    const enum lat_status status =
        lat_signature_settle("/input/dimension", face, info, info->dims[1], &dimension, err);
    if (status != LAT_OK)
        return status;
    if (dimension < 1 || dimension > LAT_SIGNATURE_ELEMENTS_MAX)
        return lat_signature_unfit(face, info, "[N,D] with a D of at least 1", err);
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
        return lat_signature_unfit(face, info, "[N,length,features] or [N,D]", err);
    int64_t length = input->length, features = input->features;
    enum lat_status status = lat_signature_settle("/input/length", face, info,
                                                  flat ? -1 : info->dims[1], &length, err);
    if (status == LAT_OK)
        status = lat_signature_settle("/input/features", face, info, flat ? -1 : info->dims[2],
                                      &features, err);
    if (status != LAT_OK)
        return status;
    if (length < 1 || length > 65535 || features < 1 || features > LAT_MAX_FEATURES)
        return lat_signature_unfit(face, info, "1 to 65535 steps of 1 to 128 features", err);
    if (flat && info->dims[1] >= 0 && info->dims[1] != length * features)
        return lat_signature_mismatch("/input", length * features, face->file, info,
                                      info->dims[1], err);
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

bool lat_signature_row(struct lat_port *port, const struct lat_input_spec *input)
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

enum lat_status lat_signature_input(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info,
                                    struct lat_input_spec *input, struct lat_error *err)
{
    if (input->kind == LAT_INPUT_IMAGE)
        return settle_image(face, info, input, err);
    return input->kind == LAT_INPUT_SEQUENCE ? settle_sequence(face, info, input, err)
                                             : settle_vector(face, info, input, err);
}
