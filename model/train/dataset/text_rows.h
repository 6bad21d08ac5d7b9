/* Rows of text cells out of a file that may be gzip, one at a time: memory is bounded by the
 * longest row. Cells are quoted as RFC 4180 says; empty lines are passed over. */
#ifndef LAT_MODEL_TRAIN_DATASET_TEXT_ROWS_H
#define LAT_MODEL_TRAIN_DATASET_TEXT_ROWS_H

#include "base/status.h"

/* One cell, without quotes and the blanks around it, NUL-terminated; valid until the next row.
 */
struct lat_text_cell {
    const char *text;
    size_t len;
};

struct lat_text_rows;

/* separator 0: a comma, semicolon or tab, whichever the first line has most of. A blank parts
 * cells however often it comes. */
enum lat_status lat_text_rows_open(const char *path, char separator,
                                   struct lat_text_rows **out_rows,
                                   struct lat_error *err) LAT_MUST_USE;
void lat_text_rows_close(struct lat_text_rows *rows); /* NULL is fine */

/* The next row; *out_n is 0 at the end. LAT_TOO_LARGE for a row of more than 64 MiB or 16,384
 * cells, LAT_CORRUPT for a broken gzip. */
enum lat_status lat_text_rows_next(struct lat_text_rows *rows,
                                   const struct lat_text_cell **out_cells, size_t *out_n,
                                   struct lat_error *err) LAT_MUST_USE;

/* The line on which the row last read begins, 1 = the first. */
size_t lat_text_rows_line(const struct lat_text_rows *rows);

#endif
