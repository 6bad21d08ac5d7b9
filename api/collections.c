/* Collections: create, describe, list, delete, reindex. */
#include <math.h>
#include <stdio.h>

#include "api/handlers.h"
#include "api/index_spec.h"
#include "api/jobs.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "model/autoencoder.h"
#include "service/collection.h"
#include "service/embed.h"
#include "service/jobs.h"

#include "base/banned.h"

/* ---- out ---- */

static void write_index(struct lat_buf *out, const struct lat_collection_info *info)
{
    const struct lat_index_spec *spec = &info->spec.index;
    lat_write_key(out, "index");
    lat_buf_char(out, '{');
    lat_write_text(out, "type", lat_index_type_names[spec->type]);
    if (spec->factory[0])
        lat_write_text(out, "factory", spec->factory);
    const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {
        {"m", spec->m},           {"ef_construction", spec->ef_construction},
        {"ef", spec->ef_search},  {"nlist", spec->nlist},
        {"nprobe", spec->nprobe},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(numbers); i++)
        if (numbers[i].value)
            lat_write_count(out, numbers[i].key, numbers[i].value);
    lat_write_text(out, "kind", info->index_kind);
    lat_write_text(out, "state", info->index_state);
    lat_write_count(out, "bytes", info->index_bytes);
    lat_write_count(out, "dead", info->dead);
    lat_write_count(out, "lag", info->lag);
    lat_buf_char(out, '}');
}

static void write_collection(struct lat_buf *out, const struct lat_collection_info *info)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "name", info->spec.name);
    lat_write_text(out, "model", info->spec.model[0] ? info->spec.model : NULL);
    lat_write_count(out, "dimension", info->spec.dimension);
    lat_write_text(out, "metric", lat_distance_names[info->spec.metric]);
    if (info->spec.max_error > 0) {
        lat_write_text(out, "keep_inputs", "compressed");
        lat_write_double(out, "max_error", info->spec.max_error);
    } else {
        lat_write_flag(out, "keep_inputs", info->spec.keep_inputs);
    }
    lat_write_count(out, "items", info->items);
    lat_write_count(out, "hidden", info->hidden);
    lat_write_count(out, "users", info->users);
    lat_write_count(out, "interactions", info->interactions);
    lat_write_text(out, "recommender", info->recommender[0] ? info->recommender : NULL);
    write_index(out, info);
    lat_write_count(out, "bytes", info->data_bytes + info->index_bytes);
    lat_write_count(out, "data_bytes", info->data_bytes);
    lat_write_count(out, "sequence", info->sequence);
    lat_write_count(out, "lag", info->lag);
    lat_write_time(out, "created", info->created_ms);
    lat_buf_char(out, '}');
}

static enum lat_status reply_collection(struct lat_call *call, const char *name, int http,
                                        struct lat_error *err)
{
    struct lat_collection_info *info = lat_arena_alloc(&call->arena, 1, sizeof(*info));
    if (!info)
        return lat_fail_memory(err);
    const enum lat_status status = lat_store_describe(call->app->store, name, info, err);
    if (status != LAT_OK)
        return status;
    write_collection(&call->response.body, info);
    return lat_reply_json(call, http, err);
}

enum lat_status lat_api_collection(struct lat_call *call, struct lat_error *err)
{
    const char *name;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_call_collection(call, &name, err);
    return status == LAT_OK ? reply_collection(call, name, 200, err) : status;
}

/* The cursor is the last name shown: names have no secrets and sort as they are. */
enum lat_status lat_api_collections(struct lat_call *call, struct lat_error *err)
{
    struct lat_collection_info *infos = NULL;
    uint64_t limit;
    const char *cursor;
    size_t n = 0;
    enum lat_status status = lat_call_name_page(call, &limit, &cursor, err);
    if (status == LAT_OK)
        status =
            lat_store_collections(call->app->store, cursor, (size_t)limit + 1, &infos, &n, err);
    if (status != LAT_OK)
        return status;
    struct lat_buf *out = &call->response.body;
    const size_t shown = n > limit ? (size_t)limit : n;
    lat_buf_text(out, "{\"collections\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_collection(out, &infos[i]);
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, n > shown ? infos[shown - 1].spec.name : NULL);
    lat_buf_char(out, '}');
    lat_free(infos);
    return lat_reply_json(call, 200, err);
}

/* ---- in ---- */

/* What a body said besides the spec. */
struct said {
    bool metric, psnr;
};

/* `keep_inputs` is true, false or "compressed", which has a bound: `max_error`, or the same as
 * `psnr` in dB. */
