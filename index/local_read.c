/* Reading items: one by id, many in order of ids. Each call reads from one snapshot of the
 * database; codes and inputs are checked against their checksums, and damaged ones are an
 * error, not data. A cursor is the last id given. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/filter_sql.h"
#include "index/local_rows.h"

#include "base/banned.h"

enum { LIST_MAX = 10000 };

/* ---- one item ---- */

/* What lies beside an item's row by its slot, with a checksum. */
struct blob {
    const char *sql; /* crc, bytes of slot ?1 */
    uint32_t (*crc)(uint64_t slot, const void *bytes, size_t len);
    const char *code, *words; /* of a failure */
};

static uint32_t input_crc(uint64_t slot, const void *bytes, size_t len)
{
    (void)slot;
    return lat_crc32c(0, bytes, len);
}

static const struct blob code_blob = {"SELECT crc, code FROM codes WHERE slot=?1", lat_code_crc,
                                      "corrupt_code", "its stored code is damaged"};
static const struct blob input_blob = {"SELECT crc, bytes FROM inputs WHERE slot=?1", input_crc,
                                       "corrupt_input", "its stored input is damaged"};

/* *out_bytes is a copy (lat_free); `wanted` bytes, 0: however many there are. */
static enum lat_status read_blob(struct lat_db *db, const struct blob *blob, uint64_t slot,
                                 size_t wanted, void **out_bytes, size_t *out_len,
                                 struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t len = 0;
    enum lat_status status = lat_db_statement(db, blob->sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)slot);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    const void *bytes = row ? lat_stmt_bytes(stmt, 1, &len) : NULL;
    if (!row || (wanted && len != wanted) ||
        lat_stmt_i64(stmt, 0) != (int64_t)blob->crc(slot, bytes, len))
        status = lat_fail(err, LAT_CORRUPT, blob->code, "%s", blob->words);
    void *copy = status == LAT_OK ? lat_alloc_raw(len ? len : 1, 1) : NULL;
    if (status == LAT_OK && !copy)
        status = lat_fail_memory(err);
    if (status == LAT_OK) {
        if (len)
            memcpy(copy, bytes, len);
        *out_bytes = copy;
        *out_len = len;
    }
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_item_read_row(struct lat_db *db, struct lat_stmt *row, size_t d,
                                  unsigned parts, struct lat_item *item, struct lat_error *err)
{
    const uint64_t slot = (uint64_t)lat_stmt_i64(row, 0);
    item->id = lat_strdup(lat_stmt_text(row, 1));
    item->metadata =
        item->id && parts & LAT_ITEM_METADATA ? lat_strdup(lat_stmt_text(row, 7)) : NULL;
    if (!item->id || (parts & LAT_ITEM_METADATA && !item->metadata))
        return lat_fail_memory(err);
    item->version = (uint64_t)lat_stmt_i64(row, 2);
    item->hidden = lat_stmt_i64(row, 3) != 0;
    item->error = lat_stmt_is_null(row, 4) ? NAN : (float)lat_stmt_real(row, 4);
    item->created_ms = lat_stmt_i64(row, 5);
    item->updated_ms = lat_stmt_i64(row, 6);
    item->has_input = lat_stmt_i64(row, 9) != 0;
    snprintf(item->input_type, sizeof(item->input_type), "%s", lat_stmt_text(row, 8));
    enum lat_status status = LAT_OK;
    if (parts & LAT_ITEM_METADATA && lat_stmt_is_null(row, 7))
        status = lat_fail(err, LAT_CORRUPT, "corrupt_metadata", "its metadata are damaged");
    if (status == LAT_OK && parts & LAT_ITEM_CODE && d) {
        void *code = NULL;
        size_t len;
        status = read_blob(db, &code_blob, slot, d * sizeof(float), &code, &len, err);
        item->code = code;
    }
    if (status == LAT_OK && parts & LAT_ITEM_INPUT && item->has_input)
        status = read_blob(db, &input_blob, slot, 0, &item->input, &item->input_len, err);
    lat_error_prefix(err, "item '%s'", item->id);
    return status;
}

