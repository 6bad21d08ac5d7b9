/* A delimiter is CRLF, two dashes and the boundary; the very first one may lack the CRLF.
 * Between two delimiters lie a head of lines, an empty line, and the bytes.
 *
 * File names: what browsers write (%22, %0D, %0A) and what curl writes (backslash before a
 * quote or a backslash) are both undone; slashes stay, because a name is an item's id here. */
#include "api/multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { BOUNDARY_MAX = 70, HEAD_MAX = 8192, PARTS_FIRST = 8 };

struct reader {
    struct lat_arena *arena;
    const char *p, *end;
    char delimiter[BOUNDARY_MAX + 5]; /* "\r\n--boundary" */
    size_t delimiter_len;
};

static enum lat_status bad(struct lat_error *err, const char *words)
{
    return lat_fail(err, LAT_BAD_SYNTAX, "bad_multipart", "multipart: %s", words);
}

/* The value of a parameter in a header line ("; name=value" or quoted), raw; NULL when absent.
 */
static const char *find_parameter(const char *line, const char *end, const char *name,
                                  size_t *out_len)
{
    const size_t name_len = strlen(name);
    for (const char *p = memchr(line, ';', (size_t)(end - line)); p && p < end;) {
        p++;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        const char *key = p;
        while (p < end && *p != '=' && *p != ';')
            p++;
        const size_t key_len = (size_t)(p - key);
        const char *value = p;
        size_t len = 0;
        if (p < end && *p == '=') {
            value = ++p;
            if (p < end && *p == '"') {
                for (value = ++p; p < end && *p != '"'; p++)
                    p += *p == '\\' && p + 1 < end;
                len = (size_t)(p - value);
                p += p < end;
            } else {
                while (p < end && *p != ';')
                    p++;
                len = (size_t)(p - value);
                while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
                    len--;
            }
        }
        if (key_len == name_len && !strncasecmp(key, name, name_len)) {
            *out_len = len;
            return value;
        }
        while (p < end && *p != ';')
            p++;
    }
    return NULL;
}

static enum lat_status read_boundary(struct reader *reader, const char *content_type,
                                     struct lat_error *err)
{
    size_t len = 0;
    const char *end = content_type + strlen(content_type);
    const char *boundary = find_parameter(content_type, end, "boundary", &len);
    if (!boundary || !len || len > BOUNDARY_MAX)
        return bad(err, "the Content-Type names no boundary of 1 to 70 characters");
    snprintf(reader->delimiter, sizeof(reader->delimiter), "\r\n--%.*s", (int)len, boundary);
    reader->delimiter_len = len + 4;
    return LAT_OK;
}

/* What a quoted name stands for, in the arena. */
static const char *unescape(struct lat_arena *arena, const char *text, size_t len)
{
    char *out = lat_arena_strndup(arena, text, len);
    if (!out)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < len && (text[i + 1] == '"' || text[i + 1] == '\\'))
            c = text[++i];
        else if (c == '%' && len - i >= 3 && !memcmp(text + i, "%22", 3))
            c = '"', i += 2;
        else if (c == '%' && len - i >= 3 && !strncasecmp(text + i, "%0D", 3))
            c = '\r', i += 2;
        else if (c == '%' && len - i >= 3 && !strncasecmp(text + i, "%0A", 3))
            c = '\n', i += 2;
        out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

/* RFC 5987: UTF-8''name with percent-encoding; NULL when it is not that. */
static const char *percent_decode(struct lat_arena *arena, const char *text, size_t len)
{
    static const char prefix[] = "UTF-8''";
    const size_t prefix_len = sizeof(prefix) - 1;
    if (len < prefix_len || strncasecmp(text, prefix, prefix_len) != 0)
        return NULL;
    char *out = lat_arena_alloc(arena, len, 1);
    if (!out)
        return NULL;
    size_t n = 0;
    for (size_t i = prefix_len; i < len; i++) {
        unsigned byte = (unsigned char)text[i];
        if (text[i] == '%') {
            char hex[3] = {0};
            if (len - i < 3)
                return NULL;
            memcpy(hex, text + i + 1, 2);
            if (strspn(hex, "0123456789abcdefABCDEF") != 2)
                return NULL;
            byte = (unsigned)strtoul(hex, NULL, 16);
            i += 2;
        }
        if (!byte)
            return NULL;
        out[n++] = (char)byte;
    }
    return out;
}

static enum lat_status read_disposition(struct reader *reader, const char *line,
                                        const char *end, struct lat_part *part,
                                        struct lat_error *err)
{
    size_t len;
    const char *value = find_parameter(line, end, "name", &len);
    if (value && !(part->name = unescape(reader->arena, value, len)))
        return lat_fail_memory(err);
    value = find_parameter(line, end, "filename", &len);
    if (value && !(part->filename = unescape(reader->arena, value, len)))
        return lat_fail_memory(err);
    value = find_parameter(line, end, "filename*", &len);
    if (value && !(part->filename = percent_decode(reader->arena, value, len)))
        return bad(err, "a broken filename*");
    if (!lat_utf8_valid(part->name, strlen(part->name)) ||
        (part->filename && !lat_utf8_valid(part->filename, strlen(part->filename))))
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_utf8", "multipart: a name is not UTF-8");
    return LAT_OK;
}

