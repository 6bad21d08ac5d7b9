/* Corruptions: noise on a copy of the batch; the clean batch stays the target (Vincent et al.
 * 2008). */
#include <string.h>

#include "model/train/parts.h"

#include "base/banned.h"

/* level: the standard deviation. */
static void gaussian(struct lat_rng *rng, double level, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        values[i] += (float)(level * lat_rng_normal(rng));
    }
}

/* level: the share of elements set to 0. */
static void masking(struct lat_rng *rng, double level, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lat_rng_uniform(rng) < level) {
            values[i] = 0;
        }
    }
}

/* level: the share of elements set to 0 or 1, either as often. */
static void salt_and_pepper(struct lat_rng *rng, double level, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double draw = lat_rng_uniform(rng);
        if (draw < level) {
            values[i] = draw < level / 2 ? 0 : 1;
        }
    }
}

static const struct lat_corruption corruptions[] = {
    {"gaussian", gaussian},
    {"masking", masking},
    {"salt_and_pepper", salt_and_pepper},
};

const struct lat_corruption *lat_corruption_find(const char *name)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(corruptions); i++) {
        if (strcmp(corruptions[i].name, name) == 0) {
            return &corruptions[i];
        }
    }
    return NULL;
}
