/* POST …/impute: rows with holes in, completed rows out.
 *
 * JSON is read whole, up to the limit of a body, and answered as a batch: a bad row costs the
 * others nothing. text/csv has no limit and is worked on while it comes in
 * (api/impute_csv.c). */
#include <stdio.h>

#include "api/batch.h"
#include "api/handlers.h"
#include "api/impute_options.h"
#include "api/impute_rows.h"
#include "api/input.h"
#include "api/lines.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/mem.h"

#include "base/banned.h"

enum { READ_AT_ONCE = 64 << 10 };

/* One request in JSON. */
struct batch {
    struct lat_call *call;
    struct lat_model *model;
    const struct lat_table *table;
    struct lat_impute_asked asked;
    struct lat_json json;
    struct lat_list list;
    struct lat_impute_sent *sent; /* [n] */
    float *rows;                  /* [n][elements]: the good ones, packed */
    size_t n_good, first_bad;
    bool atomic;
};

/* The whole body; NUL-terminated. From its end on the request has the time of any other. */
static enum lat_status read_body(struct lat_call *call, struct lat_buf *text,
                                 struct lat_error *err)
{
    const size_t limit = (size_t)call->app->config.max_body;
    size_t n = 1;
    enum lat_status status = LAT_OK;
    while (n && status == LAT_OK) {
        status = lat_call_read_more(call, text, READ_AT_ONCE, &n, err);
        if (text->len > limit)
            return lat_fail(err, LAT_TOO_LARGE, NULL,
                            "the body is over the limit of %zu bytes; text/csv has none",
                            limit);
    }
    lat_buf_char(text, '\0');
    if (status == LAT_OK)
        status = lat_buf_check(text, err);
    call->deadline_ns = lat_clock_ns() + (uint64_t)call->app->config.timeout_ms * LAT_NS_PER_MS;
    return status;
}

static enum lat_status read_document(struct batch *batch, const struct lat_buf *text,
                                     struct lat_error *err)
{
    struct lat_call *call = batch->call;
    struct lat_object root;
    const uint64_t start = lat_clock_ns();
    enum lat_status status =
        lat_json_parse_whole(&batch->json, &call->arena, text->data, text->len - 1,
                             (size_t)call->app->config.max_depth, err);
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - start;
    if (status != LAT_OK)
        return status;
    lat_json_root(&batch->json, &root);
    lat_object_impute(call, &root, batch->model, &batch->asked);
    if (!lat_object_list(&root, "rows", &batch->list))
        lat_object_missing(&root, "rows");
    lat_object_end(&root);
    status = lat_json_status(&batch->json);
    if (status == LAT_OK)
        status = lat_check_batch(call, batch->list.n, err);
    if (status == LAT_TOO_LARGE)
        lat_error_at(err, "/rows");
    return status;
}

static enum lat_status read_rows(struct batch *batch, const struct lat_buf *text,
                                 struct lat_error *err)
{
    struct lat_call *call = batch->call;
    const size_t n = batch->list.n, elements = batch->table->elements;
    struct lat_span rows, row, key;
    size_t total;
    if (!lat_mul_size(n ? n : 1, elements, &total))
        return lat_fail_memory(err);
    batch->sent = lat_arena_alloc(&call->arena, n ? n : 1, sizeof(*batch->sent));
    batch->rows = lat_arena_alloc_raw(&call->arena, total, sizeof(float));
    if (!batch->sent || !batch->rows)
        return lat_fail_memory(err);
    if (!lat_spans_find(text->data, "rows", &rows))
        return lat_fail(err, LAT_INVALID, "unknown_field", "write the key 'rows' plainly");
    struct lat_spans spans = lat_spans_of(rows.text);
    const uint64_t start = lat_clock_ns();
    enum lat_status status = LAT_OK;
    batch->first_bad = SIZE_MAX;
    for (size_t i = 0; status == LAT_OK && i < n && lat_spans_next(&spans, &key, &row); i++) {
        status =
            lat_impute_read_row(call, &batch->list, i, row, batch->table, batch->asked.policy,
                                batch->rows + batch->n_good * elements, &batch->sent[i], err);
        if (status == LAT_OK && batch->sent[i].error)
            batch->first_bad = batch->first_bad == SIZE_MAX ? i : batch->first_bad;
        else
            batch->n_good += status == LAT_OK;
    }
    call->timing_ns[LAT_TIMING_DECODE] += lat_clock_ns() - start;
    return status;
}

