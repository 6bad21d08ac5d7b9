/* GET …/anomalies: stored items by their scores, the largest first. Nothing is encoded for it;
 * pictures that were stored without a score get it before the first page is read
 * (service/scorer.h), as far as there is time. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "model/calibration.h"
#include "model/score.h"
#include "service/embed.h"
#include "service/scorer.h"

#include "base/banned.h"

#define PATIENCE_NS (10 * LAT_NS_PER_S)

static void write_item(struct lat_buf *out, const struct lat_calibration *calibration,
                       const struct lat_item *item)
{
    const double below = lat_calibration_below(calibration, item->error);
    lat_buf_char(out, '{');
    lat_write_text(out, "id", item->id);
    lat_write_float(out, "error", item->error);
    lat_write_double(out, "p_value", lat_calibration_p_value(calibration, item->error));
    lat_write_double(out, "percentile", 100 * below / (double)calibration->n);
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const struct lat_model *model,
                             const struct lat_item_list *list, bool complete,
                             struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const struct lat_calibration *calibration = &lat_model_manifest(model)->calibration;
    lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_item(out, calibration, &list->items[i]);
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, list->next_cursor);
    lat_write_flag(out, "complete", complete);
    lat_write_text(out, "calibration", calibration->present ? calibration->id : NULL);
    lat_write_text(out, "model", lat_model_reference(model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

static enum lat_status acquire(struct lat_call *call, const struct lat_collection_spec *spec,
                               struct lat_model **out_model, struct lat_error *err)
{
    if (!spec->model[0])
        return lat_fail(err, LAT_CAPABILITY, NULL,
                        "collection '%s' has no model that could score its items", spec->name);
    enum lat_status status = lat_embed_acquire(call, spec->model, out_model, err);
    if (status == LAT_OK)
        status = lat_model_require(*out_model, LAT_CAN_RECONSTRUCT, err);
    return status;
}

enum lat_status lat_api_anomalies(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_item_list list = {0};
    struct lat_model *model = NULL;
    uint64_t limit;
    const char *cursor, *name;
    bool complete = true;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, &limit, &cursor);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK)
        status = acquire(call, &spec, &model, err);
    if (status == LAT_OK) {
        const uint64_t patience = lat_clock_ns() + PATIENCE_NS;
        complete =
            lat_scorer_settle(call->app->scorer, name,
                              patience < call->deadline_ns ? patience : call->deadline_ns);
        status = lat_store_worst(call->app->store, name, cursor, (size_t)limit, &list, err);
    }
    if (status == LAT_OK)
        status = reply(call, model, &list, complete, err);
    lat_item_list_release(&list);
    if (model)
        lat_model_release(model);
    return status;
}
