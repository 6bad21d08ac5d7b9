/* What fields.c and fields_document.c share: the tree itself. Nobody else in model/train sees
 * jansson. */
#ifndef LAT_MODEL_TRAIN_FIELDS_INTERNAL_H
#define LAT_MODEL_TRAIN_FIELDS_INTERNAL_H

#include <jansson.h>

#include "model/train/fields.h"

struct lat_document {
    json_t *root;           /* owned */
    enum lat_status status; /* of the reading */
    struct lat_error *err;  /* where the first failure goes, may be NULL */
};

/* For json_dump_callback: appends to `buf`, a struct lat_buf. */
int lat_fields_append(const char *bytes, size_t len, void *buf);

#endif
