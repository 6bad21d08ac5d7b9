/* xoshiro256**, seeded through splitmix64 so that small seeds give well-mixed states. */
#include "base/rng.h"

#include <math.h>

#include "base/banned.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void lat_rng_seed(struct lat_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        rng->state[i] = z ^ (z >> 31);
    }
}

uint64_t lat_rng_next(struct lat_rng *rng)
{
    uint64_t *s = rng->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire 2019, "Fast random integer generation in an interval": the high half of the product is
 * the number, the low half tells the few draws that would make it uneven. */
uint64_t lat_rng_below(struct lat_rng *rng, uint64_t n)
{
    wide product = (wide)lat_rng_next(rng) * n;
    if ((uint64_t)product < n) {
        const uint64_t uneven = (0 - n) % n;
        while ((uint64_t)product < uneven)
            product = (wide)lat_rng_next(rng) * n;
    }
    return (uint64_t)(product >> 64);
}

double lat_rng_uniform(struct lat_rng *rng)
{
    return (double)(lat_rng_next(rng) >> 11) * 0x1p-53;
}

/* Marsaglia's polar method: a point of the disc; times the factor returned, two numbers. */
static double polar(struct lat_rng *rng, double *out_x, double *out_y)
{
    double x, y, square;
    do {
        x = 2 * lat_rng_uniform(rng) - 1;
        y = 2 * lat_rng_uniform(rng) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square <= 0);
    *out_x = x;
    *out_y = y;
    return sqrt(-2 * log(square) / square);
}

/* The second number is left: the state stays four words. */
double lat_rng_normal(struct lat_rng *rng)
{
    double x, y;
    const double factor = polar(rng, &x, &y);
    return x * factor;
}

void lat_rng_normals(struct lat_rng *rng, float *out, size_t n)
{
    double x, y;
    for (size_t i = 0; i < n; i += 2) {
        const double factor = polar(rng, &x, &y);
        out[i] = (float)(x * factor);
        if (i + 1 < n)
            out[i + 1] = (float)(y * factor);
    }
}

void lat_rng_shuffle(struct lat_rng *rng, uint32_t *values, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)lat_rng_below(rng, i);
        const uint32_t swapped = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swapped;
    }
}
