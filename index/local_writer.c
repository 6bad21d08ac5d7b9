/* Group commit: one thread takes whatever tasks are waiting, runs them in one transaction,
 * syncs once, makes them searchable, and lets all their callers go.
 *
 *      callers               writer thread
 *      lat_writer_run        take_group -> run_group: BEGIN, apply..., close_drafts, COMMIT
 * (sync) queue, wait           -> commit hooks (memory, cannot fail) -> finished
 *
 * A task that fails by its own fault is rolled back to its savepoint (isolated) or has changed
 * nothing. When the database itself fails (full disk, out of memory) the whole group is rolled
 * back and, if there were several tasks, each is tried alone, so that one that asks too much
 * does not spoil the others.
 *
 * Lingering: when groups have lately had more than one task, the next group waits up to
 * LINGER_NS for as many to come again, since their callers are on their way back with the next
 * one. A lone writer never waits. */

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/local_store.h"

#include "base/banned.h"

#define LINGER_NS (2 * LAT_NS_PER_MS)

enum { GROUP_MAX = 1024 };

/* ---- inside the transaction ---- */

static void rollback(struct lat_db *db)
{
    if (!lat_db_in_transaction(db))
        return;
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_db_exec(db, "ROLLBACK", &err) != LAT_OK)
        lat_log_error("rollback failed", &err);
}

/* Whether the failure is the task's own, and the transaction can go on without it. */
static bool is_own_fault(enum lat_status status)
{
    return status == LAT_INVALID || status == LAT_NOT_FOUND || status == LAT_PRECONDITION ||
           status == LAT_CONFLICT || status == LAT_TOO_LARGE || status == LAT_CANCELLED;
}

static void open_draft(struct lat_collection *collection)
{
    if (!collection || collection->touched)
        return;
    lat_rwlock_read(&collection->lock);
    collection->draft = (struct lat_draft){.sequence = collection->sequence,
                                           .items = collection->items,
                                           .hidden = collection->hidden,
                                           .pruned = collection->pruned,
                                           .users = collection->users,
                                           .interactions = collection->interactions};
    lat_rwlock_unlock(&collection->lock);
    collection->touched = true;
    collection->pending_rows = collection->pending_id_bytes = 0;
}

static enum lat_status savepoint(struct lat_db *db, const char *sql, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(db, sql, &stmt, err);
    return status == LAT_OK ? lat_stmt_run(stmt, err) : status;
}

static enum lat_status run_isolated(struct lat_local *store, struct lat_task *task)
{
    struct lat_db *db = store->writer.db;
    struct lat_collection *collection = task->collection;
    const struct lat_draft before = collection ? collection->draft : (struct lat_draft){0};
    const size_t rows = collection ? collection->pending_rows : 0;
    const size_t id_bytes = collection ? collection->pending_id_bytes : 0;
    enum lat_status status = savepoint(db, "SAVEPOINT task", &task->err);
    if (status != LAT_OK)
        return status;
    status = task->apply(task, store, &task->err);
    if (status != LAT_OK && is_own_fault(status)) {
        if (collection) {
            collection->draft = before;
            collection->pending_rows = rows;
            collection->pending_id_bytes = id_bytes;
        }
        struct lat_error err = LAT_ERROR_INIT;
        if (savepoint(db, "ROLLBACK TO task", &err) != LAT_OK) {
            task->err = err;
            return err.status;
        }
    }
    if (status == LAT_OK || is_own_fault(status)) {
        struct lat_error err = LAT_ERROR_INIT;
        if (savepoint(db, "RELEASE task", &err) != LAT_OK) {
            task->err = err;
            return err.status;
        }
    }
    return status;
}

