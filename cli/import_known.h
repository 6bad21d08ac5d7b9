/* The ids a collection has already, so that an import taken up again sends the rest alone. */
#ifndef LAT_CLI_IMPORT_KNOWN_H
#define LAT_CLI_IMPORT_KNOWN_H

#include <stdint.h>

#include "base/status.h"
#include "cli/client.h"

struct lat_import_known;

/* Reads all ids of the collection, page by page; an empty collection costs one request. */
enum lat_status lat_import_known_read(struct lat_client *client, const char *collection,
                                      struct lat_import_known **out_known,
                                      struct lat_error *err) LAT_MUST_USE;
void lat_import_known_free(struct lat_import_known *known);

/* `known` may be NULL. */
bool lat_import_known_has(const struct lat_import_known *known, const char *id);

#endif
