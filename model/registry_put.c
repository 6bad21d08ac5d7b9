/* Versions that come and go by name: an upload becomes a folder of its own, a dotted one that
 * nobody takes for a package, and is renamed when all of it has been tried; a deletion renames
 * first and removes afterwards. Whatever stops in between leaves the models folder with or
 * without the version, never with half of it. Folders left by a process that was killed are
 * those of killed trainings (".new-"), and swept like them.
 *
 * Names of parts never become paths: files are written under the names of the manifest, which
 * stay below the folder (model/package_fields.c). */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/package_internal.h"
#include "model/registry_internal.h"

#include "base/banned.h"

enum { FILES_MAX = LAT_FILES_MAX + 6, FOLDER_MAX = LAT_PACKAGE_PATH_MAX + 16 };

/* One file the package wants: its key in the manifest, its name, and the part it came in. */
struct wanted_file {
    char key[32];
    const char *name;
    const struct lat_package_part *part; /* NULL: not sent */
};

struct upload {
    struct lat_registry *registry;
    struct lat_wanted wanted;
    struct lat_manifest manifest;
    struct wanted_file files[FILES_MAX];
    size_t n_files;
    char final[LAT_PACKAGE_PATH_MAX], temporary[FOLDER_MAX];
};

/* ---- which part is which file ---- */

static const struct lat_package_part *find_part(const struct lat_package_part *parts, size_t n,
                                                const char *key, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(parts[i].name, key) == 0 || (name && strcmp(parts[i].name, name) == 0))
            return &parts[i];
    for (size_t i = 0; name && i < n; i++)
        if (parts[i].filename && strcmp(parts[i].filename, name) == 0)
            return &parts[i];
    return NULL;
}

static void add_file(struct upload *upload, const char *key, const char *name,
                     const struct lat_package_part *part)
{
    struct wanted_file *file = &upload->files[upload->n_files++];
    snprintf(file->key, sizeof(file->key), "%s", key);
    file->name = name;
    file->part = part;
}

/* Every file the manifest names has a part, and every part is one of them. */
static enum lat_status check_files(const struct upload *upload,
                                   const struct lat_package_part *parts, size_t n,
                                   struct lat_error *err)
{
    for (size_t i = 0; i < upload->n_files; i++) {
        const struct wanted_file *file = &upload->files[i];
        if (!file->part) {
            lat_fail(err, LAT_INVALID, "missing_field",
                     "model.json: /%s: '%.60s' is named, but not among the parts", file->key,
                     file->name);
            lat_error_at(err, "/%s", file->key);
            return LAT_INVALID;
        }
        for (size_t j = 0; j < i; j++)
            if (file->part == upload->files[j].part ||
                strcmp(file->name, upload->files[j].name) == 0)
                return lat_fail(err, LAT_INVALID, "two_files", "/%s and /%s are the same file",
                                upload->files[j].key, file->key);
    }
    for (size_t i = 0; i < n; i++) {
        bool used = false;
        for (size_t j = 0; j < upload->n_files; j++)
            used |= upload->files[j].part == &parts[i];
        if (!used)
            return lat_fail(err, LAT_INVALID, "unknown_field",
                            "part '%.60s' is no file that the manifest names, or comes twice",
                            parts[i].name);
    }
    return LAT_OK;
}

static enum lat_status sort_files(struct upload *upload, const struct lat_package_part *parts,
                                  size_t n, struct lat_error *err)
{
    struct lat_manifest *manifest = &upload->manifest;
    const struct lat_package_part *text = find_part(parts, n, "manifest", "model.json");
    if (!text)
        return lat_fail(err, LAT_INVALID, "missing_field",
                        "there is no part 'manifest' with the model.json");
    const enum lat_status status =
        lat_manifest_parse_text(text->bytes, text->len, manifest, err);
    if (status != LAT_OK)
        return status;
    add_file(upload, "manifest", "model.json", text);
    add_file(upload, "encoder", manifest->encoder,
             find_part(parts, n, "encoder", manifest->encoder));
    const bool named = manifest->decoder[0] != '\0';
    if (!named)
        snprintf(manifest->decoder, sizeof(manifest->decoder), "decoder.onnx");
    const struct lat_package_part *decoder = find_part(parts, n, "decoder", manifest->decoder);
    if (named || decoder)
        add_file(upload, "decoder", manifest->decoder, decoder);
    for (size_t i = 0; i < manifest->n_files; i++) {
        char key[32];
        snprintf(key, sizeof(key), "files/%zu", i);
        add_file(upload, key, manifest->files[i],
                 find_part(parts, n, manifest->files[i], manifest->files[i]));
    }
    const struct {
        const char *key, *name;
    } others[] = {{"prior", manifest->prior},
                  {"analysis", manifest->analysis},
                  {"synthesis", manifest->synthesis}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(others); i++)
        if (others[i].name[0] != '\0')
            add_file(upload, others[i].key, others[i].name,
                     find_part(parts, n, others[i].key, others[i].name));
    return check_files(upload, parts, n, err);
}

