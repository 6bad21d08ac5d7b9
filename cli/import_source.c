/* Rows of arrays that are pictures become PNG, rows of numbers raw float32; pictures in files
 * (import_pictures.c) are sent as they are. The arrays and tables are read by the trainer's own
 * readers. */
#include "cli/import_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/import_collection.h"
#include "cli/import_lines.h"
#include "cli/import_pictures.h"
#include "cli/import_sequence.h"
#include "cli/import_table.h"
#include "model/image.h"
#include "model/train/dataset/dataset.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum {
    ROW_DIGITS = 6,
    ID_SIZE = 600,
    STORED_MAX = 4096 /* bytes of a picture that compressing would not make much smaller */
};

const char *const lat_import_formats[] = {"images", "idx", "npy", "npz", "csv", "ndjson"};
const size_t lat_n_import_formats = LAT_ARRAY_LEN(lat_import_formats);

/* ---- rows ---- */

/* Scratch for one row at a time. */
struct rows {
    const struct lat_import_source *source;
    const struct lat_dataset *dataset;
    float *floats;
    uint8_t *pixels;
    struct lat_buf png;
};

/* A row of planes of bytes or floats in [0,1] as interleaved pixels. */
static enum lat_status make_pixels(struct rows *rows, uint32_t row, struct lat_error *err)
{
    const struct lat_dataset *dataset = rows->dataset;
    const size_t channels = dataset->input.channels;
    const size_t plane = (size_t)dataset->input.width * dataset->input.height;
    const enum lat_status status = lat_dataset_read(dataset, &row, 1, rows->floats, err);
    if (status != LAT_OK)
        return status;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < plane; i++) {
            const float value = rows->floats[c * plane + i] * 255.0F + 0.5F;
            rows->pixels[i * channels + c] = (uint8_t)(value < 0     ? 0
                                                       : value > 255 ? 255
                                                                     : value);
        }
    return LAT_OK;
}

static enum lat_status give_row(struct rows *rows, uint32_t row, const char *id,
                                const struct lat_import_sink *sink, struct lat_error *err)
{
    const struct lat_input_spec *input = &rows->dataset->input;
    char origin[4200];
    snprintf(origin, sizeof(origin), "%s row %zu", rows->source->path,
             lat_dataset_place(rows->dataset, row));
    struct lat_import_item item = {.kind = LAT_IMPORT_FILE, .id = id, .origin = origin};
    if (input->kind == LAT_INPUT_IMAGE) {
        enum lat_status status = make_pixels(rows, row, err);
        lat_buf_clear(&rows->png);
        const bool small = rows->dataset->elements <= STORED_MAX;
        if (status == LAT_OK)
            status = (small ? lat_image_store_png : lat_image_encode_png)(
                rows->pixels, input->width, input->height, input->channels, &rows->png, err);
        if (status != LAT_OK)
            return status;
        item.bytes = rows->png.data;
        item.len = rows->png.len;
    } else {
        const enum lat_status status =
            lat_dataset_read(rows->dataset, &row, 1, rows->floats, err);
        if (status != LAT_OK)
            return status;
        item.kind = rows->source->codes ? LAT_IMPORT_CODE : LAT_IMPORT_FILE;
        item.bytes = rows->floats;
        item.len = rows->dataset->elements * sizeof(float);
    }
    return sink->give(sink->context, &item, err);
}

bool lat_import_is_excluded(const struct lat_import_source *source, const char *name)
{
    for (size_t i = 0; i < source->n_exclude; i++)
        if (strcmp(source->exclude[i], name) == 0)
            return true;
    return false;
}

int lat_import_digits(size_t n)
{
    int digits = 1;
    for (size_t last = n ? n - 1 : 0; last >= 10; last /= 10)
        digits++;
    return digits > ROW_DIGITS ? digits % 24 : ROW_DIGITS; /* 64 bits have 20 */
}

static enum lat_status give_rows(struct rows *rows, const struct lat_import_sink *sink,
                                 struct lat_error *err)
{
    const struct lat_dataset *dataset = rows->dataset;
    const int digits = lat_import_digits(dataset->n + dataset->n_skipped);
    enum lat_status status = LAT_OK;
    rows->floats = lat_alloc_raw(dataset->elements, sizeof(*rows->floats));
    rows->pixels = lat_alloc_raw(dataset->elements, 1);
    if (!rows->floats || !rows->pixels)
        status = lat_fail_memory(err);
    if (dataset->n > UINT32_MAX)
        status = lat_fail(err, LAT_TOO_LARGE, NULL, "%s: more rows than 32 bits count",
                          rows->source->path);
    sink->expect(sink->context, dataset->n);
    for (size_t i = 0; status == LAT_OK && i < dataset->n; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof(id), "%s%0*zu", rows->source->prefix, digits,
                 lat_dataset_place(dataset, i));
        if (sink->wants(sink->context, id))
            status = give_row(rows, (uint32_t)i, id, sink, err);
    }
    lat_free(rows->floats);
    lat_free(rows->pixels);
    lat_buf_release(&rows->png);
    return status;
}

