/* One row of `items` an item, small, so that scans for filters read little; codes and inputs
 * beside it under the same slot. A slot is a row's key in all three, taken from store.next_slot
 * and never given twice; a replaced item gets a new one. A tombstone tells an index file which
 * slot a change made dead; those the saved file contains are pruned. `dropped` names
 * collections whose rows are still being deleted, bit by bit. `jobs` has nothing to do with
 * items: what the service was asked to do in the background.
 *
 * One row of `interactions` an interaction, in the order of users, so that a history lies on
 * few pages. Users and items are numbers there: a user's is unique in the store, an item's in
 * its collection, and the row of either lives as long as it has interactions. Items' names are
 * looked up in memory (tally.h), users' by a hash of the name. Names stand in tables that grow
 * at their end only, and in no index: SQLite moves entries when it divides a page in the
 * middle, and leaves copies behind that secure_delete does not know of. */
#include "index/sqlite/schema.h"

#include "base/mem.h"

#include "base/banned.h"

const char *const lat_schema_steps[] = {
    "CREATE TABLE store(one INTEGER PRIMARY KEY CHECK(one = 1), uuid BLOB NOT NULL,"
    " next_slot INTEGER NOT NULL);"
    "INSERT INTO store VALUES(1, randomblob(16), 1);"
    "CREATE TABLE collections(collection INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE, model TEXT NOT NULL, dimension INTEGER NOT NULL,"
    " metric TEXT NOT NULL, index_type TEXT NOT NULL, factory TEXT NOT NULL, m INTEGER NOT "
    "NULL,"
    " ef_construction INTEGER NOT NULL, ef_search INTEGER NOT NULL, nlist INTEGER NOT NULL,"
    " nprobe INTEGER NOT NULL, keep_inputs INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, pruned INTEGER NOT NULL, items INTEGER NOT NULL,"
    " hidden INTEGER NOT NULL);"
    "CREATE TABLE items(slot INTEGER PRIMARY KEY, collection INTEGER NOT NULL, id TEXT NOT "
    "NULL,"
    " version INTEGER NOT NULL, hidden INTEGER NOT NULL, error REAL, created_ms INTEGER NOT "
    "NULL,"
    " updated_ms INTEGER NOT NULL, metadata TEXT NOT NULL);"
    "CREATE UNIQUE INDEX items_id ON items(collection, id);"
    "CREATE INDEX items_version ON items(collection, version);"
    "CREATE INDEX items_collection ON items(collection);"
    "CREATE TABLE codes(slot INTEGER PRIMARY KEY, crc INTEGER NOT NULL, code BLOB NOT NULL);"
    "CREATE TABLE inputs(slot INTEGER PRIMARY KEY, type TEXT NOT NULL, crc INTEGER NOT NULL,"
    " bytes BLOB NOT NULL);"
    "CREATE TABLE tombstones(collection INTEGER NOT NULL, version INTEGER NOT NULL,"
    " slot INTEGER NOT NULL, PRIMARY KEY(collection, version)) WITHOUT ROWID;"
    "CREATE TABLE dropped(collection INTEGER PRIMARY KEY);",

    "CREATE TABLE jobs(job INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " type TEXT NOT NULL, subject TEXT NOT NULL, state TEXT NOT NULL, progress REAL NOT NULL,"
    " created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " request TEXT NOT NULL, result TEXT NOT NULL, curve BLOB NOT NULL,"
    " error_status INTEGER NOT NULL, error_code TEXT NOT NULL, error_message TEXT NOT NULL,"
    " error_pointer TEXT NOT NULL, error_expected TEXT NOT NULL, error_got TEXT NOT NULL);",

    "ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;",

    "ALTER TABLE collections ADD COLUMN recommender TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE collections ADD COLUMN users INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE collections ADD COLUMN interactions INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE users(number INTEGER PRIMARY KEY, collection INTEGER NOT NULL,"
    " hash INTEGER NOT NULL, name TEXT NOT NULL);"
    "CREATE INDEX users_hash ON users(collection, hash);"
    "CREATE TABLE interaction_items(entry INTEGER PRIMARY KEY, collection INTEGER NOT NULL,"
    " number INTEGER NOT NULL, name TEXT NOT NULL);"
    "CREATE UNIQUE INDEX interaction_items_number ON interaction_items(collection, number);"
    "CREATE TABLE interactions(user INTEGER NOT NULL, item INTEGER NOT NULL, type TEXT NOT "
    "NULL,"
    " weight REAL NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY(user, item, type))"
    " WITHOUT ROWID;",

    "CREATE TABLE aliases(alias TEXT PRIMARY KEY, collection INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) WITHOUT ROWID;",

    "ALTER TABLE collections ADD COLUMN max_error REAL NOT NULL DEFAULT 0;",
    "CREATE INDEX items_error ON items(collection, error DESC, id)"
    " WHERE error IS NOT NULL AND hidden = 0;",

    "CREATE TABLE generations(collection INTEGER PRIMARY KEY, synced INTEGER NOT NULL,"
    " former INTEGER NOT NULL);",
};
const int lat_schema_version = (int)LAT_ARRAY_LEN(lat_schema_steps);

/* One query a table: preparing it fails when a column is missing. */
static const char *const probes[] = {
    "SELECT one, uuid, next_slot FROM store",
    "SELECT collection, name, model, dimension, metric, index_type, factory, m, "
    "ef_construction,"
    " ef_search, nlist, nprobe, keep_inputs, created_ms, sequence, pruned, items, hidden,"
    " recommender, users, interactions, max_error FROM collections",
    "SELECT slot, collection, id, version, hidden, error, created_ms, updated_ms, metadata"
    " FROM items INDEXED BY items_version WHERE collection = 1 AND version = 1",
    "SELECT id FROM items INDEXED BY items_id WHERE collection = 1 AND id = ''",
    "SELECT id FROM items INDEXED BY items_error"
    " WHERE collection = 1 AND error IS NOT NULL AND hidden = 0 ORDER BY error DESC, id",
    "SELECT slot, crc, code FROM codes",
    "SELECT slot, type, crc, bytes FROM inputs",
    "SELECT collection, version, slot FROM tombstones",
    "SELECT collection FROM dropped",
    "SELECT job, id, type, subject, state, progress, created_ms, started_ms, ended_ms, request,"
    " result, curve, error_status, error_code, error_message, error_pointer, error_expected,"
    " error_got, attempts FROM jobs",
    "SELECT number, name FROM users INDEXED BY users_hash WHERE collection = 1 AND hash = 1",
    "SELECT entry, number, name FROM interaction_items INDEXED BY interaction_items_number"
    " WHERE collection = 1",
    "SELECT user, item, type, weight, at_ms FROM interactions",
    "SELECT alias, collection, created_ms, updated_ms FROM aliases",
    "SELECT collection, synced, former FROM generations",
};

enum lat_status lat_schema_check(struct lat_db *db, struct lat_error *err)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(probes); i++) {
        struct lat_stmt *stmt;
        struct lat_error why = LAT_ERROR_INIT;
        const enum lat_status status = lat_db_prepare(db, probes[i], &stmt, &why);
        if (status == LAT_NO_MEMORY)
            return lat_fail_memory(err);
        if (status != LAT_OK)
            return lat_fail(err, LAT_CORRUPT, NULL, "schema: %s", why.message);
        lat_stmt_free(stmt);
    }
    return LAT_OK;
}
