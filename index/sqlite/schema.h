/* The tables of latentd.db, version by version, and the step that brings a file to the newest.
 *
 * The version is PRAGMA user_version. Each row of lat_schema_steps takes the file one version
 * on, in one transaction with the new number; a released row is never edited, a change is a new
 * row. */
#ifndef LAT_INDEX_SQLITE_SCHEMA_H
#define LAT_INDEX_SQLITE_SCHEMA_H

#include "index/sqlite/db.h"

extern const char *const lat_schema_steps[]; /* [i]: from version i to i + 1 */
extern const int lat_schema_version;         /* the newest */

/* migrate.c. Brings the file up to lat_schema_version. LAT_INVALID when it is of a later
 * program. */
enum lat_status lat_schema_migrate(struct lat_db *db, struct lat_error *err) LAT_MUST_USE;

/* LAT_CORRUPT when a table of this version is missing or of another shape. */
enum lat_status lat_schema_check(struct lat_db *db, struct lat_error *err) LAT_MUST_USE;

#endif
