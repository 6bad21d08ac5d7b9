/* `latentd check`: every invariant of the rows of a stopped store, asked of the database
 * itself. A fault is a line for the report and no failure; only what keeps the check from going
 * on is. */
#ifndef LAT_INDEX_LOCAL_CHECKING_H
#define LAT_INDEX_LOCAL_CHECKING_H

#include "index/local_store.h"

/* local_check.c, local_check_rows.c, local_check_interactions.c */
struct lat_checking {
    struct lat_db *db;
    void (*report)(void *context, const char *line);
    void *context;
    uint64_t faults;
};
void lat_finding(struct lat_checking *c, const char *fmt, ...) LAT_PRINTF(2, 3);
/* Rows that break a rule, by themselves or with each other. */
enum lat_status lat_check_rows(struct lat_checking *c, struct lat_error *err);
/* Rows of one collection: codes, metadata, ids, counters. */
enum lat_status lat_check_collection(struct lat_checking *c,
                                     const struct lat_collection *collection,
                                     struct lat_error *err);
/* Names of users and items that are none, or cannot be found. */
enum lat_status lat_check_interactions(struct lat_checking *c, const struct lat_local *store,
                                       const struct lat_collection *collection,
                                       struct lat_error *err);
enum lat_status lat_local_check(const char *folder,
                                void (*report)(void *context, const char *line), void *context,
                                uint64_t *out_faults, struct lat_error *err);

#endif
