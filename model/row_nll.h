/* The likelihoods once more, in plain loops over what an exported decoder gives: how packages
 * are measured and what is served is scored, and the reference of the graphs of
 * train/likelihood.c. */
#ifndef LAT_MODEL_ROW_NLL_H
#define LAT_MODEL_ROW_NLL_H

#include "model/package.h"

#define LAT_STUDENT_T_DEGREES 3.0F
#define LAT_CODEAN_LEAST      1e-6F /* added to squared lengths */

/* Negative log-likelihood of one row, summed over its elements, constants left out as in
 * train/likelihood.c. target, output: [n], in the units the network was trained in. NaN when
 * there is no formula. */
double lat_row_nll(enum lat_likelihood likelihood, const float *target, const float *output,
                   size_t n);

/* The same of one row of that input; the columns of a table each by their own likelihood where
 * it is mixed, missing cells (NaN in `target`) left out. */
double lat_input_nll(const struct lat_input_spec *input, enum lat_likelihood likelihood,
                     const float *target, const float *output);

/* The same with the spread of each element, in the same units; NULL: 1. */
double lat_input_nll_spread(const struct lat_input_spec *input, enum lat_likelihood likelihood,
                            const float *target, const float *output, const float *spread);

#endif
