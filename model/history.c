/* Events to weights and scores back to items. Pure functions of the vocabulary. */
#include "model/history.h"

#include <math.h>
#include <string.h>

#include "base/banned.h"

enum { SHOWN_MAX = 60 };

float lat_history_weight(const struct lat_input_spec *input, double weight)
{
    if (isnan(weight))
        return 1;
    if (weight < input->min_weight)
        return 0;
    return input->binary ? 1.0F : (float)weight;
}

enum lat_status lat_history_row(const struct lat_input_spec *input,
                                const struct lat_event *events, size_t n, float *out_row,
                                struct lat_error *err)
{
    const struct lat_event *unknown = NULL;
    size_t n_unknown = 0;
    for (size_t i = 0; i < input->dimension; i++)
        out_row[i] = input->ratings ? NAN : 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t item = 0;
        const float weight = lat_history_weight(input, events[i].weight);
        if (!isfinite(weight)) {
            lat_fail(err, LAT_INVALID, "out_of_range",
                     "item '%.*s': the weight is out of range", SHOWN_MAX, events[i].item);
            lat_error_at(err, "/history/%zu", i);
            return LAT_INVALID;
        }
        if (lat_words_find(input->items, events[i].item, events[i].len, &item)) {
            out_row[item] = input->ratings && !(weight > 0) ? NAN : weight;
            continue;
        }
        unknown = unknown ? unknown : &events[i];
        n_unknown++;
    }
    if (n == 0 || n_unknown < n)
        return LAT_OK;
    const char *near = lat_words_nearest(input->items, unknown->item);
    lat_fail(err, LAT_INVALID, "unknown_items",
             "the model knows none of the %zu item(s), the first '%.*s'%s%.*s%s", n, SHOWN_MAX,
             unknown->item, near ? "; did you mean '" : "", SHOWN_MAX, near ? near : "",
             near ? "'?" : "");
    lat_error_at(err, "/history");
    lat_error_expected(err, near, NULL);
    return LAT_INVALID;
}

void lat_history_write_scores(const struct lat_input_spec *input, const float *row,
                              struct lat_buf *out)
{
    lat_buf_char(out, '{');
    for (size_t i = 0; i < input->dimension; i++) {
        const char *item = input->items->items[i];
        if (i)
            lat_buf_char(out, ',');
        lat_buf_json_string(out, item, strlen(item));
        lat_buf_char(out, ':');
        lat_buf_json_float(out, row[i]);
    }
    lat_buf_char(out, '}');
}
