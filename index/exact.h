/* Brute force: the k nearest of a range of positions, by looking at each.
 *
 * It answers for small collections, for rows an approximate index has not taken in yet, for
 * filters that few rows pass, and for `exact` queries; and it is the reference the approximate
 * indexes are measured against. */
#ifndef LAT_INDEX_EXACT_H
#define LAT_INDEX_EXACT_H

#include "index/slot_map.h"
#include "index/store.h"
#include "index/vectors.h"

struct lat_candidate {
    float score; /* distance.h: smaller is nearer */
    uint32_t position;
};

/* The k best so far: a heap with the worst on top. Equal scores are ordered by id, when `ids`
 * is given. Reads ids under the caller's lock. */
struct lat_top {
    struct lat_candidate *items; /* [k], owned */
    size_t n, k;
    const struct lat_slot_map *ids; /* borrowed, may be NULL */
};

#ifdef __cplusplus
extern "C" {
#endif

enum lat_status lat_top_init(struct lat_top *top, size_t k, const struct lat_slot_map *ids,
                             struct lat_error *err) LAT_MUST_USE;
void lat_top_release(struct lat_top *top);
void lat_top_offer(struct lat_top *top, struct lat_candidate candidate);
/* Best first; the heap is no heap any more. */
void lat_top_sort(struct lat_top *top);

/* The score a candidate must not exceed to get in. */
float lat_top_bound(const struct lat_top *top);

/* What one scan looks at. */
struct lat_scan {
    enum lat_distance metric;
    const float *query;     /* [vectors->d] */
    const uint64_t *shown;  /* bitmap by position; NULL: all */
    const uint64_t *passed; /* a filter's bitmap; NULL: all */
    size_t n_passed_words;  /* positions past the filter's words do not pass */
};

/* Offers every position of [from, to) that `scan` shows to `top`. */
void lat_scan_range(const struct lat_vectors *vectors, size_t from, size_t to,
                    const struct lat_scan *scan, struct lat_top *top);

#ifdef __cplusplus
}
#endif

#endif
