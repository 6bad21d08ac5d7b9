/* Printing replies: JSON straight into the response's buffer, floats in the form asked for. */
#ifndef LAT_API_REPLY_H
#define LAT_API_REPLY_H

#include "service/http.h"

/* Ends a JSON reply: the status, and whether the buffer held out. */
enum lat_status lat_reply_json(struct lat_call *call, int status,
                               struct lat_error *err) LAT_MUST_USE;
/* Bytes of another type; copied. */
enum lat_status lat_reply_bytes(struct lat_call *call, const char *type, const void *bytes,
                                size_t len, struct lat_error *err) LAT_MUST_USE;
/* values [rows][columns] as raw little-endian float32 with X-Shape "rows,columns"; no rows are
 * an empty body. */
enum lat_status lat_reply_floats(struct lat_call *call, const float *values, size_t rows,
                                 size_t columns, struct lat_error *err) LAT_MUST_USE;
/* One vector: values [n], X-Shape "n". */
enum lat_status lat_reply_vector(struct lat_call *call, const float *values, size_t n,
                                 struct lat_error *err) LAT_MUST_USE;
/* 204 without a body. */
enum lat_status lat_reply_nothing(struct lat_call *call);

/* "key": with a comma before it unless it is the first of its object. */
void lat_write_key(struct lat_buf *out, const char *key);
void lat_write_text(struct lat_buf *out, const char *key, const char *text); /* NULL: null */
void lat_write_count(struct lat_buf *out, const char *key, uint64_t value);
void lat_write_flag(struct lat_buf *out, const char *key, bool value);
/* null unless finite */
void lat_write_float(struct lat_buf *out, const char *key, float value);
void lat_write_double(struct lat_buf *out, const char *key, double value);
/* Wall milliseconds as RFC 3339; null for 0. */
void lat_write_time(struct lat_buf *out, const char *key, int64_t wall_ms);
/* One vector: [..] or base64 text. */
void lat_write_vector(struct lat_buf *out, const float *values, size_t n, bool base64);
/* [rows][columns]: a list of vectors. */
void lat_write_vectors(struct lat_buf *out, const float *values, size_t rows, size_t columns,
                       bool base64);
/* "next_cursor": and its text or null. */
void lat_write_cursor(struct lat_buf *out, const char *cursor);

#endif
