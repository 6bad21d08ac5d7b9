/* Noise is made of a fixed seed: draw 2i and 2i + 1 have the same, with opposite signs. */
#include "model/score.h"

#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/model_internal.h"
#include "model/row_nll.h"

#include "base/banned.h"

static const uint64_t NOISE_SEED = UINT64_C(0x5c0de);

enum lat_score_kind lat_score_kind(const struct lat_model *model)
{
    const struct lat_manifest *manifest = &model->manifest;
    if (model->signature.log_variance.name[0] == '\0' || !model->decoder ||
        lat_model_has_spread(model))
        return LAT_SCORE_ERROR;
    return manifest->calibration.present ? manifest->calibration.kind : LAT_SCORE_BOUND;
}

float lat_score_limit(double score)
{
    return score < (double)FLT_MAX ? (float)score : FLT_MAX;
}

void lat_score_divergence(const struct lat_model *model, const float *codes,
                          const float *variances, size_t n, float *out_scores)
{
    const size_t dimension = model->manifest.code_dimension;
    for (size_t i = 0; i < n; i++, codes += dimension, variances += dimension) {
        double sum = 0;
        for (size_t d = 0; d < dimension; d++) {
            const double mean = (double)codes[d];
            const double variance = fmax((double)variances[d], 1e-30);
            sum += 0.5 * (mean * mean + variance - 1 - log(variance));
        }
        out_scores[i] = lat_score_limit(sum);
    }
}

enum lat_status lat_score_sample(const struct lat_model *model, const float *codes,
                                 const float *variances, size_t n, unsigned draw,
                                 float *out_codes, struct lat_error *err)
{
    const size_t dimension = model->manifest.code_dimension;
    const float sign = draw % 2 ? -1.0F : 1.0F;
    struct lat_rng rng;
    float *noise = lat_alloc_raw(dimension, sizeof(*noise));
    if (!noise)
        return lat_fail_memory(err);
    lat_rng_seed(&rng, NOISE_SEED + draw / 2);
    lat_rng_normals(&rng, noise, dimension);
    for (size_t i = 0; i < n * dimension; i++)
        out_codes[i] = codes[i] + sign * noise[i % dimension] * sqrtf(variances[i]);
    lat_free(noise);
    return LAT_OK;
}

void lat_score_add(const struct lat_model *model, const float *rows, const float *decoded,
                   size_t n, float *inout_scores)
{
    const struct lat_manifest *manifest = &model->manifest;
    const size_t elements = lat_input_elements(&manifest->input);
    for (size_t i = 0; i < n; i++)
        inout_scores[i] =
            lat_score_limit((double)inout_scores[i] +
                            lat_input_nll(&manifest->input, manifest->likelihood,
                                          rows + i * elements, decoded + i * elements) /
                                LAT_SCORE_DRAWS);
}

static enum lat_status bound_rows(struct lat_model *model, const float *rows,
                                  const float *codes, const float *variances, size_t n,
                                  float *out_scores, struct lat_error *err)
{
    const size_t elements = lat_input_elements(&model->manifest.input);
    const size_t dimension = model->manifest.code_dimension;
    float *sampled = lat_alloc_raw(n * dimension, sizeof(*sampled));
    float *decoded = lat_alloc_raw(n * elements, sizeof(*decoded));
    enum lat_status status = sampled && decoded ? LAT_OK : lat_fail_memory(err);
    lat_score_divergence(model, codes, variances, n, out_scores);
    for (unsigned draw = 0; status == LAT_OK && draw < LAT_SCORE_DRAWS; draw++) {
        status = lat_score_sample(model, codes, variances, n, draw, sampled, err);
        if (status == LAT_OK)
            status = lat_model_decode(model, sampled, n, decoded, err);
        if (status == LAT_OK)
            lat_score_add(model, rows, decoded, n, out_scores);
    }
    lat_free(decoded);
    lat_free(sampled);
    return status;
}

enum lat_status lat_score_rows(struct lat_model *model, const float *rows, const float *codes,
                               const float *variances, const float *decoded, size_t n,
                               float *out_scores, struct lat_error *err)
{
    if (lat_score_kind(model) == LAT_SCORE_BOUND)
        return bound_rows(model, rows, codes, variances, n, out_scores, err);
    lat_model_errors(model, rows, decoded, n, out_scores);
    return LAT_OK;
}
