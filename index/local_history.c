/* Histories: all rows of one user are read in one statement (they lie together), their items'
 * numbers become names of their own, and what is asked for is cut out of the sorted whole. A
 * user exists as long as there are rows, so no rows means no user.
 *
 * A cursor is the last row given: its time, item and type as hexadecimal, behind a checksum
 * over them, the collection and the user. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/local_generation.h"
#include "index/local_interactions.h"

#include "base/banned.h"

/* One row while the whole is put together. */
struct raw_row {
    size_t item_at, type_at; /* in `texts` */
    const char *item, *type;
    float weight;
    int64_t at_ms;
};

struct reading {
    struct raw_row *rows;
    size_t n, capacity;
    size_t most;          /* rows; beyond that reading ends with LAT_BUSY */
    struct lat_buf texts; /* NUL-terminated, one behind the other; the empty one first */
};

static void forget(struct reading *r)
{
    lat_free(r->rows);
    lat_buf_release(&r->texts);
}

static enum lat_status note(struct reading *r, size_t item_at, struct lat_stmt *stmt,
                            struct lat_error *err)
{
    if (r->n == r->capacity) {
        const size_t capacity = r->capacity ? r->capacity * 2 : 64;
        struct raw_row *rows = lat_realloc(r->rows, capacity, sizeof(*rows));
        if (!rows)
            return lat_fail_memory(err);
        r->rows = rows;
        r->capacity = capacity;
    }
    const char *type = lat_stmt_text(stmt, 1);
    struct raw_row *row = &r->rows[r->n++];
    *row = (struct raw_row){.item_at = item_at,
                            .type_at = *type ? r->texts.len : 0,
                            .weight = (float)lat_stmt_real(stmt, 2),
                            .at_ms = lat_stmt_i64(stmt, 3)};
    if (*type)
        lat_buf_append(&r->texts, type, strlen(type) + 1);
    return LAT_OK;
}

static enum lat_status read_rows(struct lat_local *store, struct lat_db *db,
                                 struct lat_collection *collection, const char *user,
                                 struct reading *r, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db,
        "SELECT x.item, x.type, x.weight, x.at_ms FROM users u CROSS JOIN interactions x"
        " ON x.user=u.number WHERE u.collection=?1 AND u.hash=?2 AND u.name=?3",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_buf_append(&r->texts, "", 1);
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_i64(stmt, 2, lat_user_hash(store, user));
    lat_stmt_bind_text(stmt, 3, user);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const size_t at = r->texts.len;
        if (r->n == r->most)
            status = lat_fail(err, LAT_BUSY, NULL, "more than %zu interactions", r->most);
        else if (lat_collection_item_name(collection, lat_stmt_i64(stmt, 0), &r->texts))
            status = note(r, at, stmt, err);
        if (status != LAT_OK)
            break;
    }
    lat_stmt_reset(stmt);
    if (status == LAT_OK)
        status = lat_buf_check(&r->texts, err);
    for (size_t i = 0; status == LAT_OK && i < r->n; i++) {
        r->rows[i].item = r->texts.data + r->rows[i].item_at;
        r->rows[i].type = r->texts.data + r->rows[i].type_at;
    }
    return status;
}

/* Newest first. */
static int by_age(const void *a, const void *b)
{
    const struct raw_row *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return (x->at_ms < y->at_ms) - (x->at_ms > y->at_ms);
    const int order = strcmp(x->item, y->item);
    return order ? order : strcmp(x->type, y->type);
}

/* ---- cursors ---- */

enum { CURSOR_MAX = 8 + 16 + 2 * (LAT_ID_MAX + 1 + LAT_INTERACTION_TYPE_MAX) };

static char *make_cursor(int64_t key, const char *user, const struct raw_row *last)
{
    struct lat_buf text = {0}, whole = {0};
    lat_buf_printf(&text, "%016" PRIx64, (uint64_t)last->at_ms);
    for (const char *p = last->item; *p; p++)
        lat_buf_printf(&text, "%02x", (unsigned char)*p);
    lat_buf_text(&text, "00");
    for (const char *p = last->type; *p; p++)
        lat_buf_printf(&text, "%02x", (unsigned char)*p);
    if (lat_buf_check(&text, NULL) == LAT_OK) {
        uint32_t crc = lat_crc32c(lat_crc32c(0, &key, sizeof(key)), user, strlen(user));
        crc = lat_crc32c(crc, text.data, text.len);
        lat_buf_printf(&whole, "%08" PRIx32 "%s", crc, text.data);
    }
    lat_buf_release(&text);
    if (lat_buf_check(&whole, NULL) != LAT_OK)
        lat_buf_release(&whole);
    return lat_buf_take(&whole, NULL);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of n hexadecimal digits. */
static bool read_hex(const char *text, size_t n, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (hex_digit(text[i]) < 0)
            return false;
        value = value << 4 | (uint64_t)hex_digit(text[i]);
    }
    *out = value;
    return true;
}

