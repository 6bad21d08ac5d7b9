/* What the files of a CSV table on its way through share (impute_csv.h). Internal to model/. */
#ifndef LAT_MODEL_IMPUTE_CSV_INTERNAL_H
#define LAT_MODEL_IMPUTE_CSV_INTERNAL_H

#include "base/arena.h"
#include "model/impute_csv.h"

enum {
    LAT_IMPUTE_CSV_BLOCK_ROWS = 256,
    LAT_IMPUTE_CSV_BLOCK_BYTES = 4
                                 << 20, /* a block is full with fewer rows, if they are long */
    LAT_IMPUTE_CSV_RECORD_MAX = 16 << 20,
    LAT_IMPUTE_CSV_CELLS_MAX = 16384
};

struct lat_impute_csv_span {
    size_t at, len; /* of `text` */
};

struct lat_impute_csv_record {
    struct lat_impute_csv_span whole; /* its line end included */
    size_t blank;                     /* bytes of empty lines behind it */
    size_t row;                       /* in the block's rows; SIZE_MAX: it goes by as it is */
};

/* Whether a byte is inside of quotes. They count where they begin a cell. */
struct lat_impute_csv_quotes {
    bool quoted, closed; /* closed: by the byte before, a second quote opens again */
    bool first;          /* nothing but blanks in this cell yet */
};

struct lat_impute_csv {
    struct lat_impute_csv_options options;
    struct lat_buf text, out, cell;
    size_t start, scanned;
    struct lat_impute_csv_quotes quotes; /* behind what is scanned */
    bool begun;
    char separator;
    size_t width;                      /* cells of a record */
    int *columns;                      /* [width]: the model's, or -1; owned */
    struct lat_impute_csv_span *cells; /* [width], of the record looked at; owned */
    struct lat_impute_csv_record records[LAT_IMPUTE_CSV_BLOCK_ROWS];
    size_t n_records, n_rows;
    float *rows;                  /* [LAT_IMPUTE_CSV_BLOCK_ROWS][elements] */
    unsigned *flags;              /* [columns of the model] */
    int *places;                  /* the same */
    struct lat_table_cell *taken; /* [width] */
    struct lat_arena arena;       /* texts of `taken` */
    uint64_t done, holes, filled;
};

/* The next byte; separator 0: any there may be. Begins with `first`. */
void lat_impute_csv_step(struct lat_impute_csv_quotes *quotes, char c, char separator);

/* The bytes of a record's cells, its line end left out, into `cells` [max] (NULL: they are
 * counted). Returns how many there are. */
size_t lat_impute_csv_split(const struct lat_impute_csv *csv, struct lat_impute_csv_span whole,
                            struct lat_impute_csv_span *cells, size_t max);
/* A cell without its quotes and the blanks around it, NUL-terminated, in the arena; NULL
 * without memory. */
char *lat_impute_csv_plain(struct lat_impute_csv *csv, struct lat_impute_csv_span cell,
                           size_t *out_len);

/* impute_csv_names.c: the first record, from which separator, width and columns follow.
 * *out_names: it is one of names, and no row. */
enum lat_status lat_impute_csv_begin(struct lat_impute_csv *csv,
                                     struct lat_impute_csv_span whole, bool *out_names,
                                     struct lat_error *err);

#endif
