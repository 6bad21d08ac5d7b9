/* Jobs: start, list, look, cancel, and the 202 of what starts one elsewhere. */
#include "api/jobs.h"

#include <string.h>

#include "api/handlers.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/jobs.h"

#include "base/banned.h"

/* ---- out ---- */

void lat_write_training(struct lat_buf *out, const struct lat_job_training *training)
{
    lat_write_count(out, "epoch", training->epoch);
    lat_write_count(out, "epochs", training->epochs);
    lat_write_count(out, "step", training->step);
    lat_write_count(out, "steps", training->steps);
    lat_write_double(out, "loss", training->loss);
    lat_write_double(out, "validation", training->validation);
    lat_write_double(out, "rate", training->rate);
    lat_write_double(out, "items_per_second", training->items_per_second);
}

/* What lists show of it, without braces. */
static void write_members(struct lat_buf *out, const struct lat_job_info *info)
{
    const bool training = strcmp(info->type, "train") == 0;
    const bool of_model = training || strcmp(info->type, "calibrate") == 0;
    const char *subject = info->subject[0] ? info->subject : NULL;
    lat_write_text(out, "id", info->id);
    lat_write_text(out, "type", info->type);
    if (strcmp(info->type, "snapshot") == 0)
        lat_write_text(out, "snapshot", info->id);
    else
        lat_write_text(out, of_model ? "model" : "collection", subject);
    lat_write_text(out, "state", lat_job_state_names[info->state]);
    lat_write_double(out, "progress", info->progress);
    lat_write_time(out, "created", info->created_ms);
    lat_write_time(out, "started", info->started_ms);
    lat_write_time(out, "ended", info->ended_ms);
    if (training) {
        lat_write_key(out, "training");
        if (info->training.epochs) {
            lat_buf_char(out, '{');
            lat_write_training(out, &info->training);
            lat_buf_char(out, '}');
        } else {
            lat_buf_text(out, "null");
        }
        lat_write_key(out, "eta_seconds");
        if (info->training.epochs && info->state == LAT_JOB_RUNNING)
            lat_buf_json_double(out, info->training.eta_s);
        else
            lat_buf_text(out, "null");
        lat_write_text(out, "note", info->note[0] ? info->note : NULL);
    }
    lat_write_key(out, "error");
    if (info->state == LAT_JOB_FAILED)
        lat_problem_item(out, &info->error);
    else
        lat_buf_text(out, "null");
}

void lat_write_job_point(struct lat_buf *out, const struct lat_job_point *point)
{
    lat_buf_char(out, '{');
    lat_write_count(out, "epoch", (uint64_t)point->epoch);
    lat_write_double(out, "loss", point->loss);
    lat_write_double(out, "validation", point->validation);
    lat_write_double(out, "seconds", point->seconds);
    lat_buf_char(out, '}');
}

static void write_json(struct lat_buf *out, const char *key, const char *text)
{
    lat_write_key(out, key);
    lat_buf_text(out, *text ? text : "null");
}

void lat_write_job(struct lat_buf *out, const struct lat_job_detail *detail)
{
    lat_buf_char(out, '{');
    write_members(out, &detail->info);
    if (strcmp(detail->info.type, "train") == 0) {
        lat_write_key(out, "curve");
        lat_buf_char(out, '[');
        for (size_t i = 0; i < detail->n_curve; i++) {
            if (i)
                lat_buf_char(out, ',');
            lat_write_job_point(out, &detail->curve[i]);
        }
        lat_buf_char(out, ']');
        write_json(out, "spec", detail->request);
    }
    write_json(out, "result", detail->result);
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const char *id, int http,
                             struct lat_error *err)
{
    struct lat_job_detail *detail = lat_arena_alloc(&call->arena, 1, sizeof(*detail));
    if (!detail)
        return lat_fail_memory(err);
    const enum lat_status status = lat_jobs_detail(call->app->jobs, id, 0, detail, err);
    if (status != LAT_OK)
        return status;
    lat_write_job(&call->response.body, detail);
    lat_job_detail_release(detail);
    return lat_reply_json(call, http, err);
}

enum lat_status lat_reply_job(struct lat_call *call, const char *id, struct lat_error *err)
{
    lat_call_respond_header(call, "Location", "/v1/jobs/%s", id);
    return reply(call, id, 202, err);
}

/* ---- looking ---- */

enum lat_status lat_api_job(struct lat_call *call, struct lat_error *err)
{
    const enum lat_status status = lat_options_none(call, err);
    return status == LAT_OK ? reply(call, call->params[0], 200, err) : status;
}

/* The cursor is the id of the last job shown. */
enum lat_status lat_api_jobs(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_job_info *infos = NULL;
    uint64_t limit;
    const char *cursor;
    size_t n = 0;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, &limit, &cursor);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_jobs_list(call->app->jobs, cursor ? cursor : "", (size_t)limit + 1, &infos,
                               &n, err);
    if (status == LAT_NOT_FOUND) {
        lat_error_clear(err);
        return lat_fail(err, LAT_INVALID, "bad_cursor", "this cursor is not one of this list");
    }
    if (status != LAT_OK)
        return status;
    struct lat_buf *out = &call->response.body;
    const size_t shown = n > limit ? (size_t)limit : n;
    lat_buf_text(out, "{\"jobs\":[");
    for (size_t i = 0; i < shown; i++) {
        lat_buf_text(out, i ? ",{" : "{");
        write_members(out, &infos[i]);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, n > shown ? infos[shown - 1].id : NULL);
    lat_buf_char(out, '}');
    lat_free(infos);
    return lat_reply_json(call, 200, err);
}

/* ---- cancelling ---- */

enum lat_status lat_api_job_cancel(struct lat_call *call, struct lat_error *err)
{
    static const char *const words[] = {"nothing", "best"};
    struct lat_options options;
    int keep = 0;
    lat_options_begin(&options, call, err);
    lat_option_choice(&options, "keep", words, LAT_ARRAY_LEN(words), &keep);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_jobs_cancel(call->app->jobs, call->params[0], keep == 1, err);
    return status == LAT_OK ? reply(call, call->params[0], 200, err) : status;
}
