/* What lies in the models folder. Internal to model/. */
#ifndef LAT_MODEL_REGISTRY_SCAN_H
#define LAT_MODEL_REGISTRY_SCAN_H

#include "model/package.h"

struct lat_found_package {
    char name[LAT_NAME_MAX];
    uint32_t version;
};

/* Every FOLDER/NAME/VERSION with a valid name and an integer version from 1, sorted by (name,
 * version); other entries are passed over. *out_found is the caller's (lat_free). */
enum lat_status lat_registry_scan(const char *folder, struct lat_found_package **out_found,
                                  size_t *out_n, struct lat_error *err) LAT_MUST_USE;

/* "3" -> 3: decimal, from 1 to 4294967295, no leading zero. */
bool lat_version_parse(const char *text, uint32_t *out_version) LAT_MUST_USE;

#endif
