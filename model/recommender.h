/* Recommending: a history in, a score for every item of the model's vocabulary out.
 *
 * An *item* here is its number in the vocabulary, 0 to lat_model_n_items() - 1. Of a history
 * only the events count whose item the vocabulary has and whose weight is positive (and at
 * least the model's least weight); of an item that comes twice the later one counts. Negative
 * weights are feedback: leaving their items out is the caller's. All functions may run at the
 * same time on one model.
 *
 * A *score* is what the decoder's last layer gives: a predicted rating in the users' own units
 * where lat_model_is_explicit() says so, otherwise a number that says which of two items comes
 * first. Softmax and sigmoid behind the last layer are left out: they do not change the order,
 * and without them a score is an inner product of two vectors. Where the last layer cannot be
 * told from the ONNX file a score is what the decoder gives. */
#ifndef LAT_MODEL_RECOMMENDER_H
#define LAT_MODEL_RECOMMENDER_H

#include "model/history.h"
#include "model/registry.h"

/* Items of the vocabulary; 0: the model takes no histories. */
size_t lat_model_n_items(const struct lat_model *model);

/* The number of an item; false: not in the vocabulary. */
bool lat_model_item_index(const struct lat_model *model, const char *item, size_t len,
                          uint32_t *out_item);

/* The id of an item, NUL-terminated; borrowed from the model. */
const char *lat_model_item_name(const struct lat_model *model, uint32_t item);

/* Trained on ratings: a score is the rating this user would give. */
bool lat_model_is_explicit(const struct lat_model *model);

/* out_scores [n_items]. The items of the history have scores too.
 *
 * LAT_CAPABILITY: the model cannot recommend. LAT_INVALID unknown_items: the vocabulary has
 * none of the items (the first is named); empty_history: it has some, but none counts;
 * out_of_range: a weight that is no number. */
enum lat_status lat_model_recommend(struct lat_model *model, const struct lat_event *events,
                                    size_t n, float *out_scores,
                                    struct lat_error *err) LAT_MUST_USE;

/* About how many multiplications the scores of a history of n events take, and with `because`
 * the reasons of 256 of them; SIZE_MAX when it takes the engine. */
size_t lat_model_recommend_work(const struct lat_model *model, size_t n, bool because);

/* Why: out_drops [n_targets][n], by how much the score of each target would be lower without
 * that event (negative: higher). Events that do not count have 0, as has an event of an item
 * that comes again later. Exact: the history without the item is scored, whatever the model;
 * without its only event a history is empty, and scored as the empty row. Errors as above. */
enum lat_status lat_model_because(struct lat_model *model, const struct lat_event *events,
                                  size_t n, const uint32_t *targets, size_t n_targets,
                                  float *out_drops, struct lat_error *err) LAT_MUST_USE;

/* For retrieval: the score of an item is the inner product of its vector and the history's. The
 * vectors are the rows of the decoder's last layer, with its bias as one more coordinate.
 *
 * *out_vectors [n_items][*out_d] is borrowed from the model, made when it was loaded.
 * LAT_CAPABILITY no_item_vectors for models whose last layer cannot be told from the file, and
 * for those whose scores are summed from item to item (EASE): lat_model_recommend is their way.
 */
enum lat_status lat_model_item_vectors(const struct lat_model *model, const float **out_vectors,
                                       size_t *out_d, struct lat_error *err) LAT_MUST_USE;

/* out_query [d], its last coordinate 1. Errors as of the two above. */
enum lat_status lat_model_query_vector(struct lat_model *model, const struct lat_event *events,
                                       size_t n, float *out_query,
                                       struct lat_error *err) LAT_MUST_USE;

#endif
