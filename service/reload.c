/* What may change while the server serves. Settings are compared row by row, so that one that
 * cannot be taken over is named, whichever it is. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "service/app.h"
#include "service/tls.h"

#include "base/banned.h"

/* Taken over below, or of no meaning afterwards. */
static const char *const live[] = {"api_keys",   "api_keys_file", "rate_limit",
                                   "rate_burst", "log_level",     "log_format",
                                   "config",     "tls_key",       "tls_certificate"};

bool lat_config_is_live(const struct lat_setting *row)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(live); i++)
        if (strcmp(live[i], row->name) == 0)
            return true;
    return false;
}

static void name_the_others(const struct lat_config *before, const struct lat_config *now)
{
    for (size_t i = 0; i < lat_n_config_rows; i++) {
        const struct lat_setting *row = &lat_config_rows[i];
        const char *a = (const char *)before + row->offset,
                   *b = (const char *)now + row->offset;
        const bool same =
            row->type == LAT_SETTING_TEXT ? strcmp(a, b) == 0 : memcmp(a, b, row->size) == 0;
        if (!same && !lat_config_is_live(row))
            lat_log(LAT_LOG_WARNING, "setting wants a restart", "\"setting\":\"%s\"",
                    row->name);
    }
}

static enum lat_status reload_keys(struct lat_app *app, const struct lat_config *config,
                                   struct lat_error *err)
{
    const struct lat_keys_options options = {.inline_keys = config->api_keys,
                                             .file = config->api_keys_file,
                                             .rate = config->rate_limit,
                                             .burst = config->rate_burst};
    if (app->keys)
        return lat_keys_reload(app->keys, &options, err);
    if (config->api_keys[0] || config->api_keys_file[0])
        return lat_fail(err, LAT_INVALID, "restart_needed",
                        "api_keys: the server was started without keys; the first ones want a "
                        "restart");
    return LAT_OK;
}

static enum lat_status reload_tls(struct lat_app *app, const struct lat_config *config,
                                  struct lat_error *err)
{
    if (strcmp(app->config.tls_certificate, config->tls_certificate) != 0 ||
        strcmp(app->config.tls_key, config->tls_key) != 0)
        return lat_fail(err, LAT_INVALID, "restart_needed",
                        "tls_certificate, tls_key: other files want a restart, other contents "
                        "do not");
    return app->tls ? lat_tls_reload(app->tls, err) : LAT_OK;
}

enum lat_status lat_app_reload(struct lat_app *app, const struct lat_config *config,
                               struct lat_error *err)
{
    enum lat_status (*const steps[])(struct lat_app *, const struct lat_config *,
                                     struct lat_error *) = {reload_keys, reload_tls};
    struct lat_error first = LAT_ERROR_INIT;
    enum lat_status status = lat_config_apply_log(config, &first);
    for (size_t i = 0; i < LAT_ARRAY_LEN(steps); i++) {
        struct lat_error failure = LAT_ERROR_INIT;
        const enum lat_status outcome = steps[i](app, config, &failure);
        if (outcome == LAT_OK)
            continue;
        lat_log_error("not reloaded", &failure);
        if (status == LAT_OK)
            first = failure;
        status = outcome;
    }
    name_the_others(&app->config, config);
    if (status != LAT_OK && err)
        *err = first;
    return status;
}
