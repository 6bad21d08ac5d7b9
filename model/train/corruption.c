/* Corruptions: noise on a copy of the batch; the clean batch stays the target (Vincent et al.
 * 2008). The one that moves pictures is in warp.c. */
#include <string.h>

#include "model/train/parts.h"

#include "base/banned.h"

/* level: the standard deviation. */
static void gaussian(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = clean[i] + (float)(noise->level * lat_rng_normal(noise->rng));
    }
}

/* level: the share of elements set to 0. */
static void masking(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = lat_rng_uniform(noise->rng) < noise->level ? 0 : clean[i];
    }
}

/* level: the share of elements set to 0 or 1, either as often. */
static void salt_and_pepper(const struct lat_noise *noise, const float *clean, float *out,
                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double draw = lat_rng_uniform(noise->rng);
        out[i] = draw >= noise->level ? clean[i] : draw < noise->level / 2 ? 0 : 1;
    }
}

static const struct lat_corruption corruptions[] = {
    {"gaussian", false, gaussian},
    {"masking", false, masking},
    {"salt_and_pepper", false, salt_and_pepper},
    {"affine", true, lat_warp_affine},
};

const char *lat_corruption_names(void)
{
    return "gaussian, masking, salt_and_pepper, affine";
}

const struct lat_corruption *lat_corruption_find(const char *name)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(corruptions); i++) {
        if (strcmp(corruptions[i].name, name) == 0) {
            return &corruptions[i];
        }
    }
    return NULL;
}
