/* The switch of a generation: one exclusive task of the writer.
 *
 *   rows     names, aliases, users and their items, the recommender go over to the new key
 *   memory   the serving object leaves the table as a dropped one does, so that every task that
 *            still holds it fails and is asked again, while searches in it run on; the hidden
 *            object takes the name; a new object without an index stands for the former
 *
 * Writers are held meanwhile (local_generation.c); who came before them shows in the sequence
 * number, which apply_exchange compares. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "index/local_generation.h"

#include "base/banned.h"

struct switch_task {
    struct lat_task task; /* its collection: the hidden one */
    struct lat_collection *serving;
    struct lat_collection *former; /* made inside apply */
    uint64_t synced;
};

static enum lat_status run_with(struct lat_db *db, const char *sql, int64_t one, int64_t two,
                                const char *text, int64_t three, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(db, sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, one);
    lat_stmt_bind_i64(stmt, 2, two);
    lat_stmt_bind_text(stmt, 3, text);
    lat_stmt_bind_i64(stmt, 4, three);
    return lat_stmt_run(stmt, err);
}

/* ?1 the serving key, ?2 the hidden one's, ?3 the name, ?4 the hidden one's sequence. */
static const char *const steps[] = {
    "UPDATE collections SET (created_ms, recommender)=(SELECT created_ms, recommender FROM"
    " collections WHERE collection=?1) WHERE collection=?2 AND ?3<>'' AND ?4>=0",
    "UPDATE collections SET name='~', recommender='', users=0, interactions=0"
    " WHERE collection=?1 AND ?2>0 AND ?3<>'' AND ?4>=0",
    "UPDATE collections SET name=?3 WHERE collection=?2 AND ?1>0 AND ?4>=0",
    "UPDATE collections SET name='~'||?2 WHERE collection=?1 AND ?3<>'' AND ?4>=0",
    "UPDATE users SET collection=?2 WHERE collection=?1 AND ?3<>'' AND ?4>=0",
    "UPDATE interaction_items SET collection=?2 WHERE collection=?1 AND ?3<>'' AND ?4>=0",
    "UPDATE aliases SET collection=?2 WHERE collection=?1 AND ?3<>'' AND ?4>=0",
    "DELETE FROM generations WHERE collection=?2 AND ?1>0 AND ?3<>'' AND ?4>=0",
    "INSERT INTO generations(collection, synced, former) SELECT ?1, ?4, 1"
    " WHERE ?2>0 AND ?3<>''",
};

static enum lat_status make_former(struct switch_task *task, struct lat_error *err)
{
    const struct lat_collection *serving = task->serving;
    struct lat_collection_spec spec = serving->spec;
    lat_collection_unref(task->former); /* of a run before, rolled back */
    task->former = NULL;
    lat_generation_name(task->task.collection->key, spec.name);
    const enum lat_status status =
        lat_collection_new(serving->key, &spec, serving->created_ms, &task->former, err);
    if (status != LAT_OK)
        return status;
    task->former->sequence = serving->sequence;
    task->former->pruned = serving->pruned;
    task->former->items = serving->items;
    task->former->hidden = serving->hidden;
    task->former->former = true;
    return LAT_OK;
}

static enum lat_status apply_exchange(struct lat_task *base, struct lat_local *store,
                                      struct lat_error *err)
{
    struct switch_task *task = (struct switch_task *)base;
    struct lat_collection *serving = task->serving, *hidden = base->collection;
    if (serving->dropped || hidden->dropped)
        return lat_fail(err, LAT_CANCELLED, NULL, "the collection was dropped");
    if (serving->sequence != task->synced)
        return lat_fail(err, LAT_CANCELLED, "behind", "changed after change %" PRIu64,
                        task->synced);
    if (hidden->draft.sequence < serving->sequence)
        hidden->draft.sequence = lat_generation_first(serving->sequence);
    hidden->draft.users = serving->users;
    hidden->draft.interactions = serving->interactions;
    enum lat_status status = make_former(task, err);
    for (size_t i = 0; status == LAT_OK && i < LAT_ARRAY_LEN(steps); i++)
        status = run_with(store->writer.db, steps[i], serving->key, hidden->key, serving->name,
                          (int64_t)hidden->draft.sequence, err);
    return status;
}

static void commit_exchange(struct lat_task *base, struct lat_local *store)
{
    struct switch_task *task = (struct switch_task *)base;
    struct lat_collection *serving = task->serving, *hidden = base->collection;
    char old[LAT_PATH_MAX], path[LAT_PATH_MAX];
    lat_local_index_path(store, serving, path, sizeof(path));
    unlink(path);
    lat_local_index_path(store, hidden, old, sizeof(old));
    lat_rwlock_write(&hidden->lock);
    hidden->sequence = hidden->draft.sequence;
    if (hidden->index)
        hidden->index->sequence = hidden->sequence;
    hidden->created_ms = serving->created_ms;
    hidden->users = serving->users;
    hidden->interactions = serving->interactions;
    memcpy(hidden->recommender, serving->recommender, sizeof(hidden->recommender));
    lat_rwlock_unlock(&hidden->lock);
    lat_rwlock_write(&serving->lock);
    serving->dropped = true;
    lat_rwlock_unlock(&serving->lock);
    lat_collection_exchange(store, serving, hidden, task->former);
    task->former = NULL;
    lat_local_index_path(store, hidden, path, sizeof(path));
    if (rename(old, path) != 0)
        unlink(old); /* it is made again */
    lat_metric_set(LAT_METRIC_ITEMS, hidden->name, (double)hidden->items);
}

enum lat_status lat_local_generation_switch(struct lat_store *base, const char *name,
                                            uint64_t synced, struct lat_error *err)
{
    struct lat_generation_pair pair;
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = lat_generation_find(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    struct switch_task task = {.task = {.collection = pair.hidden,
                                        .apply = apply_exchange,
                                        .commit = commit_exchange,
                                        .exclusive = true},
                               .serving = pair.serving,
                               .synced = synced};
    status = lat_writer_run(lat_local_of(base), &task.task, &why);
    if (status == LAT_CANCELLED && strcmp(why.code, "behind") == 0)
        status = lat_fail(err, LAT_BUSY, NULL, "%s", why.message);
    else if (status != LAT_OK)
        lat_fail(err, status, why.code, "%s", why.message);
    lat_collection_unref(task.former);
    lat_generation_release(&pair);
    return status;
}
