/* One pass over what there is, each file hashed as it goes by: the head, the files of the data
 * directory that are not the database (index files among them), the rows, the packages, the
 * sums.
 *
 * Index files are caches and go first, so that none of them knows a change that the rows,
 * copied after them, do not know. The rows are copied into a file beside the result first,
 * because a member's size stands before its bytes. */
#include "service/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tar.h"
#include "index/store.h"
#include "model/registry_scan.h"
#include "service/version.h"

#include "base/banned.h"

enum { BLOCK = 1 << 18, PATH_SIZE = 4096, DEPTH_MAX = 4 };

/* Copying the rows is about a third of the work, as far as anybody knows before. */
static const double ROWS_SHARE = 0.3;

struct writing {
    const struct lat_backup *backup;
    char temporary[PATH_SIZE], rows[PATH_SIZE]; /* what is being made, and the copied rows */
    int fd;
    struct lat_tar_writer tar;
    struct lat_sha256 whole, member;
    uint64_t created_s, bytes, expected; /* of the archive: so far, in all (about) */
    struct lat_buf sums, models;
    char *block;
};

/* ---- the file ---- */

static enum lat_status put(void *context, const void *bytes, size_t len, struct lat_error *err)
{
    struct writing *w = context;
    const enum lat_status status = lat_file_write_all(w->fd, w->backup->to, bytes, len, err);
    if (status != LAT_OK)
        return status;
    lat_sha256_add(&w->whole, bytes, len);
    w->bytes += len;
    return LAT_OK;
}

static bool goes_on(const struct writing *w, double done)
{
    return !w->backup->progress || w->backup->progress(w->backup->context, done);
}

static enum lat_status stopped(struct lat_error *err)
{
    return lat_fail(err, LAT_CANCELLED, NULL, "the backup was stopped");
}

static void end_member(struct writing *w, const char *path)
{
    char text[LAT_SHA256_TEXT];
    lat_sha256_end(&w->member, text);
    lat_buf_printf(&w->sums, "%s  %s\n", text, path);
}

static enum lat_status add_text(struct writing *w, const char *path, const char *text,
                                size_t len, struct lat_error *err)
{
    lat_sha256_begin(&w->member);
    lat_sha256_add(&w->member, text, len);
    enum lat_status status = lat_tar_begin(&w->tar, path, len, w->created_s, err);
    if (status == LAT_OK)
        status = lat_tar_add(&w->tar, text, len, err);
    end_member(w, path);
    return status;
}

static enum lat_status add_bytes(struct writing *w, int fd, const char *path, uint64_t size,
                                 struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    while (size && status == LAT_OK) {
        const ssize_t n = read(fd, w->block, size < BLOCK ? (size_t)size : BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? lat_fail_errno(err, errno, "reading '%s'", path)
                     : lat_fail(err, LAT_IO, NULL, "'%s' became shorter while it was read",
                                path);
        lat_sha256_add(&w->member, w->block, (size_t)n);
        status = lat_tar_add(&w->tar, w->block, (size_t)n, err);
        size -= (uint64_t)n;
        const double share = (double)w->bytes / (double)(w->expected + 1);
        if (!goes_on(w, ROWS_SHARE + (1 - ROWS_SHARE) * (share < 1 ? share : 1)))
            return stopped(err);
    }
    return status;
}

/* A file of the disk as the member `path`; one that has gone meanwhile is passed over if it
 * `may_go`. */
static enum lat_status add_file(struct writing *w, const char *file, const char *path,
                                bool may_go, struct lat_error *err)
{
    struct stat st;
    const int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && may_go)
        return LAT_OK;
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", file);
    enum lat_status status = LAT_OK;
    if (fstat(fd, &st) != 0)
        status = lat_fail_errno(err, errno, "reading '%s'", file);
    else if (S_ISREG(st.st_mode)) {
        lat_sha256_begin(&w->member);
        status = lat_tar_begin(&w->tar, path, (uint64_t)st.st_size, w->created_s, err);
        if (status == LAT_OK)
            status = add_bytes(w, fd, file, (uint64_t)st.st_size, err);
        end_member(w, path);
    }
    close(fd);
    return status;
}

/* ---- folders ---- */

/* What a folder has that goes along: not what is hidden or half written. */
static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !strstr(entry->d_name, ".tmp");
}

