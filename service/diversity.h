/* Results that are not all the same: maximal marginal relevance (Carbonell and Goldstein 1998,
 * "The use of MMR, diversity-based reranking for reordering documents and producing
 * summaries").
 *
 *     the next one = argmax over the rest of
 *         -(1 - diversity) distance(query, x) + diversity min distance(x, y), y a chosen one
 *
 * The paper's equation 1 with -distance for both similarities and diversity for 1 - lambda. */
#ifndef LAT_SERVICE_DIVERSITY_H
#define LAT_SERVICE_DIVERSITY_H

#include "index/store.h"

/* How many to choose `k` from. */
size_t lat_diversity_candidates(size_t k);

/* Leaves the chosen `k` (fewer when there are no more) in `result`, whose hits have codes; they
 * keep their order, which is that of the distance. */
enum lat_status lat_diversify(struct lat_search_result *result,
                              const struct lat_collection_spec *spec, double diversity,
                              size_t k, struct lat_error *err) LAT_MUST_USE;

#endif
