/* A snapshot made by a server, fetched. */
#ifndef LAT_CLI_BACKUP_REMOTE_H
#define LAT_CLI_BACKUP_REMOTE_H

#include "cli/bar.h"
#include "service/backup.h"

/* Asks for a snapshot, waits for it, fetches it into `file`, compares its sum, and has the
 * server's own copy deleted. On failure `file` stays as it was. */
enum lat_status lat_backup_fetch(const char *server, const char *key, const char *file,
                                 struct lat_bar *bar, struct lat_backup_result *out_result,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
