/* A block of the file at a time, cut at line ends. A line is parsed here only to find its id.
 */
#include "cli/import_lines.h"

#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum { LINE_MAX_LEN = 64 << 20, BLOCK_LEN = 1 << 16, DEPTH_MAX = 64 };

struct lines {
    struct lat_gzip *file;
    char *block; /* [BLOCK_LEN] */
    size_t at, end;
    bool ended; /* the file has no more */
    struct lat_buf line;
};

/* The line's id, for knowing whether it is there already. NULL: none can be read. */
static const char *line_id(struct lat_arena *arena, const char *line, size_t len)
{
    struct lat_json json = {0};
    struct lat_object root;
    size_t id_len = 0;
    const char *id = NULL;
    if (lat_json_parse(&json, arena, line, len, DEPTH_MAX, NULL) == LAT_OK) {
        lat_json_root(&json, &root);
        id = lat_object_text(&root, "id", &id_len);
        if (id)
            id = lat_id_valid(id, id_len) ? lat_arena_strndup(arena, id, id_len) : NULL;
    }
    lat_json_release(&json);
    return id;
}

static enum lat_status refill(struct lines *lines, struct lat_error *err)
{
    lines->at = lines->end = 0;
    const enum lat_status status =
        lat_gzip_fill(lines->file, lines->block, BLOCK_LEN, &lines->end, err);
    lines->ended = lines->end < BLOCK_LEN;
    return status;
}

/* The next line without its end and the blanks before that; *out_there is false when there is
 * none. */
static enum lat_status next_line(struct lines *lines, bool *out_there, struct lat_error *err)
{
    const char *newline = NULL;
    enum lat_status status = LAT_OK;
    lat_buf_clear(&lines->line);
    *out_there = false;
    while (status == LAT_OK && !newline) {
        if (lines->at == lines->end) {
            if (lines->ended)
                break;
            status = refill(lines, err);
            continue;
        }
        const char *from = lines->block + lines->at;
        newline = memchr(from, '\n', lines->end - lines->at);
        const size_t len = newline ? (size_t)(newline - from) : lines->end - lines->at;
        lat_buf_append(&lines->line, from, len);
        lines->at += len + (newline != NULL);
        *out_there = true;
        status = lat_buf_check(&lines->line, err);
    }
    while (lines->line.len && strchr(" \t\r", lines->line.data[lines->line.len - 1]))
        lines->line.len--;
    return status;
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

enum lat_status lat_import_lines_read(const struct lat_import_source *source,
                                      const struct lat_import_sink *sink, struct lat_error *err)
{
    struct lines lines = {.line = {.limit = LINE_MAX_LEN}};
    enum lat_status status = lat_gzip_open(source->path, &lines.file, err);
    if (status == LAT_OK) {
        lines.block = lat_alloc_raw(BLOCK_LEN, 1);
        status = lines.block ? LAT_OK : lat_fail_memory(err);
    }
    for (size_t number = 1; status == LAT_OK; number++) {
        bool there = false;
        status = next_line(&lines, &there, err);
        if (status != LAT_OK)
            lat_error_prefix(err, "%s line %zu", source->path, number);
        else if (!there)
            break;
        else if (lines.line.len)
            status = give_line(source, number, &lines.line, sink, err);
    }
    lat_gzip_close(lines.file);
    lat_free(lines.block);
    lat_buf_release(&lines.line);
    return status;
}
