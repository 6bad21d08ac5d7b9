/* The features of each kind of input, and sketches of them. */
#include "model/portrait.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/table.h"

#include "base/banned.h"

enum { GRID = 4, HISTORY_OWN = 2 };

/* ---- features ---- */

static size_t at_most(size_t n)
{
    return n < LAT_PORTRAIT_FEATURES ? n : LAT_PORTRAIT_FEATURES;
}

size_t lat_portrait_features(const struct lat_input_spec *input)
{
    switch (input->kind) {
    case LAT_INPUT_TABLE:
        return input->table ? at_most(input->table->names.n) : 0;
    case LAT_INPUT_IMAGE:
        return 2 * (size_t)input->channels + GRID * GRID;
    case LAT_INPUT_SEQUENCE:
        return 2 * (size_t)input->features;
    case LAT_INPUT_INTERACTIONS:
        return at_most(HISTORY_OWN + lat_input_elements(input));
    case LAT_INPUT_VECTOR:
        break;
    }
    return at_most(lat_input_elements(input));
}

static void image_name(const struct lat_input_spec *input, size_t f, char *out, size_t size)
{
    static const char *const channels[] = {"red", "green", "blue", "alpha"};
    const size_t own = 2 * (size_t)input->channels;
    const char *what = f % 2 ? "contrast" : "brightness";
    if (f >= own)
        snprintf(out, size, "brightness of region %zu,%zu", (f - own) % GRID, (f - own) / GRID);
    else if (input->channels == 1)
        snprintf(out, size, "%s", what);
    else
        snprintf(out, size, "%s of %s", what, channels[f / 2 % LAT_ARRAY_LEN(channels)]);
}

void lat_portrait_name(const struct lat_input_spec *input, size_t f, char *out, size_t size)
{
    if (input->kind == LAT_INPUT_TABLE) {
        snprintf(out, size, "%s", input->table->names.items[f]);
    } else if (input->kind == LAT_INPUT_IMAGE) {
        image_name(input, f, out, size);
    } else if (input->kind == LAT_INPUT_SEQUENCE) {
        const char *name = input->feature_names[f / 2];
        char number[24];
        snprintf(number, sizeof(number), "%zu", f / 2);
        snprintf(out, size, "%s of %s", f % 2 ? "spread" : "mean", *name ? name : number);
    } else if (input->kind == LAT_INPUT_INTERACTIONS && f < HISTORY_OWN) {
        snprintf(out, size, "%s", f ? "mean weight" : "number of items");
    } else if (input->kind == LAT_INPUT_INTERACTIONS && input->items) {
        snprintf(out, size, "item %s", input->items->items[f - HISTORY_OWN]);
    } else {
        snprintf(out, size, "%zu", f);
    }
}

size_t lat_portrait_words(const struct lat_input_spec *input, size_t f)
{
    if (input->kind == LAT_INPUT_INTERACTIONS)
        return f < HISTORY_OWN ? 0 : 2;
    if (input->kind != LAT_INPUT_TABLE)
        return 0;
    const struct lat_column *column = &input->table->columns[f];
    return lat_column_has_words(column) ? column->width : 0;
}

static void table_values(const struct lat_input_spec *input, const float *row, float *out)
{
    for (size_t c = 0; c < at_most(input->table->names.n); c++) {
        const struct lat_column *column = &input->table->columns[c];
        const float *cells = row + column->start;
        size_t largest = 0;
        for (size_t i = 1; i < column->width; i++)
            largest = cells[i] > cells[largest] ? i : largest;
        if (isnan(cells[0]))
            out[c] = NAN;
        else if (!lat_column_has_words(column))
            out[c] = (float)((double)cells[0] * column->std + column->mean);
        else
            out[c] = (float)largest;
    }
}

static void mean_and_spread(const float *values, size_t n, size_t step, double scale,
                            double shift, float *out)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = (double)values[i * step];
        sum += value;
        squares += value * value;
    }
    const double mean = sum / (double)n;
    out[0] = (float)(mean * scale + shift);
    out[1] = (float)(sqrt(fmax(squares / (double)n - mean * mean, 0)) * scale);
}

