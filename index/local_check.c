/* Every invariant of a data directory nobody has open: the file and its schema, the rows
 * (local_check_rows.c), and for every index file that it is whole, of this store, in its time,
 * and that after replaying the rest it holds exactly what the rows say.
 *
 * A missing index file is no fault, it is a cache; a damaged one is. What cannot be read at all
 * is a finding too: only a missing folder, a lock held by somebody, or a lack of memory end the
 * check. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/distance.h"
#include "index/index_file.h"
#include "index/local_checking.h"
#include "index/local_rows.h"
#include "index/sqlite/schema.h"

#include "base/banned.h"

void lat_finding(struct lat_checking *c, const char *fmt, ...)
{
    char line[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    c->report(c->context, line);
    c->faults++;
}

/* ---- the file ---- */

static enum lat_status check_pages(struct lat_checking *c, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(c->db, "PRAGMA integrity_check", &stmt, err);
    if (status != LAT_OK)
        return status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row)
        if (strcmp(lat_stmt_text(stmt, 0), "ok") != 0)
            lat_finding(c, "latentd.db: %s", lat_stmt_text(stmt, 0));
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status check_version(struct lat_checking *c, struct lat_error *err)
{
    int64_t version = 0;
    enum lat_status status = lat_db_number(c->db, "PRAGMA user_version", &version, err);
    if (status == LAT_OK && version != lat_schema_version)
        return lat_fail(err, LAT_CORRUPT, NULL, "latentd.db has version %" PRId64 ", not %d",
                        version, lat_schema_version);
    return status == LAT_OK ? lat_schema_check(c->db, err) : status;
}

/* ---- index files ---- */

static bool same_row(const struct lat_index *index, uint32_t position, const float *code,
                     float *scratch)
{
    if (index->metric == LAT_DISTANCE_COSINE && lat_unit_length(code, scratch, index->d))
        code = scratch;
    return memcmp(lat_vectors_row(&index->vectors, position), code, index->d * sizeof(float)) ==
           0;
}

/* Every sound row is in the index, under its slot, with its numbers, shown or hidden as it
 * says. */
