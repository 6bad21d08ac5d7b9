/* The tally of a collection from its rows, after opening. Nobody writes interactions to the
 * collection before it is ready, so what a reader sees is all there is. Names first, then one
 * pass over the interactions in the order of the table: those of one user and item lie
 * together. Damaged rows, of an item nobody knows, have no counts; the check tells them. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "index/local_interactions.h"

#include "base/banned.h"

static enum lat_status load_names(struct lat_db *db, int64_t key, struct lat_tally *tally,
                                  struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db, "SELECT number, name FROM interaction_items WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const int64_t number = lat_stmt_i64(stmt, 0);
        status = lat_tally_restore(
            tally, number < 0 || number > UINT32_MAX ? UINT32_MAX : (uint32_t)number,
            lat_stmt_text(stmt, 1), err);
        if (status != LAT_OK)
            break;
    }
    lat_stmt_reset(stmt);
    return status;
}

static enum lat_status load_counts(struct lat_db *db, int64_t key, struct lat_tally *tally,
                                   uint64_t *out_unknown, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false, liked = false;
    int64_t last_user = 0, last_item = -1;
    enum lat_status status = lat_db_statement(
        db,
        "SELECT x.user, x.item, x.weight FROM users u NOT INDEXED CROSS JOIN interactions x"
        " ON x.user=u.number WHERE u.collection=?1 ORDER BY u.number, x.item",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const int64_t user = lat_stmt_i64(stmt, 0), item = lat_stmt_i64(stmt, 1);
        if (user != last_user || item != last_item)
            liked = false;
        last_user = user;
        last_item = item;
        if (item < 0 || (uint64_t)item >= tally->n || !tally->items[item].name) {
            ++*out_unknown;
            continue;
        }
        tally->items[item].rows++;
        if (!liked && lat_stmt_real(stmt, 2) >= 0) {
            tally->items[item].fans++;
            liked = true;
        }
    }
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_tally_read(struct lat_db *db, int64_t key, struct lat_tally *tally,
                               uint64_t *out_unknown, struct lat_error *err)
{
    *out_unknown = 0;
    const enum lat_status status = load_names(db, key, tally, err);
    return status == LAT_OK ? load_counts(db, key, tally, out_unknown, err) : status;
}

bool lat_tally_is_ready(struct lat_collection *collection)
{
    lat_rwlock_read(&collection->tally_lock);
    const bool ready = collection->tally.ready;
    lat_rwlock_unlock(&collection->tally_lock);
    return ready;
}

enum lat_status lat_tally_load(struct lat_local *store, struct lat_collection *collection,
                               struct lat_error *err)
{
    struct lat_tally tally;
    uint64_t unknown = 0;
    if (lat_tally_is_ready(collection))
        return LAT_OK;
    lat_tally_init(&tally);
    struct lat_db *db = lat_pool_take(&store->pool);
    const enum lat_status status = lat_tally_read(db, collection->key, &tally, &unknown, err);
    lat_pool_give(&store->pool, db);
    if (status == LAT_OK) {
        if (unknown)
            lat_log(LAT_LOG_ERROR, "interactions do not add up, run latentd check",
                    "\"collection\":\"%s\",\"unknown\":%" PRIu64, collection->name, unknown);
        tally.ready = true;
        lat_rwlock_write(&collection->tally_lock);
        if (!collection->tally.ready) { /* another load may have been quicker */
            const struct lat_tally empty = collection->tally;
            collection->tally = tally;
            tally = empty;
        }
        lat_rwlock_unlock(&collection->tally_lock);
    }
    lat_tally_release(&tally);
    return status;
}

void lat_tally_move(struct lat_collection *from, struct lat_collection *to)
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

/* One that is found just before it gives its name away has lost its interactions: the other is
 * found next. */
enum lat_status lat_collection_with_tally(struct lat_local *store, const char *name,
                                          struct lat_collection **out_collection,
                                          struct lat_error *err)
{
    enum { TRIES = 2 };
    for (int i = 0; i < TRIES; i++) {
        struct lat_collection *collection;
        const enum lat_status status = lat_collection_find(store, name, &collection, err);
        if (status != LAT_OK)
            return status;
        if (lat_tally_is_ready(collection)) {
            *out_collection = collection;
            return LAT_OK;
        }
        lat_collection_unref(collection);
    }
    return lat_fail(err, LAT_UNAVAILABLE, "loading",
                    "collection '%s': its interactions are being loaded", name);
}

bool lat_tally_may_have_moved(const struct lat_local *store, struct lat_collection *collection,
                              bool nothing)
{
    return !lat_tally_is_ready(collection) || (nothing && atomic_load(&store->held));
}

bool lat_collection_item_name(struct lat_collection *collection, int64_t number,
                              struct lat_buf *out)
{
    const char *name = NULL;
    lat_rwlock_read(&collection->tally_lock);
    if (number >= 0 && (uint64_t)number < collection->tally.n)
        name = collection->tally.items[number].name;
    if (name)
        lat_buf_append(out, name, strlen(name) + 1);
    lat_rwlock_unlock(&collection->tally_lock);
    return name != NULL;
}
