/* Bodies that come as lines: cut out of a text that grows at its end while they come in. One
 * thread. */
#ifndef LAT_API_LINES_H
#define LAT_API_LINES_H

#include "service/http.h"

/* Appends up to `most` bytes of the body to `text`, waiting for them; *out_n is 0 at its end.
 */
enum lat_status lat_call_read_more(struct lat_call *call, struct lat_buf *text, size_t most,
                                   size_t *out_n, struct lat_error *err) LAT_MUST_USE;

/* Zero-initialise but for max_line; release `text`. */
struct lat_lines {
    struct lat_buf text; /* lines given out and not packed yet, then what is to be cut */
    size_t max_line;     /* bytes */
    size_t start;        /* of the line to come */
    size_t scanned;      /* bytes known to hold no further line end */
    bool skipping;       /* the rest of a line that is too long */
};

/* A line without its end, in `text` until lat_lines_pack. Of one that is too long only that
 * is known. */
struct lat_line {
    size_t offset, len;
    bool too_long;
};

/* The next whole line that is not blank; false: there is none in what has come so far. */
bool lat_lines_next(struct lat_lines *lines, struct lat_line *out_line);
/* After the end of the body: a last line that has no end; false: there is none. */
bool lat_lines_last(struct lat_lines *lines, struct lat_line *out_line);

/* Forgets the lines given out: what is left of the text moves to its front. */
void lat_lines_pack(struct lat_lines *lines);

/* LAT_TOO_LARGE line_too_long. */
enum lat_status lat_lines_refuse(const struct lat_lines *lines, struct lat_error *err);

#endif
