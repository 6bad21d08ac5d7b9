/* Models: the list, one of them, load and unload. The cursor of the list is "name@version" of
 * the last one shown. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/models.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/recommenders.h"

#include "base/banned.h"

enum { REFERENCE_MAX = 128 };

static void write_input(struct lat_buf *out, const struct lat_input_spec *input)
{
    lat_write_key(out, "input");
    lat_buf_char(out, '{');
    lat_write_text(out, "kind", lat_input_kind_names[input->kind]);
    if (input->kind == LAT_INPUT_IMAGE) {
        lat_write_count(out, "width", input->width);
        lat_write_count(out, "height", input->height);
        lat_write_count(out, "channels", input->channels);
    } else if (input->kind == LAT_INPUT_SEQUENCE) {
        lat_write_count(out, "length", input->length);
        lat_write_count(out, "features", input->features);
    } else {
        lat_write_count(out, "dimension", input->dimension);
    }
    lat_buf_char(out, '}');
}

static void write_capabilities(struct lat_buf *out, unsigned capabilities)
{
    bool first = true;
    lat_write_key(out, "capabilities");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_capability_names); i++) {
        if (!(capabilities & 1U << i))
            continue;
        lat_buf_printf(out, "%s\"%s\"", first ? "" : ",", lat_capability_names[i]);
        first = false;
    }
    lat_buf_char(out, ']');
}

/* The members of one model, without the braces. */
static void write_members(struct lat_buf *out, const struct lat_model_info *info)
{
    lat_write_text(out, "name", info->name);
    lat_write_count(out, "version", info->version);
    lat_write_text(out, "state", lat_model_state_names[info->state]);
    if (info->state != LAT_MODEL_READY && info->reason[0])
        lat_write_text(out, "reason", info->reason);
    if (info->manifest.code_dimension) {
        write_input(out, &info->manifest.input);
        lat_write_count(out, "code_dimension", info->manifest.code_dimension);
    } else {
        lat_write_text(out, "input", NULL);
        lat_write_text(out, "code_dimension", NULL);
    }
    write_capabilities(out, info->manifest.capabilities);
}

/* The first of `infos` behind the cursor; n when it names none that could come before. */
static enum lat_status find_start(const struct lat_model_info *infos, size_t n,
                                  const char *cursor, size_t *out_start, struct lat_error *err)
{
    *out_start = 0;
    if (!cursor)
        return LAT_OK;
    const char *at = strchr(cursor, '@');
    uint64_t version;
    char name[LAT_NAME_MAX];
    if (!at || (size_t)(at - cursor) >= sizeof(name) ||
        !lat_parse_u64(at + 1, UINT32_MAX, &version))
        return lat_fail(err, LAT_INVALID, "bad_cursor", "this cursor is not one of this list");
    snprintf(name, sizeof(name), "%.*s", (int)(at - cursor), cursor);
    for (size_t i = 0; i < n; i++) {
        const int order = strcmp(infos[i].name, name);
        if (order > 0 || (order == 0 && infos[i].version > version))
            break;
        *out_start = i + 1;
    }
    return LAT_OK;
}

static void write_list(struct lat_buf *out, const struct lat_model_info *infos, size_t start,
                       size_t end, size_t n)
{
    lat_buf_text(out, "{\"models\":[");
    for (size_t i = start; i < end; i++) {
        lat_buf_text(out, i > start ? ",{" : "{");
        write_members(out, &infos[i]);
        lat_buf_char(out, '}');
    }
    lat_buf_char(out, ']');
    char cursor[REFERENCE_MAX];
    if (end > start)
        snprintf(cursor, sizeof(cursor), "%s@%" PRIu32, infos[end - 1].name,
                 infos[end - 1].version);
    lat_write_cursor(out, end < n && end > start ? cursor : NULL);
    lat_buf_char(out, '}');
}

