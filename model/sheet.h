/* Many pictures as one: a sheet of equal cells, filled row by row. */
#ifndef LAT_MODEL_SHEET_H
#define LAT_MODEL_SHEET_H

#include "model/package.h"

/* rows [n][elements] of an image model -> one PNG of `columns` pictures a line, without gaps,
 * so that picture i is the cell (i % columns, i / columns); cells beyond the last stay black.
 * Appended to `out`. LAT_TOO_LARGE image_too_large over `max_pixels`, with both numbers. */
enum lat_status lat_sheet_png(const struct lat_input_spec *input, const float *rows, size_t n,
                              size_t columns, uint64_t max_pixels, struct lat_buf *out,
                              struct lat_error *err) LAT_MUST_USE;

#endif
