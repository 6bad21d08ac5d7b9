/* A code laid out as a picture, rounded to whole numbers, as bytes and back. Planes are told
 * one after the other, those that hold most first; what is said of a number is what its
 * neighbours and the planes before say, and the package's prior. Integers alone: the same bytes
 * and numbers on every machine. No locks, no state. */
#ifndef LAT_MODEL_CODE_PLANES_H
#define LAT_MODEL_CODE_PLANES_H

#include "model/code_prior.h"

/* q [prior->n][height][width], |q| <= LAT_CODE_MOST -> bytes appended to `out`. `step`: what q
 * was rounded by, in units of 2^-16. */
enum lat_status lat_planes_write(const struct lat_prior *prior, uint32_t step, const int32_t *q,
                                 size_t height, size_t width, struct lat_buf *out,
                                 struct lat_error *err) LAT_MUST_USE;
/* The reverse. Any bytes give some numbers, all within LAT_CODE_MOST. */
enum lat_status lat_planes_read(const struct lat_prior *prior, uint32_t step, const void *bytes,
                                size_t len, size_t height, size_t width, int32_t *out_q,
                                struct lat_error *err) LAT_MUST_USE;

#endif
