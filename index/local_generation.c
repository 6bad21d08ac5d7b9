/* Generations. The hidden one is a collection named "~KEY" by the key of the one it stands
 * beside, with a row in `generations`; local_switch.c puts it in the other's place. Between
 * `hold` and `release` writers wait before they ask for the writer's time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "index/local_generation.h"

#include "base/banned.h"

enum { HOLD_MS = 5000, PRUNE_ROWS = 500 };

void lat_generation_name(int64_t key, char out[LAT_COLLECTION_NAME_MAX])
{
    snprintf(out, LAT_COLLECTION_NAME_MAX, "~%" PRId64, key);
}

void lat_generation_release(struct lat_generation_pair *pair)
{
    lat_collection_unref(pair->hidden);
    lat_collection_unref(pair->serving);
}

enum lat_status lat_generation_find(struct lat_local *store, const char *name,
                                    struct lat_generation_pair *out_pair, struct lat_error *err)
{
    char hidden[LAT_COLLECTION_NAME_MAX];
    struct lat_generation_pair pair = {0};
    enum lat_status status = lat_collection_find(store, name, &pair.serving, err);
    if (status != LAT_OK)
        return status;
    lat_generation_name(pair.serving->key, hidden);
    status = lat_collection_find_exact(store, hidden, &pair.hidden, NULL);
    if (status == LAT_OK) {
        *out_pair = pair;
        return LAT_OK;
    }
    lat_collection_unref(pair.serving);
    lat_fail(err, status, "no_generation", "collection '%s' has no other generation", name);
    return status;
}

static enum lat_status read_row(struct lat_local *store, const struct lat_generation_pair *pair,
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
    struct lat_generation_pair pair;
    enum lat_status status = lat_generation_find(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = read_row(lat_local_of(base), &pair, out, err);
    lat_generation_release(&pair);
    return status;
}

enum lat_status lat_local_generation_drop(struct lat_store *base, const char *name,
                                          struct lat_error *err)
{
    struct lat_generation_pair pair;
    enum lat_status status = lat_generation_find(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = lat_local_drop(base, pair.hidden->name, err);
    lat_generation_release(&pair);
    return status;
}

/* ---- beginning ---- */

uint64_t lat_generation_first(uint64_t sequence)
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
    lat_generation_name(serving->key, hidden.name);
    struct lat_error left = LAT_ERROR_INIT;
    enum lat_status status = lat_collection_create_hidden(store, &hidden, &created, &left);
    /* Of another model: a process was killed after this step, and its job given up. */
    if (status == LAT_CONFLICT && lat_local_drop(&store->base, hidden.name, NULL) == LAT_OK)
        status = lat_collection_create_hidden(store, &hidden, &created, err);
    else if (status != LAT_OK && err)
        *err = left;
    if (status == LAT_OK)
        status = lat_collection_find_exact(store, hidden.name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    task.sequence = lat_generation_first(serving->sequence);
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
    struct lat_generation_pair pair;
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
        status = lat_generation_find(store, name, &pair, err);
    if (status != LAT_OK)
        return status;
    status = lat_collection_load(store, pair.hidden, err); /* a former one has no index */
    if (status == LAT_OK)
        status = read_row(store, &pair, out, err);
    lat_generation_release(&pair);
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
    struct lat_generation_pair pair;
    enum lat_status status = lat_generation_find(lat_local_of(base), name, &pair, err);
    if (status != LAT_OK)
        return status;
    struct note_task task = {
        .task = {.apply = apply_note}, .key = pair.hidden->key, .synced = synced};
    status = lat_writer_run(lat_local_of(base), &task.task, err);
    lat_generation_release(&pair);
    return status;
}

/* Some ids that are in the hidden one alone. */
static enum lat_status find_gone(struct lat_local *store,
                                 const struct lat_generation_pair *pair,
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
    struct lat_generation_pair pair;
    struct lat_arena arena = {0};
    size_t n = PRUNE_ROWS;
    enum lat_status status = lat_generation_find(lat_local_of(base), name, &pair, err);
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
    lat_generation_release(&pair);
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

bool lat_generation_moved(struct lat_local *store, const char *name, enum lat_status status,
                          const struct lat_error *err)
{
    struct lat_collection_spec spec;
    return status == LAT_NOT_FOUND && strcmp(err->code, "collection_not_found") == 0 &&
           lat_local_spec(&store->base, name, &spec, NULL) == LAT_OK;
}

enum lat_status lat_generation_check(const struct lat_collection *collection, const char *model,
                                     struct lat_error *err)
{
    if (!model || strcmp(model, collection->spec.model) == 0)
        return LAT_OK;
    return lat_fail(err, LAT_CONFLICT, "generation_changed",
                    "it has just moved to model '%s': ask again", collection->spec.model);
}
