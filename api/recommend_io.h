/* What the routes that recommend have in common: options in, lists out. */
#ifndef LAT_API_RECOMMEND_IO_H
#define LAT_API_RECOMMEND_IO_H

#include "api/request.h"
#include "service/recommend.h"

enum { LAT_BECAUSE_DEFAULT = 3, LAT_BECAUSE_MAX = 100 };

/* k, exclude, filter out of the query string. The filter is text still: see lat_wants_filter.
 * No reasons, what was seen left out. */
void lat_options_wants(struct lat_options *options, struct lat_recommend_wants *out_wants,
                       const char **out_filter);
/* because and exclude_seen as well, where there is a history. */
void lat_options_wants_more(struct lat_options *options,
                            struct lat_recommend_wants *inout_wants);
/* Its text parsed into the wants; *out_json is released after their last use. */
enum lat_status lat_wants_filter(struct lat_call *call, const char *text,
                                 struct lat_json *out_json,
                                 struct lat_recommend_wants *inout_wants,
                                 struct lat_error *err) LAT_MUST_USE;

/* k, exclude_ids, filter out of a JSON body; because and exclude_seen, too. */
void lat_object_wants(struct lat_call *call, struct lat_object *object,
                      struct lat_recommend_wants *out_wants);
void lat_object_wants_more(struct lat_object *object, struct lat_recommend_wants *inout_wants);

/* "results":[{"id":…,"score":…,"because":[{"id":…,"contribution":…}]}], appended; `because`
 * unless no reasons were wanted. */
void lat_write_recommended(struct lat_buf *out, const struct lat_recommendation *list,
                           const struct lat_recommend_wants *wants);

#endif
