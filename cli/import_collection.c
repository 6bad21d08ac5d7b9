/* GETs of the collection, its model and /v1/info; a reply that is not understood says nothing.
 */
#include "cli/import_collection.h"

#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/mem.h"

#include "base/banned.h"

enum { REFERENCE_MAX = 96, KIND_MAX = 32, LENGTH_MAX = 1 << 20 };

/* ---- asking ---- */

/* `name` may be NULL: then `folder` is the whole path. */
static enum lat_status ask(struct lat_client *client, const char *folder, const char *name,
                           struct lat_buf *reply, bool *out_there, struct lat_error *err)
{
    struct lat_buf path = {0};
    long http = 0;
    lat_buf_text(&path, folder);
    if (name)
        lat_client_segment(&path, name);
    enum lat_status status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status = lat_client_send(client, "GET", path.data, NULL, NULL, reply, &http, err);
    *out_there = status == LAT_OK && http == 200;
    lat_buf_release(&path);
    return status;
}

static bool parse(struct lat_json *json, struct lat_arena *arena, const struct lat_buf *reply,
                  struct lat_object *out_root)
{
    const char *text = reply->data ? reply->data : "";
    if (lat_json_parse_whole(json, arena, text, reply->len, 0, NULL) != LAT_OK)
        return false;
    lat_json_root(json, out_root);
    return lat_json_status(json) == LAT_OK;
}

/* ---- the model ---- */

static enum lat_status take_columns(const struct lat_list *list, struct lat_import_model *model,
                                    struct lat_error *err)
{
    model->names = lat_arena_alloc(&model->arena, list->n, sizeof(*model->names));
    model->numeric = lat_arena_alloc(&model->arena, list->n, sizeof(*model->numeric));
    if (!model->names || !model->numeric)
        return lat_fail_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        struct lat_object column;
        char type[KIND_MAX] = "";
        size_t len = 0;
        lat_list_object(list, i, &column);
        const char *name = lat_object_text(&column, "name", &len);
        lat_object_copy(&column, "type", type, sizeof(type));
        model->names[i] = name ? lat_arena_strndup(&model->arena, name, len) : NULL;
        model->numeric[i] = strcmp(type, "numeric") == 0;
        if (!model->names[i])
            return lat_fail_memory(err);
    }
    model->n = list->n;
    model->known = list->n > 0;
    return LAT_OK;
}

/* Names and means of features, where the manifest has them. */
static enum lat_status take_features(struct lat_object *input, struct lat_import_model *model,
                                     struct lat_error *err)
{
    struct lat_list names;
    struct lat_floats means;
    const bool named = lat_object_list(input, "names", &names) && names.n == model->n;
    model->means = lat_arena_alloc(&model->arena, model->n, sizeof(*model->means));
    if (named)
        model->names = lat_arena_alloc(&model->arena, model->n, sizeof(*model->names));
    if (!model->means || (named && !model->names))
        return lat_fail_memory(err);
    for (size_t i = 0; named && i < model->n; i++) {
        size_t len = 0;
        const char *name = lat_list_text(&names, i, &len);
        model->names[i] = name ? lat_arena_strndup(&model->arena, name, len) : NULL;
        if (!model->names[i])
            return lat_fail_memory(err);
    }
    if (lat_object_floats(input, "mean", &means) && means.n == model->n)
        memcpy(model->means, means.values, model->n * sizeof(*model->means));
    return LAT_OK;
}

/* A GET of a model: what it takes stands at the top, the rest in the manifest. */
static enum lat_status take_model(struct lat_object *root, struct lat_import_model *model,
                                  struct lat_error *err)
{
    struct lat_object shown, manifest, input;
    struct lat_list columns;
    int kind = LAT_INPUT_IMAGE;
    uint64_t length = 0, features = 0;
    if (!lat_object_child(root, "input", &shown) ||
        !lat_object_child(root, "manifest", &manifest) ||
        !lat_object_child(&manifest, "input", &input))
        return LAT_OK;
    lat_object_choice(&shown, "kind", lat_input_kind_names, LAT_ARRAY_LEN(lat_input_kind_names),
                      &kind);
    model->kind = (enum lat_input_kind)kind;
    if (kind == LAT_INPUT_TABLE && lat_object_list(&input, "columns", &columns))
        return take_columns(&columns, model, err);
    model->known = kind != LAT_INPUT_TABLE && lat_json_status(root->json) == LAT_OK;
    if (kind != LAT_INPUT_SEQUENCE)
        return LAT_OK;
    lat_object_count(&shown, "length", &length, 1, LENGTH_MAX);
    lat_object_count(&shown, "features", &features, 1, LAT_MAX_FEATURES);
    model->length = (size_t)length;
    model->n = (size_t)features;
    model->known = length && features;
    return model->known ? take_features(&input, model, err) : LAT_OK;
}

