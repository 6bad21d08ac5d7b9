/* Small nets, their references in double precision, and steps of them: what the tests of the
 * training step share. Everything asserts instead of failing. */
#ifndef LAT_TESTS_UNIT_TRAIN_STEP_FIXTURE_H
#define LAT_TESTS_UNIT_TRAIN_STEP_FIXTURE_H

#include "model/train/step.h"
#include "step_reference.h"

/* One for all tests of the process. */
struct lat_engine *step_engine(void);

/* 12 -> 7 -> 5 -> code 3 -> 5 -> 7 -> 12, batch 6. */
struct lat_spec step_dense_spec(void);

struct lat_input_spec step_vector_input(size_t n);
/* 2 channels of 7 x 6, two strided layers (odd sizes on the way), a dense layer, code 3. */
struct lat_spec step_conv_spec(void);
struct lat_input_spec step_image_input(void);

/* Layers of a reference, and the references of the two specs. */
struct reference_layer step_dense_layer(size_t in, size_t out, enum reference_activation act);
struct reference_layer step_conv_layer(enum reference_kind kind, size_t in, size_t out,
                                       enum reference_activation act);
struct reference step_dense_reference(void);
void step_set_sizes(struct reference_layer *l, size_t in_h, size_t in_w, size_t out_h,
                    size_t out_w);
struct reference step_conv_reference(void);

struct lat_step *step_new(const struct lat_spec *spec, const struct lat_input_spec *input);
/* The same numbers for the same seed, n of them. */
void step_fill_input(struct lat_step *step, size_t n, uint64_t seed);
/* Biases away from zero, so that their share is tested; the reference gets the same numbers. */
void step_share_parameters(struct lat_step *step, struct reference *r);
/* All of its state as bytes, the caller's to free. */
void *step_state_of(struct lat_step *step);
/* Steps `from` to `to`, each with the input of its number. */
void step_run_many(struct lat_step *step, size_t from, size_t to, size_t n_input);
/* Makes a step and evaluates a batch with an ever later allocation failing, until none is
 * reached: what fails is LAT_NO_MEMORY, and the run that reaches none succeeds. */
void step_survives_failing_allocations(const struct lat_spec *spec,
                                       const struct lat_input_spec *input);

#endif
