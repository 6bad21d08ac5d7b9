/* From pictures to rows and back: layout, mean and standard deviation.
 *
 * Planes are floats in [0,1], [channels][height][width]. A row is what the network sees, in the
 * layout of its input: (plane value - mean) / std. No state, no allocation but where said. */
#ifndef LAT_MODEL_PREPROCESS_H
#define LAT_MODEL_PREPROCESS_H

#include "model/image.h"
#include "model/package.h"

/* A picture of any size -> one row of lat_input_elements() floats: resized and converted
 * (lat_image_to_planes), laid out, standardised. Fails only for want of memory. */
enum lat_status lat_preprocess_image(const struct lat_input_spec *input,
                                     const struct lat_image *image, float *out_row,
                                     struct lat_error *err) LAT_MUST_USE;

/* A row -> pixels[height][width][channels]: standardisation undone, cut to [0,1], rounded to 8
 * bits. A value that is not a number becomes 0. */
void lat_preprocess_to_pixels(const struct lat_input_spec *input, const float *row,
                              uint8_t *out_pixels);

/* The channel of element `i` of a row. */
size_t lat_preprocess_channel(const struct lat_input_spec *input, size_t i);

#endif
