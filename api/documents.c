/* Pages and the OpenAPI document, embedded in the program: every file of api/console is a row
 * of the table that the build makes of the folder.
 *
 * A page runs scripts and styles of this server alone, shows pictures of this server or made in
 * the page, and builds no markup from text (trusted types), so that what an item is called can
 * never become a program. A browser keeps what it got and asks each time whether it still holds
 * (ETag): after an upgrade no old script meets a new page. */
#include <string.h>

#include "api/etag.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "base/hash.h"
#include "embed/lat_console_files.h"
#include "embed/lat_openapi_json.h"

#include "base/banned.h"

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".webp", "image/webp"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < LAT_ARRAY_LEN(types); i++)
        if (!strcmp(ending, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static enum lat_status send(struct lat_call *call, const char *type, const unsigned char *bytes,
                            size_t len, struct lat_error *err)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "no-cache"},
    };
    /* Tags are versions: neither 0 nor the one number that means any. */
    const uint64_t tag = lat_hash_bytes(0, bytes, len) >> 1 | 1;
    for (size_t i = 0; i < LAT_ARRAY_LEN(headers); i++)
        lat_call_respond_header(call, headers[i][0], "%s", headers[i][1]);
    lat_respond_etag(call, tag);
    if (lat_call_has_version(call, tag)) {
        call->response.status = 304;
        return LAT_OK;
    }
    return lat_reply_bytes(call, type, bytes, len, err);
}

static enum lat_status send_file(struct lat_call *call, const char *name, struct lat_error *err)
{
    for (size_t i = 0; i < lat_console_files_len; i++) {
        const struct lat_console_file *file = &lat_console_files[i];
        if (!strcmp(name, file->name))
            return send(call, type_of(name), file->bytes, *file->len, err);
    }
    return lat_fail(err, LAT_NOT_FOUND, "route_not_found", "no file '%.60s'", name);
}

enum lat_status lat_api_console(struct lat_call *call, struct lat_error *err)
{
    return send_file(call, "index.html", err);
}

enum lat_status lat_api_console_file(struct lat_call *call, struct lat_error *err)
{
    return send_file(call, call->params[0], err);
}

enum lat_status lat_api_docs(struct lat_call *call, struct lat_error *err)
{
    return send_file(call, "docs.html", err);
}

enum lat_status lat_api_openapi(struct lat_call *call, struct lat_error *err)
{
    return send(call, "application/json", lat_openapi_json, lat_openapi_json_len, err);
}
