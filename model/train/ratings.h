/* Explicit ratings: histories whose weights are ratings, and whose other items are unknown, not
 * disliked (AutoRec: Sedhain et al. 2015). Rows have NaN where there is no rating; the loss
 * counts what is rated alone; a model gives ratings in the users' own units. */
#ifndef LAT_MODEL_TRAIN_RATINGS_H
#define LAT_MODEL_TRAIN_RATINGS_H

#include "model/train/dataset/dataset.h"
#include "model/train/parts.h"

/* Histories with weights under a gaussian likelihood. */
bool lat_ratings_wanted(const struct lat_spec *spec, const struct lat_input_spec *input);

/* Makes the histories rows of ratings: what an item is usually given becomes its shift (its
 * mean over `indices[0..n)`, drawn towards that of all ratings where there are few), the
 * deviation of all from these the scale. LAT_INVALID for a network that cannot have such rows.
 */
enum lat_status lat_ratings_settle(struct lat_dataset *dataset, const struct lat_spec *spec,
                                   const uint32_t *indices, size_t n,
                                   struct lat_error *err) LAT_MUST_USE;

/* What the network sees of a standardised row x [batch, items], 0 where there is no rating: its
 * ratings less the user's own level, and beside them which items are rated at all (Koren 2008,
 * "Factorization meets the neighborhood", eq. 15, has both), over the root of their number.
 * *out_level [batch, 1] is the user's level: the mean of what is rated, drawn towards 0. */
struct lat_value *lat_ratings_features(struct lat_build *build, struct lat_value *x,
                                       struct lat_value **out_level);

/* The code with the level added to its first number, and what a decoder gives with that number
 * added to all of it: what a network decodes are differences from what this user gives this
 * item by habit, and weight decay draws it towards that. */
struct lat_value *lat_ratings_add_level(struct lat_build *build, struct lat_value *code,
                                        struct lat_value *level);
struct lat_value *lat_ratings_lift(struct lat_build *build, struct lat_value *code,
                                   struct lat_value *output);

#endif
