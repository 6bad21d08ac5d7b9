/* SQLite's own backup, page by page, inside a read transaction that is held from before the
 * first page to after the last: without it, every write of another connection would make the
 * copy begin again. */
#include "index/sqlite/copy.h"

#include <sqlite3.h>

#include "index/sqlite/raw.h"

#include "base/banned.h"

enum { STEP_PAGES = 512 };

static enum lat_status copy_pages(struct lat_db *source, struct lat_db *copy,
                                  bool (*progress)(void *context, double done), void *context,
                                  struct lat_error *err)
{
    sqlite3 *to = lat_db_raw(copy);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", lat_db_raw(source), "main");
    if (!backup)
        return lat_db_fail(copy, sqlite3_errcode(to), "copying", err);
    int code = SQLITE_OK;
    bool on = true;
    while (code == SQLITE_OK && on) {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        const double pages = (double)sqlite3_backup_pagecount(backup);
        if (code == SQLITE_OK && progress && pages > 0)
            on = progress(context, 1 - (double)sqlite3_backup_remaining(backup) / pages);
    }
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return LAT_OK;
    return on ? lat_db_fail(copy, code, "copying", err)
              : lat_fail(err, LAT_CANCELLED, NULL, "copying was stopped");
}

enum lat_status lat_db_copy(const char *from, const char *to,
                            bool (*progress)(void *context, double done), void *context,
                            struct lat_error *err)
{
    struct lat_db *source = NULL, *copy = NULL;
    int64_t objects;
    enum lat_status status = lat_db_open(from, LAT_DB_READ, &source, err);
    if (status == LAT_OK)
        status = lat_db_open(to, LAT_DB_PLAIN, &copy, err);
    if (status == LAT_OK)
        status = lat_db_exec(source, "BEGIN", err);
    if (status == LAT_OK) /* the transaction begins with the first page that is read */
        status = lat_db_number(source, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (status == LAT_OK)
        status = copy_pages(source, copy, progress, context, err);
    if (status == LAT_OK) /* what was copied says that it has a log */
        status = lat_db_exec(copy, "PRAGMA journal_mode=OFF", err);
    lat_db_close(copy);
    lat_db_close(source);
    return status;
}
