/* Pictures in files are sent as they are; rows of arrays that are pictures become PNG; rows of
 * numbers become raw float32. The arrays and tables are read by the trainer's own readers. */
#include "cli/import_source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/import_table.h"
#include "model/image.h"
#include "model/train/dataset/dataset.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum {
    FILE_MAX = 256 << 20,
    DEPTH_MAX = 64,
    ROW_DIGITS = 6,
    LINE_MAX_LEN = 64 << 20,
    STORED_MAX = 4096 /* bytes of a picture that compressing would not make much smaller */
};

const char *const lat_import_formats[] = {"images", "idx", "npy", "npz", "csv", "ndjson"};
const size_t lat_n_import_formats = LAT_ARRAY_LEN(lat_import_formats);

/* ---- pictures ---- */

/* Paths below a folder, sorted, so that two runs go in the same order. */
struct paths {
    char **items;
    size_t n, capacity;
};

static enum lat_status add_path(struct paths *paths, const char *path, struct lat_error *err)
{
    if (paths->n == paths->capacity) {
        const size_t capacity = paths->capacity ? paths->capacity * 2 : 256;
        char **items = lat_realloc(paths->items, capacity, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        paths->items = items;
        paths->capacity = capacity;
    }
    paths->items[paths->n] = lat_strdup(path);
    return paths->items[paths->n++] ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status walk(const char *folder, int depth, struct paths *paths,
                            const struct lat_import_sink *sink, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    DIR *dir = opendir(folder);
    if (!dir)
        return lat_fail_errno(err, errno, "%s", folder);
    for (struct dirent *entry; status == LAT_OK && (entry = readdir(dir));) {
        char path[4096];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &info))
            sink->bad(sink->context, path, "cannot be read");
        else if (S_ISREG(info.st_mode))
            status = add_path(paths, path, err);
        else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
            status = walk(path, depth + 1, paths, sink, err);
    }
    closedir(dir);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By its first bytes. */
static bool is_picture(const char *path)
{
    unsigned char head[16] = {0};
    FILE *file = fopen(path, "re");
    const size_t n = file ? fread(head, 1, sizeof(head), file) : 0;
    if (file)
        fclose(file);
    return lat_image_sniff(head, n) != LAT_IMAGE_UNKNOWN;
}

/* By its name: then it is a fault if its bytes are something else. */
static bool is_called_picture(const char *path)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", ".gif"};
    bool called = false;
    for (size_t i = 0; i < LAT_ARRAY_LEN(suffixes); i++)
        called = called || lat_path_has_suffix(path, suffixes[i]);
    return called;
}

/* Reads and gives one picture file. */
static enum lat_status give_picture(const char *path, const char *id,
                                    const struct lat_import_sink *sink, struct lat_error *err)
{
    struct lat_buf bytes = {0};
    struct lat_error failure = LAT_ERROR_INIT;
    enum lat_status status = LAT_OK;
    if (!sink->wants(sink->context, id))
        return LAT_OK;
    if (lat_file_read(path, FILE_MAX, &bytes, &failure) != LAT_OK) {
        sink->bad(sink->context, path, failure.message);
    } else if (lat_image_sniff(bytes.data, bytes.len) == LAT_IMAGE_UNKNOWN) {
        sink->bad(sink->context, path, "no PNG, JPEG, WebP or GIF");
    } else {
        const struct lat_import_item item = {.kind = LAT_IMPORT_FILE,
                                             .id = id,
                                             .bytes = bytes.data,
                                             .len = bytes.len,
                                             .origin = path};
        status = sink->give(sink->context, &item, err);
    }
    lat_buf_release(&bytes);
    return status;
}

/* A file met in a folder. */
static enum lat_status give_entry(const char *path, const char *id,
                                  const struct lat_import_sink *sink, struct lat_error *err)
{
    if (is_called_picture(path) || access(path, R_OK) != 0 || is_picture(path))
        return give_picture(path, id, sink, err);
    sink->pass(sink->context, path);
    return LAT_OK;
}

static enum lat_status read_folder(const struct lat_import_source *source,
                                   const struct lat_import_sink *sink, struct lat_error *err)
{
    struct paths paths = {0};
    size_t front = strlen(source->path);
    while (front > 1 && source->path[front - 1] == '/')
        front--;
    char *folder = lat_strndup(source->path, front);
    enum lat_status status = folder ? walk(folder, 0, &paths, sink, err) : lat_fail_memory(err);
    if (paths.n)
        qsort(paths.items, paths.n, sizeof(*paths.items), compare_paths);
    if (status == LAT_OK)
        sink->expect(sink->context, paths.n);
    for (size_t i = 0; status == LAT_OK && i < paths.n; i++) {
        const char *id = paths.items[i] + front;
        status = give_entry(paths.items[i], id + strspn(id, "/"), sink, err);
    }
    for (size_t i = 0; i < paths.n; i++)
        lat_free(paths.items[i]);
    lat_free(paths.items);
    lat_free(folder);
    return status;
}

