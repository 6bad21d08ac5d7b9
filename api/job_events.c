/* GET /v1/jobs/{id}/events: server-sent events (WHATWG HTML, 9.2). `loss` for each epoch of the
 * curve, its id the epoch, so that a client which comes back with Last-Event-ID misses none and
 * gets none twice; `progress` when something has changed; `done` with the whole job at its end,
 * whatever the end. */

#include "api/handlers.h"
#include "api/jobs.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/text.h"
#include "service/events.h"

#include "base/banned.h"

static void write_progress(struct lat_buf *out, const struct lat_job_info *info)
{
    lat_buf_text(out, "event: progress\ndata: {");
    lat_write_text(out, "state", lat_job_state_names[info->state]);
    lat_write_double(out, "progress", info->progress);
    if (info->training.epochs) {
        lat_write_training(out, &info->training);
        lat_write_double(out, "eta_seconds", info->training.eta_s);
    }
    if (info->note[0])
        lat_write_text(out, "note", info->note);
    lat_buf_text(out, "}\n\n");
}

static void write_events(struct lat_buf *out, const struct lat_job_detail *detail, bool more)
{
    for (size_t i = 0; i < detail->n_curve; i++) {
        lat_buf_printf(out, "event: loss\nid: %.0f\ndata: ", detail->curve[i].epoch);
        lat_write_job_point(out, &detail->curve[i]);
        lat_buf_text(out, "\n\n");
    }
    if (more)
        return;
    if (detail->info.state <= LAT_JOB_RUNNING) {
        write_progress(out, &detail->info);
        return;
    }
    struct lat_job_detail whole = *detail;
    whole.n_curve = 0; /* has been told point by point */
    lat_buf_text(out, "event: done\ndata: ");
    lat_write_job(out, &whole);
    lat_buf_text(out, "\n\n");
}

enum lat_status lat_api_job_events(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_job_info info;
    uint64_t after = 0;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_jobs_get(call->app->jobs, call->params[0], &info, err);
    if (status != LAT_OK)
        return status;
    const char *last = lat_call_header(call, "Last-Event-ID");
    if (last && !lat_parse_u64(last, UINT32_MAX, &after))
        after = 0;
    call->response.status = 200;
    call->response.content_type = "text/event-stream";
    lat_call_respond_header(call, "Cache-Control", "no-cache");
    if (call->method == LAT_HEAD)
        return LAT_OK;
    return lat_events_watch(lat_jobs_events(call->app->jobs), call, call->params[0],
                            (double)after, write_events, err);
}
