/* Calibration: what scores a model gives to data it should know, kept as quantiles, and what a
 * score seen later says against them. No state, no locks.
 *
 * A p-value is that of split conformal prediction (Vovk, Gammerman & Shafer 2005, section 4.2):
 * (1 + #{calibration items with a score at least this large}) / (1 + n). On items like those of
 * the calibration set it is uniform whatever the distribution of the scores, provided the model
 * was not trained on them: calibrate on data held out. */
#ifndef LAT_MODEL_CALIBRATION_H
#define LAT_MODEL_CALIBRATION_H

#include "model/package.h"

/* Fills *out from the scores of `n` items (sorted in place). `id` names it, at most 39 bytes.
 * LAT_INVALID when n is 0 or a score is negative or not finite. */
enum lat_status lat_calibration_fit(float *scores, size_t n, enum lat_score_kind kind,
                                    const char *id, struct lat_calibration *out,
                                    struct lat_error *err) LAT_MUST_USE;

/* Calibration items with a smaller score, 0 … n; counted where all are kept, interpolated
 * between quantiles of larger sets. NaN without calibration. */
double lat_calibration_below(const struct lat_calibration *calibration, float score);

/* (1 + n - below) / (1 + n), in (0,1]. NaN without calibration. */
double lat_calibration_p_value(const struct lat_calibration *calibration, float score);

/* The score above which p-values are at most `rate`: so many of the items that are like the
 * calibration set's are flagged. A rate below 1 / (1 + n) cannot be told from n items; then it
 * is the largest of their scores, and *out_rate (may be NULL) the rate that has, 1 / (1 + n).
 * NaN without calibration. */
float lat_calibration_threshold(const struct lat_calibration *calibration, double rate,
                                double *out_rate);

#endif
