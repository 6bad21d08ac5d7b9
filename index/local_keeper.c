/* clang-format off */
/* The keeper: one quiet thread that keeps every collection's index in shape, a small piece at a
 * time, going round:
 *
 *   link      takes waiting rows into the accelerator (it is the linker of every published index)
 *   tune      measures the breadth of searches each time the index has doubled (local_link.c)
 *   rebuild   starts the rebuilder when a quarter of the slots is dead, when lists can be trained,
 *             or have become too few; at most one rebuild at a time
 *   save      writes the index file when enough has happened since the last
 *   purge     deletes the rows of dropped collections
 *   wipe      empties the log of what deleted users left in it
 *
 * It sleeps until somebody wakes it: every group of writes does. Both its thread and the
 * rebuilder's give way to searches (base/urgency.h). */
/* clang-format on */

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/urgency.h"
#include "index/faiss_index.h"
#include "index/local_interactions.h"
#include "index/local_link.h"

#include "base/banned.h"

enum {
    LATER_MS = 25,     /* rows that wait for a quieter moment */
    DEAD_LEAST = 1000, /* dead slots that are worth a rebuild, and the share of all */
    DEAD_SHARE = 4,
    SAVE_LEAST = 20000, /* changes that are worth a new index file, and the share of rows */
    SAVE_SHARE = 4,
    RETRAIN_GROWTH = 4, /* lists are trained anew when there are so many times the rows */
    PURGE_ROWS = 2000,
    TRIM_ROWS = 100000, /* rows taken in after which free memory is given back */
};

/* ---- rebuild ---- */

static void *rebuilder_main(void *argument)
{
    struct lat_local *store = argument;
    struct lat_keeper *keeper = &store->keeper;
    struct lat_collection *collection = keeper->rebuilding;
    const struct lat_rebuild rebuild = {.spec = NULL};
    struct lat_error err = LAT_ERROR_INIT;
    lat_urgency_set(LAT_BULK);
    const enum lat_status status = lat_index_rebuild(store, collection, &rebuild, &err);
    if (status != LAT_OK && status != LAT_CANCELLED) {
        lat_error_prefix(&err, "collection '%s'", collection->name);
        lat_log_error("rebuild failed", &err);
        lat_rwlock_read(&collection->lock);
        const uint64_t sequence = collection->sequence;
        const uint64_t items = collection->items;
        lat_rwlock_unlock(&collection->lock);
        atomic_store(&collection->rebuild_again, sequence + DEAD_LEAST + items / 2);
    }
    atomic_store(&collection->building, false);
    lat_collection_unref(collection);
    lat_mutex_lock(&keeper->mutex);
    keeper->rebuilder_done = keeper->signalled = true;
    lat_cond_broadcast(&keeper->progress);
    lat_cond_signal(&keeper->wake);
    lat_mutex_unlock(&keeper->mutex);
    return NULL;
}

/* Frees the place of a rebuilder that is through. */
static bool rebuilder_is_free(struct lat_keeper *keeper)
{
    if (!keeper->rebuilder_started)
        return true;
    lat_mutex_lock(&keeper->mutex);
    const bool done = keeper->rebuilder_done;
    lat_mutex_unlock(&keeper->mutex);
    if (done) {
        pthread_join(keeper->rebuilder, NULL);
        keeper->rebuilder_started = false;
    }
    return done;
}

static bool wants_rebuild(const struct lat_index *index, const struct lat_sight *sight)
{
    if (sight->dead >= DEAD_LEAST && sight->dead >= sight->n / DEAD_SHARE)
        return true;
    if (!index->ann)
        return lat_index_wants_training(&sight->spec, sight->live);
    return sight->spec.type == LAT_INDEX_IVF && !sight->spec.nlist &&
           sight->live > RETRAIN_GROWTH * lat_ann_trained(index->ann);
}

