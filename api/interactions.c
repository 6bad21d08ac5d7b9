/* POST …/interactions: a list, or lines of any number, stored block by block while they come
 * in. A block is one call of the store: durable when it returns.
 *
 * Both are answered as a batch; for lines the results are those of the lines that failed, for
 * there may be millions of others. What concerns one interaction (bad JSON, a bad id) costs the
 * others nothing. What concerns all of them (no collection, no space) ends it with a problem;
 * blocks before that are stored, and sending everything again does no harm. */
#include <string.h>

#include "api/batch.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/interaction_read.h"
#include "api/lines.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/feedback.h"

#include "base/banned.h"

enum {
    BLOCK_LINES = 16384,
    BLOCK_BYTES = 4 << 20, /* a block ends with the line that goes past this */
    READ_AT_ONCE = 256 << 10,
    FAILURES_TOLD = 1000
};

/* ---- lines ---- */

struct reading {
    struct lat_call *call;
    const char *name;
    int64_t now_ms;
    struct lat_lines body;
    struct lat_arena arena;               /* of the block: lines that were not plain */
    struct lat_interaction_input *inputs; /* [BLOCK_LINES] */
    struct lat_interaction *block;        /* [BLOCK_LINES] */
    size_t n;
    uint64_t lines, failed;
    struct lat_buf failures; /* their results */
    struct lat_error first;  /* failure */
    bool same;               /* all have its code */
};

static void fail_line(struct reading *r, const struct lat_error *why)
{
    const struct lat_batch_result result = {.http = lat_problem_status(why), .error = why};
    if (!r->failed)
        r->first = *why;
    r->same = r->failed ? r->same && !strcmp(why->code, r->first.code) : true;
    if (r->failed++ >= FAILURES_TOLD)
        return;
    if (r->failures.len)
        lat_buf_char(&r->failures, ',');
    lat_write_result(&r->failures, r->lines, &result);
}

/* A line that the scan does not take. */
static enum lat_status read_line(struct reading *r, const char *text, size_t len,
                                 struct lat_interaction_input *out, struct lat_error *why)
{
    struct lat_json json = {0};
    struct lat_object root;
    enum lat_status status = lat_json_parse(&json, &r->arena, text, len,
                                            (size_t)r->call->app->config.max_depth, why);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        lat_object_interaction(&root, r->now_ms, out);
        status = lat_json_status(&json);
    }
    lat_json_release(&json);
    return status;
}

/* Stores the block and moves what is left of the text to its front. */
static enum lat_status flush(struct reading *r, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    const uint64_t start = lat_clock_ns();
    if (r->n)
        status = lat_store_interact(r->call->app->store, r->name, r->block, r->n, err);
    r->call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    for (size_t i = 0; i < r->n && status == LAT_OK; i++)
        if (r->inputs[i].recommendation)
            lat_feedback_take(r->call->app, r->name, &r->inputs[i].what,
                              r->inputs[i].recommendation);
    if (status != LAT_OK && r->lines > r->n)
        lat_error_prefix(err, "after %llu lines",
                         (unsigned long long)(r->lines - r->failed - r->n));
    r->n = 0;
    lat_arena_clear(&r->arena);
    lat_lines_pack(&r->body);
    return status;
}