/* ---- replies ---- */

static enum lat_status reply_failed(struct batch *batch, struct lat_error *err)
{
    const size_t n = batch->list.n;
    struct lat_batch_result *results =
        lat_arena_alloc(&batch->call->arena, n, sizeof(*results));
    if (!results)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        results[i].error = batch->sent[i].error;
        results[i].http = results[i].error ? lat_problem_status(results[i].error) : 200;
    }
    return batch->n_good ? lat_reply_atomic(batch->call, results, n, batch->first_bad, err)
                         : lat_reply_batch(batch->call, results, n, NULL, err);
}

static void write_results(struct batch *batch, const struct lat_imputed *imputed)
{
    struct lat_buf *out = &batch->call->response.body;
    size_t good = 0;
    lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < batch->list.n; i++) {
        const struct lat_impute_sent *sent = &batch->sent[i];
        lat_buf_text(out, i ? "," : "");
        if (sent->error) {
            const struct lat_batch_result result = {.http = lat_problem_status(sent->error),
                                                    .error = sent->error};
            lat_write_result(out, i, &result);
            continue;
        }
        lat_buf_printf(out, "{\"index\":%zu,\"id\":null,\"status\":200", i);
        lat_impute_write_row(out, batch->table, sent, imputed, good++,
                             batch->asked.min_confidence);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    lat_write_count(out, "succeeded", batch->n_good);
    lat_write_count(out, "failed", batch->list.n - batch->n_good);
    lat_impute_write_asked(out, &batch->asked);
    lat_write_text(out, "model", lat_model_reference(batch->model));
    lat_buf_char(out, '}');
}

static enum lat_status answer(struct batch *batch, struct lat_error *err)
{
    struct lat_imputed imputed = {0};
    const bool bad = batch->n_good < batch->list.n;
    if (bad && (batch->atomic || !batch->n_good))
        return reply_failed(batch, err);
    enum lat_status status =
        lat_impute_run(batch->call, batch->model, batch->rows, batch->n_good,
                       &batch->asked.request, &imputed, err);
    if (status == LAT_OK) {
        write_results(batch, &imputed);
        status = lat_reply_json(batch->call, bad ? 207 : 200, err);
    }
    lat_imputed_release(&imputed);
    return status;
}

static enum lat_status by_json(struct batch *batch, struct lat_error *err)
{
    struct lat_buf text = {0};
    enum lat_status status = read_body(batch->call, &text, err);
    if (status == LAT_OK)
        status = read_document(batch, &text, err);
    if (status == LAT_OK)
        status = read_rows(batch, &text, err);
    if (status == LAT_OK)
        status = answer(batch, err);
    lat_json_release(&batch->json);
    lat_buf_release(&text);
    return status;
}

enum lat_status lat_api_impute(struct lat_call *call, struct lat_error *err)
{
    struct batch batch = {.call = call};
    const bool json = lat_call_body_kind(call) == LAT_BODY_JSON;
    enum lat_status status = lat_embed_acquire(call, call->params[0], &batch.model, err);
    if (status == LAT_OK)
        status = lat_model_require(batch.model, LAT_CAN_IMPUTE, err);
    if (status == LAT_OK) {
        struct lat_options options;
        batch.table = lat_model_manifest(batch.model)->input.table;
        lat_options_begin(&options, call, err);
        if (json)
            lat_option_flag(&options, "atomic", &batch.atomic);
        else
            lat_options_impute(&options, batch.model, &batch.asked);
        status = lat_options_end(&options);
    }
    if (status == LAT_OK && !json && !lat_call_body_is(call, "text/csv"))
        status = lat_call_refuse_body(call, "application/json or text/csv", err);
    if (status == LAT_OK)
        status = json ? by_json(&batch, err)
                      : lat_impute_csv_reply(call, batch.model, &batch.asked, err);
    if (batch.model)
        lat_model_release(batch.model);
    return status;
}
