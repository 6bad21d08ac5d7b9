/* Inputs to compressed bytes and back: the use case behind compress, decompress and collections
 * that keep compressed inputs.
 *
 * Every function runs on a worker's thread, for its call: memory that outlives it is the call's
 * arena, times are the call's. */
#ifndef LAT_SERVICE_COMPRESS_H
#define LAT_SERVICE_COMPRESS_H

#include "model/compress.h"
#include "service/embed.h"

/* One input -> bytes appended to `out`. A model with a transform takes a picture in its own
 * size, any other as `encode` does. */
enum lat_status lat_compress(struct lat_call *call, struct lat_model *model,
                             const struct lat_input *input,
                             const struct lat_compress_goal *goal, struct lat_buf *out,
                             struct lat_compress_facts *out_facts,
                             struct lat_error *err) LAT_MUST_USE;

/* What bytes decode to: a picture of its own size, or a row of the model's. */
struct lat_decompressed {
    struct lat_image image; /* owned; pixels NULL for a row: lat_image_release */
    float *row;             /* [elements], in the call's arena; NULL for a picture */
    double bits_per_pixel;  /* of the bytes: as in lat_compress_facts */
};

enum lat_status lat_decompress(struct lat_call *call, struct lat_model *model,
                               const void *bytes, size_t len, struct lat_decompressed *out,
                               struct lat_error *err) LAT_MUST_USE;

#endif
