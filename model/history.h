/* Histories: what a user did with items, as the row a network sees. A row has an element an
 * item of the vocabulary: its weight, 0 for items that are not in the history; where weights
 * are ratings NaN, for what is not rated is not known. */
#ifndef LAT_MODEL_HISTORY_H
#define LAT_MODEL_HISTORY_H

#include "base/buf.h"
#include "model/package.h"
#include "model/words.h"

/* One item of a history as it was sent; borrowed. */
struct lat_event {
    const char *item;
    size_t len;
    double weight; /* NaN: not said */
};

/* What an event counts: its weight, 1 where the input is binary or no weight is said, 0 below
 * the least weight. */
float lat_history_weight(const struct lat_input_spec *input, double weight);

/* Events -> a row; of an item that comes twice the later counts. Items the vocabulary does not
 * have are passed over. LAT_INVALID unknown_items, naming the first, where a history has none
 * that is known; out_of_range. */
enum lat_status lat_history_row(const struct lat_input_spec *input,
                                const struct lat_event *events, size_t n, float *out_row,
                                struct lat_error *err) LAT_MUST_USE;

/* A row as a network gives it -> {"item":score,...}. */
void lat_history_write_scores(const struct lat_input_spec *input, const float *row,
                              struct lat_buf *out);

#endif
