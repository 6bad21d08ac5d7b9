/* What distances and combined scores the items of a collection have themselves: the yardstick
 * for those of inputs.
 *
 * A sample of items, each searched with itself left out: an input like the items is then one
 * more among equals, and its rank is uniform (the p-value of conformal prediction with a
 * leave-one-out score). For combined scores each item's stored score goes in by its rank among
 * the sample, read off the model's calibration: items that the model was trained on have
 * smaller errors than inputs will have, but which of them are large together with their
 * distances is as it will be. Items without a stored score have one drawn, as if error and
 * distance had nothing to do with each other.
 *
 * References are kept in memory, made anew when a tenth of the collection has changed. Any
 * thread. */
#ifndef LAT_SERVICE_SCORE_REFERENCE_H
#define LAT_SERVICE_SCORE_REFERENCE_H

#include "index/store.h"
#include "model/autoencoder.h"

struct lat_score_references;
struct lat_score_reference;

enum lat_status lat_score_references_new(struct lat_score_references **out_references,
                                         struct lat_error *err) LAT_MUST_USE;
void lat_score_references_free(struct lat_score_references *references); /* NULL is fine */

/* Mean distance of the query's results; NaN where there are none. */
enum lat_status lat_mean_distance(struct lat_store *store, const char *collection,
                                  const struct lat_query *query, float *out_distance,
                                  struct lat_error *err) LAT_MUST_USE;

/* The reference of a collection for `wanted` neighbours, or where that is below 1 for that
 * share of its items (1 … max_neighbours), kept or made here, which takes a search an item of
 * the sample. Give it back with lat_score_reference_put. */
enum lat_status lat_score_reference_get(struct lat_score_references *references,
                                        struct lat_store *store, const struct lat_model *model,
                                        const struct lat_collection_info *info, double wanted,
                                        size_t max_neighbours,
                                        struct lat_score_reference **out_reference,
                                        struct lat_error *err) LAT_MUST_USE;
void lat_score_reference_put(struct lat_score_reference *reference);

/* How many neighbours it is of: a share is counted when it is made. */
size_t lat_score_reference_neighbours(const struct lat_score_reference *reference);

/* Borrowed; without `present` where the collection has fewer than two items. */
const struct lat_calibration *
lat_score_reference_distances(const struct lat_score_reference *reference);
const struct lat_calibration *
lat_score_reference_scores(const struct lat_score_reference *reference);

/* The combined score (service/score.h); the error's part alone where there is no distance. */
float lat_score_combined(const struct lat_score_reference *reference, float error,
                         float distance);

#endif
