/* Searches: by an input, a code or a stored item's id. */
#ifndef LAT_SERVICE_SEARCH_H
#define LAT_SERVICE_SEARCH_H

#include "index/store.h"
#include "service/embed.h"

enum { LAT_DIVERSE_K_MAX = 1000 }; /* the most results that are diversified */

struct lat_search_request {
    const struct lat_input *input; /* exactly one of input, code, query.id */
    const float *code;
    size_t n_code;
    struct lat_query query; /* everything else; query.code is filled in here */
    bool denoise;           /* the code is decoded and encoded again: LAT_CAPABILITY unless the
                             * collection's model was trained to denoise. Not with query.id */
    double diversity;       /* 0..1, of the results among themselves: service/diversity.h */
    bool judge; /* with an input: also its reconstruction error, when the model can decode; and
                 * what service/explain.h needs */
};

struct lat_search_answer {
    struct lat_search_result result; /* release with lat_search_result_release */
    bool has_error;
    float error;       /* reconstruction error of the query input */
    double p_value;    /* NaN without calibration */
    const float *code; /* what was searched with; NULL: an id's own */
    const float *query_row,
        *hit_rows; /* lat_explain: rows [elements], [n_hit_rows][elements] */
    size_t n_hit_rows;
};

/* Runs `n` searches of one collection; their inputs are encoded together. The first that fails
 * fails all (*out_bad, may be NULL, is its index), and no answer is left to release. Adds to
 * the call's LAT_TIMING_INDEX and LAT_TIMING_DB. */
enum lat_status lat_search_run(struct lat_call *call, const char *collection,
                               const struct lat_search_request *requests, size_t n,
                               struct lat_search_answer *out_answers, size_t *out_bad,
                               struct lat_error *err) LAT_MUST_USE;

/* Whether lat_search_run may be tried on a network thread. If it fails there with call->defer
 * set, the input takes more than was seen from outside: it is run again on a worker. */
bool lat_search_is_cheap(const struct lat_search_request *request);

#endif
