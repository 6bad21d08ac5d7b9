/* Ids are looked up and codes checked one by one; inputs are encoded together, as one batch.
 * All codes end in the call's arena, of unit length where the collection's metric wants that.
 * Examples that are missing leave a gap, closed at the end. */
#include "service/examples_codes.h"

#include <string.h>

#include "base/mem.h"
#include "index/distance.h"
#include "service/app.h"
#include "service/collection.h"

#include "base/banned.h"

struct resolving {
    struct lat_call *call;
    const struct lat_collection_spec *spec;
    const struct lat_examples_request *request;
    const struct lat_example *examples;
    size_t n;
    const char *side;
    const float **codes; /* [n], NULL: missing */
};

static enum lat_status at(const struct resolving *r, size_t i, struct lat_error *err)
{
    lat_error_prefix(err, "%s example %zu", r->side, i);
    lat_error_at(err, "/%s/%zu", r->side, i);
    return err->status;
}

/* A copy in the arena, of unit length where the metric wants that. */
static enum lat_status keep(struct resolving *r, size_t i, const float *code,
                            struct lat_error *err)
{
    const size_t d = r->spec->dimension;
    float *copy = lat_arena_alloc_raw(&r->call->arena, d, sizeof(*copy));
    if (!copy)
        return lat_fail_memory(err);
    if (r->spec->metric != LAT_DISTANCE_COSINE || !lat_unit_length(code, copy, d))
        memcpy(copy, code, d * sizeof(*copy));
    r->codes[i] = copy;
    return LAT_OK;
}

static enum lat_status look_up(struct resolving *r, size_t i,
                               struct lat_examples_answer *answer, struct lat_error *err)
{
    struct lat_item item = {0};
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = lat_store_get(r->call->app->store, r->spec->name,
                                           r->examples[i].id, LAT_ITEM_CODE, &item, &why);
    if (status == LAT_NOT_FOUND && r->request->skip_missing) {
        answer->missing[answer->n_missing++] = r->examples[i].id;
        return LAT_OK;
    }
    if (status != LAT_OK)
        return lat_fail(err, status, why.code, "%s", why.message);
    status = item.code ? keep(r, i, item.code, err)
                       : lat_fail(err, LAT_INVALID, "no_codes", "this item has no code");
    lat_item_release(&item);
    return status;
}

/* All inputs among the examples. */
static enum lat_status encode(struct resolving *r, struct lat_error *err)
{
    struct lat_arena *arena = &r->call->arena;
    struct lat_input *inputs = lat_arena_alloc_raw(arena, r->n + 1, sizeof(*inputs));
    size_t *places = lat_arena_alloc_raw(arena, r->n + 1, sizeof(*places));
    size_t n = 0, bad = 0;
    if (!inputs || !places)
        return lat_fail_memory(err);
    for (size_t i = 0; i < r->n; i++)
        if (r->examples[i].input) {
            places[n] = i;
            inputs[n++] = *r->examples[i].input;
        }
    if (!n)
        return LAT_OK;
    if (!r->spec->model[0]) {
        lat_fail(err, LAT_INVALID, "no_model",
                 "collection '%s' has no model to encode inputs with: give ids or codes",
                 r->spec->name);
        return at(r, places[0], err);
    }
    struct lat_model *model = NULL;
    struct lat_embedding embedding;
    enum lat_status status = lat_embed_acquire(r->call, r->spec->model, &model, err);
    if (status != LAT_OK)
        return status;
    status = lat_embed_all(r->call, model, inputs, n, LAT_EMBED_CODES, &embedding, &bad, err);
    lat_model_release(model);
    if (status == LAT_INVALID || status == LAT_TOO_LARGE || status == LAT_UNSUPPORTED_TYPE)
        return at(r, places[bad], err);
    for (size_t i = 0; i < n && status == LAT_OK; i++)
        status = keep(r, places[i], embedding.codes + i * r->spec->dimension, err);
    return status;
}

static enum lat_status resolve_one(struct resolving *r, size_t i,
                                   struct lat_examples_answer *answer, struct lat_error *err)
{
    const struct lat_example *example = &r->examples[i];
    enum lat_status status = LAT_OK;
    if (example->id) {
        status = look_up(r, i, answer, err);
    } else if (example->code) {
        status = lat_collection_check_code(r->spec, example->code, example->n_code, err);
        if (status == LAT_OK)
            status = keep(r, i, example->code, err);
    }
    return status == LAT_OK ? LAT_OK : at(r, i, err);
}

enum lat_status lat_examples_codes(struct lat_call *call,
                                   const struct lat_collection_spec *spec,
                                   const struct lat_examples_request *request, bool negative,
                                   struct lat_example_codes *out_codes,
                                   struct lat_examples_answer *answer, struct lat_error *err)
{
    struct resolving r = {.call = call,
                          .spec = spec,
                          .request = request,
                          .examples = negative ? request->negative : request->positive,
                          .n = negative ? request->n_negative : request->n_positive,
                          .side = negative ? "negative" : "positive"};
    double *weights = lat_arena_alloc_raw(&call->arena, r.n + 1, sizeof(*weights));
    r.codes = lat_arena_alloc(&call->arena, r.n + 1, sizeof(*r.codes));
    if (!weights || !r.codes)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < r.n && status == LAT_OK; i++)
        status = resolve_one(&r, i, answer, err);
    if (status == LAT_OK)
        status = encode(&r, err);
    if (status != LAT_OK)
        return status;
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++) {
        if (!r.codes[i])
            continue;
        weights[n] = r.examples[i].weight;
        r.codes[n++] = r.codes[i];
    }
    *out_codes = (struct lat_example_codes){.codes = r.codes, .weights = weights, .n = n};
    return LAT_OK;
}
