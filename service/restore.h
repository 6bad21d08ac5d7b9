/* From an unpacked snapshot to a data directory and packages. Internal to service/restore*.c.
 */
#ifndef LAT_SERVICE_RESTORE_H
#define LAT_SERVICE_RESTORE_H

#include <stdint.h>

#include "base/status.h"

struct lat_restore_places {
    const char *unpacked;       /* a folder of the same file system as `data`, below it */
    const char *data, *models;  /* `models` "": packages stay with the rest */
    uint64_t packages, present; /* out: put into `models`; there already */
};

/* Moves everything to its place; all or nothing. LAT_CONFLICT (exists) before anything was
 * moved. */
enum lat_status lat_restore_place(struct lat_restore_places *places,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
