/* A window over the text that slides and grows. A row is looked for twice: first its end, so
 * that all of it is in the window, then its cells, which are ended by a NUL in place. */
#include "model/train/dataset/text_rows.h"

#include <string.h>

#include "base/mem.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum { WINDOW_FIRST = 1 << 18, WINDOW_MAX = 64 << 20, MAX_CELLS = 16384, FIRST_CELLS = 64 };

struct lat_text_rows {
    struct lat_gzip *file;
    char *window;    /* [capacity + 1] */
    size_t capacity; /* bytes */
    size_t at, end;  /* what is not read yet */
    bool ended;      /* the file has no more */
    char separator;
    size_t line, next_line;
    struct lat_text_cell *cells;
    size_t cells_capacity;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Behind the quoted text that begins at `p` (its opening quote), or `end`. */
static const char *skip_quoted(const char *p, const char *end)
{
    for (p++; p < end; p++)
        if (*p == '"' && (p + 1 == end || p[1] != '"'))
            return p + 1;
        else if (*p == '"')
            p++;
    return end;
}

/* What stands between the cells of the first line, quoted ones left out. */
static char guess_separator(const char *text, const char *end)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0}, best = 0;
    bool first = true; /* of its cell */
    for (; text < end && *text != '\n'; text++) {
        if (*text == '"' && first)
            text = skip_quoted(text, end);
        if (text >= end || *text == '\n')
            break;
        first = first && *text == ' ';
        for (size_t i = 0; i < 3; i++) {
            counts[i] += *text == candidates[i];
            first = first || *text == candidates[i];
        }
    }
    for (size_t i = 1; i < 3; i++)
        if (counts[i] > counts[best])
            best = i;
    return candidates[best];
}

/* ---- the window ---- */

/* More of the file into the window, which keeps what is not read yet. */
static enum lat_status refill(struct lat_text_rows *rows, struct lat_error *err)
{
    memmove(rows->window, rows->window + rows->at, rows->end - rows->at);
    rows->end -= rows->at;
    rows->at = 0;
    if (rows->end == rows->capacity) {
        if (rows->capacity >= WINDOW_MAX)
            return lat_fail(err, LAT_TOO_LARGE, NULL,
                            "line %zu: a row of more than 64 MiB (a quote that is not closed?)",
                            rows->next_line);
        char *grown = lat_realloc(rows->window, 2 * rows->capacity + 1, 1);
        if (!grown)
            return lat_fail_memory(err);
        rows->window = grown;
        rows->capacity *= 2;
    }
    size_t n = 0;
    const size_t room = rows->capacity - rows->end;
    const enum lat_status status =
        lat_gzip_fill(rows->file, rows->window + rows->end, room, &n, err);
    rows->end += n;
    rows->ended = n < room;
    rows->window[rows->end] = '\0';
    return status;
}

/* The newline that ends the row at `p`, or NULL when it is not in the window. */
static const char *find_end(const struct lat_text_rows *rows, const char *p, const char *end)
{
    bool first = true; /* of its cell */
    for (; p < end && *p != '\n'; p++) {
        if (*p == '"' && first) {
            p = skip_quoted(p, end);
            if (p >= end)
                return NULL;
            if (*p == '\n')
                return p;
        }
        first = *p == rows->separator || (first && *p == ' ');
    }
    return p < end ? p : NULL;
}

/* ---- cells ---- */

static enum lat_status add_cell(struct lat_text_rows *rows, size_t n, const char *text,
                                size_t len, struct lat_error *err)
{
    if (n >= MAX_CELLS)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "line %zu: more than %d cells", rows->line,
                        MAX_CELLS);
    if (n == rows->cells_capacity) {
        const size_t capacity = n ? 2 * n : FIRST_CELLS;
        struct lat_text_cell *grown = lat_realloc(rows->cells, capacity, sizeof(*grown));
        if (!grown)
            return lat_fail_memory(err);
        rows->cells = grown;
        rows->cells_capacity = capacity;
    }
    rows->cells[n] = (struct lat_text_cell){text, len};
    return LAT_OK;
}