static enum lat_status take_line(struct reading *r, const struct lat_line *line,
                                 struct lat_error *err)
{
    char *text = r->body.text.data + line->offset;
    struct lat_interaction_input *input = &r->inputs[r->n];
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status;
    if (line->too_long)
        status = lat_lines_refuse(&r->body, &why);
    else if (lat_interaction_scan(text, line->len, r->now_ms, input))
        status = lat_interaction_check(&input->what, &why);
    else
        status = read_line(r, text, line->len, input, &why);
    if (status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    if (status == LAT_OK)
        r->block[r->n++] = input->what;
    else
        fail_line(r, &why);
    r->lines++;
    return r->n == BLOCK_LINES || r->body.start >= BLOCK_BYTES ? flush(r, err) : LAT_OK;
}

/* The block's interactions point into the text: it is stored before the text may move. */
static enum lat_status make_room(struct reading *r, struct lat_error *err)
{
    struct lat_buf *text = &r->body.text;
    if (text->capacity > text->len + READ_AT_ONCE)
        return LAT_OK;
    const enum lat_status status = flush(r, err);
    if (status != LAT_OK)
        return status;
    return lat_buf_reserve(text, BLOCK_BYTES + READ_AT_ONCE) ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status read_all(struct reading *r, struct lat_error *err)
{
    struct lat_line line;
    size_t n = r->body.text.len;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && n) {
        while (status == LAT_OK && lat_lines_next(&r->body, &line))
            status = take_line(r, &line, err);
        if (status == LAT_OK)
            status = make_room(r, err);
        if (status == LAT_OK)
            status = lat_call_read_more(r->call, &r->body.text, READ_AT_ONCE, &n, err);
    }
    if (status == LAT_OK && lat_lines_last(&r->body, &line))
        status = take_line(r, &line, err);
    return status == LAT_OK ? flush(r, err) : status;
}

static enum lat_status reply_lines(struct lat_call *call, struct reading *r,
                                   struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    int http = r->failed ? 207 : 200;
    enum lat_status status = lat_buf_check(&r->failures, err);
    if (status != LAT_OK)
        return status;
    if (r->failed && r->failed == r->lines) {
        http = 422;
        r->first.code = r->same ? r->first.code : "batch_failed";
        r->first.status = LAT_INVALID;
        lat_error_prefix(&r->first, "none of %llu succeeded", (unsigned long long)r->lines);
        lat_problem_open(call, http, &r->first);
    } else {
        lat_buf_char(out, '{');
    }
    lat_write_key(out, "results");
    lat_buf_char(out, '[');
    if (r->failures.len)
        lat_buf_append(out, r->failures.data, r->failures.len);
    lat_buf_char(out, ']');
    lat_write_count(out, "succeeded", r->lines - r->failed);
    lat_write_count(out, "failed", r->failed);
    lat_buf_char(out, '}');
    return lat_reply_json(call, http, err);
}

/* Takes over `text`, what was read of the body already. */
static enum lat_status by_lines(struct lat_call *call, const char *name, struct lat_buf *text,
                                struct lat_error *err)
{
    struct reading r = {
        .call = call,
        .name = name,
        .now_ms = lat_clock_wall_ms(),
        .body = {.text = *text, .max_line = (size_t)call->app->config.max_body}};
    *text = (struct lat_buf){0};
    r.inputs = lat_alloc_raw(BLOCK_LINES, sizeof(*r.inputs));
    r.block = lat_alloc_raw(BLOCK_LINES, sizeof(*r.block));
    enum lat_status status = r.inputs && r.block ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && !r.body.text.len) {
        size_t n;
        status = lat_call_read_more(call, &r.body.text, READ_AT_ONCE, &n, err);
    }
    if (status == LAT_OK)
        status = read_all(&r, err);
    if (status == LAT_OK)
        status = reply_lines(call, &r, err);
    lat_free(r.inputs);
    lat_free(r.block);
    lat_buf_release(&r.body.text);
    lat_buf_release(&r.failures);
    lat_arena_release(&r.arena);
    return status;
}

/* ---- a list ---- */

struct listed {
    struct lat_list list;
    struct lat_interaction_input *inputs;
    struct lat_interaction *good;
    struct lat_batch_result *results;
    size_t n_good, first_bad;
};

