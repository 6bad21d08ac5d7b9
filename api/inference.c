/* The Open Inference Protocol, version 2, REST: what a server and a model are. Running one is
 * in infer.c. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/inference.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/tensors.h"
#include "base/mem.h"
#include "model/inference.h"
#include "service/version.h"

#include "base/banned.h"

/* /v2/models/{m} or /v2/models/{m}/versions/{v} -> "m" or "m@v". */
enum lat_status lat_inference_reference(const struct lat_call *call, bool has_version,
                                        char out[LAT_INFERENCE_REF], struct lat_error *err)
{
    const int len = has_version ? snprintf(out, LAT_INFERENCE_REF, "%s@%s", call->params[0],
                                           call->params[1])
                                : snprintf(out, LAT_INFERENCE_REF, "%s", call->params[0]);
    if (len < 0 || len >= LAT_INFERENCE_REF)
        return lat_fail(err, LAT_NOT_FOUND, "model_not_found", "no model has such a long name");
    return LAT_OK;
}

bool lat_inference_has_version(const struct lat_call *call)
{
    return call->n_params > 1;
}

enum lat_status lat_api_v2(struct lat_call *call, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_char(out, '{');
    lat_write_text(out, "name", "latentd");
    lat_write_text(out, "version", lat_version());
    lat_buf_text(out, ",\"extensions\":[\"binary_tensor_data\"]}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_v2_live(struct lat_call *call, struct lat_error *err)
{
    lat_buf_text(&call->response.body, "{\"live\":true}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_v2_ready(struct lat_call *call, struct lat_error *err)
{
    char reason[256] = "";
    const bool ready = lat_app_state(call->app, reason, sizeof(reason)) == LAT_APP_READY;
    if (!ready)
        return lat_fail(err, LAT_UNAVAILABLE, "loading", "%s",
                        reason[0] ? reason : "not ready");
    lat_buf_text(&call->response.body, "{\"ready\":true}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_v2_model_ready(struct lat_call *call, struct lat_error *err)
{
    char reference[LAT_INFERENCE_REF];
    struct lat_model *model = NULL;
    struct lat_buf *out = &call->response.body;
    enum lat_status status =
        lat_inference_reference(call, lat_inference_has_version(call), reference, err);
    if (status == LAT_OK)
        status = lat_registry_acquire(call->app->registry, reference, &model, err);
    if (status != LAT_OK)
        return status;
    lat_buf_char(out, '{');
    lat_write_text(out, "name", lat_model_manifest(model)->name);
    lat_write_flag(out, "ready", true);
    lat_buf_char(out, '}');
    lat_model_release(model);
    return lat_reply_json(call, 200, err);
}

static void write_tensors(struct lat_buf *out, const char *key,
                          const struct lat_tensor_info *infos, size_t n)
{
    lat_write_key(out, key);
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        const char *type = lat_tensor_type_name(infos[i].dtype);
        lat_buf_text(out, i ? ",{" : "{");
        lat_write_text(out, "name", infos[i].name);
        lat_write_text(out, "datatype", type ? type : "BYTES");
        lat_write_key(out, "shape");
        for (size_t j = 0; j < infos[i].rank; j++)
            lat_buf_printf(out, "%s%lld", j ? "," : "[", (long long)infos[i].dims[j]);
        lat_buf_text(out, infos[i].rank ? "]}" : "[]}");
    }
    lat_buf_char(out, ']');
}

/* "versions": of this model, those that can be asked. */
static enum lat_status write_versions(struct lat_call *call, const char *name,
                                      struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_model_info *infos = NULL;
    size_t n = 0;
    bool first = true;
    const enum lat_status status = lat_registry_list(call->app->registry, &infos, &n, err);
    if (status != LAT_OK)
        return status;
    lat_write_key(out, "versions");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (strcmp(infos[i].name, name) != 0 || infos[i].state != LAT_MODEL_READY)
            continue;
        lat_buf_printf(out, "%s\"%u\"", first ? "" : ",", infos[i].version);
        first = false;
    }
    lat_buf_char(out, ']');
    lat_free(infos);
    return LAT_OK;
}

enum lat_status lat_api_v2_model(struct lat_call *call, struct lat_error *err)
{
    char reference[LAT_INFERENCE_REF];
    struct lat_model *model = NULL;
    struct lat_buf *out = &call->response.body;
    size_t n = 0;
    enum lat_status status =
        lat_inference_reference(call, lat_inference_has_version(call), reference, err);
    if (status == LAT_OK)
        status = lat_registry_acquire(call->app->registry, reference, &model, err);
    if (status != LAT_OK)
        return status;
    lat_buf_char(out, '{');
    lat_write_text(out, "name", lat_model_manifest(model)->name);
    status = write_versions(call, lat_model_manifest(model)->name, err);
    lat_write_text(out, "platform", "onnxruntime_onnx");
    const struct lat_tensor_info *infos = lat_model_graph_inputs(model, &n);
    write_tensors(out, "inputs", infos, n);
    infos = lat_model_graph_outputs(model, &n);
    write_tensors(out, "outputs", infos, n);
    lat_buf_char(out, '}');
    lat_model_release(model);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}