/* Takes the quotes off in place; *inout_at stands behind the closing one then. */
static size_t unquote(char **inout_at, char *end, char **out_text)
{
    char *p = *inout_at + 1, *out = p;
    *out_text = p;
    for (; p < end; p++) {
        if (*p == '"' && (p + 1 == end || p[1] != '"')) {
            p++;
            break;
        }
        if (*p == '"')
            p++;
        *out++ = *p;
    }
    *inout_at = p;
    return (size_t)(out - *out_text);
}

/* One cell at *inout_at, which then stands on the separator or the end. */
static void take_cell(const struct lat_text_rows *rows, char **inout_at, char *end,
                      char **out_text, size_t *out_len)
{
    char *p = *inout_at;
    while (p < end && is_blank(*p) && (*p != rows->separator || *p == ' '))
        p++;
    if (p < end && *p == '"') {
        *out_len = unquote(&p, end, out_text);
        while (p < end && *p != rows->separator)
            p++;
    } else {
        *out_text = p;
        while (p < end && *p != rows->separator)
            p++;
        *out_len = (size_t)(p - *out_text);
        while (*out_len && is_blank((*out_text)[*out_len - 1]))
            --*out_len;
    }
    *inout_at = p;
}

static enum lat_status split(struct lat_text_rows *rows, char *start, char *end, size_t *out_n,
                             struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    size_t n = 0;
    if (end > start && end[-1] == '\r')
        end--;
    for (char *p = start; status == LAT_OK;) {
        char *text = NULL;
        size_t len = 0;
        take_cell(rows, &p, end, &text, &len);
        const bool last = p >= end;
        if (!(rows->separator == ' ' && last && len == 0 && n > 0))
            status = add_cell(rows, n++, text, len, err);
        text[len] = '\0'; /* on the separator, a blank, a quote or the newline */
        if (last)
            break;
        p++;
    }
    if (status == LAT_OK)
        *out_n = n == 1 && rows->cells[0].len == 0 ? 0 : n;
    return status;
}

/* ---- text_rows.h ---- */

enum lat_status lat_text_rows_open(const char *path, char separator,
                                   struct lat_text_rows **out_rows, struct lat_error *err)
{
    struct lat_text_rows *rows = lat_alloc(1, sizeof(*rows));
    if (!rows)
        return lat_fail_memory(err);
    rows->next_line = 1;
    rows->capacity = WINDOW_FIRST;
    rows->window = lat_alloc_raw(rows->capacity + 1, 1);
    enum lat_status status = rows->window ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_gzip_open(path, &rows->file, err);
    if (status == LAT_OK)
        status = refill(rows, err);
    if (status != LAT_OK) {
        lat_text_rows_close(rows);
        return status;
    }
    if (rows->end >= 3 && memcmp(rows->window, "\xEF\xBB\xBF", 3) == 0)
        rows->at = 3;
    rows->separator = separator
                          ? separator
                          : guess_separator(rows->window + rows->at, rows->window + rows->end);
    *out_rows = rows;
    return LAT_OK;
}

void lat_text_rows_close(struct lat_text_rows *rows)
{
    if (!rows)
        return;
    lat_gzip_close(rows->file);
    lat_free(rows->window);
    lat_free(rows->cells);
    lat_free(rows);
}

static size_t count_lines(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        n += *from == '\n';
    return n;
}

enum lat_status lat_text_rows_next(struct lat_text_rows *rows,
                                   const struct lat_text_cell **out_cells, size_t *out_n,
                                   struct lat_error *err)
{
    for (;;) {
        const char *newline = find_end(rows, rows->window + rows->at, rows->window + rows->end);
        if (!newline && !rows->ended) {
            const enum lat_status status = refill(rows, err);
            if (status != LAT_OK)
                return status;
            continue;
        }
        char *start = rows->window + rows->at;
        char *end =
            newline ? rows->window + (newline - rows->window) : rows->window + rows->end;
        *out_n = 0;
        *out_cells = rows->cells;
        if (!newline && start == end)
            return LAT_OK;
        rows->line = rows->next_line;
        rows->next_line += count_lines(start, end) + (newline != NULL);
        rows->at = (size_t)(end - rows->window) + (newline != NULL);
        const enum lat_status status = split(rows, start, end, out_n, err);
        *out_cells = rows->cells;
        if (status != LAT_OK || *out_n > 0)
            return status;
    }
}

size_t lat_text_rows_line(const struct lat_text_rows *rows)
{
    return rows->line;
}