/* Sum over a stretch of pixels; every `step`-th value. */
static double stretch(const float *values, size_t n, size_t step)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i * step];
    return sum;
}

/* Region r of `size` pixels begins at the first that is not of the one before. */
static size_t begin_of(size_t r, size_t size)
{
    return (r * size + GRID - 1) / GRID;
}

static double region_sum(const struct lat_input_spec *input, const float *plane, size_t step,
                         size_t region, size_t *out_n)
{
    const size_t x = begin_of(region % GRID, input->width),
                 x_end = begin_of(region % GRID + 1, input->width),
                 y_end = begin_of(region / GRID + 1, input->height);
    double sum = 0;
    *out_n = 0;
    for (size_t y = begin_of(region / GRID, input->height); y < y_end; y++) {
        sum += stretch(plane + (y * input->width + x) * step, x_end - x, step);
        *out_n += x_end - x;
    }
    return sum;
}

static void region_means(const struct lat_input_spec *input, const float *row, float *out)
{
    const size_t plane = (size_t)input->width * input->height;
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    for (size_t region = 0; region < GRID * GRID; region++) {
        double mean = 0;
        size_t n = 0;
        for (uint32_t c = 0; c < input->channels; c++) {
            const double sum = region_sum(input, row + (planar ? c * plane : c),
                                          planar ? 1 : input->channels, region, &n);
            mean += n ? sum / (double)n * (double)input->std[c] + (double)input->mean[c] : 0;
        }
        out[region] = n ? (float)(mean / input->channels) : NAN;
    }
}

static void image_values(const struct lat_input_spec *input, const float *row, float *out)
{
    const size_t plane = (size_t)input->width * input->height;
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    for (uint32_t c = 0; c < input->channels; c++)
        mean_and_spread(row + (planar ? c * plane : c), plane, planar ? 1 : input->channels,
                        (double)input->std[c], (double)input->mean[c], out + 2 * c);
    region_means(input, row, out + 2 * input->channels);
}

static void history_values(const struct lat_input_spec *input, const float *row, float *out)
{
    const size_t n = lat_input_elements(input), features = lat_portrait_features(input);
    double sum = 0;
    size_t there = 0;
    for (size_t i = 0; i < n; i++) {
        const bool in = !isnan(row[i]) && row[i] != 0;
        sum += in ? (double)row[i] : 0;
        there += in;
        if (i + HISTORY_OWN < features)
            out[i + HISTORY_OWN] = in;
    }
    out[0] = (float)there;
    out[1] = there ? (float)(sum / (double)there) : NAN;
}

void lat_portrait_values(const struct lat_input_spec *input, const float *row, float *out)
{
    switch (input->kind) {
    case LAT_INPUT_TABLE:
        table_values(input, row, out);
        break;
    case LAT_INPUT_IMAGE:
        image_values(input, row, out);
        break;
    case LAT_INPUT_SEQUENCE:
        for (size_t f = 0; f < input->features; f++)
            mean_and_spread(row + f, input->length, input->features,
                            (double)input->feature_std[f], (double)input->feature_mean[f],
                            out + 2 * f);
        break;
    case LAT_INPUT_INTERACTIONS:
        history_values(input, row, out);
        break;
    case LAT_INPUT_VECTOR:
        memcpy(out, row, lat_portrait_features(input) * sizeof(*out));
        break;
    }
}

/* ---- sketches ---- */

