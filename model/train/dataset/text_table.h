/* A table of text: rows of cells under a line of names, or without one. What the formats of
 * tables and of interactions share. */
#ifndef LAT_MODEL_TRAIN_DATASET_TEXT_TABLE_H
#define LAT_MODEL_TRAIN_DATASET_TEXT_TABLE_H

#include "base/arena.h"
#include "model/train/dataset/formats.h"
#include "model/train/dataset/text_rows.h"

struct lat_text_table {
    struct lat_text_rows *rows;
    struct lat_arena arena;
    const char **names; /* [width]: headings, or numbers from 1 on */
    bool has_names;
    size_t width;                      /* cells a row should have */
    const struct lat_text_cell *cells; /* of the row last read */
    size_t n;
};

/* Opens and reads the names. Unless options->header says it, the first line holds names when
 * none of its cells is a number. Zero-initialise `table`; lat_text_table_close in every case.
 */
enum lat_status lat_text_table_open(struct lat_text_table *table, const char *path,
                                    const struct lat_data_options *options,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_text_table_close(struct lat_text_table *table);

/* The next row; its n is 0 at the end. */
enum lat_status lat_text_table_next(struct lat_text_table *table,
                                    struct lat_error *err) LAT_MUST_USE;
/* Whether the row has the width of the table; counts it as skipped if not. */
bool lat_text_table_check(const struct lat_text_table *table, struct lat_dataset *dataset);

/* The position of a column by its heading, or else by its number from 1 on. LAT_INVALID
 * unknown_column with the nearest heading. */
enum lat_status lat_text_table_find(const struct lat_text_table *table, const char *name,
                                    uint32_t *out_position, struct lat_error *err) LAT_MUST_USE;

/* The marks of a missing cell: options->missing, else "", "NA" and "?". */
bool lat_text_is_missing(const struct lat_text_cell *cell,
                         const struct lat_data_options *options);
/* A finite number within the range of a float. */
bool lat_text_number(const struct lat_text_cell *cell, double *out_value);

#endif
