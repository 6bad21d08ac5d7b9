/* The parts of an error in the words and units of whoever sent the input. */
#ifndef LAT_API_CONTRIBUTIONS_H
#define LAT_API_CONTRIBUTIONS_H

#include "model/autoencoder.h"

/* [{"feature":…,"observed":…,"expected":…,"error":…,"share":…},…], appended: the `n_max`
 * largest, largest first. A feature is a column, the place of an element of a vector ("0"), an
 * item of a history, a pixel ("x,y", observed and expected a number or one a channel, in
 * [0,1]), or a feature of a sequence's step, which then has "step" beside it. */
enum lat_status lat_write_contributions(struct lat_buf *out, const struct lat_model *model,
                                        const float *row, const float *decoded, size_t n_max,
                                        struct lat_error *err) LAT_MUST_USE;

/* ,"steps":[…]: the mean error of each step of a sequence; nothing for other inputs. */
void lat_write_steps(struct lat_buf *out, const struct lat_model *model, const float *row,
                     const float *decoded);

#endif
