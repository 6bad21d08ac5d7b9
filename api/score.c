/* POST /v1/models/{m}/score: how strange inputs are, and where it comes from.
 *
 * A body is JSON, or inputs as they are with the options in the query string. One picture and
 * `Accept: image/png`: the map of its errors instead, with the numbers in headers. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "api/collection_read.h"
#include "api/contributions.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "model/score.h"
#include "service/score.h"

#include "base/banned.h"

enum {
    CONTRIBUTIONS_MAX = 10000,   /* of an input */
    CONTRIBUTIONS_ALL = 1000000, /* of a reply */
    CONTRIBUTIONS = 100,
    PIXELS = 20
};

static const double FALSE_ALARM_RATE = 0.01, NEIGHBOURS_MAX = 10000;

/* What a JSON body says: only that has a pointer. */
struct said {
    bool rate, neighbours, exclude, map;
};

struct verb {
    struct said said;
    struct lat_model *model;
    struct lat_json json;
    struct lat_inputs inputs;
    struct lat_score_request request;
    char collection[LAT_COLLECTION_NAME_MAX];
    uint64_t contributions; /* UINT64_MAX: not said */
    bool map;
};

/* ---- reading ---- */

/* Options that go beyond what their readers check. */
static enum lat_status check(const struct verb *verb, struct lat_error *err)
{
    const struct lat_score_request *request = &verb->request;
    const bool image = lat_model_manifest(verb->model)->input.kind == LAT_INPUT_IMAGE;
    const struct said *said = &verb->said;
    const char *pointer = NULL;
    enum lat_status status = LAT_OK;
    if (!verb->collection[0] && (!isnan(request->neighbours) || request->n_exclude)) {
        pointer = said->neighbours || said->exclude ? "/collection" : NULL;
        status = lat_fail(err, LAT_INVALID, "missing_field",
                          "'%s' is about the items of a collection: name it in 'collection'",
                          request->n_exclude ? "exclude_ids" : "neighbours");
    } else if (!(request->false_alarm_rate > 0 && request->false_alarm_rate < 1)) {
        char got[32];
        snprintf(got, sizeof(got), "%g", request->false_alarm_rate);
        pointer = said->rate ? "/false_alarm_rate" : NULL;
        status = lat_fail(
            err, LAT_INVALID, "out_of_range",
            "'false_alarm_rate' is a share of all normal inputs: above 0, below 1, not %s",
            got);
        lat_error_expected(err, "above 0, below 1", got);
    } else if (request->neighbours <= 0 ||
               (request->neighbours > 1 && request->neighbours != floor(request->neighbours))) {
        char got[32];
        snprintf(got, sizeof(got), "%g", request->neighbours);
        pointer = said->neighbours ? "/neighbours" : NULL;
        status = lat_fail(err, LAT_INVALID, "out_of_range",
                          "'neighbours' is a whole number of items from 1, or a share of them "
                          "above 0, below 1, not %s",
                          got);
        lat_error_expected(err, "a whole number from 1, or above 0, below 1", got);
    } else if (verb->map && !image) {
        pointer = said->map ? "/map" : NULL;
        status = lat_fail(err, LAT_INVALID, "wrong_input_kind",
                          "model '%s' takes no pictures: there are no pixels to map",
                          lat_model_reference(verb->model));
    }
    if (pointer)
        lat_error_at(err, "%s", pointer);
    return status;
}

static enum lat_status read_json(struct lat_call *call, struct verb *verb,
                                 struct lat_error *err)
{
    struct lat_object root;
    const enum lat_status status = lat_call_json(call, &verb->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&verb->json, &root);
    lat_object_encoding(&root);
    verb->said = (struct said){.rate = lat_object_has(&root, "false_alarm_rate"),
                               .neighbours = lat_object_has(&root, "neighbours"),
                               .exclude = lat_object_has(&root, "exclude_ids"),
                               .map = lat_object_has(&root, "map")};
    lat_object_number(&root, "false_alarm_rate", &verb->request.false_alarm_rate, -DBL_MAX,
                      DBL_MAX);
    lat_object_collection(call, &root, verb->collection);
    lat_object_number(&root, "neighbours", &verb->request.neighbours, 0, NEIGHBOURS_MAX);
    lat_object_ids(&root, "exclude_ids", LAT_EXCLUDED_MAX, &verb->request.exclude_ids,
                   &verb->request.n_exclude);
    lat_object_count(&root, "contributions", &verb->contributions, 0, CONTRIBUTIONS_MAX);
    lat_object_flag(&root, "map", &verb->map);
    return lat_inputs_object(call, &root, &verb->inputs, err);
}

