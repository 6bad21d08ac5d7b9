/* Generations. The hidden one is a collection named "~KEY" by the key of the one it stands
 * beside, with a row in `generations`. The switch is one exclusive task of the writer:
 *
 *   rows     names, aliases, users and their items, the recommender go over to the new key
 *   memory   the serving object leaves the table as a dropped one does, so that every task that
 *            still holds it fails and is asked again, while searches in it run on; the hidden
 *            object takes the name; a new object without an index stands for the former
 *
 * Between `hold` and `release` writers wait before they ask for the writer's time; who came
 * before them shows in the sequence number, which apply_switch compares. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "index/generations.h"
#include "index/local_store.h"

#include "base/banned.h"

enum { HOLD_MS = 5000, PRUNE_ROWS = 500 };

static void hidden_name(int64_t key, char out[LAT_COLLECTION_NAME_MAX])
{
    snprintf(out, LAT_COLLECTION_NAME_MAX, "~%" PRId64, key);
}

/* The two objects, a reference each. LAT_NOT_FOUND. */
struct pair {
    struct lat_collection *serving, *hidden;
};

static void release(struct pair *pair)
{
    lat_collection_unref(pair->hidden);
    lat_collection_unref(pair->serving);
}

static enum lat_status find_pair(struct lat_local *store, const char *name, struct pair *out,
                                 struct lat_error *err)
{
    char hidden[LAT_COLLECTION_NAME_MAX];
    struct pair pair = {0};
    enum lat_status status = lat_collection_find(store, name, &pair.serving, err);
    if (status != LAT_OK)
        return status;
    hidden_name(pair.serving->key, hidden);
    status = lat_collection_find_exact(store, hidden, &pair.hidden, NULL);
    if (status == LAT_OK) {
        *out = pair;
        return LAT_OK;
    }
    lat_collection_unref(pair.serving);
    lat_fail(err, status, "no_generation", "collection '%s' has no other generation", name);
    return status;
}

static enum lat_status read_row(struct lat_local *store, const struct pair *pair,
                                struct lat_generation *out, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    struct lat_db *db = lat_pool_take(&store->pool);
    enum lat_status status = lat_db_statement(
        db, "SELECT synced, former FROM generations WHERE collection=?1", &stmt, err);
    if (status == LAT_OK) {
        lat_stmt_bind_i64(stmt, 1, pair->hidden->key);
        status = lat_stmt_step(stmt, &row, err);
    }
    if (status == LAT_OK) {
        *out = (struct lat_generation){.synced = row ? (uint64_t)lat_stmt_i64(stmt, 0) : 0,
                                       .former = row && lat_stmt_i64(stmt, 1) != 0,
                                       .dimension = pair->hidden->spec.dimension};
        snprintf(out->name, sizeof(out->name), "%s", pair->hidden->name);
        memcpy(out->model, pair->hidden->spec.model, sizeof(out->model));
        lat_stmt_reset(stmt);
    }
    lat_pool_give(&store->pool, db);
    return status;
}

