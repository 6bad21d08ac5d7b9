/* A collection that a body or a query names beside what its path is about. */
#ifndef LAT_API_COLLECTION_READ_H
#define LAT_API_COLLECTION_READ_H

#include "api/request.h"

/* The member, or the option, "collection": its name, of an alias the one behind it. False, with
 * `out` as it was, when it is absent or no name at all (LAT_INVALID invalid_name is recorded);
 * whether there is such a collection is for the store to say. */
bool lat_object_collection(struct lat_call *call, struct lat_object *object,
                           char out[LAT_COLLECTION_NAME_MAX]);
bool lat_option_collection(struct lat_options *options, char out[LAT_COLLECTION_NAME_MAX]);

#endif