/* Everything below `folder` as members below `prefix` ("" for none). `top`: a data directory,
 * of which some entries are not copied as they are. */
static enum lat_status add_folder(struct writing *w, const char *folder, const char *prefix,
                                  bool (*skip)(const struct writing *w, const char *file,
                                               const char *name),
                                  int depth, struct lat_error *err)
{
    struct dirent **entries = NULL;
    char file[PATH_SIZE], path[LAT_TAR_PATH_MAX];
    struct stat st;
    enum lat_status status = LAT_OK;
    const int n = depth < DEPTH_MAX ? scandir(folder, &entries, is_wanted, alphasort) : 0;
    if (n < 0)
        return errno == ENOENT ? LAT_OK : lat_fail_errno(err, errno, "reading '%s'", folder);
    for (int i = 0; i < n && status == LAT_OK; i++) {
        const char *name = entries[i]->d_name;
        const int len[] = {
            snprintf(file, sizeof(file), "%s/%s", folder, name),
            snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "/" : "", name)};
        if ((size_t)len[0] >= sizeof(file) || (size_t)len[1] >= sizeof(path))
            status = lat_fail(err, LAT_INVALID, NULL, "'%s/%s' is too long", folder, name);
        else if ((skip && skip(w, file, name)) || stat(file, &st) != 0)
            continue;
        else if (S_ISDIR(st.st_mode))
            status = add_folder(w, file, path, NULL, depth + 1, err);
        else if (S_ISREG(st.st_mode))
            status = add_file(w, file, path, true, err);
    }
    for (int i = 0; i < n; i++)
        lat_free(entries[i]);
    lat_free(entries);
    return status;
}

/* Of a data directory: the database, which is copied by itself, snapshots, what belongs to the
 * process, and the packages, which are a part of their own. */
static bool is_not_copied(const struct writing *w, const char *file, const char *name)
{
    static const char *const names[] = {"lock", LAT_SNAPSHOT_FOLDER, LAT_SERVER_NOTE, "models"};
    char mine[PATH_SIZE], models[PATH_SIZE];
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    if (strncmp(name, "latentd.db", 10) == 0 || strcmp(file, w->backup->to) == 0)
        return true;
    return realpath(file, mine) && realpath(w->backup->models, models) &&
           strcmp(mine, models) == 0;
}

static enum lat_status add_packages(struct writing *w, struct lat_error *err)
{
    struct lat_found_package *found = NULL;
    char folder[PATH_SIZE], path[LAT_TAR_PATH_MAX];
    size_t n = 0;
    if (!lat_file_exists(w->backup->models))
        return LAT_OK;
    enum lat_status status = lat_registry_scan(w->backup->models, &found, &n, err);
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        snprintf(folder, sizeof(folder), "%s/%s/%u", w->backup->models, found[i].name,
                 found[i].version);
        snprintf(path, sizeof(path), "models/%s/%u", found[i].name, found[i].version);
        status = add_folder(w, folder, path, NULL, 1, err);
    }
    lat_free(found);
    return status;
}

/* ---- what is used ---- */

static bool has_package(const struct lat_found_package *found, size_t n, const char *reference)
{
    char name[LAT_MODEL_REF_MAX + 16];
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s@%u", found[i].name, found[i].version);
        if (strcmp(name, reference) == 0 || strcmp(found[i].name, reference) == 0)
            return true;
    }
    return false;
}

/* Each model that a collection uses is there, or is named: in the log, or as the failure. */
static enum lat_status check_models(struct writing *w, struct lat_error *err)
{
    struct lat_found_package *found = NULL;
    size_t n = 0;
    enum lat_status status = LAT_OK;
    if (lat_file_exists(w->backup->models))
        status = lat_registry_scan(w->backup->models, &found, &n, err);
    for (char *at = w->models.data; at && *at && status == LAT_OK;) {
        char *end = at + strcspn(at, "\n");
        *end = '\0';
        if (!has_package(found, n, at) && w->backup->complete)
            status = lat_fail(err, LAT_NOT_FOUND, "model_not_found",
                              "a collection uses model '%s', which is not in '%s'", at,
                              w->backup->models);
        else if (!has_package(found, n, at))
            lat_log(LAT_LOG_WARNING, "snapshot without a model", "\"model\":\"%s\"", at);
        at = end + 1;
    }
    lat_free(found);
    return status;
}

