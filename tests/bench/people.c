/* Three interests of forty a person, each some neighbouring items, the first ones more often.
 */
#include "tests/bench/people.h"

enum { INTERESTS = 40, AN_INTEREST = PEOPLE_ITEMS / INTERESTS, LEAST = 20 };

static size_t pick(struct lat_rng *rng, size_t interest)
{
    const double u = lat_rng_uniform(rng);
    const size_t rank = (size_t)(u * u * (AN_INTEREST * 3));
    return (interest * AN_INTEREST + rank) % PEOPLE_ITEMS;
}

size_t people_next(struct lat_rng *rng, size_t out_items[PEOPLE_MOST])
{
    const size_t n = LEAST + lat_rng_below(rng, PEOPLE_MOST - LEAST);
    const size_t interests[3] = {lat_rng_below(rng, INTERESTS), lat_rng_below(rng, INTERESTS),
                                 lat_rng_below(rng, INTERESTS)};
    for (size_t i = 0; i < n; i++)
        out_items[i] = pick(rng, interests[lat_rng_below(rng, 3)]);
    return n;
}
