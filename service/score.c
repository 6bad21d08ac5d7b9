/* One embedding for all inputs; with a collection one search an input besides. */
#include "service/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/calibration.h"
#include "model/score.h"
#include "service/app.h"
#include "service/score_reference.h"

#include "base/banned.h"

/* Where p-values come from: `calibration` is of the scores that are judged. */
static void judge(const struct lat_calibration *calibration, double rate,
                  struct lat_scores *scores, size_t n)
{
    scores->threshold = lat_calibration_threshold(calibration, rate, &scores->false_alarm_rate);
    scores->n_reference = calibration->present ? calibration->n : 0;
    for (size_t i = 0; i < n; i++) {
        struct lat_scored *item = &scores->items[i];
        item->p_value = lat_calibration_p_value(calibration, item->score);
        item->percentile =
            calibration->present
                ? 100 * lat_calibration_below(calibration, item->score) / (double)calibration->n
                : (double)NAN;
        item->anomalous = item->score > scores->threshold;
    }
}

/* ---- collections ---- */

static enum lat_status wrong_model(const struct lat_model *model,
                                   const struct lat_collection_spec *spec,
                                   struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "wrong_model",
             "collection '%s' holds codes of model '%s', not of '%s'", spec->name, spec->model,
             lat_model_reference(model));
    lat_error_expected(err, lat_model_reference(model), spec->model);
    return LAT_INVALID;
}

/* Whether distances of this model's codes in that collection mean anything. */
static enum lat_status check_collection(const struct lat_model *model,
                                        const struct lat_collection_spec *spec,
                                        struct lat_error *err)
{
    const size_t dimension = lat_model_manifest(model)->code_dimension;
    if (spec->model[0] && strcmp(spec->model, lat_model_reference(model)) != 0)
        return wrong_model(model, spec, err);
    if (spec->dimension != dimension) {
        char expected[24], got[24];
        snprintf(expected, sizeof(expected), "%zu", dimension);
        snprintf(got, sizeof(got), "%u", (unsigned)spec->dimension);
        lat_fail(err, LAT_INVALID, "wrong_dimension",
                 "model '%s' makes codes of %s dimensions, collection '%s' holds %s",
                 lat_model_reference(model), expected, spec->name, got);
        lat_error_expected(err, expected, got);
        return LAT_INVALID;
    }
    if (spec->metric == LAT_DISTANCE_IP)
        return lat_fail(err, LAT_INVALID, "wrong_metric",
                        "collection '%s' compares by inner products, which are no distances",
                        spec->name);
    return LAT_OK;
}

static enum lat_status measure_distances(struct lat_call *call,
                                         const struct lat_score_request *request,
                                         struct lat_scores *scores, size_t dimension,
                                         struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < request->n; i++) {
        status = lat_call_check_deadline(call, err);
        if (status != LAT_OK)
            break;
        const struct lat_query query = {.code = scores->embedding.codes + i * dimension,
                                        .k = scores->neighbours,
                                        .max_distance = INFINITY,
                                        .exclude_ids = request->exclude_ids,
                                        .n_exclude = request->n_exclude};
        const uint64_t begin = lat_clock_ns();
        status = lat_mean_distance(call->app->store, request->collection, &query,
                                   &scores->items[i].distance, err);
        call->timing_ns[LAT_TIMING_INDEX] += lat_clock_ns() - begin;
    }
    return status;
}

static enum lat_status combine(struct lat_call *call, struct lat_model *model,
                               const struct lat_score_request *request,
                               struct lat_scores *scores, struct lat_error *err)
{
    struct lat_collection_info info;
    struct lat_score_reference *reference = NULL;
    const size_t max_k = (size_t)call->app->config.max_k;
    enum lat_status status =
        lat_store_describe(call->app->store, request->collection, &info, err);
    if (status == LAT_OK)
        status = check_collection(model, &info.spec, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/collection");
        return status;
    }
    status = lat_score_reference_get(call->app->score_references, call->app->store, model,
                                     &info, request->neighbours, max_k, &reference, err);
    if (status != LAT_OK)
        return status;
    scores->neighbours = lat_score_reference_neighbours(reference);
    status = measure_distances(call, request, scores, info.spec.dimension, err);
    if (status != LAT_OK) {
        lat_score_reference_put(reference);
        return status;
    }
    const struct lat_calibration *known = lat_score_reference_scores(reference);
    const bool together = known->present && known->n_quantiles > 1; /* else errors alone */
    for (size_t i = 0; i < request->n; i++) {
        struct lat_scored *item = &scores->items[i];
        item->error_p_value =
            lat_calibration_p_value(&lat_model_manifest(model)->calibration, item->error);
        item->distance_p_value =
            lat_calibration_p_value(lat_score_reference_distances(reference), item->distance);
        if (together)
            item->score = lat_score_combined(reference, item->error, item->distance);
    }
    judge(together ? known : &lat_model_manifest(model)->calibration, request->false_alarm_rate,
          scores, request->n);
    lat_score_reference_put(reference);
    return LAT_OK;
}

enum lat_status lat_score_run(struct lat_call *call, struct lat_model *model,
                              const struct lat_score_request *request,
                              struct lat_scores *out_scores, size_t *out_bad,
                              struct lat_error *err)
{
    struct lat_scores scores = {0};
    enum lat_status status = lat_model_require(model, LAT_CAN_SCORE, err);
    if (status == LAT_OK)
        status = lat_embed_all(call, model, request->inputs, request->n,
                               LAT_EMBED_CODES | LAT_EMBED_DECODED | LAT_EMBED_SCORES,
                               &scores.embedding, out_bad, err);
    if (status != LAT_OK)
        return status;
    scores.items =
        lat_arena_alloc(&call->arena, request->n ? request->n : 1, sizeof(*scores.items));
    if (!scores.items)
        return lat_fail_memory(err);
    for (size_t i = 0; i < request->n; i++)
        scores.items[i].error = scores.items[i].score = scores.embedding.scores[i];
    if (request->collection)
        status = combine(call, model, request, &scores, err);
    else
        judge(&lat_model_manifest(model)->calibration, request->false_alarm_rate, &scores,
              request->n);
    if (status == LAT_OK)
        *out_scores = scores;
    return status;
}
