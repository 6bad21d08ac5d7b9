/* A growing byte buffer with a hard cap and a sticky failure.
 *
 * Appends never return a status: a buffer that ran out of memory or hit its cap remembers it
 * and ignores later appends; the writer asks once at the end (lat_buf_check). `data` is always
 * NUL terminated after the first append, the NUL not counted in `len`. One thread at a time. */
#ifndef LAT_BASE_BUF_H
#define LAT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct lat_buf {
    char *data;             /* owned; NULL while empty */
    size_t len;             /* bytes in use */
    size_t capacity;        /* bytes allocated, one of them for the NUL */
    size_t limit;           /* hard cap on len, 0 means none */
    enum lat_status status; /* LAT_OK, LAT_NO_MEMORY or LAT_TOO_LARGE, sticky */
};

/* `struct lat_buf b = {0}` is an empty buffer without a cap; this sets one. */
void lat_buf_init(struct lat_buf *buf, size_t limit);

/* Room for `more` bytes at the end without growing again; false if the buffer has failed. */
bool lat_buf_reserve(struct lat_buf *buf, size_t more);

void lat_buf_append(struct lat_buf *buf, const void *bytes, size_t len);
void lat_buf_text(struct lat_buf *buf, const char *text);
void lat_buf_char(struct lat_buf *buf, char c);
void lat_buf_printf(struct lat_buf *buf, const char *fmt, ...) LAT_PRINTF(2, 3);

/* `text` as a JSON string with its quotes; bytes below 0x20, quote and backslash escaped. The
 * text must be UTF-8 (lat_utf8_valid). */
void lat_buf_json_string(struct lat_buf *buf, const char *text, size_t len);

/* The shortest decimal that reads back as the same float; JSON null for NaN and infinity. */
void lat_buf_json_float(struct lat_buf *buf, float value);
void lat_buf_json_double(struct lat_buf *buf, double value);

/* `[1,2.5,…]`: the hot path of every reply with codes. */
void lat_buf_json_floats(struct lat_buf *buf, const float *values, size_t n);

/* LAT_OK, or the sticky failure with words. */
enum lat_status lat_buf_check(const struct lat_buf *buf, struct lat_error *err) LAT_MUST_USE;

/* Hands `data` over to the caller (lat_free) and leaves the buffer empty. */
char *lat_buf_take(struct lat_buf *buf, size_t *out_len);

/* len = 0, memory kept, failure forgotten. */
void lat_buf_clear(struct lat_buf *buf);
void lat_buf_release(struct lat_buf *buf);

#endif
