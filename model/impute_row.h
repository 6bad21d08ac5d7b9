/* A row that is to be imputed: its cells as they were sent, what the model can use of them, and
 * what is wrong with the others. */
#ifndef LAT_MODEL_IMPUTE_ROW_H
#define LAT_MODEL_IMPUTE_ROW_H

#include "model/table.h"

/* What may be said of a cell, bits of `flags`. The first three are cells that are there, which
 * the model cannot take; it sees a hole. */
enum lat_impute_flag {
    LAT_IMPUTE_UNKNOWN_CATEGORY = 1,
    LAT_IMPUTE_OUT_OF_RANGE = 2,
    LAT_IMPUTE_WRONG_TYPE = 4,
    LAT_IMPUTE_LOW_CONFIDENCE = 8, /* below what was asked for: the hole stays */
    LAT_IMPUTE_FEW_CODES = 16,     /* the weights are worth few codes: take more samples */
    LAT_IMPUTE_FLAGS = 5
};
extern const char *const lat_impute_flag_names[LAT_IMPUTE_FLAGS];

/* What becomes of a cell the model cannot take. */
enum lat_impute_policy { LAT_IMPUTE_REFUSE, LAT_IMPUTE_FLAG };

enum { LAT_IMPUTE_ABSENT = -1 };

/* cells -> row [elements], NaN in the holes; out_places [columns]: which cell each column has,
 * LAT_IMPUTE_ABSENT for none; out_flags [columns]. Beyond what lat_table_put_cell refuses, a
 * number is out of range when it lies farther from those the model was trained on than they
 * from each other. LAT_INVALID with the pointer "/NAME" for what the policy refuses, for
 * unknown columns and such that come twice under either. A row without any cell is good. */
enum lat_status lat_impute_take_row(const struct lat_table *table,
                                    const struct lat_table_cell *cells, size_t n,
                                    enum lat_impute_policy policy, float *out_row,
                                    int *out_places, unsigned *out_flags,
                                    struct lat_error *err) LAT_MUST_USE;

#endif
