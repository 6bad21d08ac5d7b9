/* Histories put together interaction by interaction, for those that are in no file of ours.
 *
 *     lat_interactions_begin(&data, &gathered, err);
 *     lat_interactions_add(gathered, "user", "item", weight, time, err);  ...
 *     lat_interactions_end(gathered, &dataset, err);
 *     lat_interactions_free(gathered);
 *
 * As with a file: users and items are numbered as they first come, of the same user and item
 * the later counts, weights not above 0 (and below data->min_weight, where that is given) are
 * passed over. Weights that are all 1 are no weights: the input is binary then, as it is with a
 * least weight. One thread at a time. */
#ifndef LAT_MODEL_TRAIN_DATASET_INTERACTIONS_H
#define LAT_MODEL_TRAIN_DATASET_INTERACTIONS_H

#include "model/train/dataset/dataset.h"

struct lat_interactions;

/* `data` is borrowed until the end. */
enum lat_status lat_interactions_begin(const struct lat_data_spec *data,
                                       struct lat_interactions **out_gathered,
                                       struct lat_error *err) LAT_MUST_USE;
/* The texts are copied. `weight` is finite; the larger `time`, the later. */
enum lat_status lat_interactions_add(struct lat_interactions *gathered, const char *user,
                                     const char *item, double weight, double time,
                                     struct lat_error *err) LAT_MUST_USE;
/* Hands the dataset over. LAT_INVALID (empty) when there is nothing to train on. */
enum lat_status lat_interactions_end(struct lat_interactions *gathered,
                                     struct lat_dataset *out_dataset,
                                     struct lat_error *err) LAT_MUST_USE;
void lat_interactions_free(struct lat_interactions *gathered); /* NULL is fine */

#endif
