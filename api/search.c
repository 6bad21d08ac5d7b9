/* POST …/search and …/search/batch.
 *
 * A search by code or id is answered on the network thread when the store can do that from
 * memory in bounded time, and one by a small picture when its model is fast and free
 * (service/embed.c); what needs more, or a filter or metadata, asks for a worker. Whether it
 * does is mostly clear from a glance at the body, before anything is parsed. */
#include <string.h>

#include "api/handlers.h"
#include "api/query.h"
#include "api/reply.h"
#include "base/mem.h"
#include "service/explain.h"

#include "base/banned.h"

enum { INLINE_BODY_MAX = 32 << 10 }; /* longer bodies are parsed on a worker */

/* One search: where its parts are borrowed from, and what came of it. */
struct search {
    const char *name;
    struct lat_json json;
    struct lat_search_request *requests;
    struct lat_search_answer *answers;
    size_t n;
    bool raw;    /* the body is one picture as it is */
    bool batch;  /* pointers begin with /queries/i */
    bool base64; /* of the reply */
};

static bool holds(const struct lat_call *call, const char *word)
{
    return memmem(call->body, call->body_len, word, strlen(word)) != NULL;
}

/* Whether this call belongs on a worker, as far as can be seen from outside. */
static bool looks_expensive(const struct lat_call *call, enum lat_body_kind kind)
{
    if (call->body_len > INLINE_BODY_MAX)
        return true;
    if (kind == LAT_BODY_FLOATS || kind == LAT_BODY_IMAGE)
        return lat_call_query(call, "filter") || lat_call_query(call, "include");
    return kind != LAT_BODY_JSON || holds(call, "\"filter\"") || holds(call, "\"metadata\"");
}

/* ---- reading ---- */

static enum lat_status alloc_requests(struct lat_call *call, size_t n, struct search *search,
                                      struct lat_error *err)
{
    const enum lat_status status = lat_check_batch(call, n, err);
    if (status != LAT_OK)
        return status;
    search->n = n;
    search->requests = lat_arena_alloc(&call->arena, n, sizeof(*search->requests));
    search->answers = lat_arena_alloc(&call->arena, n, sizeof(*search->answers));
    return search->requests && search->answers ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status read_json(struct lat_call *call, struct search *search,
                                 struct lat_error *err)
{
    struct lat_options options;
    struct lat_object root;
    lat_options_begin(&options, call, err);
    search->base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = alloc_requests(call, 1, search, err);
    if (status == LAT_OK)
        status = lat_call_json(call, &search->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&search->json, &root);
    lat_object_encoding(&root);
    lat_object_query(call, &root, &search->requests[0]);
    return lat_json_status(&search->json);
}

/* The one picture of a multipart body. */
static enum lat_status find_file(struct lat_call *call, struct lat_input *out_input,
                                 struct lat_error *err)
{
    struct lat_multipart parts;
    const enum lat_status status = lat_call_multipart(call, &parts, err);
    if (status != LAT_OK)
        return status;
    const struct lat_part *file = lat_multipart_find(&parts, "file");
    if (!file || parts.n != 1)
        return lat_fail(err, LAT_INVALID, "missing_field",
                        "a search has one part, 'file'; its options are in the query string");
    *out_input = lat_input_image(file->bytes, file->len);
    return LAT_OK;
}

static enum lat_status read_raw(struct lat_call *call, enum lat_body_kind kind,
                                struct search *search, struct lat_error *err)
{
    struct lat_options options;
    struct lat_search_request request;
    lat_options_begin(&options, call, err);
    search->base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_query(call, &options, &search->json, &request, err);
    if (status == LAT_OK)
        status = alloc_requests(call, 1, search, err);
    if (status != LAT_OK)
        return status;
    if (kind == LAT_BODY_FLOATS) {
        struct lat_floats code;
        status = lat_floats_from_bytes(&call->arena, call->body, call->body_len, &code, err);
        if (status != LAT_OK)
            return status;
        request.code = code.values;
        request.n_code = code.n;
    } else {
        struct lat_input *input = lat_arena_alloc(&call->arena, 1, sizeof(*input));
        if (!input)
            return lat_fail_memory(err);
        search->raw = kind == LAT_BODY_IMAGE;
        *input = lat_input_image(call->body, call->body_len);
        if (!search->raw)
            status = find_file(call, input, err);
        request.input = input;
    }
    search->requests[0] = request;
    return status;
}

/* ---- running and answering ---- */

static enum lat_status run(struct lat_call *call, struct search *search, struct lat_error *err)
{
    size_t bad = 0;
    const enum lat_status status = lat_search_run(call, search->name, search->requests,
                                                  search->n, search->answers, &bad, err);
    if (status == LAT_OK)
        return LAT_OK;
    const bool own = status == LAT_INVALID || status == LAT_NOT_FOUND ||
                     status == LAT_TOO_LARGE || status == LAT_UNSUPPORTED_TYPE;
    if (!search->raw)
        lat_input_not_raw(err);
    const bool inside =
        strncmp(err->pointer, "/row", 4) == 0 || strncmp(err->pointer, "/history", 8) == 0;
    if (own && search->n && search->json.root && (!err->pointer[0] || inside)) {
        const struct lat_search_request *request = &search->requests[bad];
        lat_error_at(err, "%s", request->code ? "/code" : request->input ? "/input" : "");
    }
    if (own && search->batch) {
        lat_error_prefix(err, "query %zu", bad);
        if (search->json.root)
            lat_error_at(err, "/queries/%zu", bad);
    }
    return err->status;
}

static enum lat_status write_answers(struct lat_call *call, struct search *search,
                                     const struct lat_model *model, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_collection_spec spec = {.dimension = 0};
    bool codes = false;
    for (size_t i = 0; i < search->n; i++)
        codes |= (search->requests[i].query.parts & LAT_ITEM_CODE) != 0;
    enum lat_status status = LAT_OK;
    if (codes)
        status = lat_store_spec(call->app->store, search->name, &spec, err);
    const struct lat_answer_form form = {
        .dimension = spec.dimension, .base64 = search->base64, .model = model};
    if (search->batch)
        lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < search->n && status == LAT_OK; i++) {
        if (i)
            lat_buf_char(out, ',');
        status = lat_write_answer(out, &search->requests[i], &search->answers[i], &form, err);
    }
    if (search->batch)
        lat_buf_text(out, "]}");
    return status;
}

