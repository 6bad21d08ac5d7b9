/* Making collections searchable after opening: the index file if it can be used, the rows
 * otherwise, then the changes since.
 *
 *   file ---------- usable? --> replay on a reader --> whole? --> publish on the writer
 *     `-- no -----------------> fill from rows  ------------------^
 *
 * A file is usable when it is intact, of this very collection, not ahead of the rows, and the
 * tombstones since are still there. It is given up for the rows as well when more than half of
 * the index would have to be replayed, or when after the replay the counts do not agree.
 * Publishing runs as a task of the writer, which replays the little that was committed
 * meanwhile: nothing can slip in between. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/local_interactions.h"

#include "base/banned.h"

enum { REPLAY_ALWAYS = 10000 }; /* a gap this small is never worth starting over */

/* Rows and positions agree: every row is in the index or known to be damaged. */
static enum lat_status check_whole(struct lat_db *db, const struct lat_collection *collection,
                                   const struct lat_index *index, bool *out_whole,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db, "SELECT items, sequence FROM collections WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    /* A commit since the replay: the next one tells, on the writer. */
    *out_whole = !row || (uint64_t)lat_stmt_i64(stmt, 1) != index->sequence ||
                 (uint64_t)lat_stmt_i64(stmt, 0) == index->live + index->corrupt;
    lat_stmt_reset(stmt);
    return LAT_OK;
}

static bool is_usable(const struct lat_collection *collection, const struct lat_index *index,
                      const char **out_why)
{
    const uint64_t gap = collection->sequence - index->sequence;
    *out_why = NULL;
    if (index->sequence > collection->sequence)
        *out_why = "it is ahead of the rows";
    else if (index->sequence < collection->pruned)
        *out_why = "it is too old";
    else if (gap > REPLAY_ALWAYS && gap > collection->items / 2)
        *out_why = "the gap is too large";
    return !*out_why;
}

