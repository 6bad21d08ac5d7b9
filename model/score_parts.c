/* The reconstruction error taken apart: by column, pixel or element. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/image.h"
#include "model/model_internal.h"
#include "model/preprocess.h"
#include "model/score.h"

#include "base/banned.h"

size_t lat_score_features(const struct lat_input_spec *input)
{
    if (input->kind == LAT_INPUT_TABLE)
        return input->table ? input->table->names.n : 0;
    if (input->kind == LAT_INPUT_IMAGE)
        return (size_t)input->width * input->height;
    return lat_input_elements(input);
}

static double squared(const float *row, const float *decoded, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)row[i] - (double)decoded[i];
        sum += difference * difference;
    }
    return sum;
}

/* All channels of a pixel, in [0,1]. */
static double pixel_error(const struct lat_input_spec *input, const float *row,
                          const float *decoded, size_t pixel)
{
    const size_t plane = (size_t)input->width * input->height;
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    double sum = 0;
    for (uint32_t c = 0; c < input->channels; c++) {
        const size_t at = planar ? c * plane + pixel : pixel * input->channels + c;
        const double difference =
            ((double)row[at] - (double)decoded[at]) * (double)input->std[c];
        sum += difference * difference;
    }
    return sum;
}

static float part(float observed, double error)
{
    return isnan(observed) ? NAN : lat_score_limit(error);
}

/* The error of each feature; NaN where it is missing. */
static void feature_errors(const struct lat_input_spec *input, const float *row,
                           const float *decoded, size_t n, float *out)
{
    for (size_t f = 0; f < n; f++) {
        if (input->kind == LAT_INPUT_TABLE) {
            const struct lat_column *column = &input->table->columns[f];
            const size_t at = column->start;
            out[f] = part(row[at], squared(row + at, decoded + at, column->width));
        } else if (input->kind == LAT_INPUT_IMAGE) {
            out[f] = lat_score_limit(pixel_error(input, row, decoded, f));
        } else {
            out[f] = part(row[f], squared(row + f, decoded + f, 1));
        }
    }
}

static int descending(const void *left, const void *right)
{
    const struct lat_contribution *a = left, *b = right;
    if (a->error != b->error)
        return a->error < b->error ? 1 : -1;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

enum lat_status lat_score_contributions(const struct lat_model *model, const float *row,
                                        const float *decoded, size_t n_max,
                                        struct lat_contribution *out, size_t *out_n,
                                        struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    const size_t n = lat_score_features(input);
    float *errors = lat_alloc_raw(n ? n : 1, sizeof(*errors));
    struct lat_contribution *all = lat_alloc_raw(n ? n : 1, sizeof(*all));
    enum lat_status status = errors && all ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        double total = 0;
        size_t there = 0;
        feature_errors(input, row, decoded, n, errors);
        for (size_t f = 0; f < n; f++)
            total += isnan(errors[f]) ? 0 : (double)errors[f];
        for (size_t f = 0; f < n; f++) {
            if (isnan(errors[f]))
                continue;
            all[there++] = (struct lat_contribution){
                .feature = (uint32_t)f,
                .error = errors[f],
                .share = total > 0 ? (float)((double)errors[f] / total) : 0};
        }
        qsort(all, there, sizeof(*all), descending);
        *out_n = there < n_max ? there : n_max;
        for (size_t i = 0; i < *out_n; i++)
            out[i] = all[i];
    }
    lat_free(all);
    lat_free(errors);
    return status;
}

/* Black, red, yellow, white: one channel fills after the other. `heat` in [0,1]. */
static void colour(double heat, uint8_t *out_rgb)
{
    for (int c = 0; c < 3; c++) {
        const double value = fmin(fmax(3 * heat - c, 0), 1);
        out_rgb[c] = (uint8_t)(value * 255 + 0.5);
    }
}

enum lat_status lat_score_map(const struct lat_model *model, const float *row,
                              const float *decoded, struct lat_buf *out, struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    if (input->kind != LAT_INPUT_IMAGE)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "model '%s' takes no pictures: there are no pixels to map",
                        model->reference);
    const size_t n = lat_score_features(input);
    float *errors = lat_alloc_raw(n, sizeof(*errors));
    uint8_t *pixels = lat_alloc_raw(3 * n, sizeof(*pixels));
    enum lat_status status = errors && pixels ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        float largest = 0;
        feature_errors(input, row, decoded, n, errors);
        for (size_t i = 0; i < n; i++)
            largest = errors[i] > largest ? errors[i] : largest;
        /* the difference, not its square: small errors are to be seen beside large ones */
        for (size_t i = 0; i < n; i++)
            colour(largest > 0 ? sqrt((double)errors[i] / (double)largest) : 0, pixels + 3 * i);
        status = lat_image_encode_png(pixels, input->width, input->height, 3, out, err);
    }
    lat_free(pixels);
    lat_free(errors);
    return status;
}
