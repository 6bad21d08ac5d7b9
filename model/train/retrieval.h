/* How good a search over codes is: each item a query against all others or against a database,
 * items of the same label being relevant. */
#ifndef LAT_MODEL_TRAIN_RETRIEVAL_H
#define LAT_MODEL_TRAIN_RETRIEVAL_H

#include "model/package.h"

struct lat_retrieval {
    double map_at_1000; /* mean over queries of: mean over the relevant among the first 1000 of
                         * the precision at their rank; 0 for a query without any */
    double precision_at_10; /* share of relevant among the first 10 */
};

/* Codes and what is found by them; all borrowed. */
struct lat_labelled {
    const float *codes;     /* [n][dimension] */
    const uint32_t *labels; /* [n] */
    size_t n;
};

/* Exact search in (distance, item) order. queries NULL: each item of the database against all
 * others, of which there must be one; else each query against the whole database. */
enum lat_status lat_retrieval_measure(const struct lat_labelled *database,
                                      const struct lat_labelled *queries, size_t dimension,
                                      enum lat_code_metric metric,
                                      struct lat_retrieval *out_retrieval,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
