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
/* rows [n][elements] as a list of them. */
enum lat_status lat_write_outputs(struct lat_buf *out, const struct lat_model *model,
                                  const float *rows, size_t n, bool base64,
                                  struct lat_error *err) LAT_MUST_USE;

/* Whether an output is an array of numbers, which a client may have as raw float32: pictures
 * are PNG, and rows of tables have words in them. */
bool lat_output_is_array(const struct lat_model *model);

/* One row as raw float32 in the units of the inputs: [elements], of sequences
 * [steps][features]. */
enum lat_status lat_reply_output_vector(struct lat_call *call, const struct lat_model *model,
                                        const float *row, struct lat_error *err) LAT_MUST_USE;

/* rows [n][elements] as a network made them: it can overflow on codes that are fine by
 * themselves, and no JSON has a number for that (LAT_INVALID `not_finite`, naming the first).
 */
enum lat_status lat_check_outputs(const struct lat_model *model, const float *rows, size_t n,
                                  struct lat_error *err) LAT_MUST_USE;

/* rows [n][elements], checked as above, as {"outputs":[…]}, with "errors" unless NULL; as a
 * bare picture or raw float32 where the client accepts that and it is the whole of the answer.
 */
enum lat_status lat_reply_outputs(struct lat_call *call, const struct lat_model *model,
                                  const float *rows, const float *errors, size_t n, bool base64,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
