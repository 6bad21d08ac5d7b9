/* The registry: a table of versions, each with at most one loaded model.
 *
 * Invariants:
 * 1. An entry's `model` is complete and immutable; the entry holds one reference to it, every
 *    handle one more. Acquiring is a count under the lock, never a wait for loading.
 * 2. `busy` is set by the one thread that loads an entry; others who want to load or unload it
 *    wait on `changed`. A busy entry is never removed. Whoever waited looks the entry up again.
 * 3. State and model agree: READY if and only if there is a model. A failed reload of a READY
 *    entry leaves the old model serving.
 * 4. An entry goes when its folder is gone and it has no model, or by lat_registry_delete.
 *
 *      LOADING --finish--> READY --detach--> UNLOADED --begin--> LOADING
 *         |                                                        ^
 *         +--finish (failed)--> UNAVAILABLE --begin----------------+
 *
 * Lock: `mutex` (rank registry) guards the table and the entries. The disk is read and graphs
 * are opened, run and closed without it. */
#include "model/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/model_internal.h"
#include "model/registry_internal.h"

#include "base/banned.h"

const char *const lat_model_state_names[4] = {"ready", "loading", "unavailable", "unavailable"};

/* ---- loading ---- */

static enum lat_status open_package(const struct lat_registry *registry,
                                    const struct lat_wanted *wanted,
                                    struct lat_model_loaded *out, struct lat_error *err)
{
    char folder[LAT_PATH_MAX + LAT_NAME_MAX + 16];
    lat_registry_path(registry, wanted, folder, sizeof(folder));
    const struct lat_model_source source = {registry->engine, folder, wanted->name,
                                            wanted->version, registry->threads};
    const enum lat_status status = lat_model_open(&source, out, err);
    lat_error_prefix(err, "model '%s@%" PRIu32 "'", wanted->name, wanted->version);
    return status;
}

/* Swaps the outcome in; what it replaces is left in *loaded for the caller to release once the
 * lock is gone. The lock is held, the entry busy. */
static void finish(struct lat_registry *registry, struct lat_registry_entry *entry,
                   struct lat_model_loaded *loaded, enum lat_status status,
                   const struct lat_error *err)
{
    entry->busy = false;
    if (status == LAT_OK || !entry->model) {
        const struct lat_buf old_json = entry->json;
        struct lat_model *old_model = entry->model;
        entry->manifest = loaded->manifest;
        entry->json = loaded->json;
        entry->model = loaded->model;
        loaded->json = old_json;
        loaded->model = old_model;
        entry->state = status == LAT_OK ? LAT_MODEL_READY : LAT_MODEL_UNAVAILABLE;
        snprintf(entry->reason, sizeof(entry->reason), "%s", err->message);
    }
    lat_registry_count_states(registry);
    lat_cond_broadcast(&registry->changed);
}

/* Waits until nobody loads the wanted version; NULL when it went meanwhile. The lock is held.
 */
static struct lat_registry_entry *when_idle(struct lat_registry *registry,
                                            const struct lat_wanted *wanted)
{
    struct lat_registry_entry *entry = lat_registry_newest(registry, wanted, false);
    while (entry && entry->busy) {
        lat_cond_wait(&registry->changed, &registry->mutex);
        entry = lat_registry_newest(registry, wanted, false);
    }
    return entry;
}

/* Whether the loaded model is what lies in its folder. The lock is held: three stat calls. */
static bool is_current(const struct lat_registry *registry,
                       const struct lat_registry_entry *entry, const struct lat_wanted *wanted)
{
    char folder[LAT_PATH_MAX + LAT_NAME_MAX + 16];
    lat_registry_path(registry, wanted, folder, sizeof(folder));
    return entry->model &&
           entry->model->stamp == lat_package_stamp(folder, &entry->model->manifest);
}