static enum lat_status from_file(struct lat_local *store, struct lat_collection *collection,
                                 struct lat_db *db, struct lat_index **out_index,
                                 uint64_t *out_replayed, struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    const char *reason = NULL;
    struct lat_index *index = NULL;
    bool whole = false;
    enum lat_status status = lat_index_load_file(store, collection, &index, &why);
    if (status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    if (status != LAT_OK) {
        if (status != LAT_NOT_FOUND)
            lat_log_error("index file not used", &why);
        return LAT_OK;
    }
    const uint64_t in_file = index->sequence;
    if (is_usable(collection, index, &reason)) {
        status = lat_index_replay(db, collection, index, NULL, out_replayed, err);
        if (status == LAT_OK)
            status = check_whole(db, collection, index, &whole, err);
        if (status == LAT_OK && !whole)
            reason = "it does not agree with the rows";
    }
    if (status == LAT_OK && !reason) {
        collection->saved_sequence = in_file;
        collection->saved_linked = index->linked;
        *out_index = index;
        return LAT_OK;
    }
    if (reason)
        lat_log(LAT_LOG_WARNING, "index file not used",
                "\"collection\":\"%s\",\"reason\":\"%s\"", collection->name, reason);
    lat_index_unref(index);
    return status;
}

static enum lat_status from_rows(struct lat_collection *collection, struct lat_db *db,
                                 struct lat_index **out_index, uint64_t *out_replayed,
                                 struct lat_error *err)
{
    struct lat_index *index;
    bool whole = true;
    enum lat_status status =
        lat_index_new(collection->spec.metric, collection->spec.dimension, &index, err);
    if (status != LAT_OK)
        return status;
    status = lat_index_reserve(index, NULL, collection->items, 8 * collection->items, err);
    if (status == LAT_OK)
        status = lat_index_replay(db, collection, index, NULL, out_replayed, err);
    if (status == LAT_OK)
        status = check_whole(db, collection, index, &whole, err);
    if (status != LAT_OK) {
        lat_index_unref(index);
        return status;
    }
    if (!whole)
        lat_log(LAT_LOG_ERROR, "rows do not add up, run latentd check",
                "\"collection\":\"%s\",\"indexed\":%" PRIu64, collection->name, index->live);
    *out_index = index;
    return LAT_OK;
}

/* ---- publishing ---- */

struct publish_task {
    struct lat_task task;
    struct lat_index *index;
    uint64_t replayed;
};

static enum lat_status apply_publish(struct lat_task *base, struct lat_local *store,
                                     struct lat_error *err)
{
    struct publish_task *task = (struct publish_task *)base;
    uint64_t more = 0;
    if (base->collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "dropped");
    const enum lat_status status =
        lat_index_replay(store->writer.db, base->collection, task->index, NULL, &more, err);
    task->replayed += status == LAT_OK ? more : 0;
    return status;
}

static void commit_publish(struct lat_task *base, struct lat_local *store)
{
    struct publish_task *task = (struct publish_task *)base;
    struct lat_collection *collection = base->collection;
    (void)store;
    lat_rwlock_write(&collection->lock);
    collection->index = lat_index_ref(task->index);
    collection->loaded = true;
    lat_rwlock_unlock(&collection->lock);
    lat_metric_set(LAT_METRIC_ITEMS, collection->name, (double)collection->items);
    lat_metric_set(LAT_METRIC_INDEX_DEAD, collection->name,
                   (double)lat_index_dead(task->index));
}

static enum lat_status load_one(struct lat_local *store, struct lat_collection *collection,
                                const struct lat_store_progress *progress,
                                struct lat_error *err)
{
    struct lat_index *index = NULL;
    uint64_t replayed = 0;
    const uint64_t begin = lat_clock_ns();
    struct lat_db *db = lat_pool_take(&store->pool);
    enum lat_status status = from_file(store, collection, db, &index, &replayed, err);
    const bool rebuilt = status == LAT_OK && !index;
    if (rebuilt)
        status = from_rows(collection, db, &index, &replayed, err);
    lat_pool_give(&store->pool, db);
    struct publish_task task = {.task = {.collection = collection,
                                         .apply = apply_publish,
                                         .commit = commit_publish,
                                         .exclusive = true},
                                .index = index,
                                .replayed = replayed};
    if (status == LAT_OK)
        status = lat_writer_run(store, &task.task, err);
    if (status == LAT_OK) {
        lat_log(LAT_LOG_INFO, "collection opened",
                "\"collection\":\"%s\",\"items\":%" PRIu64 ",\"replayed\":%" PRIu64
                ",\"rebuilt\":%s,\"damaged\":%" PRIu64 ",\"ms\":%" PRIu64,
                collection->name, index->live, rebuilt ? 0 : task.replayed,
                rebuilt ? "true" : "false", index->corrupt,
                (lat_clock_ns() - begin) / LAT_NS_PER_MS);
        if (progress && progress->opened)
            progress->opened(progress->context, collection->name, index->live,
                             rebuilt ? 0 : task.replayed, rebuilt);
    }
    lat_index_unref(index);
    return status;
}

enum lat_status lat_collection_load(struct lat_local *store, struct lat_collection *collection,
                                    struct lat_error *err)
{
    lat_rwlock_read(&collection->lock);
    const bool loaded = collection->loaded;
    lat_rwlock_unlock(&collection->lock);
    enum lat_status status = loaded ? LAT_OK : load_one(store, collection, NULL, err);
    if (status == LAT_OK && !loaded)
        status = lat_tally_load(store, collection, err);
    return status;
}

enum lat_status lat_local_load(struct lat_store *base,
                               const struct lat_store_progress *progress, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection **list;
    size_t n;
    enum lat_status first = lat_collection_all(store, &list, &n, err);
    if (first != LAT_OK)
        return first;
    for (size_t i = 0; i < n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        enum lat_status status = LAT_OK;
        lat_rwlock_read(&list[i]->lock);
        const bool loaded = list[i]->loaded || list[i]->former;
        lat_rwlock_unlock(&list[i]->lock);
        if (!loaded && !atomic_load(&store->closing))
            status = load_one(store, list[i], progress, &why);
        if (status == LAT_OK && !atomic_load(&store->closing))
            status = lat_tally_load(store, list[i], &why);
        /* One that cannot be loaded does not keep the others away; dropped meanwhile is fine.
         */
        if (status != LAT_OK && status != LAT_NOT_FOUND && first == LAT_OK) {
            first = status;
            lat_error_prefix(&why, "collection '%s'", list[i]->name);
            if (err && err->status == LAT_OK)
                *err = why;
        }
        lat_collection_unref(list[i]);
    }
    lat_free(list);
    lat_keeper_wake(store);
    return first;
}
