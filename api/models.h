/* One model as a reply, for the routes that change it. */
#ifndef LAT_API_MODELS_H
#define LAT_API_MODELS_H

#include "service/http.h"

/* What GET /v1/models/{m} answers, with the HTTP status given. */
enum lat_status lat_reply_model(struct lat_call *call, const char *reference, int http,
                                struct lat_error *err) LAT_MUST_USE;

#endif
