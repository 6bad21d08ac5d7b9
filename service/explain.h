/* Why these results: what the model thinks the query is, and each hit, side by side. */
#ifndef LAT_SERVICE_EXPLAIN_H
#define LAT_SERVICE_EXPLAIN_H

#include "service/search.h"

enum { LAT_EXPLAINED_MAX = 100 }; /* hits of a query, from the first */

/* Decodes the code every judged request searched with and those of its first hits into
 * answers[i].query_row and .hit_rows. *out_model decoded them: release it after their last use.
 * NULL, and nothing decoded, where nothing was to be explained or the collection has no model
 * that decodes. LAT_TOO_LARGE batch_too_large where all of it would be more numbers than a
 * picture may have pixels. */
enum lat_status lat_explain(struct lat_call *call, const char *collection,
                            const struct lat_search_request *requests, size_t n,
                            struct lat_search_answer *answers, struct lat_model **out_model,
                            struct lat_error *err) LAT_MUST_USE;

#endif
