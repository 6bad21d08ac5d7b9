/* In memory `memory` is the rows; once there are more than the limit allows it is a buffer in
 * front of the file, and n_memory counts what is not written yet. */
#include "model/train/dataset/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_LEN = 1 << 16, BUFFER_LEN = 1 << 20 };

void lat_row_store_init(struct lat_row_store *store, size_t row_len, size_t limit)
{
    *store = (struct lat_row_store){.row_len = row_len, .limit = limit, .fd = -1};
}

static enum lat_status open_temporary(int *out_fd, struct lat_error *err)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    const int len = snprintf(path, sizeof(path), "%s/latentd-XXXXXX",
                             folder && *folder ? folder : "/var/tmp");
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "TMPDIR is too long");
    const int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return lat_fail_errno(err, errno, "creating a temporary file '%s'", path);
    unlink(path);
    *out_fd = fd;
    return LAT_OK;
}

static enum lat_status flush(struct lat_row_store *store, struct lat_error *err)
{
    const enum lat_status status =
        lat_file_write_all(store->fd, "temporary file of the data", store->memory,
                           store->n_memory * store->row_len, err);
    if (status == LAT_OK)
        store->n_memory = 0;
    return status;
}

/* Everything so far to the file, and a small buffer in front of it. */
static enum lat_status spill(struct lat_row_store *store, struct lat_error *err)
{
    enum lat_status status = open_temporary(&store->fd, err);
    if (status == LAT_OK) {
        store->in_file = true;
        status = flush(store, err);
    }
    if (status != LAT_OK)
        return status;
    lat_free(store->memory);
    store->capacity = BUFFER_LEN / store->row_len + 1;
    store->memory = lat_alloc_raw(store->capacity, store->row_len);
    return store->memory ? LAT_OK : lat_fail_memory(err);
}

/* Room for one more row. */
static enum lat_status make_room(struct lat_row_store *store, struct lat_error *err)
{
    if (store->n_memory < store->capacity)
        return LAT_OK;
    if (store->in_file)
        return flush(store, err);
    const size_t most = store->limit / store->row_len;
    if (store->n_memory > 0 && store->n_memory >= most)
        return spill(store, err);
    size_t capacity = store->capacity ? 2 * store->capacity : FIRST_LEN / store->row_len + 1;
    if (capacity > most && most > store->n_memory)
        capacity = most;
    uint8_t *grown = lat_realloc(store->memory, capacity, store->row_len);
    if (!grown)
        return lat_fail_memory(err);
    store->memory = grown;
    store->capacity = capacity;
    return LAT_OK;
}

enum lat_status lat_row_store_add(struct lat_row_store *store, const void *row,
                                  struct lat_error *err)
{
    if (store->n >= UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 items");
    const enum lat_status status = make_room(store, err);
    if (status != LAT_OK)
        return status;
    memcpy(store->memory + store->n_memory * store->row_len, row, store->row_len);
    store->n_memory++;
    store->n++;
    return LAT_OK;
}

enum lat_status lat_row_store_finish(struct lat_row_store *store, struct lat_error *err)
{
    if (!store->in_file)
        return LAT_OK;
    const enum lat_status status = flush(store, err);
    lat_free(store->memory);
    store->memory = NULL;
    store->capacity = 0;
    return status;
}

enum lat_status lat_row_store_open(struct lat_row_store *store, const char *path,
                                   uint64_t start, size_t n, struct lat_error *err)
{
    store->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (store->fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", path);
    store->in_file = true;
    store->start = start;
    store->n = n;
    return LAT_OK;
}

enum lat_status lat_row_store_read(const struct lat_row_store *store, size_t i, void *out,
                                   struct lat_error *err)
{
    if (!store->in_file) {
        memcpy(out, store->memory + i * store->row_len, store->row_len);
        return LAT_OK;
    }
    uint64_t at = store->start + (uint64_t)i * store->row_len;
    for (size_t done = 0; done < store->row_len;) {
        const ssize_t n =
            pread(store->fd, (uint8_t *)out + done, store->row_len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lat_fail_errno(err, errno, "reading item %zu of the data", i);
        if (n == 0)
            return lat_fail(err, LAT_CORRUPT, "truncated",
                            "item %zu is no longer in the file: it has become shorter", i);
        done += (size_t)n;
    }
    return LAT_OK;
}

void *lat_row_store_take(struct lat_row_store *store)
{
    void *memory = store->memory;
    store->memory = NULL;
    store->n_memory = store->capacity = store->n = 0;
    return memory;
}

void lat_row_store_release(struct lat_row_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    lat_free(store->memory);
    *store = (struct lat_row_store){.fd = -1};
}
