/* PUT and DELETE of one version of a model: a package comes as the parts of a multipart body.
 */
#include <stdio.h>

#include "api/handlers.h"
#include "api/input.h"
#include "api/models.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/models.h"

#include "base/banned.h"

/* "name@version" of the path's two segments, in the arena. */
static enum lat_status read_reference(struct lat_call *call, const char **out_reference,
                                      struct lat_error *err)
{
    const enum lat_status status = lat_options_none(call, err);
    if (status != LAT_OK)
        return status;
    *out_reference = lat_arena_printf(&call->arena, "%s@%s", call->params[0], call->params[1]);
    return *out_reference ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status put(struct lat_call *call, const char *reference, bool *out_created,
                           struct lat_error *err)
{
    struct lat_multipart parts;
    if (lat_call_body_kind(call) != LAT_BODY_MULTIPART)
        return lat_call_refuse_body(
            call, "multipart/form-data with the parts manifest, encoder and decoder", err);
    const enum lat_status status = lat_call_multipart(call, &parts, err);
    if (status != LAT_OK)
        return status;
    struct lat_package_part *files = lat_arena_alloc(&call->arena, parts.n + 1, sizeof(*files));
    if (!files)
        return lat_fail_memory(err);
    for (size_t i = 0; i < parts.n; i++)
        files[i] = (struct lat_package_part){.name = parts.parts[i].name,
                                             .filename = parts.parts[i].filename,
                                             .bytes = parts.parts[i].bytes,
                                             .len = parts.parts[i].len};
    return lat_registry_put(call->app->registry, reference, files, parts.n, out_created, err);
}

enum lat_status lat_api_model_version_put(struct lat_call *call, struct lat_error *err)
{
    const char *reference;
    bool created = false;
    enum lat_status status = read_reference(call, &reference, err);
    if (status == LAT_OK)
        status = put(call, reference, &created, err);
    if (status == LAT_OK && created)
        lat_call_respond_header(call, "Location", "/v1/models/%s", reference);
    return status == LAT_OK ? lat_reply_model(call, reference, created ? 201 : 200, err)
                            : status;
}

enum lat_status lat_api_model_version_delete(struct lat_call *call, struct lat_error *err)
{
    const char *reference;
    enum lat_status status = read_reference(call, &reference, err);
    if (status == LAT_OK)
        status = lat_models_delete(call->app, reference, err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}