static enum lat_status read_element(struct lat_call *call, struct listed *l, size_t i,
                                    struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    struct lat_object object;
    lat_json_begin(l->list.json, &why);
    lat_list_object(&l->list, i, &object);
    lat_object_interaction(&object, lat_clock_wall_ms(), &l->inputs[i]);
    lat_json_begin(l->list.json, NULL);
    if (why.status == LAT_OK) {
        l->good[l->n_good++] = l->inputs[i].what;
        l->results[i] = (struct lat_batch_result){.id = l->inputs[i].what.item, .http = 200};
        return LAT_OK;
    }
    struct lat_error *kept = lat_arena_alloc_raw(&call->arena, 1, sizeof(*kept));
    if (!kept || why.status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    *kept = why;
    l->results[i] = (struct lat_batch_result){.http = lat_problem_status(kept), .error = kept};
    if (l->first_bad == SIZE_MAX)
        l->first_bad = i;
    return LAT_OK;
}

static enum lat_status store_list(struct lat_call *call, const char *name, struct listed *l,
                                  struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    const uint64_t start = lat_clock_ns();
    if (l->n_good)
        status = lat_store_interact(call->app->store, name, l->good, l->n_good, err);
    call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - start;
    for (size_t i = 0; i < l->list.n && status == LAT_OK; i++)
        if (!l->results[i].error && l->inputs[i].recommendation)
            lat_feedback_take(call->app, name, &l->inputs[i].what, l->inputs[i].recommendation);
    return status;
}

static enum lat_status by_list(struct lat_call *call, const char *name, bool atomic,
                               const struct lat_buf *text, struct lat_error *err)
{
    struct lat_json json = {0};
    struct listed l = {.first_bad = SIZE_MAX};
    enum lat_status status =
        lat_json_parse(&json, &call->arena, text->data ? text->data : "", text->len,
                       (size_t)call->app->config.max_depth, err);
    if (status == LAT_OK) {
        lat_json_root_list(&json, &l.list);
        status = lat_json_status(&json);
    }
    if (status == LAT_OK)
        status = lat_check_batch(call, l.list.n, err);
    if (status == LAT_OK) {
        const size_t n = l.list.n + 1;
        l.inputs = lat_arena_alloc(&call->arena, n, sizeof(*l.inputs));
        l.good = lat_arena_alloc_raw(&call->arena, n, sizeof(*l.good));
        l.results = lat_arena_alloc(&call->arena, n, sizeof(*l.results));
        status = l.inputs && l.good && l.results ? LAT_OK : lat_fail_memory(err);
    }
    for (size_t i = 0; i < l.list.n && status == LAT_OK; i++)
        status = read_element(call, &l, i, err);
    if (status == LAT_OK && atomic && l.first_bad != SIZE_MAX)
        status = lat_reply_atomic(call, l.results, l.list.n, l.first_bad, err);
    else if (status == LAT_OK && (status = store_list(call, name, &l, err)) == LAT_OK)
        status = lat_reply_batch(call, l.results, l.list.n, NULL, err);
    lat_json_release(&json);
    return status;
}

/* ---- which of the two ---- */

static char first_of(const struct lat_buf *text)
{
    size_t i = 0;
    while (i < text->len && strchr(" \t\r\n", text->data[i]))
        i++;
    return i < text->len ? text->data[i] : '\0';
}

/* A list is read whole, up to the limit of a body; so is what may become one. */
static enum lat_status read_json(struct lat_call *call, struct lat_buf *text, bool *out_list,
                                 struct lat_error *err)
{
    const size_t limit = (size_t)call->app->config.max_body;
    enum lat_status status = LAT_OK;
    for (size_t n = 1; n && status == LAT_OK;) {
        status = lat_call_read_more(call, text, READ_AT_ONCE, &n, err);
        *out_list = first_of(text) != '{';
        if (status == LAT_OK && text->len && !*out_list)
            return LAT_OK;
        if (status == LAT_OK && text->len > limit)
            status = lat_fail(err, LAT_TOO_LARGE, NULL,
                              "the body is over the limit of %zu bytes; lines "
                              "(application/x-ndjson) have none",
                              limit);
    }
    return status;
}

enum lat_status lat_api_interactions(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_buf text = {0};
    const char *name;
    bool atomic = false, list = false;
    lat_options_begin(&options, call, err);
    lat_option_flag(&options, "atomic", &atomic);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    const enum lat_body_kind kind = lat_call_body_kind(call);
    if (status == LAT_OK && kind != LAT_BODY_LINES && kind != LAT_BODY_JSON)
        status = lat_call_refuse_body(call, "application/json or application/x-ndjson", err);
    if (status == LAT_OK && kind == LAT_BODY_JSON)
        status = read_json(call, &text, &list, err);
    if (status == LAT_OK && atomic && !list)
        status = lat_fail(err, LAT_INVALID, "two_kinds",
                          "'atomic' goes with a list: lines are stored as they come");
    if (status == LAT_OK)
        status =
            list ? by_list(call, name, atomic, &text, err) : by_lines(call, name, &text, err);
    lat_buf_release(&text);
    return status;
}
