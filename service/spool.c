/* Memory up to the limit; the write that passes it moves everything into an unlinked file, and
 * the memory is given back. A failed write leaves the spool as it was: the file is written at
 * known offsets, and `size` moves only when all bytes are in. */
#include "service/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#include "base/banned.h"

struct lat_spool {
    char *folder;
    struct lat_buf memory; /* everything while fd < 0 */
    size_t memory_limit;
    int fd;         /* -1 while in memory */
    uint64_t start; /* where it begins in the file */
    uint64_t size, position;
};

enum lat_status lat_spool_new(const char *folder, size_t memory_limit,
                              struct lat_spool **out_spool, struct lat_error *err)
{
    struct lat_spool *spool = lat_alloc(1, sizeof(*spool));
    char *copy = spool ? lat_strdup(folder) : NULL;
    if (!copy) {
        lat_free(spool);
        return lat_fail_memory(err);
    }
    spool->folder = copy;
    spool->memory_limit = memory_limit;
    spool->fd = -1;
    *out_spool = spool;
    return LAT_OK;
}

enum lat_status lat_spool_file(int fd, uint64_t from, uint64_t n, struct lat_spool **out_spool,
                               struct lat_error *err)
{
    struct lat_spool *spool = lat_alloc(1, sizeof(*spool));
    if (!spool) {
        close(fd);
        return lat_fail_memory(err);
    }
    spool->fd = fd;
    spool->start = from;
    spool->size = n;
    *out_spool = spool;
    return LAT_OK;
}

void lat_spool_free(struct lat_spool *spool)
{
    if (!spool)
        return;
    if (spool->fd >= 0)
        close(spool->fd);
    lat_buf_release(&spool->memory);
    lat_free(spool->folder);
    lat_free(spool);
}

/* A file that has no name from the start where the file system can (O_TMPFILE), else one whose
 * name is taken away at once. */
static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    char name[4096];
    const int len = snprintf(name, sizeof(name), "%s/spool-XXXXXX", folder);
    if (len < 0 || (size_t)len >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static enum lat_status write_at(int fd, const char *bytes, size_t len, uint64_t offset,
                                struct lat_error *err)
{
    while (len) {
        const ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return lat_fail_errno(err, n ? errno : ENOSPC, "temporary file of a reply");
        bytes += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return LAT_OK;
}

static enum lat_status move_to_file(struct lat_spool *spool, struct lat_error *err)
{
    const int fd = open_nameless(spool->folder);
    if (fd < 0)
        return lat_fail_errno(err, errno, "temporary file in '%s'", spool->folder);
    const enum lat_status status = write_at(fd, spool->memory.data, spool->memory.len, 0, err);
    if (status != LAT_OK) {
        close(fd);
        return status;
    }
    spool->fd = fd;
    lat_buf_release(&spool->memory);
    return LAT_OK;
}

enum lat_status lat_spool_write(struct lat_spool *spool, const void *bytes, size_t len,
                                struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    if (spool->fd < 0 &&
        (len > spool->memory_limit || spool->memory.len > spool->memory_limit - len))
        status = move_to_file(spool, err);
    if (status != LAT_OK)
        return status;
    if (spool->fd < 0) {
        if (!lat_buf_reserve(&spool->memory, len)) {
            spool->memory.status = LAT_OK; /* what is in stays readable, and it may go on */
            return lat_fail_memory(err);
        }
        lat_buf_append(&spool->memory, bytes, len);
    } else {
        status = write_at(spool->fd, bytes, len, spool->size, err);
    }
    if (status == LAT_OK)
        spool->size += len;
    return status;
}

uint64_t lat_spool_size(const struct lat_spool *spool)
{
    return spool->size;
}

enum lat_status lat_spool_read(struct lat_spool *spool, void *bytes, size_t capacity,
                               size_t *out_n, struct lat_error *err)
{
    const uint64_t left = spool->size - spool->position;
    size_t want = left < capacity ? (size_t)left : capacity;
    if (spool->fd < 0) {
        if (want)
            memcpy(bytes, spool->memory.data + spool->position, want);
    } else if (want) {
        ssize_t n;
        do
            n = pread(spool->fd, bytes, want, (off_t)(spool->start + spool->position));
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return lat_fail_errno(err, n ? errno : EIO, "file of a reply");
        want = (size_t)n;
    }
    spool->position += want;
    *out_n = want;
    return LAT_OK;
}
