/* A metadata filter out of JSON (the grammar is in API's page: $eq $ne … $and $or $not) into
 * the tree that the store understands. */
#ifndef LAT_API_FILTER_JSON_H
#define LAT_API_FILTER_JSON_H

#include "api/json.h"
#include "index/filter.h"

enum { LAT_FILTER_NODES_MAX = 1000, LAT_FILTER_VALUES_MAX = 10000 };

/* The filter under `key`, in the document's arena; NULL when it is absent or {} (which
 * everything passes: ask lat_object_has which). Failures are recorded in the document:
 * bad_filter with the pointer of the place, the nearest operator for an unknown one. Its texts
 * are borrowed from the document. */
const struct lat_filter *lat_object_filter(struct lat_object *object, const char *key);

/* The same out of a query option's text; *out_json must be released after the filter's last
 * use. */
enum lat_status lat_filter_parse(struct lat_arena *arena, const char *text, size_t max_depth,
                                 struct lat_json *out_json,
                                 const struct lat_filter **out_filter,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
