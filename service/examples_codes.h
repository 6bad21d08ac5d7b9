/* Examples as codes. Internal to service/. */
#ifndef LAT_SERVICE_EXAMPLES_CODES_H
#define LAT_SERVICE_EXAMPLES_CODES_H

#include "service/examples.h"

/* Of one side. Arrays in the call's arena. */
struct lat_example_codes {
    const float **codes; /* [n], each [dimension]; of unit length for cosine */
    double *weights;     /* [n] */
    size_t n;
};

/* Ids are looked up, inputs encoded in one go. What is missing is added to `answer`. `side` is
 * "positive" or "negative". */
enum lat_status lat_examples_codes(struct lat_call *call,
                                   const struct lat_collection_spec *spec,
                                   const struct lat_examples_request *request, bool negative,
                                   struct lat_example_codes *out_codes,
                                   struct lat_examples_answer *answer,
                                   struct lat_error *err) LAT_MUST_USE;

#endif
