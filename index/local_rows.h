/* The rows of one item, for the tasks of the writer that write and delete them; the checksum
 * also for whoever reads a code. `db` is the writer's. */
#ifndef LAT_INDEX_LOCAL_ROWS_H
#define LAT_INDEX_LOCAL_ROWS_H

#include "index/local_store.h"

/* The row an id has now. */
struct lat_row_before {
    bool there, hidden;
    uint64_t slot, version;
    int64_t created_ms;
};

/* An id without a row is no failure: it is not there. */
enum lat_status lat_row_find(struct lat_db *db, int64_t key, const char *id,
                             struct lat_row_before *out_before, struct lat_error *err);

/* The item's row, of the version that the collection's draft is at; what replaces a row keeps
 * the time of its creation. Then code [d] and input, where the write has them. */
enum lat_status lat_row_insert(struct lat_db *db, const struct lat_collection *collection,
                               const struct lat_write *write, uint64_t slot,
                               const struct lat_row_before *before, struct lat_error *err);
enum lat_status lat_row_insert_code(struct lat_db *db, const struct lat_write *write,
                                    uint64_t slot, size_t d, struct lat_error *err);
enum lat_status lat_row_insert_input(struct lat_db *db, const struct lat_write *write,
                                     uint64_t slot, struct lat_error *err);

/* Deletes the rows of a slot, and leaves a tombstone. */
enum lat_status lat_rows_delete(struct lat_db *db, struct lat_collection *collection,
                                uint64_t slot, uint64_t version, struct lat_error *err);

/* The checksum of a stored code: over its slot, then its bytes. */
uint32_t lat_code_crc(uint64_t slot, const void *code, size_t len);

#endif
