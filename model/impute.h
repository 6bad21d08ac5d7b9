/* Filling in the missing cells of a table's rows, and saying how sure that is.
 *
 * Three methods, one result: for every missing element a value, a spread, an interval, and
 * draws for multiple imputation.
 *
 * reconstruction  the holes start at their column's mean, the row is encoded and decoded, what
 *                 comes out goes into the holes, until they settle (Rezende, Mohamed & Wierstra
 *                 2014, appendix F, without the noise), or once, where that was nearer to the
 *                 truth when the package was made.
 * importance      for gaussian codes: K codes are drawn from q(z | observed cells), each weighs
 *                 p(observed | z) p(z) / q(z), and a missing cell follows the mixture of what
 *                 they decode to, so weighted (MIWAE: Mattei & Frellsen 2019, section 3.2,
 *                 eq. 12-13). A draw takes one code by its weight and a value behind it: proper
 *                 multiple imputation.
 * neighbours      the mixture of what the nearest stored codes decode to; whoever has a
 *                 collection brings them (lat_impute_mix).
 *
 * Rows are as in model/autoencoder.h: standardised, an element a category, NaN where a cell is
 * missing. Spreads and intervals are calibrated by what the package knows of its own errors on
 * cells that were hidden from it (model/impute_calibration.h). Functions read the model and
 * write the caller's memory: any number of threads. */
#ifndef LAT_MODEL_IMPUTE_H
#define LAT_MODEL_IMPUTE_H

#include "model/autoencoder.h"
#include "model/impute_calibration.h"

enum { LAT_IMPUTE_SAMPLES = 500, LAT_IMPUTE_SAMPLES_MAX = 20000, LAT_IMPUTE_DRAWS_MAX = 100 };

/* How the model is run: the caller decides on which thread and in what company. */
struct lat_impute_engine {
    enum lat_status (*encode)(void *context, const float *rows, size_t n, float *out_codes,
                              float *out_variances, struct lat_error *err);
    enum lat_status (*decode)(void *context, const float *codes, size_t n, float *out_rows,
                              float *out_spreads, struct lat_error *err);
    void *context;
};

/* Straight through the model, on this thread. */
struct lat_impute_engine lat_impute_engine_of(struct lat_model *model);

struct lat_impute_options {
    enum lat_impute_method method;
    uint32_t rounds;   /* reconstruction: at most so often; 0: as the package says */
    uint32_t samples;  /* importance: codes a row, 1 to LAT_IMPUTE_SAMPLES_MAX */
    uint32_t draws;    /* completed rows beside the value, 0 to LAT_IMPUTE_DRAWS_MAX */
    uint64_t seed;     /* of codes and draws: the same seed, the same result */
    uint64_t first;    /* the number of the first row: each has draws of its own */
    double interval;   /* its share, in (0,1) */
    bool uncalibrated; /* as the model says it: for fitting a calibration */
};

/* What came of `n` rows; owned. Elements of observed cells are as given in `values` and draws,
 * 0 in `spreads` and the value itself in lows and highs. */
struct lat_imputed {
    size_t n, elements, n_draws;
    float *values;       /* [n][elements]; of words the probability of each category */
    float *spreads;      /* [n][elements]: standard deviations, of numbers */
    float *lows, *highs; /* [n][elements]: the interval, of numbers */
    float *draws;        /* [n][n_draws][elements]; NULL without */
    float *effective;    /* [n]: importance: how many equal codes the weights are worth */
};

/* rows [n][elements]. LAT_CAPABILITY for importance without a gaussian code, and for a model
 * that is no table's or has no decoder. Zero-initialise *out; release in every case. */
enum lat_status lat_impute(struct lat_model *model, const struct lat_impute_engine *engine,
                           const float *rows, size_t n,
                           const struct lat_impute_options *options, struct lat_imputed *out,
                           struct lat_error *err) LAT_MUST_USE;
void lat_imputed_release(struct lat_imputed *imputed);

/* The method when nobody says one: importance for gaussian codes, else reconstruction. */
enum lat_impute_method lat_impute_usual(const struct lat_model *model);

/* LAT_CAPABILITY in words where this model cannot be imputed by that method. */
enum lat_status lat_impute_check(const struct lat_model *model, enum lat_impute_method method,
                                 struct lat_error *err) LAT_MUST_USE;

/* Room for `n` rows in an empty *out, the observed elements in place. */
enum lat_status lat_imputed_begin(const struct lat_model *model, const float *rows, size_t n,
                                  size_t n_draws, struct lat_imputed *out,
                                  struct lat_error *err) LAT_MUST_USE;

/* What a row's missing cells follow: `n` decoded rows, each with its weight. */
struct lat_impute_mixture {
    const float *decoded;  /* [n][elements] */
    const float *spreads;  /* [n][elements] of each around its own; NULL: 0 */
    const double *weights; /* [n], sum 1 */
    size_t n;
};

/* What a component of a mixture of decoded codes is off by: out_spreads [elements], of numbers
 * the error of decoding a row with holes (the calibration's of reconstruction, or the column's
 * own deviation where that is not known), of words 0. */
void lat_impute_decoded_spreads(const struct lat_model *model, float *out_spreads);

/* Row `i` of *inout from a mixture. */
void lat_impute_mix(const struct lat_model *model, const struct lat_impute_options *options,
                    const struct lat_impute_mixture *mixture, size_t i,
                    struct lat_imputed *inout);

/* How sure a cell is, from 0 (no better than the column's mean) to 1: of numbers the share of
 * the column's variance that is known, of words the probability of the likeliest. */
double lat_impute_confidence(const struct lat_column *column, const float *values,
                             const float *spreads);

#endif
