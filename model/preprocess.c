/* Rows in the network's own order, and the way back to pixels.
 *
 * Planes and the NCHW and flat layouts are the same order, so those are written in place and
 * standardised there; only NHWC needs a second buffer. Both directions use the same two numbers
 * a channel, so pixels survive the round trip to within their rounding. */
#include "model/preprocess.h"

#include "base/mem.h"

#include "base/banned.h"

static size_t plane_len(const struct lat_input_spec *input)
{
    return (size_t)input->width * input->height;
}

size_t lat_preprocess_channel(const struct lat_input_spec *input, size_t i)
{
    return input->layout == LAT_LAYOUT_NHWC ? i % input->channels : i / plane_len(input);
}

static void standardise(const struct lat_input_spec *input, float *planes)
{
    const size_t n = plane_len(input);
    for (uint32_t c = 0; c < input->channels; c++, planes += n) {
        const float mean = input->mean[c], std = input->std[c];
        if (mean == 0.0F && std == 1.0F)
            continue;
        for (size_t i = 0; i < n; i++)
            planes[i] = (planes[i] - mean) / std;
    }
}

static void interleave(const struct lat_input_spec *input, const float *planes, float *out_row)
{
    const size_t n = plane_len(input), channels = input->channels;
    for (size_t c = 0; c < channels; c++, planes += n)
        for (size_t i = 0; i < n; i++)
            out_row[i * channels + c] = planes[i];
}

enum lat_status lat_preprocess_image(const struct lat_input_spec *input,
                                     const struct lat_image *image, float *out_row,
                                     struct lat_error *err)
{
    const bool in_place = input->layout != LAT_LAYOUT_NHWC || input->channels == 1;
    float *planes = out_row;
    if (!in_place && !(planes = lat_alloc_raw(lat_input_elements(input), sizeof(*planes))))
        return lat_fail_memory(err);
    const enum lat_status status =
        lat_image_to_planes(image, input->width, input->height, input->channels, planes, err);
    if (status == LAT_OK) {
        standardise(input, planes);
        if (!in_place)
            interleave(input, planes, out_row);
    }
    if (!in_place)
        lat_free(planes);
    return status;
}

/* The comparison is written so that a NaN fails it. */
static uint8_t to_pixel(float value)
{
    if (!(value > 0.0F))
        return 0;
    return value >= 1.0F ? 255 : (uint8_t)(value * 255.0F + 0.5F);
}

void lat_preprocess_to_pixels(const struct lat_input_spec *input, const float *row,
                              uint8_t *out_pixels)
{
    const size_t n = plane_len(input), channels = input->channels;
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    for (size_t c = 0; c < channels; c++) {
        const float *source = row + (planar ? c * n : c);
        const size_t step = planar ? 1 : channels;
        for (size_t i = 0; i < n; i++)
            out_pixels[i * channels + c] =
                to_pixel(source[i * step] * input->std[c] + input->mean[c]);
    }
}
