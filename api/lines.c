/* No byte is looked at twice, however a line is split over what comes; and the unfinished line
 * of a text is never longer than a line may be: one that gets so is forgotten but for the fact.
 */
#include "api/lines.h"

#include <string.h>

#include "base/mem.h"
#include "service/pipe.h"

#include "base/banned.h"

enum lat_status lat_call_read_more(struct lat_call *call, struct lat_buf *text, size_t most,
                                   size_t *out_n, struct lat_error *err)
{
    *out_n = 0;
    if (!call->body_pipe)
        return LAT_OK;
    if (!lat_buf_reserve(text, most))
        return lat_fail_memory(err);
    const enum lat_status status = lat_pipe_read(call->body_pipe, text->data + text->len, most,
                                                 call->deadline_ns, out_n, err);
    if (status == LAT_OK)
        text->len += *out_n;
    return status;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* Takes the line that ends at `end`; false when it is blank. */
static bool take(struct lat_lines *lines, size_t end, struct lat_line *out_line)
{
    const size_t offset = lines->start, len = end - offset;
    lines->start = end + 1 <= lines->text.len ? end + 1 : end;
    lines->scanned = lines->start;
    if (!lines->skipping && is_blank(lines->text.data + offset, len))
        return false;
    *out_line = (struct lat_line){offset, len, lines->skipping};
    lines->skipping = false;
    return true;
}

bool lat_lines_next(struct lat_lines *lines, struct lat_line *out_line)
{
    while (lines->scanned < lines->text.len) {
        const char *from = lines->text.data + lines->scanned;
        const char *end = memchr(from, '\n', lines->text.len - lines->scanned);
        if (!end)
            lines->scanned = lines->text.len;
        else if (take(lines, (size_t)(end - lines->text.data), out_line))
            return true;
    }
    if (lines->text.len - lines->start > lines->max_line) {
        lines->skipping = true;
        lines->text.len = lines->scanned = lines->start;
    }
    return false;
}

bool lat_lines_last(struct lat_lines *lines, struct lat_line *out_line)
{
    if (lines->text.len == lines->start && !lines->skipping)
        return false;
    return take(lines, lines->text.len, out_line);
}

void lat_lines_pack(struct lat_lines *lines)
{
    const size_t left = lines->text.len - lines->start;
    if (left)
        memmove(lines->text.data, lines->text.data + lines->start, left);
    lines->text.len = left;
    lines->scanned -= lines->start;
    lines->start = 0;
}

enum lat_status lat_lines_refuse(const struct lat_lines *lines, struct lat_error *err)
{
    return lat_fail(err, LAT_TOO_LARGE, "line_too_long", "a line may have %zu bytes",
                    lines->max_line);
}
