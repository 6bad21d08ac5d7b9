/* Floats and bytes as they travel: base64 text, raw little-endian float32, `X-Shape`.
 *
 * Everything here refuses NaN and infinity, names the first bad element, and allocates from the
 * arena it is given. No state. JSON arrays of numbers are read by api/json.h. */
#ifndef LAT_API_FLOATS_H
#define LAT_API_FLOATS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

/* Numbers of one request, [n] or [rows][columns]; borrowed from an arena or from a body. */
struct lat_floats {
    const float *values;
    size_t n;
};

/* Most dimensions an X-Shape may have. */
enum { LAT_SHAPE_MAX_RANK = 4 };

/* Bytes that `len` characters of base64 give at most. */
size_t lat_base64_room(size_t len);

/* Decodes the standard or the URL alphabet, padding optional, into `out` (lat_base64_room
 * bytes); false for anything else, also for bits left over that are not zero. */
bool lat_base64_decode(const char *text, size_t len, uint8_t *out,
                       size_t *out_len) LAT_MUST_USE;

/* Appends the standard alphabet with padding. */
void lat_base64_encode(struct lat_buf *out, const void *bytes, size_t len);

/* Base64 text -> a copy of its bytes in the arena. LAT_INVALID bad_base64. */
enum lat_status lat_base64_bytes(struct lat_arena *arena, const char *text, size_t len,
                                 const uint8_t **out_bytes, size_t *out_len,
                                 struct lat_error *err) LAT_MUST_USE;

/* A data URI ("data:image/png;base64,…") or bare base64 -> its bytes, copied into the arena.
 * The media type a URI claims is not believed and not looked at. */
enum lat_status lat_data_uri_bytes(struct lat_arena *arena, const char *text, size_t len,
                                   const uint8_t **out_bytes, size_t *out_len,
                                   struct lat_error *err) LAT_MUST_USE;

/* Little-endian float32 in base64 -> floats. LAT_INVALID bad_base64, bad_floats (not a multiple
 * of four bytes), not_finite. */
enum lat_status lat_floats_from_base64(struct lat_arena *arena, const char *text, size_t len,
                                       struct lat_floats *out_floats,
                                       struct lat_error *err) LAT_MUST_USE;

/* Raw little-endian float32; used in place when they are aligned, copied otherwise. */
enum lat_status lat_floats_from_bytes(struct lat_arena *arena, const void *bytes, size_t len,
                                      struct lat_floats *out_floats,
                                      struct lat_error *err) LAT_MUST_USE;

/* LAT_INVALID not_finite with the place of the first NaN or infinity. */
enum lat_status lat_floats_check(const float *values, size_t n,
                                 struct lat_error *err) LAT_MUST_USE;

/* "3,128" -> {3, 128}. LAT_INVALID bad_shape. */
enum lat_status lat_shape_parse(const char *text, size_t *out_dims, size_t *out_rank,
                                struct lat_error *err) LAT_MUST_USE;

#endif
