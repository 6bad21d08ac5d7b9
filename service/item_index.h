/* The best items of a large catalogue without looking at each: maximum inner products over a
 * matrix of item vectors.
 *
 * Vectors are turned into the coordinates in which their part of a score shrinks quickest and
 * cut off after some 128 of them. In these they are parted into lists around centres, and the
 * way from its centre to an item is written down in codes of 4 bits (Jégou, Douze and Schmid
 * 2011, "Product quantization for nearest neighbor search"; Ge et al. 2013, "Optimized product
 * quantization", its parametric solution). A search goes through the codes of the lists whose
 * centres promise most and scores the best of what it finds exactly. How many lists and how
 * many items is measured when the index is built, on queries like those to come.
 *
 * Borrows the matrix. Searches may run at the same time. */
#ifndef LAT_SERVICE_ITEM_INDEX_H
#define LAT_SERVICE_ITEM_INDEX_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

/* An item (a row of the matrix) and its score. */
struct lat_ranked {
    uint32_t item;
    float score;
};

struct lat_item_source {
    const float *rows;    /* [n][d], borrowed by the index */
    size_t n, d;          /* n at least 1, below 2^32 */
    const float *queries; /* [n_queries][d], like those to come, of two kinds in turn; for the
                             build alone */
    size_t n_queries;     /* at least 64; some thousands are better */
};

struct lat_item_query {
    const float *vector;    /* [d] */
    const uint64_t *passed; /* bitmap [(n + 63) / 64 words] of items wanted; NULL: all */
    size_t k;
};

/* What a search does for the best hundred, and how well that was measured to do. */
struct lat_item_effort {
    uint32_t lists, items; /* gone through; scored exactly */
    double recall;
};

struct lat_item_index;

/* Takes a minute or two for a million items. LAT_CANCELLED soon after *stop turned true;
 * LAT_CAPABILITY not_indexable: whatever it does it misses more than 2 % of the best hundred.
 */
enum lat_status lat_item_index_build(const struct lat_item_source *source,
                                     const atomic_bool *stop, struct lat_item_index **out_index,
                                     struct lat_error *err) LAT_MUST_USE;
void lat_item_index_free(struct lat_item_index *index); /* NULL is fine */

struct lat_item_effort lat_item_index_effort(const struct lat_item_index *index);

/* The best items, best first, equal ones by number, into out_items [k]; *out_n of them: fewer
 * than k also when the lists it looked at hold fewer that pass. */
enum lat_status lat_item_index_search(const struct lat_item_index *index,
                                      const struct lat_item_query *query,
                                      struct lat_ranked *out_items, size_t *out_n,
                                      struct lat_error *err) LAT_MUST_USE;

/* The same by looking at every item: exact. */
enum lat_status lat_item_scan(const float *rows, size_t n, size_t d,
                              const struct lat_item_query *query, struct lat_ranked *out_items,
                              size_t *out_n, struct lat_error *err) LAT_MUST_USE;

#endif
