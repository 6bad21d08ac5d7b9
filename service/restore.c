/* Unpacks into DATA/.restoring, checks everything, and only then moves each part to its place,
 * the database last: a process that dies before leaves a folder that the next restore takes
 * away, and that no server takes for a store. Packages go beside their place first, too, so
 * that a models' folder in use never shows half of one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/tar.h"
#include "index/store.h"
#include "model/train/fields.h"
#include "service/backup.h"
#include "service/restore.h"

#include "base/banned.h"

enum { BLOCK = 1 << 18, PATH_SIZE = 4096, HEAD_MAX = 4096, SUMS_MAX = 1 << 28 };

struct reading {
    const struct lat_restore *restore;
    char folder[PATH_SIZE]; /* where it is unpacked to */
    int fd;
    struct lat_tar_reader tar;
    struct lat_sha256 whole;
    uint64_t size, at;           /* of the archive */
    struct lat_buf sums, stored; /* as found, and as it says */
    struct lat_restore_result result;
    bool has_head, has_rows, has_sums;
    char *block;
};

/* ---- the archive ---- */

static enum lat_status get(void *context, void *bytes, size_t len, size_t *out_n,
                           struct lat_error *err)
{
    struct reading *r = context;
    size_t have = 0;
    while (have < len) {
        const ssize_t n = read(r->fd, (char *)bytes + have, len - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lat_fail_errno(err, errno, "reading '%s'", r->restore->from);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    lat_sha256_add(&r->whole, bytes, have);
    r->at += have;
    *out_n = have;
    return LAT_OK;
}

/* The member's bytes into `fd` (-1: nowhere) and `out` (NULL: nowhere), its sum into `sums`. */
static enum lat_status take(struct reading *r, const struct lat_tar_member *member, int fd,
                            struct lat_buf *out, struct lat_error *err)
{
    const struct lat_restore *restore = r->restore;
    char text[LAT_SHA256_TEXT];
    struct lat_sha256 sha;
    size_t n = 1;
    enum lat_status status = LAT_OK;
    lat_sha256_begin(&sha);
    while (n && status == LAT_OK) {
        status = lat_tar_take(&r->tar, r->block, BLOCK, &n, err);
        if (status != LAT_OK)
            break;
        lat_sha256_add(&sha, r->block, n);
        if (fd >= 0)
            status = lat_file_write_all(fd, member->path, r->block, n, err);
        if (out)
            lat_buf_append(out, r->block, n);
        if (restore->progress &&
            !restore->progress(restore->context, (double)r->at / (double)(r->size + 1)))
            status = lat_fail(err, LAT_CANCELLED, NULL, "the restore was stopped");
    }
    lat_sha256_end(&sha, text);
    if (strcmp(member->path, LAT_SNAPSHOT_SUMS) != 0)
        lat_buf_printf(&r->sums, "%s  %s\n", text, member->path);
    if (status == LAT_OK && out)
        status = lat_buf_check(out, err);
    return status == LAT_OK ? lat_buf_check(&r->sums, err) : status;
}

/* ---- its members ---- */

/* The first member says what kind of archive it is. */
static enum lat_status read_head(struct reading *r, const struct lat_tar_member *member,
                                 struct lat_error *err)
{
    struct lat_buf text = {.limit = HEAD_MAX};
    struct lat_document *document = NULL;
    struct lat_fields root;
    struct lat_error why = LAT_ERROR_INIT;
    uint32_t format = 0, schema = 0;
    if (member->size > HEAD_MAX || strcmp(member->path, LAT_SNAPSHOT_HEAD) != 0)
        return lat_fail(err, LAT_CORRUPT, "not_a_snapshot", "it is no snapshot of latentd");
    enum lat_status status = take(r, member, -1, &text, err);
    if (status != LAT_OK)
        return status;
    status = lat_document_parse(text.data ? text.data : "", text.len, &document, &why);
    if (status == LAT_OK) {
        lat_fields_root(document, &root, &why);
        lat_fields_count(&root, "format", &format, 1, UINT32_MAX);
        lat_fields_count(&root, "schema", &schema, 1, UINT32_MAX);
        status = lat_document_status(document);
    }
    if (status != LAT_OK || !format || !schema)
        status = lat_fail(err, LAT_CORRUPT, NULL, "its head cannot be read");
    else if (format > LAT_SNAPSHOT_FORMAT || (int)schema > lat_store_schema_version())
        status = lat_fail(err, LAT_INVALID, "newer_data",
                          "it is of format %u, rows of version %u, this program reads up to "
                          "%d and %d: a newer one has written it",
                          format, schema, LAT_SNAPSHOT_FORMAT, lat_store_schema_version());
    lat_document_free(document);
    lat_buf_release(&text);
    r->has_head = true;
    return status;
}

/* Files of a data directory and of packages; nothing that a server keeps for itself. */
static bool may_be_unpacked(const char *path)
{
    static const char *const never[] = {"lock", LAT_SERVER_NOTE, LAT_SNAPSHOT_HEAD,
                                        "latentd.db-wal", "latentd.db-shm"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(never); i++)
        if (strcmp(path, never[i]) == 0)
            return false;
    return lat_tar_path_is_safe(path) && path[0] != '.' && !strstr(path, "/.") &&
           strncmp(path, LAT_SNAPSHOT_FOLDER "/", sizeof(LAT_SNAPSHOT_FOLDER)) != 0;
}

static enum lat_status unpack(struct reading *r, const struct lat_tar_member *member,
                              struct lat_error *err)
{
    char file[PATH_SIZE];
    if (!may_be_unpacked(member->path))
        return lat_fail(err, LAT_CORRUPT, NULL, "'%.200s' does not belong into a snapshot",
                        member->path);
    const int len = snprintf(file, sizeof(file), "%s/%s", r->folder, member->path);
    if (len < 0 || (size_t)len >= sizeof(file))
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", member->path);
    char *slash = strrchr(file, '/');
    *slash = '\0';
    enum lat_status status = lat_file_make_folder(file, err);
    *slash = '/';
    if (status != LAT_OK)
        return status;
    const int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST
                   ? lat_fail(err, LAT_CORRUPT, NULL, "'%s' is in it twice", member->path)
                   : lat_fail_errno(err, errno, "creating '%s'", file);
    status = take(r, member, fd, NULL, err);
    if (status == LAT_OK && fsync(fd) != 0)
        status = lat_fail_errno(err, errno, "syncing '%s'", file);
    if (close(fd) != 0 && status == LAT_OK)
        status = lat_fail_errno(err, errno, "writing '%s'", file);
    r->has_rows |= strcmp(member->path, "latentd.db") == 0;
    r->result.files++;
    r->result.bytes += member->size;
    return status;
}

static enum lat_status read_members(struct reading *r, struct lat_error *err)
{
    struct lat_tar_member member;
    bool ended = false;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK) {
        status = lat_tar_next(&r->tar, &member, &ended, err);
        if (status != LAT_OK || ended)
            break;
        if (!r->has_head) {
            status = read_head(r, &member, err);
        } else if (r->has_sums) {
            status = lat_fail(err, LAT_CORRUPT, NULL, "'%s' comes after the sums", member.path);
        } else if (strcmp(member.path, LAT_SNAPSHOT_SUMS) == 0) {
            r->has_sums = true;
            r->stored.limit = SUMS_MAX;
            status = take(r, &member, -1, &r->stored, err);
        } else {
            status = unpack(r, &member, err);
        }
    }
    return status;
}

/* Everything was there, and is what was put in. */
static enum lat_status check_whole(struct reading *r, struct lat_error *err)
{
    if (!r->has_head || !r->has_rows || !r->has_sums)
        return lat_fail(err, LAT_CORRUPT, NULL, "a part of it is missing");
    if (r->sums.len == r->stored.len && memcmp(r->sums.data, r->stored.data, r->sums.len) == 0)
        return LAT_OK;
    for (const char *a = r->sums.data, *b = r->stored.data; *a && *b;) {
        const size_t len = strcspn(a, "\n");
        if (strncmp(a, b, len + 1) != 0 && len > LAT_SHA256_TEXT)
            return lat_fail(err, LAT_CORRUPT, NULL, "'%.*s' is not what was put in",
                            (int)(len - LAT_SHA256_TEXT - 1), a + LAT_SHA256_TEXT + 1);
        a += len + (a[len] != '\0');
        b += strcspn(b, "\n");
        b += *b != '\0';
    }
    return lat_fail(err, LAT_CORRUPT, NULL, "its sums are not those of its files");
}

/* ---- places ---- */

/* Whether the folder may be restored into: absent, or empty but for what a file system puts
 * into its root and a restore that died left. */
static enum lat_status check_empty(const char *folder, struct lat_error *err)
{
    struct stat st;
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT)
        return LAT_OK;
    if (!dir && errno == ENOTDIR && stat(folder, &st) == 0)
        return lat_fail(err, LAT_CONFLICT, "not_empty", "'%s' is a file", folder);
    if (!dir)
        return lat_fail_errno(err, errno, "opening '%s'", folder);
    const struct dirent *entry;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && (entry = readdir(dir)) != NULL) {
        static const char *const fine[] = {".", "..", ".restoring", "lost+found"};
        bool known = false;
        for (size_t i = 0; i < LAT_ARRAY_LEN(fine); i++)
            known |= strcmp(fine[i], entry->d_name) == 0;
        if (!known)
            status =
                lat_fail(err, LAT_CONFLICT, "not_empty",
                         "'%s' is not empty: there is '%.100s' in it", folder, entry->d_name);
    }
    closedir(dir);
    return status;
}

