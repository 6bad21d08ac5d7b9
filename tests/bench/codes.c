#include "codes.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#include "base/banned.h"

enum { LATENT = 16, CLUSTERS = 256, SEED = 20261121 };

static void fill_normal(struct lat_rng *rng, float *values, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(scale * lat_rng_normal(rng));
}

float *codes_make(size_t n, size_t d, uint64_t stream)
{
    struct lat_rng rng;
    float centres[CLUSTERS][LATENT], z[LATENT];
    float *map = lat_alloc_raw(d * LATENT, sizeof(float));
    float *codes = lat_alloc_raw(n * d, sizeof(float));
    if (!map || !codes)
        abort();
    lat_rng_seed(&rng, SEED);
    fill_normal(&rng, &centres[0][0], (size_t)CLUSTERS * LATENT, 1.5);
    fill_normal(&rng, map, d * LATENT, 1 / sqrt(LATENT));
    lat_rng_seed(&rng, SEED + 1 + stream);
    for (size_t i = 0; i < n; i++) {
        const float *centre = centres[lat_rng_below(&rng, CLUSTERS)];
        float *row = codes + i * d;
        fill_normal(&rng, z, LATENT, 1);
        fill_normal(&rng, row, d, 0.05);
        for (size_t j = 0; j < d; j++)
            for (size_t l = 0; l < LATENT; l++)
                row[j] += map[j * LATENT + l] * (centre[l] + z[l]);
    }
    lat_free(map);
    return codes;
}
