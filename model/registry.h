/* The registry: every package under the models folder, its versions, and the loaded sessions.
 *
 * Threads: every function may be called from any thread. Loading happens outside the lock; a
 * new version is swapped in at once; a handle keeps its sessions alive until it is released, so
 * an unload or a newer version never pulls a model from under a running request. */
#ifndef LAT_MODEL_REGISTRY_H
#define LAT_MODEL_REGISTRY_H

#include "model/engine.h"
#include "model/package.h"

struct lat_registry;
struct lat_model; /* one loaded version, shared and reference-counted; see model/autoencoder.h
                   */

enum lat_model_state {
    LAT_MODEL_READY,
    LAT_MODEL_LOADING,
    LAT_MODEL_UNLOADED,
    LAT_MODEL_UNAVAILABLE
};
extern const char
    *const lat_model_state_names[4]; /* "ready" "loading" "unavailable" for the last two */

/* A row of the list: a copy, no ownership. */
struct lat_model_info {
    char name[LAT_NAME_MAX];
    uint32_t version;
    enum lat_model_state state;
    char reason[512];             /* why it is unavailable ("unloaded", or the load error) */
    struct lat_manifest manifest; /* zeroes when the manifest itself cannot be read */
    unsigned users;               /* handles out */
};

struct lat_registry_options {
    const char *folder;
    int threads; /* intra-op threads of a session */
};

/* Opens the folder (created when absent) and finds packages; loads nothing yet. */
enum lat_status lat_registry_open(struct lat_engine *engine,
                                  const struct lat_registry_options *options,
                                  struct lat_registry **out_registry,
                                  struct lat_error *err) LAT_MUST_USE;
/* All handles must have been released. */
void lat_registry_close(struct lat_registry *registry);

/* Loads every package found. A broken one becomes `unavailable` with its reason; that is no
 * error. */
void lat_registry_load_all(struct lat_registry *registry);

/* "name" (its newest ready version) or "name@version". LAT_NOT_FOUND for an unknown name or
 * version, LAT_UNAVAILABLE (code model_unavailable) with the reason. Release what you acquired.
 */
enum lat_status lat_registry_acquire(struct lat_registry *registry, const char *reference,
                                     struct lat_model **out_model,
                                     struct lat_error *err) LAT_MUST_USE;
void lat_model_release(struct lat_model *model);
/* One reference more on a model that is held already; returns it. */
struct lat_model *lat_model_reuse(struct lat_model *model);

/* Looks at the folder again and loads (a new, an unloaded, a repaired package). `name` alone
 * loads the newest version in the folder. */
enum lat_status lat_registry_load(struct lat_registry *registry, const char *reference,
                                  struct lat_error *err) LAT_MUST_USE;
/* Unloads one version, or with `name` alone every loaded one. Running requests finish first. */
enum lat_status lat_registry_unload(struct lat_registry *registry, const char *reference,
                                    struct lat_error *err) LAT_MUST_USE;

/* One file of an upload, borrowed. */
struct lat_package_part {
    const char
        *name; /* "manifest", "encoder", "decoder", or the name of a file in the manifest */
    const char *filename; /* tried where `name` is none of these; NULL: none */
    const void *bytes;
    size_t len;
};

/* A new version out of its files: written beside the others, opened and tried out, and only
 * then renamed to its place, where it is ready at once; what serves goes on serving meanwhile.
 * The reference is "name@version". *out_created false: the same version, byte for byte, was
 * there.
 *
 * LAT_CONFLICT model_exists: it is there with other files. LAT_INVALID, LAT_BAD_SYNTAX: the
 * package is bad, with the pointer into its manifest, expected and got; nothing of it stays.
 * missing_field, unknown_field, two_files: files and manifest do not fit together. */
enum lat_status lat_registry_put(struct lat_registry *registry, const char *reference,
                                 const struct lat_package_part *parts, size_t n,
                                 bool *out_created, struct lat_error *err) LAT_MUST_USE;
/* Removes one version ("name@version") and its files. Running requests finish on what they
 * hold. Whether something still wants it is the caller's to know. */
enum lat_status lat_registry_delete(struct lat_registry *registry, const char *reference,
                                    struct lat_error *err) LAT_MUST_USE;

/* A snapshot sorted by (name, version); *out_infos is the caller's (lat_free). */
enum lat_status lat_registry_list(struct lat_registry *registry,
                                  struct lat_model_info **out_infos, size_t *out_n,
                                  struct lat_error *err) LAT_MUST_USE;
/* One row, and the manifest's own text appended to `out_json` (may be NULL). */
enum lat_status lat_registry_describe(struct lat_registry *registry, const char *reference,
                                      struct lat_model_info *out_info, struct lat_buf *out_json,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
