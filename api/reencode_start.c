/* What a move to another model wants before it is queued: a model, stored inputs that it takes,
 * and with `back` a generation that has served before. */
#include <stdio.h>
#include <string.h>

#include "api/reencode.h"
#include "index/generations.h"
#include "model/autoencoder.h"
#include "service/embed.h"

#include "base/banned.h"

static enum lat_status check_inputs(struct lat_call *call, const char *collection,
                                    struct lat_error *err)
{
    char id[LAT_ID_MAX + 1];
    uint64_t n = 0;
    const enum lat_status status =
        lat_store_without_input(call->app->store, collection, &n, id, err);
    if (status != LAT_OK || !n)
        return status;
    return lat_fail(
        err, LAT_INVALID, "inputs_missing",
        "%llu items of collection '%s' have no stored input to encode again, '%.100s' "
        "among them",
        (unsigned long long)n, collection, id);
}

/* The models' own words on what they take; a former one that is not loaded says nothing. */
static enum lat_status check_kinds(struct lat_call *call, const char *from,
                                   const struct lat_model *to, struct lat_error *err)
{
    struct lat_model *model = NULL;
    if (lat_registry_acquire(call->app->registry, from, &model, NULL) != LAT_OK)
        return LAT_OK;
    const enum lat_input_kind was = lat_model_manifest(model)->input.kind;
    const enum lat_input_kind is = lat_model_manifest(to)->input.kind;
    lat_model_release(model);
    if (was == is)
        return LAT_OK;
    const enum lat_status status =
        lat_fail(err, LAT_INVALID, "wrong_input_kind",
                 "model '%s' takes another kind of input than the collection has stored",
                 lat_model_reference(to));
    lat_error_expected(err, lat_input_kind_names[was], lat_input_kind_names[is]);
    return status;
}

static enum lat_status check_model(struct lat_call *call,
                                   const struct lat_collection_spec *spec, const char *to,
                                   char out_reference[LAT_MODEL_REF_MAX], struct lat_error *err)
{
    struct lat_model *model = NULL;
    enum lat_status status = lat_embed_acquire(call, to, &model, err);
    if (status != LAT_OK)
        return status;
    snprintf(out_reference, LAT_MODEL_REF_MAX, "%s", lat_model_reference(model));
    if (strcmp(out_reference, spec->model) == 0)
        status = lat_fail(err, LAT_INVALID, "same_model",
                          "collection '%s' has model '%s' already", spec->name, out_reference);
    else
        status = check_kinds(call, spec->model, model, err);
    lat_model_release(model);
    call->model[0] = '\0';
    return status;
}

enum lat_status lat_reencode_start(struct lat_call *call, const char *collection,
                                   const char *to, bool back, char out_id[LAT_JOB_ID_SIZE],
                                   struct lat_error *err)
{
    struct lat_collection_spec spec;
    struct lat_generation former;
    char reference[LAT_MODEL_REF_MAX], request[2 * LAT_MODEL_REF_MAX + 32];
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status == LAT_OK && !spec.model[0])
        status = lat_fail(err, LAT_INVALID, "no_model",
                          "collection '%s' has no model to be moved from", spec.name);
    if (status == LAT_OK && spec.max_error > 0)
        status = lat_fail(err, LAT_INVALID, "inputs_missing",
                          "collection '%s' keeps its inputs as codes of its model, not as they "
                          "came",
                          spec.name);
    if (status != LAT_OK) {
        lat_error_at(err, "/collection");
        return status;
    }
    if (back) {
        status = lat_store_generation(call->app->store, spec.name, &former, NULL);
        if (status != LAT_OK || !former.former)
            status =
                lat_fail(err, LAT_INVALID, "no_generation",
                         "collection '%s' has no former generation to go back to", spec.name);
        lat_error_at(err, "/back");
        to = former.model;
    }
    if (status == LAT_OK) {
        status = check_model(call, &spec, to, reference, err);
        lat_error_at(err, back ? "/back" : "/to");
    }
    if (status == LAT_OK)
        status = check_inputs(call, spec.name, err);
    if (status != LAT_OK)
        return status;
    snprintf(request, sizeof(request), "{\"to\":\"%s\",\"from\":\"%s\"}", reference,
             spec.model);
    return lat_jobs_start(call->app->jobs, &lat_job_reencode, spec.name, request, NULL, out_id,
                          err);
}