static int ascending(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static enum lat_status sketch_words(struct lat_sketch *sketch, const float *values, size_t n,
                                    struct lat_error *err)
{
    sketch->n_values = sketch->n_words;
    sketch->values = lat_alloc(sketch->n_words, sizeof(*sketch->values));
    if (!sketch->values)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (values[i] >= 0 && values[i] < (float)sketch->n_words)
            sketch->values[(size_t)values[i]]++;
    return LAT_OK;
}

static enum lat_status sketch_numbers(struct lat_sketch *sketch, float *values, size_t n,
                                      struct lat_error *err)
{
    const size_t m = n < LAT_PORTRAIT_QUANTILES ? n : LAT_PORTRAIT_QUANTILES;
    qsort(values, n, sizeof(*values), ascending);
    sketch->n_values = m;
    sketch->values = lat_alloc_raw(m ? m : 1, sizeof(*sketch->values));
    if (!sketch->values)
        return lat_fail_memory(err);
    for (size_t k = 0; k < m; k++) {
        const double at = m > 1 ? (double)k * (double)(n - 1) / (double)(m - 1) : 0;
        const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
        const double share = at - (double)low;
        sketch->values[k] =
            (float)((1 - share) * (double)values[low] + share * (double)values[high]);
    }
    return LAT_OK;
}

enum lat_status lat_portrait_make(const struct lat_input_spec *input, const float *values,
                                  size_t n, struct lat_portrait **out_portrait,
                                  struct lat_error *err)
{
    const size_t features = lat_portrait_features(input);
    struct lat_portrait *portrait = lat_alloc(1, sizeof(*portrait));
    float *column = lat_alloc_raw(n ? n : 1, sizeof(*column));
    enum lat_status status = portrait && column ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        portrait->n = n;
        portrait->n_features = features;
        portrait->features = lat_alloc(features ? features : 1, sizeof(*portrait->features));
        if (!portrait->features)
            status = lat_fail_memory(err);
    }
    for (size_t f = 0; status == LAT_OK && f < features; f++) {
        struct lat_sketch *sketch = &portrait->features[f];
        for (size_t i = 0; i < n; i++)
            if (isfinite(values[i * features + f]))
                column[sketch->n++] = values[i * features + f];
        sketch->n_words = lat_portrait_words(input, f);
        status = sketch->n_words ? sketch_words(sketch, column, sketch->n, err)
                                 : sketch_numbers(sketch, column, sketch->n, err);
    }
    lat_free(column);
    if (status == LAT_OK)
        *out_portrait = portrait;
    else
        lat_portrait_free(portrait);
    return status;
}

void lat_portrait_free(struct lat_portrait *portrait)
{
    if (!portrait)
        return;
    for (size_t f = 0; portrait->features && f < portrait->n_features; f++)
        lat_free(portrait->features[f].values);
    lat_free(portrait->features);
    lat_free(portrait);
}

/* ---- writing ---- */

void lat_portrait_print(const struct lat_input_spec *input, const struct lat_portrait *portrait,
                        struct lat_buf *out)
{
    lat_buf_printf(out, "{\"n\": %zu, \"features\": [", portrait->n);
    for (size_t f = 0; f < portrait->n_features; f++) {
        const struct lat_sketch *sketch = &portrait->features[f];
        char name[512];
        lat_portrait_name(input, f, name, sizeof(name));
        lat_buf_text(out, f ? ",\n  {\"name\": " : "\n  {\"name\": ");
        lat_buf_json_string(out, name, strlen(name));
        lat_buf_printf(out, ", \"n\": %zu, \"%s\": ", sketch->n,
                       sketch->n_words ? "counts" : "quantiles");
        lat_buf_json_floats(out, sketch->values, sketch->n_values);
        lat_buf_char(out, '}');
    }
    lat_buf_text(out, "]}\n");
}

enum lat_status lat_portrait_write(const char *folder, const struct lat_input_spec *input,
                                   const struct lat_portrait *portrait, struct lat_error *err)
{
    struct lat_buf text = {0};
    char path[LAT_PATH_MAX + 32];
    const int len = snprintf(path, sizeof(path), "%s/" LAT_PORTRAIT_FILE, folder);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    lat_portrait_print(input, portrait, &text);
    enum lat_status status = lat_buf_check(&text, err);
    if (status == LAT_OK)
        status = lat_file_write(path, text.data, text.len, err);
    lat_buf_release(&text);
    return status;
}
