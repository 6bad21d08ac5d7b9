/* What a request points at in latent space: an id ("shoe-12"), a code ([0.1, …]), an input
 * ({"image":…}), or one of these under its name ({"id":…}, {"code":…}, {"input":…}). */
#ifndef LAT_API_EXAMPLE_READ_H
#define LAT_API_EXAMPLE_READ_H

#include "api/json.h"
#include "service/examples.h"

/* Element `i` of a list. `weighted`: the form with a name may say a "weight" above 0 as well.
 * Failures are recorded in the document; borrowed from document and arena. */
void lat_list_example(const struct lat_list *list, size_t i, bool weighted,
                      struct lat_example *out_example);

/* The member `key` of an object, without a weight; false when it is absent. */
bool lat_object_example(struct lat_object *object, const char *key,
                        struct lat_example *out_example);

#endif
