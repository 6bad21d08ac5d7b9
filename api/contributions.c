/* One writer of a feature's name and one of its value for each kind of input. */
#include "api/contributions.h"

#include <string.h>

#include "api/reply.h"
#include "base/mem.h"
#include "model/score.h"

#include "base/banned.h"

static void write_name(struct lat_buf *out, const struct lat_input_spec *input, size_t f)
{
    const char *name = NULL;
    lat_buf_text(out, "{\"feature\":");
    if (input->kind == LAT_INPUT_TABLE)
        name = input->table->names.items[f];
    else if (input->kind == LAT_INPUT_INTERACTIONS && input->items && f < input->items->n)
        name = input->items->items[f];
    else if (input->kind == LAT_INPUT_SEQUENCE)
        name = input->feature_names[f % input->features];
    if (name && *name)
        lat_buf_json_string(out, name, strlen(name));
    else if (input->kind == LAT_INPUT_IMAGE)
        lat_buf_printf(out, "\"%zu,%zu\"", f % input->width, f / input->width);
    else if (input->kind == LAT_INPUT_SEQUENCE)
        lat_buf_printf(out, "\"%zu\"", f % input->features);
    else
        lat_buf_printf(out, "\"%zu\"", f);
    if (input->kind == LAT_INPUT_SEQUENCE)
        lat_write_count(out, "step", f / input->features);
}

static void write_pixel(struct lat_buf *out, const struct lat_input_spec *input,
                        const float *row, size_t pixel)
{
    const size_t plane = (size_t)input->width * input->height;
    if (input->channels > 1)
        lat_buf_char(out, '[');
    for (uint32_t c = 0; c < input->channels; c++) {
        const size_t at =
            input->layout == LAT_LAYOUT_NHWC ? pixel * input->channels + c : c * plane + pixel;
        if (c)
            lat_buf_char(out, ',');
        lat_buf_json_float(out, row[at] * input->std[c] + input->mean[c]);
    }
    if (input->channels > 1)
        lat_buf_char(out, ']');
}

static void write_value(struct lat_buf *out, const struct lat_input_spec *input,
                        const float *row, size_t f, bool observed)
{
    if (input->kind == LAT_INPUT_TABLE && observed) {
        lat_table_write_observed(&input->table->columns[f], row, out);
    } else if (input->kind == LAT_INPUT_TABLE) {
        lat_table_write_cell(&input->table->columns[f], row, out);
    } else if (input->kind == LAT_INPUT_IMAGE) {
        write_pixel(out, input, row, f);
    } else if (input->kind == LAT_INPUT_SEQUENCE) {
        const size_t g = f % input->features;
        lat_buf_json_float(out, row[f] * input->feature_std[g] + input->feature_mean[g]);
    } else {
        lat_buf_json_float(out, row[f]);
    }
}

enum lat_status lat_write_contributions(struct lat_buf *out, const struct lat_model *model,
                                        const float *row, const float *decoded, size_t n_max,
                                        struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t features = lat_score_features(input);
    const size_t most = n_max < features ? n_max : features;
    size_t n = 0;
    struct lat_contribution *parts = lat_alloc_raw(most ? most : 1, sizeof(*parts));
    if (!parts)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    if (most)
        status = lat_score_contributions(model, row, decoded, most, parts, &n, err);
    lat_buf_char(out, '[');
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_name(out, input, parts[i].feature);
        lat_write_key(out, "observed");
        write_value(out, input, row, parts[i].feature, true);
        lat_write_key(out, "expected");
        write_value(out, input, decoded, parts[i].feature, false);
        lat_write_float(out, "error", parts[i].error);
        lat_write_float(out, "share", parts[i].share);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    lat_free(parts);
    return status;
}

void lat_write_steps(struct lat_buf *out, const struct lat_model *model, const float *row,
                     const float *decoded)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    if (input->kind != LAT_INPUT_SEQUENCE)
        return;
    lat_write_key(out, "steps");
    lat_buf_char(out, '[');
    for (size_t step = 0; step < input->length; step++) {
        double sum = 0;
        for (size_t f = 0; f < input->features; f++) {
            const size_t at = step * input->features + f;
            const double difference = (double)row[at] - (double)decoded[at];
            sum += difference * difference;
        }
        if (step)
            lat_buf_char(out, ',');
        lat_buf_json_float(out, lat_score_limit(sum / (double)input->features));
    }
    lat_buf_char(out, ']');
}
