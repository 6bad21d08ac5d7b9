/* Steps run in order, each in its own transaction together with the version it leads to: a step
 * cut short leaves the version before it. */
#include "index/sqlite/schema.h"

#include <stdio.h>

#include "base/banned.h"

static enum lat_status one_step(struct lat_db *db, int version, struct lat_error *err)
{
    char number[48];
    snprintf(number, sizeof(number), "PRAGMA user_version=%d", version + 1);
    enum lat_status status = lat_db_exec(db, "BEGIN IMMEDIATE", err);
    if (status == LAT_OK)
        status = lat_db_exec(db, lat_schema_steps[version], err);
    if (status == LAT_OK)
        status = lat_db_exec(db, number, err);
    if (status == LAT_OK)
        status = lat_db_exec(db, "COMMIT", err);
    if (status != LAT_OK && lat_db_in_transaction(db)) {
        const enum lat_status ignored = lat_db_exec(db, "ROLLBACK", NULL);
        (void)ignored;
    }
    lat_error_prefix(err, "migrating latentd.db to version %d", version + 1);
    return status;
}

enum lat_status lat_schema_migrate(struct lat_db *db, struct lat_error *err)
{
    int64_t version = 0;
    enum lat_status status = lat_db_number(db, "PRAGMA user_version", &version, err);
    if (status == LAT_OK && version > lat_schema_version)
        return lat_fail(err, LAT_INVALID, "newer_data",
                        "latentd.db has version %lld, this program knows up to %d: a newer one "
                        "wrote it",
                        (long long)version, lat_schema_version);
    while (status == LAT_OK && version < lat_schema_version)
        status = one_step(db, (int)version++, err);
    return status;
}
