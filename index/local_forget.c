/* Deleting users, and the interactions of dropped collections.
 *
 * A user is deleted in one transaction of its own, so that the counts in memory are those of
 * the rows: an item whose last interaction goes, goes too. Deleted bytes are overwritten with
 * zeroes (secure_delete, db.c), but older pages stay in the write-ahead log until it is emptied
 * into the file, which is done at once when no reader is in the way, else by the keeper, else
 * at the next start. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "index/local_generation.h"
#include "index/local_interactions.h"

#include "base/banned.h"

struct forget_task {
    struct lat_task task;
    const char *user;
    struct lat_tally_change *changes; /* what goes, an entry an item */
    size_t n_changes, capacity;
};

/* One row of the user, rows of an item together. */
static enum lat_status note(struct forget_task *task, uint32_t item, bool liked,
                            struct lat_error *err)
{
    struct lat_tally_change *last =
        task->n_changes ? &task->changes[task->n_changes - 1] : NULL;
    if (!last || last->number != item) {
        if (task->n_changes == task->capacity) {
            const size_t capacity = task->capacity ? task->capacity * 2 : 64;
            struct lat_tally_change *grown =
                lat_realloc(task->changes, capacity, sizeof(*grown));
            if (!grown)
                return lat_fail_memory(err);
            task->changes = grown;
            task->capacity = capacity;
        }
        last = &task->changes[task->n_changes++];
        *last = (struct lat_tally_change){.number = item};
    }
    last->rows--;
    if (liked)
        last->fans = -1;
    return LAT_OK;
}

static enum lat_status note_rows(struct forget_task *task, struct lat_db *db, int64_t user,
                                 struct lat_error *err)
{
    const struct lat_tally *tally = &task->task.collection->tally;
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db, "SELECT item, weight FROM interactions WHERE user=?1 ORDER BY item", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, user);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const int64_t item = lat_stmt_i64(stmt, 0);
        task->task.collection->draft.interactions--;
        if (item < 0 || (uint64_t)item >= tally->n)
            continue; /* a damaged row: it has no counts */
        status = note(task, (uint32_t)item, lat_stmt_real(stmt, 1) >= 0, err);
        if (status != LAT_OK)
            break;
    }
    lat_stmt_reset(stmt);
    return status;
}

static enum lat_status run_with(struct lat_db *db, const char *sql, int64_t first,
                                int64_t second, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(db, sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, first);
    lat_stmt_bind_i64(stmt, 2, second);
    return lat_stmt_run(stmt, err);
}

/* Items that nobody else deals with. */
static enum lat_status forget_items(struct forget_task *task, struct lat_db *db,
                                    struct lat_error *err)
{
    const struct lat_collection *collection = task->task.collection;
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < task->n_changes && status == LAT_OK; i++) {
        const struct lat_tally_change *change = &task->changes[i];
        if (collection->tally.items[change->number].rows + (uint32_t)change->rows == 0)
            status =
                run_with(db, "DELETE FROM interaction_items WHERE collection=?1 AND number=?2",
                         collection->key, change->number, err);
    }
    return status;
}

static enum lat_status apply_forget(struct lat_task *base, struct lat_local *store,
                                    struct lat_error *err)
{
    struct forget_task *task = (struct forget_task *)base;
    struct lat_collection *collection = base->collection;
    struct lat_db *db = store->writer.db;
    int64_t user = 0;
    task->n_changes = 0;
    if (collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        collection->name);
    enum lat_status status = lat_user_find(store, collection->key, task->user, &user, err);
    if (status == LAT_OK && !user)
        return lat_fail(err, LAT_NOT_FOUND, "unknown_user", "no user '%s'", task->user);
    if (status == LAT_OK)
        status = note_rows(task, db, user, err);
    if (status == LAT_OK)
        status = run_with(db, "DELETE FROM interactions WHERE user=?1 AND ?2=0", user, 0, err);
    if (status == LAT_OK)
        status = run_with(db, "DELETE FROM users WHERE number=?1 AND collection=?2", user,
                          collection->key, err);
    if (status == LAT_OK)
        status = forget_items(task, db, err);
    collection->draft.users--;
    return status == LAT_INVALID ? LAT_CORRUPT : status;
}

/* ---- the log ---- */

#define AGAIN_NS LAT_NS_PER_S

void lat_users_wipe(struct lat_local *store)
{
    struct lat_keeper *keeper = &store->keeper;
    const bool again = !lat_db_empty_log(store->writer.db);
    atomic_store(&keeper->empty_again_ns, again ? lat_clock_ns() + AGAIN_NS : 0);
}

static void commit_forget(struct lat_task *base, struct lat_local *store)
{
    struct forget_task *task = (struct forget_task *)base;
    lat_interactions_publish(base->collection, task->changes, task->n_changes);
    lat_users_wipe(store);
}

static enum lat_status apply_nothing(struct lat_task *task, struct lat_local *store,
                                     struct lat_error *err)
{
    (void)task;
    (void)store;
    (void)err;
    return LAT_OK;
}

