/* Packages first, each copied beside its place and renamed; then the files of the data
 * directory, the database last. What was done is undone in reverse when a later step fails. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/registry_scan.h"
#include "service/restore.h"

#include "base/banned.h"

enum { PATH_SIZE = 4096 };

/* ---- folders ---- */

typedef enum lat_status visitor(void *context, const char *file, const char *name,
                                struct lat_error *err);

/* Each entry of a folder but "." and "..". */
static enum lat_status each(const char *folder, visitor *visit, void *context,
                            struct lat_error *err)
{
    char file[PATH_SIZE];
    enum lat_status status = LAT_OK;
    DIR *dir = opendir(folder);
    if (!dir)
        return lat_fail_errno(err, errno, "opening '%s'", folder);
    const struct dirent *entry;
    while (status == LAT_OK && (entry = readdir(dir)) != NULL) {
        const int len = snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (len < 0 || (size_t)len >= sizeof(file))
            status = lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", folder);
        else
            status = visit(context, file, entry->d_name, err);
    }
    closedir(dir);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- a package ---- */

struct copying {
    const char *to;
    unsigned n;   /* entries seen */
    bool differs; /* comparing: another file, or other bytes */
};

/* One file into a folder, through memory: packages are read whole when they are served, too. */
static enum lat_status copy_one(void *context, const char *file, const char *name,
                                struct lat_error *err)
{
    struct copying *copying = context;
    char path[PATH_SIZE];
    struct lat_buf bytes = {0};
    const int len = snprintf(path, sizeof(path), "%s/%s", copying->to, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", file);
    if (is_folder(file)) {
        struct copying below = {.to = path};
        const enum lat_status status = lat_file_make_folder(path, err);
        return status == LAT_OK ? each(file, copy_one, &below, err) : status;
    }
    enum lat_status status = lat_file_read(file, SIZE_MAX, &bytes, err);
    if (status == LAT_OK)
        status = lat_file_write(path, bytes.data, bytes.len, err);
    lat_buf_release(&bytes);
    return status;
}

static enum lat_status compare_one(void *context, const char *file, const char *name,
                                   struct lat_error *err)
{
    struct copying *comparing = context;
    char path[PATH_SIZE];
    struct lat_buf a = {0}, b = {0};
    struct copying below = {.to = path};
    enum lat_status status = LAT_OK;
    const int len = snprintf(path, sizeof(path), "%s/%s", comparing->to, name);
    comparing->n++;
    if (len < 0 || (size_t)len >= sizeof(path) || !lat_file_exists(path)) {
        comparing->differs = true;
    } else if (is_folder(file)) {
        status = each(file, compare_one, &below, err);
        comparing->differs |= below.differs;
    } else {
        status = lat_file_read(file, SIZE_MAX, &a, err);
        if (status == LAT_OK)
            status = lat_file_read(path, SIZE_MAX, &b, err);
        comparing->differs |= a.len != b.len || (a.len && memcmp(a.data, b.data, a.len) != 0);
    }
    lat_buf_release(&a);
    lat_buf_release(&b);
    return status;
}

/* ---- packages ---- */

struct package {
    struct lat_found_package found;
    bool present, placed;
};

static void package_path(const char *models, const struct package *package, char *out,
                         size_t size)
{
    const int len =
        snprintf(out, size, "%s/%s/%u", models, package->found.name, package->found.version);
    if (len < 0 || (size_t)len >= size)
        out[0] = '\0'; /* no such path: whoever uses it says so */
}

/* What is there already is the same or a reason to refuse. */
static enum lat_status look(const struct lat_restore_places *places, struct package *package,
                            struct lat_error *err)
{
    char from[PATH_SIZE], to[PATH_SIZE], below[PATH_SIZE];
    struct copying comparing = {.to = to};
    snprintf(below, sizeof(below), "%s/models", places->unpacked);
    package_path(below, package, from, sizeof(from));
    package_path(places->models, package, to, sizeof(to));
    package->present = lat_file_exists(to);
    if (!package->present)
        return LAT_OK;
    const enum lat_status status = each(from, compare_one, &comparing, err);
    if (status == LAT_OK && comparing.differs)
        return lat_fail(err, LAT_CONFLICT, "exists",
                        "'%s' is there with other bytes than model '%s@%u' of the snapshot", to,
                        package->found.name, package->found.version);
    return status;
}

static enum lat_status put_package(const struct lat_restore_places *places,
                                   struct package *package, struct lat_error *err)
{
    char from[PATH_SIZE], to[PATH_SIZE], beside[PATH_SIZE], folder[PATH_SIZE], below[PATH_SIZE];
    struct copying copying = {.to = beside};
    snprintf(below, sizeof(below), "%s/models", places->unpacked);
    package_path(below, package, from, sizeof(from));
    package_path(places->models, package, to, sizeof(to));
    const int len[] = {
        snprintf(folder, sizeof(folder), "%s/%s", places->models, package->found.name),
        snprintf(beside, sizeof(beside), "%s/.restoring-%u", folder, package->found.version)};
    if ((size_t)len[1] >= sizeof(beside) || len[0] < 0)
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", places->models);
    lat_file_remove_tree(beside);
    enum lat_status status = lat_file_make_folder(beside, err);
    if (status == LAT_OK)
        status = each(from, copy_one, &copying, err);
    if (status == LAT_OK && rename(beside, to) != 0)
        status = lat_fail_errno(err, errno, "creating '%s'", to);
    package->placed = status == LAT_OK;
    if (status == LAT_OK)
        return lat_file_sync_folder(folder, err);
    lat_file_remove_tree(beside);
    rmdir(folder); /* if nothing else is in it */
    return status;
}

static void take_back(const struct lat_restore_places *places, const struct package *packages,
                      size_t n)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i < n; i++) {
        if (!packages[i].placed)
            continue;
        package_path(places->models, &packages[i], path, sizeof(path));
        lat_file_remove_tree(path);
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
}

static enum lat_status find_packages(const char *folder, struct package **out_packages,
                                     size_t *out_n, struct lat_error *err)
{
    struct lat_found_package *found = NULL;
    size_t n = 0;
    enum lat_status status = LAT_OK;
    if (lat_file_exists(folder))
        status = lat_registry_scan(folder, &found, &n, err);
    struct package *packages =
        status == LAT_OK ? lat_alloc(n ? n : 1, sizeof(*packages)) : NULL;
    if (status == LAT_OK && !packages)
        status = lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        packages[i].found = found[i];
    lat_free(found);
    if (status == LAT_OK) {
        *out_packages = packages;
        *out_n = n;
    }
    return status;
}

/* ---- the data directory ---- */

struct moving {
    const char *to;
};

static enum lat_status move_one(void *context, const char *file, const char *name,
                                struct lat_error *err)
{
    struct moving *moving = context;
    char path[PATH_SIZE];
    const int len = snprintf(path, sizeof(path), "%s/%s", moving->to, name);
    if (strcmp(name, "latentd.db") == 0)
        return LAT_OK; /* the last */
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", moving->to);
    return rename(file, path) == 0 ? LAT_OK : lat_fail_errno(err, errno, "creating '%s'", path);
}

static enum lat_status remove_placed(void *context, const char *file, const char *name,
                                     struct lat_error *err)
{
    (void)context;
    (void)err;
    if (strcmp(name, ".restoring") != 0 && strcmp(name, "lost+found") != 0)
        lat_file_remove_tree(file);
    return LAT_OK;
}

/* The directory was empty: what is in it on failure is what was moved. */
static enum lat_status move_data(const struct lat_restore_places *places, struct lat_error *err)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    struct moving moving = {.to = places->data};
    enum lat_status status = each(places->unpacked, move_one, &moving, err);
    snprintf(from, sizeof(from), "%s/latentd.db", places->unpacked);
    snprintf(to, sizeof(to), "%s/latentd.db", places->data);
    if (status == LAT_OK && rename(from, to) != 0)
        status = lat_fail_errno(err, errno, "creating '%s'", to);
    if (status == LAT_OK)
        return lat_file_sync_folder(places->data, err);
    struct lat_error ignored = LAT_ERROR_INIT;
    const enum lat_status removed = each(places->data, remove_placed, NULL, &ignored);
    (void)removed;
    return status;
}

enum lat_status lat_restore_place(struct lat_restore_places *places, struct lat_error *err)
{
    struct package *packages = NULL;
    char below[PATH_SIZE];
    size_t n = 0;
    const bool apart = places->models[0] != '\0';
    snprintf(below, sizeof(below), "%s/models", places->unpacked);
    enum lat_status status = find_packages(below, &packages, &n, err);
    for (size_t i = 0; status == LAT_OK && apart && i < n; i++)
        status = look(places, &packages[i], err);
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        if (packages[i].present)
            places->present++;
        else if (apart)
            status = put_package(places, &packages[i], err);
        places->packages += !packages[i].present;
    }
    if (status == LAT_OK && apart)
        lat_file_remove_tree(below);
    if (status == LAT_OK)
        status = move_data(places, err);
    if (status != LAT_OK)
        take_back(places, packages, n);
    lat_free(packages);
    return status;
}
