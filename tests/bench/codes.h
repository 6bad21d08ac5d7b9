/* Codes as an encoder makes them: clustered, and of far fewer degrees of freedom than numbers.
 *
 * z in R^16 is drawn from a mixture of 256 normals (centres of standard deviation 1.5, spread
 * 1); a code is A z + 0.05 e, A a fixed random map to R^d with entries of variance 1/16, e
 * standard normal. Plain normal noise in d dimensions has no near neighbours worth finding, and
 * no encoder makes it. Seeded (base/rng.h): the same codes on every machine. */
#ifndef LAT_BENCH_CODES_H
#define LAT_BENCH_CODES_H

#include <stddef.h>
#include <stdint.h>

/* n rows of d floats (lat_free). `stream` 0 is what is stored, others are queries from the same
 * mixture. Aborts without memory. */
float *codes_make(size_t n, size_t d, uint64_t stream);

#endif
