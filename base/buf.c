/* One growth function: whatever asks for room goes through it, and it alone sets the failure.
 * Capacity doubles, so n appends cost O(n). */
#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 64, FLOATS_AT_ONCE = 32 };

void lat_buf_init(struct lat_buf *buf, size_t limit)
{
    *buf = (struct lat_buf){.limit = limit};
}

static bool grow(struct lat_buf *buf, size_t need)
{
    size_t capacity = buf->capacity > SIZE_MAX / 2 ? need : buf->capacity * 2;
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity < need)
        capacity = need;
    char *data = lat_realloc(buf->data, capacity, 1);
    if (!data) {
        buf->status = LAT_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool lat_buf_reserve(struct lat_buf *buf, size_t more)
{
    if (buf->status != LAT_OK)
        return false;
    size_t len, need;
    if (!lat_add_size(buf->len, more, &len) || !lat_add_size(len, 1, &need) ||
        (buf->limit && len > buf->limit)) {
        buf->status = LAT_TOO_LARGE;
        return false;
    }
    return need <= buf->capacity || grow(buf, need);
}

void lat_buf_append(struct lat_buf *buf, const void *bytes, size_t len)
{
    if (!lat_buf_reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void lat_buf_text(struct lat_buf *buf, const char *text)
{
    lat_buf_append(buf, text, strlen(text));
}

void lat_buf_char(struct lat_buf *buf, char c)
{
    lat_buf_append(buf, &c, 1);
}

void lat_buf_printf(struct lat_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const size_t room = buf->capacity - buf->len;
    const int n = vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, args);
    va_end(args);
    const size_t old_capacity = buf->capacity;
    if (n >= 0 && lat_buf_reserve(buf, (size_t)n)) {
        if (buf->capacity != old_capacity)
            vsnprintf(buf->data + buf->len, buf->capacity - buf->len, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
    if (buf->data)
        buf->data[buf->len] = '\0';
}

/* What follows the backslash for `c`: 0 when it needs none, 'u' for the \u00XX form. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

void lat_buf_json_string(struct lat_buf *buf, const char *text, size_t len)
{
    lat_buf_char(buf, '"');
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        const char escape = escape_of(c);
        if (!escape)
            continue;
        lat_buf_append(buf, text + start, i - start);
        start = i + 1;
        if (escape == 'u')
            lat_buf_printf(buf, "\\u%04x", (unsigned)c);
        else
            lat_buf_append(buf, (const char[]){'\\', escape}, 2);
    }
    if (start < len)
        lat_buf_append(buf, text + start, len - start);
    lat_buf_char(buf, '"');
}

void lat_buf_json_float(struct lat_buf *buf, float value)
{
    char text[LAT_DECIMAL_FLOAT_MAX];
    lat_buf_append(buf, text, lat_decimal_float(text, value));
}

void lat_buf_json_double(struct lat_buf *buf, double value)
{
    if (!isfinite(value)) {
        lat_buf_text(buf, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* what some locales write */
    if (comma)
        *comma = '.';
    lat_buf_text(buf, text);
}

void lat_buf_json_floats(struct lat_buf *buf, const float *values, size_t n)
{
    lat_buf_char(buf, '[');
    for (size_t start = 0; start < n && buf->status == LAT_OK; start += FLOATS_AT_ONCE) {
        char text[FLOATS_AT_ONCE * (LAT_DECIMAL_FLOAT_MAX + 1)];
        size_t len = 0;
        const size_t end = n - start < FLOATS_AT_ONCE ? n : start + FLOATS_AT_ONCE;
        for (size_t i = start; i < end; i++) {
            if (i)
                text[len++] = ',';
            len += lat_decimal_float(text + len, values[i]);
        }
        lat_buf_append(buf, text, len);
    }
    lat_buf_char(buf, ']');
}

enum lat_status lat_buf_check(const struct lat_buf *buf, struct lat_error *err)
{
    if (buf->status == LAT_OK)
        return LAT_OK;
    if (buf->status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    return lat_fail(err, buf->status, NULL, "more than the limit of %zu bytes", buf->limit);
}

char *lat_buf_take(struct lat_buf *buf, size_t *out_len)
{
    char *data = buf->data;
    if (out_len)
        *out_len = buf->len;
    lat_buf_init(buf, buf->limit);
    return data;
}

void lat_buf_clear(struct lat_buf *buf)
{
    buf->len = 0;
    buf->status = LAT_OK;
    if (buf->data)
        buf->data[0] = '\0';
}

void lat_buf_release(struct lat_buf *buf)
{
    lat_free(buf->data);
    lat_buf_init(buf, buf->limit);
}