static void close_all(struct reading *r)
{
    if (r->fd >= 0)
        close(r->fd);
    lat_buf_release(&r->sums);
    lat_buf_release(&r->stored);
    lat_free(r->block);
}

static enum lat_status open_all(struct reading *r, struct lat_error *err)
{
    struct stat st;
    const char *from = r->restore->from;
    r->fd = open(from, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 && errno == ENOENT)
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no file '%s'", from);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return lat_fail_errno(err, errno, "opening '%s'", from);
    if (!S_ISREG(st.st_mode))
        return lat_fail(err, LAT_CORRUPT, "not_a_snapshot", "'%s' is no file", from);
    r->size = (uint64_t)st.st_size;
    r->tar = (struct lat_tar_reader){.read = get, .context = r};
    lat_sha256_begin(&r->whole);
    r->block = lat_alloc_raw(BLOCK, 1);
    return r->block ? LAT_OK : lat_fail_memory(err);
}

/* Unpacked, checked, in its place; whether DATA is to be taken away again on failure is the
 * caller's to know. */
static enum lat_status restore_into(struct reading *r, struct lat_error *err)
{
    struct lat_restore_places places = {
        .unpacked = r->folder, .data = r->restore->data, .models = r->restore->models};
    lat_file_remove_tree(r->folder);
    enum lat_status status = lat_file_make_folder(r->folder, err);
    if (status == LAT_OK) {
        status = read_members(r, err);
        if (status == LAT_OK)
            status = check_whole(r, err);
        if (status == LAT_CORRUPT)
            lat_error_prefix(err, "no snapshot, or a damaged one");
        lat_error_prefix(err, "'%s'", r->restore->from);
    }
    if (status == LAT_OK)
        status = lat_restore_place(&places, err);
    r->result.packages = places.packages;
    r->result.present = places.present;
    lat_file_remove_tree(r->folder);
    return status;
}

enum lat_status lat_restore_run(const struct lat_restore *restore,
                                struct lat_restore_result *out_result, struct lat_error *err)
{
    struct reading r = {.restore = restore, .fd = -1};
    const bool was_there = lat_file_exists(restore->data);
    const int len = snprintf(r.folder, sizeof(r.folder), "%s/.restoring", restore->data);
    if (len < 0 || (size_t)len >= sizeof(r.folder) - LAT_TAR_PATH_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", restore->data);
    enum lat_status status = open_all(&r, err);
    if (status == LAT_OK)
        status = check_empty(restore->data, err);
    if (status == LAT_OK) {
        status = restore_into(&r, err);
        if (status != LAT_OK && !was_there)
            rmdir(restore->data);
    }
    lat_sha256_end(&r.whole, r.result.sha256);
    if (status == LAT_OK)
        *out_result = r.result;
    close_all(&r);
    return status;
}
