/* What a new item is like: `?report=true` on uploads. */
#ifndef LAT_API_ITEM_REPORT_H
#define LAT_API_ITEM_REPORT_H

#include "service/collection.h"

/* Members of an object, appended with a comma before them:
 *
 *      "score":{"error":…,"p_value":…,"percentile":…} or null,
 *      "nearest":{"id":…,"distance":…} or null, "duplicate_of":id or null
 *
 * The score is that of storing it. A duplicate is an item with the same code, up to the last
 * bits of a distance. Takes a search by the new item's own code, and no inference. */
enum lat_status lat_write_report(struct lat_call *call, struct lat_buf *out,
                                 const struct lat_collection_spec *spec, const char *id,
                                 const struct lat_ingest_result *stored,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
