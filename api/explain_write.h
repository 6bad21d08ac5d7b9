/* What a search explains, as JSON. */
#ifndef LAT_API_EXPLAIN_WRITE_H
#define LAT_API_EXPLAIN_WRITE_H

#include "model/autoencoder.h"
#include "service/http.h"

/* {"output":…,"error":…,"difference":…}: what hit decodes to, the mean over elements of its
 * squared difference from what the query decodes to, and that difference by pixel, number,
 * step, column or item. Appended. */
enum lat_status lat_write_explanation(struct lat_buf *out, const struct lat_model *model,
                                      const float *query, const float *hit, bool base64,
                                      struct lat_error *err) LAT_MUST_USE;

#endif
