/* Items a model has never seen: what a collection has stored since, or what nobody has touched
 * yet. By its code such an item has neighbours among the items the model knows, and its score
 * is theirs, the nearer the more: Shepard's inverse distance weighting (1968, "A
 * two-dimensional interpolation function for irregularly-spaced data"), with the power 2,
 *
 *     score(c) = sum w_j score(j) / sum w_j,   w_j = 1 / distance(c, j)^2,
 *
 * so that a twin of an item has that item's score. Distances are those of the collection's
 * metric; for cosine 1 - cos is the square of a distance already, for ip the j-th neighbour
 * counts 1/j.
 *
 * One of these is about one model and one collection, and is kept up to date by
 * lat_cold_catch_up: a new item is placed by one search of the collection. Any thread. */
#ifndef LAT_SERVICE_COLD_H
#define LAT_SERVICE_COLD_H

#include "index/store.h"
#include "model/recommender.h"

enum {
    LAT_COLD_NEIGHBOURS = 5,
    LAT_COLD_MAX = 200000 /* items kept; later ones wait for the next version of the model */
};

struct lat_cold;

/* A placed item. */
struct lat_cold_item {
    const char *id; /* lives as long as the lat_cold */
    uint32_t near[LAT_COLD_NEIGHBOURS];
    float weights[LAT_COLD_NEIGHBOURS]; /* they sum to 1 */
    uint32_t n_near;
    float score; /* of lat_cold_best */
};

/* Knows nothing yet, one reference; holds the model. `info` is copied from. */
enum lat_status lat_cold_new(struct lat_model *model, const struct lat_collection_info *info,
                             struct lat_cold **out_cold, struct lat_error *err) LAT_MUST_USE;
struct lat_cold *lat_cold_ref(struct lat_cold *cold);
void lat_cold_unref(struct lat_cold *cold); /* NULL is fine */

const struct lat_model *lat_cold_model(const struct lat_cold *cold); /* borrowed */

/* Whether it is about this very model and this very collection (not a later one of that name).
 */
bool lat_cold_is_of(const struct lat_cold *cold, const struct lat_model *model,
                    const struct lat_collection_info *info);

/* Takes in what was stored up to `info->sequence`, the newest first in line, placing at most
 * `most` items; *out_more when some are left. With `background` it stays responsible for what
 * is left, and others take in only what is new. An index that is loading is no failure. */
enum lat_status lat_cold_catch_up(struct lat_cold *cold, struct lat_store *store,
                                  const struct lat_collection_info *info, size_t most,
                                  bool background, bool *out_more,
                                  struct lat_error *err) LAT_MUST_USE;

/* How to score, and what to leave out. */
struct lat_cold_query {
    float (*score)(const void *context, uint32_t item);
    bool (*excluded)(const void *context, const char *id);
    const void *context;
};

/* The `m` best, best first, equal ones by id, into out_items [m]. Returns how many. */
size_t lat_cold_best(struct lat_cold *cold, const struct lat_cold_query *query, size_t m,
                     struct lat_cold_item *out_items);

#endif