static void commit_wipe(struct lat_task *task, struct lat_local *store)
{
    (void)task;
    lat_users_wipe(store);
}

bool lat_users_wipe_again(struct lat_local *store)
{
    const uint64_t again_ns = atomic_load(&store->keeper.empty_again_ns);
    if (!again_ns)
        return false;
    if (lat_clock_ns() < again_ns)
        return true;
    struct lat_task task = {.apply = apply_nothing, .commit = commit_wipe, .exclusive = true};
    struct lat_error ignored = LAT_ERROR_INIT;
    /* A store that closes empties its log anyway. */
    return lat_writer_run(store, &task, &ignored) != LAT_UNAVAILABLE &&
           atomic_load(&store->keeper.empty_again_ns) != 0;
}

/* ---- the calls ---- */

static enum lat_status delete_once(struct lat_local *store, const char *name, const char *user,
                                   struct lat_error *err)
{
    struct forget_task task = {
        .task = {.apply = apply_forget, .commit = commit_forget, .exclusive = true},
        .user = user};
    enum lat_status status = lat_collection_with_tally(store, name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    status = lat_writer_run(store, &task.task, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_free(task.changes);
    lat_collection_unref(task.task.collection);
    return status;
}

enum lat_status lat_local_user_delete(struct lat_store *base, const char *name,
                                      const char *user, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_error first = LAT_ERROR_INIT;
    lat_generation_wait(store, name);
    const enum lat_status status = delete_once(store, name, user, &first);
    if (lat_generation_moved(store, name, status, &first))
        return delete_once(store, name, user, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = first;
    return status;
}

/* The first users by name, some of their interactions, then those that have none left. */
enum lat_status lat_interactions_purge(struct lat_db *db, int64_t n_rows, struct lat_error *err)
{
#define FIRST_USERS                                                                            \
    "(SELECT number FROM users WHERE collection=(SELECT min(collection) FROM dropped)"         \
    " ORDER BY hash LIMIT ?1)"
    static const char *const steps[] = {
        "DELETE FROM interactions WHERE (user, item, type) IN (SELECT x.user, x.item, x.type"
        " FROM " FIRST_USERS " u CROSS JOIN interactions x ON x.user=u.number LIMIT ?2)",
        "DELETE FROM users WHERE number IN " FIRST_USERS
        " AND NOT EXISTS(SELECT 1 FROM interactions x WHERE x.user=users.number) AND ?2>0",
        "DELETE FROM interaction_items WHERE collection=(SELECT min(collection) FROM dropped)"
        " AND ?1>0 AND number IN (SELECT number FROM interaction_items WHERE"
        " collection=(SELECT min(collection) FROM dropped) ORDER BY number LIMIT ?2)",
    };
#undef FIRST_USERS
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < LAT_ARRAY_LEN(steps) && status == LAT_OK; i++)
        status = run_with(db, steps[i], n_rows / 4, n_rows, err);
    return status;
}

/* ---- the recommender ---- */

struct recommender_task {
    struct lat_task task;
    const char *model;
};

static enum lat_status apply_recommender(struct lat_task *base, struct lat_local *store,
                                         struct lat_error *err)
{
    struct lat_stmt *stmt;
    if (base->collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        base->collection->name);
    const enum lat_status status = lat_db_statement(
        store->writer.db, "UPDATE collections SET recommender=?2 WHERE collection=?1", &stmt,
        err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, base->collection->key);
    lat_stmt_bind_text(stmt, 2, ((struct recommender_task *)base)->model);
    return lat_stmt_run(stmt, err);
}

static void commit_recommender(struct lat_task *base, struct lat_local *store)
{
    struct lat_collection *collection = base->collection;
    const char *model = ((struct recommender_task *)base)->model;
    (void)store;
    lat_rwlock_write(&collection->lock);
    memcpy(collection->recommender, model, strlen(model) + 1);
    lat_rwlock_unlock(&collection->lock);
}

static enum lat_status set_once(struct lat_local *store, const char *name, const char *model,
                                struct lat_error *err)
{
    struct recommender_task task = {
        .task = {.apply = apply_recommender, .commit = commit_recommender, .isolated = true},
        .model = model};
    enum lat_status status = lat_collection_find(store, name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    status = lat_writer_run(store, &task.task, err);
    lat_collection_unref(task.task.collection);
    return status;
}

enum lat_status lat_local_recommender_set(struct lat_store *base, const char *name,
                                          const char *model, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_error first = LAT_ERROR_INIT;
    if (strlen(model) >= LAT_MODEL_REF_MAX)
        return lat_fail(err, LAT_INVALID, "invalid_name", "a model's name has up to %d bytes",
                        LAT_MODEL_REF_MAX - 1);
    lat_generation_wait(store, name);
    const enum lat_status status = set_once(store, name, model, &first);
    if (lat_generation_moved(store, name, status, &first))
        return set_once(store, name, model, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = first;
    return status;
}
