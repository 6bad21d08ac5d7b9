/* What must hold of the rows: between the tables by queries that look for exceptions, inside an
 * item by reading every one. At most FINDINGS_MAX lines a rule; the rest is counted. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "index/distance.h"
#include "index/local_checking.h"
#include "index/local_rows.h"

#include "base/banned.h"

enum { FINDINGS_MAX = 20 };

/* A query whose every row is a fault: two columns, a name and a number. */
struct rule {
    const char *sql, *words;
};

static const struct rule rules[] = {
    {"SELECT 'store', next_slot FROM store WHERE next_slot<=(SELECT ifnull(max(slot),0) FROM "
     "items)",
     "the next slot was given already"},
    {"SELECT 'store', count(*) FROM store HAVING count(*)<>1", "not one row but this many"},
    {"SELECT id, slot FROM items WHERE collection NOT IN (SELECT collection FROM collections)"
     " AND collection NOT IN (SELECT collection FROM dropped)",
     "an item of no collection, slot"},
    {"SELECT 'codes', slot FROM codes WHERE slot NOT IN (SELECT slot FROM items)",
     "a code of no item, slot"},
    {"SELECT 'inputs', slot FROM inputs WHERE slot NOT IN (SELECT slot FROM items)",
     "an input of no item, slot"},
    {"SELECT i.id, i.slot FROM items i JOIN collections c ON c.collection=i.collection"
     " WHERE c.dimension>0 AND i.slot NOT IN (SELECT slot FROM codes)",
     "an item without its code, slot"},
    {"SELECT c.name, c.items FROM collections c WHERE c.items<>"
     "(SELECT count(*) FROM items i WHERE i.collection=c.collection)",
     "the number of items is not what is counted,"},
    {"SELECT c.name, c.hidden FROM collections c WHERE c.hidden<>"
     "(SELECT count(*) FROM items i WHERE i.collection=c.collection AND i.hidden)",
     "the number of hidden items is not what is counted,"},
    {"SELECT i.id, i.version FROM items i JOIN collections c ON c.collection=i.collection"
     " WHERE i.version>c.sequence",
     "an item newer than the collection's last change, version"},
    {"SELECT min(id), version FROM items GROUP BY collection, version HAVING count(*)>1",
     "several items of one version,"},
    {"SELECT id, slot FROM items WHERE NOT json_valid(metadata)",
     "metadata that are no JSON, slot"},
    {"SELECT id, slot FROM items WHERE json_valid(metadata) AND json_type(metadata)<>'object'",
     "metadata that are no object, slot"},
    {"SELECT 'tombstones', slot FROM tombstones WHERE slot IN (SELECT slot FROM items)",
     "a living item with a tombstone, slot"},
    {"SELECT 'tombstones', slot FROM tombstones WHERE slot>=(SELECT next_slot FROM store)",
     "a tombstone of a slot never given,"},
    {"SELECT c.name, t.version FROM tombstones t JOIN collections c"
     " ON c.collection=t.collection WHERE t.version>c.sequence OR t.version<=c.pruned",
     "a tombstone out of its time, version"},
    {"SELECT alias, collection FROM aliases WHERE collection NOT IN"
     " (SELECT collection FROM collections) OR alias IN (SELECT name FROM collections)",
     "an alias of no collection, or with the name of one,"},
    {"SELECT name, number FROM users WHERE collection NOT IN (SELECT collection FROM"
     " collections) AND collection NOT IN (SELECT collection FROM dropped)",
     "a user of no collection, number"},
    {"SELECT min(name), min(number) FROM users GROUP BY collection, hash, name HAVING "
     "count(*)>1",
     "a user who is there twice, number"},
    {"SELECT name, number FROM interaction_items WHERE collection NOT IN (SELECT collection"
     " FROM collections) AND collection NOT IN (SELECT collection FROM dropped)",
     "an item of interactions of no collection, number"},
    {"SELECT 'interactions', user FROM interactions WHERE user NOT IN (SELECT number FROM "
     "users)"
     " GROUP BY user",
     "interactions of no user,"},
    {"SELECT u.name, x.item FROM users u CROSS JOIN interactions x ON x.user=u.number"
     " WHERE typeof(x.weight)<>'real' OR abs(x.weight)>3.5e38 OR typeof(x.type)<>'text'"
     " OR typeof(x.at_ms)<>'integer'",
     "an interaction that is none, with item number"},
    {"SELECT name, number FROM users WHERE NOT EXISTS"
     "(SELECT 1 FROM interactions x WHERE x.user=users.number)"
     " AND collection NOT IN (SELECT collection FROM dropped)",
     "a user without interactions, number"},
    {"SELECT c.name, c.users FROM collections c WHERE c.users<>"
     "(SELECT count(*) FROM users u WHERE u.collection=c.collection)",
     "the number of users is not what is counted,"},
    {"SELECT c.name, c.interactions FROM collections c WHERE c.interactions<>"
     "(SELECT count(*) FROM users u JOIN interactions x ON x.user=u.number"
     " WHERE u.collection=c.collection)",
     "the number of interactions is not what is counted,"},
};

