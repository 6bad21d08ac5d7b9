/* A database copied while others write. */
#ifndef LAT_INDEX_SQLITE_COPY_H
#define LAT_INDEX_SQLITE_COPY_H

#include "index/sqlite/db.h"

/* Copies the database file `from` into the new file `to` as it is at one moment: everything
 * committed before the call, nothing of a transaction later than its beginning. Writers are not
 * held back. `to` has no log; it is not synced. `progress` may be NULL: 0..1; returning false
 * cancels (LAT_CANCELLED). On failure there may be half a file: the caller's to remove. */
enum lat_status lat_db_copy(const char *from, const char *to,
                            bool (*progress)(void *context, double done), void *context,
                            struct lat_error *err) LAT_MUST_USE;

#endif
