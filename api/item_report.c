/* One search by the item's id, itself excluded; the rest is known from storing it. */
#include "api/item_report.h"

#include <math.h>

#include "api/reply.h"
#include "model/calibration.h"
#include "service/app.h"
#include "service/search.h"

#include "base/banned.h"

static enum lat_status write_score(struct lat_call *call, struct lat_buf *out,
                                   const struct lat_collection_spec *spec, float score,
                                   struct lat_error *err)
{
    struct lat_model *model = NULL;
    lat_write_key(out, "score");
    if (isnan(score)) {
        lat_buf_text(out, "null");
        return LAT_OK;
    }
    const enum lat_status status = lat_embed_acquire(call, spec->model, &model, err);
    if (status != LAT_OK)
        return status;
    const struct lat_calibration *calibration = &lat_model_manifest(model)->calibration;
    lat_buf_char(out, '{');
    lat_write_float(out, "error", score);
    lat_write_double(out, "p_value", lat_calibration_p_value(calibration, score));
    lat_write_double(out, "percentile",
                     100 * lat_calibration_below(calibration, score) / (double)calibration->n);
    lat_buf_char(out, '}');
    lat_model_release(model);
    return LAT_OK;
}

static bool is_duplicate(const struct lat_collection_spec *spec, float distance)
{
    return spec->metric != LAT_DISTANCE_IP && fabsf(distance) <= 1e-6F;
}

static enum lat_status write_nearest(struct lat_call *call, struct lat_buf *out,
                                     const struct lat_collection_spec *spec, const char *id,
                                     struct lat_error *err)
{
    struct lat_search_request request = {
        .query = {.id = id, .k = 1, .max_distance = INFINITY, .exclude_self = true}};
    struct lat_search_answer answer;
    lat_write_key(out, "nearest");
    if (!spec->dimension) {
        lat_buf_text(out, "null,\"duplicate_of\":null");
        return LAT_OK;
    }
    const enum lat_status status =
        lat_search_run(call, spec->name, &request, 1, &answer, NULL, err);
    if (status != LAT_OK)
        return status;
    const struct lat_hit *hit = answer.result.n ? &answer.result.hits[0] : NULL;
    if (hit) {
        lat_buf_char(out, '{');
        lat_write_text(out, "id", hit->id);
        lat_write_float(out, "distance", hit->distance);
        lat_buf_char(out, '}');
    } else {
        lat_buf_text(out, "null");
    }
    lat_write_text(out, "duplicate_of",
                   hit && is_duplicate(spec, hit->distance) ? hit->id : NULL);
    lat_search_result_release(&answer.result);
    return LAT_OK;
}

enum lat_status lat_write_report(struct lat_call *call, struct lat_buf *out,
                                 const struct lat_collection_spec *spec, const char *id,
                                 const struct lat_ingest_result *stored, struct lat_error *err)
{
    const enum lat_status status = write_score(call, out, spec, stored->score, err);
    return status == LAT_OK ? write_nearest(call, out, spec, id, err) : status;
}
