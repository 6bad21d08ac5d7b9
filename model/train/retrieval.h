/* How good a search over codes is: each item a query against all others, items of the same
 * label being relevant. */
#ifndef LAT_MODEL_TRAIN_RETRIEVAL_H
#define LAT_MODEL_TRAIN_RETRIEVAL_H

#include "model/package.h"

struct lat_retrieval {
    double map_at_1000; /* mean over queries of: mean over the relevant among the first 1000 of
                         * the precision at their rank; 0 for a query without any */
    double precision_at_10; /* share of relevant among the first 10 */
};

/* codes [n][dimension], labels [n], n of at least 2. Results in (distance, item) order. */
enum lat_status lat_retrieval_measure(const float *codes, size_t n, size_t dimension,
                                      enum lat_code_metric metric, const uint32_t *labels,
                                      struct lat_retrieval *out_retrieval,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
