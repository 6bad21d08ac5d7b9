/* Opening and closing, in order and in reverse: folder, lock, writer's database, schema,
 * readers, table of collections, writer, keeper. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/local_interactions.h"
#include "index/sqlite/schema.h"

#include "base/banned.h"

enum { READERS_DEFAULT = 4, BUSY_MS_DEFAULT = 30000 };

enum lat_status lat_local_lock(const char *folder, int *out_fd, struct lat_error *err)
{
    char path[LAT_PATH_MAX];
    snprintf(path, sizeof(path), "%s/lock", folder);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        close(fd);
        if (reason == EWOULDBLOCK)
            return lat_fail(err, LAT_CONFLICT, "in_use",
                            "data directory '%s' is in use by another process", folder);
        return lat_fail_errno(err, reason, "locking '%s'", path);
    }
    *out_fd = fd;
    return LAT_OK;
}

void lat_local_index_path(const struct lat_local *store,
                          const struct lat_collection *collection, char *out, size_t size)
{
    snprintf(out, size, "%s/index/%s-%lld.index", store->folder, collection->name,
             (long long)collection->key);
}

enum lat_status lat_local_read_uuid(struct lat_db *db, uint8_t out[LAT_UUID_LEN],
                                    struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t len = 0;
    enum lat_status status = lat_db_statement(db, "SELECT uuid FROM store", &stmt, err);
    if (status != LAT_OK)
        return status;
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    const void *uuid = row ? lat_stmt_bytes(stmt, 0, &len) : NULL;
    if (len == LAT_UUID_LEN)
        memcpy(out, uuid, LAT_UUID_LEN);
    else
        status = lat_fail(err, LAT_CORRUPT, NULL, "latentd.db has no identity");
    lat_stmt_reset(stmt);
    return status;
}

static bool is_known(struct lat_local *store, const char *path)
{
    char mine[LAT_PATH_MAX];
    for (size_t i = 0; i < store->n_table; i++) {
        lat_local_index_path(store, store->table[i], mine, sizeof(mine));
        if (strcmp(mine, path) == 0)
            return true;
    }
    return false;
}

/* Temporary files of a process that died, and files of collections that were dropped. */
static void sweep_index_folder(struct lat_local *store)
{
    char folder[LAT_PATH_MAX + 8], path[LAT_PATH_MAX + 300];
    snprintf(folder, sizeof(folder), "%s/index", store->folder);
    DIR *listing = opendir(folder);
    if (!listing)
        return;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".index") && !is_known(store, path))
            unlink(path);
    }
    closedir(listing);
}

static enum lat_status open_files(struct lat_local *store, unsigned readers,
                                  struct lat_error *err)
{
    char path[LAT_PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/index", store->folder);
    enum lat_status status = lat_file_make_folder(path, err);
    if (status == LAT_OK)
        status = lat_local_lock(store->folder, &store->lock_fd, err);
    if (status != LAT_OK)
        return status;
    snprintf(path, sizeof(path), "%s/latentd.db", store->folder);
    status = lat_db_open(path, LAT_DB_CREATE, &store->writer.db, err);
    if (status == LAT_OK)
        status = lat_schema_migrate(store->writer.db, err);
    if (status == LAT_OK)
        status = lat_schema_check(store->writer.db, err);
    if (status == LAT_OK)
        lat_users_wipe(store); /* of a process that died */
    if (status == LAT_OK)
        status = lat_local_read_uuid(store->writer.db, store->uuid, err);
    if (status == LAT_OK)
        status = lat_pool_open(&store->pool, path, readers, err);
    if (status == LAT_OK)
        status = lat_collections_read(store, store->writer.db, err);
    if (status == LAT_OK)
        status = lat_aliases_read(store, store->writer.db, err);
    if (status == LAT_OK)
        sweep_index_folder(store);
    return status;
}

static void init(struct lat_local *store, const struct lat_store_options *options)
{
    store->base.ops = &lat_local_store;
    store->lock_fd = -1;
    store->busy_ns =
        (uint64_t)(options->busy_ms > 0 ? options->busy_ms : BUSY_MS_DEFAULT) * LAT_NS_PER_MS;
    store->rebuild_threads = options->rebuild_threads ? options->rebuild_threads : 1;
    lat_rwlock_init(&store->table_lock, LAT_RANK_COLLECTION, "collections");
    lat_mutex_init(&store->writer.mutex, LAT_RANK_QUEUE, "writer");
    lat_cond_init(&store->writer.arrived);
    lat_cond_init(&store->writer.finished);
    lat_mutex_init(&store->keeper.mutex, LAT_RANK_QUEUE, "keeper");
    lat_cond_init(&store->keeper.wake);
    lat_cond_init(&store->keeper.progress);
    lat_mutex_init(&store->pool.mutex, LAT_RANK_DATABASE, "readers");
    lat_cond_init(&store->pool.returned);
}

/* All that was opened, whatever of it was. */
static void dispose(struct lat_local *store)
{
    for (size_t i = 0; i < store->n_table; i++)
        lat_collection_unref(store->table[i]);
    lat_free(store->table);
    lat_free(store->aliases);
    lat_pool_close(&store->pool);
    lat_db_close(store->writer.db);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    lat_cond_release(&store->keeper.progress);
    lat_cond_release(&store->keeper.wake);
    lat_mutex_release(&store->keeper.mutex);
    lat_cond_release(&store->writer.finished);
    lat_cond_release(&store->writer.arrived);
    lat_mutex_release(&store->writer.mutex);
    lat_rwlock_release(&store->table_lock);
    lat_free(store);
}

enum lat_status lat_local_open(const struct lat_store_options *options,
                               struct lat_store **out_store, struct lat_error *err)
{
    if (!options->folder || !*options->folder ||
        strlen(options->folder) >= LAT_PATH_MAX - LAT_COLLECTION_NAME_MAX - 64)
        return lat_fail(err, LAT_INVALID, NULL, "no path of a data directory");
    struct lat_local *store = lat_alloc(1, sizeof(*store));
    if (!store)
        return lat_fail_memory(err);
    init(store, options);
    snprintf(store->folder, sizeof(store->folder), "%s", options->folder);
    enum lat_status status =
        open_files(store, options->readers ? options->readers : READERS_DEFAULT, err);
    if (status == LAT_OK)
        status = lat_writer_start(store, err);
    if (status == LAT_OK)
        status = lat_keeper_start(store, err);
    if (status != LAT_OK) {
        lat_writer_stop(store);
        dispose(store);
        return status;
    }
    *out_store = &store->base;
    return LAT_OK;
}

void lat_local_close(struct lat_store *base)
{
    struct lat_local *store = lat_local_of(base);
    atomic_store(&store->closing, true);
    lat_keeper_stop(store);
    for (size_t i = 0; i < store->n_table; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        if (lat_index_save(store, store->table[i], &err) != LAT_OK)
            lat_log_error("index file not saved", &err);
    }
    lat_writer_stop(store);
    dispose(store);
}
