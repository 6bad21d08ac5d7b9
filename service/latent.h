/* What a place in latent space can be named by, as codes of one model: the use case behind
 * interpolate and latent. */
#ifndef LAT_SERVICE_LATENT_H
#define LAT_SERVICE_LATENT_H

#include "service/examples.h"

/* One place: an id, a code or an input (the weight of the example does not count), and where
 * the request names it, as a JSON pointer ("/add/2"). Borrowed. */
struct lat_place {
    struct lat_example what;
    const char *at;
};

/* Codes of `n` places: ids looked up in `collection` (NULL when none was named), inputs encoded
 * in one go. *out_codes [n][code_dimension] is in the call's arena. Failures have the place's
 * pointer. LAT_NOT_FOUND for an unknown collection or item; LAT_INVALID wrong_dimension,
 * wrong_model (the collection's codes are of another model or version), missing_field (an id
 * without a collection), no_codes, and what is wrong with an input. */
enum lat_status lat_latent_codes(struct lat_call *call, struct lat_model *model,
                                 const char *collection, const struct lat_place *places,
                                 size_t n, float **out_codes,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
