/* Scores of stored items: drawn, listed by size, found missing, filled in.
 *
 * The list by size is read off the index items_error, which has no entry for an item without a
 * score: storing such an item costs nothing more. A cursor is the last score's bits and id. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/clock.h"
#include "index/local_store.h"

#include "base/banned.h"

enum { LIMIT_MAX = 10000, BITS_LEN = 16 };

static enum lat_status push(struct lat_item_list *list, size_t *inout_capacity,
                            struct lat_item **out_item, struct lat_error *err)
{
    if (list->n == *inout_capacity) {
        const size_t capacity = *inout_capacity ? *inout_capacity * 2 : 64;
        struct lat_item *items = lat_realloc(list->items, capacity, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        list->items = items;
        *inout_capacity = capacity;
    }
    *out_item = &list->items[list->n++];
    **out_item = (struct lat_item){.error = NAN};
    return LAT_OK;
}

/* Every row of a statement of LAT_ITEM_COLUMNS. A damaged one is told, not served. */
static enum lat_status read_all(struct lat_db *db, struct lat_stmt *stmt,
                                const struct lat_collection *collection, unsigned parts,
                                struct lat_item_list *list, uint64_t *out_slots,
                                struct lat_error *err)
{
    bool row = false;
    size_t capacity = 0;
    enum lat_status status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        struct lat_error why = LAT_ERROR_INIT;
        struct lat_item *item = NULL;
        status = push(list, &capacity, &item, err);
        if (status != LAT_OK)
            return status;
        if (out_slots)
            out_slots[list->n - 1] = (uint64_t)lat_stmt_i64(stmt, 0);
        status = lat_item_read_row(db, stmt, collection->spec.dimension, parts, item, &why);
        if (status == LAT_CORRUPT) {
            lat_error_prefix(&why, "collection '%s'", collection->name);
            lat_log_error("damaged row left out of a list", &why);
            lat_item_release(item);
            *item = (struct lat_item){.error = NAN};
            list->n -= !out_slots; /* with slots it stays, empty: the caller goes past it */
        } else if (status != LAT_OK) {
            if (err && err->status == LAT_OK)
                *err = why;
            return status;
        }
    }
    return status;
}

/* What the functions below do with a collection and a reader's connection. */
typedef enum lat_status reader(struct lat_db *db, const struct lat_collection *collection,
                               void *context, struct lat_error *err);

static enum lat_status with_reader(struct lat_store *base, const char *name, reader *read,
                                   void *context, struct lat_item_list *list,
                                   struct lat_item_list *out_list, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_db *db = lat_pool_take(&store->pool);
    status = read(db, collection, context, err);
    lat_pool_give(&store->pool, db);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    if (status == LAT_OK)
        *out_list = *list;
    else
        lat_item_list_release(list);
    return status;
}

/* ---- a sample ---- */

struct sample {
    size_t n;
    struct lat_item_list list;
};

