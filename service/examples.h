/* Recommending from examples: what is like these and unlike those, in any collection with
 * codes; in one without, by its recommender, to which the positive examples are a history.
 *
 * Similarities are those of recommend.h. With positives p, negatives n and weights w:
 *  - `mean`: the neighbours of mean(p), or with negatives of 2 mean(p) - mean(n) (Rocchio 1971
 *    with the weights 2 and 1); the score is the similarity to that point;
 *  - `best_score`: the similarity s+ to the nearest positive where that is nearer than the
 *    nearest negative at s-, else -(s-)^2: several interests at once;
 *  - `weighted`: the mean similarity to the positives by their weights, less the same of the
 *    negatives.
 * The last two look at the neighbours of every positive (all items of a small collection). */
#ifndef LAT_SERVICE_EXAMPLES_H
#define LAT_SERVICE_EXAMPLES_H

#include "index/store.h"
#include "service/embed.h"
#include "service/search.h"

enum { LAT_EXAMPLES_MAX = 256 }; /* positive, and as many negative */

enum lat_strategy { LAT_STRATEGY_MEAN, LAT_STRATEGY_BEST_SCORE, LAT_STRATEGY_WEIGHTED };
extern const char *const lat_strategy_names[3]; /* "mean" "best_score" "weighted" */

/* One example: exactly one of id, input, code. Borrowed. */
struct lat_example {
    const char *id;
    const struct lat_input *input;
    const float *code;
    size_t n_code;
    double weight; /* above 0; 1 when not said */
};

struct lat_examples_request {
    const struct lat_example *positive, *negative;
    size_t n_positive, n_negative;
    enum lat_strategy strategy;
    bool skip_missing; /* ids that are not stored are passed over, else LAT_NOT_FOUND */
    size_t k;
    const struct lat_filter *filter;
    const char *const *exclude_ids;
    size_t n_exclude;
    double diversity; /* as in lat_search_request */
    unsigned parts;   /* enum lat_item_parts of each hit */
};

struct lat_examples_answer {
    struct lat_hit *hits; /* best first; those of the examples that are stored are not in it */
    float *scores;        /* [n] */
    size_t n;
    const char **missing; /* ids that were passed over */
    size_t n_missing;
    struct lat_search_result *results; /* what the hits borrow from */
    size_t n_results;
};
void lat_examples_release(struct lat_examples_answer *answer);

/* Failures of an example have the pointer "/positive/i" or "/negative/i". LAT_NOT_FOUND
 * item_not_found; LAT_INVALID no_codes, no_model, wrong_dimension. With all positives missing
 * there are no hits. */
enum lat_status lat_examples_run(struct lat_call *call, const char *collection,
                                 const struct lat_examples_request *request,
                                 struct lat_examples_answer *out_answer,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
