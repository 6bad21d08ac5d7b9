/* Compression: an input as few bytes, and back, with what that cost and lost.
 *
 * The code is rounded to a grid and entropy-coded (code_numbers.h, code_planes.h,
 * range_coder.h) into bytes that say which model decodes them (code_stream.h). A model with a
 * transform takes pictures of any size; any other takes its own rows. Any number of threads may
 * use a model. */
#ifndef LAT_MODEL_COMPRESS_H
#define LAT_MODEL_COMPRESS_H

#include "model/autoencoder.h"
#include "model/code_stream.h"

enum { LAT_COMPRESS_BITS = 8 }; /* of a number, where nothing is asked for */

/* What is asked for: at most one of them, 0 the others. */
struct lat_compress_goal {
    uint32_t bits;         /* of each number, 1 to 16, over the range nearly all of them have */
    double step;           /* pictures: of the grid; 1 is what the model was trained for */
    double bits_per_pixel; /* at most: the finest grid that keeps it */
    double psnr;           /* at least, in dB: the coarsest grid that keeps it */
    uint64_t deadline_ns;  /* pictures: lat_clock_ns by which it is done; 0: whenever */
};

struct lat_compress_facts {
    size_t len;            /* bytes, everything counted */
    double bits_per_pixel; /* 8 len over the picture's pixels; else over a row's elements */
    double error;          /* mean squared difference, as lat_model_errors has it */
    double psnr; /* pictures, of 8-bit pixels: INFINITY where none differs; else NaN */
    double step;
};

/* How codes are decoded: the caller's, so that it may wait for its turn. */
struct lat_code_runner {
    enum lat_status (*decode)(void *context, const float *code, float *out_row,
                              struct lat_error *err);
    void *context;
};

/* Whether pictures of any size are taken. */
bool lat_model_has_transform(const struct lat_model *model);

/* One row and its code -> bytes appended to `out`. LAT_INVALID: out_of_reach, with expected and
 * got, for a goal that no grid meets; wrong_option for one that has no meaning here. */
enum lat_status lat_compress_row(const struct lat_model *model, const float *row,
                                 const float *code, const struct lat_compress_goal *goal,
                                 const struct lat_code_runner *runner, struct lat_buf *out,
                                 struct lat_compress_facts *out_facts,
                                 struct lat_error *err) LAT_MUST_USE;

/* A picture through the model's transform. Memory: about 30 bytes a pixel. LAT_UNAVAILABLE
 * deadline_exceeded behind the goal's deadline. */
enum lat_status lat_compress_picture(const struct lat_model *model,
                                     const struct lat_image *image,
                                     const struct lat_compress_goal *goal, struct lat_buf *out,
                                     struct lat_compress_facts *out_facts,
                                     struct lat_error *err) LAT_MUST_USE;

/* Reads the bytes' head and holds it against the model. LAT_INVALID: bad_compressed,
 * unsupported_version, wrong_model with expected and got. LAT_TOO_LARGE image_too_large. */
enum lat_status lat_decompress_begin(const struct lat_model *model, const void *bytes,
                                     size_t len, const struct lat_image_limits *limits,
                                     struct lat_code_stream *out_stream,
                                     struct lat_error *err) LAT_MUST_USE;
/* The code of a stream that is no picture's, [code_dimension]. */
enum lat_status lat_decompress_code(const struct lat_model *model,
                                    const struct lat_code_stream *stream, float *out_code,
                                    struct lat_error *err) LAT_MUST_USE;
/* A picture's: *out_image is new (lat_image_release). LAT_UNAVAILABLE deadline_exceeded when it
 * takes longer than to `deadline_ns` (0: whenever). */
enum lat_status lat_decompress_picture(const struct lat_model *model,
                                       const struct lat_code_stream *stream,
                                       uint64_t deadline_ns, struct lat_image *out_image,
                                       struct lat_error *err) LAT_MUST_USE;

#endif
