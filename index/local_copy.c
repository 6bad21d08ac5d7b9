/* The rows of a data directory copied into one file, whoever has it open. SQLite lets a reader
 * of another process, or another connection of this one, see one moment of the file while the
 * writer goes on; the lock of the directory is not taken. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "index/local_store.h"
#include "index/sqlite/copy.h"
#include "index/sqlite/schema.h"

#include "base/banned.h"

int lat_store_schema_version(void)
{
    return lat_schema_version;
}

static enum lat_status forget_jobs(struct lat_db *db, const char *type, struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = lat_db_prepare(db, "DELETE FROM jobs WHERE type=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_text(stmt, 1, type);
    status = lat_stmt_run(stmt, err);
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status list_models(struct lat_db *db, struct lat_buf *out,
                                   struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(
        db, "SELECT model FROM collections UNION SELECT recommender FROM collections", &stmt,
        err);
    if (status != LAT_OK)
        return status;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row)
        if (*lat_stmt_text(stmt, 0))
            lat_buf_printf(out, "%s\n", lat_stmt_text(stmt, 0));
    lat_stmt_free(stmt);
    return status == LAT_OK ? lat_buf_check(out, err) : status;
}

enum lat_status lat_store_copy(const struct lat_copy_request *request,
                               struct lat_buf *out_models, struct lat_error *err)
{
    char from[LAT_PATH_MAX + 16];
    struct lat_db *db = NULL;
    snprintf(from, sizeof(from), "%s/latentd.db", request->folder);
    if (!lat_file_exists(from))
        return lat_fail(err, LAT_NOT_FOUND, NULL, "'%s' is no data directory: no latentd.db",
                        request->folder);
    enum lat_status status =
        lat_db_copy(from, request->to, request->progress, request->context, err);
    if (status == LAT_OK)
        status = lat_db_open(request->to, LAT_DB_PLAIN, &db, err);
    if (status == LAT_OK)
        status = lat_schema_check(db, err);
    if (status == LAT_OK && request->omit_jobs)
        status = forget_jobs(db, request->omit_jobs, err);
    if (status == LAT_OK)
        status = list_models(db, out_models, err);
    lat_db_close(db);
    if (status != LAT_OK)
        unlink(request->to);
    return status;
}
