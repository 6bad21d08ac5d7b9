/* Jobs as replies. */
#ifndef LAT_API_JOBS_H
#define LAT_API_JOBS_H

#include "service/http.h"
#include "service/jobs.h"

/* 202 with the job and its Location. */
enum lat_status lat_reply_job(struct lat_call *call, const char *id,
                              struct lat_error *err) LAT_MUST_USE;

/* The whole job as an object; a point of its curve; where a training stands, without braces.
 * All appended. */
void lat_write_job(struct lat_buf *out, const struct lat_job_detail *detail);
void lat_write_job_point(struct lat_buf *out, const struct lat_job_point *point);
void lat_write_training(struct lat_buf *out, const struct lat_job_training *training);

#endif