static enum lat_status check_rule(struct lat_checking *c, const struct rule *rule,
                                  struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    uint64_t n = 0;
    enum lat_status status = lat_db_prepare(c->db, rule->sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        if (n++ < FINDINGS_MAX)
            lat_finding(c, "'%s': %s %" PRId64, lat_stmt_text(stmt, 0), rule->words,
                        lat_stmt_i64(stmt, 1));
        else
            c->faults++;
    }
    if (n > FINDINGS_MAX)
        c->report(c->context, "... and more of the same kind");
    lat_stmt_free(stmt);
    return status;
}

enum lat_status lat_check_rows(struct lat_checking *c, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < LAT_ARRAY_LEN(rules) && status == LAT_OK; i++)
        status = check_rule(c, &rules[i], err);
    return status;
}

static void check_code(struct lat_checking *c, const struct lat_collection *collection,
                       struct lat_stmt *stmt)
{
    size_t len = 0;
    const size_t d = collection->spec.dimension;
    const uint64_t slot = (uint64_t)lat_stmt_i64(stmt, 0);
    const char *id = lat_stmt_text(stmt, 1);
    if (lat_stmt_is_null(stmt, 3))
        return; /* no code at all: a rule tells it */
    const void *bytes = lat_stmt_bytes(stmt, 3, &len);
    struct lat_error why = LAT_ERROR_INIT;
    if (len != d * sizeof(float))
        lat_finding(c, "collection '%s': item '%s': its code has %zu bytes, not %zu",
                    collection->name, id, len, d * sizeof(float));
    else if (lat_stmt_i64(stmt, 2) != (int64_t)lat_code_crc(slot, bytes, len))
        lat_finding(c, "collection '%s': item '%s': the checksum of its code is wrong",
                    collection->name, id);
    else if (lat_code_check(collection->spec.metric, bytes, d, &why) != LAT_OK)
        lat_finding(c, "collection '%s': item '%s': %s", collection->name, id, why.message);
}

static enum lat_status check_items(struct lat_checking *c,
                                   const struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(
        c->db,
        "SELECT i.slot, i.id, c.crc, c.code FROM items i LEFT JOIN codes c ON c.slot=i.slot"
        " WHERE i.collection=?1 ORDER BY i.slot",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const char *id = lat_stmt_text(stmt, 1);
        if (!lat_id_valid(id, strlen(id)))
            lat_finding(c, "collection '%s': slot %" PRId64 ": its id is not valid",
                        collection->name, lat_stmt_i64(stmt, 0));
        if (collection->spec.dimension)
            check_code(c, collection, stmt);
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status check_inputs(struct lat_checking *c,
                                    const struct lat_collection *collection,
                                    struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t len = 0;
    enum lat_status status =
        lat_db_prepare(c->db,
                       "SELECT i.id, n.crc, n.bytes FROM items i JOIN inputs n ON n.slot=i.slot"
                       " WHERE i.collection=?1",
                       &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const void *bytes = lat_stmt_bytes(stmt, 2, &len);
        if (lat_stmt_i64(stmt, 1) != (int64_t)lat_crc32c(0, bytes, len))
            lat_finding(c, "collection '%s': item '%s': the checksum of its input is wrong",
                        collection->name, lat_stmt_text(stmt, 0));
    }
    lat_stmt_free(stmt);
    return status;
}

enum lat_status lat_check_collection(struct lat_checking *c,
                                     const struct lat_collection *collection,
                                     struct lat_error *err)
{
    const enum lat_status status = check_items(c, collection, err);
    return status == LAT_OK ? check_inputs(c, collection, err) : status;
}
