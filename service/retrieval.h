/* The index over a model's items (service/item_index.h), and the queries it is made with: built
 * once a model, beside whoever asks. It copies no vectors and holds its model. Searches may run
 * at the same time. */
#ifndef LAT_SERVICE_RETRIEVAL_H
#define LAT_SERVICE_RETRIEVAL_H

#include "model/recommender.h"
#include "service/item_index.h"

enum { LAT_RETRIEVAL_LEAST = 50000 }; /* items from which on a scan is worth avoiding */

struct lat_retrieval;

/* Takes minutes for a million items; ends early with LAT_CANCELLED when *stop turns true.
 * LAT_CAPABILITY for a model without item vectors, or with such that the index would miss more
 * than 2 % of the best hundred items however broadly it looked. */
enum lat_status lat_retrieval_build(struct lat_model *model, const atomic_bool *stop,
                                    struct lat_retrieval **out_retrieval,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_retrieval_free(struct lat_retrieval *retrieval); /* NULL is fine */

/* The `k` best items whose bit is set in `passed` [(n_items + 63) / 64 words], best first, into
 * out_items [k]; *out_n of them. `query` is lat_model_query_vector's. */
enum lat_status lat_retrieval_search(const struct lat_retrieval *retrieval, const float *query,
                                     const uint64_t *passed, size_t k,
                                     struct lat_ranked *out_items, size_t *out_n,
                                     struct lat_error *err) LAT_MUST_USE;

/* What people might ask a model that has item vectors [n_items][d]: the queries
 * out_queries [n][d] of made-up histories of 1 to 100 items: in turn any items, and items of
 * one to three tastes, a taste being an item and others like it. The same seed gives the same.
 */
enum lat_status lat_retrieval_make_up(struct lat_model *model, uint64_t seed, size_t n,
                                      float *out_queries, struct lat_error *err) LAT_MUST_USE;

#endif
