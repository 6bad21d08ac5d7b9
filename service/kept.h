/* Inputs that a collection keeps in place of what was sent: pictures, compressed, each only
 * where what it decodes to is within the collection's bound. */
#ifndef LAT_SERVICE_KEPT_H
#define LAT_SERVICE_KEPT_H

#include "index/store.h"
#include "model/autoencoder.h"
#include "service/http.h"

/* Compresses the input of `write`, which goes into a collection with spec->max_error, if it is
 * a picture that the model is shown whole, neither scaled nor without its colours: where the
 * bytes are fewer and within the bound they take its place, in the call's arena; otherwise it
 * stays. What fails for this input alone leaves it as it is, too. */
enum lat_status lat_kept_compress(struct lat_call *call, const struct lat_collection_spec *spec,
                                  struct lat_model *model, struct lat_write *write,
                                  struct lat_error *err) LAT_MUST_USE;

/* Whether these bytes are no longer what was sent. */
bool lat_kept_is_compressed(const struct lat_item *item);

/* What a compressed input decodes to, as a PNG appended to `out_png`. */
enum lat_status lat_kept_restore(struct lat_call *call, const struct lat_collection_spec *spec,
                                 const struct lat_item *item, struct lat_buf *out_png,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