static enum lat_status all_rows(struct lat_db *db, const struct lat_collection *collection,
                                struct sample *sample, struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = lat_db_statement(
        db, "SELECT " LAT_ITEM_COLUMNS LAT_ITEM_FROM "WHERE i.collection=?1 AND i.hidden=0",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    status = read_all(db, stmt, collection, 0, &sample->list, NULL, err);
    lat_stmt_reset(stmt);
    return status;
}

static enum lat_status slot_range(struct lat_db *db, int64_t key, int64_t out_range[2],
                                  struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db,
        "SELECT (SELECT min(slot) FROM items INDEXED BY items_collection WHERE collection=?1),"
        " (SELECT max(slot) FROM items INDEXED BY items_collection WHERE collection=?1)",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    status = lat_stmt_step(stmt, &row, err);
    if (status == LAT_OK) {
        out_range[0] = lat_stmt_i64(stmt, 0);
        out_range[1] = lat_stmt_i64(stmt, 1);
    }
    lat_stmt_reset(stmt);
    return status;
}

/* The item in a slot or the next that has one; slots are given out in the order of storing. An
 * item behind a gap comes more often, and twice is once too often: the list is one of
 * different items, at most `n`. */
static enum lat_status drawn_rows(struct lat_db *db, const struct lat_collection *collection,
                                  struct sample *sample, struct lat_error *err)
{
    struct lat_stmt *stmt;
    struct lat_rng rng;
    int64_t range[2] = {0, 0}, last = -1;
    enum lat_status status = slot_range(db, collection->key, range, err);
    if (status == LAT_OK)
        status = lat_db_statement(db,
                                  "SELECT " LAT_ITEM_COLUMNS
                                  " FROM items i INDEXED BY items_collection"
                                  " LEFT JOIN inputs n ON n.slot=i.slot"
                                  " WHERE i.collection=?1 AND i.slot>=?2 AND i.slot>?3"
                                  " AND i.hidden=0 ORDER BY i.slot LIMIT 1",
                                  &stmt, err);
    lat_rng_seed(&rng, lat_clock_ns());
    const double step = (double)(range[1] - range[0] + 1) / (double)sample->n;
    for (size_t i = 0; status == LAT_OK && i < sample->n; i++) {
        const size_t before = sample->list.n;
        struct lat_item_list one = {0};
        uint64_t slot = 0;
        lat_stmt_bind_i64(stmt, 1, collection->key);
        lat_stmt_bind_i64(stmt, 2,
                          range[0] + (int64_t)(((double)i + lat_rng_uniform(&rng)) * step));
        lat_stmt_bind_i64(stmt, 3, last);
        status = read_all(db, stmt, collection, 0, &one, &slot, err);
        lat_stmt_reset(stmt);
        if (status == LAT_OK && one.n == 1 && one.items[0].id) {
            sample->list.items[before] = one.items[0];
            sample->list.n++;
            last = (int64_t)slot;
            lat_free(one.items);
        } else {
            lat_item_list_release(&one);
        }
    }
    return status;
}

static enum lat_status read_sample(struct lat_db *db, const struct lat_collection *collection,
                                   void *context, struct lat_error *err)
{
    struct sample *sample = context;
    struct lat_stmt *stmt;
    bool row = false;
    uint64_t items = 0;
    enum lat_status status = lat_db_statement(
        db, "SELECT items - hidden FROM collections WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    status = lat_stmt_step(stmt, &row, err);
    if (status == LAT_OK && row)
        items = (uint64_t)lat_stmt_i64(stmt, 0);
    lat_stmt_reset(stmt);
    if (status != LAT_OK)
        return status;
    if (items <= sample->n)
        return all_rows(db, collection, sample, err);
    sample->list.items = lat_alloc(sample->n, sizeof(*sample->list.items));
    return sample->list.items ? drawn_rows(db, collection, sample, err) : lat_fail_memory(err);
}

enum lat_status lat_local_sample(struct lat_store *base, const char *name, size_t n,
                                 struct lat_item_list *out_list, struct lat_error *err)
{
    struct sample sample = {.n = n};
    return with_reader(base, name, read_sample, &sample, &sample.list, out_list, err);
}

/* ---- by size ---- */

struct worst {
    const char *cursor;
    size_t limit;
    struct lat_item_list list;
};

static enum lat_status read_place(int64_t key, const char *cursor, double *out_error,
                                  char out_id[LAT_ID_MAX + 1], struct lat_error *err)
{
    char text[BITS_LEN + LAT_ID_MAX + 1];
    uint64_t bits = 0;
    *out_error = (double)INFINITY;
    out_id[0] = '\0';
    if (!cursor || !*cursor)
        return LAT_OK;
    enum lat_status status = lat_cursor_read(key, cursor, text, sizeof(text), err);
    if (status != LAT_OK)
        return status;
    if (strlen(text) <= BITS_LEN || sscanf(text, "%16" SCNx64, &bits) != 1)
        return lat_fail(err, LAT_INVALID, "bad_cursor", "the cursor is not of this list");
    memcpy(out_error, &bits, sizeof(*out_error));
    memcpy(out_id, text + BITS_LEN, strlen(text + BITS_LEN) + 1);
    return LAT_OK;
}

static char *make_place(int64_t key, const struct lat_item *last)
{
    char text[BITS_LEN + LAT_ID_MAX + 1];
    const double error = (double)last->error;
    uint64_t bits;
    memcpy(&bits, &error, sizeof(bits));
    snprintf(text, sizeof(text), "%016" PRIx64 "%s", bits, last->id);
    return lat_cursor_make(key, text);
}

static enum lat_status read_worst(struct lat_db *db, const struct lat_collection *collection,
                                  void *context, struct lat_error *err)
{
    struct worst *worst = context;
    struct lat_stmt *stmt;
    char id[LAT_ID_MAX + 1];
    double error;
    enum lat_status status = read_place(collection->key, worst->cursor, &error, id, err);
    if (status == LAT_OK)
        status =
            lat_db_statement(db,
                             "SELECT " LAT_ITEM_COLUMNS " FROM items i INDEXED BY items_error"
                             " LEFT JOIN inputs n ON n.slot=i.slot"
                             " WHERE i.collection=?1 AND i.error IS NOT NULL AND"
                             " i.hidden=0 AND i.error<=?2 AND (i.error<?2 OR i.id>?3)"
                             " ORDER BY i.error DESC, i.id LIMIT ?4",
                             &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_real(stmt, 2, error);
    lat_stmt_bind_text(stmt, 3, id);
    lat_stmt_bind_i64(stmt, 4, (int64_t)worst->limit + 1);
    status = read_all(db, stmt, collection, 0, &worst->list, NULL, err);
    lat_stmt_reset(stmt);
    if (status != LAT_OK || worst->list.n <= worst->limit)
        return status;
    lat_item_release(&worst->list.items[--worst->list.n]);
    worst->list.next_cursor = make_place(collection->key, &worst->list.items[worst->limit - 1]);
    return worst->list.next_cursor ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_local_worst(struct lat_store *base, const char *name, const char *cursor,
                                size_t limit, struct lat_item_list *out_list,
                                struct lat_error *err)
{
    struct worst worst = {.cursor = cursor, .limit = limit};
    if (limit == 0 || limit > LIMIT_MAX)
        return lat_fail(err, LAT_INVALID, "invalid_limit", "limit %zu: 1 to %d are possible",
                        limit, LIMIT_MAX);
    return with_reader(base, name, read_worst, &worst, &worst.list, out_list, err);
}

/* ---- those without ---- */

struct unscored {
    uint64_t after;
    size_t limit;
    uint64_t *slots;
    struct lat_item_list list;
};

static enum lat_status read_unscored(struct lat_db *db, const struct lat_collection *collection,
                                     void *context, struct lat_error *err)
{
    struct unscored *unscored = context;
    struct lat_stmt *stmt;
    enum lat_status status =
        lat_db_statement(db,
                         "SELECT " LAT_ITEM_COLUMNS " FROM items i INDEXED BY items_collection"
                         " JOIN inputs n ON n.slot=i.slot"
                         " WHERE i.collection=?1 AND i.slot>?2 AND i.error IS NULL"
                         " ORDER BY i.slot LIMIT ?3",
                         &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    lat_stmt_bind_i64(stmt, 2, (int64_t)unscored->after);
    lat_stmt_bind_i64(stmt, 3, (int64_t)unscored->limit);
    status = read_all(db, stmt, collection, LAT_ITEM_CODE | LAT_ITEM_INPUT, &unscored->list,
                      unscored->slots, err);
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_local_unscored(struct lat_store *base, const char *name, uint64_t after,
                                   size_t limit, struct lat_item_list *out_list,
                                   uint64_t *out_slots, struct lat_error *err)
{
    struct unscored unscored = {.after = after, .limit = limit, .slots = out_slots};
    return with_reader(base, name, read_unscored, &unscored, &unscored.list, out_list, err);
}

/* ---- filling in ---- */

struct set_task {
    struct lat_task task;
    const uint64_t *slots;
    const float *scores;
    size_t n;
};

static enum lat_status apply_set(struct lat_task *base, struct lat_local *store,
                                 struct lat_error *err)
{
    const struct set_task *task = (struct set_task *)base;
    struct lat_stmt *stmt;
    enum lat_status status = lat_db_statement(
        store->writer.db, "UPDATE items SET error=?2 WHERE slot=?1", &stmt, err);
    for (size_t i = 0; status == LAT_OK && i < task->n; i++) {
        if (isnan(task->scores[i]))
            continue;
        lat_stmt_bind_i64(stmt, 1, (int64_t)task->slots[i]);
        lat_stmt_bind_real(stmt, 2, (double)task->scores[i]);
        status = lat_stmt_run(stmt, err);
    }
    return status;
}

enum lat_status lat_local_set_scores(struct lat_store *base, const uint64_t *slots,
                                     const float *scores, size_t n, struct lat_error *err)
{
    struct set_task task = {.task = {.apply = apply_set, .isolated = true},
                            .slots = slots,
                            .scores = scores,
                            .n = n};
    return lat_writer_run(lat_local_of(base), &task.task, err);
}