/* ---- the whole ---- */

static bool note_rows(void *context, double done)
{
    return goes_on(context, done * ROWS_SHARE);
}

static enum lat_status add_head(struct writing *w, struct lat_error *err)
{
    char text[256], created[32];
    lat_clock_format((int64_t)w->created_s * 1000, created, sizeof(created));
    const int len =
        snprintf(text, sizeof(text),
                 "{\"format\":%d,\"created\":\"%s\",\"latentd\":\"%s\",\"schema\":%d}\n",
                 LAT_SNAPSHOT_FORMAT, created, lat_version(), lat_store_schema_version());
    return add_text(w, LAT_SNAPSHOT_HEAD, text, (size_t)len, err);
}

static enum lat_status add_rows(struct writing *w, struct lat_error *err)
{
    struct stat st;
    const struct lat_copy_request copy = {.folder = w->backup->data,
                                          .to = w->rows,
                                          .omit_jobs = "snapshot",
                                          .progress = note_rows,
                                          .context = w};
    enum lat_status status = lat_store_copy(&copy, &w->models, err);
    if (status != LAT_OK)
        return status;
    if (stat(w->rows, &st) == 0)
        w->expected = w->bytes + (uint64_t)st.st_size;
    status = check_models(w, err);
    if (status == LAT_OK)
        status = add_file(w, w->rows, "latentd.db", false, err);
    unlink(w->rows);
    return status;
}

static enum lat_status write_members(struct writing *w, struct lat_error *err)
{
    enum lat_status status = add_head(w, err);
    if (status == LAT_OK)
        status = add_folder(w, w->backup->data, "", is_not_copied, 0, err);
    if (status == LAT_OK)
        status = add_rows(w, err);
    if (status == LAT_OK)
        status = add_packages(w, err);
    if (status == LAT_OK)
        status = lat_buf_check(&w->sums, err);
    if (status == LAT_OK)
        status = lat_tar_begin(&w->tar, LAT_SNAPSHOT_SUMS, w->sums.len, w->created_s, err);
    if (status == LAT_OK)
        status = lat_tar_add(&w->tar, w->sums.data, w->sums.len, err);
    return status == LAT_OK ? lat_tar_finish(&w->tar, err) : status;
}

/* Both streams of the disk gone, whatever was left of them. */
static enum lat_status end(struct writing *w, enum lat_status status, struct lat_error *err)
{
    if (w->fd >= 0 && close(w->fd) != 0 && status == LAT_OK)
        status = lat_fail_errno(err, errno, "writing '%s'", w->backup->to);
    if (status == LAT_OK)
        return lat_file_publish(w->temporary, w->backup->to, err);
    if (w->fd >= 0)
        unlink(w->temporary);
    unlink(w->rows);
    return status;
}

enum lat_status lat_backup_write(const struct lat_backup *backup,
                                 struct lat_backup_result *out_result, struct lat_error *err)
{
    struct writing w = {.backup = backup, .fd = -1};
    struct lat_backup_result result = {0};
    const long pid = (long)getpid();
    w.created_s = (uint64_t)lat_clock_wall_ms() / 1000;
    w.tar = (struct lat_tar_writer){.write = put, .context = &w};
    lat_sha256_begin(&w.whole);
    const int len = snprintf(w.temporary, sizeof(w.temporary), "%s.tmp-%ld", backup->to, pid);
    snprintf(w.rows, sizeof(w.rows), "%s.tmp-%ld.db", backup->to, pid);
    if (len < 0 || (size_t)len + 4 >= sizeof(w.rows))
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", backup->to);
    w.block = lat_alloc_raw(BLOCK, 1);
    if (!w.block)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    w.fd = open(w.temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w.fd < 0)
        status = lat_fail_errno(err, errno, "creating '%s'", backup->to);
    else
        status = write_members(&w, err);
    status = end(&w, status, err);
    lat_sha256_end(&w.whole, result.sha256);
    result.bytes = w.bytes;
    lat_buf_release(&w.sums);
    lat_buf_release(&w.models);
    lat_free(w.block);
    if (status == LAT_OK)
        *out_result = result;
    return status;
}
