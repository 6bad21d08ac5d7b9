/* GET /v1/jobs/{id}, and the 202 of what starts one. */
#include "api/jobs.h"

#include "api/handlers.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/request.h"
#include "service/jobs.h"

#include "base/banned.h"

static void write_job(struct lat_buf *out, const struct lat_job_info *info)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "id", info->id);
    lat_write_text(out, "type", info->type);
    lat_write_text(out, "collection", info->subject[0] ? info->subject : NULL);
    lat_write_text(out, "state", lat_job_state_names[info->state]);
    lat_write_double(out, "progress", info->progress);
    lat_write_time(out, "created", info->created_ms);
    lat_write_time(out, "started", info->started_ms);
    lat_write_time(out, "ended", info->ended_ms);
    lat_write_key(out, "error");
    if (info->state == LAT_JOB_FAILED)
        lat_problem_item(out, &info->error);
    else
        lat_buf_text(out, "null");
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const char *id, int http,
                             struct lat_error *err)
{
    struct lat_job_info info;
    const enum lat_status status = lat_jobs_get(call->app->jobs, id, &info, err);
    if (status != LAT_OK)
        return status;
    write_job(&call->response.body, &info);
    return lat_reply_json(call, http, err);
}

enum lat_status lat_reply_job(struct lat_call *call, const char *id, struct lat_error *err)
{
    lat_call_respond_header(call, "Location", "/v1/jobs/%s", id);
    return reply(call, id, 202, err);
}

enum lat_status lat_api_job(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    lat_options_begin(&options, call, err);
    const enum lat_status status = lat_options_end(&options);
    return status == LAT_OK ? reply(call, call->params[0], 200, err) : status;
}
