/* From an index at sequence S to one at the sequence T that the rows have: law 4.
 *
 *   tombstones with version > S    positions that died
 *   rows with version > S and an old slot    patches: hidden or shown
 *   rows with a slot behind the last         new positions, in order of slots
 *
 * All of it from one snapshot. An index without rows at sequence 0 is filled whole by the same
 * way. A row whose code is missing, of the wrong length, fails its checksum or holds no numbers
 * is counted, logged and left out. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/distance.h"
#include "index/local_rows.h"

#include "base/banned.h"

struct replay {
    struct lat_db *db;
    const struct lat_collection *collection;
    struct lat_index *index;
    struct lat_rwlock *lock; /* NULL: private */
    uint64_t n_changes;
    float *code; /* [d] aligned copy of the row at hand */
};

static void take(struct replay *r)
{
    if (r->lock)
        lat_rwlock_write(r->lock);
}

static void give(struct replay *r)
{
    if (r->lock)
        lat_rwlock_unlock(r->lock);
}

static enum lat_status start(struct replay *r, const char *sql, uint64_t since,
                             struct lat_stmt **out_stmt, struct lat_error *err)
{
    const enum lat_status status = lat_db_statement(r->db, sql, out_stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(*out_stmt, 1, r->collection->key);
    lat_stmt_bind_i64(*out_stmt, 2, (int64_t)since);
    return LAT_OK;
}

static enum lat_status kill_dead(struct replay *r, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status =
        start(r, "SELECT slot FROM tombstones WHERE collection=?1 AND version>?2",
              r->index->sequence, &stmt, err);
    while (status == LAT_OK && (status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const uint64_t slot = (uint64_t)lat_stmt_i64(stmt, 0);
        const uint32_t position = lat_slot_map_find_slot(&r->index->map, slot);
        take(r);
        if (position != LAT_NO_POSITION)
            lat_index_kill(r->index, position);
        else if (slot <= r->index->last_slot && r->index->corrupt)
            r->index->corrupt--;
        give(r);
        r->n_changes++;
    }
    if (status == LAT_OK)
        lat_stmt_reset(stmt);
    return status;
}

static enum lat_status hide_patched(struct replay *r, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status =
        start(r, "SELECT slot, hidden FROM items WHERE collection=?1 AND version>?2",
              r->index->sequence, &stmt, err);
    while (status == LAT_OK && (status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const uint32_t position =
            lat_slot_map_find_slot(&r->index->map, (uint64_t)lat_stmt_i64(stmt, 0));
        if (position == LAT_NO_POSITION)
            continue;
        take(r);
        lat_index_hide(r->index, position, lat_stmt_i64(stmt, 1) != 0);
        give(r);
        r->n_changes++;
    }
    if (status == LAT_OK)
        lat_stmt_reset(stmt);
    return status;
}

/* Into r->code; false when the row is damaged. */
static bool take_code(struct replay *r, struct lat_stmt *stmt, uint64_t slot)
{
    size_t len = 0;
    const size_t d = r->index->d;
    const void *bytes = lat_stmt_bytes(stmt, 4, &len);
    if (!bytes || len != d * sizeof(float) ||
        lat_stmt_i64(stmt, 3) != (int64_t)lat_code_crc(slot, bytes, len))
        return false;
    memcpy(r->code, bytes, len);
    return lat_code_check(r->index->metric, r->code, d, NULL) == LAT_OK;
}

static void tell_damaged(const struct replay *r, uint64_t slot, const char *id)
{
    struct lat_buf text = {0};
    lat_buf_json_string(&text, id, strlen(id));
    lat_log(LAT_LOG_ERROR, "damaged row left out of the index",
            "\"collection\":\"%s\",\"id\":%s,\"slot\":%" PRIu64, r->collection->name,
            lat_buf_check(&text, NULL) == LAT_OK ? text.data : "null", slot);
    lat_buf_release(&text);
}

static enum lat_status add_row(struct replay *r, struct lat_stmt *stmt, struct lat_error *err)
{
    const uint64_t slot = (uint64_t)lat_stmt_i64(stmt, 0);
    const char *id = lat_stmt_text(stmt, 1);
    const size_t id_len = strlen(id);
    if (id_len == 0 || id_len > LAT_ID_MAX || !take_code(r, stmt, slot)) {
        tell_damaged(r, slot, id);
        take(r);
        r->index->corrupt++;
        r->index->last_slot = slot;
        give(r);
        return LAT_OK;
    }
    const enum lat_status status = lat_index_reserve(r->index, r->lock, 1, id_len, err);
    if (status != LAT_OK)
        return status;
    lat_index_stage(r->index, slot, id, r->code);
    take(r);
    lat_index_publish(r->index, lat_stmt_i64(stmt, 2) != 0);
    give(r);
    return LAT_OK;
}

static enum lat_status add_new(struct replay *r, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = start(r,
                                   "SELECT i.slot, i.id, i.hidden, c.crc, c.code FROM items i"
                                   " LEFT JOIN codes c ON c.slot=i.slot"
                                   " WHERE i.collection=?1 AND i.slot>?2 ORDER BY i.slot",
                                   r->index->last_slot, &stmt, err);
    while (status == LAT_OK && (status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        status = add_row(r, stmt, err);
        r->n_changes++;
        if (status != LAT_OK)
            lat_stmt_reset(stmt);
    }
    if (status == LAT_OK)
        lat_stmt_reset(stmt);
    return status;
}

static enum lat_status sequence_of_rows(struct replay *r, uint64_t *out_sequence,
                                        struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = start(
        r, "SELECT sequence FROM collections WHERE collection=?1 AND ?2>=0", 0, &stmt, err);
    if (status != LAT_OK)
        return status;
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    if (row)
        *out_sequence = (uint64_t)lat_stmt_i64(stmt, 0);
    lat_stmt_reset(stmt);
    return row ? LAT_OK
               : lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                          r->collection->name);
}

static enum lat_status replay_inside(struct replay *r, struct lat_error *err)
{
    uint64_t sequence = 0;
    enum lat_status status = sequence_of_rows(r, &sequence, err);
    if (status == LAT_OK && sequence == r->index->sequence)
        return LAT_OK;
    if (status == LAT_OK && r->index->sequence)
        status = kill_dead(r, err);
    if (status == LAT_OK && r->index->sequence)
        status = hide_patched(r, err);
    if (status == LAT_OK)
        status = add_new(r, err);
    if (status != LAT_OK)
        return status;
    take(r);
    r->index->sequence = sequence;
    give(r);
    return LAT_OK;
}

enum lat_status lat_index_replay(struct lat_db *db, const struct lat_collection *collection,
                                 struct lat_index *index, struct lat_rwlock *lock,
                                 uint64_t *out_replayed, struct lat_error *err)
{
    struct replay r = {.db = db, .collection = collection, .index = index, .lock = lock};
    const bool own_snapshot = !lat_db_in_transaction(db);
    r.code = lat_alloc_raw(index->d ? index->d : 1, sizeof(*r.code));
    if (!r.code)
        return lat_fail_memory(err);
    enum lat_status status = own_snapshot ? lat_db_exec(db, "BEGIN", err) : LAT_OK;
    if (status == LAT_OK)
        status = replay_inside(&r, err);
    if (own_snapshot && lat_db_in_transaction(db)) {
        const enum lat_status ended = lat_db_exec(db, "COMMIT", NULL);
        (void)ended; /* nothing was written */
    }
    lat_free(r.code);
    if (status == LAT_OK)
        *out_replayed = r.n_changes;
    return status;
}
