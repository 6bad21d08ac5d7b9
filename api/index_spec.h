/* Settings of an index as a member of requests. */
#ifndef LAT_API_INDEX_SPEC_H
#define LAT_API_INDEX_SPEC_H

#include "api/json.h"
#include "index/store.h"

/* Reads the object under "index"; leaves `inout_spec` alone when it is absent. */
void lat_object_index(struct lat_object *root, struct lat_index_spec *inout_spec);

#endif
