/* Paths that specs from outside may name, and the items of a collection as a dataset.
 *
 * A path is looked at twice: when the job is asked for, so that the client is told, and when it
 * runs, for links may have changed meanwhile. ".." is refused by its looks, before the file
 * system is asked anything, so that nobody learns what there is elsewhere. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/interactions.h"
#include "model/image.h"
#include "model/train/dataset/collected.h"
#include "model/train/dataset/interactions.h"
#include "service/app.h"
#include "service/training.h"

#include "base/banned.h"

enum { PAGE_ITEMS = 64 };

/* ---- paths ---- */

static bool climbs(const char *path)
{
    for (const char *at = path; *at; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

static enum lat_status refuse(const char *path, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "path_not_allowed",
             "'%.200s' is not below the folder that trainings may read", path);
    lat_error_expected(err, "a path below the data root", NULL);
    return LAT_INVALID;
}

enum lat_status lat_training_root(const struct lat_app *app, char out_root[LAT_PATH_MAX],
                                  struct lat_error *err)
{
    char real[PATH_MAX];
    const char *root = app->config.data_root;
    if (!*root) {
        *out_root = '\0';
        return LAT_OK;
    }
    if (!realpath(root, real) || strlen(real) >= LAT_PATH_MAX)
        return lat_fail(err, LAT_UNAVAILABLE, "data_root_missing",
                        "the server's data root is not there");
    memcpy(out_root, real, strlen(real) + 1);
    return LAT_OK;
}

enum lat_status lat_training_path(void *app, const char *path, char out_path[LAT_PATH_MAX],
                                  struct lat_error *err)
{
    char root[LAT_PATH_MAX], joined[2 * LAT_PATH_MAX], real[PATH_MAX];
    struct stat st;
    const enum lat_status status = lat_training_root(app, root, err);
    if (status != LAT_OK)
        return status;
    if (!*root)
        return lat_fail(err, LAT_INVALID, "path_not_allowed",
                        "this server was given no data root: train on a collection, or start "
                        "it with --data-root");
    const size_t len = strlen(root);
    const bool absolute = path[0] == '/';
    if (climbs(path) ||
        (absolute && (strncmp(path, root, len) != 0 || (path[len] && path[len] != '/'))))
        return refuse(path, err);
    snprintf(joined, sizeof(joined), "%s%s%s", absolute ? "" : root, absolute ? "" : "/", path);
    if (!realpath(joined, real))
        return lat_fail(err, LAT_INVALID, "data_not_found",
                        "there is no '%.200s' below the data root", path);
    if (!lat_file_is_within(root, real) || strlen(real) >= LAT_PATH_MAX)
        return refuse(path, err);
    if (stat(real, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return lat_fail(err, LAT_INVALID, "data_not_found", "'%.200s' is no file or folder",
                        path);
    memcpy(out_path, real, strlen(real) + 1);
    return LAT_OK;
}

/* ---- collections ---- */

struct gathering {
    struct lat_job *job;
    struct lat_store *store;
    const struct lat_data_spec *data;
    struct lat_collection_info info;
    struct lat_input_spec input; /* kind and size, once known */
    bool known, begun;
    bool codes; /* a collection without a model: its codes */
    struct lat_collected collected;
};

static bool is_picture(const struct lat_item *item)
{
    return strncmp(item->input_type, "image/", 6) == 0;
}

/* Rows of tables and histories are stored as JSON. */
static bool is_floats(const struct lat_item *item)
{
    return strcmp(item->input_type, "application/octet-stream") == 0 &&
           item->input_len % sizeof(float) == 0;
}

/* What the collection's model takes, if it can be said. */
static void ask_model(struct gathering *g)
{
    struct lat_model_info *info = lat_alloc(1, sizeof(*info));
    if (info &&
        lat_registry_describe(lat_job_app(g->job)->registry, g->info.spec.model, info, NULL,
                              NULL) == LAT_OK &&
        info->manifest.code_dimension) {
        g->input = info->manifest.input;
        g->known = g->input.kind == LAT_INPUT_IMAGE || g->input.kind == LAT_INPUT_VECTOR;
    }
    lat_free(info);
}

/* The size that data.size and data.channels ask for wins. */
static void override(struct gathering *g)
{
    if (g->input.kind != LAT_INPUT_IMAGE)
        return;
    if (g->data->size[0]) {
        g->input.height = g->data->size[0];
        g->input.width = g->data->size[1];
    }
    if (g->data->channels)
        g->input.channels = g->data->channels;
}

/* What an item is, of the first that can be used. */
static void learn(struct gathering *g, const struct lat_item *item)
{
    struct lat_image image = {0};
    if (!is_picture(item)) {
        g->input = (struct lat_input_spec){.kind = LAT_INPUT_VECTOR,
                                           .dimension = item->input_len / sizeof(float)};
        g->known = g->input.dimension > 0;
        return;
    }
    if (lat_image_decode(item->input, item->input_len, NULL, &image, NULL) != LAT_OK)
        return;
    g->input = (struct lat_input_spec){.kind = LAT_INPUT_IMAGE,
                                       .width = image.width,
                                       .height = image.height,
                                       .channels = image.channels};
    g->known = true;
    lat_image_release(&image);
}

static enum lat_status begin(struct gathering *g, struct lat_error *err)
{
    override(g);
    g->begun = true;
    return lat_collected_begin(&g->collected, &g->input, g->data, err);
}

/* Stored floats lie where they lie; a row is aligned. */
static enum lat_status take_floats(struct gathering *g, const struct lat_item *item,
                                   struct lat_error *err)
{
    const size_t n = item->input_len / sizeof(float);
    float *values = lat_alloc_raw(n ? n : 1, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    memcpy(values, item->input, n * sizeof(*values));
    const enum lat_status status =
        lat_collected_vector(&g->collected, item->id, values, n, err);
    lat_free(values);
    return status;
}

static enum lat_status take_item(struct gathering *g, const struct lat_item *item,
                                 struct lat_error *err)
{
    if (item->hidden)
        return LAT_OK;
    if (!g->codes && !item->input) {
        lat_collected_skip(&g->collected, item->id, "no input was kept");
        return LAT_OK;
    }
    if (!g->codes && !is_picture(item) && !is_floats(item)) {
        lat_collected_skip(&g->collected, item->id, "neither a picture nor a vector");
        return LAT_OK;
    }
    if (!g->known)
        learn(g, item);
    if (!g->known) {
        lat_collected_skip(&g->collected, item->id, "it cannot be decoded");
        return LAT_OK;
    }
    if (!g->begun) {
        const enum lat_status status = begin(g, err);
        if (status != LAT_OK)
            return status;
    }
    if (g->codes)
        return lat_collected_vector(&g->collected, item->id, item->code, g->info.spec.dimension,
                                    err);
    if (is_picture(item))
        return lat_collected_picture(&g->collected, item->id, item->input, item->input_len,
                                     err);
    return take_floats(g, item, err);
}

static enum lat_status take_page(struct gathering *g, const struct lat_item_list *list,
                                 struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < list->n; i++)
        status = take_item(g, &list->items[i], err);
    if (status == LAT_OK && atomic_load(lat_job_cancelled(g->job)))
        status = lat_fail(err, LAT_CANCELLED, NULL, "cancelled while reading its data");
    return status;
}

static enum lat_status gather(struct gathering *g, struct lat_error *err)
{
    char *cursor = NULL;
    bool more = true;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && more) {
        struct lat_item_list list = {0};
        status = lat_store_list(g->store, g->data->collection, NULL, cursor, PAGE_ITEMS,
                                g->codes ? LAT_ITEM_CODE : LAT_ITEM_INPUT, &list, err);
        lat_free(cursor);
        cursor = NULL;
        if (status != LAT_OK)
            break;
        status = take_page(g, &list, err);
        cursor = list.next_cursor;
        list.next_cursor = NULL;
        more = cursor != NULL;
        lat_item_list_release(&list);
    }
    lat_free(cursor);
    return status;
}

/* ---- interactions ---- */

struct histories {
    struct lat_job *job;
    struct lat_interactions *gathered;
    struct lat_error *err;
    enum lat_status status;
};

static bool take_interaction(void *context, const struct lat_interaction *one)
{
    struct histories *h = context;
    if (atomic_load(lat_job_cancelled(h->job)))
        h->status = lat_fail(h->err, LAT_CANCELLED, NULL, "cancelled while reading its data");
    else
        h->status = lat_interactions_add(h->gathered, one->user, one->item, (double)one->weight,
                                         (double)one->at_ms, h->err);
    return h->status == LAT_OK;
}

static enum lat_status open_interactions(struct lat_job *job, const struct lat_data_spec *data,
                                         struct lat_dataset *out_dataset, struct lat_error *err)
{
    struct histories h = {.job = job, .err = err};
    enum lat_status status = lat_interactions_begin(data, &h.gathered, err);
    if (status == LAT_OK)
        status = lat_store_interactions_each(lat_job_app(job)->store, data->collection,
                                             take_interaction, &h, err);
    if (status == LAT_OK)
        status = lat_interactions_end(h.gathered, out_dataset, err);
    lat_interactions_free(h.gathered);
    return h.status != LAT_OK ? h.status : status;
}

enum lat_status lat_training_open_collection(struct lat_job *job,
                                             const struct lat_data_spec *data,
                                             struct lat_dataset *out_dataset,
                                             struct lat_error *err)
{
    struct gathering *g = lat_alloc(1, sizeof(*g));
    if (!g)
        return lat_fail_memory(err);
    g->job = job;
    g->store = lat_job_app(job)->store;
    g->data = data;
    enum lat_status status = lat_store_describe(g->store, data->collection, &g->info, err);
    const bool items = strcmp(data->format, "interactions") != 0 && g->info.spec.dimension;
    if (status == LAT_OK && items && g->info.spec.model[0]) {
        ask_model(g);
    } else if (status == LAT_OK && items) {
        g->codes = g->known = true;
        g->input = (struct lat_input_spec){.kind = LAT_INPUT_VECTOR,
                                           .dimension = g->info.spec.dimension};
    }
    if (status == LAT_OK && items)
        status = gather(g, err);
    if (status == LAT_OK)
        status = items ? lat_collected_end(&g->collected, out_dataset, err)
                       : open_interactions(job, data, out_dataset, err);
    lat_collected_release(&g->collected);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", data->collection);
    lat_free(g);
    return status;
}
