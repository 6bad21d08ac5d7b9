/* Numbers are drawn one after the other from one sequence, so that asking for more samples of a
 * seed leaves the first ones as they were. */
#include "model/latent.h"

#include <math.h>

#include "base/rng.h"

#include "base/banned.h"

const char *const lat_path_names[2] = {"linear", "spherical"};

void lat_latent_draw(uint64_t seed, double temperature, size_t n, size_t dimension,
                     float *out_codes)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    for (size_t i = 0; i < n * dimension; i++)
        out_codes[i] = temperature > 0 ? (float)(temperature * lat_rng_normal(&rng)) : 0.0F;
}

/* The angle between two codes, 0 where there is none to walk along. */
static double angle(const float *a, const float *b, size_t dimension)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t k = 0; k < dimension; k++) {
        aa += (double)a[k] * (double)a[k];
        bb += (double)b[k] * (double)b[k];
        ab += (double)a[k] * (double)b[k];
    }
    const double lengths = sqrt(aa) * sqrt(bb);
    if (!(lengths > 0))
        return 0;
    const double theta = acos(fmin(1, fmax(-1, ab / lengths)));
    return sin(theta) < 1e-6 ? 0 : theta;
}

void lat_latent_walk(const float *from, const float *to, size_t dimension, size_t steps,
                     enum lat_path path, float *out_codes)
{
    const double theta = path == LAT_PATH_SPHERICAL ? angle(from, to, dimension) : 0;
    for (size_t i = 0; i < steps; i++) {
        const double t = (double)i / (double)(steps - 1);
        const double a = theta > 0 ? sin((1 - t) * theta) / sin(theta) : 1 - t;
        const double b = theta > 0 ? sin(t * theta) / sin(theta) : t;
        for (size_t k = 0; k < dimension; k++) {
            const double mixed = a * (double)from[k] + b * (double)to[k];
            out_codes[i * dimension + k] = i == 0           ? from[k]
                                           : i == steps - 1 ? to[k]
                                                            : (float)mixed;
        }
    }
}

static double mean_at(const float *codes, size_t n, size_t dimension, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)codes[i * dimension + k];
    return n ? sum / (double)n : 0;
}

void lat_latent_move(const float *to, const struct lat_direction *direction, size_t dimension,
                     float *out_code)
{
    const struct lat_direction *d = direction;
    for (size_t k = 0; k < dimension; k++) {
        const double step = mean_at(d->add, d->n_add, dimension, k) -
                            mean_at(d->subtract, d->n_subtract, dimension, k);
        out_code[k] = (float)((double)to[k] + d->scale * step);
    }
}
