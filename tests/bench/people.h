/* People with a few interests each, for the measurements of recommending: a seed gives the same
 * people in all of them. */
#ifndef LAT_BENCH_PEOPLE_H
#define LAT_BENCH_PEOPLE_H

#include <stddef.h>

#include "base/rng.h"

enum { PEOPLE_ITEMS = 3628, PEOPLE_MOST = 180 /* items of one person */ };

/* The history of the next one, numbers below PEOPLE_ITEMS; how many. */
size_t people_next(struct lat_rng *rng, size_t out_items[PEOPLE_MOST]);

#endif
