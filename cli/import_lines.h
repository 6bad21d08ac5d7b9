/* Lines of NDJSON as items, sent as they are. */
#ifndef LAT_CLI_IMPORT_LINES_H
#define LAT_CLI_IMPORT_LINES_H

#include "cli/import_source.h"

/* Gives every line of the file, which may be gzip; empty ones are passed over. What is wrong
 * with a line is for the server to say. LAT_TOO_LARGE for a line of more than 64 MiB. */
enum lat_status lat_import_lines_read(const struct lat_import_source *source,
                                      const struct lat_import_sink *sink,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