/* `space` [CURSOR_MAX / 2] holds the texts of *out_row. */
static enum lat_status read_cursor(int64_t key, const char *user, const char *cursor,
                                   char *space, struct raw_row *out_row, struct lat_error *err)
{
    const size_t len = strlen(cursor);
    uint64_t crc = 0, at = 0, byte = 0;
    bool good = len >= 8 + 16 + 4 && len <= CURSOR_MAX && len % 2 == 0 &&
                read_hex(cursor, 8, &crc) && read_hex(cursor + 8, 16, &at);
    size_t n = 0;
    for (const char *p = cursor + 24; good && *p; p += 2) {
        good = read_hex(p, 2, &byte);
        space[n++] = (char)byte;
    }
    space[n] = '\0';
    if (good) {
        const uint32_t mine = lat_crc32c(lat_crc32c(0, &key, sizeof(key)), user, strlen(user));
        good = lat_crc32c(mine, cursor + 8, len - 8) == crc && strlen(space) < n;
    }
    if (!good)
        return lat_fail(err, LAT_INVALID, "bad_cursor", "the cursor is not of this list");
    *out_row = (struct raw_row){
        .item = space, .type = space + strlen(space) + 1, .at_ms = (int64_t)at};
    return LAT_OK;
}

/* ---- pages ---- */

static char *copy_text(char **end, const char *text)
{
    const size_t len = strlen(text) + 1;
    char *copy = memcpy(*end, text, len);
    *end += len;
    return copy;
}

/* Rows [from, to) of the sorted whole into one block. */
static enum lat_status make_page(const struct reading *r, size_t from, size_t to,
                                 const char *cursor, struct lat_history_page *out_page,
                                 struct lat_error *err)
{
    size_t bytes = (to - from) * sizeof(struct lat_history_row);
    for (size_t i = from; i < to; i++)
        bytes += strlen(r->rows[i].item) + strlen(r->rows[i].type) + 2;
    bytes += cursor ? strlen(cursor) + 1 : 0;
    struct lat_history_page page = {.n = to - from,
                                    .memory = lat_alloc_raw(bytes ? bytes : 1, 1)};
    if (!page.memory)
        return lat_fail_memory(err);
    page.rows = page.memory;
    char *end = (char *)page.memory + page.n * sizeof(*page.rows);
    for (size_t i = from; i < to; i++)
        page.rows[i - from] = (struct lat_history_row){.item = copy_text(&end, r->rows[i].item),
                                                       .type = copy_text(&end, r->rows[i].type),
                                                       .weight = r->rows[i].weight,
                                                       .at_ms = r->rows[i].at_ms};
    page.next_cursor = cursor ? copy_text(&end, cursor) : NULL;
    *out_page = page;
    return LAT_OK;
}

static enum lat_status cut_page(struct reading *r, int64_t key, const char *user,
                                const struct raw_row *after, size_t limit,
                                struct lat_history_page *out_page, struct lat_error *err)
{
    size_t from = 0;
    qsort(r->rows, r->n, sizeof(*r->rows), by_age);
    while (after && from < r->n && by_age(&r->rows[from], after) <= 0)
        from++;
    const bool all = !limit || r->n - from <= limit;
    const size_t to = all ? r->n : from + limit;
    char *cursor = all ? NULL : make_cursor(key, user, &r->rows[to - 1]);
    if (!all && !cursor)
        return lat_fail_memory(err);
    const enum lat_status status = make_page(r, from, to, cursor, out_page, err);
    lat_free(cursor);
    return status;
}

static enum lat_status unknown(const char *user, struct lat_error *err)
{
    return lat_fail(err, LAT_NOT_FOUND, "unknown_user", "no user '%s'", user);
}

