/* A model of histories without any training: items have vectors, somebody who likes items has
 * the mean of their vectors (as a row of length 1 makes it), and a score is the inner product
 * of the two and the item's own bias. */
#ifndef LAT_TESTS_TASTE_FIXTURE_H
#define LAT_TESTS_TASTE_FIXTURE_H

#include "model/autoencoder.h"
#include "model/recommender.h"
#include "model/registry.h"

struct taste_fixture {
    struct lat_engine *engine;
    struct lat_registry *registry;
    struct lat_model *model; /* "taste": items i0, i1, … */
};

/* vectors [n][d], biases [n]. Inside test_folder_enter; asserts on failure. */
void taste_fixture_start(struct taste_fixture *fixture, const float *vectors,
                         const float *biases, size_t n, size_t d);
void taste_fixture_stop(struct taste_fixture *fixture);

#endif
