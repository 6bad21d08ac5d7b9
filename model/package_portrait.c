/* Reading portrait.json: what does not fit the model's input is refused with its place. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/portrait.h"

#include "base/banned.h"

static enum lat_status refuse(size_t feature, const char *words, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "bad_portrait", LAT_PORTRAIT_FILE ": /features/%zu: %s", feature,
             words);
    return LAT_INVALID;
}

static enum lat_status read_sketch(const json_t *value, const struct lat_input_spec *input,
                                   size_t f, struct lat_sketch *sketch, struct lat_error *err)
{
    char name[512];
    lat_portrait_name(input, f, name, sizeof(name));
    sketch->n_words = lat_portrait_words(input, f);
    const char *said = json_string_value(json_object_get(value, "name"));
    const json_t *list = json_object_get(value, sketch->n_words ? "counts" : "quantiles");
    const json_int_t n = json_integer_value(json_object_get(value, "n"));
    const size_t n_values = json_array_size(list);
    if (!said || strcmp(said, name) != 0)
        return refuse(f, "not the feature that the input has here", err);
    if (n < 0 || !json_is_array(list) || n_values > (1 << 20) ||
        (sketch->n_words && n_values != sketch->n_words))
        return refuse(f, "expected n, and a count a word or quantiles", err);
    sketch->n = (size_t)n;
    sketch->n_values = n_values;
    sketch->values = lat_alloc_raw(n_values ? n_values : 1, sizeof(*sketch->values));
    if (!sketch->values)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n_values; i++) {
        const json_t *number = json_array_get(list, i);
        sketch->values[i] = (float)json_number_value(number);
        const bool ordered = sketch->n_words ? sketch->values[i] >= 0
                                             : !i || sketch->values[i] >= sketch->values[i - 1];
        if (!json_is_number(number) || !isfinite(sketch->values[i]) || !ordered)
            return refuse(f, "expected counts, or ascending numbers", err);
    }
    return LAT_OK;
}

static enum lat_status read_root(const json_t *root, const struct lat_input_spec *input,
                                 struct lat_portrait *portrait, struct lat_error *err)
{
    const json_t *list = json_object_get(root, "features");
    const size_t n = lat_portrait_features(input);
    const json_int_t items = json_integer_value(json_object_get(root, "n"));
    if (items < 0 || json_array_size(list) != n)
        return lat_fail(err, LAT_INVALID, "bad_portrait",
                        LAT_PORTRAIT_FILE ": expected n and the %zu features of the input", n);
    portrait->n = (size_t)items;
    portrait->n_features = n;
    portrait->features = lat_alloc(n ? n : 1, sizeof(*portrait->features));
    enum lat_status status = portrait->features ? LAT_OK : lat_fail_memory(err);
    for (size_t f = 0; status == LAT_OK && f < n; f++) {
        status = read_sketch(json_array_get(list, f), input, f, &portrait->features[f], err);
        if (status == LAT_OK && portrait->features[f].n > portrait->n)
            status = refuse(f, "more items than there are", err);
    }
    return status;
}

enum lat_status lat_portrait_read(const char *folder, const struct lat_input_spec *input,
                                  struct lat_portrait **out_portrait, struct lat_error *err)
{
    char path[LAT_PATH_MAX + 32];
    struct lat_buf text = {0};
    json_error_t problem;
    const int len = snprintf(path, sizeof(path), "%s/" LAT_PORTRAIT_FILE, folder);
    *out_portrait = NULL;
    if (len < 0 || (size_t)len >= sizeof(path) || !lat_file_exists(path))
        return LAT_OK;
    struct lat_portrait *portrait = lat_alloc(1, sizeof(*portrait));
    json_t *root = NULL;
    enum lat_status status =
        portrait ? lat_file_read(path, ((size_t)64 << 20), &text, err) : lat_fail_memory(err);
    if (status == LAT_OK && !(root = json_loadb(text.data, text.len, 0, &problem)))
        status = lat_fail(err, LAT_INVALID, "bad_portrait", LAT_PORTRAIT_FILE ": line %d: %s",
                          problem.line, problem.text);
    if (status == LAT_OK)
        status = read_root(root, input, portrait, err);
    json_decref(root);
    lat_buf_release(&text);
    if (status == LAT_OK)
        *out_portrait = portrait;
    else
        lat_portrait_free(portrait);
    return status;
}
