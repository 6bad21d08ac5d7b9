/* The comma before a key is decided by the last byte printed, so writers need no state. */
#include "api/reply.h"

#include <string.h>

#include "api/floats.h"
#include "base/clock.h"

#include "base/banned.h"

enum lat_status lat_reply_json(struct lat_call *call, int status, struct lat_error *err)
{
    call->response.status = status;
    return lat_buf_check(&call->response.body, err);
}

enum lat_status lat_reply_bytes(struct lat_call *call, const char *type, const void *bytes,
                                size_t len, struct lat_error *err)
{
    call->response.content_type = type;
    lat_buf_append(&call->response.body, bytes, len);
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_reply_floats(struct lat_call *call, const float *values, size_t rows,
                                 size_t columns, struct lat_error *err)
{
    lat_call_respond_header(call, "X-Shape", "%zu,%zu", rows, columns);
    return lat_reply_bytes(call, "application/octet-stream", values,
                           rows * columns * sizeof(*values), err);
}

enum lat_status lat_reply_vector(struct lat_call *call, const float *values, size_t n,
                                 struct lat_error *err)
{
    lat_call_respond_header(call, "X-Shape", "%zu", n);
    return lat_reply_bytes(call, "application/octet-stream", values, n * sizeof(*values), err);
}

enum lat_status lat_reply_nothing(struct lat_call *call)
{
    call->response.status = 204;
    return LAT_OK;
}

void lat_write_key(struct lat_buf *out, const char *key)
{
    const char last = out->len ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[')
        lat_buf_char(out, ',');
    lat_buf_char(out, '"');
    lat_buf_text(out, key);
    lat_buf_append(out, "\":", 2);
}

void lat_write_text(struct lat_buf *out, const char *key, const char *text)
{
    lat_write_key(out, key);
    if (text)
        lat_buf_json_string(out, text, strlen(text));
    else
        lat_buf_text(out, "null");
}

void lat_write_count(struct lat_buf *out, const char *key, uint64_t value)
{
    lat_write_key(out, key);
    lat_buf_printf(out, "%llu", (unsigned long long)value);
}

void lat_write_flag(struct lat_buf *out, const char *key, bool value)
{
    lat_write_key(out, key);
    lat_buf_text(out, value ? "true" : "false");
}

void lat_write_float(struct lat_buf *out, const char *key, float value)
{
    lat_write_key(out, key);
    lat_buf_json_float(out, value);
}

void lat_write_double(struct lat_buf *out, const char *key, double value)
{
    lat_write_key(out, key);
    lat_buf_json_double(out, value);
}

void lat_write_time(struct lat_buf *out, const char *key, int64_t wall_ms)
{
    char text[32];
    if (wall_ms)
        lat_clock_format(wall_ms, text, sizeof(text));
    lat_write_text(out, key, wall_ms ? text : NULL);
}

void lat_write_vector(struct lat_buf *out, const float *values, size_t n, bool base64)
{
    if (!base64) {
        lat_buf_json_floats(out, values, n);
        return;
    }
    lat_buf_char(out, '"');
    lat_base64_encode(out, values, n * sizeof(*values));
    lat_buf_char(out, '"');
}

void lat_write_vectors(struct lat_buf *out, const float *values, size_t rows, size_t columns,
                       bool base64)
{
    lat_buf_char(out, '[');
    for (size_t i = 0; i < rows; i++) {
        if (i)
            lat_buf_char(out, ',');
        lat_write_vector(out, values + i * columns, columns, base64);
    }
    lat_buf_char(out, ']');
}

void lat_write_cursor(struct lat_buf *out, const char *cursor)
{
    lat_write_text(out, "next_cursor", cursor);
}
