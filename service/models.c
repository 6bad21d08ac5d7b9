/* Collections are asked before the version goes. One that is made with it in that very moment
 * acquires the model after the question and stays without: its searches by code go on, those by
 * input say which version is missing, and uploading the version again mends it. */
#include "service/models.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "service/recommenders.h"

#include "base/banned.h"

enum { PAGE = 64 };

/* Whether another version of the name could answer for it. */
static enum lat_status has_others(struct lat_app *app, const struct lat_model_info *model,
                                  bool *out_others, struct lat_error *err)
{
    struct lat_model_info *infos = NULL;
    size_t n = 0;
    const enum lat_status status = lat_registry_list(app->registry, &infos, &n, err);
    *out_others = false;
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        *out_others |= strcmp(infos[i].name, model->name) == 0 &&
                       infos[i].version != model->version && infos[i].state == LAT_MODEL_READY;
    lat_free(infos);
    return status;
}

static enum lat_status check_page(const struct lat_collection_info *infos, size_t n,
                                  const char *reference, const char *name, bool others,
                                  struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *what = NULL;
        const char *recommender = infos[i].recommender;
        if (strcmp(infos[i].spec.model, reference) == 0)
            what = "has its codes";
        else if (strcmp(recommender, reference) == 0 ||
                 (!others && strcmp(recommender, name) == 0))
            what = "serves its users with it";
        if (what)
            return lat_fail(err, LAT_CONFLICT, "model_in_use",
                            "model '%s' is in use: collection '%s' %s", reference,
                            infos[i].spec.name, what);
    }
    return LAT_OK;
}

static enum lat_status check_unused(struct lat_app *app, const char *reference,
                                    const struct lat_model_info *model, struct lat_error *err)
{
    char after[LAT_COLLECTION_NAME_MAX] = "";
    bool others;
    enum lat_status status = has_others(app, model, &others, err);
    for (size_t n = PAGE; status == LAT_OK && n == PAGE;) {
        struct lat_collection_info *infos = NULL;
        status = lat_store_collections(app->store, after, PAGE, &infos, &n, err);
        if (status != LAT_OK)
            break;
        status = check_page(infos, n, reference, model->name, others, err);
        if (n)
            snprintf(after, sizeof(after), "%s", infos[n - 1].spec.name);
        lat_free(infos);
    }
    return status;
}

enum lat_status lat_models_delete(struct lat_app *app, const char *reference,
                                  struct lat_error *err)
{
    struct lat_model_info *info = lat_alloc(1, sizeof(*info));
    char exact[LAT_MODEL_REF_MAX];
    if (!info)
        return lat_fail_memory(err);
    enum lat_status status = lat_registry_describe(app->registry, reference, info, NULL, err);
    if (status == LAT_OK) {
        snprintf(exact, sizeof(exact), "%s@%u", info->name, (unsigned)info->version);
        status = check_unused(app, exact, info, err);
    }
    if (status == LAT_OK)
        status = lat_registry_delete(app->registry, reference, err);
    if (status == LAT_OK)
        lat_recommenders_forget(app->recommenders, exact);
    lat_free(info);
    return status;
}
