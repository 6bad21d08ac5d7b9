/* Stored items as JSON. */
#ifndef LAT_API_ITEM_WRITE_H
#define LAT_API_ITEM_WRITE_H

#include "api/request.h"
#include "index/store.h"

/* Option `include` (words of "metadata" and "code") as bits of enum lat_item_parts;
 * `inout_parts` holds what counts when it is absent. */
void lat_option_include(struct lat_options *options, unsigned *inout_parts);
/* The same as a JSON list. */
void lat_object_include(struct lat_object *object, unsigned *inout_parts);

/* {"id":…,"metadata":…?,"code":…?,"hidden":…,…}, appended; `parts` as asked of the store. */
void lat_write_item(struct lat_buf *out, const struct lat_item *item, size_t dimension,
                    unsigned parts, bool base64);

/* The stored input as the member "input", in the form in which it can be sent again (export.c);
 * `features` of a step where it is a sequence, else 0. */
void lat_write_stored_input(struct lat_buf *out, const struct lat_item *item, size_t features,
                            bool base64);

#endif
