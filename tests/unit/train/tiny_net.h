/* A dense autoencoder of one hidden layer a side in plain loops and double precision, beside
 * the lat_step it takes its weights from. */
#ifndef LAT_TESTS_TINY_NET_H
#define LAT_TESTS_TINY_NET_H

#include "model/train/step.h"

enum { TINY_IN = 5, TINY_HIDDEN = 4, TINY_CODE_MAX = 48, TINY_BATCH = 6 };

struct tiny_net {
    size_t code; /* units */
    enum lat_activation activation;
    size_t keep;                                                   /* k_sparse; 0: all */
    double w[4][TINY_HIDDEN * TINY_CODE_MAX], b[4][TINY_CODE_MAX]; /* encoder.0 code decoder.0
                                                                    * output; w [in][out] */
};

/* 5 -> 4 tanh -> code -> 4 tanh -> 5, batch 6. */
struct lat_spec tiny_spec(size_t code, enum lat_activation activation);
struct lat_input_spec tiny_input(void);

/* A step of that spec, of vectors or of rows of another kind; its biases are moved off 0. */
struct lat_step *tiny_step(const struct lat_spec *spec);
struct lat_step *tiny_step_on(const struct lat_spec *spec, enum lat_input_kind kind);

/* Random rows for the next run, uniform in [0,1). */
void tiny_fill(struct lat_step *step, uint64_t seed);

/* The step's weights as they are now. */
void tiny_read(const struct lat_step *step, const struct lat_spec *spec,
               struct tiny_net *out_net);

/* Where the step's parameter `i` lies in the net. */
double *tiny_parameter(struct tiny_net *net, size_t i);

void tiny_encode(const struct tiny_net *net, const double *x, double *out_code);
void tiny_decode(const struct tiny_net *net, const double *code, double *out_x);

/* The step's loss before an update at rate 0. */
double tiny_loss(struct lat_step *step);

#endif
