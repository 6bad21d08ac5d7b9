/* Probes and metrics: answered while loading and draining; probes need no key. */

#include "api/handlers.h"
#include "api/reply.h"
#include "base/metrics.h"

#include "base/banned.h"

enum lat_status lat_api_livez(struct lat_call *call, struct lat_error *err)
{
    lat_buf_text(&call->response.body, "{\"status\":\"alive\"}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_readyz(struct lat_call *call, struct lat_error *err)
{
    char reason[256] = "";
    const enum lat_app_state state = lat_app_state(call->app, reason, sizeof(reason));
    if (state != LAT_APP_READY)
        return lat_fail(err, LAT_UNAVAILABLE,
                        state == LAT_APP_DRAINING ? "draining" : "loading", "%s",
                        reason[0] ? reason : "not ready");
    lat_buf_text(&call->response.body, "{\"status\":\"ready\"}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_metrics(struct lat_call *call, struct lat_error *err)
{
    call->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    lat_metrics_write(&call->response.body);
    return lat_reply_json(call, 200, err);
}