/* ---- what is there already ---- */

static bool same_file(const struct upload *upload, const struct wanted_file *file)
{
    char path[FOLDER_MAX + LAT_FILE_NAME_MAX];
    struct lat_buf bytes = {0};
    snprintf(path, sizeof(path), "%s/%s", upload->final, file->name);
    const bool same = lat_file_read(path, file->part->len, &bytes, NULL) == LAT_OK &&
                      bytes.len == file->part->len &&
                      (bytes.len == 0 || memcmp(bytes.data, file->part->bytes, bytes.len) == 0);
    lat_buf_release(&bytes);
    return same;
}

/* LAT_OK when the version that is there has these files and no other. */
static enum lat_status check_same(const struct upload *upload, struct lat_error *err)
{
    char path[FOLDER_MAX + 16];
    bool same = true;
    for (size_t i = 0; same && i < upload->n_files; i++)
        same = same_file(upload, &upload->files[i]);
    snprintf(path, sizeof(path), "%s/decoder.onnx", upload->final);
    for (size_t i = 0; i < upload->n_files; i++)
        if (strcmp(upload->files[i].name, "decoder.onnx") == 0)
            path[0] = '\0';
    if (same && !(path[0] && lat_file_exists(path)))
        return LAT_OK;
    return lat_fail(err, LAT_CONFLICT, "model_exists",
                    "model '%s@%" PRIu32 "' exists with other files: a version never changes",
                    upload->wanted.name, upload->wanted.version);
}

/* ---- folders ---- */

/* Removes the name's folder where that was its last version. */
static void remove_if_empty(const struct lat_registry *registry, const char *name)
{
    char folder[LAT_PACKAGE_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/%s", registry->folder, name);
    rmdir(folder);
}

/* FOLDER/NAME/.new-XXXXXX of its own. Twice, because somebody else may find FOLDER/NAME empty
 * and remove it before there is something in it. */
static enum lat_status make_temporary(struct lat_registry *registry, const char *name,
                                      char *out_path, size_t size, struct lat_error *err)
{
    bool made = false;
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(out_path, size, "%s/%s", registry->folder, name);
        enum lat_status status = lat_file_make_folder(out_path, err);
        if (status == LAT_OK)
            status = lat_file_sync_folder(registry->folder, err);
        if (status != LAT_OK)
            return status;
        snprintf(out_path, size, "%s/%s/.new-XXXXXX", registry->folder, name);
        made = mkdtemp(out_path) != NULL;
    }
    if (!made)
        return lat_fail_errno(err, errno, "creating a folder in '%s'", registry->folder);
    if (chmod(out_path, 0755) == 0)
        return LAT_OK;
    const enum lat_status status =
        lat_fail_errno(err, errno, "opening '%s' to others", out_path);
    lat_file_remove_tree(out_path);
    return status;
}

static enum lat_status write_file(const struct upload *upload, const struct wanted_file *file,
                                  struct lat_error *err)
{
    char path[FOLDER_MAX + LAT_FILE_NAME_MAX];
    snprintf(path, sizeof(path), "%s/%s", upload->temporary, file->name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    enum lat_status status = lat_file_make_folder(path, err);
    *slash = '/';
    if (status == LAT_OK)
        status = lat_file_write(path, file->part->bytes, file->part->len, err);
    return status;
}

/* ---- putting ---- */

/* The engine names files by their whole path, which is nobody's business. */
static void hide_folder(struct lat_error *err, const char *folder)
{
    const size_t len = strlen(folder);
    char *at;
    while (err && (at = strstr(err->message, folder)) != NULL)
        memmove(at, at + len + (at[len] == '/'), strlen(at + len + (at[len] == '/')) + 1);
}

/* What a package cannot do for itself is its own fault, whatever the engine calls it. */
static enum lat_status blame(struct lat_error *err, enum lat_status status)
{
    const bool ours = status == LAT_NO_MEMORY || status == LAT_IO || status == LAT_DISK_FULL ||
                      status == LAT_TOO_LARGE || status == LAT_BAD_SYNTAX;
    if (status == LAT_OK || status == LAT_INVALID || ours)
        return status;
    if (err && err->status == status) {
        err->status = LAT_INVALID;
        err->code = "bad_model";
    }
    return LAT_INVALID;
}

static enum lat_status write_and_try(struct upload *upload, struct lat_model_loaded *loaded,
                                     struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < upload->n_files; i++)
        status = write_file(upload, &upload->files[i], err);
    if (status != LAT_OK)
        return status;
    const struct lat_model_source source = {upload->registry->engine, upload->temporary,
                                            upload->wanted.name, upload->wanted.version,
                                            upload->registry->threads};
    status = blame(err, lat_model_open(&source, loaded, err));
    hide_folder(err, upload->temporary);
    return status;
}

