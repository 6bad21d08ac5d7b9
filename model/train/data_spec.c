/* The data object of a spec: path, format (told from the path when it is not given), the share
 * held out, and the keys of the format, which its row of lat_data_formats reads. The object's
 * text is kept whole, so that the format reads its options again when it opens the file. */
#include "model/train/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/dataset/arrays.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum { MAX_FORMATS = 16 };

static const double MAX_VALIDATION = 0.9;

/* A choice of the table's formats, those without an opener not ready. */
static void read_format(struct lat_fields *fields, struct lat_data_spec *out_data)
{
    struct lat_choice choices[MAX_FORMATS];
    for (size_t i = 0; i < lat_n_data_formats && i < MAX_FORMATS; i++)
        choices[i] = (struct lat_choice){lat_data_formats[i].name, (int)i,
                                         lat_data_formats[i].open != NULL};
    int row = -1;
    lat_fields_choice(fields, "format", choices, lat_n_data_formats, &row);
    const struct lat_data_format *format = row >= 0 ? &lat_data_formats[row] : NULL;
    if (!format && out_data->path[0])
        format = lat_data_format_guess(out_data->path);
    if (format)
        snprintf(out_data->format, sizeof(out_data->format), "%s", format->name);
}

static const struct lat_choice binarisations[] = {{"none", LAT_BINARISE_NONE, true},
                                                  {"stochastic", LAT_BINARISE_STOCHASTIC, true},
                                                  {"fixed", LAT_BINARISE_FIXED, true}};

static void read_binarise(struct lat_fields *fields, struct lat_data_spec *out_data)
{
    int word = (int)out_data->binarise;
    lat_fields_choice(fields, "binarise", binarisations, LAT_ARRAY_LEN(binarisations), &word);
    out_data->binarise = (enum lat_binarise)word;
}

/* A collection's items, or its interactions. */
static bool wants_interactions(struct lat_fields *fields)
{
    static const struct lat_choice choices[] = {{"collection", 0, true},
                                                {"interactions", 1, true}};
    int row = 0;
    lat_fields_choice(fields, "format", choices, LAT_ARRAY_LEN(choices), &row);
    return row == 1;
}

/* What a collection stores says its kind by itself; pictures may be given a size. */
static void read_collected(struct lat_fields *fields, struct lat_data_spec *out_data)
{
    struct lat_arena arena = {0};
    struct lat_data_options options = {0};
    snprintf(out_data->format, sizeof(out_data->format), "%s",
             wants_interactions(fields) ? "interactions" : "collection");
    out_data->has_min_weight = lat_fields_has(fields, "min_weight");
    lat_fields_real(fields, "min_weight", &out_data->min_weight, -1e30, 1e30);
    lat_fields_real(fields, "validation", &out_data->validation, 0, MAX_VALIDATION);
    read_binarise(fields, out_data);
    lat_fields_count(fields, "memory", &out_data->memory_mib, 1, 1 << 20);
    lat_images_options(fields, &arena, &options);
    memcpy(out_data->size, options.size, sizeof(options.size));
    out_data->channels = options.channels;
    lat_arena_release(&arena);
    if (lat_fields_has(fields, "path"))
        lat_fields_fail(fields, "path", "two_kinds",
                        "the data are a path or a collection, not both");
    lat_fields_end(fields);
}

void lat_data_spec_read(struct lat_fields *fields, struct lat_data_spec *out_data)
{
    lat_fields_text(fields, "collection", out_data->collection, sizeof(out_data->collection));
    if (out_data->collection[0]) {
        read_collected(fields, out_data);
        return;
    }
    lat_fields_text(fields, "path", out_data->path, sizeof(out_data->path));
    read_format(fields, out_data);
    lat_fields_real(fields, "validation", &out_data->validation, 0, MAX_VALIDATION);
    read_binarise(fields, out_data);
    lat_fields_count(fields, "memory", &out_data->memory_mib, 1, 1 << 20);
    const struct lat_data_format *format = lat_data_format_find(out_data->format);
    if (format && format->options) {
        struct lat_arena arena = {0};
        struct lat_data_options options = {0};
        format->options(fields, &arena, &options);
        memcpy(out_data->size, options.size, sizeof(options.size));
        out_data->channels = options.channels;
        lat_arena_release(&arena);
    }
    lat_fields_end(fields);
    if (!out_data->path[0])
        lat_fields_fail(fields, "path", "missing_field", "expected the path of the data");
    if (!out_data->format[0])
        lat_fields_fail(fields, "format", "missing_field",
                        "'%s' does not tell its format by its name, and none is given",
                        out_data->path);
}

/* The object's text into out_data->options_json. */
static enum lat_status keep_text(const struct lat_document *document,
                                 struct lat_data_spec *out_data, struct lat_error *err)
{
    struct lat_buf text = {0};
    const enum lat_status status = lat_document_write(document, &text, err);
    if (status == LAT_OK)
        out_data->options_json = lat_buf_take(&text, NULL);
    lat_buf_release(&text);
    return status;
}

static enum lat_status parse_object(const char *text, struct lat_data_spec *data,
                                    struct lat_error *err)
{
    struct lat_document *document = NULL;
    enum lat_status status = lat_document_parse(text, strlen(text), &document, err);
    if (status == LAT_OK) {
        struct lat_fields fields;
        lat_fields_root(document, &fields, err);
        lat_data_spec_read(&fields, data);
        status = lat_document_status(document);
    }
    if (status == LAT_OK)
        status = keep_text(document, data, err);
    lat_document_free(document);
    return status;
}

enum lat_status lat_data_spec_parse(const char *text, struct lat_data_spec *out_data,
                                    struct lat_error *err)
{
    struct lat_data_spec data = {0};
    const char *start = text + strspn(text, " \t\r\n");
    if (*start == '{') {
        const enum lat_status status = parse_object(start, &data, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "data");
            return status;
        }
        *out_data = data;
        return LAT_OK;
    }
    const struct lat_data_format *format = lat_data_format_guess(text);
    if (!format)
        return lat_fail(err, LAT_INVALID, "unknown_format",
                        "'%s' does not tell its format by its name; give a JSON object with "
                        "format and path",
                        text);
    if (strlen(text) >= sizeof(data.path))
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "the path has %zu bytes, more than %zu", strlen(text),
                        sizeof(data.path) - 1);
    snprintf(data.path, sizeof(data.path), "%s", text);
    snprintf(data.format, sizeof(data.format), "%s", format->name);
    *out_data = data;
    return LAT_OK;
}

void lat_data_spec_release(struct lat_data_spec *data)
{
    lat_free(data->options_json);
    data->options_json = NULL;
}
