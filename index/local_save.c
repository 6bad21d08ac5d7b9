/* The index file of a collection: when it is there and whole, opening is a copy; law 4 and 6.
 *
 * After a file is published, the tombstones it contains are of no more use and are pruned by a
 * small task. A crash between the two leaves some more tombstones than needed. */
#include <string.h>

#include "base/mem.h"
#include "index/index_file.h"
#include "index/local_store.h"

#include "base/banned.h"

struct prune_task {
    struct lat_task task;
    uint64_t sequence;
};

static enum lat_status apply_prune(struct lat_task *base, struct lat_local *store,
                                   struct lat_error *err)
{
    const struct prune_task *task = (const struct prune_task *)base;
    struct lat_collection *collection = base->collection;
    struct lat_stmt *stmt;
    if (collection->dropped)
        return LAT_OK;
    const enum lat_status status = lat_db_statement(
        store->writer.db, "DELETE FROM tombstones WHERE collection=?1 AND version<=?2", &stmt,
        err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_i64(stmt, 2, (int64_t)task->sequence);
    if (collection->draft.pruned < task->sequence)
        collection->draft.pruned = task->sequence;
    return lat_stmt_run(stmt, err);
}

static void commit_prune(struct lat_task *base, struct lat_local *store)
{
    struct lat_collection *collection = base->collection;
    (void)store;
    lat_rwlock_write(&collection->lock);
    collection->pruned = collection->draft.pruned;
    lat_rwlock_unlock(&collection->lock);
}

enum lat_status lat_index_save(struct lat_local *store, struct lat_collection *collection,
                               struct lat_error *err)
{
    char path[LAT_PATH_MAX];
    struct lat_index *index = lat_collection_index(collection);
    if (!index)
        return LAT_OK;
    lat_rwlock_read(&collection->lock);
    const bool saved = index->sequence == collection->saved_sequence &&
                       index->linked == collection->saved_linked;
    lat_rwlock_unlock(&collection->lock);
    if (saved) {
        lat_index_unref(index);
        return LAT_OK;
    }
    struct lat_index_head head = {.collection = collection->key};
    memcpy(head.uuid, store->uuid, sizeof(head.uuid));
    lat_local_index_path(store, collection, path, sizeof(path));
    enum lat_status status = lat_index_file_write(path, index, &collection->lock, &head, err);
    if (status == LAT_OK) {
        lat_rwlock_write(&collection->lock);
        collection->saved_sequence = head.sequence;
        collection->saved_linked = index->linked;
        lat_rwlock_unlock(&collection->lock);
        struct prune_task task = {
            .task = {.collection = collection, .apply = apply_prune, .commit = commit_prune},
            .sequence = head.sequence};
        struct lat_error ignored = LAT_ERROR_INIT;
        /* A full disk keeps the tombstones a little longer. */
        if (lat_writer_run(store, &task.task, &ignored) == LAT_NO_MEMORY)
            status = lat_fail_memory(err);
    }
    lat_index_unref(index);
    return status;
}

enum lat_status lat_index_load_file(const struct lat_local *store,
                                    const struct lat_collection *collection,
                                    struct lat_index **out_index, struct lat_error *err)
{
    char path[LAT_PATH_MAX];
    struct lat_index_head head;
    struct lat_index *index;
    lat_local_index_path(store, collection, path, sizeof(path));
    const enum lat_status status = lat_index_file_read(path, &head, &index, err);
    if (status != LAT_OK)
        return status;
    if (memcmp(head.uuid, store->uuid, sizeof(head.uuid)) != 0 ||
        head.collection != collection->key || head.dimension != collection->spec.dimension ||
        head.metric != (uint32_t)collection->spec.metric) {
        lat_index_unref(index);
        return lat_fail(err, LAT_CORRUPT, "corrupt_index",
                        "index file '%s': it is of another collection", path);
    }
    *out_index = index;
    return LAT_OK;
}
