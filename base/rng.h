/* Seeded random numbers (xoshiro256**, Blackman & Vigna 2018): the same seed gives the same
 * sequence on every machine. Not for secrets. One thread at a time. */
#ifndef LAT_BASE_RNG_H
#define LAT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct lat_rng {
    uint64_t state[4]; /* plain data: a checkpoint stores it */
};

void lat_rng_seed(struct lat_rng *rng, uint64_t seed);
uint64_t lat_rng_next(struct lat_rng *rng);
uint64_t lat_rng_below(struct lat_rng *rng,
                       uint64_t n);          /* uniform in [0, n), n > 0, unbiased */
double lat_rng_uniform(struct lat_rng *rng); /* [0, 1) */
double lat_rng_normal(struct lat_rng *rng);  /* mean 0, variance 1 */
/* `n` of them into `out`, quicker: not the sequence that lat_rng_normal gives. */
void lat_rng_normals(struct lat_rng *rng, float *out, size_t n);
void lat_rng_shuffle(struct lat_rng *rng, uint32_t *values, size_t n); /* Fisher-Yates */

#endif
