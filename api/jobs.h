/* Jobs as replies. */
#ifndef LAT_API_JOBS_H
#define LAT_API_JOBS_H

#include "service/http.h"

/* 202 with the job and its Location. */
enum lat_status lat_reply_job(struct lat_call *call, const char *id,
                              struct lat_error *err) LAT_MUST_USE;

#endif