enum lat_status lat_local_generation(struct lat_store *base, const char *name,
                                     struct lat_generation *out, struct lat_error *err)
{
    struct pair pair;
    enum lat_status status = find_pair(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = read_row(lat_local_of(base), &pair, out, err);
    release(&pair);
    return status;
}

enum lat_status lat_local_generation_drop(struct lat_store *base, const char *name,
                                          struct lat_error *err)
{
    struct pair pair;
    enum lat_status status = find_pair(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = lat_local_drop(base, pair.hidden->name, err);
    release(&pair);
    return status;
}

/* ---- beginning ---- */

/* Sequence numbers of a new generation begin at the next whole 2^32. */
static uint64_t next_generation(uint64_t sequence)
{
    return ((sequence >> 32) + 1) << 32;
}

struct begin_task {
    struct lat_task task; /* its collection: the hidden one */
    uint64_t sequence;
};

static enum lat_status apply_begin(struct lat_task *base, struct lat_local *store,
                                   struct lat_error *err)
{
    const struct begin_task *task = (const struct begin_task *)base;
    struct lat_collection *hidden = base->collection;
    struct lat_stmt *stmt;
    if (hidden->draft.sequence < task->sequence)
        hidden->draft.sequence = task->sequence;
    const enum lat_status status =
        lat_db_statement(store->writer.db,
                         "INSERT OR IGNORE INTO generations(collection, synced, former)"
                         " VALUES(?1, 0, 0)",
                         &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, hidden->key);
    return lat_stmt_run(stmt, err);
}

static void commit_begin(struct lat_task *base, struct lat_local *store)
{
    struct lat_collection *hidden = base->collection;
    (void)store;
    lat_rwlock_write(&hidden->lock);
    hidden->sequence = hidden->draft.sequence;
    if (hidden->index)
        hidden->index->sequence = hidden->sequence;
    lat_rwlock_unlock(&hidden->lock);
}

static enum lat_status begin_new(struct lat_local *store, const struct lat_collection *serving,
                                 const struct lat_collection_spec *spec, struct lat_error *err)
{
    struct begin_task task = {
        .task = {.apply = apply_begin, .commit = commit_begin, .exclusive = true}};
    struct lat_collection_spec hidden = *spec;
    bool created;
    hidden_name(serving->key, hidden.name);
    enum lat_status status = lat_collection_create_hidden(store, &hidden, &created, err);
    if (status == LAT_OK)
        status = lat_collection_find_exact(store, hidden.name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    task.sequence = next_generation(serving->sequence);
    status = lat_writer_run(store, &task.task, err);
    lat_collection_unref(task.task.collection);
    return status;
}

enum lat_status lat_local_generation_begin(struct lat_store *base, const char *name,
                                           const struct lat_collection_spec *spec,
                                           struct lat_generation *out, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_error none = LAT_ERROR_INIT;
    struct pair pair;
    enum lat_status status = lat_local_generation(base, name, out, &none);
    if (status == LAT_OK && strcmp(out->model, spec->model) != 0) {
        status = lat_local_generation_drop(base, name, err);
        if (status != LAT_OK)
            return status;
        status = LAT_NOT_FOUND;
    }
    if (status == LAT_NOT_FOUND) {
        struct lat_collection *serving;
        status = lat_collection_find(store, name, &serving, err);
        if (status != LAT_OK)
            return status;
        struct lat_collection_spec wanted = serving->spec;
        memcpy(wanted.model, spec->model, sizeof(wanted.model));
        wanted.dimension = spec->dimension;
        status = begin_new(store, serving, &wanted, err);
        lat_collection_unref(serving);
    }
    if (status == LAT_OK)
        status = find_pair(store, name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = lat_collection_load(store, pair.hidden, err); /* a former one has no index */
    if (status == LAT_OK)
        status = read_row(store, &pair, out, err);
    release(&pair);
    return status;
}

/* ---- filling ---- */

struct note_task {
    struct lat_task task;
    int64_t key;
    uint64_t synced;
};

static enum lat_status apply_note(struct lat_task *base, struct lat_local *store,
                                  struct lat_error *err)
{
    const struct note_task *task = (const struct note_task *)base;
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(
        store->writer.db, "UPDATE generations SET synced=?2 WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, task->key);
    lat_stmt_bind_i64(stmt, 2, (int64_t)task->synced);
    return lat_stmt_run(stmt, err);
}

enum lat_status lat_local_generation_note(struct lat_store *base, const char *name,
                                          uint64_t synced, struct lat_error *err)
{
    struct pair pair;
    enum lat_status status = find_pair(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    struct note_task task = {
        .task = {.apply = apply_note}, .key = pair.hidden->key, .synced = synced};
    status = lat_writer_run(lat_local_of(base), &task.task, err);
    release(&pair);
    return status;
}

/* Some ids that are in the hidden one alone. */
static enum lat_status find_gone(struct lat_local *store, const struct pair *pair,
                                 struct lat_arena *arena, struct lat_write *writes,
                                 size_t *out_n, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t n = 0;
    struct lat_db *db = lat_pool_take(&store->pool);
    enum lat_status status =
        lat_db_statement(db,
                         "SELECT h.id FROM items h WHERE h.collection=?1 AND NOT EXISTS"
                         "(SELECT 1 FROM items s WHERE s.collection=?2 AND s.id=h.id) LIMIT ?3",
                         &stmt, err);
    if (status == LAT_OK) {
        lat_stmt_bind_i64(stmt, 1, pair->hidden->key);
        lat_stmt_bind_i64(stmt, 2, pair->serving->key);
        lat_stmt_bind_i64(stmt, 3, PRUNE_ROWS);
    }
    while (status == LAT_OK && (status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        writes[n] = (struct lat_write){.kind = LAT_WRITE_DELETE,
                                       .id = lat_arena_strdup(arena, lat_stmt_text(stmt, 0)),
                                       .hidden = -1};
        if (!writes[n++].id)
            status = lat_fail_memory(err);
        if (status != LAT_OK)
            lat_stmt_reset(stmt);
    }
    if (status == LAT_OK) {
        lat_stmt_reset(stmt);
        *out_n = n;
    }
    lat_pool_give(&store->pool, db);
    return status;
}

enum lat_status lat_local_generation_prune(struct lat_store *base, const char *name,
                                           struct lat_error *err)
{
    struct pair pair;
    struct lat_arena arena = {0};
    size_t n = PRUNE_ROWS;
    enum lat_status status = find_pair(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    struct lat_write *writes = lat_alloc(PRUNE_ROWS, sizeof(*writes));
    struct lat_write_result *results = lat_alloc(PRUNE_ROWS, sizeof(*results));
    if (!writes || !results)
        status = lat_fail_memory(err);
    while (status == LAT_OK && n == PRUNE_ROWS) {
        status = find_gone(lat_local_of(base), &pair, &arena, writes, &n, err);
        if (status == LAT_OK && n)
            status = lat_local_write(base, pair.hidden->name, writes, n, false, results, err);
        lat_arena_release(&arena);
    }
    lat_free(results);
    lat_free(writes);
    release(&pair);
    return status;
}

enum lat_status lat_local_without_input(struct lat_store *base, const char *name,
                                        uint64_t *out_n, char *out_id, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_take(&store->pool);
    status =
        lat_db_statement(db,
                         "SELECT count(*), min(i.id) FROM items i WHERE i.collection=?1 AND"
                         " NOT EXISTS(SELECT 1 FROM inputs n WHERE n.slot=i.slot)",
                         &stmt, err);
    if (status == LAT_OK) {
        lat_stmt_bind_i64(stmt, 1, collection->key);
        status = lat_stmt_step(stmt, &row, err);
    }
    if (status == LAT_OK) {
        *out_n = row ? (uint64_t)lat_stmt_i64(stmt, 0) : 0;
        snprintf(out_id, LAT_ID_MAX + 1, "%s", row ? lat_stmt_text(stmt, 1) : "");
        lat_stmt_reset(stmt);
    }
    lat_pool_give(&store->pool, db);
    lat_collection_unref(collection);
    return status;
}

/* ---- holding writers ---- */

void lat_local_generation_hold(struct lat_store *base, bool held)
{
    struct lat_local *store = lat_local_of(base);
    lat_mutex_lock(&store->keeper.mutex);
    atomic_store(&store->held, held);
    lat_cond_broadcast(&store->keeper.progress);
    lat_mutex_unlock(&store->keeper.mutex);
}

void lat_generation_wait(struct lat_local *store, const char *name)
{
    if (!atomic_load_explicit(&store->held, memory_order_relaxed) || name[0] == '~')
        return;
    const uint64_t until = lat_clock_ns() + HOLD_MS * LAT_NS_PER_MS;
    lat_mutex_lock(&store->keeper.mutex);
    while (atomic_load(&store->held) && !store->keeper.closing &&
           lat_cond_wait_until(&store->keeper.progress, &store->keeper.mutex, until))
        ;
    lat_mutex_unlock(&store->keeper.mutex);
}

enum lat_status lat_generation_check(const struct lat_collection *collection, const char *model,
                                     struct lat_error *err)
{
    if (!model || strcmp(model, collection->spec.model) == 0)
        return LAT_OK;
    return lat_fail(err, LAT_CONFLICT, "generation_changed",
                    "it has just moved to model '%s': ask again", collection->spec.model);
}

/* ---- the switch ---- */

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
    hidden_name(task->task.collection->key, spec.name);
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

static enum lat_status apply_switch(struct lat_task *base, struct lat_local *store,
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
        hidden->draft.sequence = next_generation(serving->sequence);
    hidden->draft.users = serving->users;
    hidden->draft.interactions = serving->interactions;
    enum lat_status status = make_former(task, err);
    for (size_t i = 0; status == LAT_OK && i < LAT_ARRAY_LEN(steps); i++)
        status = run_with(store->writer.db, steps[i], serving->key, hidden->key, serving->name,
                          (int64_t)hidden->draft.sequence, err);
    return status;
}

/* The counts of interactions go over; who still looks into the old ones is told to come again.
 */
static void move_tally(struct lat_collection *from, struct lat_collection *to)
{
    lat_rwlock_write(&from->tally_lock);
    struct lat_tally tally = from->tally;
    const uint64_t changes = from->changes;
    lat_tally_init(&from->tally);
    lat_rwlock_unlock(&from->tally_lock);
    lat_rwlock_write(&to->tally_lock);
    lat_tally_release(&to->tally);
    to->tally = tally;
    to->changes = changes + 1;
    lat_rwlock_unlock(&to->tally_lock);
}

static void commit_switch(struct lat_task *base, struct lat_local *store)
{
    struct switch_task *task = (struct switch_task *)base;
    struct lat_collection *serving = task->serving, *hidden = base->collection;
    char old[LAT_PATH_MAX], path[LAT_PATH_MAX];
    lat_local_index_path(store, serving, path, sizeof(path));
    unlink(path);
    lat_local_index_path(store, hidden, old, sizeof(old));
    move_tally(serving, hidden);
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
    struct pair pair;
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = find_pair(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    struct switch_task task = {.task = {.collection = pair.hidden,
                                        .apply = apply_switch,
                                        .commit = commit_switch,
                                        .exclusive = true},
                               .serving = pair.serving,
                               .synced = synced};
    status = lat_writer_run(lat_local_of(base), &task.task, &why);
    if (status == LAT_CANCELLED && strcmp(why.code, "behind") == 0)
        status = lat_fail(err, LAT_BUSY, NULL, "%s", why.message);
    else if (status != LAT_OK)
        lat_fail(err, status, why.code, "%s", why.message);
    lat_collection_unref(task.former);
    release(&pair);
    return status;
}
