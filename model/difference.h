/* How two decoded rows of an image model differ, as a picture. No state, no locks. */
#ifndef LAT_MODEL_DIFFERENCE_H
#define LAT_MODEL_DIFFERENCE_H

#include "model/package.h"

struct lat_difference {
    float mean, most; /* of the absolute differences, in pixels of [0,1] */
};

/* rows `a` and `b` [elements] -> a gray PNG of the model's width and height, appended to `out`:
 * each pixel the absolute difference of the two pictures there, averaged over channels, 255 for
 * black against white. Values outside of [0,1] are cut first, as in the pictures themselves. */
enum lat_status lat_difference_png(const struct lat_input_spec *input, const float *a,
                                   const float *b, struct lat_buf *out,
                                   struct lat_difference *out_difference,
                                   struct lat_error *err) LAT_MUST_USE;

#endif
