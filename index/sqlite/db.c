/* A connection with its cache of prepared statements. Statements of literals are kept for the
 * life of the connection, so the hot paths never parse SQL. A bind that fails is remembered in
 * the statement and surfaces at the step, so callers check once. */
#include "index/sqlite/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "index/sqlite/raw.h"

#include "base/banned.h"

enum { CACHE_MAX = 64, BUSY_MS = 10000, EMPTY_MS = 20 };

struct lat_stmt {
    struct lat_db *db;
    sqlite3_stmt *raw;
    const char *sql; /* the literal; NULL for a statement of the caller's */
    int sticky;      /* SQLITE_OK, or why a bind failed */
};

struct lat_db {
    sqlite3 *raw;
    struct lat_stmt cache[CACHE_MAX];
    size_t n_cached;
};

static bool disk_is_full(sqlite3 *raw, int code)
{
    const int primary = code & 0xFF;
    if (primary == SQLITE_FULL)
        return true;
    if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN)
        return false;
    const int number = raw ? sqlite3_system_errno(raw) : 0;
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

static enum lat_status status_of(sqlite3 *raw, int code)
{
    if (disk_is_full(raw, code))
        return LAT_DISK_FULL;
    switch (code & 0xFF) {
    case SQLITE_NOMEM:
        return LAT_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LAT_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LAT_BUSY;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return LAT_INVALID;
    case SQLITE_TOOBIG:
        return LAT_TOO_LARGE;
    case SQLITE_INTERRUPT:
        return LAT_CANCELLED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
        return LAT_IO;
    default:
        return LAT_INTERNAL;
    }
}

static enum lat_status fail(sqlite3 *raw, int code, const char *what, struct lat_error *err)
{
    const enum lat_status status = status_of(raw, code);
    return lat_fail(err, status, NULL, "database: %s: %s", what,
                    raw ? sqlite3_errmsg(raw) : sqlite3_errstr(code));
}

static enum lat_status configure(struct lat_db *db, enum lat_db_mode mode,
                                 struct lat_error *err)
{
    sqlite3_busy_timeout(db->raw, BUSY_MS);
    sqlite3_extended_result_codes(db->raw, 1);
    if (mode == LAT_DB_READ)
        return lat_db_exec(db, "PRAGMA query_only=1; PRAGMA cache_size=-2048;", err);
    if (mode == LAT_DB_PLAIN)
        return lat_db_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;", err);
    /* FULL: a commit is on the disk when it returns. Few, large checkpoints: each costs two
     * more syncs. What is deleted is overwritten with zeroes. */
    return lat_db_exec(db,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;"
                       "PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;"
                       "PRAGMA secure_delete=1;",
                       err);
}