static enum lat_status read_options(struct lat_call *call, struct verb *verb,
                                    struct lat_error *err)
{
    struct lat_options options;
    struct lat_score_request *request = &verb->request;
    lat_options_begin(&options, call, err);
    lat_option_number(&options, "false_alarm_rate", &request->false_alarm_rate, -DBL_MAX,
                      DBL_MAX);
    lat_option_number(&options, "neighbours", &request->neighbours, 0, NEIGHBOURS_MAX);
    lat_option_collection(&options, verb->collection);
    lat_option_ids(&options, "exclude_ids", LAT_EXCLUDED_MAX, &request->exclude_ids,
                   &request->n_exclude);
    lat_option_count(&options, "contributions", &verb->contributions, 0, CONTRIBUTIONS_MAX);
    lat_option_flag(&options, "map", &verb->map);
    return lat_options_end(&options);
}

static size_t n_contributions(const struct verb *verb)
{
    const struct lat_input_spec *input = &lat_model_manifest(verb->model)->input;
    const size_t features = lat_score_features(input);
    const size_t usual = input->kind == LAT_INPUT_IMAGE ? PIXELS : CONTRIBUTIONS;
    const size_t asked =
        verb->contributions != UINT64_MAX ? (size_t)verb->contributions : usual;
    return asked < features ? asked : features;
}

/* A reply has a bound, like a request. */
static enum lat_status check_reply(const struct verb *verb, struct lat_error *err)
{
    const size_t each = n_contributions(verb), n = verb->inputs.n;
    if (n == 0 || each <= CONTRIBUTIONS_ALL / n)
        return LAT_OK;
    lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
             "%zu contributions of each of %zu inputs are over the limit of %d", each, n,
             CONTRIBUTIONS_ALL);
    if (verb->json.root)
        lat_error_at(err, "/contributions");
    return LAT_TOO_LARGE;
}

static enum lat_status read_all(struct lat_call *call, struct verb *verb, struct lat_error *err)
{
    verb->request.false_alarm_rate = FALSE_ALARM_RATE;
    verb->request.neighbours = (double)NAN; /* not said */
    verb->contributions = UINT64_MAX;
    enum lat_status status = read_options(call, verb, err);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], &verb->model, err);
    if (status == LAT_OK)
        status = lat_model_require(verb->model, LAT_CAN_SCORE, err);
    if (status == LAT_OK)
        status = lat_call_body_kind(call) == LAT_BODY_JSON
                     ? read_json(call, verb, err)
                     : lat_inputs_body(call, verb->model, &verb->inputs, err);
    if (status == LAT_OK)
        status = check(verb, err);
    if (status == LAT_OK)
        status = check_reply(verb, err);
    verb->request.inputs = verb->inputs.items;
    verb->request.n = verb->inputs.n;
    verb->request.collection = verb->collection[0] ? verb->collection : NULL;
    if (isnan(verb->request.neighbours))
        verb->request.neighbours = LAT_SCORE_NEIGHBOURS;
    return status;
}

/* ---- answering ---- */

static void write_scored(struct lat_buf *out, const struct lat_score_request *request,
                         const struct lat_scores *scores, const struct lat_scored *item)
{
    lat_write_float(out, "error", item->error);
    lat_write_double(out, "p_value", item->p_value);
    lat_write_double(out, "percentile", item->percentile);
    lat_write_flag(out, "anomalous", item->anomalous);
    lat_write_float(out, "threshold", scores->threshold);
    lat_write_float(out, "score", item->score);
    if (!request->collection)
        return;
    lat_write_float(out, "distance", item->distance);
    lat_write_double(out, "error_p_value", item->error_p_value);
    lat_write_double(out, "distance_p_value", item->distance_p_value);
}

