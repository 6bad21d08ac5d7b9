/* Pages and the OpenAPI document, embedded in the program. A page may load nothing from
 * elsewhere. */
#include <string.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "embed/lat_console_console_css.h"
#include "embed/lat_console_console_js.h"
#include "embed/lat_console_docs_html.h"
#include "embed/lat_console_docs_js.h"
#include "embed/lat_console_index_html.h"
#include "embed/lat_openapi_json.h"

#include "base/banned.h"

static enum lat_status send(struct lat_call *call, const char *type, const unsigned char *bytes,
                            size_t len, struct lat_error *err)
{
    lat_call_respond_header(call, "Content-Security-Policy",
                            "default-src 'self'; img-src 'self' data: blob:; "
                            "frame-ancestors 'none'; base-uri 'none'");
    lat_call_respond_header(call, "X-Content-Type-Options", "nosniff");
    return lat_reply_bytes(call, type, bytes, len, err);
}

enum lat_status lat_api_console(struct lat_call *call, struct lat_error *err)
{
    return send(call, "text/html; charset=utf-8", lat_console_index_html,
                lat_console_index_html_len, err);
}

enum lat_status lat_api_console_file(struct lat_call *call, struct lat_error *err)
{
    const struct {
        const char *name, *type;
        const unsigned char *bytes;
        size_t len;
    } files[] = {
        {"console.css", "text/css; charset=utf-8", lat_console_console_css,
         lat_console_console_css_len},
        {"console.js", "text/javascript; charset=utf-8", lat_console_console_js,
         lat_console_console_js_len},
        {"docs.js", "text/javascript; charset=utf-8", lat_console_docs_js,
         lat_console_docs_js_len},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(files); i++)
        if (!strcmp(call->params[0], files[i].name))
            return send(call, files[i].type, files[i].bytes, files[i].len, err);
    return lat_fail(err, LAT_NOT_FOUND, "route_not_found", "no file '%.60s'", call->params[0]);
}

enum lat_status lat_api_docs(struct lat_call *call, struct lat_error *err)
{
    return send(call, "text/html; charset=utf-8", lat_console_docs_html,
                lat_console_docs_html_len, err);
}

enum lat_status lat_api_openapi(struct lat_call *call, struct lat_error *err)
{
    return send(call, "application/json", lat_openapi_json, lat_openapi_json_len, err);
}