enum lat_status lat_db_open(const char *path, enum lat_db_mode mode, struct lat_db **out_db,
                            struct lat_error *err)
{
    struct lat_db *db = lat_alloc(1, sizeof(*db));
    if (!db)
        return lat_fail_memory(err);
    /* A reader is opened for writing as well: it may have to create the shared memory of the
     * log. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                      (mode == LAT_DB_READ ? 0 : SQLITE_OPEN_CREATE);
    const int code = sqlite3_open_v2(path, &db->raw, flags, NULL);
    enum lat_status status = LAT_OK;
    if (code != SQLITE_OK) {
        status = fail(db->raw, code, "opening", err);
        lat_error_prefix(err, "'%s'", path);
    } else {
        status = configure(db, mode, err);
    }
    if (status != LAT_OK) {
        lat_db_close(db);
        return status;
    }
    *out_db = db;
    return LAT_OK;
}

struct sqlite3 *lat_db_raw(struct lat_db *db)
{
    return db->raw;
}

enum lat_status lat_db_fail(struct lat_db *db, int code, const char *what,
                            struct lat_error *err)
{
    return fail(db->raw, code, what, err);
}

void lat_db_close(struct lat_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->n_cached; i++)
        sqlite3_finalize(db->cache[i].raw);
    sqlite3_close(db->raw);
    lat_free(db);
}

enum lat_status lat_db_exec(struct lat_db *db, const char *sql, struct lat_error *err)
{
    const int code = sqlite3_exec(db->raw, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LAT_OK : fail(db->raw, code, sql, err);
}

bool lat_db_empty_log(struct lat_db *db)
{
    sqlite3_busy_timeout(db->raw, EMPTY_MS);
    const int code =
        sqlite3_wal_checkpoint_v2(db->raw, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(db->raw, BUSY_MS);
    return code == SQLITE_OK;
}

bool lat_db_in_transaction(const struct lat_db *db)
{
    return !sqlite3_get_autocommit(db->raw);
}

int64_t lat_db_changes(const struct lat_db *db)
{
    return sqlite3_total_changes64(db->raw);
}

enum lat_status lat_db_number(struct lat_db *db, const char *sql, int64_t *out_value,
                              struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_prepare(db, sql, &stmt, err);
    if (status != LAT_OK)
        return status;
    status = lat_stmt_step(stmt, &row, err);
    if (status == LAT_OK && !row)
        status = lat_fail(err, LAT_CORRUPT, NULL, "database: no row for: %s", sql);
    if (status == LAT_OK)
        *out_value = lat_stmt_i64(stmt, 0);
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status prepare(struct lat_db *db, const char *sql, unsigned flags,
                               sqlite3_stmt **out_raw, struct lat_error *err)
{
    const int code = sqlite3_prepare_v3(db->raw, sql, -1, flags, out_raw, NULL);
    return code == SQLITE_OK ? LAT_OK : fail(db->raw, code, sql, err);
}

enum lat_status lat_db_statement(struct lat_db *db, const char *sql, struct lat_stmt **out_stmt,
                                 struct lat_error *err)
{
    for (size_t i = 0; i < db->n_cached; i++) {
        if (db->cache[i].sql == sql || strcmp(db->cache[i].sql, sql) == 0) {
            *out_stmt = &db->cache[i];
            lat_stmt_reset(*out_stmt);
            return LAT_OK;
        }
    }
    if (db->n_cached == CACHE_MAX)
        return lat_fail(err, LAT_INTERNAL, NULL, "more than %d statements on one connection",
                        CACHE_MAX);
    struct lat_stmt *stmt = &db->cache[db->n_cached];
    const enum lat_status status = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, &stmt->raw, err);
    if (status != LAT_OK)
        return status;
    stmt->db = db;
    stmt->sql = sql;
    stmt->sticky = SQLITE_OK;
    db->n_cached++;
    *out_stmt = stmt;
    return LAT_OK;
}

enum lat_status lat_db_prepare(struct lat_db *db, const char *sql, struct lat_stmt **out_stmt,
                               struct lat_error *err)
{
    struct lat_stmt *stmt = lat_alloc(1, sizeof(*stmt));
    if (!stmt)
        return lat_fail_memory(err);
    const enum lat_status status = prepare(db, sql, 0, &stmt->raw, err);
    if (status != LAT_OK) {
        lat_free(stmt);
        return status;
    }
    stmt->db = db;
    *out_stmt = stmt;
    return LAT_OK;
}

void lat_stmt_free(struct lat_stmt *stmt)
{
    if (!stmt)
        return;
    sqlite3_finalize(stmt->raw);
    lat_free(stmt);
}

static void keep(struct lat_stmt *stmt, int code)
{
    if (stmt->sticky == SQLITE_OK)
        stmt->sticky = code;
}

void lat_stmt_bind_i64(struct lat_stmt *stmt, int at, int64_t value)
{
    keep(stmt, sqlite3_bind_int64(stmt->raw, at, value));
}

void lat_stmt_bind_real(struct lat_stmt *stmt, int at, double value)
{
    keep(stmt, sqlite3_bind_double(stmt->raw, at, value));
}

void lat_stmt_bind_text(struct lat_stmt *stmt, int at, const char *text)
{
    keep(stmt, sqlite3_bind_text(stmt->raw, at, text, -1, SQLITE_STATIC));
}

void lat_stmt_bind_bytes(struct lat_stmt *stmt, int at, const void *bytes, size_t len)
{
    keep(stmt, sqlite3_bind_blob64(stmt->raw, at, len ? bytes : "", len, SQLITE_STATIC));
}

void lat_stmt_bind_null(struct lat_stmt *stmt, int at)
{
    keep(stmt, sqlite3_bind_null(stmt->raw, at));
}

enum lat_status lat_stmt_step(struct lat_stmt *stmt, bool *out_row, struct lat_error *err)
{
    int code = stmt->sticky;
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt->raw);
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        *out_row = code == SQLITE_ROW;
        return LAT_OK;
    }
    const enum lat_status status = fail(stmt->db->raw, code, "statement", err);
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_stmt_run(struct lat_stmt *stmt, struct lat_error *err)
{
    bool row = true;
    while (row) {
        const enum lat_status status = lat_stmt_step(stmt, &row, err);
        if (status != LAT_OK)
            return status;
    }
    lat_stmt_reset(stmt);
    return LAT_OK;
}

void lat_stmt_reset(struct lat_stmt *stmt)
{
    sqlite3_reset(stmt->raw);
    sqlite3_clear_bindings(stmt->raw);
    stmt->sticky = SQLITE_OK;
}

int64_t lat_stmt_i64(struct lat_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->raw, column);
}

double lat_stmt_real(struct lat_stmt *stmt, int column)
{
    return sqlite3_column_double(stmt->raw, column);
}

const char *lat_stmt_text(struct lat_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt->raw, column);
    return text ? (const char *)text : "";
}

const void *lat_stmt_bytes(struct lat_stmt *stmt, int column, size_t *out_len)
{
    const void *bytes = sqlite3_column_blob(stmt->raw, column);
    *out_len = bytes ? (size_t)sqlite3_column_bytes(stmt->raw, column) : 0;
    return bytes;
}

bool lat_stmt_is_null(struct lat_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->raw, column) == SQLITE_NULL;
}

const char *lat_db_library_version(void)
{
    return sqlite3_libversion();
}
