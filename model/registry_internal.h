/* The registry's table, as registry.c keeps it and its neighbours ask it. Internal to model/.
 */
#ifndef LAT_MODEL_REGISTRY_INTERNAL_H
#define LAT_MODEL_REGISTRY_INTERNAL_H

#include "base/sync.h"
#include "model/model_internal.h"
#include "model/registry.h"

struct lat_registry_entry {
    char name[LAT_NAME_MAX];
    uint32_t version;
    enum lat_model_state state;
    bool busy;
    char reason[512];
    struct lat_manifest manifest; /* as far as it could be read */
    struct lat_buf json;
    struct lat_model *model; /* one reference, NULL unless READY */
};

struct lat_registry {
    struct lat_engine *engine;
    char folder[LAT_PATH_MAX];
    int threads;
    struct lat_mutex mutex;
    struct lat_cond changed;
    struct lat_registry_entry **entries; /* sorted by (name, version) */
    size_t n, capacity;
};

/* "name" or "name@version"; version 0 when not said. */
struct lat_wanted {
    char name[LAT_NAME_MAX];
    uint32_t version;
};

enum { LAT_PACKAGE_PATH_MAX = LAT_PATH_MAX + LAT_NAME_MAX + 16 };

enum lat_status lat_wanted_parse(const char *reference, struct lat_wanted *out,
                                 struct lat_error *err) LAT_MUST_USE;

/* registry_table.c, but for the last with the lock held: */

/* Of that name, and of that version where it is said. */
bool lat_registry_is_wanted(const struct lat_registry_entry *entry,
                            const struct lat_wanted *wanted);
/* Takes entry `at` out and frees it. */
void lat_registry_drop(struct lat_registry *registry, size_t at);
/* The gauge of models by state. */
void lat_registry_count_states(const struct lat_registry *registry);
/* Packages that have come get an entry, waiting to be loaded; entries without a folder go,
 * unless they have a model or are busy. Takes the lock. */
enum lat_status lat_registry_rescan(struct lat_registry *registry,
                                    struct lat_error *err) LAT_MUST_USE;

/* LAT_NOT_FOUND model_not_found. */
enum lat_status lat_registry_unknown(const struct lat_wanted *wanted, struct lat_error *err);

/* The newest wanted entry, NULL if none; with a model if `ready`. The lock is held. */
struct lat_registry_entry *lat_registry_newest(const struct lat_registry *registry,
                                               const struct lat_wanted *wanted, bool ready);

/* FOLDER/NAME/VERSION of a version that is set. */
void lat_registry_path(const struct lat_registry *registry, const struct lat_wanted *wanted,
                       char *out, size_t size);

/* A package that has just come into the folder, opened already: *loaded becomes its entry's, as
 * if it had been loaded from there, and what it replaces is left in *loaded. */
enum lat_status lat_registry_adopt(struct lat_registry *registry,
                                   const struct lat_wanted *wanted,
                                   struct lat_model_loaded *loaded,
                                   struct lat_error *err) LAT_MUST_USE;

/* Waits until nobody loads or unloads the version and keeps it so until lat_registry_let_go;
 * handles go on being given out. LAT_NOT_FOUND. */
enum lat_status lat_registry_hold(struct lat_registry *registry,
                                  const struct lat_wanted *wanted,
                                  struct lat_error *err) LAT_MUST_USE;
/* `gone`: its folder is, so the entry goes, too; handles that are out live on. */
void lat_registry_let_go(struct lat_registry *registry, const struct lat_wanted *wanted,
                         bool gone);

#endif