static enum lat_status read_picture(const struct lat_import_source *source,
                                    const struct lat_import_sink *sink, struct lat_error *err)
{
    const char *slash = strrchr(source->path, '/');
    sink->expect(sink->context, 1);
    return give_picture(source->path, slash ? slash + 1 : source->path, sink, err);
}

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
    snprintf(origin, sizeof(origin), "%s row %u", rows->source->path, (unsigned)row);
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
    const int digits = lat_import_digits(dataset->n);
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
        char id[320];
        snprintf(id, sizeof(id), "%.200s%0*zu", rows->source->prefix, digits, i);
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
    if (strcmp(format, "csv") == 0 && source->columns && source->columns->n && !source->codes)
        return lat_import_table_read(source, sink, err);
    write_options(source, &options);
    spec.options_json = lat_buf_take(&options, NULL);
    snprintf(spec.format, sizeof(spec.format), "%s", format);
    snprintf(spec.path, sizeof(spec.path), "%s", source->path);
    const struct lat_input_spec vectors = {.kind = LAT_INPUT_VECTOR};
    enum lat_status status = lat_dataset_open_as(&spec, &vectors, &dataset, err);
    lat_data_spec_release(&spec);
    if (status != LAT_OK)
        return status;
    if (dataset.n_skipped)
        sink->bad(sink->context, source->path, dataset.first_skipped);
    struct rows rows = {.source = source, .dataset = &dataset};
    status = give_rows(&rows, sink, err);
    lat_dataset_close(&dataset);
    return status;
}

/* ---- lines ---- */

/* The line's id, for knowing whether it is there already; what is wrong with the line is for
 * the server to say. NULL: none can be read. */
static const char *line_id(struct lat_arena *arena, const char *line, size_t len)
{
    struct lat_json json = {0};
    struct lat_object root;
    size_t id_len = 0;
    const char *id = NULL;
    if (lat_json_parse(&json, arena, line, len, 64, NULL) == LAT_OK) {
        lat_json_root(&json, &root);
        id = lat_object_text(&root, "id", &id_len);
        if (id)
            id = lat_id_valid(id, id_len) ? lat_arena_strndup(arena, id, id_len) : NULL;
    }
    lat_json_release(&json);
    return id;
}

/* The next line without its end; false when there is none. */
static bool next_line(FILE *file, struct lat_buf *line)
{
    int c;
    lat_buf_clear(line);
    while ((c = getc_unlocked(file)) != EOF && c != '\n' && line->status == LAT_OK)
        lat_buf_char(line, (char)c);
    while (line->len && strchr(" \t\r", line->data[line->len - 1]))
        line->len--;
    return c != EOF || line->len;
}

static enum lat_status give_line(const struct lat_import_source *source, size_t number,
                                 const struct lat_buf *line, const struct lat_import_sink *sink,
                                 struct lat_error *err)
{
    struct lat_arena arena = {0};
    char origin[4200];
    snprintf(origin, sizeof(origin), "%s line %zu", source->path, number);
    sink->expect(sink->context, 1);
    const char *id = line_id(&arena, line->data, line->len);
    const struct lat_import_item item = {.kind = LAT_IMPORT_LINE,
                                         .id = id ? id : "",
                                         .bytes = line->data,
                                         .len = line->len,
                                         .origin = origin};
    enum lat_status status = LAT_OK;
    if (!id || sink->wants(sink->context, id))
        status = sink->give(sink->context, &item, err);
    lat_arena_release(&arena);
    return status;
}

static enum lat_status read_lines(const struct lat_import_source *source,
                                  const struct lat_import_sink *sink, struct lat_error *err)
{
    struct lat_buf line = {.limit = LINE_MAX_LEN};
    enum lat_status status = LAT_OK;
    FILE *file = fopen(source->path, "re");
    if (!file)
        return lat_fail_errno(err, errno, "%s", source->path);
    for (size_t number = 1; status == LAT_OK && next_line(file, &line); number++) {
        status = lat_buf_check(&line, err);
        lat_error_prefix(err, "%s line %zu", source->path, number);
        if (status == LAT_OK && line.len)
            status = give_line(source, number, &line, sink, err);
    }
    if (status == LAT_OK && ferror(file))
        status = lat_fail_errno(err, errno, "%s", source->path);
    fclose(file);
    lat_buf_release(&line);
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
    if (is_picture(path))
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
        return read_lines(source, sink, err);
    if (strcmp(format, "images") != 0)
        return read_rows(source, format, sink, err);
    return stat(source->path, &info) == 0 && S_ISDIR(info.st_mode)
               ? read_folder(source, sink, err)
               : read_picture(source, sink, err);
}
