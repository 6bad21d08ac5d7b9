/* What a model decoded, as a client reads it: {"image":"<base64 PNG>"}, {"vector":[…]} or
 * {"sequence":[[…],…]}. */
#ifndef LAT_API_OUTPUTS_H
#define LAT_API_OUTPUTS_H

#include "model/autoencoder.h"
#include "service/http.h"

/* One decoded row as an output object, appended to `out`. */
enum lat_status lat_write_output(struct lat_buf *out, const struct lat_model *model,
                                 const float *row, bool base64,
                                 struct lat_error *err) LAT_MUST_USE;

/* rows [n][elements] as raw float32 in the units of the inputs; n 0: one row, as an array of
 * one dimension. */
enum lat_status lat_reply_output_floats(struct lat_call *call, const struct lat_model *model,
                                        const float *rows, size_t n,
                                        struct lat_error *err) LAT_MUST_USE;

/* rows [n][elements] as {"outputs":[…]}, with "errors" unless NULL; as a bare picture or raw
 * float32 where the client accepts that and it is the whole of the answer. */
enum lat_status lat_reply_outputs(struct lat_call *call, const struct lat_model *model,
                                  const float *rows, const float *errors, size_t n, bool base64,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