enum lat_status lat_import_model_read(struct lat_client *client, const char *collection,
                                      struct lat_import_model *out_model, struct lat_error *err)
{
    struct lat_buf reply = {0};
    struct lat_json json = {0};
    struct lat_object root;
    char reference[REFERENCE_MAX] = "";
    bool there = false;
    enum lat_status status = ask(client, "/v1/collections/", collection, &reply, &there, err);
    if (there && parse(&json, &out_model->arena, &reply, &root))
        lat_object_copy(&root, "model", reference, sizeof(reference));
    lat_json_release(&json);
    if (reference[0]) {
        status = ask(client, "/v1/models/", reference, &reply, &there, err);
        if (there && parse(&json, &out_model->arena, &reply, &root))
            status = take_model(&root, out_model, err);
        lat_json_release(&json);
    }
    lat_buf_release(&reply);
    return status;
}

void lat_import_model_release(struct lat_import_model *model)
{
    lat_arena_release(&model->arena);
    *model = (struct lat_import_model){.known = false};
}

/* ---- the collection ---- */

enum lat_status lat_import_create(struct lat_client *client, const char *collection,
                                  const char *model, uint64_t dimension, const char *metric,
                                  struct lat_error *err)
{
    struct lat_buf path = {0}, body = {0}, reply = {0};
    long http = 0;
    lat_buf_text(&path, "/v1/collections/");
    lat_client_segment(&path, collection);
    lat_buf_char(&body, '{');
    if (model[0]) {
        lat_buf_text(&body, "\"model\":");
        lat_buf_json_string(&body, model, strlen(model));
    } else {
        lat_buf_printf(&body, "\"dimension\":%llu", (unsigned long long)dimension);
    }
    if (metric[0]) {
        lat_buf_text(&body, ",\"metric\":");
        lat_buf_json_string(&body, metric, strlen(metric));
    }
    lat_buf_char(&body, '}');
    enum lat_status status = lat_buf_check(&body, err);
    if (status == LAT_OK)
        status = lat_buf_check(&path, err);
    if (status == LAT_OK)
        status = lat_client_send(client, "PUT", path.data, "application/json", &body, &reply,
                                 &http, err);
    if (status == LAT_OK && http != 200 && http != 201) {
        char words[400];
        lat_client_words(&reply, http, words, sizeof(words));
        status = lat_fail(err, LAT_INVALID, NULL, "%s", words);
    }
    lat_buf_release(&path);
    lat_buf_release(&body);
    lat_buf_release(&reply);
    return status;
}

void lat_import_limits(struct lat_client *client, size_t *inout_items, size_t *inout_bytes)
{
    struct lat_arena arena = {0};
    struct lat_json json = {0};
    struct lat_buf reply = {0};
    struct lat_object root, limits;
    bool there = false;
    uint64_t items = *inout_items, bytes = *inout_bytes;
    if (ask(client, "/v1/info", NULL, &reply, &there, NULL) == LAT_OK && there &&
        parse(&json, &arena, &reply, &root) && lat_object_child(&root, "limits", &limits)) {
        lat_object_count(&limits, "batch_items", &items, 1, UINT32_MAX);
        lat_object_count(&limits, "body_bytes", &bytes, 1, UINT64_MAX);
    }
    if (items < *inout_items)
        *inout_items = (size_t)items;
    if (bytes / 2 < *inout_bytes)
        *inout_bytes = (size_t)(bytes / 2);
    lat_json_release(&json);
    lat_buf_release(&reply);
    lat_arena_release(&arena);
}