enum lat_status lat_api_models(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    uint64_t limit;
    const char *cursor;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, &limit, &cursor);
    enum lat_status status = lat_options_end(&options);
    if (status != LAT_OK)
        return status;
    struct lat_model_info *infos = NULL;
    size_t n, start;
    status = lat_registry_list(call->app->registry, &infos, &n, err);
    if (status == LAT_OK)
        status = find_start(infos, n, cursor, &start, err);
    if (status == LAT_OK) {
        const size_t end = n - start > limit ? start + (size_t)limit : n;
        write_list(&call->response.body, infos, start, end, n);
        status = lat_reply_json(call, 200, err);
    }
    lat_free(infos);
    return status;
}

static void write_calibration(struct lat_buf *out, const struct lat_calibration *calibration)
{
    if (!calibration->present) {
        lat_write_text(out, "calibration", NULL);
        return;
    }
    lat_write_key(out, "calibration");
    lat_buf_char(out, '{');
    lat_write_text(out, "id", calibration->id);
    lat_write_count(out, "n", calibration->n);
    lat_write_key(out, "quantiles");
    lat_buf_json_floats(out, calibration->quantiles, calibration->n_quantiles);
    lat_buf_char(out, '}');
}

/* The manifest as it stands in the package, and its training record once more by itself. */
static enum lat_status write_manifest(struct lat_call *call, const struct lat_buf *text,
                                      struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_json json = {0};
    struct lat_error ignored = LAT_ERROR_INIT;
    struct lat_object root = {0};
    bool good = text->len && lat_json_parse_whole(&json, &call->arena, text->data, text->len, 0,
                                                  &ignored) == LAT_OK;
    if (good) {
        lat_json_root(&json, &root);
        good = lat_json_status(&json) == LAT_OK;
    }
    lat_write_key(out, "manifest");
    if (good)
        lat_json_write(out, json.root);
    else
        lat_buf_text(out, "null");
    const char *record = good ? lat_object_json(&root, "training") : NULL;
    lat_write_key(out, "training");
    lat_buf_text(out, record ? record : "null");
    lat_json_release(&json);
    return lat_buf_check(out, err);
}

enum lat_status lat_reply_model(struct lat_call *call, const char *reference, int http,
                                struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    struct lat_buf manifest = {0};
    struct lat_model_info *info = lat_arena_alloc(&call->arena, 1, sizeof(*info));
    if (!info)
        return lat_fail_memory(err);
    enum lat_status status =
        lat_registry_describe(call->app->registry, reference, info, &manifest, err);
    if (status == LAT_OK) {
        lat_buf_char(out, '{');
        write_members(out, info);
        write_calibration(out, &info->manifest.calibration);
        status = write_manifest(call, &manifest, err);
        lat_buf_char(out, '}');
    }
    lat_buf_release(&manifest);
    return status == LAT_OK ? lat_reply_json(call, http, err) : status;
}

typedef enum lat_status registry_verb(struct lat_registry *registry, const char *reference,
                                      struct lat_error *err);

/* Does something with the model of the path, if anything, and shows it. */
static enum lat_status do_and_show(struct lat_call *call, registry_verb *verb,
                                   struct lat_error *err)
{
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK && verb)
        status = verb(call->app->registry, call->params[0], err);
    return status == LAT_OK ? lat_reply_model(call, call->params[0], 200, err) : status;
}

enum lat_status lat_api_model(struct lat_call *call, struct lat_error *err)
{
    return do_and_show(call, NULL, err);
}

enum lat_status lat_api_model_load(struct lat_call *call, struct lat_error *err)
{
    return do_and_show(call, lat_registry_load, err);
}

enum lat_status lat_api_model_unload(struct lat_call *call, struct lat_error *err)
{
    const enum lat_status status = do_and_show(call, lat_registry_unload, err);
    if (status == LAT_OK)
        lat_recommenders_forget(call->app->recommenders, call->params[0]);
    return status;
}
