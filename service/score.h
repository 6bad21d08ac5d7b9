/* Inputs to scores: how badly a model accounts for them, and how far they are from what a
 * collection holds.
 *
 * Without a collection an input's score is that of model/score.h, and its p-value against the
 * model's calibration. With one it is
 *
 *      sqrt(e / e½) · d / d½
 *
 * where e is the model's score, d the mean distance of the input's code to its nearest items,
 * and e½, d½ what half of the calibration set and half of the collection's own items stay
 * below: two lengths, one across what the model has learned and one along it, multiplied, so
 * that neither's unit counts. Its p-value is against items of the collection, each scored with
 * itself left out (service/score_reference.h). Without items to compare with the error decides
 * alone. */
#ifndef LAT_SERVICE_SCORE_H
#define LAT_SERVICE_SCORE_H

#include "index/store.h"
#include "service/embed.h"

enum { LAT_SCORE_NEIGHBOURS = 5 }; /* unless said otherwise */

struct lat_score_request {
    const struct lat_input *inputs;
    size_t n;
    double false_alarm_rate;        /* in (0,1) */
    const char *collection;         /* NULL: the model alone */
    double neighbours;              /* how many; below 1 a share of the collection's items */
    const char *const *exclude_ids; /* items that are nobody's neighbour */
    size_t n_exclude;
};

struct lat_scored {
    float error;                /* the model's score */
    float score;                /* the same, or with a collection the combined one */
    double p_value, percentile; /* of `score`; NaN without calibration */
    bool anomalous;             /* score > threshold */
    /* with a collection: */
    float distance; /* mean, to the nearest items; NaN for an empty collection */
    double error_p_value, distance_p_value;
};

struct lat_scores {
    struct lat_embedding embedding; /* rows and decoded rows of every input */
    struct lat_scored *items;       /* [n], in the call's arena */
    float threshold;
    double false_alarm_rate; /* what the threshold holds: lat_calibration_threshold */
    size_t n_reference;      /* items behind the p-values */
    size_t neighbours;       /* how many were looked at */
};

/* LAT_CAPABILITY for a model without decoder or calibration. *out_bad (may be NULL) is the
 * index of a bad input. With a collection: LAT_NOT_FOUND; LAT_INVALID wrong_model when it is of
 * another model or version, wrong_dimension, wrong_metric for inner products. */
enum lat_status lat_score_run(struct lat_call *call, struct lat_model *model,
                              const struct lat_score_request *request,
                              struct lat_scores *out_scores, size_t *out_bad,
                              struct lat_error *err) LAT_MUST_USE;

#endif