/* What a table's reader is told. */
static void write_options(const struct lat_import_source *source, struct lat_buf *out)
{
    if (source->n_exclude == 0)
        return;
    lat_buf_text(out, "{\"exclude\":[");
    for (size_t i = 0; i < source->n_exclude; i++) {
        lat_buf_text(out, i ? "," : "");
        lat_buf_json_string(out, source->exclude[i], strlen(source->exclude[i]));
    }
    lat_buf_text(out, "]}");
}

static enum lat_status read_rows(const struct lat_import_source *source, const char *format,
                                 const struct lat_import_sink *sink, struct lat_error *err)
{
    struct lat_data_spec spec = {0};
    struct lat_dataset dataset = {0};
    struct lat_buf options = {0};
    const bool cells = strcmp(format, "csv") == 0 && source->model->known && !source->codes;
    if (cells && source->model->kind == LAT_INPUT_TABLE)
        return lat_import_table_read(source, sink, err);
    if (cells && source->model->kind == LAT_INPUT_SEQUENCE)
        return lat_import_sequence_read(source, sink, err);
    write_options(source, &options);
    if (lat_buf_check(&options, err) != LAT_OK)
        return err ? err->status : LAT_NO_MEMORY;
    spec.options_json = lat_buf_take(&options, NULL);
    snprintf(spec.format, sizeof(spec.format), "%s", format);
    snprintf(spec.path, sizeof(spec.path), "%s", source->path);
    const bool steps =
        source->model->known && source->model->kind == LAT_INPUT_SEQUENCE && !source->codes;
    const struct lat_input_spec rows_of = {.kind =
                                               steps ? LAT_INPUT_SEQUENCE : LAT_INPUT_VECTOR};
    enum lat_status status = lat_dataset_open_as(&spec, &rows_of, &dataset, err);
    lat_data_spec_release(&spec);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < dataset.n_skipped; i++)
        sink->bad(sink->context, source->path,
                  i == 0 ? dataset.first_skipped : "another item that cannot be used");
    struct rows rows = {.source = source, .dataset = &dataset};
    status = give_rows(&rows, sink, err);
    lat_dataset_close(&dataset);
    return status;
}

/* ---- choosing ---- */

/* The format's name, or NULL. */
static const char *format_of(const char *path, const char *format)
{
    struct stat info;
    if (format[0])
        return format;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return "images";
    if (lat_path_has_suffix(path, ".ndjson") || lat_path_has_suffix(path, ".jsonl"))
        return "ndjson";
    if (lat_import_is_picture(path))
        return "images";
    const struct lat_data_format *row = lat_data_format_guess(path);
    return row ? row->name : NULL;
}

bool lat_import_has_rows(const char *path, const char *format)
{
    format = format_of(path, format);
    return format && strcmp(format, "images") != 0 && strcmp(format, "ndjson") != 0;
}

enum lat_status lat_import_check(const char *path, const char *format, struct lat_error *err)
{
    struct stat info;
    if (stat(path, &info))
        return lat_fail_errno(err, errno, "%s", path);
    if (!format_of(path, format))
        return lat_fail(err, LAT_INVALID, NULL,
                        "%s: this is no folder, picture, IDX, NPY, NPZ, CSV or NDJSON file; "
                        "--format says what it is",
                        path);
    return LAT_OK;
}

enum lat_status lat_import_read(const struct lat_import_source *source,
                                const struct lat_import_sink *sink, struct lat_error *err)
{
    struct stat info = {0};
    const enum lat_status status = lat_import_check(source->path, source->format, err);
    if (status != LAT_OK)
        return status;
    const char *format = format_of(source->path, source->format);
    if (!strcmp(format, "ndjson"))
        return lat_import_lines_read(source, sink, err);
    if (strcmp(format, "images") != 0)
        return read_rows(source, format, sink, err);
    return stat(source->path, &info) == 0 && S_ISDIR(info.st_mode)
               ? lat_import_folder(source->path, sink, err)
               : lat_import_picture(source->path, sink, err);
}
