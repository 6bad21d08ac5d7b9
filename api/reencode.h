/* The job that moves a collection to another model. */
#ifndef LAT_API_REENCODE_H
#define LAT_API_REENCODE_H

#include "service/app.h"

extern const struct lat_job_kind lat_job_reencode;

/* Queues it: to the model `to` ("m@v", or "m" for its newest version), or with `back` to the
 * one the collection was moved from. LAT_NOT_FOUND for the collection or the model;
 * LAT_INVALID: no_model, same_model, wrong_input_kind, inputs_missing (items without a stored
 * input), no_generation (nothing to go back to). */
enum lat_status lat_reencode_start(struct lat_call *call, const char *collection,
                                   const char *to, bool back, char out_id[LAT_JOB_ID_SIZE],
                                   struct lat_error *err) LAT_MUST_USE;

#endif
