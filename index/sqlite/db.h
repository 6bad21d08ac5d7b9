/* SQLite behind our own status and words; the only folder that knows sqlite3.h.
 *
 *     struct lat_stmt *s;
 *     if (lat_db_statement(db, "SELECT x FROM t WHERE y = ?1", &s, err) != LAT_OK) ...
 *     lat_stmt_bind_i64(s, 1, y);
 *     while ((status = lat_stmt_step(s, &row, err)) == LAT_OK && row)
 *         use(lat_stmt_i64(s, 0));
 *     lat_stmt_reset(s);
 *
 * Statuses: LAT_DISK_FULL for a full disk or quota however SQLite names it, LAT_CORRUPT,
 * LAT_NO_MEMORY, LAT_BUSY, LAT_INVALID for a broken constraint, LAT_IO, LAT_INTERNAL.
 *
 * Threads: a connection and its statements belong to one thread at a time. */
#ifndef LAT_INDEX_SQLITE_DB_H
#define LAT_INDEX_SQLITE_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct lat_db;
struct lat_stmt;

enum lat_db_mode {
    LAT_DB_CREATE, /* the writer: write-ahead log, every commit synced */
    LAT_DB_READ,   /* queries only */
    LAT_DB_PLAIN   /* a file by itself, created when absent: no log, nothing synced */
};

enum lat_status lat_db_open(const char *path, enum lat_db_mode mode, struct lat_db **out_db,
                            struct lat_error *err) LAT_MUST_USE;
void lat_db_close(struct lat_db *db);

/* Statements separated by semicolons, results dropped. */
enum lat_status lat_db_exec(struct lat_db *db, const char *sql,
                            struct lat_error *err) LAT_MUST_USE;
/* Copies the write-ahead log into the file and cuts it to nothing, so that what was deleted is
 * in neither. False when a reader, or the disk, is in the way: try again later. Writer, outside
 * of transactions. */
bool lat_db_empty_log(struct lat_db *db);
bool lat_db_in_transaction(const struct lat_db *db);
/* Rows changed since the connection was opened. */
int64_t lat_db_changes(const struct lat_db *db);
/* The first column of the first row, a number. */
enum lat_status lat_db_number(struct lat_db *db, const char *sql, int64_t *out_value,
                              struct lat_error *err) LAT_MUST_USE;

/* The connection's own statement for a literal, prepared once, reset and without bindings.
 * `sql` must be a string literal: it is told apart by its address first. */
enum lat_status lat_db_statement(struct lat_db *db, const char *sql, struct lat_stmt **out_stmt,
                                 struct lat_error *err) LAT_MUST_USE;
/* A statement of the caller's, ended by lat_stmt_free. */
enum lat_status lat_db_prepare(struct lat_db *db, const char *sql, struct lat_stmt **out_stmt,
                               struct lat_error *err) LAT_MUST_USE;
void lat_stmt_free(struct lat_stmt *stmt);

/* Parameters count from 1. Text and bytes are borrowed until the reset. A failed bind is told
 * by the next step. */
void lat_stmt_bind_i64(struct lat_stmt *stmt, int at, int64_t value);
void lat_stmt_bind_real(struct lat_stmt *stmt, int at, double value);
void lat_stmt_bind_text(struct lat_stmt *stmt, int at, const char *text);
void lat_stmt_bind_bytes(struct lat_stmt *stmt, int at, const void *bytes, size_t len);
void lat_stmt_bind_null(struct lat_stmt *stmt, int at);

/* *out_row: whether there is a row. The statement is reset on failure. */
enum lat_status lat_stmt_step(struct lat_stmt *stmt, bool *out_row,
                              struct lat_error *err) LAT_MUST_USE;
/* Steps to the end and resets. */
enum lat_status lat_stmt_run(struct lat_stmt *stmt, struct lat_error *err) LAT_MUST_USE;
void lat_stmt_reset(struct lat_stmt *stmt);

/* Columns count from 0; text and bytes live until the next step. Text is "" for NULL. */
int64_t lat_stmt_i64(struct lat_stmt *stmt, int column);
double lat_stmt_real(struct lat_stmt *stmt, int column);
const char *lat_stmt_text(struct lat_stmt *stmt, int column);
const void *lat_stmt_bytes(struct lat_stmt *stmt, int column, size_t *out_len);
bool lat_stmt_is_null(struct lat_stmt *stmt, int column);

/* "3.40.1": of the library that is linked. Static storage. */
const char *lat_db_library_version(void);

#endif
