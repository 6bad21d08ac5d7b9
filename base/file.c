/* A file is published in four steps: write beside it, sync, rename, sync the folder. Before the
 * rename the old file is untouched; after it the new one is whole. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

enum { READ_STEP = 1 << 15, TEMPORARY_TRIES = 16 };

/* Reads until the end, not until the size the file had: it may grow, or have none (a pipe,
 * /proc). */
static enum lat_status read_all(int fd, const char *path, size_t limit, struct lat_buf *out,
                                struct lat_error *err)
{
    unsigned char step[READ_STEP];
    size_t total = 0;
    for (;;) {
        const ssize_t n = read(fd, step, sizeof(step));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lat_fail_errno(err, errno, "reading '%s'", path);
        if (n == 0)
            return LAT_OK;
        total += (size_t)n;
        if (total > limit)
            return lat_fail(err, LAT_TOO_LARGE, NULL, "'%s' is larger than %zu bytes", path,
                            limit);
        lat_buf_append(out, step, (size_t)n);
        const enum lat_status status = lat_buf_check(out, err);
        if (status != LAT_OK)
            return status;
    }
}

/* Refuses what is too large before reading it, and takes the room for the rest at once. */
static enum lat_status prepare_read(int fd, const char *path, size_t limit, struct lat_buf *out,
                                    struct lat_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return lat_fail_errno(err, errno, "reading '%s'", path);
    if (S_ISDIR(st.st_mode))
        return lat_fail_errno(err, EISDIR, "reading '%s'", path);
    if (st.st_size > 0 && (uintmax_t)st.st_size > limit)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "'%s' has %jd bytes, more than %zu", path,
                        (intmax_t)st.st_size, limit);
    if (!lat_buf_reserve(out, (size_t)st.st_size))
        return lat_buf_check(out, err);
    out->data[out->len] = '\0';
    return LAT_OK;
}

enum lat_status lat_file_read(const char *path, size_t limit, struct lat_buf *out,
                              struct lat_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no file '%s'", path);
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", path);
    const size_t old_len = out->len;
    enum lat_status status = prepare_read(fd, path, limit, out, err);
    if (status == LAT_OK)
        status = read_all(fd, path, limit, out, err);
    if (status != LAT_OK && out->data) {
        out->len = old_len;
        out->data[old_len] = '\0';
    }
    close(fd);
    return status;
}

enum lat_status lat_file_write_all(int fd, const char *name, const void *bytes, size_t len,
                                   struct lat_error *err)
{
    const unsigned char *p = bytes;
    while (len) {
        const ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lat_fail_errno(err, errno, "writing '%s'", name);
        p += n;
        len -= (size_t)n;
    }
    return LAT_OK;
}

enum lat_status lat_file_sync_folder(const char *folder, struct lat_error *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening folder '%s'", folder);
    enum lat_status status = LAT_OK;
    /* EINVAL: a file system that knows no sync of folders. */
    if (fsync(fd) != 0 && errno != EINVAL)
        status = lat_fail_errno(err, errno, "syncing folder '%s'", folder);
    close(fd);
    return status;
}

/* Syncs the folder `path` lies in. */
static enum lat_status sync_folder_of(const char *path, struct lat_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, sizeof(folder), ".");
    else
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return lat_file_sync_folder(folder, err);
}

static enum lat_status sync_file(const char *path, struct lat_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", path);
    enum lat_status status = LAT_OK;
    if (fsync(fd) != 0)
        status = lat_fail_errno(err, errno, "syncing '%s'", path);
    close(fd);
    return status;
}

enum lat_status lat_file_publish(const char *temporary, const char *path, struct lat_error *err)
{
    enum lat_status status = sync_file(temporary, err);
    if (status == LAT_OK && rename(temporary, path) != 0)
        status = lat_fail_errno(err, errno, "renaming '%s' to '%s'", temporary, path);
    if (status != LAT_OK) {
        unlink(temporary);
        return status;
    }
    return sync_folder_of(path, err);
}

/* Opens a name beside `path` that nobody has; one left by a process that died is stepped over.
 */
static int open_temporary(const char *path, char *temporary, size_t size)
{
    static atomic_uint counter;
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        const int n = snprintf(temporary, size, "%s.tmp-%ld-%u", path, (long)getpid(),
                               atomic_fetch_add(&counter, 1));
        if (n < 0 || (size_t)n >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

enum lat_status lat_file_write(const char *path, const void *bytes, size_t len,
                               struct lat_error *err)
{
    char temporary[PATH_MAX];
    const int fd = open_temporary(path, temporary, sizeof(temporary));
    if (fd < 0)
        return lat_fail_errno(err, errno, "creating a temporary file for '%s'", path);
    enum lat_status status = lat_file_write_all(fd, path, bytes, len, err);
    if (close(fd) != 0 && status == LAT_OK)
        status = lat_fail_errno(err, errno, "writing '%s'", path);
    if (status != LAT_OK) {
        unlink(temporary);
        return status;
    }
    return lat_file_publish(temporary, path, err);
}

/* One level; fine if a folder (or a link to one) is there. */
static enum lat_status make_one(const char *path, struct lat_error *err)
{
    struct stat st;
    if (mkdir(path, 0755) == 0)
        return LAT_OK;
    const int reason = errno;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? LAT_OK
                                   : lat_fail_errno(err, ENOTDIR, "creating folder '%s'", path);
    return lat_fail_errno(err, reason, "creating folder '%s'", path);
}

enum lat_status lat_file_make_folder(const char *path, struct lat_error *err)
{
    char part[PATH_MAX];
    const size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return lat_fail_errno(err, len ? ENAMETOOLONG : ENOENT, "creating folder '%s'", path);
    for (size_t i = 1; i < len; i++) {
        if (path[i] != '/')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)i, path);
        const enum lat_status status = make_one(part, err);
        if (status != LAT_OK)
            return status;
    }
    return make_one(path, err);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void lat_file_remove_tree(const char *path)
{
    enum { OPEN_FOLDERS = 8 };
    nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

bool lat_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool lat_file_is_within(const char *root, const char *path)
{
    char real[PATH_MAX];
    const size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return realpath(path, real) && strncmp(real, root, len) == 0 &&
           (real[len] == '/' || (real[len] == '\0' && len));
}
