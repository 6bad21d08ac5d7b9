/* Which of some items may be shown: not hidden, and with a filter stored and passing it.
 *
 * A collection with codes knows hidden items in its index, and filters as bitmaps over its
 * positions (local_filter.c): no database is asked once the bitmap is there. Without codes, or
 * while the index is loaded or has left out damaged rows, each id is looked up. */
#include "index/filter_sql.h"
#include "index/local_interactions.h"

#include "base/banned.h"

enum { CHUNK = 1024 /* ids a hold of the lock */ };

static bool is_visible(const struct lat_index *index, const struct lat_filter_entry *filter,
                       const char *id)
{
    const uint32_t position = lat_slot_map_find(&index->map, id);
    if (position == LAT_NO_POSITION)
        return !filter;
    return lat_bit(index->map.shown, position) &&
           (!filter || (position / 64 < filter->n_words && lat_bit(filter->passed, position)));
}

static enum lat_status by_index(struct lat_local *store, struct lat_collection *collection,
                                const struct lat_index *index, const struct lat_filter *filter,
                                const char *const *ids, size_t n, bool *out_visible,
                                struct lat_error *err)
{
    struct lat_filter_entry *entry = NULL;
    if (filter) {
        const enum lat_status status =
            lat_filter_bitmap(store, collection, index, filter, &entry, err);
        if (status != LAT_OK)
            return status;
    }
    for (size_t i = 0; i < n;) {
        lat_rwlock_read(&collection->lock);
        for (const size_t end = i + CHUNK; i < n && i < end; i++)
            out_visible[i] = is_visible(index, entry, ids[i]);
        lat_rwlock_unlock(&collection->lock);
    }
    lat_filter_entry_unref(entry);
    return LAT_OK;
}

static enum lat_status prepare(struct lat_db *db, int64_t key, const struct lat_sql *sql,
                               struct lat_stmt **out_stmt, struct lat_error *err)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "SELECT NOT i.hidden");
    if (sql->text.len) {
        lat_buf_text(&text, " AND ");
        lat_buf_append(&text, sql->text.data, sql->text.len);
    }
    lat_buf_text(&text, " FROM items i WHERE i.collection=?1 AND i.id=?2");
    return lat_sql_prepare(sql, db, &text, key, out_stmt, err);
}

static enum lat_status by_rows(struct lat_db *db, int64_t key, const struct lat_sql *sql,
                               const char *const *ids, size_t n, bool *out_visible,
                               struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = prepare(db, key, sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        bool row = false;
        lat_stmt_bind_i64(stmt, 1, key);
        lat_stmt_bind_text(stmt, 2, ids[i]);
        lat_sql_bind(sql, stmt);
        status = lat_stmt_step(stmt, &row, err);
        if (status == LAT_OK)
            out_visible[i] = row ? lat_stmt_i64(stmt, 0) != 0 : !sql->text.len;
        if (status == LAT_OK)
            lat_stmt_reset(stmt);
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status ask_rows(struct lat_local *store, struct lat_collection *collection,
                                const struct lat_filter *filter, const char *const *ids,
                                size_t n, bool *out_visible, struct lat_error *err)
{
    struct lat_sql sql = {0};
    lat_rwlock_read(&collection->lock);
    const bool all_alike = filter ? !collection->items : !collection->hidden;
    lat_rwlock_unlock(&collection->lock);
    if (all_alike) {
        for (size_t i = 0; i < n; i++)
            out_visible[i] = !filter;
        return LAT_OK;
    }
    enum lat_status status = filter ? lat_filter_sql(filter, 3, &sql, err) : LAT_OK;
    if (status == LAT_OK) {
        struct lat_db *db = lat_pool_take(&store->pool);
        status = by_rows(db, collection->key, &sql, ids, n, out_visible, err);
        lat_pool_give(&store->pool, db);
    }
    lat_sql_release(&sql);
    return status;
}

enum lat_status lat_collection_visible(struct lat_local *store,
                                       struct lat_collection *collection,
                                       const struct lat_filter *filter, const char *const *ids,
                                       size_t n, bool *out_visible, struct lat_error *err)
{
    struct lat_index *index = lat_collection_index(collection);
    bool whole = false;
    if (index) {
        lat_rwlock_read(&collection->lock);
        whole = !index->corrupt;
        lat_rwlock_unlock(&collection->lock);
    }
    const enum lat_status status =
        whole ? by_index(store, collection, index, filter, ids, n, out_visible, err)
              : ask_rows(store, collection, filter, ids, n, out_visible, err);
    lat_index_unref(index);
    return status;
}

enum lat_status lat_local_visible(struct lat_store *base, const char *name,
                                  const struct lat_filter *filter, const char *const *ids,
                                  size_t n, bool *out_visible, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    status = lat_collection_visible(store, collection, filter, ids, n, out_visible, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    return status;
}
