/* Scores of a vocabulary for one history, and the best of them: by a scan, or by the index over
 * a large model's items. Internal to service/. */
#ifndef LAT_SERVICE_RECOMMEND_SCORES_H
#define LAT_SERVICE_RECOMMEND_SCORES_H

#include "service/recommend_out.h"
#include "service/retrieval.h"

/* Zero-initialise; release. */
struct lat_scores {
    struct lat_model *model; /* borrowed */
    size_t n_items;
    uint64_t *passed; /* bitmap: items that may be recommended; the caller's to clear bits of */
    float *all;       /* [n_items], or NULL: */
    struct lat_retrieval *retrieval; /* with */
    float *query;                    /* [d] and */
    const float *vectors;            /* [n_items][d] */
    size_t d;
    struct lat_recommenders *recommenders; /* who lent the retrieval */
};

/* Scores the history; what `left_out` names by id has its bit cleared. */
enum lat_status lat_scores_make(struct lat_call *call, struct lat_model *model,
                                const struct lat_event *events, size_t n,
                                const struct lat_left_out *left_out, struct lat_scores *out,
                                struct lat_error *err) LAT_MUST_USE;
void lat_scores_release(struct lat_scores *scores);

float lat_scores_of(const struct lat_scores *scores, uint32_t item);

/* The `m` best of the items whose bit is set, best first, equal ones by id, into out [m];
 * *out_n of them, fewer only when there are no more. */
enum lat_status lat_scores_best(const struct lat_scores *scores, size_t m,
                                struct lat_ranked *out, size_t *out_n,
                                struct lat_error *err) LAT_MUST_USE;

/* The same among items that are offered one by one, in a heap of its own: for what few items
 * pass. */
struct lat_best {
    const struct lat_scores *scores;
    struct lat_ranked *heap; /* [m], the worst on top */
    size_t n, m;
};
void lat_best_offer(struct lat_best *best, uint32_t item);
void lat_best_sort(struct lat_best *best); /* best first; a heap no more */

#endif
