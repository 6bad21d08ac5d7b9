/* Rows of text tables for a collection whose model takes tables: sent as cells, in the table's
 * own words. */
#ifndef LAT_CLI_IMPORT_TABLE_H
#define LAT_CLI_IMPORT_TABLE_H

#include "cli/import_source.h"

struct lat_data_options; /* model/train/dataset/formats.h */

/* Gives the rows of a CSV file. A column of the model that the file does not have is missing in
 * each row; what the model does not know is not sent. LAT_INVALID when the file has none of the
 * model's columns. */
enum lat_status lat_import_table_read(const struct lat_import_source *source,
                                      const struct lat_import_sink *sink,
                                      struct lat_error *err) LAT_MUST_USE;

/* How many rows a table has, the line of names aside. */
enum lat_status lat_import_table_count(const char *path, const struct lat_data_options *options,
                                       size_t *out_n, struct lat_error *err) LAT_MUST_USE;

#endif
