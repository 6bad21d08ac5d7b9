/* The columns of a table of text being read. Private to csv.c and csv_columns.c. */
#ifndef LAT_MODEL_TRAIN_DATASET_CSV_H
#define LAT_MODEL_TRAIN_DATASET_CSV_H

#include "model/table.h"
#include "model/train/dataset/text_table.h"

/* One column that is taken. */
struct lat_csv_column {
    const char *name;                   /* borrowed from the text table */
    uint32_t position;                  /* of its cells */
    int type;                           /* LAT_TYPE_TOLD, or 1 + an enum lat_column_type */
    struct lat_words words;             /* the words seen, sorted once they are all there */
    const struct lat_words *categories; /* `words`, or those of a table that was given */
    bool too_many;                      /* more words than are kept */
    size_t n_numbers, n_words, n_seen;
    size_t n_whole;        /* of the numbers those written without a point */
    unsigned date_formats; /* bits: formats that every word so far is a date of */
    enum lat_date_format format;
    size_t *counts;       /* of each category; owned */
    double mean, squares; /* of the numbers: mean, summed squares around it */
    double least, most;
};

/* Once the types are settled: whether it is one of words. */
bool lat_csv_has_words(const struct lat_csv_column *column);

struct lat_csv {
    const struct lat_data_options *options;
    const char *path;
    struct lat_text_table text; /* stands before the first row once begun */
    struct lat_csv_column *columns;
    size_t n;
};

/* Opens the file, chooses the columns and settles their types: as the given table has them, as
 * the options say, else by the cells. lat_csv_end in every case. */
enum lat_status lat_csv_begin(struct lat_csv *csv, struct lat_error *err) LAT_MUST_USE;
void lat_csv_end(struct lat_csv *csv);

/* A new table of the columns, after all rows have been noted. */
enum lat_status lat_csv_make_table(const struct lat_csv *csv, struct lat_table **out_table,
                                   struct lat_error *err) LAT_MUST_USE;

#endif
