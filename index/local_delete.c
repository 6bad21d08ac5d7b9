/* Deleting by filter: one task finds the rows and deletes them, so nothing can slip in between.
 * A dry run counts on a reader's connection. */

#include "base/mem.h"
#include "index/filter_sql.h"
#include "index/local_generation.h"
#include "index/local_rows.h"

#include "base/banned.h"

enum { KILL_CHUNK = 512 /* rows a hold of the lock */ };

struct delete_task {
    struct lat_task task;
    const struct lat_sql *sql;
    uint64_t *slots; /* what was deleted */
    bool *hidden;
    size_t n, capacity;
};

static enum lat_status remember(struct delete_task *task, uint64_t slot, bool hidden,
                                struct lat_error *err)
{
    if (task->n == task->capacity) {
        const size_t capacity = task->capacity ? task->capacity * 2 : 64;
        uint64_t *slots = lat_realloc(task->slots, capacity, sizeof(*slots));
        if (slots)
            task->slots = slots;
        bool *flags = slots ? lat_realloc(task->hidden, capacity, sizeof(*flags)) : NULL;
        if (!flags)
            return lat_fail_memory(err);
        task->hidden = flags;
        task->capacity = capacity;
    }
    task->hidden[task->n] = hidden;
    task->slots[task->n++] = slot;
    return LAT_OK;
}

static enum lat_status prepare(struct lat_db *db, const char *what, int64_t key,
                               const struct lat_sql *sql, struct lat_stmt **out_stmt,
                               struct lat_error *err)
{
    struct lat_buf text = {0};
    lat_buf_printf(&text, "SELECT %s FROM items i WHERE i.collection=?1 AND ", what);
    lat_buf_append(&text, sql->text.data, sql->text.len);
    return lat_sql_prepare(sql, db, &text, key, out_stmt, err);
}

static enum lat_status find_rows(struct delete_task *task, struct lat_db *db,
                                 struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    task->n = 0;
    enum lat_status status =
        prepare(db, "i.slot, i.hidden", task->task.collection->key, task->sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        status =
            remember(task, (uint64_t)lat_stmt_i64(stmt, 0), lat_stmt_i64(stmt, 1) != 0, err);
        if (status != LAT_OK)
            break;
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status apply_delete(struct lat_task *base, struct lat_local *store,
                                    struct lat_error *err)
{
    struct delete_task *task = (struct delete_task *)base;
    struct lat_collection *collection = base->collection;
    if (collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        collection->name);
    enum lat_status status = find_rows(task, store->writer.db, err);
    for (size_t i = 0; i < task->n && status == LAT_OK; i++) {
        collection->draft.sequence++;
        collection->draft.items--;
        collection->draft.hidden -= task->hidden[i];
        status = lat_rows_delete(store->writer.db, collection, task->slots[i],
                                 collection->draft.sequence, err);
    }
    return status;
}

static void commit_delete(struct lat_task *base, struct lat_local *store)
{
    struct delete_task *task = (struct delete_task *)base;
    struct lat_collection *collection = base->collection;
    struct lat_index *index = collection->index;
    (void)store;
    for (size_t i = 0; i < task->n;) {
        lat_rwlock_write(&collection->lock);
        for (size_t end = i + KILL_CHUNK; i < task->n && i < end; i++) {
            collection->sequence++;
            if (!index)
                continue;
            const uint32_t position = lat_slot_map_find_slot(&index->map, task->slots[i]);
            if (position != LAT_NO_POSITION)
                lat_index_kill(index, position);
            else if (index->corrupt)
                index->corrupt--;
            index->sequence = collection->sequence;
        }
        collection->items = collection->draft.items;
        collection->hidden = collection->draft.hidden;
        lat_rwlock_unlock(&collection->lock);
    }
    lat_metric_add(LAT_METRIC_WRITES, NULL, (double)task->n);
    lat_metric_set(LAT_METRIC_ITEMS, collection->name, (double)collection->items);
}

static enum lat_status count_rows(struct lat_local *store, struct lat_collection *collection,
                                  const struct lat_sql *sql, uint64_t *out_n,
                                  struct lat_error *err)
{
    struct lat_db *db = lat_pool_take(&store->pool);
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = prepare(db, "count(*)", collection->key, sql, &stmt, err);
    if (status == LAT_OK) {
        status = lat_stmt_step(stmt, &row, err);
        if (status == LAT_OK)
            *out_n = (uint64_t)lat_stmt_i64(stmt, 0);
        lat_stmt_free(stmt);
    }
    lat_pool_give(&store->pool, db);
    return status;
}

enum lat_status lat_local_count(struct lat_store *base, const char *name,
                                const struct lat_filter *filter, uint64_t *out_n,
                                struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct lat_sql sql = {0};
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    if (filter) {
        status = lat_filter_sql(filter, 2, &sql, err);
        if (status == LAT_OK)
            status = count_rows(store, collection, &sql, out_n, err);
        lat_sql_release(&sql);
    } else {
        lat_rwlock_read(&collection->lock);
        *out_n = collection->items;
        lat_rwlock_unlock(&collection->lock);
    }
    lat_collection_unref(collection);
    return status;
}

static enum lat_status delete_once(struct lat_local *store, const char *name,
                                   const struct lat_filter *filter, uint64_t *out_n,
                                   struct lat_error *err)
{
    struct lat_sql sql = {0};
    struct delete_task task = {
        .task = {.apply = apply_delete, .commit = commit_delete, .isolated = true},
        .sql = &sql};
    enum lat_status status = lat_collection_find(store, name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    status = lat_filter_sql(filter, 2, &sql, err);
    if (status == LAT_OK)
        status = lat_writer_run(store, &task.task, err);
    if (status == LAT_OK)
        *out_n = task.n;
    else
        lat_error_prefix(err, "collection '%s'", name);
    lat_sql_release(&sql);
    lat_free(task.slots);
    lat_free(task.hidden);
    lat_collection_unref(task.task.collection);
    return status;
}

enum lat_status lat_local_delete_where(struct lat_store *base, const char *name,
                                       const struct lat_filter *filter, bool dry_run,
                                       uint64_t *out_n, struct lat_error *err)
{
    static const struct lat_filter everything = {.op = LAT_FILTER_AND};
    struct lat_local *store = lat_local_of(base);
    struct lat_error first = LAT_ERROR_INIT;
    if (!filter)
        filter = &everything;
    if (dry_run)
        return lat_local_count(base, name, filter, out_n, err);
    lat_generation_wait(store, name);
    const enum lat_status status = delete_once(store, name, filter, out_n, &first);
    if (lat_generation_moved(store, name, status, &first))
        return delete_once(store, name, filter, out_n, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = first;
    return status;
}
