/* 200, 207, 422: the one place that decides. */
#include "api/batch.h"

#include <string.h>

#include "api/problem.h"
#include "api/reply.h"

#include "base/banned.h"

enum { NOT_APPLIED = 424 }; /* Failed Dependency */

void lat_write_result(struct lat_buf *out, uint64_t index,
                      const struct lat_batch_result *result)
{
    lat_buf_char(out, '{');
    lat_write_count(out, "index", index);
    lat_write_text(out, "id", result->id);
    lat_write_count(out, "status", (uint64_t)result->http);
    if (result->error) {
        lat_write_key(out, "error");
        lat_problem_item(out, result->error);
    }
    if (result->members)
        lat_buf_text(out, result->members);
    lat_buf_char(out, '}');
}

static void write_members(struct lat_buf *out, const struct lat_batch_result *results, size_t n,
                          size_t failed, const char *members)
{
    lat_write_key(out, "results");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            lat_buf_char(out, ',');
        lat_write_result(out, i, &results[i]);
    }
    lat_buf_char(out, ']');
    lat_write_count(out, "succeeded", n - failed);
    lat_write_count(out, "failed", failed);
    if (members) {
        lat_buf_char(out, ',');
        lat_buf_text(out, members);
    }
    lat_buf_char(out, '}');
}

/* One failure in place of all: the first, by its own code if every element has that one. */
static void summarise(const struct lat_batch_result *results, size_t n, struct lat_error *out)
{
    bool same = true;
    *out = *results[0].error;
    for (size_t i = 1; i < n; i++)
        same &= !strcmp(results[i].error->code, out->code);
    if (!same)
        out->code = "batch_failed";
    out->status = LAT_INVALID;
    lat_error_prefix(out, "none of %zu succeeded", n);
}

enum lat_status lat_reply_batch(struct lat_call *call, const struct lat_batch_result *results,
                                size_t n, const char *members, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    size_t failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += results[i].error != NULL;
    int http = failed ? 207 : 200;
    if (n && failed == n) {
        struct lat_error all;
        summarise(results, n, &all);
        http = 422;
        lat_problem_open(call, http, &all);
    } else {
        lat_buf_char(out, '{');
    }
    write_members(out, results, n, failed, members);
    return lat_reply_json(call, http, err);
}

enum lat_status lat_reply_atomic(struct lat_call *call, struct lat_batch_result *results,
                                 size_t n, size_t bad, struct lat_error *err)
{
    struct lat_error why = *results[bad].error;
    struct lat_error others = LAT_ERROR_INIT;
    lat_fail(&others, LAT_CONFLICT, "not_applied", "not done because of element %zu", bad);
    for (size_t i = 0; i < n; i++)
        if (!results[i].error) {
            results[i].error = &others;
            results[i].http = NOT_APPLIED;
        }
    lat_error_prefix(&why, "nothing was done");
    /* None succeeded: 422, whatever the element would be alone, unless the server is at fault.
     */
    if (lat_problem_status(&why) < 500 && why.status != LAT_BUSY)
        why.status = LAT_INVALID;
    const int http = lat_problem_status(&why);
    lat_problem_open(call, http, &why);
    write_members(&call->response.body, results, n, n, NULL);
    return lat_reply_json(call, http, err);
}
