/* Handles and lists: what asks the registry's table without changing it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/model_internal.h"
#include "model/registry_internal.h"

#include "base/banned.h"

enum lat_status lat_registry_acquire(struct lat_registry *registry, const char *reference,
                                     struct lat_model **out_model, struct lat_error *err)
{
    struct lat_wanted wanted;
    enum lat_status status = lat_wanted_parse(reference, &wanted, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    const struct lat_registry_entry *entry = lat_registry_newest(registry, &wanted, true);
    if (entry) {
        atomic_fetch_add(&entry->model->references, 1);
        *out_model = entry->model;
    } else if ((entry = lat_registry_newest(registry, &wanted, false)) != NULL) {
        status = lat_fail(err, LAT_UNAVAILABLE, "model_unavailable",
                          "model '%s@%" PRIu32 "' is %s: %.400s", entry->name, entry->version,
                          lat_model_state_names[entry->state], entry->reason);
    } else {
        status = lat_registry_unknown(&wanted, err);
    }
    lat_mutex_unlock(&registry->mutex);
    return status;
}

static void describe(const struct lat_registry_entry *entry, struct lat_model_info *out)
{
    *out = (struct lat_model_info){.version = entry->version, .state = entry->state};
    snprintf(out->name, sizeof(out->name), "%s", entry->name);
    snprintf(out->reason, sizeof(out->reason), "%s", entry->reason);
    out->manifest = entry->manifest;
    if (entry->model)
        out->users = atomic_load(&entry->model->references) - 1;
}

enum lat_status lat_registry_list(struct lat_registry *registry,
                                  struct lat_model_info **out_infos, size_t *out_n,
                                  struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_mutex_lock(&registry->mutex);
    struct lat_model_info *infos = lat_alloc_raw(registry->n, sizeof(*infos));
    if (infos) {
        for (size_t i = 0; i < registry->n; i++)
            describe(registry->entries[i], &infos[i]);
        *out_infos = infos;
        *out_n = registry->n;
    } else {
        status = lat_fail_memory(err);
    }
    lat_mutex_unlock(&registry->mutex);
    return status;
}

enum lat_status lat_registry_describe(struct lat_registry *registry, const char *reference,
                                      struct lat_model_info *out_info, struct lat_buf *out_json,
                                      struct lat_error *err)
{
    struct lat_wanted wanted;
    enum lat_status status = lat_wanted_parse(reference, &wanted, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    const struct lat_registry_entry *entry = lat_registry_newest(registry, &wanted, true);
    if (!entry)
        entry = lat_registry_newest(registry, &wanted, false);
    if (entry && out_json)
        lat_buf_append(out_json, entry->json.data, entry->json.len);
    status = !entry     ? lat_registry_unknown(&wanted, err)
             : out_json ? lat_buf_check(out_json, err)
                        : LAT_OK;
    if (status == LAT_OK)
        describe(entry, out_info);
    lat_mutex_unlock(&registry->mutex);
    return status;
}
