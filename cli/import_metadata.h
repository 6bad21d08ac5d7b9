/* Metadata by id for an import: a JSON object id -> object, or a CSV table whose first column,
 * or the one called `id`, is the id. */
#ifndef LAT_CLI_IMPORT_METADATA_H
#define LAT_CLI_IMPORT_METADATA_H

#include "base/status.h"

struct lat_import_metadata;

/* LAT_BAD_SYNTAX and LAT_INVALID name the file and the place. */
enum lat_status lat_import_metadata_read(const char *path,
                                         struct lat_import_metadata **out_metadata,
                                         struct lat_error *err) LAT_MUST_USE;
void lat_import_metadata_free(struct lat_import_metadata *metadata);

/* A JSON object's text, or NULL; borrowed until the metadata are freed. `metadata` may be NULL.
 */
const char *lat_import_metadata_find(struct lat_import_metadata *metadata, const char *id);

#endif
