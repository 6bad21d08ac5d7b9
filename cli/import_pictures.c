/* Pictures in files are sent as they are. A folder's are met in the order of their paths; what
 * is no picture there is passed over, unless its name says that it is one. */
#include "cli/import_pictures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/image.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum { FILE_MAX = 256 << 20, DEPTH_MAX = 64 };

/* Paths below a folder, sorted, so that two runs go in the same order. */
struct paths {
    char **items;
    size_t n, capacity;
};

static enum lat_status add_path(struct paths *paths, const char *path, struct lat_error *err)
{
    if (paths->n == paths->capacity) {
        const size_t capacity = paths->capacity ? paths->capacity * 2 : 256;
        char **items = lat_realloc(paths->items, capacity, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        paths->items = items;
        paths->capacity = capacity;
    }
    paths->items[paths->n] = lat_strdup(path);
    return paths->items[paths->n++] ? LAT_OK : lat_fail_memory(err);
}

/* The folders on the way down to one. */
struct above {
    dev_t device;
    ino_t inode;
    int depth;
    const struct above *up;
};

/* Whether a link has led back to a folder on the way. */
static bool is_loop(const struct above *here)
{
    for (const struct above *up = here->up; up; up = up->up)
        if (up->inode == here->inode && up->device == here->device)
            return true;
    return false;
}

static enum lat_status walk(const char *folder, const struct above *up, struct paths *paths,
                            const struct lat_import_sink *sink, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    struct stat own;
    DIR *dir = opendir(folder);
    if (!dir)
        return lat_fail_errno(err, errno, "%s", folder);
    struct above here = {.depth = up ? up->depth + 1 : 0, .up = up};
    if (fstat(dirfd(dir), &own) == 0) {
        here.device = own.st_dev;
        here.inode = own.st_ino;
    }
    if (is_loop(&here)) {
        closedir(dir);
        return LAT_OK;
    }
    for (struct dirent *entry; status == LAT_OK && (entry = readdir(dir));) {
        char path[4096];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &info))
            sink->bad(sink->context, path, "cannot be read");
        else if (S_ISREG(info.st_mode))
            status = add_path(paths, path, err);
        else if (S_ISDIR(info.st_mode) && here.depth < DEPTH_MAX)
            status = walk(path, &here, paths, sink, err);
    }
    closedir(dir);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By its first bytes. */
bool lat_import_is_picture(const char *path)
{
    unsigned char head[16] = {0};
    FILE *file = fopen(path, "re");
    const size_t n = file ? fread(head, 1, sizeof(head), file) : 0;
    if (file)
        fclose(file);
    return lat_image_sniff(head, n) != LAT_IMAGE_UNKNOWN;
}

/* By its name: then it is a fault if its bytes are something else. */
static bool is_called_picture(const char *path)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", ".gif"};
    bool called = false;
    for (size_t i = 0; i < LAT_ARRAY_LEN(suffixes); i++)
        called = called || lat_path_has_suffix(path, suffixes[i]);
    return called;
}

/* Reads and gives one picture file. */
static enum lat_status give_picture(const char *path, const char *id,
                                    const struct lat_import_sink *sink, struct lat_error *err)
{
    struct lat_buf bytes = {0};
    struct lat_error failure = LAT_ERROR_INIT;
    enum lat_status status = LAT_OK;
    if (!sink->wants(sink->context, id))
        return LAT_OK;
    if (lat_file_read(path, FILE_MAX, &bytes, &failure) != LAT_OK) {
        sink->bad(sink->context, path, failure.message);
    } else if (lat_image_sniff(bytes.data, bytes.len) == LAT_IMAGE_UNKNOWN) {
        sink->bad(sink->context, path, "no PNG, JPEG, WebP or GIF");
    } else {
        const struct lat_import_item item = {.kind = LAT_IMPORT_FILE,
                                             .id = id,
                                             .bytes = bytes.data,
                                             .len = bytes.len,
                                             .origin = path};
        status = sink->give(sink->context, &item, err);
    }
    lat_buf_release(&bytes);
    return status;
}

/* A file met in a folder. */
static enum lat_status give_entry(const char *path, const char *id,
                                  const struct lat_import_sink *sink, struct lat_error *err)
{
    if (is_called_picture(path) || access(path, R_OK) != 0 || lat_import_is_picture(path))
        return give_picture(path, id, sink, err);
    sink->pass(sink->context, path);
    return LAT_OK;
}

enum lat_status lat_import_folder(const char *path, const struct lat_import_sink *sink,
                                  struct lat_error *err)
{
    struct paths paths = {0};
    size_t front = strlen(path);
    while (front > 1 && path[front - 1] == '/')
        front--;
    char *folder = lat_strndup(path, front);
    enum lat_status status =
        folder ? walk(folder, NULL, &paths, sink, err) : lat_fail_memory(err);
    if (paths.n)
        qsort(paths.items, paths.n, sizeof(*paths.items), compare_paths);
    if (status == LAT_OK)
        sink->expect(sink->context, paths.n);
    for (size_t i = 0; status == LAT_OK && i < paths.n; i++) {
        const char *id = paths.items[i] + front;
        status = give_entry(paths.items[i], id + strspn(id, "/"), sink, err);
    }
    for (size_t i = 0; i < paths.n; i++)
        lat_free(paths.items[i]);
    lat_free(paths.items);
    lat_free(folder);
    return status;
}

enum lat_status lat_import_picture(const char *path, const struct lat_import_sink *sink,
                                   struct lat_error *err)
{
    const char *slash = strrchr(path, '/');
    sink->expect(sink->context, 1);
    return give_picture(path, slash ? slash + 1 : path, sink, err);
}