static void read_keep(struct lat_object *root, struct lat_collection_spec *spec,
                      bool *out_has_psnr)
{
    static const char *const words[] = {"compressed"};
    const bool compressed = lat_object_is_text(root, "keep_inputs");
    const bool has_error = lat_object_has(root, "max_error"),
               has_psnr = lat_object_has(root, "psnr");
    double psnr = 0;
    int word = 0;
    *out_has_psnr = has_psnr;
    if (compressed)
        lat_object_choice(root, "keep_inputs", words, LAT_ARRAY_LEN(words), &word);
    else
        lat_object_flag(root, "keep_inputs", &spec->keep_inputs);
    lat_object_number(root, "max_error", &spec->max_error, 1e-12, 1);
    lat_object_number(root, "psnr", &psnr, 1e-3, 120);
    if (has_psnr)
        spec->max_error = pow(10, -psnr / 10);
    if (has_error && has_psnr)
        lat_object_fail(root, "psnr", LAT_INVALID, "two_kinds", "max_error or psnr, not both");
    else if (compressed && !has_error && !has_psnr)
        lat_object_fail(root, "max_error", LAT_INVALID, "missing_field",
                        "compressed inputs have a bound: max_error or psnr");
    else if (!compressed && (has_error || has_psnr))
        lat_object_fail(root, has_error ? "max_error" : "psnr", LAT_INVALID, "wrong_option",
                        "a bound is for keep_inputs \"compressed\"");
}

static enum lat_status read_spec(struct lat_json *json, struct lat_collection_spec *spec,
                                 struct said *said)
{
    enum { DIMENSION_MAX = 65536 };
    struct lat_object root;
    lat_json_root(json, &root);
    uint64_t dimension = 0;
    int metric = LAT_DISTANCE_L2;
    const bool has_model = lat_object_copy(&root, "model", spec->model, sizeof(spec->model));
    const bool has_dimension = lat_object_has(&root, "dimension");
    lat_object_count(&root, "dimension", &dimension, 1, DIMENSION_MAX);
    said->metric = lat_object_has(&root, "metric");
    lat_object_choice(&root, "metric", lat_distance_names, LAT_ARRAY_LEN(lat_distance_names),
                      &metric);
    lat_object_index(&root, &spec->index);
    read_keep(&root, spec, &said->psnr);
    if (has_model && has_dimension)
        lat_object_fail(&root, "dimension", LAT_INVALID, "two_kinds",
                        "a collection has a model or a dimension, not both");
    if (has_model && !spec->model[0])
        lat_object_fail(&root, "model", LAT_INVALID, "invalid_name", "'model' is empty");
    lat_object_end(&root);
    spec->dimension = (uint32_t)dimension;
    spec->metric = (enum lat_distance)metric;
    return lat_json_status(json);
}

/* A bound in dB is of pictures, as everywhere. */
static enum lat_status check_psnr(struct lat_call *call, const struct lat_collection_spec *spec,
                                  struct lat_error *err)
{
    struct lat_model *model = NULL;
    if (!spec->model[0] || lat_embed_acquire(call, spec->model, &model, NULL) != LAT_OK)
        return LAT_OK; /* creating it says so */
    const bool pictures = lat_model_manifest(model)->input.kind == LAT_INPUT_IMAGE;
    lat_model_release(model);
    if (pictures)
        return LAT_OK;
    lat_fail(err, LAT_INVALID, "wrong_option",
             "a PSNR is of pictures, and model '%s' takes none: max_error is for it",
             spec->model);
    lat_error_at(err, "/psnr");
    return LAT_INVALID;
}

enum lat_status lat_api_collection_put(struct lat_call *call, struct lat_error *err)
{
    const char *name;
    struct lat_json json = {0};
    struct lat_collection_spec spec = {.keep_inputs = true};
    struct said said = {0};
    bool created = false;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_call_new_collection(call, &name, err);
    if (status == LAT_OK && call->body_len) {
        status = lat_call_json(call, &json, err);
        if (status == LAT_OK)
            status = read_spec(&json, &spec, &said);
    }
    lat_json_release(&json);
    if (status == LAT_OK && said.psnr)
        status = check_psnr(call, &spec, err);
    if (status != LAT_OK)
        return status;
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    status = lat_collection_create(call, &spec, said.metric, &created, err);
    if (status != LAT_OK)
        return status;
    if (created)
        lat_call_respond_header(call, "Location", "/v1/collections/%s", name);
    return reply_collection(call, name, created ? 201 : 200, err);
}

enum lat_status lat_api_collection_delete(struct lat_call *call, struct lat_error *err)
{
    const char *name;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_call_collection(call, &name, err);
    if (status == LAT_OK)
        status = lat_store_drop(call->app->store, name, err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}

/* The body may hold another `index` for the collection; without one the settings stay. */
static enum lat_status read_reindex(struct lat_call *call, struct lat_index_spec *spec,
                                    bool *out_has_spec, struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root;
    enum lat_status status = lat_call_json(call, &json, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        *out_has_spec = lat_object_has(&root, "index");
        lat_object_index(&root, spec);
        lat_object_end(&root);
        status = lat_json_status(&json);
    }
    lat_json_release(&json);
    return status;
}

enum lat_status lat_api_reindex(struct lat_call *call, struct lat_error *err)
{
    const char *name;
    struct lat_index_spec spec = {0};
    struct lat_collection_spec known;
    bool has_spec = false;
    char id[LAT_JOB_ID_SIZE];
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_call_collection(call, &name, err);
    if (status == LAT_OK)
        status = lat_store_spec(call->app->store, name, &known, err);
    if (status == LAT_OK && call->body_len)
        status = read_reindex(call, &spec, &has_spec, err);
    if (status == LAT_OK)
        status = lat_jobs_reindex(call->app, name, has_spec ? &spec : NULL, id, err);
    return status == LAT_OK ? lat_reply_job(call, id, err) : status;
}
