/* A JSON file is kept parsed; a table is turned into the same JSON first. A cell that is a JSON
 * number becomes one, an empty cell is left out, everything else is text. */
#include "cli/import_metadata.h"

#include <string.h>

#include "api/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { FILE_MAX = 1 << 30, COLUMNS_MAX = 256 };

struct lat_import_metadata {
    struct lat_arena arena;
    struct lat_buf text;
    struct lat_json json;
    struct lat_object root;
};

/* ---- CSV (RFC 4180) ---- */

struct csv {
    const char *p, *end;
    struct lat_buf cell;
};

/* The next cell of the line into csv->cell; *out_last when its line ends behind it. */
static bool next_cell(struct csv *csv, bool *out_last)
{
    lat_buf_clear(&csv->cell);
    if (csv->p < csv->end && *csv->p == '"') {
        for (csv->p++; csv->p < csv->end; csv->p++) {
            if (*csv->p == '"' && !(csv->p + 1 < csv->end && *++csv->p == '"'))
                break;
            lat_buf_char(&csv->cell, *csv->p);
        }
        if (csv->p < csv->end && *csv->p == '"')
            csv->p++;
    }
    while (csv->p < csv->end && *csv->p != ',' && *csv->p != '\n' && *csv->p != '\r')
        lat_buf_char(&csv->cell, *csv->p++);
    *out_last = csv->p == csv->end || *csv->p != ',';
    if (csv->p < csv->end && *csv->p == '\r')
        csv->p++;
    if (csv->p < csv->end)
        csv->p++;
    return csv->cell.status == LAT_OK;
}

static const char *cell_text(const struct csv *csv)
{
    return csv->cell.len ? csv->cell.data : "";
}

/* A number as JSON writes them: no plus, no leading zeros (so that "007" stays text). */
static bool is_json_number(const char *text)
{
    float value;
    const char *p = text;
    const size_t len = strlen(text);
    return len && len < 40 && lat_scan_float(&p, text + len, &value) && p == text + len;
}

static void write_cell(struct lat_buf *out, const struct csv *csv, const char *name, bool first)
{
    if (!first)
        lat_buf_char(out, ',');
    lat_buf_json_string(out, name, strlen(name));
    lat_buf_char(out, ':');
    if (is_json_number(cell_text(csv)))
        lat_buf_text(out, cell_text(csv));
    else
        lat_buf_json_string(out, cell_text(csv), csv->cell.len);
}

struct header {
    const char *names[COLUMNS_MAX];
    size_t n, id;
};

static enum lat_status read_header(struct csv *csv, struct lat_arena *arena,
                                   struct header *header, struct lat_error *err)
{
    bool last = false;
    while (!last && csv->p < csv->end) {
        if (!next_cell(csv, &last))
            return lat_fail_memory(err);
        if (header->n == COLUMNS_MAX)
            return lat_fail(err, LAT_INVALID, NULL, "more than %d columns", COLUMNS_MAX);
        header->names[header->n] = lat_arena_strdup(arena, cell_text(csv));
        if (!header->names[header->n])
            return lat_fail_memory(err);
        if (!strcmp(header->names[header->n], "id"))
            header->id = header->n;
        header->n++;
    }
    return LAT_OK;
}

/* One line as "id":{…}; the object is written aside because the id may come late. */
static enum lat_status convert_line(struct csv *csv, const struct header *header,
                                    bool first_line, struct lat_buf *object,
                                    struct lat_buf *out, struct lat_error *err)
{
    bool last = false, first = true;
    struct lat_buf id = {0};
    lat_buf_clear(object);
    for (size_t column = 0; !last; column++) {
        if (!next_cell(csv, &last) || column >= header->n) {
            lat_buf_release(&id);
            return lat_fail(err, LAT_INVALID, NULL, "a line has more cells than the header");
        }
        if (column == header->id) {
            lat_buf_json_string(&id, cell_text(csv), csv->cell.len);
        } else if (csv->cell.len) {
            write_cell(object, csv, header->names[column], first);
            first = false;
        }
    }
    if (id.len > 2) {
        lat_buf_text(out, first_line ? "" : ",");
        lat_buf_append(out, id.data, id.len);
        lat_buf_printf(out, ":{%s}", object->len ? object->data : "");
    }
    lat_buf_release(&id);
    return lat_buf_check(out, err);
}

static enum lat_status convert_csv(struct lat_import_metadata *metadata, struct lat_error *err)
{
    struct csv csv = {.p = metadata->text.data,
                      .end = metadata->text.data + metadata->text.len};
    struct header header = {.n = 0};
    struct lat_buf out = {0}, object = {0};
    if (metadata->text.len >= 3 && !memcmp(csv.p, "\xef\xbb\xbf", 3))
        csv.p += 3;
    lat_buf_char(&out, '{');
    enum lat_status status = read_header(&csv, &metadata->arena, &header, err);
    while (status == LAT_OK && csv.p < csv.end) {
        if (*csv.p == '\n' || *csv.p == '\r')
            csv.p++;
        else
            status = convert_line(&csv, &header, out.len == 1, &object, &out, err);
    }
    lat_buf_char(&out, '}');
    if (status == LAT_OK)
        status = lat_buf_check(&out, err);
    lat_buf_release(&csv.cell);
    lat_buf_release(&object);
    lat_buf_release(&metadata->text);
    metadata->text = out;
    return status;
}

/* ---- both ---- */

static bool is_json(const struct lat_buf *text)
{
    const char *p = text->len ? text->data : "";
    return p[strspn(p, " \t\r\n")] == '{';
}

enum lat_status lat_import_metadata_read(const char *path,
                                         struct lat_import_metadata **out_metadata,
                                         struct lat_error *err)
{
    struct lat_import_metadata *metadata = lat_alloc(1, sizeof(*metadata));
    if (!metadata)
        return lat_fail_memory(err);
    enum lat_status status = lat_file_read(path, FILE_MAX, &metadata->text, err);
    if (status == LAT_OK && !is_json(&metadata->text))
        status = convert_csv(metadata, err);
    if (status == LAT_OK)
        status = lat_json_parse_whole(&metadata->json, &metadata->arena, metadata->text.data,
                                      metadata->text.len, 0, err);
    if (status == LAT_OK) {
        lat_json_root(&metadata->json, &metadata->root);
        status = lat_json_status(&metadata->json);
    }
    if (status != LAT_OK) {
        lat_error_prefix(err, "%s", path);
        lat_import_metadata_free(metadata);
        return status;
    }
    *out_metadata = metadata;
    return LAT_OK;
}

void lat_import_metadata_free(struct lat_import_metadata *metadata)
{
    if (!metadata)
        return;
    lat_json_release(&metadata->json);
    lat_buf_release(&metadata->text);
    lat_arena_release(&metadata->arena);
    lat_free(metadata);
}

const char *lat_import_metadata_find(struct lat_import_metadata *metadata, const char *id)
{
    if (!metadata)
        return NULL;
    lat_json_begin(&metadata->json, NULL);
    return lat_object_json(&metadata->root, id);
}
