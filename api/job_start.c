/* POST /v1/jobs. A type is a row of `starters`. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/index_spec.h"
#include "api/jobs.h"
#include "api/reencode.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/snapshots.h"
#include "service/training.h"

#include "base/banned.h"

typedef enum lat_status starter(struct lat_call *call, struct lat_object *root,
                                char out_id[LAT_JOB_ID_SIZE], struct lat_error *err);

static enum lat_status start_train(struct lat_call *call, struct lat_object *root,
                                   char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    const char *spec = lat_object_json(root, "spec");
    lat_object_end(root);
    if (!spec)
        lat_object_fail(root, "spec", LAT_INVALID, "missing_field", "'spec' is missing");
    const enum lat_status status = lat_json_status(root->json);
    return status == LAT_OK ? lat_jobs_train(call->app, spec, out_id, err) : status;
}

static enum lat_status start_reindex(struct lat_call *call, struct lat_object *root,
                                     char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    char name[LAT_COLLECTION_NAME_MAX] = "";
    struct lat_index_spec spec = {0};
    if (!lat_object_copy(root, "collection", name, sizeof(name)))
        lat_object_fail(root, "collection", LAT_INVALID, "missing_field",
                        "'collection' is missing");
    const bool has_spec = lat_object_has(root, "index");
    lat_object_index(root, &spec);
    lat_object_end(root);
    if (!lat_name_valid(name))
        lat_object_fail(root, "collection", LAT_INVALID, "invalid_name",
                        "this is no name: [a-z0-9][a-z0-9._-]{0,62}");
    const enum lat_status status = lat_json_status(root->json);
    return status == LAT_OK
               ? lat_jobs_reindex(call->app, name, has_spec ? &spec : NULL, out_id, err)
               : status;
}

static enum lat_status start_reencode(struct lat_call *call, struct lat_object *root,
                                      char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    char name[LAT_COLLECTION_NAME_MAX] = "", to[LAT_MODEL_REF_MAX] = "";
    bool back = false;
    if (!lat_object_copy(root, "collection", name, sizeof(name)))
        lat_object_fail(root, "collection", LAT_INVALID, "missing_field",
                        "'collection' is missing");
    const bool both = lat_object_has(root, "to") && lat_object_has(root, "model");
    const bool has_to = lat_object_copy(root, "to", to, sizeof(to)) |
                        lat_object_copy(root, "model", to, sizeof(to));
    lat_object_flag(root, "back", &back);
    lat_object_end(root);
    if (!lat_name_valid(name))
        lat_object_fail(root, "collection", LAT_INVALID, "invalid_name",
                        "this is no name: [a-z0-9][a-z0-9._-]{0,62}");
    if (both)
        lat_object_fail(root, "model", LAT_INVALID, "two_kinds",
                        "'to' and 'model' say the same: one of them");
    if (has_to && back)
        lat_object_fail(root, "back", LAT_INVALID, "two_kinds",
                        "'to' and 'back' exclude each other");
    if (!has_to && !back)
        lat_object_fail(root, "to", LAT_INVALID, "missing_field",
                        "'to' is missing: the model to move to, or \"back\":true");
    const enum lat_status status = lat_json_status(root->json);
    return status == LAT_OK ? lat_reencode_start(call, name, to, back, out_id, err) : status;
}

static enum lat_status start_snapshot(struct lat_call *call, struct lat_object *root,
                                      char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    lat_object_end(root);
    const enum lat_status status = lat_json_status(root->json);
    return status == LAT_OK ? lat_snapshots_start(call->app, out_id, err) : status;
}

/* The data are a collection's inputs, or what a spec's `data` names. */
static enum lat_status start_calibrate(struct lat_call *call, struct lat_object *root,
                                       char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    char model[LAT_MODEL_REF_MAX] = "", collection[LAT_COLLECTION_NAME_MAX] = "";
    if (!lat_object_copy(root, "model", model, sizeof(model)))
        lat_object_missing(root, "model");
    const bool of_collection =
        lat_object_copy(root, "collection", collection, sizeof(collection));
    const char *data = lat_object_json(root, "data");
    lat_object_end(root);
    if (of_collection == (data != NULL))
        lat_object_fail(root, NULL, LAT_INVALID, data ? "two_kinds" : "missing_field",
                        "a calibration has exactly one of collection and data");
    else if (of_collection && !lat_name_valid(collection))
        lat_object_fail(root, "collection", LAT_INVALID, "invalid_name",
                        "this is no name: [a-z0-9][a-z0-9._-]{0,62}");
    if (lat_json_status(root->json) != LAT_OK)
        return lat_json_status(root->json);
    if (of_collection)
        data = lat_arena_printf(&call->arena, "{\"collection\":\"%s\"}", collection);
    return data ? lat_jobs_calibrate(call->app, model, data, out_id, err)
                : lat_fail_memory(err);
}

static const struct {
    const char *type;
    starter *start;
} starters[] = {
    {"train", start_train},         {"reindex", start_reindex},   {"reencode", start_reencode},
    {"calibrate", start_calibrate}, {"snapshot", start_snapshot},
};

/* The row of the type, or a failure naming those that can be had. */
static starter *choose(struct lat_object *root)
{
    size_t len = 0;
    const char *type = lat_object_text(root, "type", &len);
    char known[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < LAT_ARRAY_LEN(starters); i++) {
        if (type && strlen(starters[i].type) == len && !memcmp(type, starters[i].type, len))
            return starters[i].start;
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s'%s'",
                                 used ? " or " : "", starters[i].type);
    }
    if (lat_json_status(root->json) != LAT_OK)
        return NULL;
    if (!type) {
        lat_object_fail(root, "type", LAT_INVALID, "missing_field", "'type' is missing: %s",
                        known);
        return NULL;
    }
    char got[48];
    snprintf(got, sizeof(got), "%.*s", (int)(len < 40 ? len : 40), type);
    lat_object_fail(root, "type", LAT_INVALID, "unknown_value",
                    "'%s' is no type of a job: expected %s", got, known);
    lat_error_expected(root->json->err, known, got);
    return NULL;
}

enum lat_status lat_api_job_start(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_json json = {0};
    struct lat_object root;
    char id[LAT_JOB_ID_SIZE];
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK && lat_call_body_kind(call) != LAT_BODY_JSON)
        status = lat_call_refuse_body(call, "application/json", err);
    if (status == LAT_OK) /* whole: a spec has a "code" that is no code */
        status = lat_json_parse_whole(&json, &call->arena, call->body, call->body_len,
                                      (size_t)call->app->config.max_depth, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        starter *start = choose(&root);
        status = lat_json_status(&json);
        if (status == LAT_OK && start)
            status = start(call, &root, id, err);
    }
    lat_json_release(&json);
    return status == LAT_OK ? lat_reply_job(call, id, err) : status;
}
