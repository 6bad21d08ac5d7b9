/* Cells one by one; the policy decides whether a bad one ends the row or becomes a hole. */
#include "model/impute_row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

const char *const lat_impute_flag_names[LAT_IMPUTE_FLAGS] = {
    "unknown_category", "out_of_range", "wrong_type", "low_confidence", "few_codes"};

static unsigned flag_of(const struct lat_error *why)
{
    for (unsigned bit = 0; bit < LAT_IMPUTE_FLAGS; bit++)
        if (strcmp(why->code, lat_impute_flag_names[bit]) == 0)
            return 1U << bit;
    return 0;
}

/* Farther from what was seen than what was seen is wide. */
static enum lat_status check_range(const struct lat_column *column,
                                   const struct lat_table_cell *cell, const float *row,
                                   struct lat_error *err)
{
    char expected[80];
    if (lat_column_has_words(column) || column->least > column->most)
        return LAT_OK;
    const double width = column->most > column->least ? column->most - column->least
                                                      : fmax(1, fabs(column->most));
    const double value = (double)row[column->start] * column->std + column->mean;
    const double low = column->least - width, high = column->most + width;
    if (value >= low && value <= high)
        return LAT_OK;
    if (column->type == LAT_COLUMN_DATE) {
        char from[LAT_DATE_TEXT_MAX], to[LAT_DATE_TEXT_MAX];
        lat_date_write(column->format, low, from);
        lat_date_write(column->format, high, to);
        snprintf(expected, sizeof(expected), "%s to %s", from, to);
    } else {
        snprintf(expected, sizeof(expected), "%.6g to %.6g", low, high);
    }
    return lat_table_refuse(cell, "out_of_range", expected,
                            "far outside of what the model was trained on", err);
}

static void forget(const struct lat_column *column, float *row)
{
    for (size_t i = 0; i < column->width; i++)
        row[column->start + i] = NAN;
}

static enum lat_status take_cell(const struct lat_column *column,
                                 const struct lat_table_cell *cell,
                                 enum lat_impute_policy policy, float *row, unsigned *out_flags,
                                 struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    enum lat_status status = lat_table_put_cell(column, cell, row, &why);
    if (status == LAT_OK && cell->type != LAT_TABLE_NULL)
        status = check_range(column, cell, row, &why);
    if (status == LAT_OK)
        return LAT_OK;
    forget(column, row);
    *out_flags = flag_of(&why);
    if (policy == LAT_IMPUTE_FLAG && *out_flags)
        return LAT_OK;
    if (err)
        *err = why;
    return status;
}

enum lat_status lat_impute_take_row(const struct lat_table *table,
                                    const struct lat_table_cell *cells, size_t n,
                                    enum lat_impute_policy policy, float *out_row,
                                    int *out_places, unsigned *out_flags, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < table->elements; i++)
        out_row[i] = NAN;
    for (size_t c = 0; c < table->names.n; c++) {
        out_places[c] = LAT_IMPUTE_ABSENT;
        out_flags[c] = 0;
    }
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        uint32_t c = 0;
        status = lat_table_find(table, cells[i].name, i, &c, err);
        if (status == LAT_OK && out_places[c] != LAT_IMPUTE_ABSENT)
            status =
                lat_table_refuse(&cells[i], "duplicate_column", NULL, "it comes twice", err);
        if (status != LAT_OK)
            break;
        out_places[c] = (int)i;
        status = take_cell(&table->columns[c], &cells[i], policy, out_row, &out_flags[c], err);
    }
    return status;
}