static bool header_is(const char *line, const char *end, const char *name,
                      const char **out_value)
{
    const size_t len = strlen(name);
    if ((size_t)(end - line) <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
        return false;
    const char *value = line + len + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    *out_value = value;
    return true;
}

/* The head of a part, from the line behind its delimiter to the empty line. */
static enum lat_status read_head(struct reader *reader, struct lat_part *part,
                                 struct lat_error *err)
{
    *part = (struct lat_part){.name = ""};
    const char *limit = reader->end - reader->p > HEAD_MAX ? reader->p + HEAD_MAX : reader->end;
    for (;;) {
        const char *line = reader->p;
        const char *end = memmem(line, (size_t)(limit - line), "\r\n", 2);
        if (!end)
            return bad(err, "a part's head does not end, or is longer than 8 KiB");
        reader->p = end + 2;
        if (end == line)
            return LAT_OK;
        const char *value;
        enum lat_status status = LAT_OK;
        if (memchr(line, '\0', (size_t)(end - line)))
            return bad(err, "a NUL in a part's head");
        if (header_is(line, end, "Content-Disposition", &value)) {
            status = read_disposition(reader, value, end, part, err);
        } else if (header_is(line, end, "Content-Type", &value)) {
            part->type = lat_arena_strndup(reader->arena, value, (size_t)(end - value));
            if (!part->type)
                status = lat_fail_memory(err);
        }
        if (status != LAT_OK)
            return status;
    }
}

/* Behind a delimiter: *out_more when a part follows, else the closing one has been read. */
static enum lat_status read_delimiter_end(struct reader *reader, bool *out_more,
                                          struct lat_error *err)
{
    if (reader->end - reader->p >= 2 && !memcmp(reader->p, "--", 2)) {
        *out_more = false;
        return LAT_OK;
    }
    while (reader->p < reader->end && (*reader->p == ' ' || *reader->p == '\t'))
        reader->p++;
    if (reader->end - reader->p < 2 || memcmp(reader->p, "\r\n", 2) != 0)
        return bad(err, "the body ends inside a delimiter");
    reader->p += 2;
    *out_more = true;
    return LAT_OK;
}

static enum lat_status read_part(struct reader *reader, struct lat_part *part,
                                 struct lat_error *err)
{
    enum lat_status status = read_head(reader, part, err);
    if (status != LAT_OK)
        return status;
    const char *end = memmem(reader->p, (size_t)(reader->end - reader->p), reader->delimiter,
                             reader->delimiter_len);
    if (!end)
        return bad(err, "the last part does not end: is the body whole?");
    part->bytes = reader->p;
    part->len = (size_t)(end - reader->p);
    reader->p = end + reader->delimiter_len;
    return LAT_OK;
}

static bool add_part(struct lat_arena *arena, struct lat_multipart *multipart,
                     size_t *inout_capacity, const struct lat_part *part)
{
    if (multipart->n == *inout_capacity) {
        const size_t capacity = *inout_capacity ? *inout_capacity * 2 : PARTS_FIRST;
        struct lat_part *parts = lat_arena_alloc_raw(arena, capacity, sizeof(*parts));
        if (!parts)
            return false;
        if (multipart->n)
            memcpy(parts, multipart->parts, multipart->n * sizeof(*parts));
        multipart->parts = parts;
        *inout_capacity = capacity;
    }
    multipart->parts[multipart->n++] = *part;
    return true;
}

/* To behind the first delimiter; what stands before it is ignored, as MIME says. */
static enum lat_status skip_preamble(struct reader *reader, struct lat_error *err)
{
    const char *first = reader->delimiter + 2;
    const size_t len = reader->delimiter_len - 2, left = (size_t)(reader->end - reader->p);
    if (left >= len && !memcmp(reader->p, first, len)) {
        reader->p += len;
        return LAT_OK;
    }
    const char *found = memmem(reader->p, left, reader->delimiter, reader->delimiter_len);
    if (!found)
        return bad(err, "the boundary of the Content-Type is not in the body");
    reader->p = found + reader->delimiter_len;
    return LAT_OK;
}

enum lat_status lat_multipart_parse(struct lat_arena *arena, const char *content_type,
                                    const char *body, size_t len, size_t max_parts,
                                    struct lat_multipart *out_multipart, struct lat_error *err)
{
    struct reader reader = {.arena = arena, .p = body, .end = body + len};
    struct lat_multipart multipart = {0};
    size_t capacity = 0;
    bool more = false;
    enum lat_status status = read_boundary(&reader, content_type, err);
    if (status == LAT_OK)
        status = skip_preamble(&reader, err);
    if (status == LAT_OK)
        status = read_delimiter_end(&reader, &more, err);
    while (status == LAT_OK && more) {
        struct lat_part part;
        if (multipart.n == max_parts)
            return lat_fail(err, LAT_TOO_LARGE, "batch_too_large", "more than %zu parts",
                            max_parts);
        status = read_part(&reader, &part, err);
        if (status == LAT_OK && !add_part(arena, &multipart, &capacity, &part))
            status = lat_fail_memory(err);
        if (status == LAT_OK)
            status = read_delimiter_end(&reader, &more, err);
    }
    if (status == LAT_OK)
        *out_multipart = multipart;
    return status;
}

const struct lat_part *lat_multipart_find(const struct lat_multipart *multipart,
                                          const char *name)
{
    for (size_t i = 0; i < multipart->n; i++)
        if (!strcmp(multipart->parts[i].name, name))
            return &multipart->parts[i];
    return NULL;
}
