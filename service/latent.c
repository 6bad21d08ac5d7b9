/* As in examples_codes.c ids and codes go one by one and inputs together, but here every place
 * has to have a code, of one model, as arithmetic follows. */
#include "service/latent.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "service/app.h"

#include "base/banned.h"

struct resolving {
    struct lat_call *call;
    struct lat_model *model;
    const char *collection;
    size_t dimension;
    float *codes; /* [n][dimension] */
};

static enum lat_status wrong_dimension(const struct resolving *r, size_t got,
                                       struct lat_error *err)
{
    char wants[24], has[24];
    snprintf(wants, sizeof(wants), "%zu", r->dimension);
    snprintf(has, sizeof(has), "%zu", got);
    lat_fail(err, LAT_INVALID, "wrong_dimension",
             "model '%s': expected a code of %s dimensions, not %s",
             lat_model_reference(r->model), wants, has);
    lat_error_expected(err, wants, has);
    return LAT_INVALID;
}

/* A code means something to the model that made it alone. */
static enum lat_status check_collection(const struct resolving *r, struct lat_error *err)
{
    struct lat_collection_spec spec;
    const char *reference = lat_model_reference(r->model);
    enum lat_status status = lat_store_spec(r->call->app->store, r->collection, &spec, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/collection");
        return status;
    }
    if (spec.model[0] && strcmp(spec.model, reference) != 0) {
        lat_fail(err, LAT_INVALID, "wrong_model",
                 "the codes of collection '%s' are those of model '%s', not of '%s'", spec.name,
                 spec.model, reference);
        lat_error_expected(err, reference, spec.model);
        status = LAT_INVALID;
    } else if (spec.dimension != r->dimension) {
        status = wrong_dimension(r, spec.dimension, err);
        lat_error_prefix(err, "collection '%s'", spec.name);
    }
    if (status != LAT_OK)
        lat_error_at(err, "/collection");
    return status;
}

static enum lat_status look_up(const struct resolving *r, const char *id, float *out_code,
                               struct lat_error *err)
{
    struct lat_item item = {0};
    if (!r->collection)
        return lat_fail(err, LAT_INVALID, "missing_field",
                        "an id needs 'collection', where its item is stored");
    enum lat_status status =
        lat_store_get(r->call->app->store, r->collection, id, LAT_ITEM_CODE, &item, err);
    if (status != LAT_OK)
        return status;
    if (item.code)
        memcpy(out_code, item.code, r->dimension * sizeof(*out_code));
    else
        status = lat_fail(err, LAT_INVALID, "no_codes", "item '%.60s' has no code", id);
    lat_item_release(&item);
    return status;
}

static enum lat_status resolve(const struct resolving *r, const struct lat_example *what,
                               float *out_code, struct lat_error *err)
{
    if (what->id)
        return look_up(r, what->id, out_code, err);
    if (!what->code)
        return LAT_OK; /* an input: all of them in one go */
    if (what->n_code != r->dimension)
        return wrong_dimension(r, what->n_code, err);
    memcpy(out_code, what->code, r->dimension * sizeof(*out_code));
    return LAT_OK;
}

static enum lat_status encode(const struct resolving *r, const struct lat_place *places,
                              size_t n, struct lat_error *err)
{
    struct lat_arena *arena = &r->call->arena;
    struct lat_input *inputs = lat_arena_alloc_raw(arena, n, sizeof(*inputs));
    size_t *whose = lat_arena_alloc_raw(arena, n, sizeof(*whose));
    size_t n_inputs = 0, bad = 0;
    if (!inputs || !whose)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (!places[i].what.input)
            continue;
        whose[n_inputs] = i;
        inputs[n_inputs++] = *places[i].what.input;
    }
    if (n_inputs == 0)
        return LAT_OK;
    struct lat_embedding embedding;
    const enum lat_status status = lat_embed_all(r->call, r->model, inputs, n_inputs,
                                                 LAT_EMBED_CODES, &embedding, &bad, err);
    if (status == LAT_INVALID || status == LAT_TOO_LARGE || status == LAT_UNSUPPORTED_TYPE)
        lat_error_at(err, "%s", places[whose[bad]].at);
    for (size_t j = 0; status == LAT_OK && j < n_inputs; j++)
        memcpy(r->codes + whose[j] * r->dimension, embedding.codes + j * r->dimension,
               r->dimension * sizeof(*r->codes));
    return status;
}

enum lat_status lat_latent_codes(struct lat_call *call, struct lat_model *model,
                                 const char *collection, const struct lat_place *places,
                                 size_t n, float **out_codes, struct lat_error *err)
{
    struct resolving r = {.call = call,
                          .model = model,
                          .collection = collection,
                          .dimension = lat_model_manifest(model)->code_dimension};
    size_t total;
    if (lat_mul_size(n, r.dimension, &total))
        r.codes = lat_arena_alloc_raw(&call->arena, total, sizeof(*r.codes));
    if (!r.codes)
        return lat_fail_memory(err);
    enum lat_status status = collection ? check_collection(&r, err) : LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        status = resolve(&r, &places[i].what, r.codes + i * r.dimension, err);
        if (status != LAT_OK)
            lat_error_at(err, "%s", places[i].at);
    }
    if (status == LAT_OK)
        status = encode(&r, places, n, err);
    if (status == LAT_OK)
        *out_codes = r.codes;
    return status;
}
