/* The table of versions, an array sorted by name and version, held against the folder: one walk
 * over both adds what is new and drops what is gone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "model/registry_internal.h"
#include "model/registry_scan.h"

#include "base/banned.h"

enum lat_status lat_wanted_parse(const char *reference, struct lat_wanted *out,
                                 struct lat_error *err)
{
    const char *at = strchr(reference, '@');
    const size_t len = at ? (size_t)(at - reference) : strlen(reference);
    struct lat_wanted wanted = {.version = 0};
    if (len < sizeof(wanted.name))
        memcpy(wanted.name, reference, len);
    if (!lat_name_valid(wanted.name))
        return lat_fail(err, LAT_INVALID, "invalid_name",
                        "a model's name has 1 to 63 of a-z, 0-9, dot, underscore and dash");
    if (at && !lat_version_parse(at + 1, &wanted.version))
        return lat_fail(err, LAT_INVALID, "invalid_version",
                        "the version of model '%s' must be a whole number from 1", wanted.name);
    *out = wanted;
    return LAT_OK;
}

enum lat_status lat_registry_unknown(const struct lat_wanted *wanted, struct lat_error *err)
{
    if (wanted->version)
        return lat_fail(err, LAT_NOT_FOUND, "model_not_found", "no model '%s@%" PRIu32 "'",
                        wanted->name, wanted->version);
    return lat_fail(err, LAT_NOT_FOUND, "model_not_found", "no model '%s'", wanted->name);
}

bool lat_registry_is_wanted(const struct lat_registry_entry *entry,
                            const struct lat_wanted *wanted)
{
    return strcmp(entry->name, wanted->name) == 0 &&
           (wanted->version == 0 || wanted->version == entry->version);
}

struct lat_registry_entry *lat_registry_newest(const struct lat_registry *registry,
                                               const struct lat_wanted *wanted, bool ready)
{
    for (size_t i = registry->n; i-- > 0;) {
        struct lat_registry_entry *entry = registry->entries[i];
        if (lat_registry_is_wanted(entry, wanted) && (!ready || entry->model))
            return entry;
    }
    return NULL;
}

void lat_registry_count_states(const struct lat_registry *registry)
{
    double counts[3] = {0.0, 0.0, 0.0};
    for (size_t i = 0; i < registry->n; i++) {
        const enum lat_model_state state = registry->entries[i]->state;
        counts[state < 2 ? state : 2] += 1.0;
    }
    for (size_t s = 0; s < LAT_ARRAY_LEN(counts); s++)
        lat_metric_set(LAT_METRIC_MODELS, lat_model_state_names[s], counts[s]);
}

/* ---- the table against the folder ---- */

static void entry_free(struct lat_registry_entry *entry)
{
    lat_buf_release(&entry->json);
    lat_model_release(entry->model);
    lat_free(entry);
}

void lat_registry_path(const struct lat_registry *registry, const struct lat_wanted *wanted,
                       char *out, size_t size)
{
    snprintf(out, size, "%s/%s/%" PRIu32, registry->folder, wanted->name, wanted->version);
}

static enum lat_status insert(struct lat_registry *registry, size_t at,
                              const struct lat_found_package *found, struct lat_error *err)
{
    if (registry->n == registry->capacity) {
        const size_t capacity = registry->capacity ? 2 * registry->capacity : 16;
        struct lat_registry_entry **entries =
            lat_realloc(registry->entries, capacity, sizeof(struct lat_registry_entry *));
        if (!entries)
            return lat_fail_memory(err);
        registry->entries = entries;
        registry->capacity = capacity;
    }
    struct lat_registry_entry *entry = lat_alloc(1, sizeof(*entry));
    if (!entry)
        return lat_fail_memory(err);
    entry->state = LAT_MODEL_LOADING;
    entry->version = found->version;
    snprintf(entry->name, sizeof(entry->name), "%s", found->name);
    snprintf(entry->reason, sizeof(entry->reason), "waiting to be loaded");
    memmove(registry->entries + at + 1, registry->entries + at,
            (registry->n - at) * sizeof(struct lat_registry_entry *));
    registry->entries[at] = entry;
    registry->n++;
    return LAT_OK;
}

void lat_registry_drop(struct lat_registry *registry, size_t at)
{
    entry_free(registry->entries[at]);
    registry->n--;
    memmove(registry->entries + at, registry->entries + at + 1,
            (registry->n - at) * sizeof(struct lat_registry_entry *));
}

/* Both lists are sorted: one walk adds what is new and drops what is gone. The lock is held. */
static enum lat_status merge(struct lat_registry *registry,
                             const struct lat_found_package *found, size_t n_found,
                             struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    size_t at = 0;
    for (size_t f = 0; (f < n_found || at < registry->n) && status == LAT_OK;) {
        int order = at == registry->n ? 1 : -1;
        if (at < registry->n && f < n_found) {
            const struct lat_registry_entry *entry = registry->entries[at];
            order = strcmp(entry->name, found[f].name);
            if (order == 0)
                order =
                    (entry->version > found[f].version) - (entry->version < found[f].version);
        }
        if (order > 0) {
            status = insert(registry, at++, &found[f++], err);
        } else if (order == 0) {
            at++;
            f++;
        } else if (registry->entries[at]->model || registry->entries[at]->busy) {
            at++;
        } else {
            lat_registry_drop(registry, at);
        }
    }
    lat_registry_count_states(registry);
    return status;
}

enum lat_status lat_registry_rescan(struct lat_registry *registry, struct lat_error *err)
{
    struct lat_found_package *found = NULL;
    size_t n_found = 0;
    enum lat_status status = lat_registry_scan(registry->folder, &found, &n_found, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    status = merge(registry, found, n_found, err);
    lat_mutex_unlock(&registry->mutex);
    lat_free(found);
    return status;
}