/* Loads one version that the table has; `wanted->version` is set. */
static enum lat_status load_one(struct lat_registry *registry, const struct lat_wanted *wanted,
                                struct lat_error *err)
{
    struct lat_model_loaded loaded = {.model = NULL};
    struct lat_error cause = LAT_ERROR_INIT;
    lat_mutex_lock(&registry->mutex);
    struct lat_registry_entry *entry = when_idle(registry, wanted);
    const bool needed = entry && !is_current(registry, entry, wanted);
    if (needed) {
        entry->busy = true;
        if (!entry->model) {
            entry->state = LAT_MODEL_LOADING;
            snprintf(entry->reason, sizeof(entry->reason), "loading");
        }
        lat_registry_count_states(registry);
    }
    lat_mutex_unlock(&registry->mutex);
    if (!needed)
        return entry ? LAT_OK : lat_registry_unknown(wanted, err);

    const enum lat_status status = open_package(registry, wanted, &loaded, &cause);

    lat_mutex_lock(&registry->mutex);
    entry = lat_registry_newest(registry, wanted, false);
    if (entry) /* always: it is busy */
        finish(registry, entry, &loaded, status, &cause);
    lat_mutex_unlock(&registry->mutex);
    lat_model_release(loaded.model);
    lat_buf_release(&loaded.json);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = cause;
    return status;
}

