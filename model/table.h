/* Tables: rows of named cells, numbers, dates or words, and what a network sees of them.
 *
 * A column of numbers is one element of a network's row, (value - mean) / std; whole numbers
 * are written without a point, dates are days (model/dates.h) and written as they came. A
 * column of words has an element a category, 1 for the cell's and 0 for the others; a boolean
 * one has the two words the data had for them. A missing cell is NaN in
 * all its elements; what the network gets for it is the column's mean (lat_table_fill): 0, or
 * the share of each category. A table is immutable once settled: any number of threads may
 * read it. */
#ifndef LAT_MODEL_TABLE_H
#define LAT_MODEL_TABLE_H

#include "base/buf.h"
#include "model/dates.h"
#include "model/words.h"

enum { LAT_COLUMNS_MAX = 16384, LAT_CATEGORIES_MAX = 4096 };

enum lat_column_type {
    LAT_COLUMN_NUMERIC,
    LAT_COLUMN_INTEGER,
    LAT_COLUMN_DATE,
    LAT_COLUMN_CATEGORICAL,
    LAT_COLUMN_BOOLEAN,
    LAT_COLUMN_TYPES
};
/* "numeric" "integer" "date" "categorical" "boolean" */
extern const char *const lat_column_type_names[LAT_COLUMN_TYPES];

struct lat_column {
    enum lat_column_type type;
    double mean, std;            /* of numbers, dates in days */
    double least, most;          /* of the numbers seen; least > most: not known */
    enum lat_date_format format; /* of dates */
    struct lat_words categories; /* of words; boolean: two */
    float *shares;               /* [categories.n]: how often each is seen; owned */
    size_t start, width;         /* elements of the row; set by lat_table_settle */
};

struct lat_table {
    struct lat_words names;
    struct lat_column *columns; /* [names.n], owned */
    size_t capacity;
    size_t elements; /* of a row */
};

/* Words have an element a category, everything else is one number. */
static inline bool lat_column_has_words(const struct lat_column *column)
{
    return column->type == LAT_COLUMN_CATEGORICAL || column->type == LAT_COLUMN_BOOLEAN;
}

/* What a word means where there are two: 1 for yes, true, on, y, t; 0 for no, false, off, n, f;
 * -1 for any other. Whatever the case of their letters. */
int lat_boolean_of(const char *text, size_t len);

/* An empty table; lat_table_free releases it (NULL is fine). */
struct lat_table *lat_table_new(void) LAT_MUST_USE;
void lat_table_free(struct lat_table *table);

/* A column more, numeric with mean 0 and std 1 until said otherwise; *out_column is valid until
 * the next is added. LAT_INVALID for a name that is there. */
enum lat_status lat_table_add(struct lat_table *table, const char *name,
                              struct lat_column **out_column,
                              struct lat_error *err) LAT_MUST_USE;

/* After the last column: places of the elements; equal shares where none were given. */
enum lat_status lat_table_settle(struct lat_table *table, struct lat_error *err) LAT_MUST_USE;

/* One column's cell into its elements of `row`: a number, or a category's number; NaN is
 * missing. */
void lat_table_put(const struct lat_column *column, double value, float *row);

/* Missing cells become what the network gets for them. */
void lat_table_fill(const struct lat_table *table, float *row);

/* OTHER: neither number nor text, of the wrong type in every column. */
enum lat_table_cell_type { LAT_TABLE_NULL, LAT_TABLE_NUMBER, LAT_TABLE_TEXT, LAT_TABLE_OTHER };

/* A cell as it was sent; borrowed. true and false are texts. */
struct lat_table_cell {
    const char *name;
    enum lat_table_cell_type type;
    double number;
    const char *text;
    size_t len;
};

/* The column of a name; `guess` is tried first, cells mostly come in the table's own order.
 * LAT_INVALID unknown_column with the nearest and the pointer "/NAME". */
enum lat_status lat_table_find(const struct lat_table *table, const char *name, size_t guess,
                               uint32_t *out_column, struct lat_error *err) LAT_MUST_USE;

/* One cell into its elements of `row`; a null leaves them alone. LAT_INVALID as lat_table_row,
 * with the pointer "/NAME". */
enum lat_status lat_table_put_cell(const struct lat_column *column,
                                   const struct lat_table_cell *cell, float *row,
                                   struct lat_error *err) LAT_MUST_USE;

/* LAT_INVALID about one cell, with the pointer "/NAME"; `expected` may be NULL. */
enum lat_status lat_table_refuse(const struct lat_table_cell *cell, const char *code,
                                 const char *expected, const char *words,
                                 struct lat_error *err);

/* Cells in any order -> a row; columns without a cell are missing. LAT_INVALID with the pointer
 * below "row": unknown_column and unknown_category with the nearest, wrong_type,
 * out_of_range, duplicate_column; empty_row where no cell is there. */
enum lat_status lat_table_row(const struct lat_table *table, const struct lat_table_cell *cells,
                              size_t n, float *out_row, struct lat_error *err) LAT_MUST_USE;

/* A row as a network gives it -> {"column":value,...} in the table's own words and units; of a
 * categorical column the category with the largest element. NaN is null. */
void lat_table_write_row(const struct lat_table *table, const float *row, struct lat_buf *out);

/* One cell of such a row, as JSON: a number, or a text that the table would take back. */
void lat_table_write_cell(const struct lat_column *column, const float *row,
                          struct lat_buf *out);
/* The same of a cell that somebody sent: a number with no more digits than it was sent with,
 * and what is no whole number stays none. */
void lat_table_write_observed(const struct lat_column *column, const float *row,
                              struct lat_buf *out);
/* A number of the column in its own units, as JSON: whole, or a date, where it has such. */
void lat_table_write_number(const struct lat_column *column, double value, struct lat_buf *out);

/* [{"name":...,"type":...},...], as in a manifest. */
void lat_table_write_columns(const struct lat_table *table, struct lat_buf *out);

#endif
