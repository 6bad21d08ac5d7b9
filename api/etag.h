/* An item's version as an entity tag: "17", strong. */
#ifndef LAT_API_ETAG_H
#define LAT_API_ETAG_H

#include "service/http.h"

void lat_respond_etag(struct lat_call *call, uint64_t version);

/* The If-Match header for a write: 0 without one, UINT64_MAX for "*", the version it names.
 * LAT_PRECONDITION when no version can match it (foreign tags, weak ones). Of several versions
 * the one in `current` (0: the item is not there) is taken. */
enum lat_status lat_call_if_match(struct lat_call *call, uint64_t current,
                                  uint64_t *out_if_match, struct lat_error *err) LAT_MUST_USE;
/* The If-None-Match header for a write: 0 without one, UINT64_MAX for "*" (only when the item
 * is not there), the version it names; of several the one in `current`. */
uint64_t lat_call_if_none_match(struct lat_call *call, uint64_t current);
/* Whether either header names more than one version, so that `current` matters. */
bool lat_call_names_versions(const struct lat_call *call);

/* Whether If-None-Match says that the client has this version already. */
bool lat_call_has_version(const struct lat_call *call, uint64_t version);

/* Other bytes of the same version, the compressed code of an input in place of its picture,
 * have a tag of their own: "17-code". */
void lat_respond_etag_code(struct lat_call *call, uint64_t version);
bool lat_call_has_code(const struct lat_call *call, uint64_t version);

#endif