static void maybe_rebuild(struct lat_local *store, struct lat_collection *collection,
                          const struct lat_index *index, const struct lat_sight *sight)
{
    struct lat_keeper *keeper = &store->keeper;
    if (sight->sequence < atomic_load(&collection->rebuild_again) ||
        !wants_rebuild(index, sight) || !rebuilder_is_free(keeper))
        return;
    bool expected = false;
    if (!atomic_compare_exchange_strong(&collection->building, &expected, true))
        return;
    struct lat_error err = LAT_ERROR_INIT;
    keeper->rebuilding = lat_collection_ref(collection);
    keeper->rebuilder_done = false;
    if (lat_thread_start(&keeper->rebuilder, "store-rebuild", rebuilder_main, store, &err) ==
        LAT_OK) {
        keeper->rebuilder_started = true;
        return;
    }
    lat_log_error("rebuild not started", &err);
    atomic_store(&collection->building, false);
    lat_collection_unref(collection);
}

/* ---- save, purge ---- */

static void maybe_save(struct lat_local *store, struct lat_collection *collection,
                       const struct lat_sight *sight)
{
    const uint64_t share = sight->n / SAVE_SHARE;
    const uint64_t enough = share > SAVE_LEAST ? share : SAVE_LEAST;
    if (sight->unsaved < enough || sight->unsaved < collection->save_again)
        return;
    struct lat_error err = LAT_ERROR_INIT;
    collection->save_again = 0;
    if (lat_index_save(store, collection, &err) == LAT_OK)
        return;
    collection->save_again = sight->unsaved + SAVE_LEAST;
    lat_log_error("index file not saved", &err);
}

struct purge_task {
    struct lat_task task;
    bool more;
};

/* Some rows of one dropped collection, or the note that there are no more. */
static enum lat_status apply_purge(struct lat_task *base, struct lat_local *store,
                                   struct lat_error *err)
{
    struct purge_task *task = (struct purge_task *)base;
    static const char *const steps[] = {
        "DELETE FROM codes WHERE slot IN (SELECT slot FROM items WHERE collection="
        "(SELECT min(collection) FROM dropped) ORDER BY slot LIMIT ?1)",
        "DELETE FROM inputs WHERE slot IN (SELECT slot FROM items WHERE collection="
        "(SELECT min(collection) FROM dropped) ORDER BY slot LIMIT ?1)",
        "DELETE FROM items WHERE slot IN (SELECT slot FROM items WHERE collection="
        "(SELECT min(collection) FROM dropped) ORDER BY slot LIMIT ?1)",
        "DELETE FROM dropped WHERE collection=(SELECT min(collection) FROM dropped)"
        " AND ?1>0 AND NOT EXISTS(SELECT 1 FROM items WHERE "
        "items.collection=dropped.collection)"
        " AND NOT EXISTS(SELECT 1 FROM users WHERE users.collection=dropped.collection)"
        " AND NOT EXISTS(SELECT 1 FROM interaction_items n"
        " WHERE n.collection=dropped.collection)",
    };
    int64_t left = 0;
    enum lat_status status =
        lat_db_number(store->writer.db, "SELECT count(*) FROM dropped", &left, err);
    if (status == LAT_OK && left)
        status = lat_interactions_purge(store->writer.db, PURGE_ROWS, err);
    for (size_t i = 0; status == LAT_OK && left && i < LAT_ARRAY_LEN(steps); i++) {
        struct lat_stmt *stmt;
        status = lat_db_statement(store->writer.db, steps[i], &stmt, err);
        if (status != LAT_OK)
            break;
        lat_stmt_bind_i64(stmt, 1, PURGE_ROWS);
        status = lat_stmt_run(stmt, err);
    }
    task->more = left > 0;
    return status;
}

static bool purge_some(struct lat_local *store)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct purge_task task = {.task = {.apply = apply_purge}};
    const enum lat_status status = lat_writer_run(store, &task.task, &err);
    if (status != LAT_OK && status != LAT_BUSY && status != LAT_DISK_FULL)
        lat_log_error("rows of a dropped collection not deleted", &err);
    return status == LAT_OK && task.more;
}

/* ---- the round ---- */