static enum lat_status history_once(struct lat_local *store, const char *name, const char *user,
                                    const char *cursor, size_t limit, bool *out_moved,
                                    struct lat_history_page *out_page, struct lat_error *err)
{
    struct lat_collection *collection;
    struct reading r = {.most = SIZE_MAX};
    char space[CURSOR_MAX / 2];
    struct raw_row after = {0};
    enum lat_status status = lat_collection_with_tally(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    const bool goes_on = cursor && *cursor;
    const int64_t key = lat_cursor_key(collection);
    if (goes_on)
        status = read_cursor(key, user, cursor, space, &after, err);
    if (status == LAT_OK) {
        struct lat_db *db = lat_pool_take(&store->pool);
        status = read_rows(store, db, collection, user, &r, err);
        lat_pool_give(&store->pool, db);
        *out_moved = status == LAT_OK && lat_tally_may_have_moved(store, collection, !r.n);
    }
    if (status == LAT_OK && !r.n)
        status = unknown(user, err);
    if (status == LAT_OK && !*out_moved)
        status = cut_page(&r, key, user, goes_on ? &after : NULL, limit, out_page, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    forget(&r);
    lat_collection_unref(collection);
    return status;
}

enum lat_status lat_local_history(struct lat_store *base, const char *name, const char *user,
                                  const char *cursor, size_t limit,
                                  struct lat_history_page *out_page, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    enum lat_status status = LAT_OK;
    bool moved = true;
    for (int i = 0; moved && i < LAT_TALLY_TRIES; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        moved = false;
        status = history_once(store, name, user, cursor, limit, &moved, out_page, &why);
        if (moved)
            lat_generation_wait(store, name);
        else if (status != LAT_OK && err)
            *err = why;
    }
    return moved ? lat_fail(err, LAT_BUSY, NULL, "collection '%s' is changing over", name)
                 : status;
}

enum lat_status lat_local_history_at_once(struct lat_store *base, const char *name,
                                          const char *user, size_t most,
                                          struct lat_history_page *out_page,
                                          struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    struct reading r = {.most = most};
    enum lat_status status = lat_collection_with_tally(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_try(&store->pool);
    if (db) {
        status = read_rows(store, db, collection, user, &r, err);
        lat_pool_give(&store->pool, db);
    } else {
        status = lat_fail(err, LAT_BUSY, NULL, "all readers are at work");
    }
    if (status == LAT_OK && lat_tally_may_have_moved(store, collection, !r.n))
        status = lat_fail(err, LAT_BUSY, NULL, "the collection is changing over");
    if (status == LAT_OK)
        status = r.n ? cut_page(&r, lat_cursor_key(collection), user, NULL, 0, out_page, err)
                     : unknown(user, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    forget(&r);
    lat_collection_unref(collection);
    return status;
}

/* ---- all of them ---- */

/* Names are read with their rows: who is called may take long, and memory does not stand still
 * meanwhile. */
static enum lat_status each_row(struct lat_db *db, struct lat_collection *collection,
                                bool (*each)(void *context, const struct lat_interaction *one),
                                void *context, bool *out_nothing, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(
        db,
        "SELECT u.name, i.name, x.type, x.weight, x.at_ms FROM users u NOT INDEXED CROSS JOIN"
        " interactions x ON x.user=u.number CROSS JOIN interaction_items i"
        " ON i.collection=?1 AND i.number=x.item WHERE u.collection=?1"
        " ORDER BY u.number, x.item, x.type",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    *out_nothing = true;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        *out_nothing = false;
        const struct lat_interaction one = {.user = lat_stmt_text(stmt, 0),
                                            .item = lat_stmt_text(stmt, 1),
                                            .type = lat_stmt_text(stmt, 2),
                                            .weight = (float)lat_stmt_real(stmt, 3),
                                            .at_ms = lat_stmt_i64(stmt, 4)};
        if (!each(context, &one)) {
            status = lat_fail(err, LAT_CANCELLED, NULL, "reading the interactions was ended");
            break;
        }
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status each_once(struct lat_local *store, const char *name,
                                 bool (*each)(void *context, const struct lat_interaction *one),
                                 void *context, bool *out_moved, struct lat_error *err)
{
    struct lat_collection *collection;
    bool nothing = false;
    enum lat_status status = lat_collection_with_tally(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_take(&store->pool);
    status = each_row(db, collection, each, context, &nothing, err);
    lat_pool_give(&store->pool, db);
    *out_moved = nothing && lat_tally_may_have_moved(store, collection, true);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    return status;
}

enum lat_status lat_local_interactions_each(struct lat_store *base, const char *name,
                                            bool (*each)(void *context,
                                                         const struct lat_interaction *one),
                                            void *context, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    for (int i = 0; i < LAT_TALLY_TRIES; i++) {
        bool moved = false;
        const enum lat_status status = each_once(store, name, each, context, &moved, err);
        if (status != LAT_OK || !moved)
            return status;
        lat_generation_wait(store, name);
    }
    return lat_fail(err, LAT_BUSY, NULL, "collection '%s' is changing over", name);
}
