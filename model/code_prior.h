/* What is known of a model's codes before one is seen: for each channel the grid its numbers
 * are rounded to and how often they fall where. Made from the codes of the calibration set,
 * kept in the package, and the same integers on every machine (docs/formats-compressed.md).
 *
 * A *channel* of a code laid out as a picture is one of its planes, of any other code one of
 * its numbers. Numbers are rounded as q = round((y - center) / (unit * step)); chances are
 * counted over z = (y - center) / unit in steps of 2^-16. */
#ifndef LAT_MODEL_CODE_PRIOR_H
#define LAT_MODEL_CODE_PRIOR_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum {
    LAT_PRIOR_KNOTS = 47,      /* of a channel's cumulative distribution */
    LAT_PRIOR_WHOLE = 1 << 30, /* what it ends at */
    LAT_PRIOR_ONE = 1 << 16,   /* one unit, and a step of 1 */
    LAT_CODE_MOST = 1 << 24    /* |q| of any number of a code */
};

struct lat_prior_channel {
    float center, unit;             /* unit > 0 */
    int32_t knots[LAT_PRIOR_KNOTS]; /* ascending, in units of 2^-16 */
};

struct lat_prior {
    size_t n;                           /* channels */
    struct lat_prior_channel *channels; /* owned */
    uint32_t crc;                       /* of its file */
};

/* Counts `codes` [n_codes][n_channels][width]: each channel's middle and distribution. With
 * `unit` 0 a channel's unit is the range nearly all of its numbers lie in, so that a step of
 * 2^-b cuts it in 2^b; otherwise all have that unit and 0 for center. */
enum lat_status lat_prior_fit(const float *codes, size_t n_codes, size_t n_channels,
                              size_t width, float unit, struct lat_prior *out_prior,
                              struct lat_error *err) LAT_MUST_USE;

/* One channel for all, symmetric around 0 and as wide as `unit` either way: where a package has
 * no prior. */
enum lat_status lat_prior_plain(float unit, struct lat_prior *out_prior,
                                struct lat_error *err) LAT_MUST_USE;
void lat_prior_release(struct lat_prior *prior);

/* The share of numbers below `edge` (in units of 2^-17), of LAT_PRIOR_WHOLE. */
uint32_t lat_prior_below(const struct lat_prior_channel *channel, int64_t edge);

/* Appends the file's bytes; reads them again. LAT_CORRUPT with what is wrong. */
void lat_prior_write(const struct lat_prior *prior, struct lat_buf *out);
enum lat_status lat_prior_read(const void *bytes, size_t len, struct lat_prior *out_prior,
                               struct lat_error *err) LAT_MUST_USE;

#endif
