/* Rows of `jobs`. They are written by the writer thread like everything else, so that saving
 * one shares its commit with the items that come in at that moment. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/local_store.h"

#include "base/banned.h"

#define JOB_COLUMNS                                                                            \
    "id, type, subject, state, progress, created_ms, started_ms, ended_ms, request, result,"   \
    " curve, error_status, error_code, error_message, error_pointer, error_expected,"          \
    " error_got, attempts"

struct job_task {
    struct lat_task task;
    const struct lat_job_row *row; /* to save, or: */
    const char *id;                /* to forget */
};

static enum lat_status apply_save(struct lat_task *base, struct lat_local *store,
                                  struct lat_error *err)
{
    const struct lat_job_row *row = ((struct job_task *)base)->row;
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(
        store->writer.db,
        "INSERT INTO jobs(" JOB_COLUMNS
        ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)"
        " ON CONFLICT(id) DO UPDATE SET state=?4, progress=?5, started_ms=?7, ended_ms=?8,"
        " result=?10, curve=?11, error_status=?12, error_code=?13, error_message=?14,"
        " error_pointer=?15, error_expected=?16, error_got=?17, attempts=?18",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    const char *const texts[] = {row->id, row->type, row->subject, row->state};
    for (int i = 0; i < 4; i++)
        lat_stmt_bind_text(stmt, i + 1, texts[i]);
    lat_stmt_bind_real(stmt, 5, row->progress);
    lat_stmt_bind_i64(stmt, 6, row->created_ms);
    lat_stmt_bind_i64(stmt, 7, row->started_ms);
    lat_stmt_bind_i64(stmt, 8, row->ended_ms);
    lat_stmt_bind_text(stmt, 9, row->request ? row->request : "");
    lat_stmt_bind_text(stmt, 10, row->result ? row->result : "");
    lat_stmt_bind_bytes(stmt, 11, row->curve, row->curve_len);
    lat_stmt_bind_i64(stmt, 12, row->error.status);
    lat_stmt_bind_text(stmt, 13, row->error.code ? row->error.code : "");
    lat_stmt_bind_text(stmt, 14, row->error.message);
    lat_stmt_bind_text(stmt, 15, row->error.pointer);
    lat_stmt_bind_text(stmt, 16, row->error.expected);
    lat_stmt_bind_text(stmt, 17, row->error.got);
    lat_stmt_bind_i64(stmt, 18, row->attempts);
    return lat_stmt_run(stmt, err);
}

enum lat_status lat_local_job_save(struct lat_store *base, const struct lat_job_row *row,
                                   struct lat_error *err)
{
    struct job_task task = {.task = {.apply = apply_save, .isolated = true}, .row = row};
    const enum lat_status status = lat_writer_run(lat_local_of(base), &task.task, err);
    lat_error_prefix(err, "job '%s'", row->id);
    return status;
}

static enum lat_status apply_forget(struct lat_task *base, struct lat_local *store,
                                    struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status =
        lat_db_statement(store->writer.db, "DELETE FROM jobs WHERE id=?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_text(stmt, 1, ((struct job_task *)base)->id);
    return lat_stmt_run(stmt, err);
}

enum lat_status lat_local_job_forget(struct lat_store *base, const char *id,
                                     struct lat_error *err)
{
    struct job_task task = {.task = {.apply = apply_forget, .isolated = true}, .id = id};
    return lat_writer_run(lat_local_of(base), &task.task, err);
}

/* ---- reading ---- */

static void copy_text(struct lat_stmt *stmt, int column, char *out, size_t size)
{
    snprintf(out, size, "%s", lat_stmt_text(stmt, column));
}

/* `row` starts empty and is released by the caller on failure. */
static enum lat_status read_job(struct lat_stmt *stmt, struct lat_job_row *row,
                                struct lat_error *err)
{
    size_t len = 0;
    copy_text(stmt, 0, row->id, sizeof(row->id));
    copy_text(stmt, 1, row->type, sizeof(row->type));
    copy_text(stmt, 2, row->subject, sizeof(row->subject));
    copy_text(stmt, 3, row->state, sizeof(row->state));
    row->progress = lat_stmt_real(stmt, 4);
    row->created_ms = lat_stmt_i64(stmt, 5);
    row->started_ms = lat_stmt_i64(stmt, 6);
    row->ended_ms = lat_stmt_i64(stmt, 7);
    row->request = lat_strdup(lat_stmt_text(stmt, 8));
    row->result = lat_strdup(lat_stmt_text(stmt, 9));
    const void *curve = lat_stmt_bytes(stmt, 10, &len);
    row->curve = lat_alloc_raw(len ? len : 1, 1);
    if (!row->request || !row->result || !row->curve)
        return lat_fail_memory(err);
    if (len)
        memcpy(row->curve, curve, len);
    row->curve_len = len;
    const int64_t status = lat_stmt_i64(stmt, 11);
    row->error = (struct lat_error)LAT_ERROR_INIT;
    row->error.status =
        status >= 0 && status < LAT_STATUS_COUNT ? (enum lat_status)status : LAT_INTERNAL;
    copy_text(stmt, 12, row->error_code, sizeof(row->error_code));
    copy_text(stmt, 13, row->error.message, sizeof(row->error.message));
    copy_text(stmt, 14, row->error.pointer, sizeof(row->error.pointer));
    copy_text(stmt, 15, row->error.expected, sizeof(row->error.expected));
    copy_text(stmt, 16, row->error.got, sizeof(row->error.got));
    row->attempts = (uint32_t)lat_stmt_i64(stmt, 17);
    return LAT_OK;
}

static enum lat_status read_jobs(struct lat_db *db, size_t limit, struct lat_job_row **rows,
                                 size_t *n, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t capacity = 0;
    enum lat_status status = lat_db_statement(
        db, "SELECT " JOB_COLUMNS " FROM jobs ORDER BY job DESC LIMIT ?1", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)limit);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        if (*n == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            struct lat_job_row *grown = lat_realloc(*rows, capacity, sizeof(*grown));
            if (!grown)
                status = lat_fail_memory(err);
            else
                *rows = grown;
        }
        if (status == LAT_OK) {
            (*rows)[*n] = (struct lat_job_row){.type = ""};
            status = read_job(stmt, &(*rows)[(*n)++], err);
        }
        if (status != LAT_OK)
            break;
    }
    lat_stmt_reset(stmt);
    return status;
}

enum lat_status lat_local_jobs(struct lat_store *base, size_t limit,
                               struct lat_job_row **out_rows, size_t *out_n,
                               struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_job_row *rows = NULL;
    size_t n = 0;
    struct lat_db *db = lat_pool_take(&store->pool);
    const enum lat_status status = read_jobs(db, limit, &rows, &n, err);
    lat_pool_give(&store->pool, db);
    if (status != LAT_OK) {
        lat_job_rows_release(rows, n);
        return status;
    }
    *out_rows = rows;
    *out_n = n;
    return LAT_OK;
}
