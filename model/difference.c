/* Compared is what the two pictures show, not what the rows hold: normalisation is undone and
 * values are cut to [0,1] first, so that the picture agrees with the two beside it. */
#include "model/difference.h"

#include <math.h>

#include "base/mem.h"
#include "model/image.h"

#include "base/banned.h"

/* The value a picture shows; what is no number is black. */
static float shown(const struct lat_input_spec *input, float value, uint32_t channel)
{
    const float pixel = value * input->std[channel] + input->mean[channel];
    return pixel > 0.0F ? fminf(pixel, 1.0F) : 0.0F;
}

static float at_pixel(const struct lat_input_spec *input, const float *a, const float *b,
                      size_t pixel, size_t n)
{
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    float sum = 0;
    for (uint32_t c = 0; c < input->channels; c++) {
        const size_t i = planar ? c * n + pixel : pixel * input->channels + c;
        sum += fabsf(shown(input, a[i], c) - shown(input, b[i], c));
    }
    return sum / (float)input->channels;
}

enum lat_status lat_difference_png(const struct lat_input_spec *input, const float *a,
                                   const float *b, struct lat_buf *out,
                                   struct lat_difference *out_difference, struct lat_error *err)
{
    const size_t n = (size_t)input->width * input->height;
    struct lat_difference difference = {0};
    double sum = 0;
    uint8_t *pixels = lat_alloc_raw(n, 1);
    if (!pixels)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const float value = at_pixel(input, a, b, i, n);
        pixels[i] = (uint8_t)(value * 255.0F + 0.5F);
        difference.most = fmaxf(difference.most, value);
        sum += (double)value;
    }
    difference.mean = (float)(sum / (double)n);
    const enum lat_status status =
        lat_image_encode_png(pixels, input->width, input->height, 1, out, err);
    if (status == LAT_OK)
        *out_difference = difference;
    lat_free(pixels);
    return status;
}