enum lat_status lat_registry_load(struct lat_registry *registry, const char *reference,
                                  struct lat_error *err)
{
    struct lat_wanted wanted;
    enum lat_status status = lat_wanted_parse(reference, &wanted, err);
    if (status == LAT_OK)
        status = lat_registry_rescan(registry, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    const struct lat_registry_entry *entry = lat_registry_newest(registry, &wanted, false);
    const bool known = entry != NULL;
    if (known)
        wanted.version = entry->version;
    lat_mutex_unlock(&registry->mutex);
    return known ? load_one(registry, &wanted, err) : lat_registry_unknown(&wanted, err);
}

enum lat_status lat_registry_adopt(struct lat_registry *registry,
                                   const struct lat_wanted *wanted,
                                   struct lat_model_loaded *loaded, struct lat_error *err)
{
    const struct lat_error nothing = LAT_ERROR_INIT;
    enum lat_status status = lat_registry_rescan(registry, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    struct lat_registry_entry *entry = when_idle(registry, wanted);
    if (entry && !entry->model)
        finish(registry, entry, loaded, LAT_OK, &nothing);
    else if (!entry)
        status = lat_registry_unknown(wanted, err);
    lat_mutex_unlock(&registry->mutex);
    return status;
}

enum lat_status lat_registry_hold(struct lat_registry *registry,
                                  const struct lat_wanted *wanted, struct lat_error *err)
{
    lat_mutex_lock(&registry->mutex);
    struct lat_registry_entry *entry = when_idle(registry, wanted);
    if (entry)
        entry->busy = true;
    lat_mutex_unlock(&registry->mutex);
    return entry ? LAT_OK : lat_registry_unknown(wanted, err);
}

void lat_registry_let_go(struct lat_registry *registry, const struct lat_wanted *wanted,
                         bool gone)
{
    struct lat_model *model = NULL;
    lat_mutex_lock(&registry->mutex);
    for (size_t i = 0; i < registry->n; i++) {
        struct lat_registry_entry *entry = registry->entries[i];
        if (!lat_registry_is_wanted(entry, wanted))
            continue;
        entry->busy = false;
        if (gone) {
            model = entry->model;
            entry->model = NULL;
            lat_registry_drop(registry, i);
        }
        break;
    }
    lat_registry_count_states(registry);
    lat_cond_broadcast(&registry->changed);
    lat_mutex_unlock(&registry->mutex);
    lat_model_release(model);
}

void lat_registry_load_all(struct lat_registry *registry)
{
    struct lat_wanted wanted;
    bool more = true;
    while (more) {
        more = false;
        lat_mutex_lock(&registry->mutex);
        for (size_t i = 0; i < registry->n && !more; i++) {
            const struct lat_registry_entry *entry = registry->entries[i];
            if (entry->state != LAT_MODEL_LOADING || entry->busy)
                continue;
            more = true;
            wanted.version = entry->version;
            snprintf(wanted.name, sizeof(wanted.name), "%s", entry->name);
        }
        lat_mutex_unlock(&registry->mutex);
        struct lat_error err = LAT_ERROR_INIT;
        if (more && load_one(registry, &wanted, &err) != LAT_OK)
            lat_log_error("model unavailable", &err);
    }
}

/* Takes the model out of one entry: the first wanted one that has a model or waits for one. The
 * caller releases *out_model. False when there is no such entry. */
static bool detach_one(struct lat_registry *registry, const struct lat_wanted *wanted,
                       struct lat_model **out_model)
{
    struct lat_registry_entry *entry = NULL;
    for (size_t i = 0; i < registry->n; i++) {
        entry = registry->entries[i];
        const bool loaded =
            entry->state == LAT_MODEL_READY || entry->state == LAT_MODEL_LOADING;
        if (!lat_registry_is_wanted(entry, wanted) || !loaded) {
            entry = NULL;
            continue;
        }
        if (!entry->busy)
            break;
        lat_cond_wait(&registry->changed, &registry->mutex);
        i = SIZE_MAX; /* the table may have changed: from the start */
        entry = NULL;
    }
    if (!entry)
        return false;
    *out_model = entry->model;
    entry->model = NULL;
    entry->state = LAT_MODEL_UNLOADED;
    snprintf(entry->reason, sizeof(entry->reason), "unloaded");
    lat_registry_count_states(registry);
    return true;
}

enum lat_status lat_registry_unload(struct lat_registry *registry, const char *reference,
                                    struct lat_error *err)
{
    struct lat_wanted wanted;
    enum lat_status status = lat_wanted_parse(reference, &wanted, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_lock(&registry->mutex);
    const bool known = lat_registry_newest(registry, &wanted, false) != NULL;
    struct lat_model *model = NULL;
    while (detach_one(registry, &wanted, &model)) {
        lat_mutex_unlock(&registry->mutex);
        lat_model_release(model);
        lat_mutex_lock(&registry->mutex);
    }
    lat_mutex_unlock(&registry->mutex);
    return known ? LAT_OK : lat_registry_unknown(&wanted, err);
}

/* ---- opening, closing ---- */

/* The manifests of all packages, so that a list is complete before anything is loaded. Nobody
 * else has the registry yet. A broken one is found again, with its reason, when it is loaded.
 */
static void read_manifests(struct lat_registry *registry)
{
    for (size_t i = 0; i < registry->n; i++) {
        struct lat_registry_entry *entry = registry->entries[i];
        struct lat_wanted wanted = {.version = entry->version};
        char folder[LAT_PATH_MAX + LAT_NAME_MAX + 16];
        snprintf(wanted.name, sizeof(wanted.name), "%s", entry->name);
        lat_registry_path(registry, &wanted, folder, sizeof(folder));
        if (lat_model_read_manifest(folder, entry->name, entry->version, &entry->manifest,
                                    &entry->json, NULL) != LAT_OK)
            lat_buf_clear(&entry->json);
    }
}

enum lat_status lat_registry_open(struct lat_engine *engine,
                                  const struct lat_registry_options *options,
                                  struct lat_registry **out_registry, struct lat_error *err)
{
    if (strlen(options->folder) >= LAT_PATH_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "the name of the models folder is too long");
    enum lat_status status = lat_file_make_folder(options->folder, err);
    if (status != LAT_OK)
        return status;
    struct lat_registry *registry = lat_alloc(1, sizeof(*registry));
    if (!registry)
        return lat_fail_memory(err);
    registry->engine = engine;
    registry->threads = options->threads;
    snprintf(registry->folder, sizeof(registry->folder), "%s", options->folder);
    lat_mutex_init(&registry->mutex, LAT_RANK_REGISTRY, "registry");
    lat_cond_init(&registry->changed);
    status = lat_registry_rescan(registry, err);
    if (status != LAT_OK) {
        lat_registry_close(registry);
        return status;
    }
    read_manifests(registry);
    *out_registry = registry;
    return LAT_OK;
}

void lat_registry_close(struct lat_registry *registry)
{
    if (!registry)
        return;
    while (registry->n)
        lat_registry_drop(registry, registry->n - 1);
    lat_free(registry->entries);
    lat_cond_release(&registry->changed);
    lat_mutex_release(&registry->mutex);
    lat_free(registry);
}
