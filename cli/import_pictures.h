/* Pictures as items: one file, or all of a folder. */
#ifndef LAT_CLI_IMPORT_PICTURES_H
#define LAT_CLI_IMPORT_PICTURES_H

#include "cli/import_source.h"

/* By its first bytes; false also when it cannot be read. */
bool lat_import_is_picture(const char *path);

/* Every picture below the folder; an item's id is its path below it. */
enum lat_status lat_import_folder(const char *path, const struct lat_import_sink *sink,
                                  struct lat_error *err) LAT_MUST_USE;
/* One picture; its id is the file's name. */
enum lat_status lat_import_picture(const char *path, const struct lat_import_sink *sink,
                                   struct lat_error *err) LAT_MUST_USE;

#endif
