/* What a model's imputations are worth: fitted after training on cells that were hidden from
 * it, kept in the manifest under "imputation".
 *
 * A hidden cell's error over the spread the model gave it, r = (truth - value) / spread, should
 * have variance 1. `scales` is what each column's spread is multiplied by so that it has;
 * `quantiles` are those of r after that, over all columns, from which intervals are taken:
 * split conformal prediction with a local scale (Lei et al. 2018, section 5.2), two-sided. */
#ifndef LAT_MODEL_IMPUTE_CALIBRATION_H
#define LAT_MODEL_IMPUTE_CALIBRATION_H

#include "base/buf.h"
#include "base/status.h"

enum lat_impute_method {
    LAT_IMPUTE_RECONSTRUCTION,
    LAT_IMPUTE_IMPORTANCE,
    LAT_IMPUTE_NEIGHBOURS,
    LAT_IMPUTE_METHODS
};
/* "reconstruction" "importance" "neighbours" */
extern const char *const lat_impute_method_names[LAT_IMPUTE_METHODS];

enum {
    LAT_IMPUTE_QUANTILES = 101,
    LAT_IMPUTE_ROUNDS_MAX = 50, /* of reconstruction, after which holes count as settled */
};

struct lat_impute_method_calibration {
    size_t n;                              /* hidden cells; 0: not calibrated */
    float *scales;                         /* [n_columns]; owned */
    float quantiles[LAT_IMPUTE_QUANTILES]; /* ascending, evenly spaced from 0 to 1 */
};

struct lat_impute_calibration {
    size_t n_columns;
    uint32_t rounds; /* of reconstruction, from 1; 0: LAT_IMPUTE_ROUNDS_MAX */
    struct lat_impute_method_calibration methods[LAT_IMPUTE_METHODS];
};

void lat_impute_calibration_free(struct lat_impute_calibration *calibration); /* NULL is fine */

/* One hidden cell: its column, and r before any scale. */
struct lat_impute_residual {
    uint32_t column;
    float r;
};

/* Fits a method from `n` residuals (reordered). Columns with few cells lean on the others; with
 * fewer than 20 in all nothing is known. */
enum lat_status lat_impute_calibrate(struct lat_impute_calibration *calibration,
                                     enum lat_impute_method method,
                                     struct lat_impute_residual *residuals, size_t n,
                                     struct lat_error *err) LAT_MUST_USE;

/* 1 where nothing is known. `calibration` may be NULL here and below. */
float lat_impute_scale(const struct lat_impute_calibration *calibration,
                       enum lat_impute_method method, size_t column);
/* The quantile of r at `p` in [0,1]; of a normal where nothing is known. */
float lat_impute_quantile(const struct lat_impute_calibration *calibration,
                          enum lat_impute_method method, double p);

/* {"importance":{"cells":n,"scales":[…],"quantiles":[…]},…}, as in a manifest. */
void lat_impute_calibration_write(const struct lat_impute_calibration *calibration,
                                  struct lat_buf *out);

#endif
