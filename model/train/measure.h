/* Running a loaded model over a dataset and measuring what comes back. */
#ifndef LAT_MODEL_TRAIN_MEASURE_H
#define LAT_MODEL_TRAIN_MEASURE_H

#include "model/autoencoder.h"
#include "model/train/dataset/dataset.h"
#include "model/train/parts.h"

/* Noise on what a model is given; what comes back is compared with the clean items. The same
 * seed gives the same noise to whatever is measured. */
struct lat_measure_noise {
    const struct lat_corruption *corruption;
    double level;
    uint64_t seed;
};

struct lat_measure {
    double squared_error_sum;       /* over an item's elements, averaged over the items */
    double squared_error_mean;      /* over elements and items */
    double negative_log_likelihood; /* over an item's elements, averaged; NaN where the
                                     * likelihood has no formula here */
    double noise_squared_error_sum; /* of what was given, averaged over the items; 0 if clean */
    float *errors;                  /* [n] mean over an item's elements; owned */
    float *absolute_errors;         /* [n] mean of an item's absolute differences; owned, NULL
                                     * unless wanted */
    float *codes;                   /* [n][code_dimension]; owned, NULL unless wanted */
    float *scores;                  /* [n] as of model/score.h; owned, NULL unless wanted */
    float *features; /* [n][lat_portrait_features] (model/portrait.h); owned, NULL unless
                      * wanted */
    enum lat_score_kind
        score_kind; /* the error where training saw other units than rows have */
};

struct lat_measure_options {
    bool decode; /* false: codes alone, everything else stays 0 */
    bool keep_codes, keep_absolute, keep_scores, keep_features;
    const struct lat_measure_noise *noise; /* NULL: none */
    const float *shift, *scale;            /* [elements] or NULL: the likelihood is taken of
                                            * (value - shift) / scale */
};

/* The items `indices[0..n)`. Pictures are compared as pixels in [0,1], before mean and std; the
 * decoder's output is neither cut nor rounded. LAT_INVALID when the data do not fit the model's
 * input, naming both. */
enum lat_status lat_measure_model(struct lat_model *model, const struct lat_dataset *dataset,
                                  const uint32_t *indices, size_t n,
                                  const struct lat_measure_options *options,
                                  struct lat_measure *out_measure,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_measure_release(struct lat_measure *measure);

#endif
