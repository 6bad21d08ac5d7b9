/* One run of the decoder a query: the code that was searched with first, the codes of its hits
 * behind it. */
#include "service/explain.h"

#include <string.h>

#include "base/mem.h"
#include "service/app.h"

#include "base/banned.h"

struct explaining {
    struct lat_call *call;
    const struct lat_collection_spec *spec;
    struct lat_model *model;
    size_t elements; /* of a row */
    size_t left;     /* numbers that may still be decoded */
};

static bool any_judged(const struct lat_search_request *requests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (requests[i].judge)
            return true;
    return false;
}

/* The code of a stored item that was the query itself. */
static enum lat_status look_up(const struct explaining *e, const char *id, float *out_code,
                               bool *out_found, struct lat_error *err)
{
    struct lat_item item = {0};
    struct lat_error why = LAT_ERROR_INIT;
    const enum lat_status status =
        lat_store_get(e->call->app->store, e->spec->name, id, LAT_ITEM_CODE, &item, &why);
    *out_found = status == LAT_OK && item.code;
    if (*out_found)
        memcpy(out_code, item.code, e->spec->dimension * sizeof(*out_code));
    lat_item_release(&item);
    if (status == LAT_OK || status == LAT_NOT_FOUND) /* deleted since: nothing to explain */
        return LAT_OK;
    return lat_fail(err, status, why.code, "%s", why.message);
}

static size_t count_hits(const struct lat_search_result *result)
{
    size_t n = 0;
    while (n < result->n && n < LAT_EXPLAINED_MAX && result->hits[n].code)
        n++;
    return n;
}

static enum lat_status take_room(struct explaining *e, size_t n, struct lat_error *err)
{
    size_t numbers;
    if (!lat_mul_size(n, e->elements, &numbers) || numbers > e->left)
        return lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
                        "explaining so many results is over the limit of %lld numbers: ask for "
                        "fewer",
                        (long long)e->call->app->config.max_pixels);
    e->left -= numbers;
    return LAT_OK;
}

static enum lat_status explain_one(struct explaining *e,
                                   const struct lat_search_request *request,
                                   struct lat_search_answer *answer, struct lat_error *err)
{
    const size_t d = e->spec->dimension, n = count_hits(&answer->result);
    float *rows = NULL;
    bool found = answer->code != NULL;
    enum lat_status status = take_room(e, 1 + n, err);
    float *codes = lat_arena_alloc_raw(&e->call->arena, (1 + n) * d, sizeof(*codes));
    if (!codes)
        return lat_fail_memory(err);
    if (found)
        memcpy(codes, answer->code, d * sizeof(*codes));
    else if (status == LAT_OK)
        status = look_up(e, request->query.id, codes, &found, err);
    if (status != LAT_OK || !found)
        return status;
    for (size_t i = 0; i < n; i++)
        memcpy(codes + (1 + i) * d, answer->result.hits[i].code, d * sizeof(*codes));
    status = lat_embed_decode(e->call, e->model, codes, 1 + n, &rows, err);
    if (status == LAT_OK) {
        answer->query_row = rows;
        answer->hit_rows = rows + e->elements;
        answer->n_hit_rows = n;
    }
    return status;
}

enum lat_status lat_explain(struct lat_call *call, const char *collection,
                            const struct lat_search_request *requests, size_t n,
                            struct lat_search_answer *answers, struct lat_model **out_model,
                            struct lat_error *err)
{
    struct lat_collection_spec spec;
    struct lat_model *model = NULL;
    *out_model = NULL;
    if (!any_judged(requests, n))
        return LAT_OK;
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status != LAT_OK || !spec.model[0])
        return status;
    status = lat_embed_acquire(call, spec.model, &model, err);
    if (status != LAT_OK)
        return status;
    struct explaining e = {.call = call,
                           .spec = &spec,
                           .model = model,
                           .elements = lat_input_elements(&lat_model_manifest(model)->input),
                           .left = (size_t)call->app->config.max_pixels};
    const bool able = lat_model_manifest(model)->capabilities & LAT_CAN_DECODE;
    for (size_t i = 0; able && status == LAT_OK && i < n; i++)
        if (requests[i].judge)
            status = explain_one(&e, &requests[i], &answers[i], err);
    if (able && status == LAT_OK)
        *out_model = model;
    else
        lat_model_release(model);
    return status;
}