static enum lat_status get_inside(struct lat_db *db, const struct lat_collection *collection,
                                  const char *id, unsigned parts, struct lat_item *item,
                                  struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db, "SELECT " LAT_ITEM_COLUMNS LAT_ITEM_FROM "WHERE i.collection=?1 AND i.id=?2", &stmt,
        err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_text(stmt, 2, id);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    if (row)
        status = lat_item_read_row(db, stmt, collection->spec.dimension, parts, item, err);
    else
        status = lat_fail(err, LAT_NOT_FOUND, "item_not_found", "no item '%s'", id);
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_local_get(struct lat_store *base, const char *name, const char *id,
                              unsigned parts, struct lat_item *out_item, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct lat_item item = {.error = NAN};
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_take(&store->pool);
    status = get_inside(db, collection, id, parts, &item, err);
    lat_pool_give(&store->pool, db);
    lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    if (status == LAT_OK)
        *out_item = item;
    else
        lat_item_release(&item);
    return status;
}

/* ---- lists ---- */

static enum lat_status prepare_list(struct lat_db *db, const struct lat_sql *sql,
                                    struct lat_stmt **out_stmt, struct lat_error *err)
{
    struct lat_buf text = {0};
    lat_buf_text(&text,
                 "SELECT " LAT_ITEM_COLUMNS LAT_ITEM_FROM "WHERE i.collection=?1 AND i.id>?2");
    if (sql) {
        lat_buf_text(&text, " AND ");
        lat_buf_append(&text, sql->text.data, sql->text.len);
    }
    lat_buf_text(&text, " ORDER BY i.id LIMIT ?3");
    enum lat_status status = lat_buf_check(&text, err);
    if (status == LAT_OK)
        status = lat_db_prepare(db, text.data, out_stmt, err);
    lat_buf_release(&text);
    return status;
}

/* At most `limit` items; one more row is asked for, to know whether there is an end. */
static enum lat_status fill_list(struct lat_db *db, struct lat_stmt *stmt,
                                 const struct lat_collection *collection, size_t limit,
                                 unsigned parts, struct lat_item_list *list,
                                 struct lat_error *err)
{
    bool row = false;
    enum lat_status status;
    size_t capacity = 0;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        if (list->n == limit) {
            list->next_cursor =
                lat_cursor_make(lat_cursor_key(collection), list->items[limit - 1].id);
            return list->next_cursor ? LAT_OK : lat_fail_memory(err);
        }
        if (list->n == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            struct lat_item *items = lat_realloc(list->items, capacity, sizeof(*items));
            if (!items)
                return lat_fail_memory(err);
            list->items = items;
        }
        struct lat_item *item = &list->items[list->n++];
        *item = (struct lat_item){.error = NAN};
        struct lat_error why = LAT_ERROR_INIT;
        status = lat_item_read_row(db, stmt, collection->spec.dimension, parts, item, &why);
        if (status == LAT_CORRUPT) {
            /* One damaged row does not take the list away; it is told, not served. */
            lat_error_prefix(&why, "collection '%s'", collection->name);
            lat_log_error("damaged row left out of a list", &why);
            lat_item_release(item);
            list->n--;
        } else if (status != LAT_OK) {
            if (err && err->status == LAT_OK)
                *err = why;
            return status;
        }
    }
    return status;
}

static enum lat_status list_inside(struct lat_db *db, const struct lat_collection *collection,
                                   const struct lat_sql *sql, const char *after, size_t limit,
                                   unsigned parts, struct lat_item_list *list,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = prepare_list(db, sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_text(stmt, 2, after);
    lat_stmt_bind_i64(stmt, 3, (int64_t)limit + 1);
    if (sql)
        lat_sql_bind(sql, stmt);
    status = fill_list(db, stmt, collection, limit, parts, list, err);
    lat_stmt_free(stmt);
    return status;
}

enum lat_status lat_local_list(struct lat_store *base, const char *name,
                               const struct lat_filter *filter, const char *cursor,
                               size_t limit, unsigned parts, struct lat_item_list *out_list,
                               struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct lat_item_list list = {0};
    struct lat_sql sql = {0};
    char after[LAT_ID_MAX + 1] = "";
    if (limit == 0 || limit > LIST_MAX)
        return lat_fail(err, LAT_INVALID, "invalid_limit", "limit %zu: 1 to %d are possible",
                        limit, LIST_MAX);
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    if (cursor && *cursor)
        status = lat_cursor_read(lat_cursor_key(collection), cursor, after, sizeof(after), err);
    if (status == LAT_OK && filter)
        status = lat_filter_sql(filter, 4, &sql, err);
    if (status == LAT_OK) {
        struct lat_db *db = lat_pool_take(&store->pool);
        status =
            list_inside(db, collection, filter ? &sql : NULL, after, limit, parts, &list, err);
        lat_pool_give(&store->pool, db);
    }
    lat_sql_release(&sql);
    lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    if (status == LAT_OK)
        *out_list = list;
    else
        lat_item_list_release(&list);
    return status;
}
