/* A code that is no picture, rounded to whole numbers, as bytes and back, each number by its
 * own prior. Integers alone: the same bytes and numbers on every machine. No locks, no state.
 */
#ifndef LAT_MODEL_CODE_NUMBERS_H
#define LAT_MODEL_CODE_NUMBERS_H

#include "model/code_prior.h"

/* q [n], |q| <= LAT_CODE_MOST -> bytes appended to `out`. `step`: what q was rounded by, in
 * units of 2^-16. A prior of one channel holds for all numbers. */
enum lat_status lat_numbers_write(const struct lat_prior *prior, uint32_t step,
                                  const int32_t *q, size_t n, struct lat_buf *out,
                                  struct lat_error *err) LAT_MUST_USE;
/* The reverse. Any bytes give some numbers, all within LAT_CODE_MOST. */
void lat_numbers_read(const struct lat_prior *prior, uint32_t step, const void *bytes,
                      size_t len, size_t n, int32_t *out_q);

#endif