static enum lat_status close_draft(struct lat_db *db, struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status =
        lat_db_statement(db,
                         "UPDATE collections SET sequence=?2, items=?3, hidden=?4, pruned=?5,"
                         " users=?6, interactions=?7 WHERE collection=?1",
                         &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_i64(stmt, 2, (int64_t)collection->draft.sequence);
    lat_stmt_bind_i64(stmt, 3, (int64_t)collection->draft.items);
    lat_stmt_bind_i64(stmt, 4, (int64_t)collection->draft.hidden);
    lat_stmt_bind_i64(stmt, 5, (int64_t)collection->draft.pruned);
    lat_stmt_bind_i64(stmt, 6, (int64_t)collection->draft.users);
    lat_stmt_bind_i64(stmt, 7, (int64_t)collection->draft.interactions);
    return lat_stmt_run(stmt, err);
}

/* The counters of every collection touched, and the next slot. */
static enum lat_status close_drafts(struct lat_local *store, struct lat_task *group,
                                    struct lat_error *err)
{
    struct lat_db *db = store->writer.db;
    for (struct lat_task *task = group; task; task = task->next) {
        struct lat_collection *collection = task->collection;
        if (!collection || !collection->touched)
            continue;
        collection->touched = false;
        const enum lat_status status = close_draft(db, collection, err);
        if (status != LAT_OK)
            return status;
    }
    struct lat_stmt *stmt;
    const enum lat_status status =
        lat_db_statement(db, "UPDATE store SET next_slot=?1 WHERE next_slot<>?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)store->writer.next_slot);
    return lat_stmt_run(stmt, err);
}

static enum lat_status transact(struct lat_local *store, struct lat_task *group,
                                struct lat_error *err)
{
    struct lat_db *db = store->writer.db;
    const int64_t changes = lat_db_changes(db);
    enum lat_status status = savepoint(db, "BEGIN IMMEDIATE", err);
    for (struct lat_task *task = group; task && status == LAT_OK; task = task->next) {
        lat_error_clear(&task->err);
        open_draft(task->collection);
        task->status =
            task->isolated ? run_isolated(store, task) : task->apply(task, store, &task->err);
        if (task->status != LAT_OK && !is_own_fault(task->status)) {
            status = task->status;
            *err = task->err;
        }
    }
    if (status == LAT_OK)
        status = close_drafts(store, group, err);
    if (status == LAT_OK)
        status = savepoint(db, "COMMIT", err);
    if (status != LAT_OK)
        rollback(db);
    else if (lat_db_changes(db) != changes)
        lat_metric_add(LAT_METRIC_COMMITS, NULL, 1);
    for (struct lat_task *task = group; task; task = task->next)
        if (task->collection)
            task->collection->touched = false;
    return status;
}

/* ---- groups ---- */

static void run_group(struct lat_local *store, struct lat_task *group)
{
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = transact(store, group, &err);
    if (status == LAT_OK) {
        for (struct lat_task *task = group; task; task = task->next)
            if (task->status == LAT_OK && task->commit)
                task->commit(task, store);
        return;
    }
    if (!group->next) {
        group->status = status;
        group->err = err;
        return;
    }
    for (struct lat_task *task = group, *next; task; task = next) {
        next = task->next;
        task->next = NULL;
        run_group(store, task);
        task->next = next;
    }
}

/* Waits for work; NULL when closing and empty. */
static struct lat_task *take_group(struct lat_writer *writer)
{
    lat_mutex_lock(&writer->mutex);
    while (!writer->first && !writer->closing)
        lat_cond_wait(&writer->arrived, &writer->mutex);
    const size_t wanted = writer->usual - writer->usual / 8;
    if (writer->first && wanted > 1) {
        const uint64_t deadline = lat_clock_ns() + LINGER_NS;
        while (writer->n_waiting < wanted && !writer->closing &&
               lat_cond_wait_until(&writer->arrived, &writer->mutex, deadline))
            ;
    }
    struct lat_task *group = writer->first, *end = NULL;
    size_t n = 0;
    for (struct lat_task *task = group; task && n < GROUP_MAX; task = task->next) {
        if (n && (task->exclusive || end->exclusive))
            break;
        task->taken = true;
        end = task;
        n++;
    }
    if (end) {
        writer->first = end->next;
        end->next = NULL;
    }
    if (!writer->first)
        writer->last = NULL;
    writer->n_waiting -= n;
    /* Falls slowly, rises at once. */
    writer->usual = n > writer->usual ? n : writer->usual - (writer->usual - n + 3) / 4;
    lat_mutex_unlock(&writer->mutex);
    return group;
}

static void *writer_main(void *argument)
{
    struct lat_local *store = argument;
    struct lat_writer *writer = &store->writer;
    struct lat_task *group;
    while ((group = take_group(writer)) != NULL) {
        run_group(store, group);
        lat_mutex_lock(&writer->mutex);
        for (struct lat_task *task = group, *next; task; task = next) {
            next = task->next; /* the task is its caller's again once it is done */
            task->done = true;
        }
        lat_cond_broadcast(&writer->finished);
        lat_mutex_unlock(&writer->mutex);
        lat_keeper_wake(store);
    }
    return NULL;
}

/* ---- the callers' side ---- */

static void unqueue(struct lat_writer *writer, struct lat_task *task)
{
    struct lat_task **link = &writer->first, *before = NULL;
    while (*link != task) {
        before = *link;
        link = &(*link)->next;
    }
    *link = task->next;
    if (writer->last == task)
        writer->last = before;
    writer->n_waiting--;
}

enum lat_status lat_writer_run(struct lat_local *store, struct lat_task *task,
                               struct lat_error *err)
{
    struct lat_writer *writer = &store->writer;
    const uint64_t deadline = lat_clock_ns() + store->busy_ns;
    task->next = NULL;
    task->taken = task->done = false;
    task->status = LAT_OK;
    task->err = (struct lat_error)LAT_ERROR_INIT;
    lat_mutex_lock(&writer->mutex);
    if (writer->closing) {
        lat_mutex_unlock(&writer->mutex);
        return lat_fail(err, LAT_UNAVAILABLE, "closing", "the store is closing");
    }
    if (writer->last)
        writer->last->next = task;
    else
        writer->first = task;
    writer->last = task;
    writer->n_waiting++;
    lat_cond_signal(&writer->arrived);
    while (!task->done) {
        if (task->taken) {
            lat_cond_wait(&writer->finished, &writer->mutex);
        } else if (!lat_cond_wait_until(&writer->finished, &writer->mutex, deadline) &&
                   !task->taken && !task->done) {
            unqueue(writer, task);
            lat_mutex_unlock(&writer->mutex);
            return lat_fail(err, LAT_BUSY, NULL, "the write waited %llu ms for its turn",
                            (unsigned long long)(store->busy_ns / LAT_NS_PER_MS));
        }
    }
    lat_mutex_unlock(&writer->mutex);
    if (task->status != LAT_OK && err && err->status == LAT_OK)
        *err = task->err;
    return task->status;
}

uint64_t lat_writer_new_slot(struct lat_local *store)
{
    return store->writer.next_slot++;
}

enum lat_status lat_writer_start(struct lat_local *store, struct lat_error *err)
{
    struct lat_writer *writer = &store->writer;
    int64_t next_slot = 0;
    enum lat_status status =
        lat_db_number(writer->db, "SELECT next_slot FROM store", &next_slot, err);
    if (status != LAT_OK)
        return status;
    writer->next_slot = (uint64_t)next_slot;
    status = lat_thread_start(&writer->thread, "store-writer", writer_main, store, err);
    writer->started = status == LAT_OK;
    return status;
}

void lat_writer_stop(struct lat_local *store)
{
    struct lat_writer *writer = &store->writer;
    if (!writer->started)
        return;
    lat_mutex_lock(&writer->mutex);
    writer->closing = true;
    lat_cond_signal(&writer->arrived);
    lat_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    writer->started = false;
}
