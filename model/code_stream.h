/* The bytes of a compressed input, `application/vnd.latentd.code`: who made them, how, and a
 * checksum around it all (docs/formats-compressed.md). No state, no locks. */
#ifndef LAT_MODEL_CODE_STREAM_H
#define LAT_MODEL_CODE_STREAM_H

#include "base/buf.h"
#include "model/package.h"

#define LAT_CODE_STREAM_TYPE "application/vnd.latentd.code"

enum { LAT_STREAM_REFERENCE_MAX = LAT_NAME_MAX + 12 };

enum lat_code_stream_kind {
    LAT_STREAM_NUMBERS, /* a code, each number by its own prior */
    LAT_STREAM_PLAIN,   /* a code of a model without a prior: all numbers by `unit` */
    LAT_STREAM_PICTURE, /* a picture of any size through a transform */
    LAT_STREAM_KIND_COUNT
};

struct lat_code_stream {
    enum lat_code_stream_kind kind;
    char reference[LAT_STREAM_REFERENCE_MAX]; /* name@version */
    uint32_t digest;                          /* of what decodes */
    uint32_t n;                               /* NUMBERS, PLAIN: numbers of the code */
    float unit;                               /* PLAIN: finite, above 0 */
    uint32_t width, height;                   /* PICTURE: pixels */
    uint32_t step;                            /* above 0, in units of 2^-16 */
    const uint8_t *payload;                   /* borrowed */
    size_t len;
};

void lat_code_stream_write(const struct lat_code_stream *stream, struct lat_buf *out);

/* LAT_INVALID: bad_compressed for what is damaged, cut short or no such stream, saying which;
 * unsupported_version for a format of the future. The payload is borrowed from `bytes`. */
enum lat_status lat_code_stream_read(const void *bytes, size_t len,
                                     struct lat_code_stream *out_stream,
                                     struct lat_error *err) LAT_MUST_USE;

#endif
