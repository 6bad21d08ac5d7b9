/* A connection's own handle, for the other files of this folder. */
#ifndef LAT_INDEX_SQLITE_RAW_H
#define LAT_INDEX_SQLITE_RAW_H

#include "index/sqlite/db.h"

struct sqlite3;
struct sqlite3 *lat_db_raw(struct lat_db *db);
/* A result code of SQLite as a failure; the status as db.h says. */
enum lat_status lat_db_fail(struct lat_db *db, int code, const char *what,
                            struct lat_error *err);

#endif
