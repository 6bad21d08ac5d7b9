/* Recommending: from a user's stored history, from a history sent along, from what all like.
 *
 * Three sources, tried in this order for a user:
 *  - `model`: the collection's recommender, when it knows an item of the history. Items it does
 *    not know take part through their codes (service/cold.h);
 *  - `similar`: the items nearest to the mean of the codes of the history's items;
 *  - `popular`: the items most users dealt with.
 * What must not be in a list (seen, disliked, hidden, excluded, not passing the filter) is left
 * out before the best are taken: a list is short only when there is no more.
 *
 * Everything here is borrowed from the call's arena and from the caller's arguments, which must
 * last as long as the result. Runs on the thread of its call, adds to the call's timing and
 * names the model in call->model. */
#ifndef LAT_SERVICE_RECOMMEND_H
#define LAT_SERVICE_RECOMMEND_H

#include "index/interactions.h"
#include "model/recommender.h"
#include "service/http.h"

enum {
    LAT_BECAUSE_RESULTS = 256, /* results that get reasons */
    LAT_BECAUSE_EVENTS = 1000, /* of a history, the newest: among these are the reasons */
    LAT_SIMILAR_EVENTS = 200   /* of a history, the newest: whose codes make the mean */
};

enum lat_source { LAT_SOURCE_MODEL, LAT_SOURCE_SIMILAR, LAT_SOURCE_POPULAR };
extern const char *const lat_source_names[3]; /* "model" "similar" "popular" */

/* By how much the score is higher for this item of the history. */
struct lat_reason {
    const char *id;
    float contribution;
};

struct lat_recommended {
    const char *id;
    float score;                /* higher is better; what it is depends on the source */
    struct lat_reason *because; /* contributions descending, all positive */
    size_t n_because;
};

struct lat_recommendation {
    struct lat_recommended *items; /* score descending, then id */
    size_t n;
    bool more; /* there are others behind them */
    enum lat_source source;
};

/* What somebody did, newest first. */
struct lat_past {
    const struct lat_event *events; /* liked: weights above 0; NaN counts as 1 */
    size_t n_events;
    const char *const *seen; /* every item of it, disliked ones among them */
    size_t n_seen;
    const char *const *disliked;
    size_t n_disliked;
};

struct lat_recommend_wants {
    size_t k;
    size_t n_because; /* reasons a result, 0 for none */
    bool exclude_seen;
    const char *const *exclude_ids;
    size_t n_exclude;
    const uint64_t *served; /* lat_served_hash of items of earlier pages, ascending */
    size_t n_served;
    const struct lat_filter *filter; /* NULL: none */
};

/* For a user of a collection, known or not, from the first source that has something. On a
 * network thread it does what is brief: a history that is not long, a model that answers out of
 * memory. Otherwise it fails with LAT_BUSY and call->defer set, and has changed nothing. */
enum lat_status lat_recommend_for_user(struct lat_call *call, const char *collection,
                                       const char *user,
                                       const struct lat_recommend_wants *wants,
                                       struct lat_recommendation *out,
                                       struct lat_error *err) LAT_MUST_USE;

/* By one model. `info` may be NULL: no collection, so nothing is hidden or filtered (a filter
 * is the caller's to refuse), and there are the model's items alone. LAT_CAPABILITY;
 * LAT_INVALID unknown_items or empty_history. */
enum lat_status lat_recommend_by_model(struct lat_call *call, struct lat_model *model,
                                       const struct lat_collection_info *info,
                                       const struct lat_past *past,
                                       const struct lat_recommend_wants *wants,
                                       struct lat_recommendation *out,
                                       struct lat_error *err) LAT_MUST_USE;

/* By the codes of the history's items; LAT_INVALID no_codes when there are none. A score is
 * 1 / (1 + distance) for l2, the cosine, or the inner product. */
enum lat_status lat_recommend_by_similarity(struct lat_call *call,
                                            const struct lat_collection_info *info,
                                            const struct lat_past *past,
                                            const struct lat_recommend_wants *wants,
                                            struct lat_recommendation *out,
                                            struct lat_error *err) LAT_MUST_USE;

/* What most users dealt with since then (0: ever), but for what `past` (may be NULL) and
 * `wants` leave out. */
enum lat_status lat_recommend_popular(struct lat_call *call, const char *collection,
                                      int64_t since_ms, const struct lat_past *past,
                                      const struct lat_recommend_wants *wants,
                                      struct lat_recommendation *out,
                                      struct lat_error *err) LAT_MUST_USE;

/* A similarity that grows from a distance that falls, as above, and back. */
float lat_similarity_of(enum lat_distance metric, float distance);
float lat_distance_of(enum lat_distance metric, float similarity);

#endif
