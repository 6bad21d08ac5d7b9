/* The score of an item: how badly a model accounts for it, larger for stranger items.
 *
 * It is the reconstruction error (lat_model_errors), or for a code that is a distribution the
 * negative evidence lower bound in nats (Kingma & Welling 2014, equation 3),
 *
 *      KL(q(z|x) || N(0, I)) - mean over draws z of log p(x|z),
 *
 * with LAT_SCORE_DRAWS draws that are the same for every item: the same item has the same
 * score. Draws come in pairs of z and its mirror image, so that what is linear in the noise
 * cancels.
 *
 * Callers decode by themselves (the service joins decodings of many callers):
 *
 *      lat_score_divergence(model, codes, variances, n, scores);
 *      for (draw = 0; draw < LAT_SCORE_DRAWS; draw++) {
 *              lat_score_sample(model, codes, variances, n, draw, sampled);
 *              decode sampled -> decoded;
 *              lat_score_add(model, rows, decoded, n, scores);
 *      }
 *
 * or, for any kind of score, lat_score_rows. Any number of threads. */
#ifndef LAT_MODEL_SCORE_H
#define LAT_MODEL_SCORE_H

#include "model/autoencoder.h"

enum { LAT_SCORE_DRAWS = 4 };

/* What the calibration is of; without one the bound where the code is a distribution. The error
 * where the decoder says spreads: an improbable cell may have a wide one. */
enum lat_score_kind lat_score_kind(const struct lat_model *model);

/* A score, or an error, as a float. The largest one where it is larger still, or no number at
 * all: an input so far from all data that the network's numbers give out is as strange as can
 * be, and is not to pass for one that nothing is known of. */
float lat_score_limit(double score);

/* codes, variances [n][code_dimension] -> out_scores [n]: the divergence from the prior. */
void lat_score_divergence(const struct lat_model *model, const float *codes,
                          const float *variances, size_t n, float *out_scores);

/* Draw `draw` of each code: out_codes [n][code_dimension]. LAT_NO_MEMORY. */
enum lat_status lat_score_sample(const struct lat_model *model, const float *codes,
                                 const float *variances, size_t n, unsigned draw,
                                 float *out_codes, struct lat_error *err) LAT_MUST_USE;

/* Adds what one draw, decoded [n][elements], says of `rows`. */
void lat_score_add(const struct lat_model *model, const float *rows, const float *decoded,
                   size_t n, float *inout_scores);

/* rows [n][elements], their codes and (for the bound) variances -> out_scores [n], decoding
 * here. `decoded` [n][elements]: the codes decoded, or NULL where the kind is the bound. */
enum lat_status lat_score_rows(struct lat_model *model, const float *rows, const float *codes,
                               const float *variances, const float *decoded, size_t n,
                               float *out_scores, struct lat_error *err) LAT_MUST_USE;

/* ---- where it comes from ---- */

/* One feature's part in the reconstruction error of a row. Features are the columns of a table,
 * the pixels of a picture (all channels together), and else the elements. */
struct lat_contribution {
    uint32_t feature;
    float error; /* squared difference, in the units of lat_model_errors, over its elements */
    float share; /* of the sum over all features */
};

size_t lat_score_features(const struct lat_input_spec *input);

/* The `n_max` features with the largest errors, largest first, into out [n_max]; features that
 * are missing in `row` are left out. Returns how many. LAT_NO_MEMORY. */
enum lat_status lat_score_contributions(const struct lat_model *model, const float *row,
                                        const float *decoded, size_t n_max,
                                        struct lat_contribution *out, size_t *out_n,
                                        struct lat_error *err) LAT_MUST_USE;

/* Pictures: the error of each pixel as a PNG of the model's size, black where there is none
 * over red and yellow to white for the largest of the picture. Appended to `out`. */
enum lat_status lat_score_map(const struct lat_model *model, const float *row,
                              const float *decoded, struct lat_buf *out,
                              struct lat_error *err) LAT_MUST_USE;

#endif
