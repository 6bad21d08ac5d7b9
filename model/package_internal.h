/* What package.c and package_json.c share. Internal to model/. */
#ifndef LAT_MODEL_PACKAGE_INTERNAL_H
#define LAT_MODEL_PACKAGE_INTERNAL_H

#include "model/package.h"

/* lat_manifest_parse without the last step: `capabilities` has the bits the text lists (0 if
 * none), not checked against what the package can do, since the decoder may be known by its
 * file alone. *manifest is overwritten also on failure. */
enum lat_status lat_manifest_parse_text(const char *json, size_t len,
                                        struct lat_manifest *manifest,
                                        struct lat_error *err) LAT_MUST_USE;

#endif
