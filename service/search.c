/* Inputs of all requests are encoded in one go; then each query goes to the store. */
#include "service/search.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "service/app.h"
#include "service/collection.h"
#include "service/diversity.h"

#include "base/banned.h"

bool lat_search_is_cheap(const struct lat_search_request *request)
{
    return !request->judge && !request->denoise && !(request->diversity > 0) &&
           lat_store_search_is_cheap(&request->query);
}

/* The inputs among the requests, packed, and whether any is to be judged. */
static size_t gather(const struct lat_search_request *requests, size_t n,
                     struct lat_input *inputs, size_t *places, bool *out_judge)
{
    size_t n_inputs = 0;
    for (size_t i = 0; i < n; i++) {
        if (!requests[i].input)
            continue;
        *out_judge |= requests[i].judge;
        places[n_inputs] = i;
        inputs[n_inputs++] = *requests[i].input;
    }
    return n_inputs;
}

static void judge(const struct lat_model *model, const struct lat_embedding *embedding,
                  const size_t *places, const struct lat_search_request *requests,
                  struct lat_search_answer *answers)
{
    for (size_t j = 0; j < embedding->n; j++) {
        if (!requests[places[j]].judge || !embedding->scores)
            continue;
        struct lat_search_answer *answer = &answers[places[j]];
        answer->has_error = true;
        answer->error = embedding->scores[j];
        answer->p_value = lat_model_p_value(model, answer->error);
    }
}

/* codes[i] of every request with an input; answers get their judgement. */
static enum lat_status encode(struct lat_call *call, const struct lat_collection_spec *spec,
                              const struct lat_search_request *requests, size_t n,
                              const float **codes, struct lat_search_answer *answers,
                              size_t *out_bad, struct lat_error *err)
{
    struct lat_input *inputs = lat_arena_alloc_raw(&call->arena, n, sizeof(*inputs));
    size_t *places = lat_arena_alloc_raw(&call->arena, n, sizeof(*places));
    if (!inputs || !places)
        return lat_fail_memory(err);
    bool judged = false;
    const size_t n_inputs = gather(requests, n, inputs, places, &judged);
    if (n_inputs == 0)
        return LAT_OK;
    *out_bad = places[0];
    if (spec->model[0] == '\0')
        return lat_fail(err, LAT_INVALID, "no_model",
                        "collection '%s' has no model to encode inputs with: give a code of "
                        "%u floats",
                        spec->name, (unsigned)spec->dimension);
    struct lat_model *model = NULL;
    enum lat_status status = lat_embed_acquire(call, spec->model, &model, err);
    if (status != LAT_OK)
        return status;
    if (judged && !(lat_model_manifest(model)->capabilities & LAT_CAN_RECONSTRUCT))
        judged = false;
    size_t bad = 0;
    struct lat_embedding embedding;
    status =
        lat_embed_all(call, model, inputs, n_inputs,
                      LAT_EMBED_CODES | (judged ? LAT_EMBED_SCORES : 0), &embedding, &bad, err);
    *out_bad = places[bad];
    if (status == LAT_OK) {
        for (size_t j = 0; j < n_inputs; j++)
            codes[places[j]] = embedding.codes + j * spec->dimension;
        judge(model, &embedding, places, requests, answers);
    }
    lat_model_release(model);
    return status;
}

/* Codes of requests that want it, through the decoder and the encoder: what the model has not
 * learned to reproduce is gone (Vincent et al. 2010: the reconstruction of a corrupted input
 * lies nearer to the manifold of the data). */
static enum lat_status denoise(struct lat_call *call, const struct lat_collection_spec *spec,
                               const struct lat_search_request *requests, size_t n,
                               const float **codes, size_t *out_bad, struct lat_error *err)
{
    struct lat_model *model = NULL;
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        if (!requests[i].denoise)
            continue;
        *out_bad = i;
        if (!spec->model[0])
            return lat_fail(err, LAT_CAPABILITY, NULL,
                            "collection '%s' has no model that could denoise", spec->name);
        if (!model)
            status = lat_embed_acquire(call, spec->model, &model, err);
        if (status == LAT_OK)
            status = lat_model_require(model, LAT_CAN_DENOISE, err);
        if (status == LAT_OK && requests[i].code) {
            status = lat_collection_check_code(spec, requests[i].code, requests[i].n_code, err);
            codes[i] = requests[i].code;
        }
        if (status == LAT_OK)
            status = lat_embed_again(call, model, codes[i], &codes[i], err);
    }
    if (model)
        lat_model_release(model);
    return status;
}

static enum lat_status search_one(struct lat_call *call, const struct lat_collection_spec *spec,
                                  const struct lat_search_request *request, const float *code,
                                  struct lat_search_answer *answer, struct lat_error *err)
{
    struct lat_query query = request->query;
    if (request->diversity > 0) {
        query.k = lat_diversity_candidates(query.k);
        query.parts |= LAT_ITEM_CODE;
    }
    if (request->code && !code) {
        const enum lat_status status =
            lat_collection_check_code(spec, request->code, request->n_code, err);
        if (status != LAT_OK)
            return status;
        code = request->code;
    }
    query.code = code;
    query.model = code && spec->model[0] ? spec->model : NULL;
    answer->code = code;
    if (request->judge)
        query.parts |= LAT_ITEM_CODE;
    const enum lat_status status =
        lat_store_search(call->app->store, spec->name, &query, &answer->result, err);
    if (status == LAT_OK) {
        call->timing_ns[LAT_TIMING_INDEX] += answer->result.index_ns;
        call->timing_ns[LAT_TIMING_DB] += answer->result.db_ns;
    }
    if (status == LAT_OK && request->diversity > 0)
        return lat_diversify(&answer->result, spec, request->diversity, request->query.k, err);
    return status;
}

static enum lat_status run_once(struct lat_call *call, const char *collection,
                                const struct lat_search_request *requests, size_t n,
                                struct lat_search_answer *out_answers, size_t *out_bad,
                                struct lat_error *err)
{
    struct lat_collection_spec spec;
    size_t bad = 0, done = 0;
    const float **codes = lat_arena_alloc(&call->arena, n ? n : 1, sizeof(*codes));
    if (!codes)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        out_answers[i] = (struct lat_search_answer){.p_value = (double)NAN};
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status == LAT_OK)
        status = encode(call, &spec, requests, n, codes, out_answers, &bad, err);
    if (status == LAT_OK)
        status = denoise(call, &spec, requests, n, codes, &bad, err);
    for (; status == LAT_OK && done < n; done += status == LAT_OK) {
        bad = done;
        status = search_one(call, &spec, &requests[done], codes[done], &out_answers[done], err);
    }
    if (status == LAT_OK)
        return LAT_OK;
    for (size_t i = 0; i < done; i++)
        lat_search_result_release(&out_answers[i].result);
    if (out_bad)
        *out_bad = bad;
    return status;
}

/* A collection may move to another model between the encoding and the search. */
enum lat_status lat_search_run(struct lat_call *call, const char *collection,
                               const struct lat_search_request *requests, size_t n,
                               struct lat_search_answer *out_answers, size_t *out_bad,
                               struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status =
        run_once(call, collection, requests, n, out_answers, out_bad, &why);
    if (status == LAT_CONFLICT && strcmp(why.code, "generation_changed") == 0)
        return run_once(call, collection, requests, n, out_answers, out_bad, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = why;
    return status;
}
