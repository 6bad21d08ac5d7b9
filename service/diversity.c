/* Greedy, with each candidate's distance to the nearest chosen one kept, so that a choice costs
 * one distance a candidate. */
#include "service/diversity.h"

#include <math.h>

#include "base/mem.h"
#include "index/distance.h"

#include "base/banned.h"

enum { FOLD = 4, LEAST_MORE = 40 };

size_t lat_diversity_candidates(size_t k)
{
    return FOLD * k > k + LEAST_MORE ? FOLD * k : k + LEAST_MORE;
}

struct candidate {
    double nearest; /* chosen one */
    bool chosen;
};

/* n when none is left. */
static size_t choose(const struct lat_search_result *result, const struct candidate *candidates,
                     double diversity)
{
    size_t best = result->n;
    double most = -(double)INFINITY;
    for (size_t i = 0; i < result->n; i++) {
        if (candidates[i].chosen)
            continue;
        const double worth = diversity * candidates[i].nearest -
                             (1 - diversity) * (double)result->hits[i].distance;
        if (best == result->n || worth > most) {
            best = i;
            most = worth;
        }
    }
    return best;
}

static void note(const struct lat_search_result *result, const struct lat_collection_spec *spec,
                 size_t chosen, struct candidate *candidates)
{
    candidates[chosen].chosen = true;
    for (size_t i = 0; i < result->n; i++)
        if (!candidates[i].chosen && result->hits[i].code && result->hits[chosen].code)
            candidates[i].nearest =
                fmin(candidates[i].nearest,
                     (double)lat_distance_between(spec->metric, result->hits[i].code,
                                                  result->hits[chosen].code, spec->dimension));
}

enum lat_status lat_diversify(struct lat_search_result *result,
                              const struct lat_collection_spec *spec, double diversity,
                              size_t k, struct lat_error *err)
{
    struct candidate *candidates = lat_alloc(result->n ? result->n : 1, sizeof(*candidates));
    if (!candidates) {
        lat_search_result_release(result);
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < result->n; i++)
        candidates[i].nearest = (double)INFINITY;
    size_t n = 0, kept = 0;
    if (result->n) {
        note(result, spec, 0, candidates); /* the nearest, whatever the diversity */
        n = 1;
    }
    for (; n < k && n < result->n; n++)
        note(result, spec, choose(result, candidates, diversity), candidates);
    for (size_t i = 0; i < result->n; i++)
        if (candidates[i].chosen)
            result->hits[kept++] = result->hits[i];
    result->n = kept;
    lat_free(candidates);
    return LAT_OK;
}
