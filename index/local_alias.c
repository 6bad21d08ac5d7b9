/* Aliases: rows, and a sorted copy of them in memory under the lock of the table of
 * collections, so that a lookup is a binary search and an alias never points to what is not
 * there.
 *
 * They change by tasks of their own transaction: each makes the table anew beside the old one,
 * and its commit hook exchanges the two. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/local_store.h"

#include "base/banned.h"

/* ---- the table ---- */

/* Where the name is, or belongs. Under the table's lock, or on the writer's thread. */
static size_t place(const struct lat_local *store, const char *name, bool *out_there)
{
    size_t low = 0, high = store->n_aliases;
    *out_there = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(store->aliases[middle].name, name);
        *out_there |= order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool lat_local_alias_resolve(struct lat_store *base, const char *name,
                             char out_collection[LAT_COLLECTION_NAME_MAX])
{
    struct lat_local *store = lat_local_of(base);
    bool there;
    if (!atomic_load_explicit(&store->has_aliases, memory_order_relaxed))
        return false;
    lat_rwlock_read(&store->table_lock);
    const size_t at = place(store, name, &there);
    if (there)
        memcpy(out_collection, store->aliases[at].collection, LAT_COLLECTION_NAME_MAX);
    lat_rwlock_unlock(&store->table_lock);
    return there;
}

static enum lat_status unknown(const char *name, struct lat_error *err)
{
    return lat_fail(err, LAT_NOT_FOUND, "alias_not_found", "no alias '%.63s'", name);
}

enum lat_status lat_local_alias_get(struct lat_store *base, const char *name,
                                    struct lat_alias *out, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    bool there;
    lat_rwlock_read(&store->table_lock);
    const size_t at = place(store, name, &there);
    if (there)
        *out = store->aliases[at];
    lat_rwlock_unlock(&store->table_lock);
    return there ? LAT_OK : unknown(name, err);
}

enum lat_status lat_local_aliases(struct lat_store *base, const char *after, size_t limit,
                                  struct lat_alias **out_aliases, size_t *out_n,
                                  struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    bool there;
    lat_rwlock_read(&store->table_lock);
    size_t from = place(store, after, &there);
    from += there;
    const size_t left = store->n_aliases - from;
    const size_t n = left < limit ? left : limit;
    struct lat_alias *copy = lat_alloc_raw(n ? n : 1, sizeof(*copy));
    if (copy && n)
        memcpy(copy, store->aliases + from, n * sizeof(*copy));
    lat_rwlock_unlock(&store->table_lock);
    if (!copy)
        return lat_fail_memory(err);
    *out_aliases = copy;
    *out_n = n;
    return LAT_OK;
}

enum lat_status lat_aliases_read(struct lat_local *store, struct lat_db *db,
                                 struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status =
        lat_db_prepare(db,
                       "SELECT a.alias, c.name, a.created_ms, a.updated_ms FROM aliases a"
                       " JOIN collections c ON c.collection=a.collection ORDER BY a.alias",
                       &stmt, err);
    if (status != LAT_OK)
        return status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        struct lat_alias *grown =
            lat_realloc(store->aliases, store->n_aliases + 1, sizeof(*grown));
        if (!grown) {
            status = lat_fail_memory(err);
            break;
        }
        store->aliases = grown;
        struct lat_alias *alias = &grown[store->n_aliases++];
        snprintf(alias->name, sizeof(alias->name), "%s", lat_stmt_text(stmt, 0));
        snprintf(alias->collection, sizeof(alias->collection), "%s", lat_stmt_text(stmt, 1));
        alias->created_ms = lat_stmt_i64(stmt, 2);
        alias->updated_ms = lat_stmt_i64(stmt, 3);
    }
    lat_stmt_free(stmt);
    atomic_store(&store->has_aliases, store->n_aliases > 0);
    return status;
}

/* ---- changing it ---- */

struct alias_task {
    struct lat_task task;
    const char *name, *collection; /* `collection` NULL: drop it */
    struct lat_alias set;
    bool created;
    struct lat_alias *fresh; /* the table to be */
    size_t n_fresh;
};

/* The table with the change. On the writer's thread, which alone exchanges it. */
static enum lat_status make_table(struct alias_task *task, const struct lat_local *store,
                                  struct lat_error *err)
{
    bool there;
    const size_t at = place(store, task->name, &there);
    lat_free(task->fresh);
    task->fresh = lat_alloc(store->n_aliases + 1, sizeof(*task->fresh));
    if (!task->fresh)
        return lat_fail_memory(err);
    if (!there && !task->collection)
        return unknown(task->name, err);
    const size_t behind = at + there;
    if (at)
        memcpy(task->fresh, store->aliases, at * sizeof(*task->fresh));
    task->n_fresh = at;
    if (task->collection) {
        const int64_t now = lat_clock_wall_ms();
        task->set = there ? store->aliases[at] : (struct lat_alias){.created_ms = now};
        if (!there || strcmp(task->set.collection, task->collection) != 0)
            task->set.updated_ms = now;
        snprintf(task->set.name, sizeof(task->set.name), "%s", task->name);
        snprintf(task->set.collection, sizeof(task->set.collection), "%s", task->collection);
        task->fresh[task->n_fresh++] = task->set;
        task->created = !there;
    }
    const size_t rest = store->n_aliases - behind;
    if (rest)
        memcpy(task->fresh + task->n_fresh, store->aliases + behind,
               rest * sizeof(*task->fresh));
    task->n_fresh += rest;
    return LAT_OK;
}

