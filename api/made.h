/* Replies of codes that were made up rather than sent (api/generate.c), with what they decode
 * to. */
#ifndef LAT_API_MADE_H
#define LAT_API_MADE_H

#include "api/json.h"
#include "api/request.h"
#include "model/autoencoder.h"

/* What the reply is to look like: options of the query string. */
struct lat_made_form {
    bool base64;
    uint64_t columns; /* of a sheet of pictures; 0: as the verb prefers */
};
void lat_options_made(struct lat_options *options, struct lat_made_form *out_form);

/* Whether `n` codes of this model may be made at once: LAT_TOO_LARGE batch_too_large over the
 * batch limit, and where their outputs would have more numbers than a picture may have pixels.
 */
enum lat_status lat_check_made(const struct lat_call *call, const struct lat_model *model,
                               size_t n, struct lat_error *err) LAT_MUST_USE;

struct lat_made {
    const float *codes; /* [n][code_dimension] */
    size_t n;
    size_t columns;       /* the verb's own choice for a sheet */
    const uint64_t *seed; /* NULL: chance had no part */
};

/* Decodes and answers: {"codes":[…],"outputs":[…],"seed":…?,"model":…}; the outputs alone, as
 * raw float32 or as a PNG with X-Grid "columns,lines" (and X-Seed), where the client accepts
 * that and the model has such outputs. */
enum lat_status lat_reply_made(struct lat_call *call, struct lat_model *model,
                               const struct lat_made *made, const struct lat_made_form *form,
                               struct lat_error *err) LAT_MUST_USE;

#endif
