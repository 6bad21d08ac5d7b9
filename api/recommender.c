/* PUT and DELETE …/recommender: which model a collection's users are served by. `m` is its
 * newest ready version at each request, so that a training swaps it in; `m@v` stays. */

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "index/interactions.h"
#include "service/embed.h"

#include "base/banned.h"

static enum lat_status read_model(struct lat_call *call, char *out, size_t size,
                                  struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root;
    enum lat_status status = lat_call_json(call, &json, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        if (!lat_object_copy(&root, "model", out, size))
            lat_object_missing(&root, "model");
        lat_object_end(&root);
        status = lat_json_status(&json);
    }
    lat_json_release(&json);
    return status;
}

enum lat_status lat_api_recommender_put(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_model *model = NULL;
    const char *name;
    char reference[LAT_MODEL_REF_MAX] = "";
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK)
        status = read_model(call, reference, sizeof(reference), err);
    if (status == LAT_OK) {
        status = lat_embed_acquire(call, reference, &model, err);
        if (status == LAT_OK)
            status = lat_model_require(model, LAT_CAN_RECOMMEND, err);
        lat_error_at(err, "/model");
    }
    if (status == LAT_OK)
        status = lat_store_recommender_set(call->app->store, name, reference, err);
    if (status == LAT_OK) {
        struct lat_buf *out = &call->response.body;
        lat_buf_char(out, '{');
        lat_write_text(out, "model", reference);
        lat_write_text(out, "serving", lat_model_reference(model));
        lat_buf_char(out, '}');
        status = lat_reply_json(call, 200, err);
    }
    call->model[0] = '\0'; /* nothing was asked of it */
    if (model)
        lat_model_release(model);
    return status;
}

enum lat_status lat_api_recommender_delete(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    const char *name;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK)
        status = lat_store_recommender_set(call->app->store, name, "", err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}
