/* Items out of requests: one JSON object, one raw body, one part of a multipart body. */
#ifndef LAT_API_ITEM_READ_H
#define LAT_API_ITEM_READ_H

#include "api/input.h"
#include "service/collection.h"

enum lat_item_read_flags {
    LAT_READ_ID = 1,  /* `id` is a member and must be there */
    LAT_READ_BOTH = 2 /* input and code may both be there: the code counts, the input is kept */
};

/* One item as the members of `object`, which is ended. Failures are recorded in the document.
 * Borrowed from document and arena. An item that fails keeps its id where that is sound. */
void lat_object_item(struct lat_object *object, unsigned flags,
                     struct lat_ingest_item *out_item);

/* What bytes without words are, to a collection: pictures, vectors or codes. */
enum lat_item_bytes { LAT_BYTES_IMAGE, LAT_BYTES_VECTOR, LAT_BYTES_SEQUENCE, LAT_BYTES_CODE };
enum lat_status lat_collection_bytes(struct lat_call *call, const char *collection,
                                     enum lat_item_bytes *out_kind,
                                     struct lat_error *err) LAT_MUST_USE;

/* Sets input or code of an item from bytes of that kind. */
enum lat_status lat_item_from_bytes(struct lat_arena *arena, enum lat_item_bytes kind,
                                    const void *bytes, size_t len,
                                    struct lat_ingest_item *out_item,
                                    struct lat_error *err) LAT_MUST_USE;

/* A JSON object's text, checked and made compact, in the arena: metadata out of a query option
 * or a part. LAT_BAD_SYNTAX, LAT_INVALID. */
enum lat_status lat_metadata_text(struct lat_call *call, const char *text, size_t len,
                                  const char **out_metadata,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