static enum lat_status apply_set(struct lat_task *base, struct lat_local *store,
                                 struct lat_error *err)
{
    struct alias_task *task = (struct alias_task *)base;
    struct lat_collection *there = NULL, *target = NULL;
    struct lat_stmt *stmt;
    if (lat_collection_find_exact(store, task->name, &there, NULL) == LAT_OK) {
        lat_collection_unref(there);
        return lat_fail(err, LAT_CONFLICT, "exists",
                        "'%s' is a collection: an alias needs a name of its own", task->name);
    }
    enum lat_status status = lat_collection_find_exact(store, task->collection, &target, err);
    if (status == LAT_OK)
        status = make_table(task, store, err);
    if (status == LAT_OK)
        status = lat_db_statement(
            store->writer.db,
            "INSERT INTO aliases(alias, collection, created_ms, updated_ms) VALUES(?1,?2,?3,?4)"
            " ON CONFLICT(alias) DO UPDATE SET collection=?2, updated_ms=?4",
            &stmt, err);
    if (status == LAT_OK) {
        lat_stmt_bind_text(stmt, 1, task->name);
        lat_stmt_bind_i64(stmt, 2, target->key);
        lat_stmt_bind_i64(stmt, 3, task->set.created_ms);
        lat_stmt_bind_i64(stmt, 4, task->set.updated_ms);
        status = lat_stmt_run(stmt, err);
    }
    lat_collection_unref(target);
    return status;
}

static enum lat_status apply_drop(struct lat_task *base, struct lat_local *store,
                                  struct lat_error *err)
{
    struct alias_task *task = (struct alias_task *)base;
    struct lat_stmt *stmt;
    enum lat_status status = make_table(task, store, err);
    if (status == LAT_OK)
        status = lat_db_statement(store->writer.db, "DELETE FROM aliases WHERE alias=?1", &stmt,
                                  err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_text(stmt, 1, task->name);
    return lat_stmt_run(stmt, err);
}

static void commit_table(struct lat_task *base, struct lat_local *store)
{
    struct alias_task *task = (struct alias_task *)base;
    lat_rwlock_write(&store->table_lock);
    struct lat_alias *old = store->aliases;
    store->aliases = task->fresh;
    store->n_aliases = task->n_fresh;
    lat_rwlock_unlock(&store->table_lock);
    atomic_store(&store->has_aliases, task->n_fresh > 0);
    lat_free(old);
    task->fresh = NULL;
}

enum lat_status lat_local_alias_set(struct lat_store *base, const char *alias,
                                    const char *collection, struct lat_alias *out,
                                    bool *out_created, struct lat_error *err)
{
    if (!lat_name_valid(alias))
        return lat_fail(err, LAT_INVALID, "invalid_name",
                        "'%.64s' is no name: [a-z0-9][a-z0-9._-]{0,62}", alias);
    struct alias_task task = {
        .task = {.apply = apply_set, .commit = commit_table, .exclusive = true},
        .name = alias,
        .collection = collection};
    const enum lat_status status = lat_writer_run(lat_local_of(base), &task.task, err);
    lat_free(task.fresh);
    if (status == LAT_OK) {
        *out = task.set;
        *out_created = task.created;
    }
    return status;
}

enum lat_status lat_local_alias_drop(struct lat_store *base, const char *alias,
                                     struct lat_error *err)
{
    struct alias_task task = {
        .task = {.apply = apply_drop, .commit = commit_table, .exclusive = true},
        .name = alias};
    const enum lat_status status = lat_writer_run(lat_local_of(base), &task.task, err);
    lat_free(task.fresh);
    return status;
}

/* ---- what others ask of it, inside their tasks ---- */

enum lat_status lat_alias_check_free(struct lat_local *store, const char *name,
                                     struct lat_error *err)
{
    bool there;
    place(store, name, &there);
    return there ? lat_fail(err, LAT_CONFLICT, "exists",
                            "'%s' is an alias: a collection needs a name of its own", name)
                 : LAT_OK;
}

enum lat_status lat_alias_check_none(struct lat_local *store, const char *collection,
                                     struct lat_error *err)
{
    for (size_t i = 0; i < store->n_aliases; i++)
        if (strcmp(store->aliases[i].collection, collection) == 0)
            return lat_fail(err, LAT_CONFLICT, "has_alias",
                            "collection '%s' has the alias '%s': delete or move that first",
                            collection, store->aliases[i].name);
    return LAT_OK;
}