/* One piece of work for one collection. */
static enum lat_next tend(struct lat_local *store, struct lat_collection *collection)
{
    struct lat_index *index = lat_collection_index(collection);
    struct lat_error err = LAT_ERROR_INIT;
    enum lat_next next = LAT_NEXT_WOKEN;
    if (!index)
        return next;
    struct lat_sight sight = lat_sight_of(collection, index);
    const enum lat_status status = lat_link_rows(store, collection, index, &sight, &next, &err);
    if (status != LAT_OK) {
        lat_error_prefix(&err, "collection '%s'", collection->name);
        lat_log_error("rows not linked", &err);
        next = LAT_NEXT_WOKEN;
    }
    maybe_rebuild(store, collection, index, &sight);
    if (!sight.dropped)
        maybe_save(store, collection, &sight);
    lat_index_unref(index);
    return next;
}

static enum lat_next go_round(struct lat_local *store)
{
    struct lat_collection **list;
    size_t n;
    enum lat_next soonest = LAT_NEXT_WOKEN;
    if (lat_collection_all(store, &list, &n, NULL) != LAT_OK)
        return soonest;
    for (size_t i = 0; i < n; i++) {
        const enum lat_next next =
            atomic_load(&store->closing) ? soonest : tend(store, list[i]);
        soonest = next > soonest ? next : soonest;
        lat_collection_unref(list[i]);
    }
    lat_free(list);
    return soonest;
}

static void rest(struct lat_keeper *keeper, enum lat_next next)
{
    const uint64_t deadline = lat_clock_ns() + LATER_MS * LAT_NS_PER_MS;
    lat_mutex_lock(&keeper->mutex);
    while (next == LAT_NEXT_WOKEN && !keeper->signalled && !keeper->closing)
        lat_cond_wait(&keeper->wake, &keeper->mutex);
    while (next == LAT_NEXT_LATER && !keeper->closing &&
           lat_cond_wait_until(&keeper->wake, &keeper->mutex, deadline))
        ;
    keeper->signalled = false;
    lat_mutex_unlock(&keeper->mutex);
}

static void *keeper_main(void *argument)
{
    struct lat_local *store = argument;
    struct lat_keeper *keeper = &store->keeper;
    lat_urgency_set(LAT_BULK);
    enum lat_next next = LAT_NEXT_AT_ONCE;
    while (!atomic_load(&store->closing)) {
        rest(keeper, next);
        next = go_round(store);
        if (atomic_exchange(&keeper->purging, false) && !atomic_load(&store->closing) &&
            purge_some(store)) {
            atomic_store(&keeper->purging, true);
            next = LAT_NEXT_AT_ONCE;
        }
        if (!atomic_load(&store->closing) && lat_users_wipe_again(store) &&
            next == LAT_NEXT_WOKEN)
            next = LAT_NEXT_LATER;
        if (next == LAT_NEXT_WOKEN && keeper->untrimmed >= TRIM_ROWS) {
            lat_mem_trim();
            keeper->untrimmed = 0;
        }
    }
    return NULL;
}

void lat_keeper_wake(struct lat_local *store)
{
    struct lat_keeper *keeper = &store->keeper;
    lat_mutex_lock(&keeper->mutex);
    if (!keeper->signalled) {
        keeper->signalled = true;
        lat_cond_signal(&keeper->wake);
    }
    lat_mutex_unlock(&keeper->mutex);
}

enum lat_status lat_keeper_start(struct lat_local *store, struct lat_error *err)
{
    atomic_store(&store->keeper.purging, true);
    const enum lat_status status =
        lat_thread_start(&store->keeper.thread, "store-keeper", keeper_main, store, err);
    store->keeper.started = status == LAT_OK;
    return status;
}

void lat_keeper_stop(struct lat_local *store)
{
    struct lat_keeper *keeper = &store->keeper;
    if (!keeper->started)
        return;
    lat_mutex_lock(&keeper->mutex);
    keeper->closing = true;
    lat_cond_broadcast(&keeper->wake);
    lat_cond_broadcast(&keeper->progress);
    lat_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    if (keeper->rebuilder_started)
        pthread_join(keeper->rebuilder, NULL);
    keeper->started = keeper->rebuilder_started = false;
}
