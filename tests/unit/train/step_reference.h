/* An autoencoder in double precision and plain loops, derived by hand, against which the
 * training graph is held. It shares nothing with the code under test but the order of the
 * parameters. */
#ifndef LAT_TESTS_UNIT_TRAIN_STEP_REFERENCE_H
#define LAT_TESTS_UNIT_TRAIN_STEP_REFERENCE_H

#include <stddef.h>

enum { REFERENCE_MAX_LAYERS = 16 };

enum reference_kind { REFERENCE_DENSE, REFERENCE_CONV, REFERENCE_CONV_TRANSPOSE };
enum reference_activation {
    REFERENCE_LINEAR,
    REFERENCE_SIGMOID,
    REFERENCE_TANH,
    REFERENCE_ELU
};

/* One layer with its activation. Dense: in -> out numbers. Convolutions: maps of in_h x in_w to
 * maps of out_h x out_w, kernel k, padding k/2. */
struct reference_layer {
    enum reference_kind kind;
    enum reference_activation activation;
    size_t in, out; /* numbers, or channels */
    size_t in_h, in_w, out_h, out_w, k, stride;
    double *weight, *bias; /* owned by the reference */
    double *d_weight, *d_bias;
    double *x, *y; /* [batch][...] before and after */
};

struct reference {
    size_t batch, n_layers;
    int bernoulli; /* else gaussian */
    struct reference_layer layers[REFERENCE_MAX_LAYERS];
    double *moments[2]; /* of Adam, all parameters one after the other */
    size_t n_parameters, n_steps;
};

/* Takes the layers' kinds and sizes; makes the buffers. */
void reference_init(struct reference *r);
void reference_release(struct reference *r);

/* Parameters in order: layer 0 weight, layer 0 bias, layer 1 weight, ... */
double *reference_parameter(struct reference *r, size_t i, size_t *out_n);
double *reference_gradient(struct reference *r, size_t i, size_t *out_n);

/* Loss of the batch (mean over items of the summed negative log-likelihood), and the gradients.
 */
double reference_backprop(struct reference *r, const float *input);

/* One step of Adam at `rate` with the gradients of the last backprop (Kingma & Ba, algorithm
 * 1). */
void reference_adam(struct reference *r, double rate);

#endif
