/* Rows of text tables for a collection whose model takes tables: sent as cells, in the table's
 * own words. */
#ifndef LAT_CLI_IMPORT_TABLE_H
#define LAT_CLI_IMPORT_TABLE_H

#include "base/arena.h"
#include "cli/client.h"
#include "cli/import_source.h"

/* The columns of the model. Zero-initialise; lat_import_columns_release in every case. */
struct lat_import_columns {
    struct lat_arena arena;
    const char **names;
    bool *numeric;
    size_t n; /* 0: the collection has no model, or one of another kind */
};

/* Asks the server; that it does not say is no failure. */
enum lat_status lat_import_columns_read(struct lat_client *client, const char *collection,
                                        struct lat_import_columns *out_columns,
                                        struct lat_error *err) LAT_MUST_USE;
void lat_import_columns_release(struct lat_import_columns *columns);

/* Gives the rows of a CSV file. A column of the model that the file does not have is missing in
 * each row; what the model does not know is not sent. LAT_INVALID when the file has none of the
 * model's columns. */
enum lat_status lat_import_table_read(const struct lat_import_source *source,
                                      const struct lat_import_sink *sink,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
