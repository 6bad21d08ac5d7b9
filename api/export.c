/* GET …/export: every item as a line that import takes back, page by page in the order of ids.
 */
#include <string.h>

#include "api/filter_json.h"
#include "api/floats.h"
#include "api/handlers.h"
#include "api/item_write.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/kept.h"

#include "base/banned.h"

enum { PAGE_ITEMS = 256, EXPORT_ALL = LAT_ITEM_METADATA | LAT_ITEM_CODE | LAT_ITEM_INPUT };

struct export
{
    struct lat_call *call;
    const char *name;
    const struct lat_collection_spec *spec;
    size_t dimension;
    size_t features; /* of a step, where inputs are sequences; else 0 */
    const struct lat_filter *filter;
    unsigned parts;
    bool base64;
    struct lat_buf text;
};

static void read_parts(struct lat_options *options, unsigned *out_parts)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"metadata", LAT_ITEM_METADATA}, {"code", LAT_ITEM_CODE}, {"input", LAT_ITEM_INPUT}};
    const char *const *asked = NULL;
    size_t n = 0;
    lat_option_words(options, "include", &asked, &n);
    *out_parts = asked ? 0 : EXPORT_ALL;
    for (size_t i = 0; i < n; i++) {
        unsigned bit = 0;
        for (size_t w = 0; w < LAT_ARRAY_LEN(words); w++)
            if (!strcmp(words[w].word, asked[i]))
                bit = words[w].bit;
        *out_parts |= bit;
        if (!bit)
            lat_fail(options->err, LAT_INVALID, "unknown_value",
                     "option 'include' takes metadata, code and input, not '%.60s'", asked[i]);
    }
}

void lat_write_stored_input(struct lat_buf *out, const struct lat_item *item, size_t features,
                            bool base64)
{
    const size_t n = item->input_len / sizeof(float);
    lat_write_key(out, "input");
    if (strcmp(item->input_type, "application/json") == 0) {
        lat_buf_append(out, item->input, item->input_len);
        return;
    }
    if (strncmp(item->input_type, "image/", 6) != 0 && features && n % features == 0) {
        lat_buf_text(out, "{\"sequence\":");
        lat_write_vectors(out, item->input, n / features, features, base64);
        lat_buf_char(out, '}');
        return;
    }
    if (strncmp(item->input_type, "image/", 6) != 0) {
        lat_buf_text(out, "{\"vector\":");
        lat_write_vector(out, item->input, n, base64);
        lat_buf_char(out, '}');
        return;
    }
    lat_buf_text(out, "{\"image\":\"");
    lat_base64_encode(out, item->input, item->input_len);
    lat_buf_text(out, "\"}");
}

/* A compressed input leaves as the picture it decodes to: what is imported elsewhere is an
 * input, and no code of a model that is not there. */
static enum lat_status write_restored(struct export *export, const struct lat_item *item,
                                      struct lat_error *err)
{
    struct lat_buf png = {0};
    const enum lat_status status =
        lat_kept_restore(export->call, export->spec, item, &png, err);
    if (status == LAT_OK) {
        lat_write_key(&export->text, "input");
        lat_buf_text(&export->text, "{\"image\":\"");
        lat_base64_encode(&export->text, png.data, png.len);
        lat_buf_text(&export->text, "\"}");
    }
    lat_buf_release(&png);
    return status;
}

static enum lat_status write_line(struct export *export, const struct lat_item *item,
                                  struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    struct lat_buf *out = &export->text;
    lat_buf_char(out, '{');
    lat_write_text(out, "id", item->id);
    if (export->base64)
        lat_write_text(out, "encoding", "base64");
    if (export->parts & LAT_ITEM_METADATA) {
        lat_write_key(out, "metadata");
        lat_buf_text(out, item->metadata ? item->metadata : "{}");
    }
    if ((export->parts & LAT_ITEM_CODE) && item->code) {
        lat_write_key(out, "code");
        lat_write_vector(out, item->code, export->dimension, export->base64);
    }
    if (lat_kept_is_compressed(item))
        status = write_restored(export, item, err);
    else if (item->input)
        lat_write_stored_input(out, item, export->features, export->base64);
    if (item->hidden)
        lat_write_flag(out, "hidden", true);
    lat_buf_append(out, "}\n", 2);
    return status;
}

static enum lat_status send_page(struct export *export, const struct lat_item_list *list,
                                 struct lat_pipe *pipe, struct lat_error *err)
{
    lat_buf_clear(&export->text);
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < list->n; i++)
        status = write_line(export, &list->items[i], err);
    if (status == LAT_OK)
        status = lat_buf_check(&export->text, err);
    if (status != LAT_OK || !export->text.len)
        return status;
    return lat_pipe_write(pipe, export->text.data, export->text.len, err);
}

/* The first page is read before the head of the reply is sent, so that its failures are
 * problems. */
static enum lat_status send_all(struct export *export, struct lat_error *err)
{
    struct lat_pipe *pipe = NULL;
    char *cursor = NULL;
    enum lat_status status;
    bool more = true;
    do {
        struct lat_item_list list = {0};
        status = lat_store_list(export->call->app->store, export->name, export->filter, cursor,
                                PAGE_ITEMS, export->parts, &list, err);
        if (status != LAT_OK)
            break;
        if (!pipe)
            status = lat_call_stream(export->call, &pipe, err);
        if (status == LAT_OK)
            status = send_page(export, &list, pipe, err);
        lat_free(cursor);
        cursor = list.next_cursor;
        list.next_cursor = NULL;
        more = cursor != NULL;
        lat_item_list_release(&list);
    } while (status == LAT_OK && more);
    lat_free(cursor);
    return status;
}

/* A model that is not there just now costs the export nothing but the shape of its sequences.
 */
static size_t find_features(struct lat_call *call, const struct lat_collection_spec *spec)
{
    struct lat_model *model = NULL;
    if (!spec->model[0] ||
        lat_registry_acquire(call->app->registry, spec->model, &model, NULL) != LAT_OK)
        return 0;
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t features = input->kind == LAT_INPUT_SEQUENCE ? input->features : 0;
    lat_model_release(model);
    return features;
}

enum lat_status lat_api_export(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct lat_json json = {0};
    struct export export = {.call = call};
    lat_options_begin(&options, call, err);
    export.base64 = lat_option_base64(&options);
    read_parts(&options, &export.parts);
    const char *filter = lat_option_text(&options, "filter");
    enum lat_status status = lat_options_end_collection(&options, &export.name, &spec);
    if (status == LAT_OK && filter && *filter)
        status = lat_filter_parse(&call->arena, filter, (size_t)call->app->config.max_depth,
                                  &json, &export.filter, err);
    if (status == LAT_OK) {
        export.dimension = spec.dimension;
        export.spec = &spec;
        export.features = find_features(call, &spec);
        call->response.status = 200;
        call->response.content_type = "application/x-ndjson";
        status = send_all(&export, err);
    }
    lat_json_release(&json);
    lat_buf_release(&export.text);
    return status;
}
