/* A table as CSV with its holes filled, as it goes by: bytes in, bytes out, a block of rows in
 * memory. Quotes are as in RFC 4180: where they begin a cell; the separator is a comma,
 * semicolon or tab, whichever the first line has most of. Every byte that is not a hole goes
 * out as it came in: line ends, quotes, numbers as they were written, columns the model does
 * not know, empty lines, which are no rows. One thread at a time. */
#ifndef LAT_MODEL_IMPUTE_CSV_H
#define LAT_MODEL_IMPUTE_CSV_H

#include "model/impute.h"
#include "model/impute_row.h"

struct lat_impute_csv_options {
    const struct lat_table *table; /* borrowed */
    enum lat_impute_policy policy; /* flag: a cell the model cannot take goes by as it is */
    const char *missing;   /* one more mark of a hole beside "", "NA" and "?"; or NULL */
    double min_confidence; /* less sure holes stay as they are */
    /* Fills rows [n][elements]; *out as lat_impute. */
    enum lat_status (*impute)(void *context, const float *rows, size_t n,
                              struct lat_imputed *out, struct lat_error *err);
    /* Takes the next bytes of the result. */
    enum lat_status (*write)(void *context, const char *bytes, size_t len,
                             struct lat_error *err);
    void *context;
};

struct lat_impute_csv;

/* The options are copied. */
enum lat_status lat_impute_csv_new(const struct lat_impute_csv_options *options,
                                   struct lat_impute_csv **out_csv,
                                   struct lat_error *err) LAT_MUST_USE;
void lat_impute_csv_free(struct lat_impute_csv *csv); /* NULL is fine */

/* The next bytes of the table. The first line has names. Where those of the model's columns are
 * places (it was trained on a table without names) that is a line of different places alone;
 * any other is a row, and columns go by their place, from 1. LAT_INVALID
 * unknown_column when no column is the model's, duplicate_column, wrong_columns for a row of
 * another length, and as lat_impute_take_row, with the pointer "/rows/7/colour" (0 is the first
 * behind the names); LAT_TOO_LARGE for a row of more than 16 MiB. */
enum lat_status lat_impute_csv_feed(struct lat_impute_csv *csv, const char *bytes, size_t len,
                                    struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_impute_csv_end(struct lat_impute_csv *csv,
                                   struct lat_error *err) LAT_MUST_USE;

/* Rows so far, holes in columns of the model, and how many of them were filled. */
void lat_impute_csv_count(const struct lat_impute_csv *csv, uint64_t *out_rows,
                          uint64_t *out_holes, uint64_t *out_filled);

#endif