static enum lat_status write_map(struct lat_buf *out, const struct lat_model *model,
                                 const float *row, const float *decoded, struct lat_error *err)
{
    struct lat_buf png = {0};
    const enum lat_status status = lat_score_map(model, row, decoded, &png, err);
    if (status == LAT_OK) {
        lat_write_key(out, "map");
        lat_buf_text(out, "{\"image\":\"");
        lat_base64_encode(out, png.data, png.len);
        lat_buf_text(out, "\"}");
    }
    lat_buf_release(&png);
    return status;
}

static enum lat_status write_result(struct lat_buf *out, const struct verb *verb,
                                    const struct lat_scores *scores, size_t i,
                                    struct lat_error *err)
{
    const size_t elements = lat_input_elements(&lat_model_manifest(verb->model)->input);
    const float *row = scores->embedding.rows + i * elements;
    const float *decoded = scores->embedding.decoded + i * elements;
    lat_buf_char(out, '{');
    write_scored(out, &verb->request, scores, &scores->items[i]);
    lat_write_key(out, "contributions");
    enum lat_status status =
        lat_write_contributions(out, verb->model, row, decoded, n_contributions(verb), err);
    if (status == LAT_OK)
        lat_write_steps(out, verb->model, row, decoded);
    if (status == LAT_OK && verb->map)
        status = write_map(out, verb->model, row, decoded, err);
    lat_buf_char(out, '}');
    return status;
}

static enum lat_status reply(struct lat_call *call, const struct verb *verb,
                             const struct lat_scores *scores, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const struct lat_calibration *calibration = &lat_model_manifest(verb->model)->calibration;
    lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < verb->inputs.n; i++) {
        if (i)
            lat_buf_char(out, ',');
        const enum lat_status status = write_result(out, verb, scores, i, err);
        if (status != LAT_OK)
            return status;
    }
    lat_buf_char(out, ']');
    lat_write_text(out, "calibration", calibration->id);
    lat_write_count(out, "reference_items", scores->n_reference);
    lat_write_double(out, "false_alarm_rate", scores->false_alarm_rate);
    lat_write_text(out, "score", lat_score_kind_names[lat_score_kind(verb->model)]);
    if (verb->request.collection) {
        lat_write_text(out, "collection", verb->request.collection);
        lat_write_count(out, "neighbours", scores->neighbours);
    }
    lat_write_text(out, "model", lat_model_reference(verb->model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

static enum lat_status reply_png(struct lat_call *call, const struct verb *verb,
                                 const struct lat_scores *scores, struct lat_error *err)
{
    const struct lat_scored *item = &scores->items[0];
    call->response.content_type = "image/png";
    lat_call_respond_header(call, "X-Error", "%.9g", (double)item->error);
    lat_call_respond_header(call, "X-P-Value", "%.9g", item->p_value);
    lat_call_respond_header(call, "X-Anomalous", "%s", item->anomalous ? "true" : "false");
    const enum lat_status status =
        lat_score_map(verb->model, scores->embedding.rows, scores->embedding.decoded,
                      &call->response.body, err);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

enum lat_status lat_api_score(struct lat_call *call, struct lat_error *err)
{
    struct verb verb = {0};
    struct lat_scores scores;
    size_t bad = SIZE_MAX;
    enum lat_status status = read_all(call, &verb, err);
    if (status == LAT_OK) {
        status = lat_score_run(call, verb.model, &verb.request, &scores, &bad, err);
        if (status != LAT_OK && !verb.json.root)
            err->pointer[0] = '\0';
        if (status != LAT_OK)
            status = lat_inputs_blame(call, &verb.inputs, bad, err);
    }
    if (status == LAT_OK) {
        const bool image = lat_model_manifest(verb.model)->input.kind == LAT_INPUT_IMAGE;
        status = image && verb.inputs.n == 1 && lat_call_accepts(call, "image/png")
                     ? reply_png(call, &verb, &scores, err)
                     : reply(call, &verb, &scores, err);
    }
    lat_json_release(&verb.json);
    if (verb.model)
        lat_model_release(verb.model);
    return status;
}
