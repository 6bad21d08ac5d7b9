/* What is done with a filter once it is SQL: its values bound, a statement made, a key to
 * remember it by. filter.c translates. */
#include "index/filter_sql.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

void lat_sql_bind(const struct lat_sql *sql, struct lat_stmt *stmt)
{
    for (size_t i = 0; i < sql->n_values; i++) {
        const struct lat_value *value = &sql->values[i];
        const int at = (int)(sql->first + i);
        switch (value->kind) {
        case LAT_VALUE_TEXT:
            lat_stmt_bind_text(stmt, at, value->text);
            break;
        case LAT_VALUE_INTEGER:
            lat_stmt_bind_i64(stmt, at, value->integer);
            break;
        case LAT_VALUE_NUMBER:
            lat_stmt_bind_real(stmt, at, value->number);
            break;
        case LAT_VALUE_BOOL:
        case LAT_VALUE_NULL:
            break;
        }
    }
}

enum lat_status lat_sql_prepare(const struct lat_sql *sql, struct lat_db *db,
                                struct lat_buf *text, int64_t key, struct lat_stmt **out_stmt,
                                struct lat_error *err)
{
    enum lat_status status = lat_buf_check(text, err);
    if (status == LAT_OK)
        status = lat_db_prepare(db, text->data, out_stmt, err);
    lat_buf_release(text);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(*out_stmt, 1, key);
    lat_sql_bind(sql, *out_stmt);
    return LAT_OK;
}

void lat_sql_release(struct lat_sql *sql)
{
    lat_buf_release(&sql->text);
    lat_free(sql->values);
    lat_arena_release(&sql->arena);
    *sql = (struct lat_sql){0};
}

char *lat_sql_key(const struct lat_sql *sql, size_t *out_len)
{
    struct lat_buf key = {0};
    lat_buf_append(&key, sql->text.data, sql->text.len);
    for (size_t i = 0; i < sql->n_values; i++) {
        const struct lat_value *value = &sql->values[i];
        lat_buf_char(&key, (char)('0' + value->kind));
        if (value->kind == LAT_VALUE_TEXT)
            lat_buf_append(&key, value->text, strlen(value->text) + 1);
        else if (value->kind == LAT_VALUE_NUMBER)
            lat_buf_append(&key, &value->number, sizeof(value->number));
        else
            lat_buf_append(&key, &value->integer, sizeof(value->integer));
    }
    if (lat_buf_check(&key, NULL) != LAT_OK)
        lat_buf_release(&key);
    return lat_buf_take(&key, out_len);
}
