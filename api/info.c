/* GET /v1/info: version, libraries, limits. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "service/version.h"

#include "base/banned.h"

static void write_libraries(struct lat_buf *out)
{
    struct lat_library_version libraries[LAT_LIBRARY_MAX];
    const size_t n = lat_library_versions(libraries);
    lat_write_key(out, "libraries");
    lat_buf_char(out, '{');
    for (size_t i = 0; i < n; i++)
        lat_write_text(out, libraries[i].name, libraries[i].version);
    lat_buf_char(out, '}');
}

static void write_limits(struct lat_buf *out, const struct lat_config *config)
{
    lat_write_key(out, "limits");
    lat_buf_char(out, '{');
    lat_write_count(out, "body_bytes", (uint64_t)config->max_body);
    lat_write_count(out, "batch_items", (uint64_t)config->max_batch);
    lat_write_count(out, "k", (uint64_t)config->max_k);
    lat_write_count(out, "image_pixels", (uint64_t)config->max_pixels);
    lat_write_count(out, "json_depth", (uint64_t)config->max_depth);
    lat_write_count(out, "id_bytes", LAT_ID_MAX);
    lat_write_count(out, "request_ms", (uint64_t)config->timeout_ms);
    lat_write_count(out, "connections", (uint64_t)config->max_connections);
    lat_buf_char(out, '}');
}

enum lat_status lat_api_info(struct lat_call *call, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const enum lat_status status = lat_options_none(call, err);
    if (status != LAT_OK)
        return status;
    lat_buf_char(out, '{');
    lat_write_text(out, "name", "latentd");
    lat_write_text(out, "version", lat_version());
    lat_write_time(out, "started", call->app->started_ms);
    write_libraries(out);
    write_limits(out, &call->app->config);
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}
