/* Search queries out of requests. */
#ifndef LAT_API_QUERY_H
#define LAT_API_QUERY_H

#include "api/input.h"
#include "api/request.h"
#include "service/search.h"

/* One query as the members of `object`, which is ended. Failures are recorded in the document.
 * Borrowed from document and arena. */
void lat_object_query(struct lat_call *call, struct lat_object *object,
                      struct lat_search_request *out_request);

/* The same out of the query string, for bodies that are a picture or a code. *out_json is
 * released after the query's last use. */
enum lat_status lat_options_query(struct lat_call *call, struct lat_options *options,
                                  struct lat_json *out_json,
                                  struct lat_search_request *out_request,
                                  struct lat_error *err) LAT_MUST_USE;

/* How answers are written. */
struct lat_answer_form {
    size_t dimension; /* of codes, where they are asked for */
    bool base64;
    const struct lat_model *model; /* lat_explain's; NULL: nothing is explained */
};

/* {"results":[…],"query":{…}}, appended. */
enum lat_status lat_write_answer(struct lat_buf *out, const struct lat_search_request *request,
                                 const struct lat_search_answer *answer,
                                 const struct lat_answer_form *form,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
