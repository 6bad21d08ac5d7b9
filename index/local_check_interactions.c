/* What must hold of the rows of interactions. That names are valid and users are there once is
 * seen by reading them; the rest are queries whose every row is a fault (local_check_rows.c).
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "index/local_checking.h"
#include "index/local_interactions.h"

#include "base/banned.h"

static enum lat_status check_users(struct lat_checking *c, const struct lat_local *store,
                                   const struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(
        c->db, "SELECT number, hash, name FROM users WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const char *name = lat_stmt_text(stmt, 2);
        if (!lat_id_valid(name, strlen(name)))
            lat_finding(c, "collection '%s': the name of user number %" PRId64 " is not valid",
                        collection->name, lat_stmt_i64(stmt, 0));
        else if (lat_stmt_i64(stmt, 1) != lat_user_hash(store, name))
            lat_finding(c, "collection '%s': user '%s' cannot be found: its hash is wrong",
                        collection->name, name);
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status check_items(struct lat_checking *c,
                                   const struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(
        c->db, "SELECT number, name FROM interaction_items WHERE collection=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, collection->key);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const char *name = lat_stmt_text(stmt, 1);
        if (!lat_id_valid(name, strlen(name)))
            lat_finding(c,
                        "collection '%s': the name of item number %" PRId64
                        " of interactions is not valid",
                        collection->name, lat_stmt_i64(stmt, 0));
    }
    lat_stmt_free(stmt);
    return status;
}

/* The tally as opening would make it: every number known, every item with rows. */
static enum lat_status check_tally(struct lat_checking *c,
                                   const struct lat_collection *collection,
                                   struct lat_error *err)
{
    struct lat_tally tally;
    struct lat_error why = LAT_ERROR_INIT;
    uint64_t unknown = 0, idle = 0;
    lat_tally_init(&tally);
    const enum lat_status status =
        lat_tally_read(c->db, collection->key, &tally, &unknown, &why);
    for (size_t i = 0; i < tally.n; i++)
        idle += tally.items[i].name && !tally.items[i].rows;
    lat_tally_release(&tally);
    if (status == LAT_CORRUPT) {
        lat_finding(c, "collection '%s': %s", collection->name, why.message);
        return LAT_OK;
    }
    if (unknown)
        lat_finding(c, "collection '%s': %" PRIu64 " interactions with items nobody knows",
                    collection->name, unknown);
    if (idle && status == LAT_OK)
        lat_finding(c, "collection '%s': %" PRIu64 " items of interactions without any",
                    collection->name, idle);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = why;
    return status;
}

enum lat_status lat_check_interactions(struct lat_checking *c, const struct lat_local *store,
                                       const struct lat_collection *collection,
                                       struct lat_error *err)
{
    enum lat_status status = check_users(c, store, collection, err);
    if (status == LAT_OK)
        status = check_items(c, collection, err);
    return status == LAT_OK ? check_tally(c, collection, err) : status;
}
