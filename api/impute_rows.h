/* Rows of an impute request in, and what became of them out. Private to api/impute*.c. */
#ifndef LAT_API_IMPUTE_ROWS_H
#define LAT_API_IMPUTE_ROWS_H

#include "api/json.h"
#include "api/json_spans.h"
#include "model/impute.h"
#include "model/impute_row.h"
#include "service/http.h"

/* One row of the request; all of it in the call's arena. */
struct lat_impute_sent {
    struct lat_table_cell *cells;
    struct lat_span *texts; /* [n_cells]: the values as they were sent */
    size_t n_cells;
    int *places;                   /* [columns], lat_impute_take_row */
    unsigned *flags;               /* [columns] */
    const struct lat_error *error; /* NULL: good */
};

/* Element `i` of the list of rows, whose own bytes are `span`, into `row` [elements]. What is
 * wrong with it is in out_sent->error, with the pointer "/rows/i/…"; fails without memory
 * alone. */
enum lat_status lat_impute_read_row(struct lat_call *call, const struct lat_list *rows,
                                    size_t i, struct lat_span span,
                                    const struct lat_table *table,
                                    enum lat_impute_policy policy, float *row,
                                    struct lat_impute_sent *out_sent,
                                    struct lat_error *err) LAT_MUST_USE;

/* The members "row", "mask", "cells" and "draws" of row `i` of *imputed, each with a comma
 * before it. `min_confidence` 0: every hole is filled. */
void lat_impute_write_row(struct lat_buf *out, const struct lat_table *table,
                          const struct lat_impute_sent *sent, const struct lat_imputed *imputed,
                          size_t i, double min_confidence);

/* Codes fewer than this behind an answer are flagged. */
enum { LAT_IMPUTE_FEW = 5 };

#endif