static enum lat_status reply(struct lat_call *call, struct search *search,
                             struct lat_error *err)
{
    struct lat_model *model = NULL;
    enum lat_status status = lat_explain(call, search->name, search->requests, search->n,
                                         search->answers, &model, err);
    if (status == LAT_OK)
        status = write_answers(call, search, model, err);
    for (size_t i = 0; i < search->n; i++)
        lat_search_result_release(&search->answers[i].result);
    if (model)
        lat_model_release(model);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

enum lat_status lat_api_search(struct lat_call *call, struct lat_error *err)
{
    struct search search = {0};
    const enum lat_body_kind kind = lat_call_body_kind(call);
    if (kind == LAT_BODY_OTHER || kind == LAT_BODY_LINES)
        return lat_call_refuse_body(call, "JSON, a picture, multipart or raw float32", err);
    if (!call->on_worker && looks_expensive(call, kind)) {
        call->defer = true;
        return LAT_OK;
    }
    enum lat_status status = lat_call_collection(call, &search.name, err);
    if (status == LAT_OK)
        status = kind == LAT_BODY_JSON ? read_json(call, &search, err)
                                       : read_raw(call, kind, &search, err);
    if (status == LAT_OK && !call->on_worker && !lat_search_is_cheap(&search.requests[0])) {
        call->defer = true;
    } else {
        if (status == LAT_OK)
            status = run(call, &search, err);
        if (status == LAT_OK) {
            status = reply(call, &search, err);
        } else if (call->defer || call->again) {
            lat_error_clear(err);
            status = LAT_OK;
        }
    }
    lat_json_release(&search.json);
    return status;
}

/* ---- batch ---- */

static enum lat_status read_queries(struct lat_call *call, struct search *search,
                                    struct lat_error *err)
{
    struct lat_options options;
    struct lat_object root;
    struct lat_list list;
    lat_options_begin(&options, call, err);
    search->base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_call_json(call, &search->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&search->json, &root);
    lat_object_encoding(&root);
    if (!lat_object_list(&root, "queries", &list))
        lat_object_missing(&root, "queries");
    lat_object_end(&root);
    status = lat_json_status(&search->json);
    if (status == LAT_OK)
        status = alloc_requests(call, list.n, search, err);
    for (size_t i = 0; status == LAT_OK && i < list.n; i++) {
        struct lat_object object;
        lat_list_object(&list, i, &object);
        lat_object_query(call, &object, &search->requests[i]);
        status = lat_json_status(&search->json);
        lat_error_prefix(err, "query %zu", i);
    }
    return status;
}

/* Raw float32 [n][dimension]: the same options for every row. */
static enum lat_status read_rows(struct lat_call *call, struct search *search,
                                 struct lat_error *err)
{
    struct lat_options options;
    struct lat_search_request request;
    struct lat_collection_spec spec;
    struct lat_floats floats;
    size_t rows;
    lat_options_begin(&options, call, err);
    search->base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_query(call, &options, &search->json, &request, err);
    if (status == LAT_OK)
        status = lat_store_spec(call->app->store, search->name, &spec, err);
    if (status == LAT_OK) {
        const char *of = lat_arena_printf(&call->arena, "collection '%s'", search->name);
        status = of ? lat_body_floats(call, spec.dimension, of, &floats, &rows, err)
                    : lat_fail_memory(err);
    }
    if (status == LAT_OK)
        status = alloc_requests(call, rows ? rows : 1, search, err);
    for (size_t i = 0; status == LAT_OK && i < search->n; i++) {
        search->requests[i] = request;
        search->requests[i].code = floats.values + i * spec.dimension;
        search->requests[i].n_code = spec.dimension;
    }
    return status;
}

enum lat_status lat_api_search_batch(struct lat_call *call, struct lat_error *err)
{
    struct search search = {.batch = true};
    enum lat_status status = lat_call_collection(call, &search.name, err);
    if (status != LAT_OK)
        return status;
    switch (lat_call_body_kind(call)) {
    case LAT_BODY_JSON:
        status = read_queries(call, &search, err);
        break;
    case LAT_BODY_FLOATS:
        status = read_rows(call, &search, err);
        break;
    case LAT_BODY_IMAGE:
    case LAT_BODY_MULTIPART:
    case LAT_BODY_LINES:
    case LAT_BODY_OTHER:
        status = lat_call_refuse_body(call, "JSON or raw float32", err);
        break;
    }
    if (status == LAT_OK)
        status = run(call, &search, err);
    if (status == LAT_OK)
        status = reply(call, &search, err);
    lat_json_release(&search.json);
    return status;
}