/* Renamed to its place; somebody else's upload may have come first. */
static enum lat_status publish(struct upload *upload, bool *out_created, struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    const enum lat_status status = lat_file_publish(upload->temporary, upload->final, &why);
    *out_created = status == LAT_OK;
    if (status == LAT_OK)
        return LAT_OK;
    if (lat_file_exists(upload->final))
        return check_same(upload, err);
    return lat_fail(err, status, why.code, "%s", why.message);
}

static enum lat_status put_new(struct upload *upload, bool *out_created, struct lat_error *err)
{
    struct lat_model_loaded loaded = {.model = NULL};
    enum lat_status status = make_temporary(upload->registry, upload->wanted.name,
                                            upload->temporary, sizeof(upload->temporary), err);
    if (status != LAT_OK)
        return status;
    status = write_and_try(upload, &loaded, err);
    if (status == LAT_OK)
        status = publish(upload, out_created, err);
    if (status == LAT_OK && *out_created)
        status = lat_registry_adopt(upload->registry, &upload->wanted, &loaded, err);
    if (!*out_created) {
        lat_file_remove_tree(upload->temporary);
        remove_if_empty(upload->registry, upload->wanted.name);
    }
    lat_model_release(loaded.model);
    lat_buf_release(&loaded.json);
    return status;
}

/* Both parts of "name@version" must be said. */
static enum lat_status parse_exact(const char *reference, struct lat_wanted *out,
                                   struct lat_error *err)
{
    const enum lat_status status = lat_wanted_parse(reference, out, err);
    if (status != LAT_OK || out->version)
        return status;
    return lat_fail(err, LAT_INVALID, "invalid_version", "which version of '%s'?", out->name);
}

enum lat_status lat_registry_put(struct lat_registry *registry, const char *reference,
                                 const struct lat_package_part *parts, size_t n,
                                 bool *out_created, struct lat_error *err)
{
    struct upload *upload = lat_alloc(1, sizeof(*upload));
    bool created = false;
    if (!upload)
        return lat_fail_memory(err);
    upload->registry = registry;
    enum lat_status status = parse_exact(reference, &upload->wanted, err);
    if (status == LAT_OK)
        status = sort_files(upload, parts, n, err);
    if (status == LAT_OK) {
        lat_registry_path(registry, &upload->wanted, upload->final, sizeof(upload->final));
        status = lat_file_exists(upload->final) ? check_same(upload, err)
                                                : put_new(upload, &created, err);
    }
    if (status == LAT_OK && !created)
        status = lat_registry_load(registry, reference, err);
    if (status == LAT_OK)
        *out_created = created;
    lat_free(upload);
    return status;
}

/* ---- deleting ---- */

enum lat_status lat_registry_delete(struct lat_registry *registry, const char *reference,
                                    struct lat_error *err)
{
    struct lat_wanted wanted;
    char folder[LAT_PACKAGE_PATH_MAX], temporary[FOLDER_MAX];
    enum lat_status status = parse_exact(reference, &wanted, err);
    if (status == LAT_OK)
        status = lat_registry_hold(registry, &wanted, err);
    if (status != LAT_OK)
        return status;
    lat_registry_path(registry, &wanted, folder, sizeof(folder));
    bool gone = !lat_file_exists(folder);
    if (!gone)
        status = make_temporary(registry, wanted.name, temporary, sizeof(temporary), err);
    if (!gone && status == LAT_OK) {
        status = lat_file_publish(folder, temporary, err);
        gone = !lat_file_exists(folder);
        lat_file_remove_tree(temporary);
    }
    lat_registry_let_go(registry, &wanted, gone);
    if (gone)
        remove_if_empty(registry, wanted.name);
    return status;
}
