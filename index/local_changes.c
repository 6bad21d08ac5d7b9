/* One range of the index by version, read in one go. */
#include "index/changes.h"

#include <string.h>

#include "base/mem.h"
#include "index/local_store.h"

#include "base/banned.h"

void lat_changes_release(struct lat_changes *changes)
{
    lat_free(changes->memory);
    *changes = (struct lat_changes){0};
}

/* Rows as they come: the version, then the id with its NUL. */
static enum lat_status collect(struct lat_db *db, const struct lat_collection *collection,
                               uint64_t after, size_t limit, struct lat_buf *out, size_t *out_n,
                               struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = true;
    enum lat_status status =
        lat_db_statement(db,
                         "SELECT version, id FROM items INDEXED BY items_version"
                         " WHERE collection=?1 AND version>?2 ORDER BY version LIMIT ?3",
                         &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_i64(stmt, 2, (int64_t)after);
    lat_stmt_bind_i64(stmt, 3, (int64_t)limit);
    while (status == LAT_OK && row) {
        status = lat_stmt_step(stmt, &row, err);
        if (status != LAT_OK || !row)
            break;
        const uint64_t version = (uint64_t)lat_stmt_i64(stmt, 0);
        const char *id = lat_stmt_text(stmt, 1);
        lat_buf_append(out, &version, sizeof(version));
        lat_buf_append(out, id, strlen(id) + 1);
        ++*out_n;
    }
    lat_stmt_reset(stmt);
    return status == LAT_OK ? lat_buf_check(out, err) : status;
}

/* One block: the rows, then the texts they point into. */
static enum lat_status assemble(const struct lat_buf *text, size_t n,
                                struct lat_changes *out_changes, struct lat_error *err)
{
    size_t bytes;
    if (!lat_mul_size(n, sizeof(struct lat_change), &bytes))
        return lat_fail_memory(err);
    char *memory = lat_alloc_raw(bytes + text->len + 1, 1);
    if (!memory)
        return lat_fail_memory(err);
    struct lat_change *rows = (struct lat_change *)(void *)memory;
    char *at = memory + bytes;
    if (text->len)
        memcpy(at, text->data, text->len);
    for (size_t i = 0; i < n; i++) {
        memcpy(&rows[i].version, at, sizeof(rows[i].version));
        rows[i].id = at + sizeof(rows[i].version);
        at += sizeof(rows[i].version) + strlen(rows[i].id) + 1;
    }
    *out_changes = (struct lat_changes){.rows = rows, .n = n, .memory = memory};
    return LAT_OK;
}

enum lat_status lat_local_changes(struct lat_store *base, const char *name, uint64_t after,
                                  size_t limit, struct lat_changes *out_changes,
                                  struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct lat_buf text = {0};
    size_t n = 0;
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_take(&store->pool);
    status = collect(db, collection, after, limit, &text, &n, err);
    lat_pool_give(&store->pool, db);
    if (status == LAT_OK)
        status = assemble(&text, n, out_changes, err);
    else
        lat_error_prefix(err, "collection '%s'", name);
    lat_buf_release(&text);
    lat_collection_unref(collection);
    return status;
}
