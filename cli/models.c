/* The engine outlives the registry, whose models run on it. */
#include "cli/models.h"

#include "base/file.h"

#include "base/banned.h"

enum lat_status lat_models_open(const char *folder, int threads, struct lat_models *out_models,
                                struct lat_error *err)
{
    const struct lat_registry_options where = {.folder = folder, .threads = threads};
    *out_models = (struct lat_models){0};
    if (!lat_file_exists(folder))
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no folder '%s' (see --models)", folder);
    const enum lat_status status = lat_engine_new(&out_models->engine, err);
    return status == LAT_OK
               ? lat_registry_open(out_models->engine, &where, &out_models->registry, err)
               : status;
}

void lat_models_close(struct lat_models *models)
{
    if (models->registry)
        lat_registry_close(models->registry);
    lat_engine_free(models->engine);
    *models = (struct lat_models){0};
}
