/* Calibration: what errors a model makes on data it should know, kept as quantiles, and what an
 * error seen later says against them. No state, no locks. */
#ifndef LAT_MODEL_CALIBRATION_H
#define LAT_MODEL_CALIBRATION_H

#include "model/package.h"

/* Fills *out from the reconstruction errors of `n` items (sorted in place). `id` names it, at
 * most 39 bytes. LAT_INVALID when n is 0 or an error is not finite. */
enum lat_status lat_calibration_fit(float *errors, size_t n, const char *id,
                                    struct lat_calibration *out,
                                    struct lat_error *err) LAT_MUST_USE;

/* Share of the calibration set with an error at least this large, (1 + #{e >= error}) / (1 +
 * n), in (0,1]; the count between two stored quantiles is interpolated. NaN without
 * calibration. */
double lat_calibration_p_value(const struct lat_calibration *calibration, float error);

#endif
