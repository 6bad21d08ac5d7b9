/* GET …/drift of a model and of a collection: the inputs served lately against those of the
 * calibration set, feature by feature. */
#include <float.h>
#include <string.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "model/portrait.h"
#include "service/embed.h"
#include "service/windows.h"

#include "base/banned.h"

enum { LEAST_ROWS = 30 };

static const double LEVEL = 0.01;

static void write_side(struct lat_buf *out, const char *key, bool words, double middle,
                       double missing)
{
    lat_write_key(out, key);
    lat_buf_char(out, '{');
    lat_write_double(out, words ? "most_frequent_share" : "median", middle);
    lat_write_double(out, "missing", missing);
    lat_buf_char(out, '}');
}

static void write_feature(struct lat_buf *out, const struct lat_input_spec *input,
                          const struct lat_drift *drift, double level)
{
    char name[512];
    const bool words = lat_portrait_words(input, drift->feature) > 0;
    lat_portrait_name(input, drift->feature, name, sizeof(name));
    lat_buf_char(out, '{');
    lat_write_text(out, "feature", name);
    lat_write_flag(out, "moved", drift->adjusted < level);
    lat_write_text(out, "test", words ? "chi-squared" : "kolmogorov-smirnov");
    lat_write_double(out, "statistic", drift->statistic);
    lat_write_double(out, "p_value", drift->p_value);
    lat_write_double(out, "adjusted_p_value", drift->adjusted);
    lat_write_double(out, "psi", drift->psi);
    write_side(out, "calibration", words, drift->reference, drift->missing_reference);
    write_side(out, "window", words, drift->window, drift->missing_window);
    lat_buf_char(out, '}');
}

static void write_moved(struct lat_buf *out, const struct lat_input_spec *input,
                        const struct lat_drift *drifts, size_t n, double level)
{
    lat_write_key(out, "moved");
    lat_buf_char(out, '[');
    for (size_t i = 0, written = 0; i < n; i++) {
        char name[512];
        if (drifts[i].adjusted >= level)
            continue;
        lat_portrait_name(input, drifts[i].feature, name, sizeof(name));
        if (written++)
            lat_buf_char(out, ',');
        lat_buf_json_string(out, name, strlen(name));
    }
    lat_buf_char(out, ']');
}

static void write_window(struct lat_buf *out, const struct lat_window *window)
{
    lat_write_key(out, "window");
    lat_buf_char(out, '{');
    lat_write_count(out, "n", window->n);
    lat_write_count(out, "served", window->served);
    lat_write_time(out, "since", window->since_ms);
    lat_write_time(out, "until", window->until_ms);
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const struct lat_model *model,
                             const struct lat_window *window, const struct lat_drift *drifts,
                             double level, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const struct lat_manifest *manifest = lat_model_manifest(model);
    const struct lat_portrait *portrait = lat_model_portrait(model);
    const bool enough = window->n >= LEAST_ROWS;
    const size_t n = enough ? portrait->n_features : 0;
    const bool drifted = n && drifts[0].adjusted < level;
    lat_buf_char(out, '{');
    lat_write_text(out, "verdict", !enough ? "too_few" : drifted ? "drifted" : "stable");
    lat_write_flag(out, "drifted", drifted);
    write_moved(out, &manifest->input, drifts, n, level);
    lat_write_double(out, "level", level);
    write_window(out, window);
    lat_write_key(out, "calibration");
    lat_buf_char(out, '{');
    lat_write_text(out, "id", manifest->calibration.present ? manifest->calibration.id : NULL);
    lat_write_count(out, "n", portrait->n);
    lat_buf_char(out, '}');
    lat_write_key(out, "features");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_feature(out, &manifest->input, &drifts[i], level);
    }
    lat_buf_char(out, ']');
    lat_write_text(out, "model", lat_model_reference(model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

static enum lat_status answer(struct lat_call *call, const char *collection,
                              const struct lat_model *model, double level,
                              struct lat_error *err)
{
    const struct lat_portrait *portrait = lat_model_portrait(model);
    struct lat_window window = {0};
    if (!portrait)
        return lat_fail(err, LAT_CAPABILITY, NULL,
                        "model '%s' has no portrait of its calibration set: a job 'calibrate' "
                        "makes one",
                        lat_model_reference(model));
    struct lat_drift *drifts = lat_arena_alloc(
        &call->arena, portrait->n_features ? portrait->n_features : 1, sizeof(*drifts));
    if (!drifts)
        return lat_fail_memory(err);
    enum lat_status status =
        lat_windows_get(call->app->windows, collection, model, &window, err);
    if (status == LAT_OK && window.n >= LEAST_ROWS)
        status = lat_portrait_compare(portrait, window.values, window.n, drifts, err);
    if (status == LAT_OK)
        status = reply(call, model, &window, drifts, level, err);
    lat_free(window.values);
    return status;
}

enum lat_status lat_api_model_drift(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_model *model = NULL;
    double level = LEVEL;
    lat_options_begin(&options, call, err);
    lat_option_number(&options, "level", &level, DBL_MIN, 1);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], &model, err);
    if (status == LAT_OK)
        status = answer(call, NULL, model, level, err);
    if (model)
        lat_model_release(model);
    return status;
}

enum lat_status lat_api_collection_drift(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_model *model = NULL;
    const char *name;
    double level = LEVEL;
    lat_options_begin(&options, call, err);
    lat_option_number(&options, "level", &level, DBL_MIN, 1);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status == LAT_OK && !spec.model[0])
        status =
            lat_fail(err, LAT_CAPABILITY, NULL,
                     "collection '%s' has no model that inputs could be held against", name);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, spec.model, &model, err);
    if (status == LAT_OK)
        status = answer(call, name, model, level, err);
    if (model)
        lat_model_release(model);
    return status;
}
