/* Arithmetic of codes: drawing them from the prior, walking between two of them, moving one
 * along the difference of two groups. Codes are [n][dimension] floats, one after the other;
 * nothing is allocated, nothing fails. No state, no locks. */
#ifndef LAT_MODEL_LATENT_H
#define LAT_MODEL_LATENT_H

#include <stddef.h>
#include <stdint.h>

enum lat_path {
    LAT_PATH_LINEAR,   /* (1 - t) from + t to */
    LAT_PATH_SPHERICAL /* along the arc between the two directions (Shoemake 1985; for codes of
                        * a normal prior White 2016, "Sampling Generative Networks") */
};
extern const char *const lat_path_names[2]; /* "linear" "spherical" */

/* `n` codes from the standard normal prior, each number times `temperature`; 0 gives the
 * prior's mean. The i-th depends on `seed` and i alone, not on `n`. */
void lat_latent_draw(uint64_t seed, double temperature, size_t n, size_t dimension,
                     float *out_codes);

/* `steps` (from 2) codes, t going evenly from 0 to 1; the first is `from` and the last is `to`,
 * exactly. Where there is no arc (a code of zeroes, directions that are the same or opposite)
 * the spherical path is the straight one. */
void lat_latent_walk(const float *from, const float *to, size_t dimension, size_t steps,
                     enum lat_path path, float *out_codes);

/* scale (mean(add) - mean(subtract)); the mean of no codes is zero. Borrowed. */
struct lat_direction {
    const float *add, *subtract; /* [n_add][dimension], [n_subtract][dimension] */
    size_t n_add, n_subtract;
    double scale;
};

/* to + the direction -> out_code [dimension], which may be `to`. Means are taken in double
 * precision. */
void lat_latent_move(const float *to, const struct lat_direction *direction, size_t dimension,
                     float *out_code);

#endif
