/* What the files of the Open Inference Protocol share. */
#ifndef LAT_API_INFERENCE_H
#define LAT_API_INFERENCE_H

#include "service/http.h"

enum { LAT_INFERENCE_REF = 128 };

/* Whether the path names a version. */
bool lat_inference_has_version(const struct lat_call *call);
/* The model the path names, as the registry knows it: "name" or "name@version". */
enum lat_status lat_inference_reference(const struct lat_call *call, bool has_version,
                                        char out[LAT_INFERENCE_REF],
                                        struct lat_error *err) LAT_MUST_USE;

#endif
