/* How likely a variational model holds data to be: log p(x) by importance sampling.
 *
 * log p(x) is estimated by log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x), z_s drawn from the
 * encoder's own q(z|x) (Rezende, Mohamed & Wierstra 2014, appendix E; Burda, Grosse &
 * Salakhutdinov 2016, section 5: 5,000 samples). The estimate is on average too low, the less
 * the more samples. */
#ifndef LAT_MODEL_TRAIN_IMPORTANCE_H
#define LAT_MODEL_TRAIN_IMPORTANCE_H

#include "model/autoencoder.h"
#include "model/train/dataset/dataset.h"

struct lat_importance_options {
    uint32_t samples; /* an item; at least 1 */
    int threads;      /* items worked on at once; the model's own threads come on top */
    /* Called now and then, from any of the threads but one at a time; may be NULL. */
    void (*progress)(void *context, size_t done, size_t n);
    void *context;
};

struct lat_importance {
    double negative_log_likelihood; /* nats an item, averaged; the likelihood's constants left
                                     * out, as in the loss */
    double elbo;                    /* the evidence lower bound: the mean of the logarithms */
};

/* The items `indices[0..n)`, n > 0. The draws are decided by an item's number alone: the result
 * does not depend on the threads. LAT_CAPABILITY for a model without variances or decoder;
 * LAT_INVALID when its likelihood has no formula or the data do not fit. */
enum lat_status lat_importance_measure(struct lat_model *model,
                                       const struct lat_dataset *dataset,
                                       const uint32_t *indices, size_t n,
                                       const struct lat_importance_options *options,
                                       struct lat_importance *out_importance,
                                       struct lat_error *err) LAT_MUST_USE;

#endif
