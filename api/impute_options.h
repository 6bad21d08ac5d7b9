/* What an impute request asks for, in a JSON body or in the query of a CSV one. Private to
 * api/impute*.c. */
#ifndef LAT_API_IMPUTE_OPTIONS_H
#define LAT_API_IMPUTE_OPTIONS_H

#include "api/request.h"
#include "model/impute_row.h"
#include "service/impute.h"

struct lat_impute_asked {
    struct lat_impute_request request;
    char collection[LAT_COLLECTION_NAME_MAX]; /* request.collection points here, or is NULL */
    double min_confidence;
    enum lat_impute_policy policy;
    const char *missing; /* CSV: one more mark of a hole; NULL */
};

/* Every member but "rows", with the model's defaults. Failures, also of what does not go
 * together, are recorded in the document or the options. */
void lat_object_impute(struct lat_call *call, struct lat_object *object,
                       const struct lat_model *model, struct lat_impute_asked *out);
void lat_options_impute(struct lat_options *options, const struct lat_model *model,
                        struct lat_impute_asked *out);

/* "method", "seed" and "interval" as they were used. */
void lat_impute_write_asked(struct lat_buf *out, const struct lat_impute_asked *asked);

/* impute_csv.c: the body as CSV, and the reply. */
enum lat_status lat_impute_csv_reply(struct lat_call *call, struct lat_model *model,
                                     const struct lat_impute_asked *asked,
                                     struct lat_error *err) LAT_MUST_USE;

#endif
