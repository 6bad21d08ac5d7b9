/* The rows of one item: `items`, and by its slot `codes` and `inputs`, each with its checksum.
 * All run inside a task of the writer; a statement that fails undoes the item's savepoint. */
#include <math.h>

#include "base/clock.h"
#include "base/file.h"
#include "index/local_rows.h"

#include "base/banned.h"

uint32_t lat_code_crc(uint64_t slot, const void *code, size_t len)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(slot >> (8 * i));
    return lat_crc32c(lat_crc32c(0, bytes, sizeof(bytes)), code, len);
}

enum lat_status lat_row_find(struct lat_db *db, int64_t key, const char *id,
                             struct lat_row_before *out_before, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        db, "SELECT slot, version, hidden, created_ms FROM items WHERE collection=?1 AND id=?2",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    lat_stmt_bind_text(stmt, 2, id);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    *out_before = (struct lat_row_before){.there = row};
    if (row) {
        out_before->slot = (uint64_t)lat_stmt_i64(stmt, 0);
        out_before->version = (uint64_t)lat_stmt_i64(stmt, 1);
        out_before->hidden = lat_stmt_i64(stmt, 2) != 0;
        out_before->created_ms = lat_stmt_i64(stmt, 3);
    }
    lat_stmt_reset(stmt);
    return LAT_OK;
}

enum lat_status lat_rows_delete(struct lat_db *db, struct lat_collection *collection,
                                uint64_t slot, uint64_t version, struct lat_error *err)
{
    static const char *const steps[] = {
        "DELETE FROM items WHERE slot=?1",
        "DELETE FROM codes WHERE slot=?1",
        "DELETE FROM inputs WHERE slot=?1",
        "INSERT INTO tombstones(slot, collection, version) VALUES(?1,?2,?3)",
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(steps); i++) {
        struct lat_stmt *stmt;
        enum lat_status status = lat_db_statement(db, steps[i], &stmt, err);
        if (status != LAT_OK)
            return status;
        lat_stmt_bind_i64(stmt, 1, (int64_t)slot);
        if (i == LAT_ARRAY_LEN(steps) - 1) {
            lat_stmt_bind_i64(stmt, 2, collection->key);
            lat_stmt_bind_i64(stmt, 3, (int64_t)version);
        }
        status = lat_stmt_run(stmt, err);
        if (status != LAT_OK)
            return status;
    }
    return LAT_OK;
}

enum lat_status lat_row_insert(struct lat_db *db, const struct lat_collection *collection,
                               const struct lat_write *write, uint64_t slot,
                               const struct lat_row_before *before, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const int64_t now = lat_clock_wall_ms();
    const enum lat_status status = lat_db_statement(
        db,
        "INSERT INTO items(slot, collection, id, version, hidden, error, created_ms,"
        " updated_ms, metadata) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)slot);
    lat_stmt_bind_i64(stmt, 2, collection->key);
    lat_stmt_bind_text(stmt, 3, write->id);
    lat_stmt_bind_i64(stmt, 4, (int64_t)collection->draft.sequence);
    lat_stmt_bind_i64(stmt, 5, write->hidden == 1);
    if (isnan(write->error))
        lat_stmt_bind_null(stmt, 6);
    else
        lat_stmt_bind_real(stmt, 6, (double)write->error);
    lat_stmt_bind_i64(stmt, 7, before->there ? before->created_ms : now);
    lat_stmt_bind_i64(stmt, 8, now);
    lat_stmt_bind_text(stmt, 9, write->metadata ? write->metadata : "{}");
    return lat_stmt_run(stmt, err);
}

enum lat_status lat_row_insert_code(struct lat_db *db, const struct lat_write *write,
                                    uint64_t slot, size_t d, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const size_t len = d * sizeof(float);
    const enum lat_status status =
        lat_db_statement(db, "INSERT INTO codes(slot, crc, code) VALUES(?1,?2,?3)", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)slot);
    lat_stmt_bind_i64(stmt, 2, lat_code_crc(slot, write->code, len));
    lat_stmt_bind_bytes(stmt, 3, write->code, len);
    return lat_stmt_run(stmt, err);
}

enum lat_status lat_row_insert_input(struct lat_db *db, const struct lat_write *write,
                                     uint64_t slot, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(
        db, "INSERT INTO inputs(slot, type, crc, bytes) VALUES(?1,?2,?3,?4)", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)slot);
    lat_stmt_bind_text(stmt, 2, write->input_type ? write->input_type : "");
    lat_stmt_bind_i64(stmt, 3, lat_crc32c(0, write->input, write->input_len));
    lat_stmt_bind_bytes(stmt, 4, write->input, write->input_len);
    return lat_stmt_run(stmt, err);
}