static enum lat_status compare(struct lat_checking *c, const struct lat_collection *collection,
                               const struct lat_index *index, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t len = 0;
    const size_t d = index->d;
    float *scratch = lat_alloc_raw(2 * d, sizeof(*scratch));
    if (!scratch)
        return lat_fail_memory(err);
    enum lat_status status = lat_db_prepare(c->db,
                                            "SELECT i.slot, i.id, i.hidden, c.code, c.crc FROM "
                                            "items i JOIN codes c ON c.slot=i.slot"
                                            " WHERE i.collection=?1",
                                            &stmt, err);
    if (status == LAT_OK)
        lat_stmt_bind_i64(stmt, 1, collection->key);
    while (status == LAT_OK && (status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const uint64_t slot = (uint64_t)lat_stmt_i64(stmt, 0);
        const void *bytes = lat_stmt_bytes(stmt, 3, &len);
        if (len != d * sizeof(float) ||
            lat_stmt_i64(stmt, 4) != (int64_t)lat_code_crc(slot, bytes, len))
            continue; /* told already */
        memcpy(scratch, bytes, len);
        if (lat_code_check(index->metric, scratch, d, NULL) != LAT_OK)
            continue;
        const uint32_t at = lat_slot_map_find(&index->map, lat_stmt_text(stmt, 1));
        if (at == LAT_NO_POSITION || index->map.slots[at] != slot ||
            !same_row(index, at, scratch, scratch + d) ||
            lat_bit(index->map.shown, at) != (lat_stmt_i64(stmt, 2) == 0))
            lat_finding(c,
                        "collection '%s': item '%s' is not in the index as it is in the rows",
                        collection->name, lat_stmt_text(stmt, 1));
    }
    if (status == LAT_OK)
        lat_stmt_free(stmt);
    lat_free(scratch);
    return status;
}

static enum lat_status check_contents(struct lat_checking *c,
                                      const struct lat_collection *collection,
                                      struct lat_index *index, struct lat_error *err)
{
    uint64_t replayed = 0;
    if (index->sequence > collection->sequence || index->sequence < collection->pruned) {
        lat_finding(c,
                    "collection '%s': its index file is at change %" PRIu64
                    ", the rows are at %" PRIu64 " and know changes from %" PRIu64,
                    collection->name, index->sequence, collection->sequence,
                    collection->pruned);
        return LAT_OK;
    }
    enum lat_status status = lat_index_replay(c->db, collection, index, NULL, &replayed, err);
    if (status != LAT_OK)
        return status;
    if (index->live + index->corrupt != collection->items)
        lat_finding(c, "collection '%s': its index has %" PRIu64 " items, the rows %" PRIu64,
                    collection->name, index->live, collection->items);
    return compare(c, collection, index, err);
}

static enum lat_status check_index(struct lat_checking *c, const struct lat_local *store,
                                   const struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_index *index = NULL;
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = lat_index_load_file(store, collection, &index, &why);
    if (status == LAT_NOT_FOUND)
        return LAT_OK;
    if (status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    if (status != LAT_OK) {
        lat_finding(c, "collection '%s': %s", collection->name, why.message);
        return LAT_OK;
    }
    status = check_contents(c, collection, index, err);
    lat_index_unref(index);
    return status;
}

/* ---- all of it ---- */

static enum lat_status check_inside(struct lat_checking *c, struct lat_local *store,
                                    struct lat_error *err)
{
    enum lat_status status = check_version(c, err);
    if (status == LAT_OK)
        status = check_pages(c, err);
    if (status == LAT_OK)
        status = lat_local_read_uuid(c->db, store->uuid, err);
    if (status == LAT_OK)
        status = lat_check_rows(c, err);
    if (status == LAT_OK)
        status = lat_collections_read(store, c->db, err);
    for (size_t i = 0; i < store->n_table && status == LAT_OK; i++) {
        status = lat_check_collection(c, store->table[i], err);
        if (status == LAT_OK)
            status = lat_check_interactions(c, store, store->table[i], err);
        if (status == LAT_OK && store->table[i]->spec.dimension)
            status = check_index(c, store, store->table[i], err);
    }
    return status;
}

static enum lat_status check_folder(struct lat_checking *c, struct lat_local *store,
                                    struct lat_error *err)
{
    char path[LAT_PATH_MAX + 16];
    struct lat_error why = LAT_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/latentd.db", store->folder);
    if (!lat_file_exists(path))
        return lat_fail(err, LAT_NOT_FOUND, NULL, "'%s' is no data directory: no latentd.db",
                        store->folder);
    enum lat_status status = lat_local_lock(store->folder, &store->lock_fd, err);
    if (status != LAT_OK)
        return status;
    status = lat_db_open(path, LAT_DB_READ, &c->db, &why);
    if (status == LAT_OK)
        status = check_inside(c, store, &why);
    if (status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    if (status != LAT_OK)
        lat_finding(c, "%s", why.message);
    return LAT_OK;
}

enum lat_status lat_local_check(const char *folder,
                                void (*report)(void *context, const char *line), void *context,
                                uint64_t *out_faults, struct lat_error *err)
{
    struct lat_checking c = {.report = report, .context = context};
    if (strlen(folder) >= LAT_PATH_MAX - LAT_COLLECTION_NAME_MAX - 64)
        return lat_fail(err, LAT_INVALID, NULL, "the path is too long");
    struct lat_local *store = lat_alloc(1, sizeof(*store));
    if (!store)
        return lat_fail_memory(err);
    store->lock_fd = -1;
    snprintf(store->folder, sizeof(store->folder), "%s", folder);
    lat_rwlock_init(&store->table_lock, LAT_RANK_COLLECTION, "collections");
    const enum lat_status status = check_folder(&c, store, err);
    for (size_t i = 0; i < store->n_table; i++)
        lat_collection_unref(store->table[i]);
    lat_free(store->table);
    lat_db_close(c.db);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    lat_rwlock_release(&store->table_lock);
    lat_free(store);
    if (status == LAT_OK)
        *out_faults = c.faults;
    return status;
}
