/* A filter (filter.h) as SQL over an items row `i`: text with numbered parameters, and their
 * values. Nothing a user wrote ever gets into the text. */
#ifndef LAT_INDEX_FILTER_SQL_H
#define LAT_INDEX_FILTER_SQL_H

#include "base/arena.h"
#include "base/buf.h"
#include "index/filter.h"
#include "index/sqlite/db.h"

enum {
    LAT_FILTER_VALUES_MAX = 30000 /* parameters of one statement; SQLite's own limit is 32766 */
};

struct lat_sql {
    struct lat_buf text; /* an expression, true or false, never NULL */
    struct lat_value
        *values; /* [n_values], parameter first + i; texts borrowed or in the arena */
    size_t n_values, capacity;
    unsigned first;
    struct lat_arena arena;
};

/* Parameters count from `first` on. The texts of `filter` are borrowed as long as *out_sql
 * lives. LAT_TOO_LARGE for a filter with too many values. */
enum lat_status lat_filter_sql(const struct lat_filter *filter, unsigned first,
                               struct lat_sql *out_sql, struct lat_error *err) LAT_MUST_USE;
/* A statement from `text`, which it releases: ?1 is `key`, the filter's values are bound. */
enum lat_status lat_sql_prepare(const struct lat_sql *sql, struct lat_db *db,
                                struct lat_buf *text, int64_t key, struct lat_stmt **out_stmt,
                                struct lat_error *err) LAT_MUST_USE;
void lat_sql_bind(const struct lat_sql *sql, struct lat_stmt *stmt);
void lat_sql_release(struct lat_sql *sql);

/* Text and values as bytes: equal for equal filters. lat_free'd. NULL when out of memory. */
char *lat_sql_key(const struct lat_sql *sql, size_t *out_len) LAT_MUST_USE;

#endif
